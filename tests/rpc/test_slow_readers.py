"""Readers that are slow, stand still or leave: over a real channel, on a server with few connections."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import grpc.aio
import pytest
import pytest_asyncio

from levada_api.v1 import query_service_pb2 as pb
from levada_api.v1 import query_service_pb2_grpc as pb_grpc
from levada_api.v1 import relation_pb2, schema_pb2, session_service_pb2, session_service_pb2_grpc
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.server import RpcServer
from levada_server.storage.postgres import database
from levada_server.storage.postgres.database import Database
from tests.support import make
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.context import Engine

BEGIN = session_service_pb2.OpenSessionRequest(begin=session_service_pb2.Begin())
CONNECTIONS = 3
ROWS = 60
ROW_BYTES = 400_000
"""24 MB for each result: several times the size of the sockets and the channel."""


@pytest.fixture(autouse=True)
def few_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "RESULTS", CONNECTIONS)
    monkeypatch.setattr(database, "TRANSACTIONS", CONNECTIONS)


@pytest_asyncio.fixture
async def channel(engine: Engine) -> AsyncIterator[grpc.aio.Channel]:
    await make.make_table(engine, "Picture", "id : int32\n---\npixels : bytes\n")
    await make.insert(engine, "Picture", [{"id": i, "pixels": bytes(ROW_BYTES)} for i in range(ROWS)])
    server = RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits(open_s=1.0))
    address = server.listen(private_address())
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel
    await server.stop(10)
    if (space := engine.scope.spool_space) is not None:
        # gRPC does not report when the handler of a client that has left is cleaned up.
        for _ in range(1000):
            if not space.used_bytes:
                break
            await asyncio.sleep(0.01)
        assert space.used_bytes == 0


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> pb_grpc.QueryServiceStub:
    return pb_grpc.QueryServiceStub(channel)


def pictures() -> relation_pb2.Relation:
    name = schema_pb2.TableName(schema="lab", table="Picture")
    return relation_pb2.Relation(nodes=[relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=name))])


async def count(stub: pb_grpc.QueryServiceStub) -> int:
    answer: pb.CountRelationResponse = await stub.CountRelation(pb.CountRelationRequest(relation=pictures()))
    return answer.entity_count


async def size(call: grpc.aio.UnaryStreamCall[pb.FetchRelationRequest, pb.FetchRelationResponse]) -> int:
    got = 0
    while (piece := await call.read()) is not grpc.aio.EOF:
        assert isinstance(piece, pb.FetchRelationResponse)
        got += len(piece.arrow_ipc)
    return got


async def assert_all_is_free(engine: Engine) -> None:
    """Use all connections at once; find nothing that still runs."""
    async with AsyncExitStack() as held:
        for _ in range(CONNECTIONS):
            connection = await held.enter_async_context(engine.scope.share("results").connection())
        running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        assert await connection.fetchval(running) == 1


@pytest.mark.parametrize("digest", [False, True])
async def test_readers_that_stand_still_leave_the_connections_to_others(
    engine: Engine, stub: pb_grpc.QueryServiceStub, digest: bool
) -> None:
    request = pb.FetchRelationRequest(relation=pictures(), digest=digest)
    calls = [stub.FetchRelation(request) for _ in range(3 * CONNECTIONS)]
    for call in calls:
        await call.read()
    # More results are under way than there are connections, nobody reads, and still others are served.
    assert await count(stub) == ROWS
    assert engine.scope.spool_space is not None
    assert engine.scope.spool_space.used_bytes > ROWS * ROW_BYTES
    # The waiting results are complete.
    sizes = await asyncio.gather(*map(size, calls[:2]))
    assert all(ROWS * ROW_BYTES - 2**21 < got < ROWS * ROW_BYTES * 1.01 for got in sizes)
    for call in calls[2:]:
        call.cancel()
    await until_calls_end(calls)
    await assert_all_is_free(engine)


async def until_calls_end(
    calls: list[grpc.aio.UnaryStreamCall[pb.FetchRelationRequest, pb.FetchRelationResponse]],
) -> None:
    for call in calls:
        await call.code()


async def test_readers_that_leave_free_their_connections(engine: Engine, stub: pb_grpc.QueryServiceStub) -> None:
    for _ in range(5):
        calls = [stub.FetchRelation(pb.FetchRelationRequest(relation=pictures())) for _ in range(CONNECTIONS)]
        for number, call in enumerate(calls):
            for _ in range(number):
                await call.read()
            call.cancel()
        assert await count(stub) == ROWS
    await assert_all_is_free(engine)


async def test_a_result_that_nobody_reads_in_time_is_ended(engine: Engine, stub: pb_grpc.QueryServiceStub) -> None:
    engine.call_limits.fetch_s = 0.2
    assert isinstance(engine.scope, Database)
    engine.scope.spool_space = None  # so that only the limit frees a connection
    calls = [stub.FetchRelation(pb.FetchRelationRequest(relation=pictures())) for _ in range(CONNECTIONS)]
    for call in calls:
        await call.read()
    assert await stub.FetchRelation(pb.FetchRelationRequest(relation=pictures())).read() is not grpc.aio.EOF
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await size(calls[0])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "be read" in (caught.value.details() or "")


async def test_a_transaction_whose_result_nobody_reads_is_rolled_back_in_time(
    engine: Engine, channel: grpc.aio.Channel, stub: pb_grpc.QueryServiceStub
) -> None:
    fetch = session_service_pb2.OpenSessionRequest(fetch_relation=pb.FetchRelationRequest(relation=pictures()))
    sessions = [session_service_pb2_grpc.SessionServiceStub(channel).OpenSession() for _ in range(CONNECTIONS)]
    for session in sessions:
        await session.write(BEGIN)
        await session.read()
        await session.write(fetch)
        await session.read()
    # All connections of transactions are held, each by one whose result is not read: only its limit ends it.
    assert await count(stub) == ROWS
    another = session_service_pb2_grpc.SessionServiceStub(channel).OpenSession()
    await another.write(BEGIN)
    answer = await another.read()
    assert isinstance(answer, session_service_pb2.OpenSessionResponse)
    assert not answer.HasField("error")
    another.cancel()
    assert engine.scope.spool_space is not None
    assert engine.scope.spool_space.used_bytes == 0
    for session in sessions:
        session.cancel()


def endless() -> pb.CountRelationRequest:
    """Count more pairs of pictures, and pairs of these, than anybody waits for."""
    names = [f"id{number}" for number in range(7)]
    nodes = list(pictures().nodes)
    for name in names:
        renamed = relation_pb2.NamedExpression(name=name, expression=relation_pb2.Expression(text="id"))
        items = [relation_pb2.ProjectItem(named=renamed)]
        nodes.append(relation_pb2.RelationNode(project=relation_pb2.Project(operand=0, items=items)))
    for position in range(len(names) - 1):
        left = len(nodes) - 1 if position else 1
        nodes.append(relation_pb2.RelationNode(join=relation_pb2.Join(left=left, right=position + 2)))
    return pb.CountRelationRequest(relation=relation_pb2.Relation(nodes=nodes))


async def test_a_statement_ends_with_the_deadline_of_its_caller(engine: Engine, stub: pb_grpc.QueryServiceStub) -> None:
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
        "AND pid <> pg_backend_pid()"
    )

    async def until(count: int) -> None:
        async with engine.scope.connection() as connection:
            while await connection.fetchval(running) != count:
                pass

    call = stub.CountRelation(endless(), timeout=5)
    await asyncio.wait_for(until(1), 30)
    assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(until(0), 30)
    await assert_all_is_free(engine)
