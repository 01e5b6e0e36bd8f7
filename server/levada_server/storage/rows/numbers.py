"""The numbers that the server gives to rows whose key it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.query import ddl

if TYPE_CHECKING:
    import asyncpg

    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table


async def raise_next_number(
    connection: asyncpg.Connection[asyncpg.Record], table: Table, attribute: Attribute, number: int
) -> int:
    """Raise the next number of an attribute, past all stored ones; return it.

    A rollback does not undo it, as with every sequence: numbers are lost, and none is given out twice.
    """
    raised: int = await connection.fetchval(ddl.raise_next_number(table, attribute), number)
    return raised


async def read_next_number(connection: asyncpg.Connection[asyncpg.Record], table: Table, attribute: Attribute) -> int:
    """Return the number that an attribute gives out next."""
    found: int = await connection.fetchval(ddl.next_number(table, attribute))
    return found
