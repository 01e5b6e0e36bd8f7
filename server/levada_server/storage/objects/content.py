"""Read the content of an object from the disk: its files with sizes and hashes, and the list of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from io import BufferedReader, FileIO

_HASHED_BYTES = 2**20
"""As many bytes are hashed at once, by all cores: they still lie in the caches of the processor."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: its path within the object, its size in bytes, and its BLAKE3 hash."""

    path: str
    size_bytes: int
    hash: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file of a store: its path there, its size in bytes and when it changed; None if it cannot be registered."""

    path: str
    size_bytes: int | None = None
    change_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of an object.

    Args:
        size_bytes: The size of the file, or of all files.
        hash: The hash of the file, or of the list of files.
        files: The files of a folder, in the order of their paths' bytes; None for a file.
        mark: By which a store knows whether an upload was changed since its content was read; empty for no upload.
    """

    size_bytes: int
    hash: str
    files: tuple[StoredFile, ...] | None = None
    mark: str = field(default="", compare=False)


def file_content(place: Path, known: tuple[int, str] | None = None) -> Content:
    """Return the content of a file.

    Args:
        place: The file.
        known: Its size and its hash, if they are known from its writing; a file of another size is read.
    """
    return Content(*_hashed(place, known))


def opened_content(file: BufferedReader) -> Content:
    """Read an open file from its beginning to its end."""
    return Content(*_hash_of(file))


def folder_content(place: Path, known: Mapping[str, tuple[int, str]]) -> Content:
    """Return the content of all files of a folder; `known` has sizes and hashes by path, as for `file_content`."""
    paths = sorted((file.relative_to(place).as_posix() for file in files_of(place)), key=str.encode)
    return content_of_files([StoredFile(path, *_hashed(place / path, known.get(path))) for path in paths])


def content_of_files(files: Sequence[StoredFile]) -> Content:
    """Return the content of a folder with some files, in the order of their paths' bytes."""
    return Content(sum(file.size_bytes for file in files), blake3(listing(files)).hexdigest(), tuple(files))


def check_tree(paths: Collection[str]) -> None:
    """Check that no path of a folder's files is a folder too.

    Raises:
        InvalidRequest: One is.
    """
    for path in paths:
        parents = (path[:at] for at, letter in enumerate(path) if letter == "/")
        if any(parent in paths for parent in parents):
            raise InvalidRequest("A path of the upload is a file and a folder at once.", field="path")


def files_of(place: Path) -> Iterator[Path]:
    """Yield a file, or all files of a folder."""
    if place.is_file():
        yield place
        return
    for folder, _, names in os.walk(place):
        for name in names:
            yield Path(folder) / name


def listing(files: Iterable[StoredFile]) -> bytes:
    """Write the list of a folder's files, whose hash is the folder's."""
    return "".join(f"{file.hash} {file.size_bytes} {file.path}\n" for file in files).encode()


def read_listing(lines: Iterable[bytes]) -> list[StoredFile]:
    """Read the list of a folder's files, line by line."""
    parts = (line.decode().rstrip("\n").split(" ", 2) for line in lines)
    return [StoredFile(path, int(size), hash_) for hash_, size, path in parts]


def _hashed(path: Path, known: tuple[int, str] | None) -> tuple[int, str]:
    if known is not None and path.stat().st_size == known[0]:
        return known
    with path.open("rb", buffering=0) as file:
        return _hash_of(file)


def _hash_of(file: BufferedReader | FileIO) -> tuple[int, str]:
    """Read a file to its end; return its size and its hash."""
    hasher, size = blake3(max_threads=blake3.AUTO), 0
    # New memory for each piece would take longer than its hash.
    buffer = memoryview(bytearray(_HASHED_BYTES))
    while count := file.readinto(buffer):
        hasher.update(buffer[:count])
        size += count
    return size, hasher.hexdigest()
