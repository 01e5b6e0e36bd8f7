"""The connections that stay open between their uses."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from levada_server.errors import Unavailable
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.storage.postgres.pool import Connection


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async def connect() -> Connection:
        return await asyncpg.connect(database_url)

    opened = Pool(connect, await connect())
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def used(pool: Pool) -> AsyncIterator[Connection]:
    connection = await pool.take()
    yield connection
    pool.give(connection)


async def test_the_connection_that_came_back_last_is_taken_first(pool: Pool) -> None:
    first, second = await pool.take(), await pool.take()
    assert first is not second
    pool.give(second)
    pool.give(first)
    async with used(pool) as again:
        assert again is first


async def test_a_connection_that_postgresql_ended_is_not_taken_again(pool: Pool) -> None:
    ended, other = await pool.take(), await pool.take()
    pool.give(ended)
    assert await other.fetchval("SELECT pg_terminate_backend($1, 10_000)", ended.get_server_pid())
    while not ended.is_closed():
        await other.execute("SELECT 1")
    async with used(pool) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    pool.give(other)


@pytest.mark.parametrize("statement", ["SELECT pg_sleep(60)", "COPY (SELECT pg_sleep(60)) TO STDOUT"])
async def test_an_interrupted_statement_is_cancelled(pool: Pool, statement: str) -> None:
    connection, watch = await pool.take(), await pool.take()
    task = asyncio.create_task(connection.execute(statement))
    running = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND wait_event = 'PgSleep'"
    while not await watch.fetchval(running, connection.get_server_pid()):
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await pool.give_after_failure(connection)
    assert not await watch.fetchval(running, connection.get_server_pid())
    pool.give(watch)
    async with used(pool) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_connection_whose_statement_was_refused_is_used_again(pool: Pool) -> None:
    connection = await pool.take()
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.execute("SELECT 1 / 0")
    await pool.give_after_failure(connection)
    async with used(pool) as again:
        assert again is connection


async def test_no_connection_is_used_again_after_it_expired(pool: Pool) -> None:
    lent, idle = await pool.take(), await pool.take()
    pool.give(idle)
    pool.expire()
    assert idle.is_closed()
    assert await lent.fetchval("SELECT 1") == 1  # until it comes back
    pool.give(lent)
    assert lent.is_closed()
    async with used(pool) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_connections_that_nobody_needs_are_closed(pool: Pool) -> None:
    needed, spare = await pool.take(), await pool.take()
    pool.give(spare)
    pool.give(needed)
    pool.close_spare()
    async with used(pool) as again:
        assert again is needed
    pool.close_spare()
    assert (needed.is_closed(), spare.is_closed()) == (False, True)
    pool.close_spare()
    assert needed.is_closed()


async def test_a_closed_pool_waits_for_connections_in_use(pool: Pool) -> None:
    lent = await pool.take()
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await pool.take()
    assert await lent.fetchval("SELECT 1") == 1
    pool.give(lent)
    await closing
    assert lent.is_closed()


async def test_the_use_of_a_share_and_its_waits_are_counted(database_url: str) -> None:
    database = await Database.connect(database_url, size=1)
    waited = asyncio.Event()

    async def wait() -> None:
        async with database.connection():
            waited.set()

    async with database.connection():
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)  # it begins to wait
        use = database.use()["calls"]
        assert (use.size, use.used, use.waiting, use.wait_count) == (1, 1, 1, 0)
    await waiting
    use = database.use()["calls"]
    assert (use.used, use.waiting, use.wait_count) == (0, 0, 1)
    assert use.wait_s > 0
    assert database.use()["leases"].used == 0
    await database.close()
