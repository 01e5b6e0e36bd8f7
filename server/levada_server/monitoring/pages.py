"""Serve a few pages over HTTP from a thread of their own, whatever the server is doing."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from levada_server.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_Result = TypeVar("_Result")

TEXT = "text/plain; charset=utf-8"
MAX_CONNECTIONS = 16
"""Past this many connections others are closed at once."""
REQUEST_BYTES = 8192
REQUEST_S = 10.0
"""The time, in seconds, for a request and its answer."""
_LOG = logging.getLogger("levada.server")


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a request."""

    status: HTTPStatus
    content: bytes
    content_type: str = TEXT


Pages: TypeAlias = "Mapping[str, Callable[[], Awaitable[Page]]]"
"""The function that makes the page of each path; it runs in the thread."""


class PageServer:
    """Serves pages until it is closed, one request for each connection.

    Args:
        host: The address to listen on.
        port: The port there; 0 for any free one.
        pages: The pages.

    Raises:
        Unavailable: The address cannot be used.
    """

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self._pages = pages
        self._open = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="levada-pages", daemon=True)
        self._thread.start()
        try:
            self._server = self._run(asyncio.start_server(self._serve, host, port, limit=REQUEST_BYTES))
        except OSError as error:
            self._end()
            raise Unavailable(f"Metrics cannot be served at {host}:{port} ({error.strerror}).") from error
        self.port: int = self._server.sockets[0].getsockname()[1]
        """The port on which it listens."""

    def _run(self, work: Awaitable[_Result]) -> _Result:
        async def awaited() -> _Result:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= MAX_CONNECTIONS:
                async with asyncio.timeout(REQUEST_S):
                    page = await self._answer(await reader.readuntil(b"\r\n\r\n"))
                    writer.write(_spelled(page))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # not a client that waits for an answer
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, head: bytes) -> Page:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0].decode("ascii", "replace")
        if path not in self._pages:
            return Page(HTTPStatus.NOT_FOUND, f"The pages are {', '.join(self._pages)}.\n".encode())
        if method != b"GET":
            return Page(HTTPStatus.METHOD_NOT_ALLOWED, b"Pages are only read, with GET.\n")
        try:
            return await self._pages[path]()
        except Exception:  # noqa: BLE001  # whatever it was, the next request may succeed
            _LOG.exception("the page %s failed", path)
            return Page(HTTPStatus.INTERNAL_SERVER_ERROR, b"The page failed; the server's log says why.\n")

    def close(self) -> None:
        """Stop serving."""
        self._run(self._close())
        self._end()

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _spelled(page: Page) -> bytes:
    lines = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.content)}",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + page.content
