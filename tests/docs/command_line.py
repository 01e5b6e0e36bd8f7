"""Write the page of all commands: `python -m tests.docs.command_line > docs/reference/command-line.md`."""

from __future__ import annotations

import sys

from levada._cli.reference import commands_of, reference_page
from levada_server.cli import command_parser

TESTS = ("levada._cli.reference",)


def page() -> str:
    """The page, of the client's commands and the server's."""
    return reference_page(commands_of(command_parser()))


if __name__ == "__main__":
    sys.stdout.write(page())
