"""The dashboard's port: open from the start, or on request until nobody uses it any more."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import socket
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from levada_server.errors import Unavailable
from levada_server.rpc.web.connection import Connection
from levada_server.rpc.web.rules import make_places

if TYPE_CHECKING:
    import ssl

    from levada_server.rpc.activity import Activity
    from levada_server.rpc.web.front import Front
    from levada_server.rpc.web.rules import Places
    from levada_server.storage.permissions.cache import PermissionsCache

MOST_CONNECTIONS = 256
"""At most this many are served; idle ones make room. More wait at the system, and it refuses some past its own."""
BACKLOG = 128
HANDSHAKE_S = 10.0
IDLE_S = 1800.0
"""A port that was opened on request closes this long after the last call."""
EMPTY_S = 120.0
"""The same while no browser has a session; longer than a code is valid."""
ROUND_S = 5.0
"""How often this is looked at."""
LOOPBACK = "127.0.0.1"
_FULL_S = 0.1
"""The pause before another look, if all connections are busy, or the process has too many files open to accept one."""
_LOG = logging.getLogger("levada.server")


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The place of a dashboard that is open from the start.

    Args:
        host: The host on which to listen.
        port: The port; 0 for any free one.
        origin: The address that browsers use, if it is another one, with the path below which a proxy serves it.
    """

    host: str
    port: int
    origin: str | None = None


class Door:
    """The port. `front` serves its connections.

    Args:
        front: Serves connections.
        permissions: The valid sessions.
        activity: Counts an open port, so that an embedded server goes on while somebody looks at it.
    """

    def __init__(self, front: Front, permissions: PermissionsCache, activity: Activity) -> None:
        self._front = front
        self._permissions = permissions
        self._activity = activity
        self._connections: dict[asyncio.Task[None], Connection | None] = {}
        self._hosts: dict[asyncio.Task[None], str] = {}
        self._opening = asyncio.Lock()
        self._accepting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._places: Places | None = None
        self._stopping = False
        self.always_open = False
        self.port = 0
        """The number of the port; 0 before it was ever open."""

    def listen(self, settings: WebSettings, tls: ssl.SSLContext | None, *, shared_port: bool) -> None:
        """Open the port for all users.

        Args:
            settings: Where.
            tls: How to encrypt; None not to.
            shared_port: Other processes listen on it too.

        Raises:
            Unavailable: The port is in use or cannot be bound.
            InvalidRequest: The settings do not say which address browsers use.
        """
        self.always_open = True
        self._listen(settings, tls, shared_port=shared_port)

    @property
    def connections(self) -> frozenset[asyncio.Task[None]]:
        """Return the tasks of the connections that are being served."""
        return frozenset(self._connections)

    async def open(self) -> str:
        """Open the port on loopback, unless it is open; return the address of the dashboard.

        Raises:
            Unavailable: No port can be opened.
        """
        async with self._opening:
            self._front.called = time.monotonic()
            if self._places is None:
                if self._stopping:
                    raise Unavailable("The server stops.")
                self._listen(WebSettings(LOOPBACK, 0), None, shared_port=False)
                self._closing = asyncio.create_task(self._close_when_quiet())
        assert self._places is not None
        return self._places.url

    async def stop(self, grace_s: float) -> None:
        """Close the port, let running calls finish within a time, then end them.

        Args:
            grace_s: The time in seconds.
        """
        self._stopping = True
        if self._closing is not None:
            self._closing.cancel()
            await asyncio.wait({self._closing})
        await self._close(grace_s)

    def _listen(self, settings: WebSettings, tls: ssl.SSLContext | None, *, shared_port: bool) -> None:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        try:
            listening = socket.create_server(
                (settings.host, settings.port), family=family, backlog=BACKLOG, reuse_port=shared_port
            )
        except OSError as error:
            raise Unavailable(
                f"The dashboard cannot be opened at {settings.host}:{settings.port} "
                f"({(error.strerror or str(error)).lower()}). Choose another address with --web."
            ) from error
        port = self.port = listening.getsockname()[1]
        try:
            places = make_places(settings.host, port, settings.origin, tls=tls is not None)
        except BaseException:
            listening.close()
            raise
        listening.setblocking(False)
        self._places = places
        self._accepting = asyncio.create_task(self._accept(listening, tls, places))
        _LOG.info("dashboard at %s", places.url)

    async def _accept(self, listening: socket.socket, tls: ssl.SSLContext | None, places: Places) -> None:
        """Serve connections until the port is closed, at most `MOST_CONNECTIONS` at once."""
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    accepted, address = await loop.sock_accept(listening)
                except OSError:
                    await asyncio.sleep(_FULL_S)
                    continue
                try:
                    while len(self._connections) >= MOST_CONNECTIONS:
                        self._make_room()
                        await asyncio.wait(
                            tuple(self._connections), timeout=_FULL_S, return_when=asyncio.FIRST_COMPLETED
                        )
                except BaseException:
                    accepted.close()
                    raise
                task = asyncio.create_task(self._serve(accepted, tls, places))
                self._connections[task] = None
                self._hosts[task] = address[0]
                task.add_done_callback(partial(self._forget, accepted))

    def _make_room(self) -> None:
        """Close a connection without a call, the oldest of the host that has the most, unless one is about to end."""
        if any(task.cancelling() for task in self._connections):
            return
        counts = Counter(self._hosts.values())
        idle = [
            (task, connection)
            for task, connection in self._connections.items()
            if connection is None or connection.idle
        ]
        if idle:
            task, connection = max(idle, key=lambda one: counts[self._hosts[one[0]]])
            if connection is not None:
                connection.abort()
            task.cancel()

    def _forget(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        del self._hosts[task]
        accepted.close()  # its transport has closed it, unless the task ended before there was one

    async def _serve(self, accepted: socket.socket, tls: ssl.SSLContext | None, places: Places) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else HANDSHAKE_S,
            )
        except (OSError, TimeoutError):  # errors of TLS too
            return
        connection = Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = connection
        if self._stopping:
            connection.close_soon()
        try:
            await self._front.serve(connection, places)
        finally:
            await connection.close()

    async def _close_when_quiet(self) -> None:
        """Close the port once nobody has used it for a while."""
        with self._activity.under_way():
            while True:
                patience = IDLE_S if self._permissions.current.signed_in(dt.datetime.now(dt.UTC)) else EMPTY_S
                left = self._front.called + patience - time.monotonic()
                if left <= 0 and not self._front.running_count:
                    break
                await asyncio.sleep(ROUND_S)
            async with self._opening:
                await self._close(0.0)
                _LOG.info("the dashboard is closed, because nobody uses it")

    async def _close(self, grace_s: float) -> None:
        self._places = None
        if self._accepting is not None:
            await _ended(self._accepting)
            self._accepting = None
        for task, connection in tuple(self._connections.items()):
            if connection is None or connection.idle:
                task.cancel()
            else:
                connection.close_soon()
        if self._connections:
            await asyncio.wait(tuple(self._connections), timeout=grace_s)
        for task in tuple(self._connections):
            await _ended(task)


async def _ended(task: asyncio.Task[None]) -> None:
    """End a task."""
    task.cancel()
    await asyncio.wait({task})
