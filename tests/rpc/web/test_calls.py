"""Calls by gRPC-Web have the limits, errors and ends of calls over gRPC: on a real server."""

from __future__ import annotations

import asyncio
import io
import random
import re
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11
import pyarrow as pa
import pytest
import pytest_asyncio

import levada as lv
from levada_api.v1 import access_service_pb2 as access
from levada_api.v1 import job_service_pb2, query_service_pb2, row_service_pb2, schema_pb2
from levada_server.rpc.web.connection import Connection
from levada_server.rpc.web.door import Door
from levada_server.rpc.web.front import REQUEST_BYTES, STRANGER_BYTES
from levada_server.rpc.web.page import PageFile, read_page
from tests.support.browser import HandMade, Served, ended, frame, path_of, read_reply, serving
from tests.support.roles import relation_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

LARGE = schema_pb2.TableName(schema="lab", table="Large")
LENGTH = schema_pb2.TableName(schema="lab", table="Length")
ROWS, ROW_BYTES = 64, 2**20


@pytest_asyncio.fixture
async def front(database_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(database_url, tmp_path) as served:
        yield served


@pytest_asyncio.fixture
async def browser(front: Served) -> HandMade:
    return await front.signed_in()


def make_large(address: str) -> None:
    """Make a table whose rows are more than any buffer holds."""
    with lv.Connection(address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Large(lv.Manual):
            definition = "large : int32\n---\ncontent : <blob>"

        @schema
        class Length(lv.Computed):
            definition = "-> Large\n---\nlength : int32"

            def make(self, key: dict[str, object]) -> None:
                raise NotImplementedError

        content = random.Random(0).randbytes(ROW_BYTES)  # nobody can compress it
        for number in range(ROWS):
            Large().insert1((number, content))


async def begin(browser: HandMade, name: str, content: bytes, **headers: str) -> tuple[h11.Connection, bytes]:
    """Return a client that has written a call, and the bytes that it wrote."""
    client = h11.Connection(h11.CLIENT)
    body = frame(content)
    known = {**browser.headers(**headers), "content-length": str(len(body))}
    request = h11.Request(method="POST", target=f"{browser.path}{path_of(name)}", headers=list(known.items()))
    parts = (client.send(event) or b"" for event in (request, h11.Data(data=body), h11.EndOfMessage()))
    return client, b"".join(parts)


def outcomes(served: Served, name: str) -> dict[str, int]:
    """Return how the calls of a method have ended, as the metrics count them."""
    return {
        code: count
        for (method, code), count in served.server.dispatcher.measures.ended.items()
        if method.endswith(name)
    }


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # the counts of the server have no event
            await asyncio.sleep(0)


async def test_an_error_has_its_status_and_details(browser: HandMade) -> None:
    done = await browser.call("ListGrants", access.ListGrantsRequest(schema="lab"))
    assert done.code == "NOT_FOUND"
    assert "lab" in done.details
    assert done.trailers["grpc-status-details-bin"]
    assert done.messages == []


async def test_a_stream_of_answers(front: Served, browser: HandMade) -> None:
    await asyncio.to_thread(make_large, front.address)
    done = await browser.call("FetchRelation", query_service_pb2.FetchRelationRequest(relation=relation_of(LARGE)))
    assert done.code == "OK"
    assert len(done.messages) > 1
    assert sum(message.ByteSize() for message in done.messages) > ROWS * ROW_BYTES


async def test_a_slow_reader_fills_no_memory(front: Served, browser: HandMade) -> None:
    """The answer is 64 MiB; without a reader, no more waits than buffers hold."""
    await asyncio.to_thread(make_large, front.address)
    request = query_service_pb2.FetchRelationRequest(relation=relation_of(LARGE)).SerializeToString()
    client, sent = await begin(browser, "FetchRelation", request)
    measures = front.server.dispatcher.measures
    async with browser.connected() as (reader, writer):
        before = measures.sent_bytes
        writer.write(sent)
        await until(lambda: measures.sent_bytes > before)
        for _ in range(10):  # whatever could go on does so meanwhile
            assert (await (await front.signed_in()).call("GetCaller")).code == "OK"
        waiting = measures.sent_bytes - before
        reply = await read_reply(client, reader)
    assert waiting < ROWS * ROW_BYTES / 4
    assert ended("FetchRelation", reply).code == "OK"


async def test_a_browser_that_leaves_ends_its_call(front: Served, browser: HandMade) -> None:
    await asyncio.to_thread(make_large, front.address)
    _, sent = await begin(browser, "WatchProgress", watch())
    running = front.server.dispatcher.measures.running
    async with browser.connected() as (reader, writer):
        writer.write(sent)
        await reader.readuntil(b"\r\n\r\n")
        assert sum(count for name, count in running.items() if name.endswith("WatchProgress")) == 1
    await until(lambda: outcomes(front, "WatchProgress") == {"cancelled": 1})


def watch() -> bytes:
    return job_service_pb2.WatchProgressRequest(names=[LENGTH]).SerializeToString()


async def test_a_deadline_ends_a_call(front: Served, browser: HandMade) -> None:
    await asyncio.to_thread(make_large, front.address)
    request = job_service_pb2.WatchProgressRequest(names=[LENGTH])
    done = await browser.call("WatchProgress", request, grpc_timeout="100m")
    assert done.code == "DEADLINE_EXCEEDED"
    assert outcomes(front, "WatchProgress") == {"cancelled": 1}
    assert (await browser.call("GetCaller", grpc_timeout="10S")).code == "OK"
    for wrong in ("100", "m", "1.5S", "123456789S", "-1S"):
        assert (await browser.call("GetCaller", grpc_timeout=wrong)).code in ("INVALID_ARGUMENT", "HTTP 400"), wrong


async def test_a_withdrawn_session_ends_its_streams(front: Served, browser: HandMade) -> None:
    await asyncio.to_thread(make_large, front.address)
    _, sent = await begin(browser, "WatchProgress", watch())
    async with browser.connected() as (reader, writer):
        writer.write(sent)
        await reader.readuntil(b"\r\n\r\n")
        # The head is gone, so the rest is read by hand: pieces of chunked frames until the trailers.
        await browser.call("DeleteBrowserSession")
        rest = await reader.readuntil(b"0\r\n\r\n")
    assert b"grpc-status: 16" in rest


async def test_a_stream_of_requests_comes_whole(front: Served, browser: HandMade) -> None:
    await asyncio.to_thread(make_large, front.address)
    content = io.BytesIO()
    rows = pa.table({"large": pa.array([ROWS, ROWS + 1], pa.int32()), "content": pa.array([b"lv1\0", b"lv1\0"])})
    with pa.ipc.new_stream(content, rows.schema) as writer:
        writer.write_table(rows)
    header = row_service_pb2.InsertRowsRequest(header=row_service_pb2.InsertHeader(name=LARGE))
    half = len(content.getvalue()) // 2
    pieces = [content.getvalue()[:half], content.getvalue()[half:]]
    sent = [header, *(row_service_pb2.InsertRowsRequest(arrow_ipc=piece) for piece in pieces)]
    body = b"".join(frame(message.SerializeToString()) for message in sent)
    reply = await browser.request("POST", path_of("InsertRows"), browser.headers(), body)
    done = ended("InsertRows", reply)
    assert (done.code, done.details) == ("OK", "")
    assert done.messages[0].row_count == 2
    reply = await browser.request("POST", path_of("InsertRows"), browser.headers(), body[: len(frame(b"")) + 1])
    assert ended("InsertRows", reply).code == "INVALID_ARGUMENT"


async def test_methods_with_streams_both_ways_say_so(front: Served, browser: HandMade) -> None:
    for name in ("OpenCalls", "OpenSession"):
        done = await browser.call(name)
        assert (done.code, "gRPC" in done.details) == ("UNIMPLEMENTED", True)
        assert (await HandMade(front.url).call(name)).code == "UNAUTHENTICATED"


async def test_unknown_methods(front: Served, browser: HandMade) -> None:
    for made, code in ((browser, "12"), (HandMade(front.url), "16")):
        for path in ("levada_api.v1.AccessService/Nothing", "levada_api.v1.Nothing", "levada_api.v1./"):
            reply = await made.request("POST", path, made.headers(), frame(b""))
            assert re.search(rb"grpc-status: (\d+)", reply.body)[1].decode() == code  # type: ignore[index]
    assert (await browser.request("POST", "grpc.health.v1.Health/Check", browser.headers(), frame(b""))).status == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0",
        frame(b"")[:4],
        frame(b"\xff\xff\xff"),
        frame(b"x" * 10)[:-1],
        frame(b"") + b"more",
        struct.pack(">BI", 1, 0),
        struct.pack(">BI", 0x80, 0),
        struct.pack(">BI", 0, 2**32 - 1),
    ],
)
async def test_damaged_messages_are_refused(browser: HandMade, body: bytes) -> None:
    reply = await browser.request("POST", path_of("GetCaller"), browser.headers(), body)
    assert ended("GetCaller", reply).code == "INVALID_ARGUMENT"


async def test_long_requests_are_refused_before_they_are_read(front: Served, browser: HandMade) -> None:
    """A stranger's limit is lower than that of a known caller."""
    stranger = HandMade(front.url)
    for made, length in ((stranger, STRANGER_BYTES + 100), (browser, REQUEST_BYTES + 100), (browser, 2**40)):
        async with made.connected() as (reader, writer):
            head = {**made.headers(), "content-length": str(length)}
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            writer.write(f"POST {made.path}{path_of('InsertFewRows')} HTTP/1.1\r\n{lines}\r\n".encode())
            reply = await reader.readuntil(b"grpc-status: 8")
            assert b"connection: close" in reply.lower()
    request = row_service_pb2.InsertFewRowsRequest(arrow_ipc=bytes(2**20))
    assert (await browser.call("InsertFewRows", request)).code in ("INVALID_ARGUMENT", "NOT_FOUND")


async def test_one_connection_serves_many_calls(browser: HandMade) -> None:
    client, sent = await begin(browser, "GetCaller", b"")
    async with browser.connected() as (reader, writer):
        for _ in range(5):
            writer.write(sent)
            reply = await read_reply(client, reader)
            assert ended("GetCaller", reply).code == "OK"
            client, sent = await begin(browser, "GetCaller", b"")


async def test_a_second_request_before_the_answer_ends_the_connection(front: Served, browser: HandMade) -> None:
    """No browser does so, and its end could not be noticed during the first call."""
    await asyncio.to_thread(make_large, front.address)
    _, sent = await begin(browser, "WatchProgress", watch())
    async with browser.connected() as (reader, writer):
        writer.write(sent)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        await reader.read()
    await until(lambda: outcomes(front, "WatchProgress") == {"cancelled": 1})


@pytest.mark.parametrize(
    "sent",
    [
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 2**20,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ],
)
async def test_what_is_not_http_harms_nobody(front: Served, browser: HandMade, sent: bytes) -> None:
    async with browser.connected() as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""
    assert not answer or re.match(rb"HTTP/1.1 4\d\d", answer)
    assert (await browser.call("GetCaller")).code == "OK"


async def test_idle_connections_keep_nobody_waiting(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are bounded, and the oldest of the address with the most makes room."""
    monkeypatch.setattr("levada_server.rpc.web.door.MOST_CONNECTIONS", 3)
    async with serving(database_url, tmp_path) as served:
        browser = await served.signed_in()
        reader, writer = await asyncio.open_connection(browser.host, browser.port, local_addr=("127.0.0.2", 0))
        idle = [await asyncio.open_connection(browser.host, browser.port) for _ in range(10)]
        assert (await browser.call("GetCaller")).code == "OK"
        for ended, _ in idle[:8]:
            assert await ended.read() == b""
        assert len(served.server.web.connections) <= 3
        writer.write(b"no HTTP\r\n\r\n")  # is served still
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        for _, other in (*idle, (reader, writer)):
            other.close()


HELD = {
    "a form": "POST /sign-in HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n",
    "a call": f"POST /{path_of('GetCaller')} HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n",
    "a file": "GET /large HTTP/1.1\r\n",
}
"""The first lines of requests of strangers, who send no body, or take no answer."""


@pytest.mark.parametrize("held", HELD)
async def test_slow_strangers_keep_nobody_waiting(
    held: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("BODY_S", "WRITE_S", "LINGER_S"):
        monkeypatch.setattr(f"levada_server.rpc.web.connection.{limit}", 3600.0)
    monkeypatch.setattr("levada_server.rpc.web.door.MOST_CONNECTIONS", 1)
    monkeypatch.setitem(read_page(), "/large", PageFile(bytes(2**26), "text/plain", compressible=False, lasting=False))
    async with serving(database_url, tmp_path) as served:
        browser = await served.signed_in()
        async with browser.connected() as (reader, writer):
            more = f"host: {browser.host}:{browser.port}\r\norigin: {browser.origin}\r\n"
            length = "" if held == "a file" else "content-length: 50\r\nexpect: 100-continue\r\n"
            writer.write(f"{HELD[held]}{more}{length}\r\n".encode())
            assert await reader.readline() in (b"HTTP/1.1 100 \r\n", b"HTTP/1.1 200 \r\n")
            assert (await browser.call("GetCaller")).code == "OK"


async def test_only_one_connection_makes_room_for_another(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it takes its time to end."""
    monkeypatch.setattr("levada_server.rpc.web.door.MOST_CONNECTIONS", 4)
    monkeypatch.setattr("levada_server.rpc.web.door._FULL_S", 0.0)
    looks, may_end = 0, asyncio.Event()
    look, close = Door._make_room, Connection.close  # noqa: SLF001  # as it says

    def counted(door: Door) -> None:
        nonlocal looks
        looks += 1
        if looks == 20:
            may_end.set()
        look(door)

    async def slow(connection: Connection) -> None:
        await may_end.wait()
        await close(connection)

    monkeypatch.setattr(Door, "_make_room", counted)
    async with serving(database_url, tmp_path) as served:
        parts = urlsplit(served.url)
        request = f"GET /none HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode()
        idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        for _ in range(5):
            if len(idle) == 4:
                monkeypatch.setattr(Connection, "close", slow)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(request)
            assert (await reader.readuntil(b"such file.\n")).startswith(b"HTTP/1.1 404")
            idle.append((reader, writer))
        assert looks >= 20
        assert await idle[0][0].read() == b""
        for reader, writer in idle[1:]:
            writer.write(request)
            assert (await reader.readuntil(b"such file.\n")).startswith(b"HTTP/1.1 404")
        for _, writer in idle:
            writer.close()


async def test_an_idle_connection_is_closed(browser: HandMade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada_server.rpc.web.connection.HEAD_S", 0.1)
    for sent in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: "):
        async with browser.connected() as (reader, writer):
            writer.write(sent)
            assert await reader.read() == b""


async def test_a_body_that_does_not_come_ends_the_connection(
    front: Served, browser: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levada_server.rpc.web.connection.BODY_S", 0.2)
    _, sent = await begin(browser, "GetCaller", b"x" * 100)
    async with browser.connected() as (reader, writer):
        writer.write(sent[:-50])
        assert await reader.read() == b""
    assert (await browser.call("GetCaller")).code == "OK"


async def test_who_takes_no_answer_is_left(front: Served, browser: HandMade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada_server.rpc.web.connection.WRITE_S", 0.2)
    await asyncio.to_thread(make_large, front.address)
    request = query_service_pb2.FetchRelationRequest(relation=relation_of(LARGE)).SerializeToString()
    _, sent = await begin(browser, "FetchRelation", request)
    async with browser.connected() as (_, writer):
        writer.write(sent)
        await until(lambda: outcomes(front, "FetchRelation") == {"cancelled": 1})
