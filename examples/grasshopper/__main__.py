"""The demo: `python -m examples.grasshopper`."""

from __future__ import annotations

import sys

from rich.console import Console

import levada as lv
from examples.grasshopper.workers import Unfinished

NEXT = "Next: add a set to AnalysisParameters in examples/grasshopper/pipeline.py, and run this again."


def main() -> int:
    """Run the demo and return its exit code."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("Levada: a receptor neuron of a grasshopper, from recorded files to spike-triggered averages.")
    console.print("Connecting. The first start of a local server creates its database and takes a few seconds.")
    try:
        lv.connect()
        # Importing the pipeline declares its tables, so there must be a server.
        from examples.grasshopper import demo

        demo.run(console)
    except KeyboardInterrupt:
        console.print("Interrupted. Computed results are kept; run this again to continue.")
        return 130
    except (lv.LevadaError, Unfinished) as error:
        console.print(f"levada: {error}", style="red")
        return 1
    console.print(NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
