"""Dropping a table looks for rows of the catalog that refer to it by indexes, not through those of all tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levada_server.operations.context import Engine

_UNINDEXED = """
SELECT k.conrelid::regclass || ' (' || a.attname || ')' FROM pg_constraint AS k
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.confrelid IN ('levada.table'::regclass, 'levada.attribute'::regclass)
    AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1])
ORDER BY 1
"""


async def test_every_reference_to_tables_and_attributes_has_an_index(engine: Engine) -> None:
    async with engine.scope.connection() as connection:
        assert [row[0] for row in await connection.fetch(_UNINDEXED)] == []
