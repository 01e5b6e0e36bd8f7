"""The rows that a client sends, while they arrive: kept, so that they can be read from the start again."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from typing import IO

from levada_server.arrow.ipc.framing import Frames

SPOOL_BYTES = 8 * 2**20
"""What a client sends is kept in memory up to here, on disk from here on."""


def spool() -> IO[bytes]:
    """Open a place for the bytes of a client's Arrow IPC stream."""
    return tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)


class Arrival:
    """A file of the bytes of an Arrow IPC stream that still arrives.

    The loop adds what arrives. Threads read, one at a time: never more than what is known to be there, so that none of
    them waits for a client.
    """

    closed = False

    def __init__(self) -> None:
        self._frames = Frames()
        self._ended = False
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._lock = threading.Lock()
        self._file = spool()  # `close` closes it
        self._read_at = self._write_at = 0

    def add(self, piece: bytes) -> None:
        """Append what has arrived."""
        with self._lock:
            self._file.seek(self._write_at)
            self._file.write(piece)
            self._write_at += len(piece)
        self._frames.add(piece)
        self._news.set()

    def end(self, error: BaseException | None = None) -> None:
        """Tell that no more comes, and why if there should have been more."""
        self._ended, self._error = True, error
        self._news.set()

    async def batch(self) -> None:
        """Wait until a record batch can be read from where the reader is, or all that there is.

        Raises:
            Exception: What ended the stream too early.
        """
        while not self._ended and self._frames.whole_bytes <= self._read_at:
            await self._more()
        self._check()

    async def whole(self) -> None:
        """Wait until all is there.

        Raises:
            Exception: What ended the stream too early.
        """
        while not self._ended:
            await self._more()
        self._check()

    async def _more(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    # What Arrow calls, in threads.

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, fewer where no more are there; all that are there if it is negative."""
        with self._lock:
            self._file.seek(self._read_at)
            piece = self._file.read(size)
            self._read_at += len(piece)
            return piece

    def seek(self, position: int, _whence: int = 0) -> int:
        """Go on reading from there."""
        self._read_at = position
        return position

    def tell(self) -> int:
        """Say where the reader is."""
        return self._read_at

    def close(self) -> None:
        """Remove what was kept."""
        with self._lock:
            self.closed = True
            self._file.close()
