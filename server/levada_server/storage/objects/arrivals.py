"""The hashes of files that are arriving in a folder, computed as their bytes are written.

A commit needs the hash of every byte. It need not read again what this process wrote in order, unless another call or
another process of the server wrote too. So each change of an upload is made under a lock of the file system, and leaves
a mark: the process that made it, and a number. A hash counts only while the mark is the one that this process left, and
whoever publishes an upload finds out whether it was changed since its hash was taken.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from blake3 import blake3

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from uuid import UUID

_MAX_FILES = 8_192
"""The hashes that a process keeps of one upload, of about 2 kB each; a commit reads the other files again."""
_MAX_UPLOADS = 256
"""The uploads whose hashes a process keeps; a commit reads the files of the other ones again."""
_MARK_BYTES = 24
_WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class FileHash:
    """The hash of the first bytes of a file, and their number."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._hasher = blake3()

    def update(self, content: bytes) -> None:
        """Add the next bytes."""
        self._hasher.update(content)
        self.size_bytes += len(content)

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far."""
        return self._hasher.hexdigest()


@dataclass(slots=True)
class Arrival:
    """An upload as this process knows it: its last mark, and the hashes of its files by their paths."""

    mark: bytes = b""
    files: dict[str, FileHash] = field(default_factory=dict)

    def begin(self, path: str, hashed: FileHash) -> None:
        """Take the hash of the beginning of a file, whose next bytes come; do nothing if there are too many files."""
        if path in self.files or len(self.files) < _MAX_FILES:
            self.files[path] = hashed

    def add(self, path: str, offset: int, content: bytes) -> None:
        """Add bytes that were written to the hash of a file, which ends unless they follow it."""
        hashed = self.files.get(path)
        if hashed is not None and hashed.size_bytes == offset:
            hashed.update(content)
        else:
            self.files.pop(path, None)


class Arrivals:
    """The uploads into which this process has written."""

    def __init__(self) -> None:
        self._process = uuid4().bytes
        self._number = 0
        self._uploads: OrderedDict[UUID, Arrival] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def held(self, upload: UUID, place: Path, *, changing: bool = False) -> Iterator[Arrival]:
        """Hold an upload, so that nobody else changes it; hold it only for the time of one write.

        Args:
            upload: The upload.
            place: The file with its mark.
            changing: Whether the block changes files of the upload.

        Raises:
            FileNotFoundError: The upload is gone.
        """
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock(descriptor)
            arrival = self._arrival(upload)
            mark = os.pread(descriptor, _MARK_BYTES, 0)
            if mark != arrival.mark:  # somebody else wrote, or this process never did
                arrival.files.clear()
                arrival.mark = mark
            if changing:
                arrival.mark = self._next_mark()
                os.pwrite(descriptor, arrival.mark, 0)
            yield arrival
        finally:
            os.close(descriptor)

    def forget(self, upload: UUID) -> None:
        """Forget an upload that was published or removed."""
        with self._lock:
            self._uploads.pop(upload, None)

    def _arrival(self, upload: UUID) -> Arrival:
        with self._lock:
            arrival = self._uploads.setdefault(upload, Arrival())
            self._uploads.move_to_end(upload)
            if len(self._uploads) > _MAX_UPLOADS:
                self._uploads.popitem(last=False)
            return arrival

    def _next_mark(self) -> bytes:
        with self._lock:
            self._number += 1
            return self._process + self._number.to_bytes(8, "big")


def lock(descriptor: int, *, wait: bool = True) -> None:
    """Take the lock of a file, which its closing releases; some network disks have none, so that marks must do.

    Raises:
        BlockingIOError: Somebody else holds it, and this call does not wait.
    """
    if sys.platform == "win32":
        return  # no server runs there
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
