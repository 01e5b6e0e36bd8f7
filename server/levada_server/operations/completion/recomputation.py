"""Lease results to compute them again, and replace them by what was computed: all or none, with their keys."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, LeaseLost, LimitReached, MakeContract
from levada_server.jobs.limits import MAX_JOBS
from levada_server.jobs.signing import spelled
from levada_server.jobs.state import SUCCESS
from levada_server.model.audit import Record
from levada_server.model.dependencies import is_within
from levada_server.model.values import show_key
from levada_server.operations import audit
from levada_server.operations.completion.completed_jobs import of_completion, shapes_of
from levada_server.operations.completion.inserts import Inserting, check_targets
from levada_server.operations.completion.results import check_inputs
from levada_server.operations.jobs import computed_table, jobs_in_reach
from levada_server.operations.own_keys import key_columns
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action
from levada_server.query.key_source import keys_of
from levada_server.storage.catalog.stored_catalog import require_current
from levada_server.storage.jobs import job_rows, recomputation
from levada_server.storage.postgres.request_outcomes import insert_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.jobs.lease import Lease
    from levada_server.model.audit import Entry
    from levada_server.model.heading import Key
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.completion.completed_jobs import BufferedInsert, CompletedJob
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation
    from levada_server.storage.postgres.database import Connection


async def lease_results(
    engine: Engine, caller: Caller, name: TableName, results: Relation | None, *, after: int, limit: int
) -> list[Lease]:
    """Return leases on results of jobs, by the id of the job; nothing is stored.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The table.
        results: A relation with attributes of the key of its jobs; None for all results.
        after: Only jobs with a greater id.
        limit: The most leases.

    Raises:
        LimitReached: These are too many leases.
    """
    if not 1 <= limit <= MAX_JOBS:
        raise LimitReached(f"1 to {MAX_JOBS} results can be leased at once.", limit="jobs", value=MAX_JOBS)
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.COMPUTE, name)
    if results is not None:
        await compare_inputs(engine, view, results)
    chosen = await jobs_in_reach(view, table, None if results is None else keys_of(results, table))
    async with engine.scope.connection() as connection:
        leases = await recomputation.results_to_lease(connection, table, chosen, after, limit)
    for _ in leases[:1]:
        view.note_read(table.name.schema, table.name)
    caller.traces.row_count += len(leases)
    return leases


async def replace_results(engine: Engine, caller: Caller, jobs: Sequence[CompletedJob]) -> int:
    """Replace the results of some jobs, or renew their records where the rows are unchanged; return how many.

    A repetition changes nothing.

    Raises:
        InvalidRequest: A lease is not one of `lease_results`.
        LeaseLost: A result was computed by somebody else since.
        MakeContract: A `make` wrote rows elsewhere or of other keys, or not its own.
        InputsChanged: Rows that were to be verified have changed.
        HasChildren: Other rows depend on a row that was not computed again.
    """
    for job in jobs:
        if job.replaces is None:
            raise InvalidRequest("A lease of ReserveJobs is completed by CompleteJobs.", field="lease_token")
    view = await engine.gate.open(caller)
    await engine.shapes.store(engine.scope, shapes_of(jobs), lasting=True)
    for name in dict.fromkeys(insert.table.schema for job in jobs for insert in job.inserts):
        await engine.quota.admit(engine.scope, name)
    by_table: defaultdict[TableName, list[CompletedJob]] = defaultdict(list)
    for job in jobs:
        by_table[job.table].append(job)
    tables = [(computed_table(view, Action.COMPUTE, name), group) for name, group in by_table.items()]
    made: list[tuple[Entry, Table, list[Key]]] = []
    async with engine.scope.share("completions").transaction() as connection:
        for table, group in sorted(tables, key=lambda entry: entry[0].id):  # in one order, because they are locked
            made += await _replace(engine, connection, view, table, group)
        written = {insert.table for job in jobs for insert in job.inserts}
        touched = (view.catalog.table(name).name for name in {*by_table, *written})
        await require_current(connection, view.catalog.basis(touched))
    for entry, table, keys in made:
        audit.log(entry)
        caller.traces.completed_count += entry.row_count
        engine.downstream.committed(engine, table.name, keys)
    return sum(len(keys) for _, _, keys in made)


async def _replace(
    engine: Engine, connection: Connection, view: View, table: Table, jobs: Sequence[CompletedJob]
) -> list[tuple[Entry, Table, list[Key]]]:
    """Replace results of one table in a transaction; return the entry of the audit, with the keys."""
    locked = await job_rows.lock_jobs(connection, table, [job.job_id for job in jobs])
    accepted = []
    for job in jobs:
        standing = locked[job.job_id].standing
        if standing.state == SUCCESS and standing.token == job.token:
            continue
        if standing.state != SUCCESS or standing.token != job.replaces:
            raise LeaseLost(
                f"The result of `{table.name}` for {show_key(locked[job.job_id].key)} was computed or deleted by "
                "somebody else since; compute it again.",
                job=job.job_id,
                table=table.name,
            )
        accepted.append(job)
    if not accepted:
        return []
    for job in accepted:
        await check_inputs(engine, connection, view, table, job)
    counts = {job.token: Counter[str]() for job in accepted}
    replaced = [job for job in accepted if not job.unchanged]
    if replaced:
        keys = {tuple(spelled(value) for _, value in locked[job.job_id].key) for job in replaced}
        counts |= await _replace_rows(engine, connection, view, table, replaced, keys)
    await recomputation.renew_results(
        connection, table, [(job.token, job.worker_session, job.finished(counts[job.token])) for job in accepted]
    )
    entry = of_completion(view.caller, table, accepted, [counts[job.token] for job in accepted])
    await insert_record(connection, Record(entry), "")
    return [(entry, table, [locked[job.job_id].key for job in accepted])]


async def _replace_rows(
    engine: Engine,
    connection: Connection,
    view: View,
    table: Table,
    jobs: Sequence[CompletedJob],
    keys: set[tuple[str, ...]],
) -> dict[UUID, Counter[str]]:
    """Put new rows over the old ones, which other rows may refer to, then delete the old ones that are left."""
    catalog, ids = view.catalog, [job.job_id for job in jobs]
    own = [catalog.tables[name] for name in catalog.sorted(catalog.own_tables(table.name))]
    before = [
        await recomputation.places_of_rows(connection, table, target, key_columns(catalog, table, target), ids)
        for target in own
    ]
    inserts = [job._replace(inserts=tuple(_over(table, i) for i in job.inserts)) for job in jobs]
    told = check_targets(view, table, inserts)
    inserting = Inserting(engine, connection, view, table, keys, told)
    counts = {job.token: await inserting.in_order(job) for job in inserts}
    for target, places in reversed(list(zip(own, before, strict=True))):
        await recomputation.delete_rows(connection, target, places)
    absent = await job_rows.absent_results(connection, table, ids)
    if absent:
        raise MakeContract(
            f"make of `{table.name}` did not insert its key when it was computed again, so there is nothing to replace "
            f"the result of job {absent[0]}; delete that instead.",
            table=table.name,
        )
    view.caller.told.extend(dict.fromkeys(told))
    return counts


def _over(table: Table, insert: BufferedInsert) -> BufferedInsert:
    """Return an insert that replaces rows.

    Raises:
        MakeContract: It is into another table.
    """
    if not is_within(insert.table, table.name):
        raise MakeContract(
            f"make of `{table.name}` inserts into `{insert.table}`, whose rows recompute cannot replace; it may write "
            f"into `{table.name}` and its parts.",
            table=insert.table,
        )
    options = dataclasses.replace(insert.options, replace=True, skip_duplicates=False)
    return insert._replace(options=options)
