"""Jobs: refresh from the key source, reserve, renew, complete, fail, release, progress."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

from levada_server.errors import InvalidRequest, LevadaError, LimitReached, MakeContract, OutcomeUnknown
from levada_server.jobs.lease import Failure, Lease, Worker, check_lease_duration
from levada_server.jobs.state import ERROR, SUCCESS, Answer, judge
from levada_server.model.values import show_key
from levada_server.operations.compilation import compiled
from levada_server.operations.rows import InsertOptions, insert_batch, read_batches
from levada_server.query.key_source import default_key_source, keys_of, new_keys, remaining_keys
from levada_server.storage import jobs as storage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.operations.engine import Caller, Engine
    from levada_server.query.algebra import Relation
    from levada_server.storage.database import Connection

MAX_JOBS = 1_000
"""Most jobs in one reserve or complete."""
MAX_SESSIONS = 1_000
MAX_WAIT = timedelta(seconds=60)
DEFAULT_PRIORITY = 5


async def create_session(
    engine: Engine, _caller: Caller, worker: Worker, lease_duration: timedelta | None, code_version: str
) -> tuple[UUID, timedelta]:
    """Begin a worker session; give its id and the length of its leases."""
    duration = check_lease_duration(lease_duration)
    async with engine.database.transaction() as connection:
        return await storage.create_session(connection, worker, duration, code_version), duration


async def renew_sessions(engine: Engine, _caller: Caller, sessions: Sequence[UUID]) -> datetime:
    """Renew all that some sessions hold; give when the first of them expires, by the server's clock.

    Raises:
        UnknownWorkerSession: One has ended.
    """
    if not 1 <= len(sessions) <= MAX_SESSIONS:
        raise LimitReached(
            f"A renewal names 1 to {MAX_SESSIONS} sessions, not {len(sessions)}.", limit="sessions", value=MAX_SESSIONS
        )
    async with engine.database.transaction() as connection:
        return await storage.renew_sessions(connection, sessions)


async def delete_session(engine: Engine, _caller: Caller, session: UUID) -> None:
    """End a session: others can take over at once what it holds.

    Raises:
        UnknownWorkerSession: It has ended already.
    """
    async with engine.database.transaction() as connection:
        await storage.delete_session(connection, session)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """How many jobs a refresh added, removed, and made pending again."""

    added: int
    removed: int
    reset: int


async def refresh(
    engine: Engine,
    caller: Caller,
    name: TableName,
    key_source: Relation | None,
    *,
    priority: int | None,
    delay: timedelta,
    retry_errors: bool,
) -> Refreshed:
    """Make jobs of what the key source has and the table has not, and bring the others in step.

    Args:
        engine: The parts to work with.
        caller: Who asks.
        name: The table.
        key_source: Only for these keys; None for the table's own source, which alone removes jobs.
        priority: Of new jobs, 0 first; None for 5.
        delay: New jobs wait this long.
        retry_errors: Make failed jobs of these keys pending again.
    """
    catalog = await engine.catalog(caller)
    table = _computed_table(catalog, name)
    own = own_key_source(engine, table)
    missing = (await compiled(new_keys(key_source or own, table), catalog)).select
    wanted = (await compiled(keys_of(key_source or own, table), catalog)).select
    async with engine.database.transaction() as connection:
        await storage.lock_refresh(connection, table)
        reset = await storage.retry_failed(connection, table, wanted) if retry_errors else 0
        reset += await storage.reset_deleted(connection, table)
        removed = await storage.remove_present(connection, table)
        if key_source is None:
            removed += await storage.remove_sourceless(connection, table, wanted)
        added = await storage.add_jobs(
            connection, table, missing, DEFAULT_PRIORITY if priority is None else priority, delay
        )
    return Refreshed(added, removed, reset)


def _computed_table(catalog: Catalog, name: TableName) -> Table:
    table = catalog.table(name)
    if not table.has_make:
        raise InvalidRequest(
            f"`{table.name}` has no jobs: it is {table.tier.value}"
            + (", but its class has no make." if table.tier.auto_populated else "."),
            table=table.name,
        )
    return table


def own_key_source(engine: Engine, table: Table) -> Relation:
    """Give what a table has to compute: its class's own source, or the join of its parents."""
    if table.key_source is None:
        return default_key_source(table)
    return engine.decode_relation(table.key_source)


async def reserve(
    engine: Engine,
    caller: Caller,
    session: UUID,
    names: Sequence[TableName],
    *,
    max_jobs: int,
    wait: timedelta,
    restriction: Relation | None,
) -> list[Lease]:
    """Lease the most urgent jobs of some tables, in the order of the tables; wait for the first if asked to.

    Raises:
        InvalidRequest: No table, a table without jobs, or a restriction with several tables.
        LimitReached: Too many jobs, or too long a wait.
        UnknownWorkerSession: The session has ended.
    """
    if not 0 <= max_jobs <= MAX_JOBS:
        raise LimitReached(f"1 to {MAX_JOBS} jobs can be reserved at once.", limit="jobs", value=MAX_JOBS)
    if wait > MAX_WAIT:
        raise LimitReached(f"A reserve waits at most {MAX_WAIT.seconds} s.", limit="wait", value=MAX_WAIT.seconds)
    catalog = await engine.catalog(caller)
    tables = [_computed_table(catalog, name) for name in names]
    if not tables or (restriction is not None and len(tables) > 1):
        raise InvalidRequest("Name the tables to reserve from; one table where there is a restriction.", field="names")
    selected = None if restriction is None else (await compiled(restriction, catalog)).select
    deadline = asyncio.get_running_loop().time() + wait.total_seconds()
    while True:
        leases: list[Lease] = []
        for table in tables:
            if len(leases) < max(max_jobs, 1):
                async with engine.database.transaction() as connection:
                    leases += await storage.reserve(
                        connection, table, session, max(max_jobs, 1) - len(leases), selected
                    )
        left = deadline - asyncio.get_running_loop().time()
        if leases or left <= 0:
            return leases
        await engine.lookout.wait(tables, left)


@dataclass(frozen=True, slots=True)
class BufferedInsert:
    """One insert that `make` did: table, options, its rows as an Arrow IPC stream, and where it stands in the code."""

    table: TableName
    options: InsertOptions
    content: IO[bytes]
    location: str


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """What a worker hands in for one job."""

    table: TableName
    job_id: int
    token: UUID
    duration: timedelta
    code_version: str
    inserts: tuple[BufferedInsert, ...]


async def complete(engine: Engine, caller: Caller, jobs: Sequence[CompletedJob]) -> list[LevadaError | None]:
    """Commit the rows of some jobs, each together with its state. Repeating it changes nothing.

    All go into one transaction. When one of them fails, each is committed on its own, so that none suffers for another.

    Returns:
        For each job, in order, None if it is committed, or why nothing of it is: LeaseLost if it was handed to another
        worker, MakeContract if the rows are not of this table or its key is not among them, or what is wrong with a
        row, naming it and the insert.
    """
    catalog = await engine.catalog(caller)
    if len(jobs) > 1:
        try:
            async with engine.database.transaction() as connection:
                for job in jobs:
                    await _complete_one(connection, catalog, job)
        except OutcomeUnknown:
            raise
        except LevadaError:
            pass  # which one it was, and what becomes of the others, is seen one by one
        else:
            return [None] * len(jobs)
    outcomes: list[LevadaError | None] = []
    for job in jobs:
        try:
            async with engine.database.transaction() as connection:
                await _complete_one(connection, catalog, job)
            outcomes.append(None)
        except OutcomeUnknown:
            raise
        except LevadaError as error:
            outcomes.append(error)
    return outcomes


async def _complete_one(connection: Connection, catalog: Catalog, job: CompletedJob) -> None:
    table = _computed_table(catalog, job.table)
    row = await storage.lock_job(connection, table, job.job_id)
    if judge(row.state, row.lease_token, job.token, job.job_id, final=SUCCESS) is Answer.REPEATED:
        return
    for insert in job.inserts:
        await _insert_buffered(connection, catalog, table, insert)
    if not await storage.key_present(connection, table, job.job_id):
        raise MakeContract(
            f"make of `{table.name}` did not insert its key, {show_key(row.key)}; "
            "end it with self.insert1({**key, ...}).",
            table=table.name,
        )
    await storage.finish_job(connection, table, job.job_id, job.duration.total_seconds(), job.code_version)


async def _insert_buffered(connection: Connection, catalog: Catalog, table: Table, insert: BufferedInsert) -> None:
    target = catalog.table(insert.table)
    if target.name != table.name and not _is_part(target.name, table.name):
        raise MakeContract(
            f"make of `{table.name}` inserted into `{target.name}`; it may insert into itself and its parts only.",
            table=target.name,
        )
    try:
        batches = read_batches(insert.content, target, insert.options)
        while (columns := await asyncio.to_thread(next, batches, None)) is not None:
            await insert_batch(connection, target, columns, insert.options)
    except LevadaError as error:
        if insert.location:
            error.message += f" (inserted at {insert.location})"
        raise


def _is_part(name: TableName, master: TableName) -> bool:
    above = name.master
    return above is not None and (above == master or _is_part(above, master))


async def fail(
    engine: Engine,
    caller: Caller,
    name: TableName,
    job_id: int,
    token: UUID,
    failure: Failure,
    *,
    duration: timedelta,
    code_version: str,
) -> str:
    """Record that `make` failed; give the job's state now. Repeating it changes nothing.

    Raises:
        LeaseLost: The job was handed to another worker.
    """
    table = _computed_table(await engine.catalog(caller), name)
    async with engine.database.transaction() as connection:
        row = await storage.lock_job(connection, table, job_id)
        if judge(row.state, row.lease_token, token, job_id, final=ERROR) is Answer.ACCEPT:
            await storage.fail_job(connection, table, job_id, duration.total_seconds(), code_version, failure)
    return ERROR


async def release(engine: Engine, caller: Caller, leases: Sequence[tuple[TableName, int, UUID]]) -> int:
    """Give jobs back untouched; give how many were still held."""
    if len(leases) > MAX_JOBS:
        raise LimitReached(f"At most {MAX_JOBS} jobs can be released at once.", limit="jobs", value=MAX_JOBS)
    catalog = await engine.catalog(caller)
    released = 0
    async with engine.database.transaction() as connection:
        for name, job_id, token in leases:
            released += await storage.release_job(connection, _computed_table(catalog, name), job_id, token)
    return released


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table is: keys of its source, those it lacks, and jobs by state."""

    table: TableName
    total: int
    remaining: int
    states: dict[str, int]


async def progress(engine: Engine, caller: Caller, name: TableName, key_source: Relation | None) -> Progress:
    """Count what a table has to compute and what it lacks, of its own key source or of some keys."""
    catalog = await engine.catalog(caller)
    table = _computed_table(catalog, name)
    source = key_source or own_key_source(engine, table)
    total = (await compiled(keys_of(source, table), catalog)).count()
    remaining = (await compiled(remaining_keys(source, table), catalog)).count()
    async with engine.database.transaction(read_only=True) as connection:
        return Progress(
            table.name,
            await connection.fetchval(total.text, *total.values),
            await connection.fetchval(remaining.text, *remaining.values),
            await storage.count_states(connection, table),
        )
