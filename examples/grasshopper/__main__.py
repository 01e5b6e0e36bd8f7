"""The demo: `python -m examples.grasshopper`."""

from __future__ import annotations

import sys

from examples import running
from examples.grasshopper.workers import Unfinished


def main() -> int:
    """Run the demo and return its exit code."""
    return running.run(
        "grasshopper",
        about="a receptor neuron of a grasshopper, from recorded files to spike-triggered averages.",
        then="Next: add a set to AnalysisParameters in examples/grasshopper/pipeline.py, and run this again.",
        errors=(Unfinished,),
    )


if __name__ == "__main__":
    sys.exit(main())
