"""The demo: `python -m examples.university`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from examples import running
from examples.university import registry
from examples.university.comparison import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.university", description="Run the demo.")
    parser.add_argument("--students", type=int, default=registry.STUDENTS, help="how many (default: %(default)s)")
    return running.run(
        "university",
        parser.parse_args(arguments).students,
        about="the registry of a university, and twenty questions about it.",
        then="Next: ask your own question, like those in examples/university/queries.py.",
        after_interrupt="Either all rows are inserted or none; run this again.",
        errors=(registry.TooFewStudents, registry.OtherRegistry, WrongAnswer),
    )


if __name__ == "__main__":
    sys.exit(main())
