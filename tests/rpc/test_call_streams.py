"""Small calls over one stream get the same answers as separate calls; errors leave it open; and it ends cleanly."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2

from levada_api.v1 import query_service_pb2, relation_pb2, row_service_pb2, schema_pb2, value_pb2
from levada_api.v1 import session_service_pb2 as pb
from levada_api.v1 import session_service_pb2_grpc as pb_grpc
from levada_server.app import running
from levada_server.config import Settings
from levada_server.rpc.streams import call_streams
from tests.support import make
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from levada_server.operations.context import Engine

WAIT_S = 60.0
SHORT_S = 1.0
NAME = schema_pb2.TableName(schema="lab", table="Subject")
TABLE = relation_pb2.Relation(nodes=[relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=NAME))])
COUNT = pb.OpenCallsRequest(count_relation=query_service_pb2.CountRelationRequest(relation=TABLE))


class Client:
    """One stream of a client."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.call: Any = pb_grpc.SessionServiceStub(channel).OpenCalls()  # Any: grpc's call

    async def ask(self, request: pb.OpenCallsRequest) -> pb.OpenCallsResponse:
        """Send one call and return its answer."""
        await self.call.write(request)
        answer: pb.OpenCallsResponse = await self.call.read()
        return answer

    async def refused(self, request: pb.OpenCallsRequest) -> str:
        """Make a call that fails; return the reason."""
        info = error_details_pb2.ErrorInfo()
        assert (await self.ask(request)).error.details[0].Unpack(info)
        return str(info.reason)

    async def end(self) -> str:
        """Wait until the server ends the stream; return the name of its status."""
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await self.call.read()
        return ended.value.code().name


def inserting(subject: int, request_id: str) -> pb.OpenCallsRequest:
    content = make.arrow([{"subject": subject, "name": "x"}]).getvalue()
    header = row_service_pb2.InsertHeader(name=NAME, request_id=request_id)
    return pb.OpenCallsRequest(insert_few_rows=row_service_pb2.InsertFewRowsRequest(header=header, arrow_ipc=content))


@pytest_asyncio.fixture
async def subjects(engine: Engine) -> None:
    """A table `Subject` with one entity."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nname : varchar(8)\n")
    await make.insert(engine, "Subject", [{"subject": 0, "name": "a"}])


@pytest_asyncio.fixture
async def channel(subjects: None, server_address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(server_address) as opened:
        yield opened


async def test_every_call_is_answered_as_on_its_own(channel: grpc.aio.Channel, engine: Engine) -> None:
    client = Client(channel)
    assert (await client.ask(inserting(1, "first"))).insert_few_rows.row_count == 1
    answer = await client.ask(COUNT)
    assert answer.count_relation.entity_count == 2
    assert answer.catalog_version == await engine.gate.version()
    exists = query_service_pb2.CheckExistenceRequest(relation=TABLE)
    assert (await client.ask(pb.OpenCallsRequest(check_existence=exists))).check_existence.found
    describe = query_service_pb2.DescribeRelationRequest(relation=TABLE)
    heading = (await client.ask(pb.OpenCallsRequest(describe_relation=describe))).describe_relation.heading
    assert [attribute.name for attribute in heading.attributes] == ["subject", "name"]
    few = query_service_pb2.FetchFewRowsRequest(fetch=query_service_pb2.FetchRelationRequest(relation=TABLE))
    assert (await client.ask(pb.OpenCallsRequest(fetch_few_rows=few))).fetch_few_rows.result.arrow_ipc
    row = [
        value_pb2.AttributeValue(name="subject", value=value_pb2.Value(integer=1)),
        value_pb2.AttributeValue(name="name", value=value_pb2.Value(text="y")),
    ]
    update = row_service_pb2.UpdateRowRequest(name=NAME, row=row, request_id="second")
    assert (await client.ask(pb.OpenCallsRequest(update_row=update))).WhichOneof("response") == "update_row"
    assert [row["name"] for row in await make.fetch(engine, "Subject")] == ["a", "y"]


async def test_an_error_is_an_answer_and_the_stream_goes_on(channel: grpc.aio.Channel) -> None:
    client = Client(channel)
    assert await client.refused(inserting(0, "first")) == "DUPLICATE_ENTITY"
    assert await client.refused(pb.OpenCallsRequest()) == "INVALID_REQUEST"
    assert await client.refused(inserting(5, "")) == "INVALID_REQUEST"
    unknown = relation_pb2.Relation(nodes=[relation_pb2.RelationNode(restrict=relation_pb2.Restrict(operand=7))])
    count = query_service_pb2.CountRelationRequest(relation=unknown)
    assert await client.refused(pb.OpenCallsRequest(count_relation=count)) == "INVALID_REQUEST"
    assert (await client.ask(COUNT)).count_relation.entity_count == 1


async def test_a_repeated_change_has_one_effect(channel: grpc.aio.Channel) -> None:
    for _ in range(2):
        assert (await Client(channel).ask(inserting(1, "the-same"))).insert_few_rows.row_count == 1


async def test_warnings_come_with_the_answer_that_they_are_about(channel: grpc.aio.Channel) -> None:
    client = Client(channel)
    relation = relation_pb2.Relation()
    relation.CopyFrom(TABLE)
    relation.nodes.add().restrict.SetInParent()
    entry = value_pb2.AttributeValue(name="nobody", value=value_pb2.Value(integer=1))
    relation.conditions.append(relation_pb2.Condition(mapping=relation_pb2.Mapping(entries=[entry])))
    told = await client.ask(
        pb.OpenCallsRequest(count_relation=query_service_pb2.CountRelationRequest(relation=relation))
    )
    assert "restricts nothing" in told.warnings[0]
    assert not (await client.ask(COUNT)).warnings


async def test_a_silent_stream_ends(channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_streams, "IDLE_S", SHORT_S)
    client = Client(channel)
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + 2 * SHORT_S:  # a stream that is in use stays
        assert (await client.ask(COUNT)).count_relation.entity_count == 1
    assert await client.end() == "UNAVAILABLE"


async def test_there_are_not_too_many_streams(channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_streams, "MAX_STREAMS", 1)
    client = Client(channel)
    assert (await client.ask(COUNT)).count_relation.entity_count == 1
    assert await Client(channel).end() == "RESOURCE_EXHAUSTED"
    assert (await client.ask(COUNT)).count_relation.entity_count == 1


async def test_a_server_that_stops_ends_idle_streams_and_answers_what_runs(
    subjects: None, database_url: str, connection: asyncpg.Connection[Any]
) -> None:
    settings = Settings(database_url=database_url, data_folder=Path(), listen=private_address())
    async with running(settings) as (server, address), grpc.aio.insecure_channel(address) as channel:
        idle, busy = Client(channel), Client(channel)
        for client in (idle, busy):
            assert (await client.ask(COUNT)).count_relation.entity_count == 1
        async with connection.transaction():
            await connection.execute('LOCK TABLE lab."subject"')
            answer = asyncio.create_task(busy.ask(COUNT))
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                pass
            stopping = asyncio.create_task(server.stop(WAIT_S))
            assert await asyncio.wait_for(idle.end(), WAIT_S / 2) == "UNAVAILABLE"
            assert not answer.done()
        assert (await answer).count_relation.entity_count == 1
        assert await busy.end() == "UNAVAILABLE"
        await asyncio.wait_for(stopping, WAIT_S / 2)
