"""The demo: `python -m examples.ephys`."""

from __future__ import annotations

import sys

from examples import running


def main() -> int:
    """Run the demo and return its exit code."""
    return running.run(
        "ephys",
        about="a laboratory that records neurons, in four schemas.",
        then="Next: add a set to ParameterSet in examples/ephys/probes.py, and run this again.",
    )


if __name__ == "__main__":
    sys.exit(main())
