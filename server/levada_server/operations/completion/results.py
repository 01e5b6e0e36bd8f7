"""What becomes of jobs: their rows are committed together with their state, or they failed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import InputsChanged, LevadaError, MakeContract, OutcomeUnknown, PreconditionFailed
from levada_server.jobs.retry import next_try, next_try_of_interrupted
from levada_server.jobs.signing import spelled
from levada_server.jobs.state import ERROR, PENDING, SUCCESS, Answer, judge
from levada_server.model.values import show_key
from levada_server.operations.access.gate import Action
from levada_server.operations.completion.few_jobs import complete_at_once
from levada_server.operations.completion.inserts import Inserting, check_targets
from levada_server.operations.jobs import computed_table
from levada_server.storage.catalog.stored_catalog import require_version
from levada_server.storage.jobs import job_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from uuid import UUID

    from levada_server.jobs.lease import Failure
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.completion.completed_jobs import CompletedJob
    from levada_server.operations.completion.few_jobs import Committed
    from levada_server.operations.context import Engine
    from levada_server.storage.jobs.job_rows import LockedJob
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.postgres.scope import OpenTransaction


@dataclass(frozen=True, slots=True)
class Completion:
    """What became of some jobs.

    Args:
        outcomes: For each, in order, None if it is committed, or why nothing of it is.
        warnings: What the caller is told although it was committed, each once.
    """

    outcomes: tuple[LevadaError | None, ...]
    warnings: tuple[str, ...]


async def complete(engine: Engine, caller: Caller, jobs: Sequence[CompletedJob]) -> Completion:
    """Commit the rows of some jobs, each together with its state. Repeating it changes nothing.

    All go into one transaction. When one of them fails, each is committed on its own, so that none suffers for another.

    Returns:
        For each job None or: LeaseLost if it was handed to another worker, cancelled or given up; MakeContract if its
        key is not among the rows, or they go where they may not; InputsChanged if what it read has changed; or what is
        wrong with a row, naming it and the insert.
    """
    view = await engine.gate.open(caller)
    if len(jobs) > 1:
        try:
            told = await _commit(engine, view, jobs)
        except OutcomeUnknown:
            raise
        except LevadaError:
            pass  # which one it was, and what becomes of the others, is seen one by one
        else:
            return Completion((None,) * len(jobs), tuple(dict.fromkeys(told)))
    outcomes: list[LevadaError | None] = []
    warnings: dict[str, None] = {}
    for job in jobs:
        try:
            warnings |= dict.fromkeys(await _commit(engine, view, (job,)))
            outcomes.append(None)
        except OutcomeUnknown:
            raise
        except LevadaError as error:
            outcomes.append(error)
    return Completion(tuple(outcomes), tuple(warnings))


async def _commit(engine: Engine, view: View, jobs: Sequence[CompletedJob]) -> list[str]:
    """Commit jobs, all or none; give what the caller is told."""
    done = await _commit_at_once(engine, view, jobs)
    if done is None:
        async with engine.scope.transaction() as connection:
            done = await _complete_group(engine, connection, view, jobs)
    told, committed = done
    for name, keys in committed:
        engine.downstream.committed(engine, name, keys)
    return told


async def _commit_at_once(
    engine: Engine, view: View, jobs: Sequence[CompletedJob]
) -> tuple[list[str], Committed] | None:
    """Commit jobs by one statement; None if that cannot be, or if what is wrong with the one is still to be found."""
    try:
        return await complete_at_once(engine, view, jobs)
    except OutcomeUnknown:
        raise
    except LevadaError:
        if len(jobs) > 1:
            raise
        return None


async def _complete_group(
    engine: Engine, connection: Connection, view: View, jobs: Sequence[CompletedJob]
) -> tuple[list[str], Committed]:
    """Complete jobs in a transaction, by few statements for all of a table.

    Returns:
        What the caller is told, and the keys.
    """
    by_table: defaultdict[TableName, list[CompletedJob]] = defaultdict(list)
    for job in jobs:
        by_table[job.table].append(job)
    tables = [(computed_table(view, Action.COMPUTE, name), group) for name, group in by_table.items()]
    warnings: list[str] = []
    committed: Committed = []
    for table, group in sorted(tables, key=lambda entry: entry[0].id):  # in one order, as they are locked
        locked = await job_rows.lock_jobs(connection, table, [job.job_id for job in group])
        accepted = [
            job for job in group if judge(locked[job.job_id].standing, job.token, final=SUCCESS) is Answer.ACCEPT
        ]
        if accepted:
            warnings += await _commit_results(engine, connection, view, table, accepted, locked)
            committed.append((table.name, [locked[job.job_id].key for job in accepted]))
    await require_version(connection, view.version)
    return warnings, committed


async def _commit_results(
    engine: Engine,
    connection: Connection,
    view: View,
    table: Table,
    jobs: Sequence[CompletedJob],
    locked: dict[int, LockedJob],
) -> list[str]:
    for job in jobs:
        await _check_inputs(connection, view, table, job)
    warnings = check_targets(view.catalog, table, jobs)
    keys = {tuple(spelled(value) for _, value in locked[job.job_id].key) for job in jobs}
    inserting = Inserting(engine, connection, view, table, keys, warnings)
    counts = await inserting.together(jobs) if len(jobs) > 1 else [await inserting.in_order(jobs[0])]
    await _check_present(connection, table, jobs, locked)
    await job_rows.finish_jobs(
        connection, table, [job.finished(written) for job, written in zip(jobs, counts, strict=True)]
    )
    return warnings


async def _check_present(
    connection: Connection, table: Table, jobs: Sequence[CompletedJob], locked: dict[int, LockedJob]
) -> None:
    absent = await job_rows.first_absent(connection, table, [job.job_id for job in jobs])
    if absent is not None:
        raise MakeContract(
            f"make of `{table.name}` did not insert its key, {show_key(locked[absent].key)}; "
            "end it with self.insert1({**key, ...}).",
            table=table.name,
        )


async def _check_inputs(connection: Connection, view: View, table: Table, job: CompletedJob) -> None:
    for number, (relation, digest) in enumerate(job.inputs, 1):
        if await (await view.query(Action.FETCH, relation)).digest(connection) != digest:
            raise InputsChanged(
                f"What make_fetch of `{table.name}` had fetched ({number}. query) was changed before its result could "
                "be committed; nothing of it is kept. Let it be computed again.",
                table=table.name,
            )


async def complete_in_transaction(
    engine: Engine, transaction: OpenTransaction, caller: Caller, job: CompletedJob
) -> None:
    """Finish a job whose rows were written under its lease in an open transaction, which commits them with it.

    Raises:
        PreconditionFailed: The job is completed already.
        LevadaError: As the outcomes of `complete`.
    """
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.COMPUTE, job.table)
    async with transaction.transaction() as connection:
        locked = await job_rows.lock_jobs(connection, table, (job.job_id,))
        if judge(locked[job.job_id].standing, job.token, final=SUCCESS) is Answer.REPEATED:
            raise PreconditionFailed("The job is completed already; roll back.", job=job.job_id)
        await _check_inputs(connection, view, table, job)
        await _check_present(connection, table, (job,), locked)
        written = {str(name): count for name, count in transaction.written.items()}
        await job_rows.finish_jobs(connection, table, [job.finished(written)])
        transaction.completed.append((table.name, locked[job.job_id].key))


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
    interrupted: bool = False,
) -> str:
    """Record that `make` failed; give the job's state now: error, or pending if it is tried again.

    Repeating it changes nothing.

    Args:
        engine: The parts to work with.
        caller: Who asks.
        name: The table.
        job_id: The job.
        token: Of its lease.
        failure: What went wrong.
        duration: How long `make` ran.
        code_version: Of the code that computed it.
        interrupted: It was no fault of the code: the try counts as that of a lost worker does.

    Raises:
        LeaseLost: The job was handed to another worker, or cancelled.
    """
    table = computed_table(await engine.gate.open(caller), Action.COMPUTE, name)
    async with engine.scope.transaction() as connection:
        standing = (await job_rows.lock_jobs(connection, table, (job_id,)))[job_id].standing
        if judge(standing, token, final=ERROR) is Answer.REPEATED:
            return standing.state if standing.token == token else PENDING
        pause = (next_try_of_interrupted if interrupted else next_try)(table.retry, standing.attempt)
        await job_rows.fail_job(connection, table, job_id, duration.total_seconds(), code_version, failure, pause)
        return ERROR if pause is None else PENDING
