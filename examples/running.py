"""How every demo is run: connect, import its pipeline, and report how it ended."""

from __future__ import annotations

import importlib

from rich.console import Console

import levada as lv


def run(
    name: str,
    *arguments: object,
    about: str,
    then: str,
    after_interrupt: str = "Computed results are kept; run this again to continue.",
    errors: tuple[type[Exception], ...] = (),
) -> int:
    """Run the demo of an example and return the exit code.

    Args:
        name: The example's package in this folder.
        arguments: Arguments of its function `run`, after the console.
        about: The first line.
        then: The last line, which says how to continue.
        after_interrupt: The state after an interrupt, and how to continue.
        errors: Errors of the demo that its message explains, beside those of Levada.
    """
    explained: tuple[type[Exception], ...] = (lv.LevadaError, *errors)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Levada: {about}")
    console.print("Connecting. The first start of a local server creates its database and takes a few seconds.")
    try:
        lv.connect()
        # Importing the pipeline declares its tables, so there must be a server.
        importlib.import_module(f"examples.{name}.demo").run(console, *arguments)
    except KeyboardInterrupt:
        console.print(f"Interrupted. {after_interrupt}")
        return 130
    except explained as error:
        console.print(f"levada: {error}", style="red", markup=False)
        return 1
    console.print(then)
    return 0
