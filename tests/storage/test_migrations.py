"""Migrations run once, whoever starts first, and a database of a newer server is refused."""

from __future__ import annotations

import asyncio

import pytest

from levada_server.errors import PreconditionFailed, Unavailable
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.migrations import migrate, migration_files


def test_migrations_are_numbered_from_one_without_a_gap_or_a_repeat() -> None:
    numbers = [number for number, _, _ in migration_files()]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_servers_that_start_at_once_migrate_once(database_url: str) -> None:
    database = await Database.connect(database_url)
    async with database.transaction() as connection:
        await connection.execute("DROP SCHEMA levada CASCADE; DROP SCHEMA levada_jobs CASCADE")
        await connection.execute("DROP SCHEMA IF EXISTS levada_functions CASCADE")
    await asyncio.gather(*(migrate(database) for _ in range(4)))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM levada.migration") == len(migration_files())
    await database.close()


async def test_a_database_of_a_newer_server_is_refused(database_url: str) -> None:
    database = await Database.connect(database_url)
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO levada.migration (number, name) VALUES (9999, 'later')")
    with pytest.raises(PreconditionFailed, match="newer than this server"):
        await migrate(database)
    await database.close()


async def test_a_database_out_of_reach_is_told_in_one_line() -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await Database.connect("postgresql://nobody@127.0.0.1:1/nothing")
    assert "\n" not in caught.value.message
