"""Keep connections to PostgreSQL open between their uses."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from levada_server.storage.postgres.failures import LOST_CONNECTION, is_told_by_a_call, out_of_reach

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_LOG = logging.getLogger("levada.postgresql")

SPARE_S = 300.0
"""The time, in seconds, after which connections that nobody needed meanwhile are closed."""
CLOSE_S = 10.0
"""How long a stopping server waits for connections that are in use."""
SETTLE_S = 5.0
"""The time, in seconds, that a connection has to answer after a failure, and to close."""


def _is_news(record: logging.LogRecord) -> bool:
    return not is_told_by_a_call(record)


class Pool:
    """Open connections. Whoever takes one gives it back; the number in use is limited by the callers.

    The driver's own pool starts a task and a timer for each use, a seventh of the server's time for a small call.

    Args:
        connect: Opens a connection.
        first: A connection that it has opened.
        settings: The statement that sets up each transaction, if there is a pooler before PostgreSQL, which may run
            each on another session; None if the sessions are the connections' own.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], first: Connection, settings: str | None = None
    ) -> None:
        logging.getLogger("asyncio").addFilter(_is_news)
        self.settings = settings
        self.version = first.get_server_version()
        self._connect = connect
        self._idle = [first]  # the last one is taken first, so that spare ones stay idle
        self._spare = 0  # how many of the first have been idle since the last `close_spare`
        self._lent: dict[Connection, bool] = {}  # whether it may be lent again
        self._closing: asyncio.Event | None = None
        self._timer = asyncio.get_running_loop().call_later(SPARE_S, self.close_spare)

    async def take(self) -> Connection:
        """Return an idle connection, or a new one.

        Raises:
            Unavailable: PostgreSQL cannot be reached, or the pool is closed.
        """
        connection = self._open_idle()
        if connection is None:
            with out_of_reach():
                connection = await self._connect()
                if self._closing is not None:
                    connection.terminate()
                    raise asyncpg.InterfaceError("the pool is closed")
        self._lent[connection] = True
        return connection

    def _open_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            self._spare = min(self._spare, len(self._idle))
            if not connection.is_closed():
                return connection
        return None

    def give(self, connection: Connection) -> None:
        """Take a connection back as it is: every use ends its transaction, and none changes a setting of the session.

        The driver's own reset would cost one more trip to PostgreSQL per call.
        """
        if self._lent.pop(connection) and not connection.is_closed():
            self._idle.append(connection)
        else:
            connection.terminate()
        if self._closing is not None and not self._lent:
            self._closing.set()

    async def give_after_failure(self, connection: Connection) -> None:
        """Take a connection back whose statement may still run; close it unless it is free at once."""
        try:
            await connection.reset(timeout=SETTLE_S)
        except (asyncpg.PostgresError, *LOST_CONNECTION):
            with suppress(asyncpg.PostgresError, *LOST_CONNECTION):  # it is cut then
                await connection.close(timeout=SETTLE_S)  # waits until PostgreSQL has cancelled the statement
        except BaseException:
            connection.terminate()
            raise
        finally:
            self.give(connection)

    def expire(self) -> None:
        """Let no connection be used again that is open now."""
        self._lent = dict.fromkeys(self._lent, False)
        self._spare = len(self._idle)
        self._close_first()

    def close_spare(self) -> None:
        """Close the connections that nobody has needed since the last time."""
        self._close_first()
        self._spare = len(self._idle)
        self._timer = asyncio.get_running_loop().call_later(SPARE_S, self.close_spare)

    def _close_first(self) -> None:
        for connection in self._idle[: self._spare]:
            connection.terminate()
        del self._idle[: self._spare]
        self._spare = 0

    async def close(self) -> None:
        """Close all connections, also those in use after a while: a server must be able to stop."""
        self._timer.cancel()
        self._closing = asyncio.Event()
        self.expire()
        if not self._lent:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._closing.wait()
        except TimeoutError:
            _LOG.warning("connections were still in use %.0f s after the calls had ended, and were cut", CLOSE_S)
        for connection in self._lent:
            connection.terminate()
