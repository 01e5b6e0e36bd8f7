"""The command `levada init`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import AlreadyExists
from levada._cli.output import print_json
from levada._cli.project import package_name, project_files

if TYPE_CHECKING:
    import argparse


def init(options: argparse.Namespace) -> int:
    """Make the folder of a new project."""
    folder = Path(os.path.abspath(options.folder))  # noqa: PTH100  # the name that was typed, not where a link leads
    name = package_name(folder.name)
    files = project_files(name)
    write_project(folder, files)
    if options.json:
        print_json({"folder": str(folder), "module": f"{name}.pipeline", "files": list(files)})
        return 0
    print(f"made {folder}:")
    for path in files:
        print(f"  {path}")
    print("\nNext:")
    if folder != Path.cwd():
        print(f"  cd {shlex.quote(str(options.folder))}")
    print(f"  python -m {name}.pipeline")
    print(f"  levada query {name}.FiringRate")
    return 0


def write_project(folder: Path, files: dict[str, str]) -> None:
    """Write files into a folder that has none of them.

    Raises:
        AlreadyExists: One is there already; nothing is written.
    """
    for path in files:
        if os.path.lexists(folder / path):
            raise AlreadyExists(f"{folder / path} is there already; nothing was changed. Choose another folder.")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
