"""Queries: describe, fetch, count, exists, explain."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from levada_server.arrow.ipc.batches import StreamWriter, whole_stream
from levada_server.arrow.types import arrow_schema
from levada_server.storage.postgres.scope import OpenTransaction
from levada_server.storage.rows.streams import digest_rows, fetch_rows, stream_batches

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from levada_server.arrow.ipc.batches import Piece
    from levada_server.operations.access.plans import Asked
    from levada_server.operations.context import Caller, Engine
    from levada_server.query.query import Query
    from levada_server.storage.postgres.scope import Scope

FEW_ROWS = 100
FEW_HEAVY_ROWS = 2


async def compile_query(engine: Engine, caller: Caller, asked: Asked) -> Query:
    """Compile a relation against the catalog: its heading, its statement, and warnings for the caller.

    One that differs from an earlier one only in values that are bound is not compiled again.

    Raises:
        LevadaError: The relation breaks a rule of the algebra.
    """
    return await engine.plans.compiled(asked, await engine.catalog(caller))


async def fetch(
    engine: Engine,
    query: Query,
    count_rows: Callable[[int], None] = lambda _: None,
    take_digest: Callable[[str], None] | None = None,
) -> AsyncGenerator[Piece, None]:
    """Yield the rows of a query as the bytes of one Arrow IPC stream, in pieces of about `MESSAGE_BYTES`.

    Whoever stops early closes the iterator, which stops the query.

    Args:
        engine: The parts to work with.
        query: What to fetch.
        count_rows: Called with the number of rows of each batch.
        take_digest: Called at the end with a digest of exactly these rows; None for none.
    """
    async with AsyncExitStack() as stack:
        scope = engine.scope
        if take_digest is not None:
            connection = await stack.enter_async_context(scope.transaction(read_only=True, isolation="repeatable_read"))
            scope = OpenTransaction(connection, scope.postgresql_version)
        if has_few_rows(query):
            for piece in await _fetch_few(scope, query, count_rows):
                yield piece
        else:
            writer = StreamWriter(arrow_schema(query.heading))
            async with stream_batches(scope, query) as batches:
                async for batch in batches:
                    count_rows(batch.num_rows)
                    for piece in writer.write(batch):
                        yield piece
            for piece in writer.finish():
                yield piece
        if take_digest is not None:
            take_digest(await digest_rows(connection, query.fetch()))


async def fetch_few(
    engine: Engine, query: Query, count_rows: Callable[[int], None] = lambda _: None
) -> Iterator[Piece]:
    """Fetch as `fetch` does, for a query that has few rows: by one plain statement, whose answer is held at once."""
    return await _fetch_few(engine.scope, query, count_rows)


async def _fetch_few(scope: Scope, query: Query, count_rows: Callable[[int], None]) -> Iterator[Piece]:
    rows = await fetch_rows(scope, query)
    count_rows(len(rows))
    return whole_stream(rows, query.heading)


def has_few_rows(query: Query) -> bool:
    """Tell whether one plain statement is quicker than COPY, which takes a transaction and two or three more trips.

    Only the query's own limit can tell, such as that of `fetch1`: to try some rows first would run a query that sorts
    or groups twice. A plain statement holds all its rows at once, so large values need a lower limit.
    """
    heavy = any(attribute.type.kind.traits.heavy for attribute in query.heading)
    return query.select.limit is not None and query.select.limit <= (FEW_HEAVY_ROWS if heavy else FEW_ROWS)


async def count(engine: Engine, query: Query) -> int:
    """Count the entities of a query."""
    statement = query.count()
    async with engine.scope.connection() as connection:
        return int(await connection.fetchval(statement.text, *statement.values))


async def exists(engine: Engine, query: Query) -> bool:
    """Tell whether a query has any entity; stops at the first."""
    statement = query.exists()
    async with engine.scope.connection() as connection:
        return bool(await connection.fetchval(statement.text, *statement.values))


async def explain(engine: Engine, query: Query, *, analyze: bool) -> tuple[str, str]:
    """Give PostgreSQL's plan for a query, and the statement that was compiled."""
    statement = query.fetch()
    options = "(ANALYZE, BUFFERS)" if analyze else ""
    async with engine.scope.transaction(read_only=True) as connection:
        rows = await connection.fetch(f"EXPLAIN {options} {statement.text}", *statement.values)
    return "\n".join(row[0] for row in rows), statement.text
