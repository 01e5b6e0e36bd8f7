"""Files on this machine: the folders for copies of attachments and objects, and safe file names."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.config import config
from levada._base.errors import WrongValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REFUSED = frozenset(map(chr, (*range(32), 127))) | {"/", "\\"}


def check_name(name: str) -> str:
    """Return the name of a file if it names one within a folder.

    Raises:
        WrongValue: It is not a name, or leads out of the folder.
    """
    if name in ("", ".", "..") or _REFUSED & set(name):
        raise WrongValue(f"{name!r} is not a valid file name.")
    return name


def is_file(path: Path) -> bool:
    """Return whether a path is that of a file; `Path.is_file` raises an error for one that cannot be a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Return whether a path is that of a folder; `Path.is_dir` raises an error for one that cannot be a path."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def cache_folder() -> Path:
    """Return the folder for copies that can be made again: the setting `cache`, or the user's own, closed to others."""
    setting = config.get("cache")
    if setting:
        return Path(setting)
    home = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(home) if home else Path.home() / ".cache") / "levada"
    with suppress(OSError):  # whoever writes there meets the error
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def put(target: Path, write: Callable[[Path], None]) -> Path:
    """Create a file or a folder of files that nobody can see half written.

    Args:
        target: Its final path; an existing file or folder there is replaced.
        write: Writes it at a temporary path beside.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".levada-", dir=target.parent) as beside:
        draft = Path(beside) / "draft"
        write(draft)
        try:
            draft.replace(target)
        except OSError:
            if not target.is_dir():  # unless somebody else has just put the same folder there
                raise
    return target


def download_place(folder: str | os.PathLike[str], name: str, same: Callable[[Path], bool]) -> tuple[Path, bool]:
    """Find the path for a downloaded file, and whether the same file exists there already.

    A different file of that name is left alone: the next free name of `name_0001.txt`, `name_0002.txt` and so on is
    used.
    """
    first = Path(folder) / check_name(name)
    for place in chain([first], _numbered(first)):
        if not place.exists():
            return place, False
        if same(place):
            return place, True
    raise AssertionError("the numbers do not end")


def _numbered(path: Path) -> Iterator[Path]:
    number = 0
    while True:
        number += 1
        yield path.with_name(f"{path.stem}_{number:04}{path.suffix}")
