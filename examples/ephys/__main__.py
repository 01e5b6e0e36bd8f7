"""The demo: `python -m examples.ephys`."""

from __future__ import annotations

import sys

from rich.console import Console

import levada as dj

NEXT = "Next: add a set to ParameterSet in examples/ephys/probes.py, and run this again."


def main() -> int:
    """Run the demo and return its exit code."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("Levada: a laboratory that records neurons, in four schemas.")
    console.print("Connecting. The first start of a local server creates its database and takes a few seconds.")
    try:
        dj.conn()
        # Importing the pipeline declares its tables, so there must be a server.
        from examples.ephys import demo

        demo.run(console)
    except KeyboardInterrupt:
        console.print("Interrupted. Computed results are kept; run this again to continue.")
        return 130
    except dj.LevadaError as error:
        console.print(f"levada: {error}", style="red", markup=False)
        return 1
    console.print(NEXT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
