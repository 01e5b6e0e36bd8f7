"""Complete jobs with few rows: one statement, which is a transaction, writes the rows, states and records of all."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from levada_server.errors import LimitReached
from levada_server.jobs.limits import INLINE_BYTES, STATEMENT_INSERTS
from levada_server.model.dependencies import is_within
from levada_server.operations import audit
from levada_server.operations.completion.completed_jobs import alike_inserts, of_completion
from levada_server.operations.completion.inserts import check_targets
from levada_server.operations.jobs import computed_table
from levada_server.operations.make_contract import judge_key
from levada_server.operations.objects.claims import claim_columns
from levada_server.operations.own_keys import first_stray, keys_of_rows
from levada_server.permissions.roles import Action
from levada_server.storage.jobs.completion import complete_jobs
from levada_server.storage.rows.insert_plan import BULK_BYTES, fit_one_statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.heading import Key
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.access.writing import Writable
    from levada_server.operations.completion.completed_jobs import AlikeInserts, CompletedJob
    from levada_server.operations.context import Engine

DECODED_BYTES = 2 * BULK_BYTES
"""The most that is decoded here; more does not fit into one statement."""
Committed = list[tuple["TableName", list["Key"]]]
"""The keys that were committed, by table."""


async def complete_at_once(
    engine: Engine, view: View, jobs: Sequence[CompletedJob]
) -> tuple[list[str], Committed] | None:
    """Complete jobs of one table, all or none.

    Returns:
        The warnings for the caller, and the keys. None if nothing was done, because the jobs do not allow one
        statement, or because only the longer way finds the outcome of each.

    Raises:
        LevadaError: As the outcomes of `complete`, but the message may be less exact.
    """
    kinds = alike_inserts(jobs)
    if not _may_be(jobs, kinds):
        return None
    catalog = view.catalog
    table = computed_table(view, Action.COMPUTE, jobs[0].table)
    told = check_targets(view, table, jobs)
    keys = {job.key for job in jobs}
    inserted: set[tuple[str, ...]] = set()
    counts: list[Counter[str]] = [Counter() for _ in jobs]
    inserts: list[tuple[Writable, Columns]] = []
    for kind in kinds:
        writable = view.insertable(kind.table, replace=kind.options.replace, computed=table)
        if writable.parents is not None:  # they may be rows of the same jobs
            return None
        target = writable.table
        try:
            columns_list, row_counts = await _read(kind, target)
        except LimitReached:
            return None
        for (number, _), rows in zip(kind.inserts, row_counts, strict=True):
            counts[number][str(target.name)] += rows
        for columns in columns_list:
            if not fit_one_statement(columns.row_count, columns.size):
                return None
            if is_within(target.name, table.name):
                found = keys_of_rows(catalog, table, target, columns) or {}
                told += judge_key(table, first_stray(table, found, keys))
                inserted.update(found if target.name == table.name else ())
            columns.check_sizes(target, engine.value_bytes)
            inserts.append((writable, await claim_columns(engine, view, target, columns)))
    if not keys <= inserted or len(inserts) > STATEMENT_INSERTS:
        return None
    finished = [job.finished(written) for job, written in zip(jobs, counts, strict=True)]
    basis = catalog.basis({table.name, *(writable.table.name for writable, _ in inserts)})
    made = of_completion(view.caller, table, jobs, counts)
    async with engine.scope.share("completions").connection() as connection:
        tokens = [job.token for job in jobs]
        admitted = [
            (writable.table, await writable.admit(connection, columns, skip_duplicates=False, replaced=False))
            for writable, columns in inserts
        ]
        committed = await complete_jobs(connection, table, tokens, finished, admitted, basis, made)
    if committed is None:
        return None
    audit.log(made)
    view.caller.traces.completed_count += made.row_count
    return told, [(table.name, committed)]


def _may_be(jobs: Sequence[CompletedJob], kinds: Sequence[AlikeInserts]) -> bool:
    return (
        len({job.table for job in jobs}) == 1
        and len({job.job_id for job in jobs}) == len(jobs)
        and not any(job.inputs for job in jobs)
        and all(kind.together for kind in kinds)
    )


async def _read(kind: AlikeInserts, target: Table) -> tuple[list[Columns], list[int]]:
    contents = {id(insert.content): insert for _, insert in kind.inserts}
    if sum(insert.byte_count for insert in contents.values()) <= INLINE_BYTES:
        return kind.read(target, DECODED_BYTES)
    return await asyncio.to_thread(kind.read, target, DECODED_BYTES)
