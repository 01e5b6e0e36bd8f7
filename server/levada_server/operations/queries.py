"""Run queries: describe, fetch, count, check existence, explain."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from levada_server.arrow.ipc.batches import StreamWriter, whole_stream
from levada_server.arrow.ipc.compression import Pace
from levada_server.arrow.row_digest import RowDigest
from levada_server.arrow.types import arrow_schema
from levada_server.operations.call_limits import Meter
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from levada_server.arrow.ipc.batches import Piece
    from levada_server.arrow.ipc.compression import Compression
    from levada_server.operations.access.plans import Asked
    from levada_server.operations.access.reading import Readable
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Share


async def compile_query(engine: Engine, caller: Caller, action: Action, asked: Asked) -> Readable:
    """Compile a relation against the catalog: its heading, its statement, and warnings for the caller.

    A relation that differs from an earlier one only in bound values is not compiled again.

    Raises:
        LevadaError: The relation breaks a rule of the algebra.
    """
    view = await engine.gate.open(caller)
    if asked.shape is None and action is Action.FETCH:
        await compare_inputs(engine, view, await asked.relation())
    return await view.asked(action, asked)


async def fetch(
    engine: Engine,
    readable: Readable,
    count_rows: Callable[[int], None] = lambda _: None,
    take_digest: Callable[[str], None] | None = None,
    *,
    share: Share = "results",
    compression: Compression | None = None,
) -> AsyncGenerator[Piece, None]:
    """Yield the rows of a query as the bytes of one Arrow IPC stream, in pieces of about `MESSAGE_BYTES`.

    A caller that stops early closes the iterator, which stops the query.

    Args:
        engine: The parts to work with.
        readable: The query.
        count_rows: Called with the number of rows of each batch.
        take_digest: Called at the end with a digest of exactly these rows; None for no digest.
        share: The kind of work: "results" if a client reads them, perhaps slowly.
        compression: How to compress large batches while the client's link is slow; None for not at all.
    """
    if readable.has_few_rows:
        for piece in await _fetch_few(engine, readable, count_rows, take_digest):
            yield piece
        return
    meter = Meter(engine.call_limits)
    writer = StreamWriter(arrow_schema(readable.heading), compression)
    pace = Pace()
    async with readable.batches(engine.scope.share(share), take_digest) as batches:
        before = time.perf_counter()
        async for batch in batches:
            count_rows(batch.num_rows)
            meter.add(batch.num_rows, batch.nbytes)
            if compression is not None and pace.is_slow:
                # This takes milliseconds, in which other calls go on.
                pieces = await asyncio.to_thread(writer.write, batch)
            else:
                pieces = writer.write(batch, compressed=False)
            now = time.perf_counter()
            pace.note(worked_s=now - before)
            for piece in pieces:
                yield piece
            before = time.perf_counter()
            pace.note(waited_s=before - now)
    for piece in writer.finish():
        yield piece


async def fetch_few(
    engine: Engine,
    readable: Readable,
    count_rows: Callable[[int], None] = lambda _: None,
    take_digest: Callable[[str], None] | None = None,
) -> list[Piece]:
    """Fetch the rows of a query with few rows, as `fetch` does, by one plain statement held in memory."""
    return await _fetch_few(engine, readable, count_rows, take_digest)


async def _fetch_few(
    engine: Engine,
    readable: Readable,
    count_rows: Callable[[int], None],
    take_digest: Callable[[str], None] | None = None,
) -> list[Piece]:
    rows = await readable.rows(engine.scope)
    count_rows(len(rows))
    if take_digest is None:
        pieces = whole_stream(rows, readable.heading)
    else:
        digest = RowDigest(readable.heading.primary_key)
        pieces = whole_stream(rows, readable.heading, digest.take)
        take_digest(digest.text())
    Meter(engine.call_limits).add(len(rows), sum(len(part) for piece in pieces for part in piece))
    return pieces


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
