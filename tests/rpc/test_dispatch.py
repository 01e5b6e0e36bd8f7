"""One dispatcher: bytes that are not a message, the one repetition with a newer catalog, and an answer's metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from levada_api.methods import METHODS
from levada_server.app import running
from levada_server.config import Settings
from levada_server.errors import MakeContract, UnknownTable
from levada_server.operations import schemas
from levada_server.operations.access.gate import Gate
from levada_server.operations.caller import ADMINISTRATOR, Caller
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.rpc.dispatch import Call
from levada_server.rpc.server import RpcServer
from levada_server.rpc.told import (
    MAX_FAILURE_TOLD_BYTES,
    MAX_TOLD,
    MAX_TOLD_BYTES,
    MAX_TOLD_CHARACTERS,
    NOTICE,
    WARNING,
    Told,
)
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.postgres.database import Database
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from levada_server.operations.context import Engine

GARBAGE = b"\xff\xff\xff"


@pytest.fixture
async def channel(database_url: str, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    settings = Settings(database_url=database_url, data_folder=tmp_path / "data", listen=f"unix:{tmp_path}/s")
    async with running(settings) as (_, address), grpc.aio.insecure_channel(address) as opened:
        yield opened


@pytest.fixture
def call(engine: Engine) -> Call:
    """A call under way, outside of any channel."""
    server = RpcServer(engine, "0.1.0", embedded=False, transaction_limits=TransactionLimits())
    return Call(server.dispatcher, "/levada_api.v1.SchemaService/DescribeTable", engine, Caller(ADMINISTRATOR))


async def refusal(
    channel: Any,  # noqa: ANN401  # grpc's own class wants messages, not bytes
    path: str,
    *,
    streaming: bool,
) -> grpc.aio.AioRpcError:
    """Send bytes that are not a message of protobuf; return the error."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        if streaming:
            async for _ in channel.unary_stream(path)(GARBAGE):
                pass
        else:
            await channel.unary_unary(path)(GARBAGE)
    return refused.value


async def test_a_call_without_a_message_is_an_invalid_request(channel: grpc.aio.Channel) -> None:
    for method in METHODS.values():
        if not method.request_streaming:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                async for _ in channel.stream_stream(method.path)(iter(())):
                    pass
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, method.path
            assert f"no {method.name}Request" in str(refused.value.details())


async def test_bytes_that_are_no_message_are_an_invalid_request(channel: grpc.aio.Channel) -> None:
    for method in METHODS.values():
        if not method.request_streaming:
            error = await refusal(channel, method.path, streaming=method.response_streaming)
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, method.path
            assert f"is not a {method.name}Request" in str(error.details())


async def test_a_method_that_nobody_has_is_unimplemented(channel: grpc.aio.Channel) -> None:
    error = await refusal(channel, "/levada_api.v1.QueryService/DropEverything", streaming=False)
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_work_on_an_old_catalog_is_repeated_though_a_newer_one_came_meanwhile(call: Call) -> None:
    engine = call.engine
    await schemas.create_schema(engine, ME, "lab", allow_existing=False)
    assert isinstance(engine.scope, Database)
    elsewhere = Gate(CatalogCache(engine.scope), engine.gate.permissions, stored_relation)
    found: list[object] = []

    async def work() -> None:
        table = (await engine.gate.known()).tables.get(named("Subject"))
        found.append(table)
        call.told.warn([f"look {len(found)}"])
        if table is None:
            other = replace(engine, gate=elsewhere)
            await make.make_table(other, "Subject", "subject : int32\n")
            await engine.gate.catch_up(await engine.gate.known())  # as the server does by itself every second
            raise UnknownTable("as it was")

    await call.repeat_if_behind(work)
    assert [table is not None for table in found] == [False, True]
    assert call.told.entries() == [(WARNING, "look 2")]


async def test_a_server_follows_a_database_that_has_lost_its_last_changes(call: Call) -> None:
    engine = call.engine
    await make.make_table(engine, "Subject", "subject : int32\n")
    async with engine.scope.connection() as connection:
        await connection.execute("UPDATE levada.catalog_version SET version = version - 1")
        await connection.execute("UPDATE levada.table SET name = 'Animal' WHERE name = 'Subject'")
    assert await engine.gate.catch_up(await engine.gate.known())
    assert set((await engine.gate.known()).tables) >= {named("Animal")}
    assert named("Subject") not in (await engine.gate.known()).tables


async def test_a_call_is_repeated_once_however_often_the_catalog_changes(call: Call) -> None:
    engine = call.engine
    await schemas.create_schema(engine, ME, "lab", allow_existing=False)
    assert isinstance(engine.scope, Database)
    other = replace(engine, gate=Gate(CatalogCache(engine.scope), engine.gate.permissions, stored_relation))
    tries: list[None] = []

    async def work() -> None:
        tries.append(None)
        await make.make_table(other, f"Subject{len(tries)}", "subject : int32\n")
        raise UnknownTable("never there")

    for _ in range(2):  # two parts of one call
        with pytest.raises(UnknownTable):
            await call.repeat_if_behind(work)
    assert len(tries) == 3


async def test_nothing_is_repeated_where_the_catalog_is_no_reason(call: Call) -> None:
    tries: list[None] = []

    async def work() -> None:
        tries.append(None)
        raise UnknownTable("nowhere")

    async def other_work() -> None:
        tries.append(None)
        raise MakeContract("broken")

    with pytest.raises(UnknownTable):
        await call.repeat_if_behind(work)
    with pytest.raises(MakeContract):
        await call.repeat_if_behind(other_work)
    assert len(tries) == 2


def test_texts_for_the_caller_fit_into_headers() -> None:
    told = Told()
    told.warn(["x" * 10_000, "once", "once"])
    told.notify(["once"])
    assert told.entries() == [
        (WARNING, "x" * MAX_TOLD_CHARACTERS + "…"),
        (WARNING, "once"),
        (NOTICE, "once"),
    ]
    told.notify(f"{number:02}" + "ä" * 200 for number in range(100))
    for limit in (MAX_TOLD_BYTES, MAX_FAILURE_TOLD_BYTES):
        kept = told.entries(limit)
        assert len(kept) <= MAX_TOLD
        assert sum(len(text.encode()) for _, text in kept) <= limit
