"""Check the target tables of completed jobs, and insert the jobs' rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.model.dependencies import is_within
from levada_server.operations.admission import judge_target
from levada_server.operations.completion.completed_jobs import AlikeInserts, alike_inserts
from levada_server.operations.inserts import check_options, insert_batch, read_rows
from levada_server.operations.make_contract import judge_key
from levada_server.operations.own_keys import stray_key
from levada_server.permissions.roles import Action

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.table import Table
    from levada_server.operations.access.gate import View
    from levada_server.operations.access.writing import Writable
    from levada_server.operations.completion.completed_jobs import BufferedInsert, CompletedJob
    from levada_server.operations.context import Engine
    from levada_server.operations.inserts import InsertOptions
    from levada_server.operations.own_keys import Spelled
    from levada_server.storage.postgres.database import Connection


def check_targets(view: View, table: Table, jobs: Sequence[CompletedJob]) -> list[str]:
    """Check that jobs may write into the tables of their rows; return the warnings for the caller.

    Raises:
        MakeContract: The schema enforces the contract, and a target is neither the jobs' own table nor a part of it.
        PermissionDenied: Only its own jobs fill a target.
        UnknownTable: There is no such target, or the caller may not see it.
    """
    told: list[str] = []
    targets = {(insert.table, insert.options): insert for job in jobs for insert in job.inserts}
    for insert in targets.values():
        with located(insert.location):
            target = view.table(Action.DESCRIBE, insert.table)
            told += judge_target(view.catalog, table, target, allow_direct_insert=insert.options.allow_direct_insert)
    return told


@dataclass(frozen=True, slots=True)
class Inserting:
    """Inserts the rows of jobs of one table.

    Args:
        engine: The parts to work with.
        connection: In the transaction that completes them.
        view: The catalog in which tables are looked up.
        table: The table that is computed.
        keys: The keys of the jobs.
        warnings: A list that collects the warnings for the caller.
    """

    engine: Engine
    connection: Connection
    view: View
    table: Table
    keys: set[Spelled]
    warnings: list[str]

    async def in_order(self, job: CompletedJob) -> Counter[str]:
        """Insert the rows of one job; return their number by table."""
        counts: Counter[str] = Counter()
        for insert in job.inserts:
            target = self._target(insert)
            counts[str(target.table.name)] += await self._one(target, insert)
        return counts

    async def together(self, jobs: Sequence[CompletedJob]) -> list[Counter[str]]:
        """Insert the rows of some jobs by one statement for each table; return their number by job and table.

        Tables come in the order of their first insert. If that order, or a row, is wrong for some job, the group fails
        and each job is committed separately.
        """
        counts: list[Counter[str]] = [Counter() for _ in jobs]
        for alike in alike_inserts(jobs):
            target = self._target(alike)
            if alike.together:
                columns_list, row_counts = await asyncio.to_thread(alike.read, target.table)
                for columns in columns_list:
                    await self._batch(target, columns, alike.options)
            else:
                row_counts = [await self._one(target, alike.inserts[0][1])]
            for (number, _), rows in zip(alike.inserts, row_counts, strict=True):
                counts[number][str(target.table.name)] += rows
        return counts

    def _target(self, insert: BufferedInsert | AlikeInserts) -> Writable:
        return self.view.insertable(insert.table, replace=insert.options.replace, computed=self.table)

    async def _one(self, target: Writable, insert: BufferedInsert) -> int:
        count = 0
        with located(insert.location):
            batches = _batches(insert, target.table)
            while (changed := await self._next(target, batches, insert.options)) is not None:
                count += changed
        return count

    async def _next(self, target: Writable, batches: Iterator[Columns], options: InsertOptions) -> int | None:
        """Insert the next batch; return how many rows were changed, or None if no more come."""
        columns = await asyncio.to_thread(next, batches, None)
        return None if columns is None else await self._batch(target, columns, options)

    async def _batch(self, target: Writable, columns: Columns, options: InsertOptions) -> int:
        if is_within(target.table.name, self.table.name):
            stray = stray_key(self.view.catalog, self.table, target.table, columns, self.keys)
            self.warnings.extend(judge_key(self.table, stray))
        return await insert_batch(self.engine, self.connection, self.view, target, columns, options)


def _batches(insert: BufferedInsert, target: Table) -> Iterator[Columns]:
    if insert.share is None:
        yield from read_rows(insert.content, target, insert.options)
    else:
        check_options(insert.options)
        yield from AlikeInserts(insert.table, insert.options, [(0, insert)], together=True).read(target)[0]


@contextmanager
def located(location: str) -> Iterator[None]:
    """Add the place of the insert in the user's code to an error."""
    try:
        yield
    except LevadaError as error:
        if location:
            error.message += f" (inserted at {location})"
        raise
