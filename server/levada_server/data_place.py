"""Find the data folder that the server's commands work with when none is named."""

from __future__ import annotations

import os
import stat
from pathlib import Path

DATA_FOLDER = Path(".levada")


def found_data_folder() -> Path:
    """Return the nearest `.levada` in the working folder or above it; if there is none, the one to make here.

    Clients look for it by the same rule: as far up as the folders belong to this user alone.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if folder != here and (not _is_ours(folder) or folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            break
        if (data := folder / DATA_FOLDER).is_dir() and _is_ours(data):
            return DATA_FOLDER if folder == here else data
    return DATA_FOLDER


def _is_ours(folder: Path) -> bool:
    return folder.stat().st_uid == os.geteuid()
