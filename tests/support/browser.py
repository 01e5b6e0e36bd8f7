"""A browser that is signed in at the dashboard of a real server, and requests that are written by hand."""

from __future__ import annotations

import asyncio
import os
import struct
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import grpc
import h11
import pytest
from google.protobuf import message_factory
from playwright.sync_api import sync_playwright

import levada as lv
from levada_api.v1 import access_service_pb2
from levada_server.app import running
from levada_server.config import Settings
from levada_server.rpc.web.door import WebSettings
from tests.support.calls import BY_NAME, METHODS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from google.protobuf.message import Message
    from playwright.sync_api import Browser, Page

    from levada_server.rpc.server import RpcServer

CHROMIUM = which("chromium") or ""
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed; Debian has it")
"""Skips a test where there is no browser; `.ci/run` installs one."""
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PICTURES = os.environ.get("LEVADA_PICTURES")
"""The folder into which views are drawn; unset: they are not."""
TIMEOUT_S = 60.0
"""Longer than any step here takes; a test that waits this long has failed."""
WEB = WebSettings("127.0.0.1", 0)
"""The dashboard is open from the start, on any free port."""
_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => window.told(
    `${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


def draw(page: Page, name: str) -> None:
    """Draw what a browser shows into the folder of pictures, if there is one."""
    if PICTURES is not None:
        page.screenshot(path=Path(PICTURES) / f"{name.replace(' ', '-')}.png")


@dataclass
class Complaints:
    """The faults of a page.

    Args:
        violations: Violations of the content security policy.
        errors: Errors of scripts, and those in the console.
    """

    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class Served:
    """A server with its dashboard.

    Args:
        server: The server itself, in this event loop.
        address: Its address for clients.
        url: The address of the page.
    """

    server: RpcServer
    address: str
    url: str

    async def code(self, token: str | None = None) -> str:
        """Return a code, for the administrator or the user of a token."""
        return (await asyncio.to_thread(sign_in_code, self.address, token))[1]

    async def signed_in(self, token: str | None = None) -> HandMade:
        """Return requests of a browser that is signed in."""
        made = HandMade(self.url)
        await made.sign_in(await self.code(token))
        return made


@asynccontextmanager
async def serving(
    database_url: str, folder: Path, web: WebSettings | None = WEB, **options: object
) -> AsyncIterator[Served]:
    """Serve a database in this event loop, with its dashboard, on TCP and on the private socket.

    Args:
        database_url: The database.
        folder: The data folder.
        web: The place of the dashboard; None to open it on request.
        options: More settings of the server.
    """
    settings = Settings(database_url, folder, "127.0.0.1:0", grace_s=0.1, web=web, **options)  # type: ignore[arg-type]
    async with running(settings) as (server, address):
        url, _ = await asyncio.to_thread(sign_in_code, address)
        yield Served(server, address, url)


def sign_in_code(address: str, token: str | None = None) -> tuple[str, str]:
    """Ask a server for its dashboard, as `levada dashboard` does; return the page's address and a code."""
    with lv.Connection(address, token) as connection:
        answer = connection.call(
            "AccessService/OpenDashboard",
            access_service_pb2.OpenDashboardRequest(),
            access_service_pb2.OpenDashboardResponse,
        )
    return answer.url, answer.code


@contextmanager
def signed_in(
    address: str, token: str | None = None, browser: Browser | None = None, **options: object
) -> Iterator[tuple[Page, Complaints]]:
    """Show the dashboard of a server in Chromium, signed in, for the length of the block.

    Args:
        address: The server's address, as clients use it.
        token: The token of the user; None for the administrator at the private socket.
        browser: The browser; None to start one.
        options: Options of Playwright's `new_context`, such as `color_scheme="dark"`, `viewport` and `has_touch`.
    """
    url, code = sign_in_code(address, token)
    with chromium_page(browser, **options) as (page, complaints):
        page.goto(f"{url}sign-in")
        page.get_by_label("Code").fill(code)
        page.get_by_role("button").click()
        page.wait_for_url(lambda reached: urlsplit(reached).path == urlsplit(url).path)
        yield page, complaints


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium for the length of the block, in which this thread can run no event loop of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium_page(browser: Browser | None = None, **options: object) -> Iterator[tuple[Page, Complaints]]:
    """Open a page of a browser for the length of the block, with cookies of its own; None to start a browser."""
    if browser is None:
        with chromium() as started, chromium_page(started, **options) as opened:
            yield opened
        return
    complaints = Complaints()
    context = browser.new_context(**options)  # type: ignore[arg-type]  # its options are Playwright's
    context.set_default_timeout(TIMEOUT_S * 1000)
    context.expose_function("told", lambda text: complaints.violations.append(text))  # it takes functions alone
    context.add_init_script(_VIOLATIONS)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.errors.append(str(error)))
    page.on("console", lambda line: complaints.errors.append(line.text) if line.type == "error" else None)
    try:
        yield page, complaints
    finally:
        context.close()


@dataclass
class Reply:
    """An answer over HTTP; of several headers with a name, the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Ended:
    """How a call by gRPC-Web ended.

    Args:
        code: The name of the status's code.
        details: Its text.
        messages: The messages of the response.
        reply: The answer over HTTP.
        trailers: The metadata after the answer.
    """

    code: str
    details: str
    messages: list[Any]  # each of its method
    reply: Reply
    trailers: Mapping[str, str]


class HandMade:
    """Requests to the dashboard's port, whose every header a test chooses.

    Args:
        url: The address of the page, with a `/` at its end.
        cookie: The cookie to send; empty for none.
    """

    def __init__(self, url: str, cookie: str = "") -> None:
        self.url = url
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.cookie = cookie

    def headers(self, **changes: str | None) -> dict[str, str]:
        """Return the headers of a call by our own page; None leaves one out."""
        usual: dict[str, str | None] = {
            "host": f"{self.host}:{self.port}",
            "origin": self.origin,
            "sec-fetch-site": "same-origin",
            "content-type": "application/grpc-web+proto",
            "cookie": self.cookie or None,
        }
        named = {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in (usual | named).items() if value is not None}

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """Make a request on a connection of its own.

        Args:
            method: The method of HTTP.
            path: The path below the page's address.
            headers: All headers but the length; None for those of a navigation.
            body: The body; None for none.
        """
        known = dict(headers if headers is not None else {"host": f"{self.host}:{self.port}"})
        if body is not None:
            known["content-length"] = str(len(body))
        async with asyncio.timeout(TIMEOUT_S), self.connected() as (reader, writer):
            client = h11.Connection(h11.CLIENT)
            target = f"{self.path}{path}"
            writer.write(client.send(h11.Request(method=method, target=target, headers=list(known.items()))) or b"")
            if body:
                writer.write(client.send(h11.Data(data=body)) or b"")
            writer.write(client.send(h11.EndOfMessage()) or b"")
            return await read_reply(client, reader)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect for the length of the block."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def call(self, name: str, request: Message | None = None, **headers: str | None) -> Ended:
        """Make a call such as `GetCaller`, with some headers changed."""
        full = BY_NAME[name]
        method = METHODS[full]
        content = (request or message_factory.GetMessageClass(method.input_type)()).SerializeToString()
        reply = await self.request("POST", path_of(name), self.headers(**headers), frame(content))
        return ended(name, reply)

    async def sign_in(self, code: str) -> str:
        """Exchange a code for a cookie as our own page may, and keep that; return the header that sets it."""
        done = await self.call("ExchangeCode", access_service_pb2.ExchangeCodeRequest(code=code))
        assert done.code == "OK", done.details
        setting = done.reply.headers["set-cookie"]
        self.cookie = setting.partition(";")[0]
        return setting


def path_of(name: str) -> str:
    """Return the path of a method below the page's address."""
    return f"levada_api.v1.{BY_NAME[name]}"


def frame(content: bytes) -> bytes:
    """Write the message of a request."""
    return struct.pack(">BI", 0, len(content)) + content


async def read_reply(client: h11.Connection, reader: asyncio.StreamReader) -> Reply:
    """Read the answer to a request."""
    body = bytearray()
    head: h11.Response | None = None
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            client.receive_data(await reader.read(2**16))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            return Reply(head.status_code, {name.decode(): value.decode() for name, value in head.headers}, bytes(body))


def ended(name: str, reply: Reply) -> Ended:
    """Read the frames of an answer."""
    answer = message_factory.GetMessageClass(METHODS[BY_NAME[name]].output_type)
    messages, trailers, rest = [], dict[str, str](), reply.body
    if reply.status != 200:
        return Ended(f"HTTP {reply.status}", reply.body.decode(), [], reply, {})
    while rest:
        flag, length = struct.unpack(">BI", rest[:5])
        content, rest = rest[5 : 5 + length], rest[5 + length :]
        if flag:
            trailers = dict(line.split(": ", 1) for line in content.decode().splitlines())
        else:
            messages.append(answer.FromString(content))
    number = int(trailers["grpc-status"])
    code = next(code.name for code in grpc.StatusCode if code.value[0] == number)
    return Ended(code, unquote(trailers["grpc-message"]), messages, reply, trailers)
