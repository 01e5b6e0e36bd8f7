"""The page about all commands, written from the command line itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from levada._cli.grammar.root import EXIT_CODES, root
from levada._cli.grammar.servers import SERVER_COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEAD = """# The command line

`levada` alone lists its commands, and `levada COMMAND --help` shows one of them with examples. This page has the same
for all. Tab completes commands, options, schemas and tables once a shell has read the lines of `levada completion`:

```bash
levada completion bash >> ~/.bashrc
levada completion zsh >> ~/.zshrc
```

- A command works with the server that `--url` names; else with that of `LEVADA_URL`, of `levada.toml`, or with your
  own in `.levada`, both looked for in this folder and above it.
- Results go to standard output, everything else to standard error. With `--json`, standard output has one JSON value,
  or one JSON object on each line where this page says "one object per …". The names of members stay, and new ones may
  be added. Times and decimals are texts, bytes are base64, `NaN` and infinity are texts.
- A change of many rows or jobs is shown and asked about first. `--yes` answers beforehand; if nobody can answer,
  nothing happens.
- Colours are for terminals alone, and not if `NO_COLOR` is set.
- {exit_codes}.
"""


def reference_page(server_commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """Write the page.

    Args:
        server_commands: The commands of the server's own command line, which this package does not have, by name.
    """
    codes = f"Exit codes: {EXIT_CODES.partition(': ')[2]}"
    lines = [_HEAD.format(exit_codes=codes)]
    for title, parsers in root().kins:
        lines.append(f"## {title}\n")
        for parser in parsers:
            name = parser.prog.partition(" ")[2]
            lines += _command(server_commands[name] if name in SERVER_COMMANDS else parser)
    return "\n".join(lines).rstrip() + "\n"


def commands_of(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the commands of a command line, or the actions of a command, by name; empty if it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def _command(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"### {parser.prog}\n"
    yield f"{(parser.description or '').rstrip('.')}.\n"
    actions = commands_of(parser)
    for name, action in actions.items():
        yield f"#### {parser.prog} {name}\n"
        yield f"{(action.description or '').rstrip('.')}.\n"
        yield from _details(action)
    if not actions:
        yield from _details(parser)


def _details(parser: argparse.ArgumentParser) -> Iterator[str]:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    arguments = [action for action in actions if not action.option_strings]
    options = [action for action in actions if action.option_strings]
    words = [parser.prog, *(["[OPTION …]"] if options else []), *map(_argument, arguments)]
    yield f"```text\n{' '.join(words)}\n```\n"
    if actions:
        yield "| argument or option | |"
        yield "| --- | --- |"
        yield from (_row(action) for action in [*arguments, *options])
        yield ""
    if parser.epilog:
        head, *examples = parser.epilog.splitlines()
        yield f"{head.capitalize()}\n"
        yield "```bash"
        yield from (line.strip() for line in examples)
        yield "```\n"


def _argument(action: argparse.Action) -> str:
    name = _value(action)
    return {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …"}.get(str(action.nargs), name)


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return action.dest.replace("_", "-").upper()


def _row(action: argparse.Action) -> str:
    if not action.option_strings:
        spelled = f"`{_value(action)}`"
    elif action.nargs == 0:
        spelled = ", ".join(f"`{name}`" for name in action.option_strings)
    else:
        more = " …" if action.nargs == "+" else ""
        spelled = ", ".join(f"`{name}`" for name in action.option_strings[:-1])
        spelled += f"{', ' if spelled else ''}`{action.option_strings[-1]} {_value(action)}{more}`"
    about = (action.help or "") % {**vars(action), "prog": "levada"}
    cells = (spelled.replace("|", r"\|"), about.replace("|", r"\|"))
    return f"| {cells[0]} | {cells[1]} |"
