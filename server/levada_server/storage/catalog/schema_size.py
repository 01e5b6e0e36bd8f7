"""Measure a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from levada_server.storage.postgres.database import Connection

_SQL = statements("catalog")


async def read_schema_bytes(connection: Connection, name: str) -> int:
    """Return how many bytes the tables of a schema take, with their indexes, and the objects that were put there."""
    return int(await connection.fetchval(_SQL["read_schema_bytes"], name))
