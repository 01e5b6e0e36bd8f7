"""Tables, rows and jobs with sensible defaults, made through the operations of a real server."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.jobs.lease import Lease, Worker
from levada_server.jobs.signing import lease_content
from levada_server.model.table import DEFAULT_RETRY, RetryPolicy, TableName, Tier
from levada_server.operations import declarations, inserts, job_refresh, jobs, schemas, shared_refreshes
from levada_server.operations.caller import Caller
from levada_server.operations.completion import results
from levada_server.operations.completion.completed_jobs import BufferedInsert, CompletedJob
from levada_server.operations.inserts import InsertOptions
from levada_server.permissions.permissions import Identity
from levada_server.permissions.roles import Action
from levada_server.query.algebra import TableOperand
from levada_server.query.ddl import job_table_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table
    from levada_server.operations.access.reading import Readable
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

ME = Caller(Identity("tester"))
NO_TIME = timedelta(0)


def named(table: str, schema: str = "lab") -> TableName:
    """Name a table of the test's schema."""
    return TableName(schema, table)


async def make_table(
    engine: Engine,
    table: str,
    definition: str,
    tier: Tier = Tier.MANUAL,
    *,
    has_make: bool | None = None,
    retry: RetryPolicy = DEFAULT_RETRY,
) -> Table:
    """Declare a table in the schema `lab`, which is made on first use."""
    await schemas.create_schema(engine, ME, "lab", allow_existing=True)
    computes = tier.auto_populated if has_make is None else has_make
    declaration = declarations.Declaration(named(table), tier, definition, {}, has_make=computes, retry=retry)
    return (await declarations.declare_table(engine, ME, declaration)).table


async def insert(engine: Engine, table: str, records: Sequence[Mapping[str, object]], **options: bool) -> int:
    """Insert rows given as dicts."""
    return await inserts.insert(engine, ME, named(table), InsertOptions(**options), arrow(records))


def arrow(records: Sequence[Mapping[str, object]]) -> io.BytesIO:
    """Write rows as an Arrow IPC stream."""
    content = io.BytesIO()
    table = pa.Table.from_pylist([dict(record) for record in records])
    with pa.ipc.new_stream(content, table.schema) as writer:
        writer.write_table(table)
    return content


async def fetch(engine: Engine, table: str) -> list[dict[str, object]]:
    """Return all rows of a table."""
    readable = await query(engine, TableOperand(named(table)))
    return [dict(row) for row in await readable.rows(engine.scope)]


async def make_session(engine: Engine) -> UUID:
    """Begin a worker session."""
    session, _ = await jobs.create_session(engine, ME, Worker("host", 1, "user"), None, "")
    return session


async def refresh(engine: Engine, table: str) -> shared_refreshes.Refreshed:
    """Refresh the jobs of a table."""
    return await job_refresh.refresh(engine, ME, named(table), None, priority=None, delay=NO_TIME, retry_errors=False)


async def reserve(
    engine: Engine,
    session: UUID,
    table: str,
    max_jobs: int = 1,
    *,
    held: Collection[UUID] | None = None,
    except_unready: bool = False,
) -> list[Lease]:
    """Reserve jobs of one table without waiting."""
    return await jobs.reserve(
        engine,
        ME,
        session,
        [named(table)],
        max_jobs=max_jobs,
        wait=NO_TIME,
        restriction=None,
        held=held,
        except_unready=except_unready,
    )


async def make_lease(engine: Engine) -> tuple[UUID, Lease]:
    """Make a table `Session` and a table `Stat` that it computes, and lease its only job under a session."""
    await make_table(engine, "Session", "session : int32\n")
    await make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await insert(engine, "Session", [{"session": 1}])
    await refresh(engine, "Stat")
    session = await make_session(engine)
    (lease,) = await reserve(engine, session, "Stat")
    return session, lease


def completed(lease: Lease, inserts: Mapping[str, Sequence[Mapping[str, object]]]) -> CompletedJob:
    """Make a completed job with some rows by table."""
    buffered = tuple(
        BufferedInsert(named(table), InsertOptions(), arrow(records), "pipeline.py:7")
        for table, records in inserts.items()
    )
    key = tuple(lease_content(lease).key.values())
    return CompletedJob(lease.table, lease.job_id, lease.token, key, timedelta(seconds=1), "v1", buffered)


async def complete(
    engine: Engine, lease: Lease, inserts: Mapping[str, Sequence[Mapping[str, object]]], caller: Caller = ME
) -> None:
    """Complete a job with some rows by table."""
    (error,) = (await results.complete(engine, caller, [completed(lease, inserts)])).outcomes
    if error is not None:
        raise error


async def expire(engine: Engine, session: UUID) -> None:
    """Let a session's lease run out by moving the row's time."""
    async with engine.scope.connection() as connection:
        await connection.execute(
            "UPDATE levada.worker_session SET expire_time = clock_timestamp() - interval '1 s' WHERE id = $1", session
        )


async def make_due(engine: Engine, table: str) -> None:
    """Make all waiting jobs of a table due now."""
    jobs_of = job_table_name((await catalog(engine)).table(named(table)))
    async with engine.scope.connection() as connection:
        await connection.execute(f"UPDATE {jobs_of} SET _scheduled_time = '2000-01-01' WHERE _state = 'pending'")  # noqa: S608


async def query(engine: Engine, relation: Relation) -> Readable:
    """Compile a relation for a fetch by `ME`."""
    return await (await engine.gate.open(ME)).query(Action.FETCH, relation)


async def catalog(engine: Engine) -> Catalog:
    """Return the catalog as `ME` sees it."""
    return (await engine.gate.open(ME)).catalog
