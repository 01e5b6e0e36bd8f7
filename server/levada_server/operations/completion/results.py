"""Commit the rows of completed jobs together with their state, and record failed jobs."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.errors import InputsChanged, LevadaError, OutcomeUnknown, PreconditionFailed
from levada_server.jobs.retry import next_asking, next_try, next_try_of_interrupted
from levada_server.jobs.signing import spelled
from levada_server.jobs.state import ERROR, PENDING, SUCCESS, Answer, judge
from levada_server.model.audit import Record
from levada_server.operations import audit
from levada_server.operations.audit import entry
from levada_server.operations.completion.completed_jobs import (
    alike_inserts,
    needed_bytes,
    of_completion,
    shapes_of,
)
from levada_server.operations.completion.few_jobs import complete_at_once
from levada_server.operations.completion.inserts import Inserting, check_targets
from levada_server.operations.jobs import computed_table
from levada_server.operations.make_contract import judge_absent
from levada_server.operations.request_ids import record
from levada_server.permissions.roles import Action
from levada_server.storage.catalog.stored_catalog import require_current
from levada_server.storage.jobs import job_rows
from levada_server.storage.postgres.request_outcomes import insert_record
from levada_server.storage.postgres.scope import OpenTransaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from levada_server.jobs.lease import Failure
    from levada_server.model.audit import Entry
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.completion.completed_jobs import CompletedJob
    from levada_server.operations.completion.few_jobs import Committed
    from levada_server.operations.context import Engine
    from levada_server.storage.jobs.job_rows import LockedJob
    from levada_server.storage.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class Completion:
    """The outcome of completing some jobs.

    Args:
        outcomes: For each job, in order, None if it was committed, or the error why it was not.
        warnings: Warnings for the caller about committed jobs, each once.
        unready: The tokens of committed jobs that inserted nothing; they are asked again later.
    """

    outcomes: tuple[LevadaError | None, ...]
    warnings: tuple[str, ...]
    unready: frozenset[UUID]


@dataclass(slots=True)
class _Committed:
    """Jobs of a transaction: warnings for the caller, computed keys, tokens of unready jobs, entries of the audit."""

    warnings: list[str] = field(default_factory=list)
    keys: Committed = field(default_factory=list)
    unready: set[UUID] = field(default_factory=set)
    entries: list[Entry] = field(default_factory=list)


async def complete(engine: Engine, caller: Caller, jobs: Sequence[CompletedJob]) -> Completion:
    """Commit the rows of some jobs, each together with its state; a repetition changes nothing.

    All go into one transaction. If one of them fails, each is committed separately, so that no job fails for another.

    Returns:
        For each job None or an error: LeaseLost if it went to another worker, was cancelled or was given up;
        MakeContract if it inserted rows but not its key, or into a table that it may not write; InputsChanged
        if rows that it read have changed; LimitReached if a schema has no room for its rows; or the error of a row,
        which names the row and the insert.
    """
    view = await engine.gate.open(caller)
    await engine.shapes.store(engine.scope, shapes_of(jobs), lasting=True)
    if len(jobs) > 1:
        try:
            done = await _commit(engine, view, jobs)
        except OutcomeUnknown:
            raise
        except LevadaError:
            pass  # committing the jobs one by one finds the failed one and the outcome of the others
        else:
            return Completion((None,) * len(jobs), tuple(dict.fromkeys(done.warnings)), frozenset(done.unready))
    outcomes: list[LevadaError | None] = []
    warnings: dict[str, None] = {}
    unready: set[UUID] = set()
    for job in jobs:
        try:
            done = await _commit(engine, view, (job,))
            warnings |= dict.fromkeys(done.warnings)
            unready |= done.unready
            outcomes.append(None)
        except OutcomeUnknown:
            raise
        except LevadaError as error:
            outcomes.append(error)
    return Completion(tuple(outcomes), tuple(warnings), frozenset(unready))


async def _commit(engine: Engine, view: View, jobs: Sequence[CompletedJob]) -> _Committed:
    """Commit jobs, all or none."""
    for schema in dict.fromkeys(insert.table.schema for job in jobs for insert in job.inserts):
        await engine.quota.admit(engine.scope, schema)
    done = await _commit_at_once(engine, view, jobs)
    if done is None:
        with engine.memory.share(view.caller.identity.user_id) as memory:
            await memory.wait_for(await asyncio.to_thread(needed_bytes, alike_inserts(jobs)))
            async with engine.scope.share("completions").transaction() as connection:
                done = await _complete_group(engine, connection, view, jobs)
        for made in done.entries:
            audit.log(made)
            view.caller.traces.completed_count += made.row_count
    for name, keys in done.keys:
        engine.downstream.committed(engine, name, keys)
    return done


async def _commit_at_once(engine: Engine, view: View, jobs: Sequence[CompletedJob]) -> _Committed | None:
    """Commit jobs by one statement; return None if that cannot be, or if one job's error is still to be found."""
    try:
        done = await complete_at_once(engine, view, jobs)
    except OutcomeUnknown:
        raise
    except LevadaError:
        if len(jobs) > 1:
            raise
        return None
    return None if done is None else _Committed(*done)


async def _complete_group(
    engine: Engine, connection: Connection, view: View, jobs: Sequence[CompletedJob]
) -> _Committed:
    """Complete jobs in a transaction, by few statements for all jobs of a table."""
    by_table: defaultdict[TableName, list[CompletedJob]] = defaultdict(list)
    for job in jobs:
        by_table[job.table].append(job)
    tables = [(computed_table(view, Action.COMPUTE, name), group) for name, group in by_table.items()]
    done = _Committed()
    for table, group in sorted(tables, key=lambda entry: entry[0].id):  # in one order, because they are locked
        locked = await job_rows.lock_jobs(connection, table, [job.job_id for job in group])
        accepted = []
        for job in group:
            standing = locked[job.job_id].standing
            if judge(standing, job.token, final=SUCCESS) is Answer.ACCEPT:
                accepted.append(job)
            elif standing.state == PENDING:
                done.unready.add(job.token)
        if accepted:
            await _commit_results(engine, connection, view, table, accepted, locked, done)
    catalog, written = view.catalog, {insert.table for job in jobs for insert in job.inserts}
    await require_current(connection, catalog.basis(catalog.table(name).name for name in {*by_table, *written}))
    return done


async def _commit_results(
    engine: Engine,
    connection: Connection,
    view: View,
    table: Table,
    jobs: Sequence[CompletedJob],
    locked: dict[int, LockedJob],
    done: _Committed,
) -> None:
    for job in jobs:
        await check_inputs(engine, connection, view, table, job)
    warnings = check_targets(view, table, jobs)
    keys = {tuple(spelled(value) for _, value in locked[job.job_id].key) for job in jobs}
    inserting = Inserting(engine, connection, view, table, keys, warnings)
    counts = await inserting.together(jobs) if len(jobs) > 1 else [await inserting.in_order(jobs[0])]
    written = {job.token: counted for job, counted in zip(jobs, counts, strict=True)}
    unready, told = await _finish(connection, view, table, jobs, locked, written)
    done.warnings += warnings + told
    made = of_completion(view.caller, table, jobs, written.values())
    await insert_record(connection, Record(made), "")
    done.entries.append(made)
    if computed := [locked[job.job_id].key for job in jobs if job.token not in unready]:
        done.keys.append((table.name, computed))
    done.unready |= unready


async def _finish(
    connection: Connection,
    view: View,
    table: Table,
    jobs: Sequence[CompletedJob],
    locked: dict[int, LockedJob],
    written: Mapping[UUID, Counter[str]],
) -> tuple[set[UUID], list[str]]:
    """Mark jobs as succeeded; jobs that inserted nothing wait until they are asked again.

    Args:
        connection: In the transaction that completes them.
        view: The catalog.
        table: The table that was computed.
        jobs: The jobs.
        locked: Their states and keys.
        written: The number of rows that each wrote, by table.

    Returns:
        The tokens of the jobs that wait, and the notices about them.

    Raises:
        MakeContract: A job inserted rows of other keys than its own, or the schema enforces the contract.
    """
    absent = set(await job_rows.absent_results(connection, table, [job.job_id for job in jobs]))
    present = [job.finished(written[job.token]) for job in jobs if job.job_id not in absent]
    if present:
        await job_rows.finish_jobs(connection, table, present)
    unready = [job for job in jobs if job.job_id in absent]
    told = []
    for job in unready:
        standing, key = locked[job.job_id].standing, locked[job.job_id].key
        told.append(judge_absent(view.catalog, table, key, written[job.token]))
        pause = next_asking(table.retry, standing.unready)
        await job_rows.ask_later(connection, table, job.finished(written[job.token]), told[-1], pause)
    return {job.token for job in unready}, told


async def check_inputs(engine: Engine, connection: Connection, view: View, table: Table, job: CompletedJob) -> None:
    """Repeat the reads that a job asked to verify, within the transaction that completes it.

    Raises:
        InputsChanged: One gives other rows.
    """
    scope = OpenTransaction(connection, engine.scope.outside)
    for number, (relation, digest) in enumerate(job.inputs, 1):
        readable = await view.query(Action.FETCH, relation)
        if await readable.digest(scope) != digest:
            raise InputsChanged(
                f"Rows that make_fetch of `{table.name}` fetched (query {number}) changed before its result could be "
                "committed; nothing of it is kept. Compute it again.",
                table=table.name,
            )


async def complete_in_transaction(
    engine: Engine, transaction: OpenTransaction, caller: Caller, job: CompletedJob
) -> list[str]:
    """Complete a job whose rows were written under its lease in an open transaction, which commits both.

    Returns:
        The notice that it inserted nothing, and is asked again later; else nothing.

    Raises:
        Conflict: A table that the job wrote was altered meanwhile.
        PreconditionFailed: The job is already completed.
        LevadaError: As the outcomes of `complete`.
    """
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.COMPUTE, job.table)
    await engine.shapes.store(transaction, job.reads.shapes, lasting=False)
    async with transaction.transaction() as connection:
        locked = await job_rows.lock_jobs(connection, table, (job.job_id,))
        if judge(locked[job.job_id].standing, job.token, final=SUCCESS) is Answer.REPEATED:
            raise PreconditionFailed("The job is already completed; roll back.", job=job.job_id)
        await check_inputs(engine, connection, view, table, job)
        written = Counter({str(name): count for name, count in transaction.written.items()})
        unready, told = await _finish(connection, view, table, (job,), locked, {job.token: written})
        await record(engine, connection, caller, of_completion(caller, table, (job,), (written,)))
        touched = {table.name, *(view.catalog.table(name).name for name in transaction.written)}
        await require_current(connection, view.catalog.basis(touched))
        if not unready:
            transaction.completed.append((table.name, locked[job.job_id].key))
    return told


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
    output: str | None = None,
    interrupted: bool = False,
) -> str:
    """Record that `make` failed; return the job's new state: error, or pending if it is tried again.

    A repetition changes nothing.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The table.
        job_id: The job.
        token: The token of its lease.
        failure: The error of `make`.
        duration: The time that `make` ran.
        code_version: The version of the code that computed it.
        output: The output of `make`; None if there is none.
        interrupted: Whether the code is not at fault; the attempt then counts like one of a lost worker.

    Raises:
        LeaseLost: The job went to another worker, or was cancelled.
    """
    table = computed_table(await engine.gate.open(caller), Action.COMPUTE, name)
    async with engine.scope.share("leases").transaction() as connection:
        standing = (await job_rows.lock_jobs(connection, table, (job_id,)))[job_id].standing
        if judge(standing, token, final=ERROR) is Answer.REPEATED:
            return standing.state if standing.token == token else PENDING
        pause = (next_try_of_interrupted if interrupted else next_try)(table.retry, standing.attempt)
        seconds = duration.total_seconds()
        await job_rows.fail_job(connection, table, job_id, seconds, code_version, output, failure, pause)
        made = entry(caller, table.name, jobs={str(table.name): [job_id]}, error=failure.type)
        await record(engine, connection, caller, made)
        return ERROR if pause is None else PENDING
