"""Run queries: describe, fetch, count, check existence, explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.arrow.ipc.batches import StreamWriter, whole_stream
from levada_server.arrow.types import arrow_schema
from levada_server.operations.call_limits import Meter
from levada_server.storage.postgres.scope import OpenTransaction

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from levada_server.arrow.ipc.batches import Piece
    from levada_server.operations.access.plans import Asked
    from levada_server.operations.access.reading import Readable
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.permissions.roles import Action

FEW_ROWS = 100
FEW_HEAVY_ROWS = 2


async def compile_query(engine: Engine, caller: Caller, action: Action, asked: Asked) -> Readable:
    """Compile a relation against the catalog: its heading, its statement, and warnings for the caller.

    A relation that differs from an earlier one only in bound values is not compiled again.

    Raises:
        LevadaError: The relation breaks a rule of the algebra.
    """
    view = await engine.gate.open(caller)
    return await view.asked(action, asked)


async def fetch(
    engine: Engine,
    readable: Readable,
    count_rows: Callable[[int], None] = lambda _: None,
    take_digest: Callable[[str], None] | None = None,
) -> AsyncGenerator[Piece, None]:
    """Yield the rows of a query as the bytes of one Arrow IPC stream, in pieces of about `MESSAGE_BYTES`.

    A caller that stops early closes the iterator, which stops the query.

    Args:
        engine: The parts to work with.
        readable: The query.
        count_rows: Called with the number of rows of each batch.
        take_digest: Called at the end with a digest of exactly these rows; None for no digest.
    """
    if has_few_rows(readable):
        for piece in await _fetch_few(engine, readable, count_rows, take_digest):
            yield piece
        return
    meter = Meter(engine.call_limits)
    writer = StreamWriter(arrow_schema(readable.heading))
    async with readable.batches(engine.scope, take_digest) as batches:
        async for batch in batches:
            count_rows(batch.num_rows)
            meter.add(batch.num_rows, batch.nbytes)
            for piece in writer.write(batch):
                yield piece
    for piece in writer.finish():
        yield piece


async def fetch_few(
    engine: Engine, readable: Readable, count_rows: Callable[[int], None] = lambda _: None
) -> list[Piece]:
    """Fetch the rows of a query with few rows, as `fetch` does, by one plain statement held in memory."""
    return await _fetch_few(engine, readable, count_rows)


async def _fetch_few(
    engine: Engine,
    readable: Readable,
    count_rows: Callable[[int], None],
    take_digest: Callable[[str], None] | None = None,
) -> list[Piece]:
    scope = engine.scope
    if take_digest is None:
        rows = await readable.rows(scope)
    else:
        async with scope.transaction(read_only=True, isolation="repeatable_read") as connection:
            rows = await readable.rows(OpenTransaction(connection, scope.postgresql_version))
            take_digest(await readable.digest(connection))
    count_rows(len(rows))
    pieces = whole_stream(rows, readable.heading)
    Meter(engine.call_limits).add(len(rows), sum(len(part) for piece in pieces for part in piece))
    return pieces


def has_few_rows(readable: Readable) -> bool:
    """Return whether one plain statement is quicker than COPY, which takes a transaction and two or three more trips.

    Only the query's own limit shows it, such as the limit of `fetch1`: to try some rows first would run a query that
    sorts or groups twice. A plain statement holds all its rows in memory, so large values need a lower limit.
    """
    heavy = any(attribute.type.kind.traits.heavy for attribute in readable.heading)
    return readable.select.limit is not None and readable.select.limit <= (FEW_HEAVY_ROWS if heavy else FEW_ROWS)


async def count(engine: Engine, readable: Readable) -> int:
    """Count the entities of a query."""
    statement = readable.query.count()
    async with engine.scope.connection() as connection:
        return int(await connection.fetchval(statement.text, *statement.values))


async def exists(engine: Engine, readable: Readable) -> bool:
    """Return whether a query has any entity; stop at the first."""
    statement = readable.query.exists()
    async with engine.scope.connection() as connection:
        return bool(await connection.fetchval(statement.text, *statement.values))


async def explain(engine: Engine, caller: Caller, readable: Readable, *, analyze: bool) -> tuple[str, str]:
    """Return PostgreSQL's plan for a query, and the compiled statement.

    Raises:
        PermissionDenied: The caller may not read all rows of its tables, and a plan tells of their number.
    """
    (await engine.gate.open(caller)).admit_statistics(readable)
    statement = readable.query.fetch()
    options = "(ANALYZE, BUFFERS)" if analyze else ""
    async with engine.scope.transaction(read_only=True) as connection:
        rows = await connection.fetch(f"EXPLAIN {options} {statement.text}", *statement.values)
    return "\n".join(row[0] for row in rows), statement.text
