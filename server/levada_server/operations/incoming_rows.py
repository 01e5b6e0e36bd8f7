"""Read batches of rows for an insert while further ones still arrive."""

from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, TypeVar

from levada_server.operations.arrival import Arrival

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from levada_server.arrow.ipc.ingest import Columns, RowStream
    from levada_server.operations.memory import MemoryShare

QUICK_BYTES = 32 * 2**10
"""The largest content, in bytes, whose metadata are read at once; others are read in a thread, so other calls go on."""
QUICK_MEMORY_BYTES = 4 * QUICK_BYTES
"""The memory of the batches that are decoded at once."""

_Read = TypeVar("_Read")


class Stalled(Exception):
    """The error of an insert that kept a connection waiting too long: for its sender, or for memory."""


async def until_whole(content: IO[bytes] | Arrival) -> None:
    """Wait until all rows have arrived."""
    if isinstance(content, Arrival):
        await content.whole()


class Upcoming:
    """The batches of rows in a content, one by one; the rows given out are dropped before the next are asked for.

    Args:
        content: The source of the batches; it may still be arriving.
        rows: Reads them; it blocks, so it runs in threads, unless they are few and have arrived.
        check: Called with the rows of each batch, in the same thread.
        memory: The memory for them.
        patience_s: The seconds in all that a holder of a connection waits for them; None for no limit.
    """

    def __init__(
        self,
        content: IO[bytes] | Arrival,
        rows: RowStream,
        check: Callable[[Columns], None],
        memory: MemoryShare,
        patience_s: float | None,
    ) -> None:
        self.content = content
        self._rows = rows
        self._check = check
        self._memory = memory
        self._memory_bytes = 0  # of the batch that was given out
        self._patience_s = patience_s
        self._few = isinstance(content, io.BytesIO) and content.getbuffer().nbytes <= QUICK_BYTES

    async def first(self) -> Columns | None:
        """Return the first batch, however long it and the memory for it take; None if there is none.

        Raises:
            LimitReached: Others use the memory for too long.
        """
        await self._arrived()
        needed_bytes = await self._needed()
        if needed_bytes is None:
            return None
        await self._memory.wait_for(needed_bytes)
        return await self._take(needed_bytes)

    async def at_end(self) -> bool:
        """Wait until it is known whether another batch follows; return whether none does."""
        await self._arrived()
        return await self._needed() is None

    @asynccontextmanager
    async def ahead(self) -> AsyncIterator[Callable[[], Awaitable[Columns | None]]]:
        """Prepare the next batch while the block runs; the block gets it by calling the function that it receives.

        If memory is short, the function decodes it. It raises `Stalled` if the sender is too slow for a holder of a
        connection, or if a batch needs more memory than earlier ones and would have to wait for it.
        """
        arrived = asyncio.create_task(self._arrived())

        async def read() -> tuple[int | None, Columns | None]:
            await arrived
            needed_bytes = await self._needed()
            if needed_bytes is None or not self._memory.extend(self._memory_bytes + needed_bytes):
                return needed_bytes, None
            return needed_bytes, await self._take(needed_bytes)

        ready = asyncio.create_task(read())

        async def take() -> Columns | None:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await asyncio.wait({arrived}, timeout=self._patience_s)
            if not arrived.done():
                raise Stalled
            if self._patience_s is not None:
                self._patience_s = max(self._patience_s - (loop.time() - began), 0.0)
            needed_bytes, columns = await ready
            if needed_bytes is None or columns is not None:
                return columns
            if not self._memory.extend(needed_bytes):
                raise Stalled
            return await self._take(needed_bytes)

        try:
            yield take
        finally:
            # Wait for the thread that reads, so that the next reader of the content is alone.
            arrived.cancel()
            await asyncio.wait({ready})
            if not ready.cancelled():
                ready.exception()  # a block left early never calls `take`

    async def _arrived(self) -> None:
        if isinstance(self.content, Arrival):
            await self.content.batch()

    async def _needed(self) -> int | None:
        return await _read(self._rows.needed_bytes, at_once=self._few)

    async def _take(self, needed_bytes: int) -> Columns:
        self._memory_bytes = needed_bytes or self._memory_bytes
        return await _read(self._checked, at_once=self._few and needed_bytes <= QUICK_MEMORY_BYTES)

    def _checked(self) -> Columns:
        columns = self._rows.take()
        self._check(columns)
        return columns


async def _read(read: Callable[[], _Read], *, at_once: bool) -> _Read:
    return read() if at_once else await asyncio.to_thread(read)
