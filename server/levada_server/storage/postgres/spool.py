"""Keep bytes on disk, in bounds: results that wait for slow readers of a pipe from PostgreSQL, and rows that arrive."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from io import SEEK_SET
from pathlib import Path
from typing import IO

from levada_server.errors import LimitReached

MEMORY_BYTES = 2**21
"""The bytes that may wait in memory; the last piece, at most a row, may go past it."""
PATIENCE_S = 5.0
"""The time, in seconds and in all, that a reader may keep PostgreSQL waiting before the rest goes to disk."""
READ_BYTES = 2**20
SPOOL_BYTES = 2**35
"""The most bytes on disk of the results of slow readers and the rows of inserts, together."""
RESERVE = 8
"""A user leaves one part of that in this many to others; what is left past it is halved for each who comes."""
ARRIVAL_BYTES = 2**23
"""The size, in bytes, up to which a client's rows stay in memory; larger ones go to disk."""
ARRIVALS_BYTES = 2**28
"""The memory, in bytes, of the rows of all clients; past it, those of others go to disk."""
PREFIX = "levada-spool-"
LEFT_S = 60.0
"""The age, in seconds, of a file whose process was killed: the system removes the names of others at once."""


class Left(Exception):
    """The error of a writer whose reader is gone."""


@dataclass(slots=True)
class _Taken:
    """The taken part of a spool: its disk space by user, the server's own as None, and its memory."""

    by_user: Counter[int | None] = field(default_factory=Counter)
    memory_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class SpoolSpace:
    """The disk space that the slow readers and the inserts of this process share, and the memory before it.

    Args:
        folder: The folder of the files; None for the system's folder for temporary files.
        limit_bytes: The most bytes of all files together; past it, PostgreSQL waits for its readers, and inserts are
            refused.
        memory_bytes: The memory for the rows of inserts; past it, even few rows go to disk.
    """

    folder: Path | None = None
    limit_bytes: int = SPOOL_BYTES
    memory_bytes: int = ARRIVALS_BYTES
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    """Held while a piece of a result goes to disk: one at a time, so that other calls go on between them."""
    _taken: _Taken = field(default_factory=_Taken, init=False)
    _user_id: int | None = field(default=None, init=False)

    def of_user(self, user_id: int | None) -> SpoolSpace:
        """Return the same space for the work of a user, who leaves some of the disk for others."""
        chosen = copy(self)
        chosen._user_id = user_id  # noqa: SLF001  # it is of this class
        return chosen

    @property
    def used_bytes(self) -> int:
        """Return how much of the disk space is taken."""
        return self._taken.by_user.total()

    def take(self, size: int) -> bool:
        """Take space if there is enough; return whether there was."""
        with self._taken.lock:
            own_bytes = self._taken.by_user[self._user_id] + size
            if own_bytes > self.part_bytes:
                return False
            self._taken.by_user[self._user_id] = own_bytes
            return True

    @property
    def part_bytes(self) -> int:
        """Return how much the user may have: all that others do not, but for the reserve; at least half of that."""
        left_bytes = self.limit_bytes - self.used_bytes + self._taken.by_user[self._user_id]
        if self._user_id is None:
            return left_bytes
        return max(left_bytes - self.limit_bytes // RESERVE, left_bytes // 2)

    def give_back(self, size: int) -> None:
        """Return space."""
        with self._taken.lock:
            self._taken.by_user[self._user_id] -= size
            if not self._taken.by_user[self._user_id]:
                del self._taken.by_user[self._user_id]

    def take_memory(self, size: int) -> bool:
        """Take memory if there is enough; return whether there was."""
        with self._taken.lock:
            if self._taken.memory_bytes + size > self.memory_bytes:
                return False
            self._taken.memory_bytes += size
            return True

    def give_memory_back(self, size: int) -> None:
        """Return memory."""
        with self._taken.lock:
            self._taken.memory_bytes -= size

    def full(self, reason: str) -> LimitReached:
        """Return the error of an insert that does not fit."""
        return LimitReached(
            f"The spool is full: {reason}. Insert fewer rows at once, or try again when less of it is in use.",
            limit="spool",
            value=self.part_bytes,
        )

    def remove_leftovers(self) -> None:
        """Remove the files of killed processes, where the system keeps the name of a file that is open."""
        folder = self.folder or Path(tempfile.gettempdir())
        for path in folder.glob(f"{PREFIX}*"):
            with suppress(OSError):  # it is not ours
                if path.is_file() and time.time() - path.lstat().st_mtime > LEFT_S:
                    path.unlink()


class Spooled:
    """A file for the bytes that a client sends: in memory while they are few, then in the spool.

    Args:
        space: The disk space for many bytes.
    """

    def __init__(self, space: SpoolSpace) -> None:
        self._space = space
        self._taken_bytes = self._memory_bytes = 0
        self._in_memory = True
        self._end = 0
        self.closed = False
        folder = None if space.folder is None else str(space.folder)
        self._file = tempfile.SpooledTemporaryFile(dir=folder, prefix=PREFIX)  # noqa: SIM115  # `close` does

    def __enter__(self) -> Spooled:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, piece: bytes) -> int:
        """Write at the position.

        Raises:
            LimitReached: The spool, or its disk, is full.
        """
        end = max(self._end, self._file.tell() + len(piece))
        stays = self._in_memory and self._fits_memory(end)
        if not stays and end > self._taken_bytes:
            if not self._space.take(end - self._taken_bytes):
                part, whole = self._space.part_bytes >> 20, self._space.limit_bytes >> 20
                raise self._space.full(f"your inserts and slow readers may now take {part} MB of its {whole} MB")
            self._taken_bytes = end
        try:
            if self._in_memory and not stays:
                self._in_memory = False
                self._file.rollover()
                self._give_memory_back()
            self._file.write(piece)
            self._file.flush()
        except OSError as error:
            raise self._space.full(f"the server's disk cannot take more ({error.strerror})") from error
        self._end = end
        return len(piece)

    def _fits_memory(self, end: int) -> bool:
        more = end - self._memory_bytes
        if end > ARRIVAL_BYTES or (more > 0 and not self._space.take_memory(more)):
            return False
        self._memory_bytes = max(end, self._memory_bytes)
        return True

    def _give_memory_back(self) -> None:
        self._space.give_memory_back(self._memory_bytes)
        self._memory_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Read some bytes from the position; all that are left if the number is negative."""
        return self._file.read(size)

    def seek(self, position: int, whence: int = SEEK_SET) -> int:
        """Set the position."""
        self._file.seek(position, whence)
        return self._file.tell()

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def close(self) -> None:
        """Remove the file."""
        self.closed = True
        with suppress(OSError):  # what a full disk did not take is written once more
            self._file.close()
        self._give_memory_back()
        self._space.give_back(self._taken_bytes)
        self._taken_bytes = 0


class Pipe:
    """Pieces of bytes in order, from one writer to one reader in the same event loop.

    The writer waits for a slightly slower reader. Once it has waited for `PATIENCE_S`, or `hurry` has reported that its
    connection is needed, it waits no longer, and pieces that do not fit into memory go to a file without a name. When
    the reader has caught up, the file takes no space.

    Args:
        space: The disk space for files; None to let the writer wait for ever.
    """

    def __init__(self, space: SpoolSpace | None) -> None:
        self._space = space
        self._memory: list[bytes] = []
        self._memory_bytes = 0
        self._wanted_bytes = 1  # by the reader, which is not woken for less
        self._spooled_bytes = 0  # bytes in the file; its pieces come after the pieces in memory
        self._taken_bytes = 0  # of the space
        self._patience_s = PATIENCE_S
        self._ended = self._left = False
        self._news = asyncio.Event()  # for the reader
        self._room = asyncio.Event()  # for the writer
        # Threads work on the file, one at a time.
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._write_at = self._read_at = 0

    @property
    def spooled_bytes(self) -> int:
        """Return the number of bytes that wait on disk."""
        return self._spooled_bytes

    def hurry(self) -> None:
        """Stop the writer from waiting, because another call needs its connection."""
        self._patience_s = 0.0
        self._room.set()

    async def put(self, piece: bytes) -> None:
        """Add a piece at the end.

        Raises:
            Left: The reader is gone.
            LimitReached: The disk is full.
        """
        while not self._left:
            if not self._spooled_bytes and self._memory_bytes < MEMORY_BYTES:
                self._memory.append(piece)
                self._memory_bytes += len(piece)
                if self._memory_bytes >= min(self._wanted_bytes, MEMORY_BYTES):
                    self._news.set()
                return
            if self._patience_s <= 0 and self._space is not None and self._space.take(len(piece)):
                await self._spool(piece)
                return
            await self._wait_for_room()
        raise Left

    async def _wait_for_room(self) -> None:
        self._room.clear()
        loop = asyncio.get_running_loop()
        began = loop.time()
        spooling = self._space is not None and self._patience_s > 0
        try:
            await asyncio.wait_for(self._room.wait(), self._patience_s if spooling else None)
        except TimeoutError:
            pass
        finally:
            self._patience_s -= loop.time() - began

    async def _spool(self, piece: bytes) -> None:
        assert self._space is not None
        self._taken_bytes += len(piece)
        try:
            async with self._space.turn:
                await asyncio.to_thread(self._append, piece)
        except OSError as error:
            raise LimitReached(
                f"The result waits for its reader, and the server's disk cannot hold it ({error.strerror}). "
                "Read it faster, or restrict it."
            ) from error
        self._spooled_bytes += len(piece)
        self._news.set()

    def end(self) -> None:
        """Report to the reader that no more pieces come."""
        self._ended = True
        self._news.set()

    def leave(self) -> None:
        """Report to the writer that the reader is gone; what waits in memory is forgotten."""
        self._left = True
        self._memory.clear()
        self._room.set()

    async def get(self, wanted_bytes: int) -> list[bytes]:
        """Wait for some bytes and return them, fewer at the end, and none after it.

        Args:
            wanted_bytes: The least to return from memory, unless memory is full.
        """
        self._wanted_bytes = wanted_bytes
        while not self._spooled_bytes and not self._ended and self._memory_bytes < min(wanted_bytes, MEMORY_BYTES):
            self._news.clear()
            await self._news.wait()
        pieces, self._memory, self._memory_bytes = self._memory, [], 0
        if not pieces and self._spooled_bytes:
            piece, freed_bytes = await asyncio.to_thread(self._take, min(self._spooled_bytes, READ_BYTES))
            self._spooled_bytes -= len(piece)
            self._give_back(freed_bytes)
            pieces.append(piece)
        self._room.set()
        return pieces

    async def close(self) -> None:
        """Remove the file, after the writer has ended."""
        if self._file is not None or self._taken_bytes:
            await asyncio.to_thread(self._remove)
            self._give_back(self._taken_bytes)

    def _give_back(self, size: int) -> None:
        if self._space is not None:
            self._taken_bytes -= size
            self._space.give_back(size)

    # The following methods run in threads.

    def _append(self, piece: bytes) -> None:
        assert self._space is not None
        with self._lock:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._space.folder, prefix=PREFIX, buffering=0)  # noqa: SIM115  # `close` closes it
            self._file.seek(self._write_at)
            rest = memoryview(piece)
            while rest:
                rest = rest[self._file.write(rest) :]
            self._write_at += len(piece)

    def _take(self, size: int) -> tuple[bytes, int]:
        """Return bytes of the file, and by how much its space has shrunk."""
        with self._lock:
            assert self._file is not None
            self._file.seek(self._read_at)
            piece = self._file.read(size)
            self._read_at += len(piece)
            if self._read_at < self._write_at:
                return piece, 0
            freed_bytes, self._write_at, self._read_at = self._write_at, 0, 0
            self._file.truncate(0)
            return piece, freed_bytes

    def _remove(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
