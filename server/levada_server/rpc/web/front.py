"""Serve the requests of browsers: the page's files, the form that signs a browser in, and calls by gRPC-Web."""

from __future__ import annotations

import asyncio
import html
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import grpc
import grpc.aio

from levada_api.v1 import access_service_pb2
from levada_server.errors import DeadlineExceeded, LevadaError, LimitReached, Unauthenticated
from levada_server.rpc.authentication import AUTHORIZATION, identify
from levada_server.rpc.browser import BrowserContext
from levada_server.rpc.status import status, status_of
from levada_server.rpc.web.connection import Gone
from levada_server.rpc.web.frames import HEAD_BYTES, frame_head, read_messages, read_timeout, trailers_frame
from levada_server.rpc.web.rules import CONTENT_TYPE, FORM_HEADERS, PAGE_HEADERS, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from levada_server.rpc.web.connection import Connection, Request
    from levada_server.rpc.web.page import PageFile
    from levada_server.rpc.web.rules import Places
    from levada_server.storage.permissions.cache import PermissionsCache

    Handler: TypeAlias = grpc.RpcMethodHandler[bytes, bytes]

REQUEST_BYTES = 8 * 2**20
"""The longest request of a known caller; it waits in memory. A page inserts more rows by several calls."""
STRANGER_BYTES = 2**13
"""The longest of a caller who is not known."""
SIGN_IN = "/sign-in"
_EXCHANGE = "/levada_api.v1.AccessService/ExchangeCode"
_PACKAGE = "/levada_api.v1."
_OWN_METADATA = "levada-"
_STATUS = "grpc-status-details-bin"
_PLAIN = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
_FORM = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Levada</title></head>
<body><h1>Levada</h1>
<p>{told}</p>
<form method="post" autocomplete="off"><label>Code <input name="code" size="30" required autofocus></label>
<button>Sign in</button></form>
</body></html>
"""
_ASK = "Type the code that <code>levada dashboard</code> printed; it is valid for a minute."


class Front:
    """Serves connections; the calls go to the dispatcher, as those over gRPC do.

    Args:
        handler: Returns the handler of a call by its path.
        permissions: The valid tokens and sessions.
        server_id: The id of the servers of this database; browsers send a cookie to every port of a host.
        page: The files of the page by their paths.
    """

    def __init__(
        self,
        handler: Callable[[str], Handler],
        permissions: PermissionsCache,
        server_id: str,
        page: Mapping[str, PageFile],
    ) -> None:
        self._handler = handler
        self._permissions = permissions
        self._cookie = f"levada-{server_id}"
        self._page = page
        self.called = time.monotonic()
        """When a known caller called last, or a browser signed in."""
        self.running_count = 0
        """How many calls run."""

    async def serve(self, connection: Connection, places: Places) -> None:
        """Serve a connection until its client leaves.

        Args:
            connection: The connection.
            places: The names under which it may have been reached.
        """
        try:
            while (request := await connection.request()) is not None:
                await self._answer(connection, places, request)
        except Gone:
            return

    async def _answer(self, connection: Connection, places: Places, request: Request) -> None:
        path = request.path
        if places.prefix and path.startswith(f"{places.prefix}/"):
            path = path.removeprefix(places.prefix)
        refusal = places.host_refusal(request.headers)
        if refusal is not None:
            await _refuse(connection, request, refusal)
        elif request.method == "POST" and path == SIGN_IN:
            await self._sign_in(connection, places, request)
        elif request.method == "POST" and path.startswith(_PACKAGE):
            await self._call(connection, places, request, path)
        elif request.method != "GET":
            await _refuse(connection, request, Refusal(405, "Only GET, and POST for calls."))
        elif request.body_bytes:
            await _refuse(connection, request, Refusal(400, "GET has no body."))
        else:
            await connection.body()
            await self._show(connection, places, request, path)

    async def _show(self, connection: Connection, places: Places, request: Request, path: str) -> None:
        """Send a file; for any other navigation the page, which says what it does not know."""
        if path == SIGN_IN:
            await _show_form(connection, 200, _ASK)
            return
        if places.prefix and path == places.prefix:
            await connection.answer(308, (("location", f"{path}/"), *PAGE_HEADERS), b"")
            return
        found = self._page.get(path)
        if found is None and request.headers.get("sec-fetch-mode") == "navigate" and path.count("/") == 1:
            found = self._page["/"]
        if found is None:
            await _tell(connection, Refusal(404, "There is no such file."))
            return
        compressed = found.compressed if "gzip" in request.headers.get("accept-encoding", "") else None
        headers = [
            ("content-type", found.content_type),
            ("cache-control", "public, max-age=31536000, immutable" if found.lasting else "no-cache"),
            ("vary", "accept-encoding"),
            *([("content-encoding", "gzip")] if compressed is not None else []),
            *PAGE_HEADERS,
        ]
        await connection.answer(200, headers, found.content if compressed is None else compressed)

    async def _sign_in(self, connection: Connection, places: Places, request: Request) -> None:
        """Exchange the code of a form for a cookie, and go on to the page."""
        refusal = places.form_refusal(request.headers)
        if refusal is None and request.body_bytes > STRANGER_BYTES:
            refusal = Refusal(413, "The form is too long.")
        if refusal is not None:
            await _refuse(connection, request, refusal)
            return
        fields = parse_qs((await connection.body()).decode("latin-1"), max_num_fields=10)
        asked = access_service_pb2.ExchangeCodeRequest(code=fields.get("code", [""])[0].strip())
        context = BrowserContext((), connection.peer, "", (asked.SerializeToString(),))
        await self._run(connection, self._handler(_EXCHANGE), context, None)
        if context.code is not grpc.StatusCode.OK:
            await _show_form(connection, 403, f"{html.escape(context.details)}<br>{_ASK}")
            return
        self.called = time.monotonic()
        headers = (("location", "./"), ("cache-control", "no-store"), *self._kept(context, places), *FORM_HEADERS)
        await connection.answer(303, headers, b"")

    async def _call(self, connection: Connection, places: Places, request: Request, path: str) -> None:
        """Serve a call by gRPC-Web."""
        headers = request.headers
        session = "" if AUTHORIZATION in headers else _cookie_value(headers.get("cookie", ""), self._cookie)
        refusal = places.call_refusal(headers, by_cookie=bool(session))
        if refusal is not None:
            await _refuse(connection, request, refusal)
            return
        metadata = [(key, value) for key, value in headers.items() if key.startswith(_OWN_METADATA)]
        if AUTHORIZATION in headers:
            metadata.append((AUTHORIZATION, headers[AUTHORIZATION]))
        answer = _Answer(connection, places)
        context = BrowserContext(metadata, connection.peer, session, send=answer.send)
        try:
            seconds = read_timeout(headers.get("grpc-timeout", ""))
            await self._check_size(connection, context, request)
            context.unread.extend(read_messages(await connection.body()))
        except LevadaError as error:
            _fail(context, error)
            await answer.end(context, None, ())
            return
        self.running_count += 1
        try:
            message = await self._run(connection, self._handler(path), context, seconds)
        finally:
            self.running_count -= 1
        await answer.end(context, message, self._kept(context, places))

    async def _check_size(self, connection: Connection, context: BrowserContext, request: Request) -> None:
        """Check the size of a request before it is read: whoever is not known fills no memory.

        Raises:
            LimitReached: It is too large.
        """
        limit = STRANGER_BYTES
        try:
            if request.body_bytes > STRANGER_BYTES:
                await identify(context, dict(context.invocation_metadata()), self._permissions)
                limit = REQUEST_BYTES
                connection.idle = False
        except Unauthenticated:
            limit = STRANGER_BYTES
        if request.body_bytes > limit + HEAD_BYTES:
            raise LimitReached(f"A call of a browser has at most {limit} bytes; send less at once.", limit="bytes")

    async def _run(
        self,
        connection: Connection,
        handler: Handler,
        context: BrowserContext,
        seconds: float | None,
    ) -> bytes | None:
        """Serve a call by its handler; return its answer, or None if that was streamed.

        Raises:
            Gone: The browser has left, and the call with it.
        """
        connection.idle = False
        call = asyncio.create_task(_served(handler, context))
        left = asyncio.create_task(connection.left())
        try:
            await asyncio.wait({call, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over, gone = call.done(), left.done()
            for task in (call, left):
                task.cancel()
            await asyncio.wait({call, left})
        if gone or (over and call.cancelled()):
            raise Gone
        if not over and call.cancelled():
            _fail(context, DeadlineExceeded("The call took longer than the browser allows."))
            return None
        error = call.exception()
        if isinstance(error, Exception) and not isinstance(error, grpc.aio.AbortError):
            context.code, rich = status_of("browser", error)
            context.details = rich.message
        if context.code is not grpc.StatusCode.UNAUTHENTICATED:
            self.called = time.monotonic()
        return None if error is not None else call.result()

    def _kept(self, context: BrowserContext, places: Places) -> Sequence[tuple[str, str]]:
        """Return the header by which the browser keeps or forgets a session."""
        if context.cookie is None or context.code is not grpc.StatusCode.OK:
            return ()
        cookie = context.cookie
        secure = "; Secure" if places.encrypted else ""
        path = f"{places.prefix}/"
        text = f"{self._cookie}={cookie.secret}; Path={path}; Max-Age={cookie.lifetime_s}; HttpOnly; SameSite=Strict"
        return (("set-cookie", text + secure),)


class _Answer:
    """The answer to a call: messages, then the status."""

    def __init__(self, connection: Connection, places: Places) -> None:
        self._connection = connection
        self._begun = False
        self._headers = (("content-type", CONTENT_TYPE), ("cache-control", "no-store"), *PAGE_HEADERS)

    async def send(self, content: bytes) -> None:
        """Send a message of a stream; cancel the call if nobody reads any more."""
        try:
            if not self._begun:
                self._begun = True
                await self._connection.begin(200, self._headers)
            await self._connection.send(frame_head(content), content)
        except Gone:
            raise asyncio.CancelledError from None

    async def end(self, context: BrowserContext, message: bytes | None, kept: Sequence[tuple[str, str]]) -> None:
        """Send the status, after the message of a call with one."""
        trailers = trailers_frame(context.code, context.details, context.trailers)
        if self._begun:
            await self._connection.send(trailers)
            await self._connection.end()
            return
        sent = () if message is None or context.code is not grpc.StatusCode.OK else (frame_head(message), message)
        await self._connection.answer(200, (*self._headers, *kept), *sent, trailers)


async def _served(handler: Handler, context: BrowserContext) -> bytes | None:
    # grpc's types know only its own context. The dispatcher reads from there.
    if handler.response_streaming:
        await handler.stream_stream(None, context)  # type: ignore[arg-type,misc]
        return None
    answer: bytes = await handler.stream_unary(None, context)  # type: ignore[arg-type,misc]
    return answer


def _fail(context: BrowserContext, error: LevadaError) -> None:
    """Set the status of a call that never reached its method, or was cut off."""
    context.code, rich = status(error)
    context.details = rich.message
    context.trailers = ((_STATUS, rich.SerializeToString()),)


async def _refuse(connection: Connection, request: Request, refusal: Refusal) -> None:
    """Refuse a request; a short body is read, so that the connection goes on."""
    if request.body_bytes <= STRANGER_BYTES:
        await connection.body()
    await _tell(connection, refusal)


async def _tell(connection: Connection, refusal: Refusal) -> None:
    await connection.answer(refusal.status, (*_PLAIN, *PAGE_HEADERS), f"{refusal.text}\n".encode())


async def _show_form(connection: Connection, status_code: int, told: str) -> None:
    headers = (("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store"), *FORM_HEADERS)
    await connection.answer(status_code, headers, _FORM.format(told=told).encode())


def _cookie_value(header: str, name: str) -> str:
    """Return the value of a cookie; empty if it is not sent."""
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""
