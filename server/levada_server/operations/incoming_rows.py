"""Batches of rows that are inserted while those behind them still arrive."""

from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING

from levada_server.operations.arrival import Arrival

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from levada_server.arrow.ipc.ingest import Columns

QUICK_BYTES = 32 * 2**10
"""Larger contents are read in a thread, so that other calls are answered meanwhile."""


class Stalled(Exception):
    """The sender kept the insert waiting for too long."""


async def until_whole(content: IO[bytes] | Arrival) -> None:
    """Wait until all rows have arrived."""
    if isinstance(content, Arrival):
        await content.whole()


class Upcoming:
    """The batches of a content, one by one.

    Args:
        content: What they are read from; it may still arrive.
        batches: Reads them; in threads, as it blocks, unless they are few and here.
        patience_s: How long, in all, somebody who holds a connection waits for them; None without a limit.
    """

    def __init__(self, content: IO[bytes] | Arrival, batches: Iterator[Columns], patience_s: float | None) -> None:
        self._content = content
        self._batches = batches
        self._patience_s = patience_s
        self._few = isinstance(content, io.BytesIO) and content.getbuffer().nbytes <= QUICK_BYTES

    async def take(self) -> Columns | None:
        """Give the next batch, however long it takes to arrive; None at the end."""
        await self._arrived()
        return await self._read()

    @asynccontextmanager
    async def ahead(self) -> AsyncIterator[Callable[[], Awaitable[Columns | None]]]:
        """Make the next batch ready while the block does something else; what is called in it gives the batch.

        It raises `Stalled` where the sender is too slow for somebody who holds a connection.
        """
        arrived = asyncio.create_task(self._arrived())

        async def read() -> Columns | None:
            await arrived
            return await self._read()

        ready = asyncio.create_task(read())

        async def take() -> Columns | None:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await asyncio.wait({arrived}, timeout=self._patience_s)
            if not arrived.done():
                raise Stalled
            if self._patience_s is not None:
                self._patience_s = max(self._patience_s - (loop.time() - began), 0.0)
            return await ready

        try:
            yield take
        finally:
            # A thread that reads is waited for: whoever reads the content again does so alone.
            arrived.cancel()
            await asyncio.wait({ready})
            if not ready.cancelled():
                ready.exception()  # whoever leaves early does not ask

    async def _arrived(self) -> None:
        if isinstance(self._content, Arrival):
            await self._content.batch()

    async def _read(self) -> Columns | None:
        return next(self._batches, None) if self._few else await asyncio.to_thread(next, self._batches, None)
