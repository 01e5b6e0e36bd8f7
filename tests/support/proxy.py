"""A TCP proxy between clients and servers that stalls, cuts and resets connections, and withholds answers."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from itertools import count
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Result = TypeVar("_Result")

_PIECE_BYTES = 2**16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time


class Proxy:
    """Takes connections at a free port of the loopback interface, in its own thread; a context.

    Args:
        targets: The addresses of servers: `host:port` or `unix:/path`. New connections go to one after the other; an
            address that does not answer is skipped.

    Attributes:
        refused: Is set once a connection was refused because no server answers.
        passed_bytes: Counts the bytes that it has passed on, both ways.
    """

    def __init__(self, targets: Sequence[str]) -> None:
        self.passed_bytes = 0
        self._targets = targets
        self._turns = count()
        self._loop = asyncio.new_event_loop()
        self._gate = asyncio.Event()
        self._links: set[_Link] = set()
        self._ready = threading.Event()
        self.refused = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> str:
        """The address at which it listens, `127.0.0.1:port`."""
        return f"127.0.0.1:{self._port}"

    def stall(self) -> None:
        """Hold all bytes back, in both directions, until `flow`."""
        self._call(self._gate.clear)

    def withhold(self) -> None:
        """On connections that are open now, pass on requests of clients, but no more answers of servers."""
        self._call(lambda: [link.answers.cancel() for link in self._links])

    def flow(self) -> None:
        """Pass everything on again."""
        self._call(self._gate.set)

    def cut(self) -> int:
        """End all connections in order; return their number."""
        return self._call(lambda: self._end_links(reset=False))

    def reset(self) -> int:
        """Break all connections off, as a router does that has forgotten them; return their number."""
        return self._call(lambda: self._end_links(reset=True))

    def _call(self, function: Callable[[], _Result]) -> _Result:
        async def call() -> _Result:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def _end_links(self, *, reset: bool) -> int:
        links = list(self._links)
        for link in links:
            link.cut(reset=reset)
        return len(links)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        self._gate.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        self._gate.set()
        self._end_links(reset=False)
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await self._connect()
        except OSError:  # no server answers, so the proxy does not answer either
            writer.transport.abort()
            self.refused.set()
            return
        requests = asyncio.create_task(self._pump(reader, server_writer))
        answers = asyncio.create_task(self._pump(server_reader, writer))
        link = _Link(writer, server_writer, answers)
        self._links.add(link)
        try:
            # One end is gone, so close the other. Withheld answers do not count as an end.
            await asyncio.wait((requests, answers), return_when=asyncio.FIRST_COMPLETED)
            if answers.cancelled():
                await requests
        finally:
            requests.cancel()
            answers.cancel()
            self._links.discard(link)
            link.cut(reset=False)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on as long as the gate is open."""
        try:
            while piece := await reader.read(_PIECE_BYTES):
                await self._gate.wait()
                self.passed_bytes += len(piece)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        first = next(self._turns)
        for turn in range(len(self._targets)):
            target = self._targets[(first + turn) % len(self._targets)]
            try:
                if target.startswith("unix:"):
                    return await asyncio.open_unix_connection(target.removeprefix("unix:"))
                host, _, port = target.rpartition(":")
                return await asyncio.open_connection(host, int(port))
            except OSError:
                continue
        raise OSError("no server answers")


class _Link:
    """The two ends of one connection."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter, answers: asyncio.Task[None]) -> None:
        self._ends = (client, server)
        self.answers = answers

    def cut(self, *, reset: bool) -> None:
        for end in self._ends:
            if reset:
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()
