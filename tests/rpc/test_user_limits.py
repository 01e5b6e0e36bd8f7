"""Limits of one user and of a schema: each is reached, named, and told by GetServerInfo."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2

from levada_api.v1 import (
    query_service_pb2,
    query_service_pb2_grpc,
    relation_pb2,
    row_service_pb2,
    row_service_pb2_grpc,
    schema_pb2,
    server_service_pb2,
    server_service_pb2_grpc,
)
from levada_api.v1 import session_service_pb2 as pb
from levada_api.v1 import session_service_pb2_grpc as pb_grpc
from levada_server.errors import LimitReached
from levada_server.operations import users
from levada_server.operations.quota import Quota
from levada_server.operations.transactions import TransactionLimits
from levada_server.permissions.roles import Role
from levada_server.rpc import turns, user_shares
from levada_server.rpc.dispatch import COPIED_BYTES
from levada_server.rpc.server import RpcServer
from levada_server.rpc.streams import transaction_guard
from levada_server.storage.postgres import database
from tests.operations.test_users import refusal
from tests.support import make
from tests.support.make import ME, named
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

    from levada_server.operations.context import Engine

STREAMS = 2
NAME = schema_pb2.TableName(schema="lab", table="Session")
NOTHING = pb.OpenCallsRequest()
"""A call that is unset: its answer is an error, and the stream goes on."""


@pytest_asyncio.fixture
async def channel(engine: Engine) -> AsyncIterator[grpc.aio.Channel]:
    limits = TransactionLimits(idle_s=30.0, open_s=90.0)
    server = RpcServer(engine, "0", embedded=False, transaction_limits=limits, user_streams=STREAMS)
    address = server.listen(private_address())
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel
    await server.stop(0.1)


async def token(engine: Engine, name: str) -> tuple[tuple[str, str], ...]:
    """Add a user, and return the metadata of the user's calls."""
    await users.create_user(engine, ME, name, (), administrator=False)
    secret, _ = await users.create_token(engine, ME, name, "", None, ())
    return (("authorization", f"Bearer {secret}"),)


def limit_of(error: grpc.aio.AioRpcError) -> tuple[str, str, str]:
    """Return the code of an error, and the name and value of the limit."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(bytes(trailers["grpc-status-details-bin"]))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return error.code().name, info.metadata["limit"], info.metadata["value"]


async def opened(call: grpc.aio.StreamStreamCall[Message, Message], request: Message) -> tuple[str, str, str] | None:
    """Send a request on a stream; return the limit that ends it, or None."""
    try:
        await call.write(request)
        await call.read()
    except grpc.aio.AioRpcError as error:
        return limit_of(error)
    return None


async def test_one_user_does_not_take_the_streams_of_others(engine: Engine, channel: grpc.aio.Channel) -> None:
    stub = pb_grpc.SessionServiceStub(channel)
    greedy, modest = await token(engine, "greedy"), await token(engine, "modest")
    begin = pb.OpenSessionRequest(begin=pb.Begin())
    for method, request, name in ((stub.OpenCalls, NOTHING, "call streams"), (stub.OpenSession, begin, "sessions")):
        held = [method(metadata=greedy) for _ in range(STREAMS)]
        assert [await opened(call, request) for call in held] == [None] * STREAMS
        assert await opened(method(metadata=greedy), request) == (
            "RESOURCE_EXHAUSTED",
            f"{name} of a user",
            str(STREAMS),
        )
        others = [
            method(metadata=modest),
            *(method() for _ in range(STREAMS + 1)),
        ]  # the server's own user has no limit
        assert not any([await opened(call, request) for call in others])
        held[0].cancel()
        for _ in range(1_000):  # until the server has seen that it ended
            again = method(metadata=greedy)
            if await opened(again, request) is None:
                break
        else:
            raise AssertionError("a stream that ended still counts")


async def test_the_server_tells_its_limits(channel: grpc.aio.Channel, engine: Engine) -> None:
    engine.quota.schema_bytes = 5_000
    engine.call_limits.rows, engine.call_limits.size_bytes = 6_000, 7_000
    stub = server_service_pb2_grpc.ServerServiceStub(channel)
    told = (await stub.GetServerInfo(server_service_pb2.GetServerInfoRequest())).limits
    assert told.user_streams == STREAMS
    assert (told.transaction_idle_time.seconds, told.transaction_open_time.seconds) == (30, 90)
    assert told.statement_time.seconds == database.STATEMENT_S
    assert (told.user_connections, told.user_transactions) == (15, 10)
    assert (told.schema_bytes, told.call_rows, told.call_bytes) == (5_000, 6_000, 7_000)
    unset = [field.name for field in told.DESCRIPTOR.fields if not getattr(told, field.name)]
    assert not unset


async def test_one_user_reads_only_so_many_large_results_at_once(
    engine: Engine, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.make_table(engine, "Session", "session : int32\n---\nnote : varchar(1000)\n")
    await make.insert(engine, "Session", [{"session": number, "note": "x" * 1000} for number in range(10_000)])
    greedy, modest = await token(engine, "greedy"), await token(engine, "modest")
    for name in ("greedy", "modest"):
        await users.grant_role(engine, ME, name, Role.VIEWER, named("", "lab"))
    stub = query_service_pb2_grpc.QueryServiceStub(channel)
    table = relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=NAME))
    request = query_service_pb2.FetchRelationRequest(relation=relation_pb2.Relation(nodes=[table]))
    held = [stub.FetchRelation(request, metadata=greedy) for _ in range(user_shares.USER_RESULTS)]
    for call in held:
        assert (await call.read()) is not grpc.aio.EOF
    further = stub.FetchRelation(request, metadata=greedy)
    first = asyncio.ensure_future(further.read())
    assert (await stub.FetchRelation(request, metadata=modest).read()) is not grpc.aio.EOF
    top = relation_pb2.RelationNode(top=relation_pb2.Top(operand=0, limit=1))
    small = query_service_pb2.FetchRelationRequest(relation=relation_pb2.Relation(nodes=[table, top]))
    assert (await stub.FetchRelation(small, metadata=greedy).read()) is not grpc.aio.EOF
    assert not first.done()
    monkeypatch.setattr(user_shares, "RESULT_WAIT_S", 0.0)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in stub.FetchRelation(request, metadata=greedy):
            pass
    most = str(user_shares.USER_RESULTS)
    assert limit_of(refused.value) == ("RESOURCE_EXHAUSTED", "results of a user", most)
    held[0].cancel()
    assert (await first) is not grpc.aio.EOF


@pytest.mark.parametrize("limit", ["rows", "bytes"])
@pytest.mark.parametrize("count", [30, 3_000])
async def test_a_call_reads_and_inserts_only_so_much(
    engine: Engine, channel: grpc.aio.Channel, limit: str, count: int
) -> None:
    await make.make_table(engine, "Session", "session : int32\n---\nnote : varchar(100)\n")
    first, more = ([{"session": i + number, "note": "x" * 50} for number in range(count)] for i in (0, count))
    await make.insert(engine, "Session", first)
    if limit == "rows":
        engine.call_limits.rows = count - 1
    else:
        engine.call_limits.size_bytes = count * 20
    table = relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=NAME))
    top = relation_pb2.RelationNode(top=relation_pb2.Top(operand=0, limit=count))
    queries = query_service_pb2_grpc.QueryServiceStub(channel)
    for nodes in ([table], [table, top]):
        request = query_service_pb2.FetchRelationRequest(relation=relation_pb2.Relation(nodes=nodes))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in queries.FetchRelation(request):
                pass
        assert limit_of(refused.value)[:2] == ("RESOURCE_EXHAUSTED", f"call {limit}")
    kind, text = await refusal(make.insert(engine, "Session", more))
    assert kind is LimitReached and "insert fewer rows at once" in text
    engine.call_limits.rows = engine.call_limits.size_bytes = None
    counted = await queries.CountRelation(
        query_service_pb2.CountRelationRequest(relation=relation_pb2.Relation(nodes=[table]))
    )
    assert counted.entity_count == count


async def test_one_user_does_not_take_the_transactions_of_others(engine: Engine, channel: grpc.aio.Channel) -> None:
    begin = pb.OpenSessionRequest(begin=pb.Begin())
    stub = pb_grpc.SessionServiceStub(channel)
    greedy, modest = await token(engine, "greedy"), await token(engine, "modest")
    assert isinstance(engine.scope, database.Database)
    places = engine.scope.share("transactions")._share.free  # noqa: SLF001  # as if they were all taken by one user
    greedy_id = engine.gate.permissions.current.identify(
        dict(greedy)["authorization"].split()[1], "", dt.datetime.now(dt.UTC)
    ).user_id
    for _ in range(places.most):
        await places.take(greedy_id)
    answered = stub.OpenSession(metadata=modest)
    await answered.write(begin)
    assert not (await answered.read()).HasField("error")
    for _ in range(places.most):
        places.give(greedy_id)


async def test_an_idle_transaction_gives_way_to_users_who_have_fewer(
    engine: Engine, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction_guard, "GIVE_WAY_S", 0.2)
    monkeypatch.setattr(transaction_guard, "LOOK_S", 0.1)
    begin = pb.OpenSessionRequest(begin=pb.Begin())
    stub = pb_grpc.SessionServiceStub(channel)
    greedy, modest = await token(engine, "greedy"), await token(engine, "modest")
    assert isinstance(engine.scope, database.Database)
    places = engine.scope.share("transactions")._share.free  # noqa: SLF001
    places._size = places.most = 2  # noqa: SLF001  # instead of twenty sessions
    held = [stub.OpenSession(metadata=greedy) for _ in range(2)]
    assert [await opened(call, begin) for call in held] == [None, None]
    assert await opened(stub.OpenSession(metadata=modest), begin) is None  # it waited for one of the two
    codes = []
    for call in held:
        call_ended = asyncio.ensure_future(call.read())
        done, _ = await asyncio.wait({call_ended}, timeout=1.0)
        if done:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                call_ended.result()
            codes.append(limit_of(caught.value))
        call_ended.cancel()
    assert codes == [("RESOURCE_EXHAUSTED", "transaction", "0.2")]


async def test_a_schema_takes_no_more_than_it_may(engine: Engine, channel: grpc.aio.Channel) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n---\nnote : varchar(200)\n")
    await make.insert(engine, "Subject", [{"subject": 0, "note": "x"}])
    engine.quota.schema_bytes = 8_192
    kind, text = await refusal(make.insert(engine, "Subject", [{"subject": 1, "note": "x"}]))
    assert kind is LimitReached and "`lab`" in text and "8192" in text
    engine.quota.schema_bytes = 10 * 2**20
    assert await make.insert(engine, "Subject", [{"subject": 1, "note": "x"}]) == 1


async def test_the_size_of_a_schema_is_not_measured_for_each_insert(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    quota = Quota(2**40)
    await quota.admit(engine.scope, "lab")
    measured = dict(quota._measured)  # noqa: SLF001  # the time of the look
    await quota.admit(engine.scope, "lab")
    assert quota._measured == measured  # noqa: SLF001
    assert measured["lab"][1] > 0


async def test_who_leaves_a_large_result_unread_waits(
    engine: Engine, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "ANSWER_S_PER_BYTE", 1.0)
    await make.make_table(engine, "Session", "session : int32\n---\nnote : varchar(1000)\n")
    await make.insert(engine, "Session", [{"session": number, "note": "x" * 1000} for number in range(20_000)])
    leaving = await token(engine, "leaving")
    await users.grant_role(engine, ME, "leaving", Role.VIEWER, named("", "lab"))
    table = relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=NAME))
    request = query_service_pb2.FetchRelationRequest(relation=relation_pb2.Relation(nodes=[table]))
    info = server_service_pb2_grpc.ServerServiceStub(channel).GetServerInfo
    asked = server_service_pb2.GetServerInfoRequest()
    queries = query_service_pb2_grpc.QueryServiceStub(channel)
    async for _ in queries.FetchRelation(request, metadata=leaving):
        pass
    await info(asked, metadata=leaving)  # who reads to the end has no pause
    call = queries.FetchRelation(request, metadata=leaving)
    read_bytes = 0
    while read_bytes < turns.LARGE_BYTES:
        read_bytes += (await call.read()).ByteSize()
    call.cancel()
    async with asyncio.timeout(60.0):
        while True:  # until the server has seen that the client is gone
            held = asyncio.ensure_future(info(asked, metadata=leaving))
            if not (await asyncio.wait({held}, timeout=1.0))[0]:
                break
    held.cancel()


async def test_who_sends_large_requests_waits_and_others_do_not(
    engine: Engine, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LOOP_S_PER_BYTE", 1.0)
    await make.make_table(engine, "Session", "session : int32\n---\nnote : varchar(100)\n")
    greedy, modest = await token(engine, "greedy"), await token(engine, "modest")
    rows = row_service_pb2_grpc.RowServiceStub(channel)
    header = row_service_pb2.InsertHeader(name=NAME)
    large = row_service_pb2.InsertFewRowsRequest(header=header, arrow_ipc=bytes(COPIED_BYTES))
    with pytest.raises(grpc.aio.AioRpcError):  # it has no rows
        await rows.InsertFewRows(large, metadata=greedy)
    stub = server_service_pb2_grpc.ServerServiceStub(channel)
    request = server_service_pb2.GetServerInfoRequest()
    held = stub.GetServerInfo(request, metadata=greedy)
    stream = pb_grpc.SessionServiceStub(channel).OpenCalls(metadata=greedy)
    await stream.write(NOTHING)
    read = asyncio.ensure_future(stream.read())
    await stub.GetServerInfo(request, metadata=modest)
    await stub.GetServerInfo(request)
    assert not held.done() and not read.done()
    held.cancel()
    read.cancel()
