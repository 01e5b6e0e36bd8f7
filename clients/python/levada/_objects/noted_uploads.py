"""Notes of large uploads on this machine, by which a later process continues them after this one was killed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blake3 import blake3

from levada._values.files import cache_folder
from levada_api.v1 import object_service_pb2 as pb

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom

NOTED_BYTES = 64 * 2**20
"""Smaller uploads are not worth a note."""


class Note:
    """The upload that was begun for a request, if any; nobody else continues it meanwhile."""

    def __init__(self, file: BufferedRandom | None) -> None:
        self._file = file

    def read(self) -> pb.StageObjectResponse | None:
        """Return the upload that was begun."""
        if self._file is None:
            return None
        self._file.seek(0)
        content = self._file.read()
        return pb.StageObjectResponse.FromString(content) if content else None

    def write(self, staged: pb.StageObjectResponse | None) -> None:
        """Note an upload; None: there is nothing to continue."""
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(b"" if staged is None else staged.SerializeToString())
            self._file.flush()


@contextmanager
def noted(address: str, request: pb.StageObjectRequest, size: int) -> Iterator[Note]:
    """Hold the note of an upload for the length of the block; it is empty for small ones, and if another holds it."""
    if sys.platform == "win32" or size < NOTED_BYTES or not request.hash:
        yield Note(None)
        return  # on Windows an upload begins again
    name = blake3(address.encode() + b"\0" + request.SerializeToString(deterministic=True)).hexdigest()
    folder = cache_folder() / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / name
    with place.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield Note(None)
            return
        note = Note(file)
        yield note
        if note.read() is None:
            place.unlink(missing_ok=True)
