"""The commands for a beginning: `init`, `demo`, `doctor`, `shell` and `completion`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from levada._cli.completion import schema_names
from levada._cli.grammar import parsing

if TYPE_CHECKING:
    from levada._cli.grammar.parsing import Commands


def add_commands(commands: Commands) -> None:
    """Add them to the command line."""
    parsing.add(
        commands,
        "demo",
        "show in a minute what Levada does, in a folder that is removed afterwards",
        run="demo:demo",
        examples=("demo",),
        server=parsing.NONE,
    )
    init = parsing.add(
        commands,
        "init",
        "make the folder of a new project: two small tables that run, a notebook and a README",
        run="init:init",
        examples=("init my_project",),
        server=parsing.NONE,
        json="one object: folder, module, files",
    )
    init.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the folder to make, or an empty one (default: this one)"
    )
    doctor = parsing.add(
        commands,
        "doctor",
        "check the installation, the server of this folder, and what keeps them from working",
        run="doctor:doctor",
        examples=("doctor", "doctor --fix"),
        server=parsing.NONE,
        json="one object per check: check, state (ok, warning, problem), message, advice",
    )
    parsing.add_url(doctor)
    doctor.add_argument(
        "--fix", action="store_true", help="mend rights of files, and remove what a killed server left behind"
    )
    shell = parsing.add(
        commands,
        "shell",
        "open Python with the schemas loaded as modules, in IPython if it is installed",
        run="shell:shell",
        examples=("shell", "shell lab analysis"),
    )
    parsing.complete(
        shell.add_argument("schemas", nargs="*", metavar="SCHEMA", help="only these (default: all)"), schema_names
    )
    completion = parsing.add(
        commands,
        "completion",
        "print the lines that let a shell complete commands, schemas and tables by Tab",
        run="completion:script",
        examples=(
            "completion bash >> ~/.bashrc",
            "completion zsh >> ~/.zshrc",
        ),
        server=parsing.NONE,
    )
    completion.add_argument("shell", choices=("bash", "zsh"), help="bash or zsh")
