"""Read batches of rows for an insert while further ones still arrive."""

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
"""The largest content, in bytes, that is read at once; a larger one is read in a thread, so other calls go on."""


class Stalled(Exception):
    """The error of a sender that kept the insert waiting too long."""


async def until_whole(content: IO[bytes] | Arrival) -> None:
    """Wait until all rows have arrived."""
    if isinstance(content, Arrival):
        await content.whole()


class Upcoming:
    """The batches of rows in a content, one by one.

    Args:
        content: The source of the batches; it may still be arriving.
        batches: Reads them; it blocks, so it runs in threads, unless they are few and have arrived.
        patience_s: The seconds in all that a holder of a connection waits for them; None for no limit.
    """

    def __init__(self, content: IO[bytes] | Arrival, batches: Iterator[Columns], patience_s: float | None) -> None:
        self.content = content
        self._batches = batches
        self._patience_s = patience_s
        self._few = isinstance(content, io.BytesIO) and content.getbuffer().nbytes <= QUICK_BYTES

    async def take(self) -> Columns | None:
        """Return the next batch, however long it takes to arrive; None at the end."""
        await self._arrived()
        return await self._read()

    @asynccontextmanager
    async def ahead(self) -> AsyncIterator[Callable[[], Awaitable[Columns | None]]]:
        """Prepare the next batch while the block runs; the block gets it by calling the function that it receives.

        The function raises `Stalled` if the sender is too slow for a holder of a connection.
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
            # Wait for the thread that reads, so that the next reader of the content is alone.
            arrived.cancel()
            await asyncio.wait({ready})
            if not ready.cancelled():
                ready.exception()  # a block left early never calls `take`

    async def _arrived(self) -> None:
        if isinstance(self.content, Arrival):
            await self.content.batch()

    async def _read(self) -> Columns | None:
        return next(self._batches, None) if self._few else await asyncio.to_thread(next, self._batches, None)
