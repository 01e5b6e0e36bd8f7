"""The messages of a session's client: read ahead, within bounds, so that Cancel reaches a request that runs."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, LevadaError
from levada_server.rpc.time_limit import this_call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_api.v1 import row_service_pb2
    from levada_api.v1 import session_service_pb2 as pb
    from levada_server.rpc.streams.transaction_guard import TransactionGuard

READ_AHEAD = 16
"""The most messages that wait while a request runs; further ones stay with the client."""
READ_AHEAD_BYTES = 16 * 2**20
"""Their size in all; one that is larger waits alone."""


class Inbox:
    """Reads the messages of a client; a context.

    Args:
        messages: As they arrive.
        guard: Knows for how long the client may be silent.
    """

    def __init__(self, messages: AsyncIterator[pb.OpenSessionRequest], guard: TransactionGuard) -> None:
        self._messages = messages
        self._guard = guard
        self._waiting: deque[tuple[pb.OpenSessionRequest, int]] = deque()
        self._waiting_bytes = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._insert_ends = True
        self._ended = False
        self.cancelled = asyncio.Event()

    async def __aenter__(self) -> Inbox:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None  # its error refers to this inbox, and both would stay until garbage is collected

    async def next(self) -> pb.OpenSessionRequest | None:
        """Return the next request; None at the end of the stream.

        Raises:
            LimitReached: The client is silent for too long.
        """
        request = await self._take()
        self.cancelled.clear()
        self._insert_ends = request is None or not request.more
        return request

    async def rest(self, first: pb.OpenSessionRequest) -> AsyncIterator[row_service_pb2.InsertRowsRequest]:
        """Yield the messages of an insert, the first included. A client that stays silent here loses its session."""
        message: pb.OpenSessionRequest | None = first
        while message is not None:
            self._insert_ends = not message.more
            if message.WhichOneof("request") != "insert_rows":
                raise InvalidRequest(
                    "Another request came before the end of an insert; end the insert first.", field="more"
                )
            yield message.insert_rows
            try:
                message = None if self._insert_ends else await self._take()
            except LevadaError as error:
                this_call().end(error)
                raise

    async def drop_rest(self, request: pb.OpenSessionRequest) -> None:
        """Skip the remaining messages of an insert that failed.

        Raises:
            LimitReached: The client is silent for too long.
        """
        if request.WhichOneof("request") != "insert_rows":
            return
        while not self._insert_ends:
            message = await self._take()
            self._insert_ends = message is None or not message.more

    async def _take(self) -> pb.OpenSessionRequest | None:
        silent_s = 0.0
        while not (self._waiting or self._ended):
            pause_s = self._guard.look_s(silent_s)
            try:
                async with asyncio.timeout(pause_s), self._changed:
                    await self._changed.wait_for(lambda: self._waiting or self._ended)
            except TimeoutError:
                assert pause_s is not None
                silent_s += pause_s
                self._guard.check_silence(silent_s)
        if not self._waiting:
            return None
        message, size = self._waiting.popleft()
        self._waiting_bytes -= size
        async with self._changed:
            self._changed.notify_all()
        return message

    async def _read(self) -> None:
        try:
            async for message in self._messages:
                if message.WhichOneof("request") == "cancel":
                    self.cancelled.set()
                else:
                    await self._keep(message, message.ByteSize())
        finally:
            self._ended = True
            async with self._changed:
                self._changed.notify_all()

    async def _keep(self, message: pb.OpenSessionRequest, size: int) -> None:
        """Let a message wait, once there is room for it."""

        def fits() -> bool:
            return len(self._waiting) < READ_AHEAD and self._waiting_bytes + size <= READ_AHEAD_BYTES

        async with self._changed:
            await self._changed.wait_for(lambda: not self._waiting or fits())
            self._waiting.append((message, size))
            self._waiting_bytes += size
            self._changed.notify_all()
