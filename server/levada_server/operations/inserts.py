"""Insert rows that a client sends, or the rows of a relation."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.ipc.ingest import RowStream, memory_needs, unfilled
from levada_server.errors import InvalidRequest
from levada_server.model.assignment import insertable
from levada_server.model.audit import Record
from levada_server.model.dependencies import is_within
from levada_server.model.kinds import Kind
from levada_server.operations.admission import admit_write, note_written
from levada_server.operations.arrival import Arrival
from levada_server.operations.call_limits import Meter
from levada_server.operations.incoming_rows import Stalled, Upcoming, until_whole
from levada_server.operations.make_contract import judge_key, leased_table
from levada_server.operations.objects.claims import claim_columns, claim_copied
from levada_server.operations.own_keys import stray_key
from levada_server.operations.request_ids import once, record, record_all, through_conflicts
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action
from levada_server.query.algebra import Keep, Project
from levada_server.storage.catalog.stored_catalog import require_current
from levada_server.storage.rows.insert_plan import plan_insert

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.dependencies import Basis
    from levada_server.model.request import Request
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.access.writing import Writable
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.operations.memory import MemoryShare
    from levada_server.query.algebra import Relation
    from levada_server.storage.postgres.database import Connection, Isolation
    from levada_server.storage.postgres.spool import Spooled
    from levada_server.storage.rows.insert_plan import InsertPlan


ANALYZED_ROWS = 5_000
"""The number of rows after whose insert PostgreSQL's statistics of the table may be out of date."""


@dataclass(frozen=True, slots=True)
class InsertOptions:
    """The options of an insert.

    Args:
        skip_duplicates: Skip rows whose primary key exists.
        replace: Update rows whose primary key exists.
        ignore_extra_fields: Ignore columns that are not attributes.
        allow_direct_insert: Insert into an Imported or Computed table outside its own jobs.
    """

    skip_duplicates: bool = False
    replace: bool = False
    ignore_extra_fields: bool = False
    allow_direct_insert: bool = False


async def insert(
    engine: Engine, caller: Caller, name: TableName, options: InsertOptions, content: IO[bytes] | Arrival
) -> int:
    """Insert the rows of an Arrow IPC stream, all or none; return how many were inserted or replaced.

    Rows are inserted while the stream still arrives. If the sender is too slow, the connection goes to others, and the
    insert starts again once the whole stream has arrived. It does the same if a batch needs more memory than earlier
    ones and others use it.

    Raises:
        LimitReached: Others use the memory for rows for too long.
        PermissionDenied: Only its own jobs fill the table.
        LevadaError: A row does not fit, or violates a constraint; the error names it.
    """

    async def attempt(memory: MemoryShare) -> int:
        view = await engine.gate.open(caller)
        target = view.insertable(name, replace=options.replace)
        table = target.table
        await admit_write(engine, view, table, allow_direct_insert=options.allow_direct_insert)
        await engine.quota.admit(engine.scope, table.name.schema)
        rows = read_rows(content, table, options)
        upcoming = Upcoming(content, rows, _check_key(view, table), memory, engine.scope.patience_s)
        count = await _insert_batches(engine, view, target, upcoming, options)
        note_written(engine, caller, table, count)
        return count

    async def work() -> int:
        with engine.memory.share(caller.identity.user_id) as memory:
            try:
                return await attempt(memory)
            except Stalled:
                pass
            await until_whole(content)
            await memory.wait_for(await asyncio.to_thread(largest_need, content))
            return await attempt(memory)

    count = await once(
        engine, caller, lambda: through_conflicts(engine, work), _as_count, lambda request: _whole(request, content)
    )
    if count >= ANALYZED_ROWS:
        target = (await engine.gate.open(caller)).insertable(name, replace=options.replace)
        async with engine.scope.connection() as connection:
            await target.analyze(connection, count)
    return count


def _check_key(view: View, table: Table) -> Callable[[Columns], None]:
    """Return the check of an insert's rows: under a job, they have the job's key."""
    job, catalog = view.caller.job, view.catalog
    computed = None if job is None else leased_table(catalog, job)

    def check(columns: Columns) -> None:
        if job is not None and computed is not None and is_within(table.name, computed.name):
            keys = {tuple(job.key.values())}
            view.caller.told.extend(judge_key(computed, stray_key(catalog, computed, table, columns, keys)))

    return check


async def _as_count(recorded: int) -> int:
    return recorded


async def _insert_batches(
    engine: Engine,
    view: View,
    target: Writable,
    upcoming: Upcoming,
    options: InsertOptions,
) -> int:
    columns = await upcoming.first()
    if columns is None:
        return 0
    meter = Meter(engine.call_limits)
    meter.add(columns.row_count, columns.size)
    basis = view.catalog.basis((target.table.name,))
    looks_first = options.replace and target.looks_first  # at the rows to be replaced, in the same transaction
    plan = _plan(columns, options, alone=await upcoming.at_end() and not looks_first)
    if not plan.transaction:
        entry = view.entry(target.table.name, columns.row_count)
        record = Record(entry, await _recorded(engine, view.caller, upcoming.content))
        async with engine.scope.connection() as connection:
            count = await _carry_out(engine, connection, view, target, columns, plan, basis, record)
        if count:
            view.caller.traces.changed = dataclasses.replace(entry, row_count=count)
        return count
    async with engine.scope.transaction() as connection:
        count = tried = 0
        while columns is not None:
            async with upcoming.ahead() as following:
                # If some rows existed, more are likely to.
                plan = _plan(columns, options, duplicates_expected=count < tried)
                count += await _carry_out(engine, connection, view, target, columns, plan)
                tried += columns.row_count
                columns = None  # its memory is for the next
                columns = await following()
                if columns is not None:
                    meter.add(columns.row_count, columns.size)
        await require_current(connection, basis)
        changed = view.entry(target.table.name, count) if count else None
        record = Record(changed, await _recorded(engine, view.caller, upcoming.content))
        await record_all(connection, view.caller, record, count)
        return count


async def _recorded(engine: Engine, caller: Caller, content: IO[bytes] | Arrival) -> Request | None:
    """Return the request whose outcome is to be stored, with the digest of its rows too; None if there is none."""
    request = engine.scope.recorded(caller.request)
    return None if request is None else await _whole(request, content)


async def _whole(request: Request, content: IO[bytes] | Arrival) -> Request:
    """Return a request with the digest of its rows too, where these come in messages of their own."""
    if isinstance(content, Arrival):
        await content.whole()
        return dataclasses.replace(request, digest=content.digest(request.digest))
    return request


def _plan(
    columns: Columns,
    options: InsertOptions,
    *,
    alone: bool = False,
    duplicates_expected: bool = False,
) -> InsertPlan:
    return plan_insert(
        columns.row_count,
        columns.size,
        skip_duplicates=options.skip_duplicates,
        replace=options.replace,
        unfilled=unfilled(columns),
        alone=alone,
        duplicates_expected=duplicates_expected,
    )


async def _carry_out(
    engine: Engine,
    connection: Connection,
    view: View,
    target: Writable,
    columns: Columns,
    plan: InsertPlan,
    basis: Basis | None = None,
    record: Record | None = None,
) -> int:
    """Execute the plan for a batch, and claim the objects that it names; return how many rows were changed."""
    columns.check_sizes(target.table, engine.value_bytes)
    columns = await claim_columns(engine, view, target.table, columns)
    return await target.insert(connection, columns, plan, basis=basis, record=record)


async def insert_batch(
    engine: Engine, connection: Connection, view: View, target: Writable, columns: Columns, options: InsertOptions
) -> int:
    """Insert one batch in a transaction whose owner checks the catalog; return how many rows were changed."""
    return await _carry_out(engine, connection, view, target, columns, _plan(columns, options))


async def insert_relation(
    engine: Engine, caller: Caller, name: TableName, relation: Relation, options: InsertOptions
) -> int:
    """Insert the entities of a relation without a trip to the client; return how many were inserted or replaced.

    Raises:
        PermissionDenied: Only its own jobs fill the table.
        UnknownAttribute: The table lacks an attribute of the relation, and extra fields are not ignored.
        InvalidRequest: An attribute of the relation has another kind of type.
    """

    async def work() -> int:
        view = await engine.gate.open(caller)
        target = view.insertable(name, replace=options.replace)
        table = target.table
        await admit_write(engine, view, table, allow_direct_insert=options.allow_direct_insert)
        await engine.quota.admit(engine.scope, table.name.schema)
        await compare_inputs(engine, view, relation)
        query = await view.query(Action.FETCH, relation)
        attributes = insertable(table, query.heading, ignore_extra_fields=options.ignore_extra_fields)
        select = (await view.query(Action.FETCH, Project(relation, tuple(Keep(a) for a in attributes)))).select
        select = dataclasses.replace(select, columns=tuple(c for c in select.columns if c[0] in attributes))
        named = [name for name in attributes if table.heading[name].type.kind is Kind.OBJECT]
        # It looks at the same rows first.
        isolation: Isolation = "repeatable_read" if target.looks_first else "read_committed"
        async with engine.scope.transaction(isolation=isolation) as connection:
            count, ids = await target.insert_selected(
                connection,
                select,
                named,
                skip_duplicates=options.skip_duplicates,
                replace=options.replace,
                basis=view.catalog.basis((table.name, *query.query.tables)),
            )
            await claim_copied(engine, table, ids)
            await record(engine, connection, caller, view.entry(table.name, count) if count else None, count)
        note_written(engine, caller, table, count)
        return count

    return await once(engine, caller, lambda: through_conflicts(engine, work), _as_count)


def read_rows(content: IO[bytes] | Spooled | Arrival, table: Table, options: InsertOptions) -> RowStream:
    """Read rows for a table from the beginning of a content."""
    check_options(options)
    content.seek(0)
    return RowStream(pa.PythonFile(content, "r"), table, ignore_extra_fields=options.ignore_extra_fields)


def largest_need(content: IO[bytes] | Spooled | Arrival) -> int:
    """Return how much memory the largest batch of a content needs; runs in a thread."""
    content.seek(0)
    return max(memory_needs(pa.PythonFile(content, "r")), default=0)


def check_options(options: InsertOptions) -> None:
    """Refuse options that contradict each other."""
    if options.skip_duplicates and options.replace:
        raise InvalidRequest("Rows that exist can be skipped or replaced, not both.", field="options")
