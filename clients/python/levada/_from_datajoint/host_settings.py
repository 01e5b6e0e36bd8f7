"""The places outside of code that name DataJoint's database host, which Levada refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.config import GLOBAL_FILE, HOST_VARIABLE, LOCAL_FILE, PROJECT_FILE, host_in
from levada._base.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

WAY_OUT = "while it names a host, Levada ends with an error, unless LEVADA_URL or levada.toml names a server"


def places(path: Path) -> Iterator[tuple[Path, int, str, str]]:
    """Find the files of settings and the variable that name a host: file, line, name, and what to do.

    Files count in the checked folder, in the working folder, and in that of the user.

    Args:
        path: The checked file or folder.
    """
    if host := os.environ.get(HOST_VARIABLE):
        advice = f"this variable names the database host {host!r}: unset it; {WAY_OUT}"
        yield Path("environment"), 0, HOST_VARIABLE, advice
    below = path if path.is_dir() else path.parent
    files = [*sorted(file for name in (LOCAL_FILE, PROJECT_FILE) for file in below.rglob(str(name)))]
    files += [LOCAL_FILE, PROJECT_FILE, GLOBAL_FILE.expanduser()]
    for file in {one.resolve(): one for one in reversed(files)}.values():
        try:
            host = host_in(file)
        except InvalidRequest:  # Levada warns of it when it reads it
            continue
        if host:
            advice = f"it names the database host {host!r}: delete this line, or move the file away; {WAY_OUT}"
            yield file, _line_of(file, host), "database.host", advice


def _line_of(file: Path, host: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if f'"{host}"' in line), 1)
