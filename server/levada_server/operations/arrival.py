"""Keep the rows that a client sends while they arrive, so that they can be read again from the start."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from blake3 import blake3

from levada_server.arrow.ipc.framing import Frames
from levada_server.model.request import digest_of
from levada_server.storage.postgres.spool import Spooled

if TYPE_CHECKING:
    from levada_server.storage.postgres.spool import SpoolSpace


ADDED_BYTES = 2**18
"""A larger piece is added in a thread, so that other calls go on: it may hold many messages."""


class Arrival:
    """A file with the bytes of an Arrow IPC stream that is still arriving.

    One task adds bytes as they arrive. Threads read, one at a time, and only bytes that have arrived, so that no thread
    waits for a client.

    Args:
        space: The disk space for many bytes.
    """

    closed = False

    def __init__(self, space: SpoolSpace) -> None:
        self._frames = Frames()
        self._hash = blake3()
        self._ended = False
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._lock = threading.Lock()
        self._file = Spooled(space)
        self._read_at = self._write_at = 0

    async def add(self, piece: bytes) -> None:
        """Append bytes that have arrived.

        Raises:
            LimitReached: The spool is full.
        """
        if len(piece) <= ADDED_BYTES:
            self._append(piece)
        else:
            await asyncio.to_thread(self._append, piece)
        self._news.set()

    def _append(self, piece: bytes) -> None:
        with self._lock:
            if self.closed:  # by a call that did not wait for this
                return
            self._file.seek(self._write_at)
            self._file.write(piece)
            self._write_at += len(piece)
        self._hash.update(piece)
        self._frames.add(piece)

    def end(self, error: BaseException | None = None) -> None:
        """Mark the end of the stream, with the error if it ended too early."""
        self._ended, self._error = True, error
        self._news.set()

    async def batch(self) -> None:
        """Wait until the next record batch, or the whole stream, can be read.

        Raises:
            Exception: The error that ended the stream too early.
        """
        while not self._ended and self._frames.whole_bytes <= self._read_at:
            await self._more()
        self._check()

    async def whole(self) -> None:
        """Wait until the whole stream has arrived.

        Raises:
            Exception: The error that ended the stream too early.
        """
        while not self._ended:
            await self._more()
        self._check()

    def digest(self, header: bytes) -> bytes:
        """Return what identifies all that arrived, after a header with a digest of its own."""
        assert self._ended, "more arrives"
        return digest_of(header + self._hash.digest())

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    # Arrow calls the following methods in threads.

    def read(self, size: int = -1) -> bytes:
        """Read a number of bytes, or fewer if no more have arrived; all if it is negative."""
        with self._lock:
            self._file.seek(self._read_at)
            piece = self._file.read(size)
            self._read_at += len(piece)
            return piece

    def seek(self, position: int, _whence: int = 0) -> int:
        """Set the position of the next read."""
        self._read_at = position
        return position

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._read_at

    def close(self) -> None:
        """Remove the file."""
        with self._lock:
            self.closed = True
            self._file.close()
