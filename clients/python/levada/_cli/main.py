"""The command `levada`: read the command line, run the command, and report how it ended."""

from __future__ import annotations

import difflib
import importlib
import io
import os
import sys
from contextlib import nullcontext, redirect_stderr
from typing import TYPE_CHECKING

from levada._base.installation import missing_server_modules
from levada._cli.completion import complete
from levada._cli.grammar import parsing
from levada._cli.grammar.root import root
from levada._cli.grammar.servers import SERVER_COMMANDS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for a failure, 2 for wrong arguments, 130 for an interrupt."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if "_ARGCOMPLETE" in os.environ:
            _complete()
            return 0
        if words[0:1] and words[0] in SERVER_COMMANDS:
            from levada._cli.commands.server import become_server

            return become_server(words)
        parser = root()
        if words[0:1] and not words[0].startswith("-") and words[0] not in parser.commands.choices:
            near = difflib.get_close_matches(words[0], parser.commands.choices, 1)
            hint = f"did you mean `{near[0]}`?" if near else "`levada` lists them."
            parser.error(f"there is no command `{words[0]}`; {hint}")
        try:
            with redirect_stderr(io.StringIO()) if "--json" in words else nullcontext() as told:
                options = parser.parse_args(words)
        except SystemExit as ended:
            if told is None or not ended.code:
                raise
            from levada._cli.failures import report_usage

            return report_usage(told.getvalue())
        if options.run is None:  # a group without its action
            options.parser.print_help()
            return 0
        code = _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of the output has closed it
        # Python flushes it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complete() -> None:
    """Complete the line of a shell; the server knows the options of its commands."""
    line = os.environ.get("COMP_LINE", "")
    _, *words = line.split() or [""]
    if words and words[0] in SERVER_COMMANDS and line.partition(words[0])[2]:
        if not missing_server_modules():
            os.execv(sys.executable, [sys.executable, "-m", "levada_server"])
        return
    complete(root())


def command_of(options: argparse.Namespace) -> str:
    """Name the command as a person types it: `levada jobs list`."""
    return " ".join(word for word in ("levada", options.command, getattr(options, "action", None)) if word)


def _run(options: argparse.Namespace) -> int:
    from levada._cli.failures import report
    from levada._cli.output import safe_terminal

    with safe_terminal():
        try:
            return _call(options)
        except (KeyboardInterrupt, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  # this is where every error of a command ends
            return report(error, command_of(options), as_json=getattr(options, "json", False) is True)


def _call(options: argparse.Namespace) -> int:
    module, _, name = options.run.partition(":")
    run: Callable[..., int] = getattr(importlib.import_module(f"levada._cli.commands.{module}"), name)
    if options.opens == parsing.NONE:
        return run(options)
    from levada._net.address import connect, connect_to_existing
    from levada._net.backoff import repeat

    opened = connect if options.opens == parsing.OWN else connect_to_existing
    with repeat(lambda: opened(options.url), getattr(options, "connect_seconds", 0)) as connection:
        return run(connection, options)
