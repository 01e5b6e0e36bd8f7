"""Rows that are inserted while they arrive, and senders that stall or leave: over a real channel."""

from __future__ import annotations

import asyncio
import io
from itertools import pairwise
from typing import TYPE_CHECKING

import grpc.aio
import pyarrow as pa
import pytest
import pytest_asyncio

from levada_api.v1 import row_service_pb2 as pb
from levada_api.v1 import row_service_pb2_grpc, schema_pb2
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.server import RpcServer
from levada_server.storage.postgres import database
from levada_server.storage.postgres.database import Database
from tests.support import make
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.context import Engine

ROWS = 1000
"""The size of a batch: more than a single statement takes."""
BATCHES = 4
ALL = range(BATCHES * ROWS)


@pytest.fixture(params=[1])
def connections(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "POOL_SIZE", request.param)


@pytest_asyncio.fixture
async def stub(connections: None, engine: Engine) -> AsyncIterator[row_service_pb2_grpc.RowServiceStub]:
    await make.make_table(engine, "Thing", "id : int64\n---\nname : varchar(20)\n")
    server = RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits())
    address = server.listen(private_address())
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield row_service_pb2_grpc.RowServiceStub(channel)
    await server.stop(10)


def batch(number: int, name: str | bytes = "new") -> pa.RecordBatch:
    """Make the rows of one batch; a name that is bytes stands for no name."""
    ids = pa.array(range(number * ROWS, (number + 1) * ROWS))
    names = pa.array([name] * ROWS, pa.binary() if isinstance(name, bytes) else pa.utf8())
    return pa.record_batch({"id": ids, "name": pa.Array.from_buffers(pa.utf8(), ROWS, names.buffers())})


def pieces(*batches: pa.RecordBatch) -> list[bytes]:
    """Write a stream: a piece for each batch, and one for the end."""
    content, ends = io.BytesIO(), [0]
    with pa.ipc.new_stream(content, batches[0].schema) as writer:
        for rows in batches:
            writer.write_batch(rows)
            ends.append(content.tell())
    whole = content.getvalue()
    ends.append(len(whole))
    return [whole[begin:end] for begin, end in pairwise(ends)]


GOOD = pieces(*map(batch, range(BATCHES)))


def header(**options: bool) -> pb.InsertRowsRequest:
    name = schema_pb2.TableName(schema="lab", table="Thing")
    return pb.InsertRowsRequest(header=pb.InsertHeader(name=name, options=pb.InsertOptions(**options)))


class Sender:
    """An insert whose messages are sent one by one."""

    def __init__(self, stub: row_service_pb2_grpc.RowServiceStub, **options: bool) -> None:
        self.call = stub.InsertRows()
        self._unsent: list[pb.InsertRowsRequest] = [header(**options)]

    async def send(self, *contents: bytes) -> None:
        self._unsent += [pb.InsertRowsRequest(arrow_ipc=content) for content in contents]
        while self._unsent:
            await self.call.write(self._unsent.pop(0))

    async def finish(self) -> int:
        await self.call.done_writing()
        answer: pb.InsertRowsResponse = await self.call
        return answer.row_count


async def stored(engine: Engine) -> dict[int, str]:
    return {int(str(row["id"])): str(row["name"]) for row in await make.fetch(engine, "Thing")}


async def until_inserting(engine: Engine) -> None:
    """Wait until some transaction has put rows into the table."""
    async with engine.scope.connection() as connection:
        for _ in range(3000):
            found = await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' AND pid <> pg_backend_pid() "
                "AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'lab'::regnamespace)"
            )
            if found:
                return
            await asyncio.sleep(0.01)
    raise AssertionError("nothing is inserted while it arrives")


async def inserting(
    engine: Engine, stub: row_service_pb2_grpc.RowServiceStub, monkeypatch: pytest.MonkeyPatch
) -> Sender:
    """Send some of the rows, and return once they are being inserted."""
    monkeypatch.setattr(Database, "patience_s", 60.0)
    sender = Sender(stub)
    await sender.send(*GOOD[:3])
    await until_inserting(engine)
    return sender


@pytest.mark.parametrize("connections", [3], indirect=True)
async def test_rows_are_inserted_while_others_still_arrive(
    engine: Engine, stub: row_service_pb2_grpc.RowServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = await inserting(engine, stub, monkeypatch)
    assert await stored(engine) == {}
    await sender.send(*GOOD[3:])
    assert await sender.finish() == len(ALL)
    assert sorted(await stored(engine)) == list(ALL)


@pytest.mark.parametrize("options", [{}, {"skip_duplicates": True}, {"replace": True}])
async def test_a_sender_that_stalls_holds_no_connection(
    engine: Engine,
    stub: row_service_pb2_grpc.RowServiceStub,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool],
) -> None:
    monkeypatch.setattr(Database, "patience_s", 0.05)
    if options:
        await make.insert(engine, "Thing", [{"id": id_, "name": "old"} for id_ in range(0, len(ALL), 2)])
    there = await stored(engine)
    sender = Sender(stub, **options)
    await sender.send(*GOOD[:2], GOOD[2][:500])
    # There is one connection, and others are served again and again.
    for _ in range(20):
        assert await stored(engine) == there
    await sender.send(GOOD[2][500:], *GOOD[3:])
    assert await sender.finish() == len(ALL) - (len(there) if "skip_duplicates" in options else 0)
    kept = there if "skip_duplicates" in options else {}
    assert await stored(engine) == {id_: "new" for id_ in ALL} | kept


async def test_a_bad_batch_at_the_end_inserts_nothing(
    engine: Engine, stub: row_service_pb2_grpc.RowServiceStub
) -> None:
    bad = pieces(*map(batch, range(BATCHES)), batch(BATCHES, b"\xff"))
    sender = Sender(stub)
    await sender.send(*bad)
    with pytest.raises(grpc.aio.AioRpcError, match="not a valid Arrow") as caught:
        await sender.finish()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await stored(engine) == {}


async def test_a_stream_that_is_cut_off_inserts_nothing(
    engine: Engine, stub: row_service_pb2_grpc.RowServiceStub
) -> None:
    for cut in ([*GOOD[:-1]], [*GOOD[:2], GOOD[2][:-100]], [GOOD[0][:40]]):
        sender = Sender(stub)
        await sender.send(*cut)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await sender.finish()
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert await stored(engine) == {}


async def test_a_key_that_exists_is_told_before_all_has_arrived(
    engine: Engine, stub: row_service_pb2_grpc.RowServiceStub
) -> None:
    await make.insert(engine, "Thing", [{"id": 5, "name": "old"}])
    sender = Sender(stub)
    await sender.send(*GOOD[:2])
    with pytest.raises(grpc.aio.AioRpcError, match="id=5") as caught:
        await sender.call
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert await stored(engine) == {5: "old"}


@pytest.mark.parametrize("connections", [2], indirect=True)
async def test_a_sender_that_leaves_has_inserted_nothing(
    engine: Engine, stub: row_service_pb2_grpc.RowServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = await inserting(engine, stub, monkeypatch)
    sender.call.cancel()
    # Both connections are free again.
    async with engine.scope.connection(), engine.scope.connection() as connection:
        assert await connection.fetchval('SELECT count(*) FROM "lab"."thing"') == 0
    again = Sender(stub)
    await again.send(*GOOD)
    assert await again.finish() == len(ALL)


async def test_a_second_header_is_refused(engine: Engine, stub: row_service_pb2_grpc.RowServiceStub) -> None:
    sender = Sender(stub)
    await sender.send(*GOOD[:2])
    await sender.call.write(header())
    with pytest.raises(grpc.aio.AioRpcError, match="once, first") as caught:
        await sender.finish()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await stored(engine) == {}
