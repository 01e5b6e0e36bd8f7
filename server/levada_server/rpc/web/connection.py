"""One connection of HTTP/1.1: requests within limits of size and time, answers no faster than they are taken.

Browsers get HTTP/2 from a proxy in front, if they need it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEAD_BYTES = 2**14
"""The longest head of a request."""
HEAD_S = 30.0
"""How long a browser may take to send one, the pause since its last request included."""
BODY_S = 60.0
"""How long it may take to send the rest."""
PIECE_BYTES = 2**16
WRITE_S = 60.0
"""How long it may take to take one piece of an answer."""
LINGER_S = 2.0
"""How long the rest of a refused request is read, so that the browser sees why it was refused."""


class Gone(Exception):  # nobody is there to whom it would be an error
    """The client has left, or does not follow HTTP, or takes too long."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request.

    Args:
        method: Its method.
        path: Its path without the query, which says nothing here.
        headers: The headers by their names in small letters; of several with a name, the last.
        body_bytes: The length of its body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body_bytes: int


class Connection:
    """A connection; it serves one request after the other.

    Args:
        reader: The bytes of the client come by it.
        writer: The bytes for it go by it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._closing = False
        self._torn = False
        self.idle = True
        """Whether no call is being served; a stranger may send slowly, or take a file slowly."""
        writer.transport.set_write_buffer_limits(high=PIECE_BYTES)

    @property
    def peer(self) -> str:
        """Return the address of the client as gRPC writes one."""
        name = self._writer.get_extra_info("peername")
        if not isinstance(name, tuple):
            return "unknown:"
        return f"ipv6:[{name[0]}]:{name[1]}" if ":" in name[0] else f"ipv4:{name[0]}:{name[1]}"

    def close_soon(self) -> None:
        """Let the next answer be the last."""
        self._closing = True

    async def request(self) -> Request | None:
        """Read the head of the next request; None if there is none.

        Raises:
            Gone: It does not come in time, or is not HTTP.
        """
        self.idle = True
        try:
            async with asyncio.timeout(HEAD_S):
                event = await self._event()
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint)
            raise Gone from None
        except TimeoutError:
            raise Gone from None
        if not isinstance(event, h11.Request):
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers:  # no browser needs it, and pieces of a byte would take long to read
            await self._refuse(411)
            raise Gone
        path = event.target.partition(b"?")[0].decode("ascii")
        return Request(event.method.decode("ascii"), path, headers, int(length))

    async def body(self) -> bytes:
        """Read the body of the request, whose length has been checked.

        Raises:
            Gone: It does not come in time, or more follows: no browser sends a request before the answer to the last.
        """
        content = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                while isinstance(event := await self._event(), h11.Data):
                    content += event.data
        except (h11.RemoteProtocolError, TimeoutError):
            raise Gone from None
        if not isinstance(event, h11.EndOfMessage) or any(self._http.trailing_data):
            raise Gone
        return bytes(content)

    async def left(self) -> None:
        """Wait until the client has left, or sends what it should not before it has its answer."""
        with suppress(OSError):
            await self._reader.read(1)
        self._closing = True

    async def answer(self, status: int, headers: Iterable[tuple[str, str]], *contents: bytes) -> None:
        """Send a whole answer.

        Raises:
            Gone: The client does not take it.
        """
        await self.begin(status, (*headers, ("content-length", str(sum(map(len, contents))))))
        await self.send(*contents)
        await self.end()

    async def begin(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Begin an answer, whose parts follow.

        Raises:
            Gone: The client does not take it.
        """
        unread = self._http.their_state is h11.SEND_BODY
        last = [("connection", "close")] if self._closing or unread else []
        await self._write(h11.Response(status_code=status, headers=[*headers, *last]))

    async def send(self, *contents: bytes) -> None:
        """Send parts of an answer, and wait until the client takes them.

        Raises:
            Gone: The client does not take it.
        """
        small = sum(map(len, contents)) <= PIECE_BYTES
        for content in [b"".join(contents)] if small else contents:
            if content:
                await self._write(h11.Data(data=content))

    async def end(self) -> None:
        """End an answer.

        Raises:
            Gone: The client does not take it, or there can be no further request.
        """
        await self._write(h11.EndOfMessage())
        if self._http.their_state is h11.SEND_BODY:
            await self._linger()
        if self._closing or self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            raise Gone
        self._http.start_next_cycle()

    def abort(self) -> None:
        """Close the connection at once; what it has not sent is lost."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        try:
            async with asyncio.timeout(LINGER_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            return
        finally:
            self.abort()

    async def _refuse(self, status: int) -> None:
        """Answer what is not a request that is served here; its sender need not take the answer."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._closing = True
            with suppress(Gone):
                await self.answer(status, (), b"")

    async def _linger(self) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while await self._reader.read(PIECE_BYTES):
                    pass

    async def _event(self) -> object:
        """Return the next event of h11, other than that it needs data."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                self._http.receive_data(await self._reader.read(PIECE_BYTES))
            except OSError:
                raise Gone from None
        return event

    async def _write(self, event: h11.Event) -> None:
        if self._torn:
            raise Gone
        # Large parts are passed through as they are, because each copy would wait with them for a slow reader.
        parts = self._http.send_with_data_passthrough(event) or []
        short = sum(map(len, parts)) <= PIECE_BYTES
        self._torn = True  # until all is written: what follows a part would be taken for its rest
        try:
            for part in [b"".join(parts)] if short else parts:
                for start in range(0, len(part), PIECE_BYTES):
                    self._writer.write(memoryview(part)[start : start + PIECE_BYTES])
                    async with asyncio.timeout(WRITE_S):
                        await self._writer.drain()
        except (OSError, TimeoutError):
            raise Gone from None
        self._torn = False
