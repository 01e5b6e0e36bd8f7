"""A database behind PgBouncer in transaction mode, whose clients share fewer sessions of PostgreSQL than they are."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import asyncpg
import pyarrow as pa
import pytest

import levada as lv
from levada_server.errors import ValueOutOfRange, WrongValue
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.migrations import migrate
from levada_server.storage.postgres.transactions import Transactions
from tests.support.cases import CaseSchema, case_names, read_case
from tests.support.pgbouncer import pgbouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.context import Engine

pytestmark = pytest.mark.parametrize("database_url", ["pooled"], indirect=True)
CLIENTS = 64


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(database_url)
    yield opened
    await opened.close()


async def test_a_pooler_is_noticed(database: Database, direct_url: str) -> None:
    direct = await Database.connect(direct_url)
    assert (database.pooled, direct.pooled) == (True, False)
    await direct.close()


async def test_each_transaction_and_statement_has_the_settings_of_a_session(database: Database) -> None:
    async def settings(connection: asyncpg.Connection[asyncpg.Record]) -> tuple[str, ...]:
        names = ("application_name", "timezone", "jit", "search_path", "statement_timeout")
        return tuple([await connection.fetchval("SELECT current_setting($1)", name) for name in names])

    expected = ("levada", "UTC", "off", "pg_catalog", "10min")
    async with database.connection() as connection:
        assert await settings(connection) == expected
    async with database.transaction(read_only=True, isolation="repeatable_read") as connection:
        assert await settings(connection) == expected
        assert await connection.fetchval("SHOW transaction_isolation") == "repeatable read"
        assert await connection.fetchval("SHOW transaction_read_only") == "on"
    async with Transactions(database) as transactions:
        await transactions.begin("serializable", read_only=False)
        async with transactions.current().connection() as connection:
            assert await settings(connection) == expected
            assert await connection.fetchval("SHOW transaction_isolation") == "serializable"


async def test_nothing_is_left_in_the_sessions_that_others_use(database: Database, direct_url: str) -> None:
    with pgbouncer(direct_url, sessions=1) as url:
        ours = await Database.connect(url)
        async with ours.connection() as connection:
            await connection.fetch("SELECT $1::integer", 1)
        other = await asyncpg.connect(url, statement_cache_size=0)
        async with other.transaction():
            assert await other.fetchval("SHOW search_path") != "pg_catalog"
            assert await other.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0
        await other.close()
        await ours.close()


async def test_a_failed_statement_leaves_the_connection_usable(database: Database) -> None:
    for _ in range(3):
        with pytest.raises((ValueOutOfRange, WrongValue)):
            async with database.connection() as connection:
                await connection.fetchval("SELECT 1 / $1::integer", 0)
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT $1::integer", 5) == 5


async def test_a_pooler_that_keeps_sessions_serves_too(database: Database, direct_url: str) -> None:
    with pgbouncer(direct_url, mode="session") as url:
        one = await Database.connect(url)
        await migrate(one)
        async with one.connection() as connection:
            assert await connection.fetchval("SELECT $1::integer", 5) == 5
        await one.close()


async def test_many_tasks_share_few_sessions(engine: Engine, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    async def ask(number: int) -> int:
        async with engine.scope.connection() as lent:
            return int(await lent.fetchval("SELECT $1::integer", number))

    assert await asyncio.gather(*map(ask, range(500))) == list(range(500))


def test_all_calls_of_many_clients_are_served(server_address: str) -> None:
    """Small calls, COPY in both directions, transactions and deletes, of more clients than there are sessions."""
    with lv.Connection(server_address) as connection:
        schema = lv.Schema("load", connection=connection)

        @schema
        class Thing(lv.Manual):
            definition = """
            client : int32
            number : int32
            ---
            x : float64
            """

    def client(number: int) -> int:
        with lv.Connection(server_address) as connection:
            things = lv.FreeTable(connection, "load.Thing")
            mine = things & {"client": number}
            many = pa.table({"client": [number] * 3000, "number": range(3000), "x": [0.5] * 3000})
            things.insert(many)
            for more in range(3000, 3010):
                things.insert1({"client": number, "number": more, "x": 1.5})
                assert (mine & {"number": more}).fetch1("x") == 1.5
            with connection.transaction():
                things.insert1({"client": number, "number": 3010, "x": 2.5})
                assert len(mine) == 3011
            assert mine.to_arrow().num_rows == 3011
            (mine & "number >= 3000").delete(prompt=False)
            return len(mine)

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert list(pool.map(client, range(CLIENTS))) == [3000] * CLIENTS


@pytest.mark.parametrize("name", case_names())
def test_case(name: str, server_address: str) -> None:
    """The cases that both clients run."""
    case = read_case(name)
    with lv.Connection(server_address) as connection:
        schema = CaseSchema("case", connection)
        schema.declare(case)
        schema.check(case)
        schema.change(case)
