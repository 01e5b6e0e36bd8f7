"""The whole command line: `levada` with its commands, by kin."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import TYPE_CHECKING

from levada._cli.grammar import access, computing, first_steps, moving, parsing, rows, servers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._cli.grammar.parsing import Commands

_KINS = (
    ("First steps", first_steps),
    ("Tables and rows", rows),
    ("Computations", computing),
    ("Servers", servers),
    ("Moving", moving),
    ("People", access),
)
_NARROWEST = 40
_NAME_WIDTH = 18

EXIT_CODES = (
    """exit codes: 0 done; 1 it failed, found something wrong, or you said no; 2 wrong arguments; 130 interrupted"""
)


class Root(argparse.ArgumentParser):
    """The command line; its help lists the commands by kin."""

    commands: Commands
    kins: Sequence[tuple[str, Sequence[argparse.ArgumentParser]]]

    def format_help(self) -> str:
        """Return the help."""
        width = max(shutil.get_terminal_size().columns - 2, _NARROWEST)
        lines = ["usage: levada COMMAND …", "", self.description or ""]
        for title, parsers in self.kins:
            lines += ["", title]
            for parser in parsers:
                name = parser.prog.partition(" ")[2]
                about = (parser.description or "").rstrip(".")
                lines += textwrap.wrap(
                    f"  {name:{_NAME_WIDTH}}{about[0].lower()}{about[1:]}",
                    width,
                    subsequent_indent=" " * (2 + _NAME_WIDTH),
                    drop_whitespace=True,
                )
        lines += ["", "`levada COMMAND --help` has options and examples; `levada --version` the version."]
        lines += textwrap.wrap(EXIT_CODES[0].upper() + EXIT_CODES[1:] + ".", width)
        return "\n".join(lines) + "\n"


class _Version(argparse.Action):
    """Looks for the version when somebody asks for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"levada {version('levada')}")
        parser.exit()


def root() -> Root:
    """Return the command line."""
    parser = Root(
        prog="levada", description="Scientific data pipelines on PostgreSQL.", formatter_class=parsing.Formatter
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version")
    parser.set_defaults(run=None, parser=parser)
    parser.commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=argparse.ArgumentParser)
    kins = []
    for title, kin in _KINS:
        before = set(parser.commands.choices)
        kin.add_commands(parser.commands)
        kins.append((title, [made for name, made in parser.commands.choices.items() if name not in before]))
    parser.kins = kins
    return parser
