"""What becomes of jobs: their rows are committed together with their state, or they failed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END
from typing import IO, TYPE_CHECKING

from levada_server.errors import InputsChanged, LevadaError, MakeContract, OutcomeUnknown, PreconditionFailed
from levada_server.jobs.retry import next_try
from levada_server.jobs.signing import merged, spelled
from levada_server.jobs.state import ERROR, PENDING, SUCCESS, Answer, judge
from levada_server.model.dependencies import is_within
from levada_server.model.values import show_key
from levada_server.operations.compilation import compiled
from levada_server.operations.contract import judge_key, judge_write
from levada_server.operations.engine import PERHAPS_BEHIND
from levada_server.operations.jobs import computed_table
from levada_server.operations.own_keys import stray_key
from levada_server.operations.rows import (
    InsertOptions,
    check_direct_insert,
    insert_batch,
    read_batches,
    read_together,
)
from levada_server.storage import jobs as storage
from levada_server.storage.catalog import require_version
from levada_server.storage.rows import digest_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import timedelta
    from uuid import UUID

    from levada_server.arrow.ingest import Columns
    from levada_server.jobs.lease import Failure
    from levada_server.jobs.signing import Receipt
    from levada_server.model.dependencies import Catalog
    from levada_server.model.heading import Key
    from levada_server.model.table import Table, TableName
    from levada_server.operations.engine import Caller, Engine
    from levada_server.operations.own_keys import Spelled
    from levada_server.query.algebra import Relation
    from levada_server.storage.database import Connection
    from levada_server.storage.jobs import LockedJob


MERGED_BYTES = 2**20
"""Inserts of several jobs up to this size are put together."""


@dataclass(frozen=True, slots=True)
class BufferedInsert:
    """One insert that `make` did: table, options, its rows as an Arrow IPC stream, and where it stands in the code."""

    table: TableName
    options: InsertOptions
    content: IO[bytes]
    location: str

    @property
    def byte_count(self) -> int:
        """Bytes of its stream."""
        self.content.seek(0, SEEK_END)
        return self.content.tell()


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """What a worker hands in for one job.

    Args:
        table: The table that was computed.
        job_id: The job.
        token: Of its lease.
        duration: How long `make` ran.
        code_version: Of the code that computed it.
        inserts: What it inserted, in order.
        receipts: Of what it read.
        inputs: What is read again within the commit, each with the digest of its rows when it was fetched.
    """

    table: TableName
    job_id: int
    token: UUID
    duration: timedelta
    code_version: str
    inserts: tuple[BufferedInsert, ...]
    receipts: tuple[Receipt, ...] = ()
    inputs: tuple[tuple[Relation, str], ...] = ()


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
    known = await engine.cache.current()
    completion = await _complete(engine, caller, jobs)
    if any(isinstance(error, PERHAPS_BEHIND) for error in completion.outcomes) and await engine.cache.catch_up(known):
        return await _complete(engine, caller, jobs)
    return completion


async def _complete(engine: Engine, caller: Caller, jobs: Sequence[CompletedJob]) -> Completion:
    catalog = await engine.catalog(caller)
    warnings: dict[str, None] = {}
    if len(jobs) > 1:
        try:
            async with engine.database.transaction() as connection:
                told, committed = await _complete_group(engine, connection, catalog, jobs)
        except OutcomeUnknown:
            raise
        except LevadaError:
            pass  # which one it was, and what becomes of the others, is seen one by one
        else:
            _refresh_below(engine, committed)
            return Completion((None,) * len(jobs), tuple(dict.fromkeys(told)))
    outcomes: list[LevadaError | None] = []
    for job in jobs:
        try:
            async with engine.database.transaction() as connection:
                told, committed = await _complete_group(engine, connection, catalog, (job,))
            outcomes.append(None)
            _refresh_below(engine, committed)
            warnings |= dict.fromkeys(told)
        except OutcomeUnknown:
            raise
        except LevadaError as error:
            outcomes.append(error)
    return Completion(tuple(outcomes), tuple(warnings))


_Committed = list[tuple["TableName", list["Key"]]]
"""Keys that were committed, by table."""


async def _complete_group(
    engine: Engine, connection: Connection, catalog: Catalog, jobs: Sequence[CompletedJob]
) -> tuple[list[str], _Committed]:
    """Complete jobs in a transaction, by few statements for all of a table.

    Returns:
        What the caller is told, and the keys.
    """
    by_table: defaultdict[TableName, list[CompletedJob]] = defaultdict(list)
    for job in jobs:
        by_table[job.table].append(job)
    tables = [(computed_table(catalog, name), group) for name, group in by_table.items()]
    warnings: list[str] = []
    committed: _Committed = []
    for table, group in sorted(tables, key=lambda entry: entry[0].id):  # in one order, as they are locked
        locked = await storage.lock_jobs(connection, table, [job.job_id for job in group])
        accepted = [
            job for job in group if judge(locked[job.job_id].standing, job.token, final=SUCCESS) is Answer.ACCEPT
        ]
        if accepted:
            warnings += await _commit_results(engine, connection, catalog, table, accepted, locked)
            committed.append((table.name, [locked[job.job_id].key for job in accepted]))
    await require_version(connection, catalog.version)
    return warnings, committed


def _refresh_below(engine: Engine, committed: _Committed) -> None:
    for name, keys in committed:
        engine.downstream.committed(engine, name, keys)


async def _commit_results(
    engine: Engine,
    connection: Connection,
    catalog: Catalog,
    table: Table,
    jobs: Sequence[CompletedJob],
    locked: dict[int, LockedJob],
) -> list[str]:
    warnings: list[str] = []
    for job in jobs:
        await _check_inputs(connection, catalog, table, job)
        for insert in job.inserts:
            warnings += _check_target(catalog, table, insert)
    keys = {tuple(spelled(value) for _, value in locked[job.job_id].key) for job in jobs}
    inserting = _Inserting(engine, connection, catalog, table, keys, warnings)
    counts = await inserting.together(jobs) if len(jobs) > 1 else [await inserting.in_order(jobs[0])]
    await _check_present(connection, table, jobs, locked)
    await storage.finish_jobs(
        connection, table, [_finished(job, written) for job, written in zip(jobs, counts, strict=True)]
    )
    return warnings


async def _check_present(
    connection: Connection, table: Table, jobs: Sequence[CompletedJob], locked: dict[int, LockedJob]
) -> None:
    absent = await storage.first_absent(connection, table, [job.job_id for job in jobs])
    if absent is not None:
        raise MakeContract(
            f"make of `{table.name}` did not insert its key, {show_key(locked[absent].key)}; "
            "end it with self.insert1({**key, ...}).",
            table=table.name,
        )


def _finished(job: CompletedJob, written: dict[str, int]) -> storage.Finished:
    reads = {
        name: {"rows": read.rows, "key_restricted": read.key_restricted}
        for name, read in merged(receipt.reads for receipt in job.receipts).items()
    }
    return storage.Finished(
        job.job_id, job.duration.total_seconds(), job.code_version, json.dumps(reads), json.dumps(written)
    )


async def _check_inputs(connection: Connection, catalog: Catalog, table: Table, job: CompletedJob) -> None:
    for number, (relation, digest) in enumerate(job.inputs, 1):
        if await digest_rows(connection, (await compiled(relation, catalog)).select) != digest:
            raise InputsChanged(
                f"What make_fetch of `{table.name}` had fetched ({number}. query) was changed before its result could "
                "be committed; nothing of it is kept. Let it be computed again.",
                table=table.name,
            )


def _check_target(catalog: Catalog, table: Table, insert: BufferedInsert) -> tuple[str, ...]:
    target = catalog.table(insert.table)
    with _located(insert.location):
        told = judge_write(catalog, table, target.name)
        if target.name not in catalog.own_tables(table.name):
            check_direct_insert(catalog, target, insert.options)
    return told


@dataclass(frozen=True, slots=True)
class _Inserting:
    """Inserts the rows of jobs of one table.

    Args:
        engine: The parts to work with.
        connection: In the transaction that completes them.
        catalog: Where tables are looked up.
        table: The table that is computed.
        keys: Those of the jobs.
        warnings: Takes what the caller is told.
    """

    engine: Engine
    connection: Connection
    catalog: Catalog
    table: Table
    keys: set[Spelled]
    warnings: list[str]

    async def in_order(self, job: CompletedJob) -> dict[str, int]:
        """Insert the rows of one job; give their number by table."""
        counts: Counter[str] = Counter()
        for insert in job.inserts:
            target = self.catalog.table(insert.table)
            counts[str(target.name)] += await self._one(target, insert)
        return counts

    async def together(self, jobs: Sequence[CompletedJob]) -> list[Counter[str]]:
        """Insert the rows of some jobs by one statement for each table; give their number by job and table.

        Tables come in the order of their first insert. Where that is wrong for some job, or a row is, the group fails
        and each job is committed on its own.
        """
        counts: list[Counter[str]] = [Counter() for _ in jobs]
        for target_name, options, inserts in _alike(jobs):
            target = self.catalog.table(target_name)
            if len(inserts) > 1:
                contents = [insert.content for _, insert in inserts]
                columns_list, row_counts = await asyncio.to_thread(read_together, contents, target, options)
                for columns in columns_list:
                    await self._batch(target, columns, options)
            else:
                row_counts = [await self._one(target, inserts[0][1])]
            for (number, _), rows in zip(inserts, row_counts, strict=True):
                counts[number][str(target.name)] += rows
        return counts

    async def _one(self, target: Table, insert: BufferedInsert) -> int:
        count = 0
        with _located(insert.location):
            batches = read_batches(insert.content, target, insert.options)
            while (columns := await asyncio.to_thread(next, batches, None)) is not None:
                count += await self._batch(target, columns, insert.options)
        return count

    async def _batch(self, target: Table, columns: Columns, options: InsertOptions) -> int:
        if is_within(target.name, self.table.name):
            self.warnings.extend(judge_key(self.table, stray_key(self.catalog, self.table, target, columns, self.keys)))
        return await insert_batch(self.engine, self.connection, target, columns, options)


def _alike(jobs: Sequence[CompletedJob]) -> Iterable[tuple[TableName, InsertOptions, list[tuple[int, BufferedInsert]]]]:
    """Group the inserts of some jobs, each with its job's number, by table and options; some stay alone."""
    groups: dict[object, tuple[TableName, InsertOptions, list[tuple[int, BufferedInsert]]]] = {}
    for number, job in enumerate(jobs):
        for insert in job.inserts:
            options = insert.options
            # Of these only PostgreSQL knows how many rows are new; and large ones are not to be in memory whole.
            alone = options.skip_duplicates or options.replace or insert.byte_count > MERGED_BYTES
            kind = (insert.table, options, id(insert) if alone else None)
            groups.setdefault(kind, (insert.table, options, []))[2].append((number, insert))
    return groups.values()


@contextmanager
def _located(location: str) -> Iterator[None]:
    """Tell in an error where in the user's code the insert stands."""
    try:
        yield
    except LevadaError as error:
        if location:
            error.message += f" (inserted at {location})"
        raise


async def complete_in_transaction(engine: Engine, caller: Caller, job: CompletedJob) -> None:
    """Finish a job whose rows were written under its lease in the open transaction, which commits them with it.

    Raises:
        PreconditionFailed: No transaction is open.
        LevadaError: As the outcomes of `complete`.
    """
    catalog = await engine.catalog(caller)
    if not engine.database.pinned:
        raise PreconditionFailed("No transaction is open in which the job's rows were written; begin one first.")
    table = computed_table(catalog, job.table)
    async with engine.database.transaction() as connection:
        locked = await storage.lock_jobs(connection, table, (job.job_id,))
        if judge(locked[job.job_id].standing, job.token, final=SUCCESS) is Answer.REPEATED:
            raise PreconditionFailed("The job is completed already; roll back.", job=job.job_id)
        await _check_inputs(connection, catalog, table, job)
        await _check_present(connection, table, (job,), locked)
        written = {str(name): count for name, count in engine.database.written.items()}
        await storage.finish_jobs(connection, table, [_finished(job, written)])
        engine.database.committed.append((table.name, locked[job.job_id].key))


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
    """Record that `make` failed; give the job's state now: error, or pending if it is tried again.

    Repeating it changes nothing.

    Raises:
        LeaseLost: The job was handed to another worker, or cancelled.
    """
    table = computed_table(await engine.catalog(caller), name)
    async with engine.database.transaction() as connection:
        standing = (await storage.lock_jobs(connection, table, (job_id,)))[job_id].standing
        if judge(standing, token, final=ERROR) is Answer.REPEATED:
            return standing.state if standing.token == token else PENDING
        pause = next_try(table.retry, standing.attempt)
        await storage.fail_job(connection, table, job_id, duration.total_seconds(), code_version, failure, pause)
        return ERROR if pause is None else PENDING
