"""Insert many rows: COPY into a table, or into a temporary table that a statement then reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from levada_server.arrow.copy.encoder import encode
from levada_server.model.kinds import Kind
from levada_server.model.types import AttributeType
from levada_server.query.ddl import qualified
from levada_server.query.sql import quote_name
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")

NEW_PART = 0.1
"""The share of new rows above which PostgreSQL's statistics of a table are out of date."""

SENT_BYTES = 2**18
"""The most bytes that go to the driver at once, which copies them while other calls wait."""
_STAGE = "_levada_rows"
STAGED_ROWS = f'pg_temp."{_STAGE}" AS r'
"""The source of rows `r` for the statement of `insert_staged`; `_row` is the number of each, from 1."""


async def copy_rows(connection: Connection, table: Table, columns: Columns) -> str:
    """Copy rows into a table, with defaults for missing attributes; return PostgreSQL's command tag.

    Raises:
        asyncpg.PostgresError: A row violates a constraint.
    """
    names = [a.name for a in columns.attributes]
    pieces = encode(columns.arrays, [a.type for a in columns.attributes], columns.row_count)
    return await _copy(connection, table.name.schema, table.name.stored, names, pieces)


async def insert_staged(connection: Connection, table: Table, columns: Columns, statement: str) -> str:
    """Copy rows into a temporary table, and run a statement that inserts from there; return its command tag.

    Raises:
        asyncpg.PostgresError: A row violates a constraint.
    """
    names = [a.name for a in columns.attributes]
    types = [a.type for a in columns.attributes]
    numbers = pa.array(np.arange(1, columns.row_count + 1))
    pieces = encode([*columns.arrays, numbers], [*types, AttributeType(Kind.INT64)], columns.row_count)
    marks = {"stage": f"pg_temp.{quote_name(_STAGE)}", "names": ", ".join(map(quote_name, names))}
    async with connection.transaction():
        await connection.execute(fill(_SQL["create_stage"], table=qualified(table.name), **marks))
        await _copy(connection, "pg_temp", _STAGE, [*names, "_row"], pieces)
        tag: str = await connection.execute(statement)
        await connection.execute(fill(_SQL["drop_stage"], **marks))
    return tag


async def analyze(connection: Connection, table: Table, new_rows: int) -> None:
    """Update PostgreSQL's statistics of a table if much of it is new.

    PostgreSQL's own daemon does so where a tenth is new, but later, and never for rows that are not committed.
    """
    name = qualified(table.name)
    known = await connection.fetchval(_SQL["rows_known"], name)
    if new_rows > known * NEW_PART:
        await connection.execute(fill(_SQL["analyze"], table=name))


async def _copy(connection: Connection, schema: str, table: str, names: list[str], pieces: Iterator[memoryview]) -> str:
    tag: str = await connection.copy_to_table(
        table, schema_name=schema, columns=names, source=_source(pieces), format="binary"
    )
    return tag


async def _source(pieces: Iterator[memoryview]) -> AsyncIterator[memoryview]:
    """Encode pieces while PostgreSQL works; the driver asks for the next only when the last is sent."""
    for piece in pieces:
        for start in range(0, len(piece), SENT_BYTES):
            yield piece[start : start + SENT_BYTES]
            await asyncio.sleep(0)  # the driver does not wait where the sockets hold the piece; other calls have a turn
