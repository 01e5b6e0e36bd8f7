"""Queries: describe, fetch, count, exists, explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.arrow.batches import MESSAGE_BYTES, StreamWriter
from levada_server.query.compile import Query, compile_relation
from levada_server.storage.rows import stream_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.engine import Caller, Engine
    from levada_server.query.algebra import Relation


async def compile_query(engine: Engine, caller: Caller, relation: Relation) -> Query:
    """Compile a relation against the catalog: its heading, its statement, and warnings for the caller.

    Raises:
        LevadaError: The relation breaks a rule of the algebra.
    """
    return compile_relation(relation, await engine.catalog(caller))


async def fetch(engine: Engine, query: Query) -> AsyncIterator[bytes]:
    """Give the rows of a query as the bytes of one Arrow IPC stream, in pieces of about `MESSAGE_BYTES`."""
    writer = StreamWriter(query.heading)
    async with stream_rows(engine.database, query.fetch()) as stream:
        async for rows in stream:
            sent = 0
            for piece in writer.write(rows):
                sent += len(piece)
                yield piece
            stream.piece_rows = max(1, stream.piece_rows * MESSAGE_BYTES // max(sent, 1))
    for piece in writer.finish():
        yield piece


async def count(engine: Engine, query: Query) -> int:
    """Count the entities of a query."""
    statement = query.count()
    async with engine.database.connection() as connection:
        return int(await connection.fetchval(statement.text, *statement.values))


async def exists(engine: Engine, query: Query) -> bool:
    """Tell whether a query has any entity; stops at the first."""
    statement = query.exists()
    async with engine.database.connection() as connection:
        return bool(await connection.fetchval(statement.text, *statement.values))


async def explain(engine: Engine, query: Query, *, analyze: bool) -> tuple[str, str]:
    """Give PostgreSQL's plan for a query, and the statement that was compiled."""
    statement = query.fetch()
    options = "(ANALYZE, BUFFERS)" if analyze else ""
    async with engine.database.transaction(read_only=True) as connection:
        rows = await connection.fetch(f"EXPLAIN {options} {statement.text}", *statement.values)
    return "\n".join(row[0] for row in rows), statement.text
