"""Files of a folder that nobody has changed for some time, so that they are whole."""

from __future__ import annotations

import os
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS_A_MINUTE = 60


def unchanged_files(folder: str | os.PathLike[str], *, minutes: float = 5, pattern: str = "*") -> Iterator[Path]:
    """Yield the files in a folder, and in all folders below it, that have not changed for some minutes.

    A file changes when it is written, renamed or gets another time or mode. It is looked at once more just before it is
    yielded, and left out if its size or time is another. Links are left out; the folder itself may be one. A file with
    a time in the future, by the clock of this machine, has just changed.

    Args:
        folder: The folder.
        minutes: For how long a file must not have changed; 0 for all files.
        pattern: Only files whose names match, such as `"*.h5"`.

    Yields:
        Paths that begin with `folder`, in no particular order. Memory does not grow with their number.

    Raises:
        FileNotFoundError: The folder does not exist; a share may not be mounted.
        OSError: A folder below it cannot be read; raised at the end, after the files of all others.
    """
    if not minutes >= 0:
        raise InvalidRequest(f"minutes is 0 or more, not {minutes}.")
    root = Path(folder)
    unread: list[OSError] = []
    yield from _below(os.scandir(root), minutes * _SECONDS_A_MINUTE, pattern, unread)
    if unread:
        more = f" (and {len(unread) - 1} more)" if len(unread) > 1 else ""
        raise OSError(unread[0].errno, f"{unread[0].strerror}{more}", unread[0].filename)


def _below(folder: Iterator[os.DirEntry[str]], seconds: float, pattern: str, unread: list[OSError]) -> Iterator[Path]:
    """Yield the files below an open folder; append the errors of folders that cannot be read."""
    open_folders = [folder]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                open_folders.append(os.scandir(entry.path))
            elif (
                entry.is_file(follow_symlinks=False) and fnmatch(entry.name, pattern) and _is_unchanged(entry, seconds)
            ):
                yield Path(entry.path)
        except FileNotFoundError:
            pass  # it was removed since
        except OSError as error:
            unread.append(error)


def _is_unchanged(entry: os.DirEntry[str], seconds: float) -> bool:
    # On shares the times of a listing may be older than those of the file itself, which the second look asks for.
    seen, now = entry.stat(follow_symlinks=False), Path(entry.path).lstat()
    latest = max(now.st_mtime, now.st_ctime)
    same = (seen.st_size, seen.st_mtime_ns) == (now.st_size, now.st_mtime_ns)
    return same and (seconds == 0 or time.time() - latest >= seconds)
