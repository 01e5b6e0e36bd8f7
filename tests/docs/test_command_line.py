"""The page of all commands agrees with the command line, and each command has what the page promises."""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from levada._cli.grammar.access import ROLES
from levada._cli.grammar.root import root
from levada._cli.grammar.servers import SERVER_COMMANDS
from levada._cli.reference import commands_of
from levada_api.v1 import access_pb2
from tests.docs.command_line import page

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

TESTS = (
    "levada._cli.grammar.access",
    "levada._cli.grammar.root",
    "levada._cli.grammar.servers",
    "levada._cli.reference",
)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the commands of a command line that run something."""
    commands = commands_of(parser)
    for name, command in commands.items():
        if name not in SERVER_COMMANDS:
            yield from leaves(command)
    if not commands:
        yield parser


COMMANDS = list(leaves(root()))


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.prog)
def test_a_command_has_an_example_that_it_takes_and_a_function(command: argparse.ArgumentParser) -> None:
    module, _, name = command.get_default("run").partition(":")
    assert callable(getattr(importlib.import_module(f"levada._cli.commands.{module}"), name))
    assert command.epilog is not None
    examples = [line.strip() for line in command.epilog.splitlines()[1:]]
    assert examples
    assert all(command.prog in line for line in examples)
    for line in examples:
        words = shlex.split(line)
        end = min((words.index(mark) for mark in ("|", ">", ">>") if mark in words), default=len(words))
        root().parse_args(words[1:end])


def test_roles_are_those_of_the_api() -> None:
    named = [role.name.removeprefix("ROLE_").lower() for role in access_pb2.Role.DESCRIPTOR.values if role.number]
    assert list(ROLES) == named
