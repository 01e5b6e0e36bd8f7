"""An id of a request has one effect, also over midnight, and only for the content that it came with first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2

from levada_api.v1 import (
    relation_pb2,
    row_service_pb2,
    row_service_pb2_grpc,
    schema_pb2,
    schema_service_pb2,
    schema_service_pb2_grpc,
    value_pb2,
)
from tests.support import make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

    import asyncpg

    from levada_server.operations.context import Engine

LOG = schema_pb2.TableName(schema="lab", table="Log")
NEXT_DAY = "UPDATE levada.request_outcome SET day = day - 1"


@pytest_asyncio.fixture
async def channel(engine: Engine, server_address: str) -> AsyncIterator[grpc.aio.Channel]:
    await make.make_table(engine, "Log", "id : int64 auto_increment\n---\ntext = '' : varchar(40)\n")
    async with grpc.aio.insecure_channel(server_address) as opened:
        yield opened


@pytest.fixture
def rows(channel: grpc.aio.Channel) -> row_service_pb2_grpc.RowServiceStub:
    return row_service_pb2_grpc.RowServiceStub(channel)


def content(text: str, count: int = 1) -> bytes:
    return make.arrow([{"text": text}] * count).getvalue()


def few(id_: str, text: str) -> row_service_pb2.InsertFewRowsRequest:
    header = row_service_pb2.InsertHeader(name=LOG, request_id=id_)
    return row_service_pb2.InsertFewRowsRequest(header=header, arrow_ipc=content(text))


def stream(id_: str, rows: bytes, piece_bytes: int) -> Iterator[row_service_pb2.InsertRowsRequest]:
    yield row_service_pb2.InsertRowsRequest(header=row_service_pb2.InsertHeader(name=LOG, request_id=id_))
    for start in range(0, len(rows), piece_bytes):
        yield row_service_pb2.InsertRowsRequest(arrow_ipc=rows[start : start + piece_bytes])


def log(expression: str = "") -> relation_pb2.Relation:
    """Restrict the table by an expression."""
    nodes = [relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=LOG))]
    if not expression:
        return relation_pb2.Relation(nodes=nodes)
    nodes.append(relation_pb2.RelationNode(restrict=relation_pb2.Restrict(operand=0, condition=0)))
    condition = relation_pb2.Condition(expression=relation_pb2.Expression(text=expression))
    return relation_pb2.Relation(nodes=nodes, conditions=[condition])


async def refusal(call: Awaitable[object]) -> tuple[str, str]:
    """Return the reason and the text of a call's error."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    trailers = dict(refused.value.trailing_metadata() or ())
    status, info = status_pb2.Status.FromString(trailers["grpc-status-details-bin"]), error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason, str(refused.value.details())


async def texts(engine: Engine) -> list[object]:
    return [row["text"] for row in await make.fetch(engine, "Log")]


async def test_a_request_that_comes_again_after_midnight_is_done_once(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record], rows: row_service_pb2_grpc.RowServiceStub
) -> None:
    for _ in range(3):
        assert (await rows.InsertFewRows(few("insert", "a"))).row_count == 1
        assert (await rows.InsertRows(stream("stream", content("b", 2), 100))).row_count == 2
        await connection.execute(NEXT_DAY)
    assert sorted(map(str, await texts(engine))) == ["a", "b", "b"]


async def test_a_delete_that_comes_again_after_midnight_spares_new_rows(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record], rows: row_service_pb2_grpc.RowServiceStub
) -> None:
    delete = row_service_pb2.DeleteRowsRequest(relation=log("text = 'a'"), request_id="delete")
    await rows.InsertFewRows(few("first", "a"))
    taken = await rows.DeleteRows(delete)
    await connection.execute(NEXT_DAY)
    await rows.InsertFewRows(few("second", "a"))
    assert await rows.DeleteRows(delete) == taken
    assert await texts(engine) == ["a"]


async def test_an_id_that_comes_with_other_content_is_refused(
    engine: Engine, rows: row_service_pb2_grpc.RowServiceStub
) -> None:
    await rows.InsertFewRows(few("few", "a"))
    reason, text = await refusal(rows.InsertFewRows(few("few", "b")))
    assert (reason, "few was used with other content before" in text) == ("INVALID_REQUEST", True)
    await rows.InsertRows(stream("stream", content("c", 9), 1_000))
    reason, text = await refusal(rows.InsertRows(stream("stream", content("d", 9), 1_000)))
    assert (reason, "stream was used with other content before" in text) == ("INVALID_REQUEST", True)
    reason, text = await refusal(rows.InsertFewRows(few("stream", "a")))
    assert (reason, "stream was used for InsertRows before" in text) == ("INVALID_REQUEST", True)
    assert sorted(set(map(str, await texts(engine)))) == ["a", "c"]


async def test_rows_that_come_again_in_other_messages_are_the_same_request(
    engine: Engine, rows: row_service_pb2_grpc.RowServiceStub
) -> None:
    for piece_bytes in (10_000, 64, 7):
        assert (await rows.InsertRows(stream("stream", content("a", 20), piece_bytes))).row_count == 20
    assert len(await texts(engine)) == 20


async def test_other_rows_under_an_old_id_are_refused_although_another_error_comes_first(
    engine: Engine, rows: row_service_pb2_grpc.RowServiceStub
) -> None:
    """The repeated rows do not fit; more important to the client is that others were stored under the id."""
    await rows.InsertRows(stream("stream", content("a"), 64))
    reason, text = await refusal(rows.InsertRows(stream("stream", content("a" * 50), 64)))
    assert (reason, "other content" in text) == ("INVALID_REQUEST", True)
    assert await texts(engine) == ["a"]


async def test_deletes_and_updates_are_compared_too(engine: Engine, rows: row_service_pb2_grpc.RowServiceStub) -> None:
    await rows.InsertFewRows(few("a", "a"))
    await rows.InsertFewRows(few("b", "b"))

    def update(text: str) -> row_service_pb2.UpdateRowRequest:
        row = [
            value_pb2.AttributeValue(name="id", value=value_pb2.Value(integer=1)),
            value_pb2.AttributeValue(name="text", value=value_pb2.Value(text=text)),
        ]
        return row_service_pb2.UpdateRowRequest(name=LOG, row=row, request_id="update")

    for _ in range(2):
        await rows.UpdateRow(update("c"))
    assert "other content" in (await refusal(rows.UpdateRow(update("d"))))[1]
    delete = [
        row_service_pb2.DeleteRowsRequest(relation=log(f"text = '{text}'"), request_id="delete") for text in ("b", "c")
    ]
    await rows.DeleteRows(delete[0])
    assert "other content" in (await refusal(rows.DeleteRows(delete[1])))[1]
    assert await texts(engine) == ["c"]


async def test_a_schema_that_was_renamed_since_is_told_as_it_was_made(channel: grpc.aio.Channel) -> None:
    stub, pb = schema_service_pb2_grpc.SchemaServiceStub(channel), schema_service_pb2
    create = pb.CreateSchemaRequest(name="first", request_id="create")
    rename = [
        pb.RenameSchemaRequest(name=old, new_name=new, request_id=new)
        for old, new in (("first", "second"), ("second", "third"))
    ]
    created = await stub.CreateSchema(create)
    renamed = await stub.RenameSchema(rename[0])
    await stub.RenameSchema(rename[1])
    assert await stub.CreateSchema(create) == created
    assert await stub.RenameSchema(rename[0]) == renamed
    other = pb.CreateSchemaRequest(name="fourth", request_id="create")
    assert "other content" in (await refusal(stub.CreateSchema(other)))[1]
    again = pb.RenameSchemaRequest(name="third", new_name="fourth", request_id="second")
    assert "other content" in (await refusal(stub.RenameSchema(again)))[1]
    assert (
        "for CreateSchema"
        in (
            await refusal(
                stub.RenameSchema(pb.RenameSchemaRequest(name="third", new_name="fourth", request_id="create"))
            )
        )[1]
    )
