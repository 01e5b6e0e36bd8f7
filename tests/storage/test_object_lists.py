"""Pages of many objects cost as much as their length, also before PostgreSQL has statistics of the objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from levada_server.operations.objects.verification import NOBODY
from levada_server.storage.objects.object_lists import list_copyable, list_objects
from levada_server.storage.objects.object_rows import read_doomed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection

MANY, PAGE = 20_000, 100
FILL = """
INSERT INTO levada.object (id, schema_id, codec, store, path, name, folder, state, size_bytes, hash, expire_time)
SELECT gen_random_uuid(), 1, 'attach', CASE WHEN n % 1000 = 0 THEN 'raw' ELSE 'main' END, n::text, 'a', false, $1, 1,
    '', now()
FROM generate_series(1, $2) AS n
"""
READ = (
    "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_xact_user_tables"
    " WHERE relid = 'levada.object'::regclass"
)


async def listed(connection: Connection, after: UUID, store: str = "main") -> list[UUID]:
    found = await list_objects(connection, store=store, schema="", after=after, count=PAGE)
    return [each.stored.reference.id for each in found]


async def copyable(connection: Connection, after: UUID) -> list[UUID]:
    found = await list_copyable(connection, store="main", schema="", after=after, count=PAGE)
    return [each.stored.reference.id for each in found]


async def doomed(connection: Connection, after: UUID) -> list[UUID]:
    return [doomed.upload.id for doomed in await read_doomed(connection, after, PAGE)]


@pytest.mark.parametrize(("state", "page"), [("whole", listed), ("whole", copyable), ("doomed", doomed)])
async def test_a_page_reads_as_many_objects_as_it_has(
    engine: Engine, state: str, page: Callable[[Connection, UUID], Awaitable[list[UUID]]]
) -> None:
    async with engine.scope.connection() as connection:
        # As in the first minute after a bulk load.
        await connection.execute("ALTER TABLE levada.object SET (autovacuum_enabled = false)")
        await connection.execute(FILL, state, MANY)
        async with connection.transaction():
            found, after = [], NOBODY
            for _ in range(8):  # PostgreSQL may choose another plan after the fifth
                found += await page(connection, after)
                after = found[-1]
            assert found == sorted(set(found))
            assert len(found) == 8 * PAGE
            assert await connection.fetchval(READ) < MANY  # one page alone would read them all


async def test_few_objects_are_found_among_many(engine: Engine) -> None:
    async with engine.scope.connection() as connection:
        await connection.execute(FILL, "whole", MANY)
        ids = [
            row["id"] for row in await connection.fetch("SELECT id FROM levada.object WHERE store = 'raw' ORDER BY id")
        ]
        assert await listed(connection, NOBODY, "raw") == ids
        assert await listed(connection, ids[3], "raw") == ids[4:]
        assert await listed(connection, ids[-1], "raw") == []
