"""Files on this machine that a server names, as the place of an object.

A server that somebody took over could name any file of this user, and a program would then send on its content as that
of an object. So a place counts only if this user said where the store lies, if the server is this user's own, or if the
server names nothing that is not open to others anyway.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from levada._net.connection import Connection

_LIST_SUFFIX = ".files"
"""Beside a folder in a store lies the list of its files, which has the hash of the folder."""


def named_file(connection: Connection, store: str, path: str) -> Path | None:
    """Return the place of a file of a store; None if this machine does not see it, or may not believe it."""
    return _place(connection, store, path, _is_open_to_others)


def named_folder(connection: Connection, store: str, path: str, hash_: str) -> Path | None:
    """Return the place of a folder of a store; None if this machine does not see it, or may not believe it.

    Args:
        connection: The connection to the server that names it.
        store: The name of its store.
        path: Its path within the store.
        hash_: BLAKE3 of the list of its files, which whoever names another folder cannot put beside it.
    """
    return _place(connection, store, path, lambda place: _is_listed(place, hash_))


def _place(connection: Connection, store: str, path: str, is_harmless: Callable[[Path], bool]) -> Path | None:
    folder = connection.store_folder(store)
    if folder is None:
        return None
    place = folder / path
    believed = connection.is_private or connection.store_location(store) is not None
    return place if believed or is_harmless(place) else None


def _is_open_to_others(place: Path) -> bool:
    """Return whether others than this user may read a file, by its bits and those of the folders that lead to it."""
    if os.name == "nt":  # there are no such bits
        return True
    try:
        real = place.resolve(strict=True)
        return _lets_others(real, stat.S_IROTH) and all(_lets_others(each, stat.S_IXOTH) for each in real.parents)
    except OSError:
        return False


def _lets_others(place: Path, bit: int) -> bool:
    found = place.stat()
    # Many systems give each user a group of the user's own, with the same number.
    group = bit << 3 if found.st_gid != os.getuid() else 0
    return bool(found.st_mode & (bit | group))


def _is_listed(place: Path, hash_: str) -> bool:
    try:
        return blake3(place.with_name(place.name + _LIST_SUFFIX).read_bytes()).hexdigest() == hash_
    except (OSError, ValueError):
        return False
