"""Folders whose files may say what this program does: those in which nobody else can put a file."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from levada._base.errors import warn

if TYPE_CHECKING:
    from pathlib import Path


def is_ours(folder: Path) -> bool:
    """Return whether a folder belongs to this user."""
    return os.name == "nt" or folder.stat().st_uid == os.geteuid()


def is_ours_alone(folder: Path) -> bool:
    """Return whether a folder belongs to this user, and nobody else can write in it."""
    return is_ours(folder) and (os.name == "nt" or not folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def warn_of_others(file: Path) -> None:
    """Warn that a file is not used because of its folder."""
    warn(f"{file} is not used, because others can write in its folder; run `chmod go-w {file.parent}`.")
