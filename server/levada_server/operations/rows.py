"""Rows: insert and delete."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.ipc.ingest import Columns, read_stream
from levada_server.errors import (
    HasChildren,
    InvalidRequest,
    LeaseLost,
    NotFound,
    PermissionDenied,
    PlanChanged,
)
from levada_server.model.assignment import insertable, split_update
from levada_server.model.dependencies import is_within
from levada_server.model.sizes import check_sizes
from levada_server.model.table import TableName
from levada_server.model.types import Kind
from levada_server.model.values import show_key
from levada_server.operations.compiling import compiled
from levada_server.operations.incoming_rows import Stalled, Upcoming, until_whole
from levada_server.operations.make_contract import computed_table, judge_key, judge_write
from levada_server.operations.objects.claims import claim_changes, claim_columns, claim_copied
from levada_server.operations.own_keys import stray_key
from levada_server.operations.request_ids import once, record, through_conflicts
from levada_server.query.algebra import Keep, Project, Relation, Restrict, TableOperand
from levada_server.storage.catalog.catalog import require_version
from levada_server.storage.deletion import deletion
from levada_server.storage.deletion.keys import Doomed
from levada_server.storage.jobs.jobs import is_held
from levada_server.storage.rows import rows as storage
from levada_server.storage.rows.bulk import analyze

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from levada_server.model.dependencies import Catalog
    from levada_server.model.request import Request
    from levada_server.model.table import PartIntegrity, Table
    from levada_server.operations.arrival import Arrival
    from levada_server.operations.context import Caller, Engine
    from levada_server.storage.postgres.database import Connection


ANALYZED_ROWS = 5_000
"""After an insert of so many rows PostgreSQL's picture of the table may be out of date."""


@dataclass(frozen=True, slots=True)
class InsertOptions:
    """How an insert treats its rows.

    Args:
        skip_duplicates: Leave rows out whose primary key exists.
        replace: Update rows whose primary key exists.
        ignore_extra_fields: Ignore columns that are no attributes.
        allow_direct_insert: Insert into an Imported or Computed table outside its own job.
    """

    skip_duplicates: bool = False
    replace: bool = False
    ignore_extra_fields: bool = False
    allow_direct_insert: bool = False


async def insert(
    engine: Engine, caller: Caller, name: TableName, options: InsertOptions, content: IO[bytes] | Arrival
) -> int:
    """Insert the rows of an Arrow IPC stream, all or none; give how many were inserted or replaced.

    Where the stream still arrives, they are inserted meanwhile. A sender that makes this wait loses what it has gained:
    the connection goes to others, and the insert begins anew once all is there.

    Raises:
        PermissionDenied: The table is filled by its own job.
        LevadaError: A row does not fit, or is in the way of a constraint; the error names it.
    """
    catalog = await engine.catalog(caller)
    table = catalog.table(name)
    await admit_write(engine, caller, catalog, table, options)

    async def attempt() -> int:
        batches = _of_own_key(caller, catalog, table, read_batches(content, table, options))
        return await _insert_batches(
            engine, caller, table, Upcoming(content, batches, engine.scope.patience_s), options, catalog.version
        )

    async def work() -> int:
        try:
            return await attempt()
        except Stalled:
            await until_whole(content)
            return await attempt()

    count = await once(engine, caller, work, _as_count)
    _note_written(engine, caller, table, count)
    if count >= ANALYZED_ROWS:
        async with engine.scope.connection() as connection:
            await analyze(connection, table, count)
    return count


def _of_own_key(caller: Caller, catalog: Catalog, table: Table, batches: Iterator[Columns]) -> Iterator[Columns]:
    """Judge, where a job inserts, whether its rows are of its key."""
    job = caller.job
    computed = None if job is None else computed_table(catalog, job)
    for columns in batches:
        if job is not None and computed is not None and is_within(table.name, computed.name):
            keys = {tuple(job.key.values())}
            caller.told.extend(judge_key(computed, stray_key(catalog, computed, table, columns, keys)))
        yield columns


async def _as_count(recorded: int) -> int:
    return recorded


async def _insert_batches(
    engine: Engine,
    caller: Caller,
    table: Table,
    upcoming: Upcoming,
    options: InsertOptions,
    version: int,
) -> int:
    first = await upcoming.take()
    if first is None:
        return 0
    second = await upcoming.take()
    if second is None and engine.scope.recorded(caller.request) is None:
        # One statement is a transaction of its own.
        async with engine.scope.connection() as connection:
            return await insert_batch(engine, connection, table, first, options, version)
    skipping = options.skip_duplicates or options.replace
    if second is None and not skipping and storage.fit_one_statement(first):
        async with engine.scope.connection() as connection:
            return await insert_batch(engine, connection, table, first, options, version, caller.request)
    async with engine.scope.transaction() as connection:
        count = await insert_batch(engine, connection, table, first, options)
        columns, tried = second, first.row_count
        while columns is not None:
            async with upcoming.ahead() as following:
                # Where some rows existed, more of them will.
                skipping = options.skip_duplicates and count < tried
                count += await insert_batch(engine, connection, table, columns, options, duplicates_expected=skipping)
                tried += columns.row_count
                columns = await following()
        await require_version(connection, version)
        await record(engine, connection, caller, count)
        return count


async def insert_relation(
    engine: Engine, caller: Caller, name: TableName, relation: Relation, options: InsertOptions
) -> int:
    """Insert the entities of a relation without a trip to the client; give how many were inserted or replaced.

    Raises:
        PermissionDenied: The table is filled by its own job.
        UnknownAttribute: An attribute of the relation is none of the table's, unless such are ignored.
        InvalidRequest: An attribute has another kind of type.
    """
    catalog = await engine.catalog(caller)
    table = catalog.table(name)
    await admit_write(engine, caller, catalog, table, options)
    query = await compiled(relation, catalog)
    attributes = insertable(table, query.heading, ignore_extra_fields=options.ignore_extra_fields)
    select = (await compiled(Project(relation, tuple(Keep(a) for a in attributes)), catalog)).select
    select = dataclasses.replace(select, columns=tuple(c for c in select.columns if c[0] in attributes))
    named = [name for name in attributes if table.heading[name].type.kind is Kind.OBJECT]

    async def work() -> int:
        async with engine.scope.transaction() as connection:
            count, ids = await storage.insert_selected(
                connection,
                table,
                select,
                named,
                skip_duplicates=options.skip_duplicates,
                replace=options.replace,
                version=catalog.version,
            )
            await claim_copied(engine, ids)
            await record(engine, connection, caller, count)
            return count

    count = await once(engine, caller, work, _as_count)
    _note_written(engine, caller, table, count)
    return count


async def update(engine: Engine, caller: Caller, name: TableName, row: Mapping[str, object]) -> None:
    """Change secondary attributes of one entity; None sets the default.

    Args:
        engine: The parts to work with.
        caller: Who asks.
        name: The table.
        row: The whole primary key, and the attributes to change.

    Raises:
        PermissionDenied: The table is filled by its own job.
        InvalidRequest: The key is not whole, or nothing is to be changed.
        NotFound: There is no entity with this key.
        LevadaError: A value does not fit, or is in the way of a constraint.
    """
    catalog = await engine.catalog(caller)
    table = catalog.table(name)
    await admit_write(engine, caller, catalog, table, InsertOptions())
    key, changes = split_update(table, row)
    check_sizes(table, changes, engine.value_bytes)

    async def work() -> int:
        request = engine.scope.recorded(caller.request)
        claimed = await claim_changes(engine, table, changes)
        async with engine.scope.connection() as connection:
            found = await storage.update_row(connection, table, key, claimed, catalog.version, request)
        if not found:
            raise NotFound(
                f"`{table.name}` has no entity with {show_key(key.items())}; insert it first.", table=table.name
            )
        return 1

    await once(engine, caller, work, _as_count)
    _note_written(engine, caller, table, 1)


def read_batches(content: IO[bytes] | Arrival, table: Table, options: InsertOptions) -> Iterator[Columns]:
    """Read rows for a table; blocks, so it runs in a thread."""
    check_options(options)
    content.seek(0)
    return read_stream(pa.PythonFile(content, "r"), table, ignore_extra_fields=options.ignore_extra_fields)


def check_options(options: InsertOptions) -> None:
    """Refuse options that contradict each other."""
    if options.skip_duplicates and options.replace:
        raise InvalidRequest("Rows that exist can be skipped or replaced, not both.", field="options")


async def insert_batch(
    engine: Engine,
    connection: Connection,
    table: Table,
    columns: Columns,
    options: InsertOptions,
    version: int | None = None,
    request: Request | None = None,
    duplicates_expected: bool = False,
) -> int:
    """Insert one batch on a connection, and claim the objects that it names; give how many rows were changed.

    Args:
        version: Of the catalog that `table` is from; None if the caller checks it before the transaction ends.
        request: Record their number as its outcome, as `storage.rows.insert_columns` can.
        duplicates_expected: Some of the rows probably exist.
    """
    columns.check_sizes(table, engine.value_bytes)
    columns = await claim_columns(engine, table, columns)
    return await storage.insert_columns(
        connection,
        table,
        columns,
        skip_duplicates=options.skip_duplicates,
        replace=options.replace,
        version=version,
        request=request,
        duplicates_expected=duplicates_expected,
    )


async def admit_write(engine: Engine, caller: Caller, catalog: Catalog, table: Table, options: InsertOptions) -> None:
    """Check that the caller may change a table, by hand or under the lease of a job.

    Raises:
        PermissionDenied: The table is filled by its own job.
        MakeContract: It is not for this job to change.
        LeaseLost: The job was handed to another worker.
        PreconditionFailed: A job writes outside of a transaction, where it could not be undone with the job.
    """
    job = caller.job
    if job is None:
        check_direct_insert(catalog, table, options)
        return
    engine.scope.job_writes()
    computed = computed_table(catalog, job)
    caller.told.extend(judge_write(catalog, computed, table.name))
    if table.name not in catalog.own_tables(computed.name):
        check_direct_insert(catalog, table, options)
    async with engine.scope.connection() as connection:
        if not await is_held(connection, computed, job.job_id, job.token):
            raise LeaseLost(f"Job {job.job_id} is no longer yours; drop the result.", job=job.job_id)


def _note_written(engine: Engine, caller: Caller, table: Table, count: int) -> None:
    if caller.job is not None and count:
        engine.scope.job_writes()[str(table.name)] += count


def check_direct_insert(catalog: Catalog, table: Table, options: InsertOptions) -> None:
    """Check that neither a table nor, for a part, its master is filled by its own job alone.

    Raises:
        PermissionDenied: It is, and the caller does not insist.
    """
    owner = table
    while owner.name.master is not None:
        owner = catalog.table(owner.name.master)
    if owner.tier.auto_populated and not options.allow_direct_insert:
        raise PermissionDenied(
            f"`{owner.name}` is {owner.tier.value}: rows of `{table.name}` come from its make. Use populate(), or pass "
            "allow_direct_insert=True.",
            table=table.name,
        )


async def plan_delete(engine: Engine, caller: Caller, relation: Relation, part_integrity: PartIntegrity) -> Doomed:
    """Tell what a delete would take from every table.

    Raises:
        InvalidRequest: The relation is not a restricted table, or a mapping in it restricts nothing.
        HasChildren: A part would go without its master.
    """
    catalog = await engine.catalog(caller)
    async with engine.scope.transaction() as connection:
        doomed = await _collect(connection, catalog, relation, part_integrity, identified=True, deleting=False)
        await deletion.forget(connection, catalog, doomed)
        return doomed


async def delete(
    engine: Engine,
    caller: Caller,
    relation: Relation,
    part_integrity: PartIntegrity,
    *,
    digest: str,
    quick: bool,
) -> Doomed:
    """Delete the entities of a relation and all that depend on them; give what went.

    Raises:
        InvalidRequest: As `plan_delete`.
        HasChildren: A part would go without its master; with `quick`, anything depends on the rows.
        PlanChanged: Other rows would go than in the plan with this digest.
    """
    catalog = await engine.catalog(caller)

    async def answer(recorded: list[tuple[str, str, int]]) -> Doomed:
        counts = [(TableName(schema, table), count) for schema, table, count in recorded]
        return Doomed(catalog.table(_restricted_table(relation).name).name, counts)

    async def work() -> Doomed:
        return await _delete(engine, caller, catalog, relation, part_integrity, digest=digest, quick=quick)

    return await once(engine, caller, lambda: through_conflicts(engine, work), answer)


async def _delete(
    engine: Engine,
    caller: Caller,
    catalog: Catalog,
    relation: Relation,
    part_integrity: PartIntegrity,
    *,
    digest: str,
    quick: bool,
) -> Doomed:
    async with engine.scope.transaction(isolation="repeatable_read") as connection:
        await require_version(connection, catalog.version)
        if quick:
            await _check_alone(connection, catalog, relation, part_integrity)
        # What is found to be in the way of it from here on undoes it.
        doomed = await _collect(connection, catalog, relation, part_integrity, identified=bool(digest), deleting=True)
        if digest and digest != doomed.digest:
            raise PlanChanged("The rows that would go have changed since the plan; look at it again.", digest=digest)
        for name, count in doomed.counts if caller.job is not None else ():
            await admit_write(engine, caller, catalog, catalog.tables[name], InsertOptions())
            _note_written(engine, caller, catalog.tables[name], count)
        await deletion.delete(connection, catalog, doomed)
        await record(engine, connection, caller, [(name.schema, name.table, count) for name, count in doomed.counts])
        return doomed


async def _check_alone(
    connection: Connection, catalog: Catalog, relation: Relation, part_integrity: PartIntegrity
) -> None:
    """Check that nothing depends on the entities of a relation; what may depend on them is not to be deleted for that.

    Raises:
        HasChildren: Something does.
    """
    doomed = await _collect(connection, catalog, relation, part_integrity, identified=False, deleting=False)
    others = [name for name, _ in doomed.counts if name != doomed.root]
    if others:
        raise HasChildren(
            f"Entities of `{others[-1]}` depend on these of `{doomed.root}`; use delete() to delete them too.",
            table=doomed.root,
            child=others[-1],
        )
    await deletion.forget(connection, catalog, doomed)


async def _collect(
    connection: Connection,
    catalog: Catalog,
    relation: Relation,
    part_integrity: PartIntegrity,
    *,
    identified: bool,
    deleting: bool,
) -> Doomed:
    root = catalog.table(_restricted_table(relation).name)
    query = await compiled(relation, catalog, strict=True)
    return await deletion.collect(
        connection, catalog, root, query.select, part_integrity, identified=identified, deleting=deleting
    )


def _restricted_table(relation: Relation) -> TableOperand:
    while isinstance(relation, Restrict):
        relation = relation.operand
    if not isinstance(relation, TableOperand):
        raise InvalidRequest(
            "Only rows of a table can be deleted: restrict the table by the query, as in (Table & query).delete()."
        )
    return relation
