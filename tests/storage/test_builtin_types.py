"""Connections that know PostgreSQL's own types from others."""

from __future__ import annotations

import asyncpg
import pytest

from levada_server.storage.postgres import builtin_types
from levada_server.storage.postgres.builtin_types import TypedConnection

ARRAYS = "SELECT ARRAY['a'::\"char\"], ARRAY[1.5::real, NULL], $1::date[], int4range(1, 3), ARRAY[ARRAY[1::smallint]]"


async def test_a_second_connection_asks_nothing_and_reads_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin_types, "_KNOWN", {})  # whatever other tests have looked up
    lookups: list[str] = []

    async def read() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database_url, connection_class=TypedConnection)
        connection.add_query_logger(lambda query: lookups.append(query.query))
        try:
            return [await connection.fetchrow(ARRAYS, []) for _ in range(2)]
        finally:
            await connection.close()

    first = await read()
    assert any("typeinfo" in query for query in lookups)
    lookups.clear()
    assert await read() == first
    assert lookups == [ARRAYS] * 2
    assert first[0][0] == [b"a"]


@pytest.mark.parametrize("kept", [0, 100])
async def test_types_of_the_database_itself_are_asked_for_each_time(database_url: str, kept: int) -> None:
    for values in ("low, high", "high, low"):
        connection = await asyncpg.connect(database_url, connection_class=TypedConnection, statement_cache_size=kept)
        try:
            await connection.execute(f"CREATE TYPE pair AS ({values.replace(',', ' integer,')} integer)")
            pair = await connection.fetchval("SELECT ROW(1, 2)::pair")
            assert list(pair.keys()) == values.split(", ")
            assert await connection.fetchval("SELECT $1::float8[]", [1.5]) == [1.5]
        finally:
            await connection.execute("DROP TYPE pair")
            await connection.close()
