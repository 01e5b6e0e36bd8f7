"""The common dress of commands: help with examples, the server, and output as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from levada._cli.completion import file_names, table_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EXISTING = "existing"
"""The command needs a server with data; it never makes a database."""
OWN = "own"
"""The command declares tables, so that the local server may begin with an empty database."""
NONE = "none"
"""The command needs no connection, or opens its own."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples, and wraps the rest to the terminal."""


def add(
    commands: Commands,
    name: str,
    summary: str,
    *,
    run: str,
    examples: Sequence[str] = (),
    server: str = EXISTING,
    json: str = "",
) -> argparse.ArgumentParser:
    """Add a command.

    Args:
        commands: The commands of the program, or the actions of a group.
        name: Its name.
        summary: Its purpose, in one line.
        run: The function of `levada._cli.commands` that runs it, as `module:function`.
        examples: Calls, without the word `levada`.
        server: The server that it needs: `EXISTING`, `OWN` or `NONE`.
        json: The shape of its output with `--json`; empty: it has none.
    """
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=_examples(examples),
        formatter_class=Formatter,
    )
    parser.set_defaults(run=run, opens=server, json=False)
    if json:
        parser.add_argument("--json", action="store_true", help=f"print JSON: {json}")
    if server != NONE:
        add_url(parser)
    return parser


def add_url(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a server."""
    parser.add_argument(
        "--url",
        metavar="ADDRESS",
        help="the server, as host:port (default: LEVADA_URL, levada.toml, or your own server in .levada)",
    )


def add_group(commands: Commands, name: str, summary: str) -> Commands:
    """Add a command that has actions; alone it shows its help."""
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", formatter_class=Formatter
    )
    parser.set_defaults(run=None, parser=parser)
    return parser.add_subparsers(dest="action", metavar="ACTION", title="actions")


def complete(action: argparse.Action, completer: Callable[..., object]) -> argparse.Action:
    """Let the shell complete an argument."""
    action.completer = completer  # type: ignore[attr-defined]  # argcomplete reads it
    return action


def table(parser: argparse.ArgumentParser, help: str = "its name, such as lab.Session or lab.Session.Trial") -> None:
    """Add the argument that names a table."""
    complete(parser.add_argument("table", metavar="SCHEMA.TABLE", help=help), table_names)


def conditions(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the arguments that choose rows."""
    # Without a default, argparse names them among what is missing.
    parser.add_argument("conditions", nargs="*", default=[], metavar="CONDITION", help=what)


def yes(parser: argparse.ArgumentParser) -> None:
    """Add the option that answers the question beforehand."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def count(text: str) -> int:
    """Read a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 on")
    return int(text)


def file(parser: argparse.ArgumentParser, *names: str, help: str) -> None:
    """Add an argument that names a file."""
    complete(parser.add_argument(*names, type=Path, metavar="FILE", help=help), file_names)


def _examples(examples: Sequence[str]) -> str:
    return "\n".join(("example:" if len(examples) == 1 else "examples:", *(f"  levada {line}" for line in examples)))
