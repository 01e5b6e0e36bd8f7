"""The demo: `python -m examples.university`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rich.console import Console

import levada as lv
from examples.university import registry
from examples.university.comparison import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

NEXT = "Next: ask your own question, like those in examples/university/queries.py."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.university", description="Run the demo.")
    parser.add_argument("--students", type=int, default=registry.STUDENTS, help="how many (default: %(default)s)")
    student_count = parser.parse_args(arguments).students
    console = Console(highlight=False, soft_wrap=True)
    console.print("Levada: the registry of a university, and twenty questions about it.")
    console.print("Connecting. The first start of a local server creates its database and takes a few seconds.")
    try:
        lv.connect()
        # Importing the pipeline declares its tables, so there must be a server.
        from examples.university import demo

        demo.run(console, student_count)
    except KeyboardInterrupt:
        console.print("Interrupted. Either all rows are inserted or none; run this again.")
        return 130
    except (lv.LevadaError, registry.TooFewStudents, registry.OtherRegistry, WrongAnswer) as error:
        console.print(f"levada: {error}", style="red", markup=False)
        return 1
    console.print(NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
