"""Create, describe and drop schemas, and describe and drop tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from levada_server.errors import (
    AlreadyExists,
    HasChildren,
    InvalidRequest,
    PlanChanged,
)
from levada_server.model.kinds import Family
from levada_server.model.table import (
    Contract,
    Ownership,
    Table,
    TableName,
    check_schema_name,
)
from levada_server.model.values import coerce
from levada_server.operations.audit import entry
from levada_server.operations.request_ids import once, record, through_conflicts
from levada_server.permissions.rights import Grant
from levada_server.permissions.roles import Action, Role
from levada_server.storage.catalog import stored_catalog
from levada_server.storage.permissions.grants import insert_grant
from levada_server.storage.rows import numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection

MAX_DEFINITIONS = 1_000
"""The most definitions of a table that are listed."""


@dataclass(frozen=True, slots=True)
class SchemaSummary:
    """A schema: its name, time of creation, number of tables, contract of `make`, and whether reads are audited."""

    name: str
    created: datetime
    table_count: int
    contract: Contract = Contract.WARN
    confidential: bool = False


async def create_schema(
    engine: Engine, caller: Caller, name: str, *, allow_existing: bool
) -> tuple[SchemaSummary, bool]:
    """Create a schema; return it, and whether it is new.

    Raises:
        AlreadyExists: The schema exists, and `allow_existing` is not set or the caller may not see it.
        PermissionDenied: The caller may not create a schema of this name.
    """
    check_schema_name(name)

    async def answer(recorded: str) -> tuple[SchemaSummary, bool]:
        listed = await list_schemas(engine, caller)
        return find_summary(listed, name, SchemaSummary(name, datetime.fromisoformat(recorded), 0)), True

    async def work() -> tuple[SchemaSummary, bool]:
        return await _create_schema(engine, caller, name, allow_existing=allow_existing)

    return await once(engine, caller, work, answer)


def find_summary(listed: Iterable[SchemaSummary], name: str, then: SchemaSummary) -> SchemaSummary:
    """Return a schema as it is now; as it was then, where it was renamed or dropped since."""
    return next((summary for summary in listed if summary.name == name), then)


async def _create_schema(
    engine: Engine, caller: Caller, name: str, *, allow_existing: bool
) -> tuple[SchemaSummary, bool]:
    async with engine.scope.share("declarations").transaction() as connection:
        existing = {row[0]: row for row in await stored_catalog.list_schemas(connection)}
        if not (name in existing and allow_existing and engine.gate.rights(caller).sees_schema(name)):
            engine.gate.admit_creator(caller, name)
        if name not in existing:
            catalog = (await engine.gate.lock(connection, caller)).catalog
            if name not in catalog.schemas:
                created = await stored_catalog.insert_schema(connection, name)
                if caller.identity.user_id is not None:
                    await insert_grant(connection, Grant(Role.OWNER, name), user_id=caller.identity.user_id)
                catalog = await stored_catalog.read_catalog(connection)
                await record(engine, connection, caller, entry(caller, name), created.isoformat())
            else:  # another caller created it while this call waited for the lock
                created = {row[0]: row for row in await stored_catalog.list_schemas(connection)}[name][1]
    if name in existing:
        view = await engine.gate.open(caller)
        if not (allow_existing and view.rights.sees_schema(name)):
            raise AlreadyExists(f"The schema `{name}` already exists.", schema=name)
        return _summary(view, existing[name]), False
    await engine.gate.replace(catalog)
    return SchemaSummary(name, created, 0), True


async def update_schema(
    engine: Engine, caller: Caller, name: str, contract: Contract | None, *, confidential: bool | None = None
) -> SchemaSummary:
    """Change the settings of a schema that are not None; return the schema.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The schema.
        contract: The contract of `make` of its tables.
        confidential: Whether reads of its tables are audited.

    Raises:
        UnknownSchema: The schema does not exist.
    """
    async with engine.scope.share("declarations").transaction() as connection:
        (await engine.gate.lock(connection, caller)).admit_to_schema(Action.CONFIGURE, name)
        await stored_catalog.update_schema(connection, name, contract, confidential)
        made = entry(caller, name, contract=contract and contract.value, confidential=confidential)
        await record(engine, connection, caller, made)
        catalog = await stored_catalog.read_catalog(connection)
        summary = next(row for row in await stored_catalog.list_schemas(connection) if row[0] == name)
    await engine.gate.replace(catalog)
    return SchemaSummary(*summary)


async def set_ownership(engine: Engine, caller: Caller, name: TableName, ownership: Ownership | None) -> Table:
    """Set by which attribute the rows of a table belong to teams; None ends it. Return the table.

    Raises:
        UnknownTable: The table does not exist.
        PermissionDenied: The caller does not own it.
        UnknownAttribute: The table has no such attribute.
        InvalidRequest: The attribute does not hold text, or the rows are a part's or a job's.
    """
    async with engine.scope.share("declarations").transaction() as connection:
        view = await engine.gate.lock(connection, caller)
        table = view.table(Action.GRANT, name)
        if ownership is not None:
            check_ownership(table, ownership)
        below = view.catalog.descendants(table.name)
        belonging = [table, *(view.catalog.tables[other] for other in below)]
        await stored_catalog.update_ownership(connection, table, ownership, belonging)
        owner, hidden = (None, None) if ownership is None else (ownership.attribute, ownership.hidden)
        await record(engine, connection, caller, entry(caller, table.name, owner=owner, hidden=hidden))
        catalog = await stored_catalog.read_catalog(connection)
    await engine.gate.replace_altered(catalog)
    return catalog.tables[table.name]


def check_ownership(table: Table, ownership: Ownership) -> None:
    """Refuse an ownership that a table cannot have.

    Raises:
        UnknownAttribute: The table has no such attribute.
        InvalidRequest: The attribute does not hold text, or the rows are a part's or a job's.
    """
    if table.name.master is not None or table.tier.auto_populated:
        raise InvalidRequest(
            f"Rows of `{table.name}` belong to the team of the row above them; set it for that table.",
            table=table.name,
        )
    attribute = table.heading[ownership.attribute]
    if attribute.type.family is not Family.TEXT:
        raise InvalidRequest(
            f"`{attribute.name}` of `{table.name}` is {attribute.type}; a team has a name, so it takes text.",
            table=table.name,
            attribute=attribute.name,
        )


async def raise_next_number(engine: Engine, caller: Caller, name: TableName, number: int) -> int:
    """Raise the number that is given out next for the auto_increment attribute of a table; return it.

    Raises:
        UnknownTable: The table does not exist.
        PermissionDenied: The caller may not alter it.
        InvalidRequest: No attribute of the table is numbered, or the number is below 1.
        ValueOutOfRange: The attribute cannot hold the number.
    """
    async with engine.scope.share("declarations").transaction() as connection:
        view = await engine.gate.lock(connection, caller)
        table = view.table(Action.ALTER, name)
        attribute = next((one for one in table.heading if one.auto_increment), None)
        if attribute is None:
            raise InvalidRequest(f"No attribute of `{table.name}` has auto_increment.", table=table.name)
        if number < 1:
            raise InvalidRequest(f"The next number is at least 1, not {number}.", field="next_number")
        coerce(number, attribute.type)
        raised = await numbers.raise_next_number(connection, table, attribute, number)
        await record(engine, connection, caller, entry(caller, table.name, next_number=raised))
    return raised


async def next_number(engine: Engine, caller: Caller, table: Table) -> int:
    """Return the number that is given out next for the auto_increment attribute of a table; 0 if it has none.

    Raises:
        PermissionDenied: The caller may not fetch its rows.
    """
    (await engine.gate.open(caller)).admit(Action.FETCH, table)
    attribute = next((one for one in table.heading if one.auto_increment), None)
    if attribute is None:
        return 0
    # Sequences belong to the owner of the tables alone.
    async with engine.scope.share("declarations").transaction() as connection:
        return await numbers.read_next_number(connection, table, attribute)


async def drop_schema(engine: Engine, caller: Caller, name: str) -> int:
    """Drop a schema with its tables, jobs and rows; return the number of its tables.

    Raises:
        UnknownSchema: The schema does not exist.
        HasChildren: Tables of other schemas refer to it.
        PermissionDenied: The caller does not own it, or may not see tables that refer to it.
    """

    async def answer(recorded: int) -> int:
        return recorded

    def doomed(view: View) -> list[Table]:
        view.admit_to_schema(Action.DROP, name)
        catalog = view.catalog
        # Children first, as inserts lock them: their foreign keys look at the parents afterwards.
        return [catalog.tables[table] for table in reversed(catalog.order) if table.schema == name]

    async def work() -> int:
        known = await engine.gate.open(caller)
        await _admit_drop(engine, known, doomed(known))
        async with engine.scope.share("declarations").transaction() as connection:
            view = await engine.gate.lock(connection, caller, known)
            view.admit_cascade(Action.DROP, (), await rows_of_others(connection, view, doomed(view), lock=True))
            count = await stored_catalog.delete_schema(connection, view.catalog, name)
            catalog = await stored_catalog.read_catalog(connection)
            await record(engine, connection, caller, entry(caller, name, tables=count), count)
        await engine.gate.replace(catalog)
        return count

    async with engine.gate.concealing(caller, Action.DROP):
        return await once(engine, caller, lambda: through_conflicts(engine, work), answer)


async def list_schemas(engine: Engine, caller: Caller) -> list[SchemaSummary]:
    """List the schemas that the caller may see, by name."""
    async with engine.scope.connection() as connection:
        stored = await stored_catalog.list_schemas(connection)
    view = await engine.gate.open(caller)
    return [_summary(view, row) for row in stored if view.rights.sees_schema(row[0])]


def _summary(view: View, stored: tuple[str, datetime, int, Contract, bool]) -> SchemaSummary:
    """Return a schema with the number of its tables that the caller may see."""
    summary = SchemaSummary(*stored)
    if view.rights.administers:
        return summary
    return replace(summary, table_count=sum(name.schema == summary.name for name in view.seen.tables))


async def list_definitions(engine: Engine, caller: Caller, table: Table) -> list[tuple[str, datetime]]:
    """Return the last definitions of a table, each as it was sent and with its time; the current one comes last."""
    (await engine.gate.open(caller)).admit(Action.DESCRIBE, table)
    async with engine.scope.connection() as connection:
        return await stored_catalog.read_definitions(connection, table, MAX_DEFINITIONS)


async def table_bytes(engine: Engine, caller: Caller, table: Table) -> int:
    """Return how many bytes the rows and indexes of a table take.

    Raises:
        PermissionDenied: The caller may not fetch its rows.
    """
    (await engine.gate.open(caller)).admit(Action.FETCH, table)
    async with engine.scope.connection() as connection:
        return await stored_catalog.read_size(connection, table)


async def describe_table(engine: Engine, caller: Caller, name: TableName) -> Table:
    """Return one table.

    Raises:
        UnknownTable: The table does not exist.
    """
    return (await engine.gate.open(caller)).table(Action.DESCRIBE, name)


async def list_tables(engine: Engine, caller: Caller, schema: str) -> list[Table]:
    """List the tables of a schema, parents first.

    Raises:
        UnknownSchema: A schema does not exist.
    """
    view = await engine.gate.open(caller)
    view.seen.check_schema(schema)
    return [table for name in view.catalog.order if name.schema == schema and (table := view.seen.tables.get(name))]


async def get_graph(
    engine: Engine,
    caller: Caller,
    schemas: Iterable[str],
    names: Iterable[TableName],
    *,
    ancestor_steps: int,
    descendant_steps: int,
) -> list[Table]:
    """Return the tables of some schemas and some other tables, widened by steps along the graph; -1 for all steps.

    Raises:
        UnknownSchema: A schema does not exist.
        UnknownTable: A table does not exist.
    """
    catalog = (await engine.gate.open(caller)).seen
    chosen = {catalog.table(name).name for name in names}
    whole = set(schemas)
    for schema in whole:
        catalog.check_schema(schema)
    chosen |= {name for name in catalog.tables if name.schema in whole}
    wanted = chosen | _widen(catalog, chosen, ancestor_steps, upstream=True)
    wanted |= _widen(catalog, chosen, descendant_steps, upstream=False)
    return [catalog.tables[name] for name in catalog.sorted(wanted)]


def _widen(catalog: Catalog, start: set[TableName], steps: int, *, upstream: bool) -> set[TableName]:
    reached, edge = set(start), set(start)
    while edge and steps != 0:
        neighbours = catalog.next_above if upstream else catalog.next_below
        edge = {other for name in edge for other in neighbours(name)} - reached
        reached |= edge
        steps -= 1
    return reached


@dataclass(frozen=True, slots=True)
class DropPlan:
    """The tables that a drop removes, children first, with their numbers of entities; the digest identifies the set."""

    tables: tuple[tuple[TableName, int], ...]
    digest: str


async def plan_drop(
    engine: Engine, caller: Caller, names: Iterable[TableName], *, ignore_masters: bool = False
) -> DropPlan:
    """Return the tables that a drop would remove.

    Raises:
        UnknownTable: A named table does not exist.
        HasChildren: A part would go without its master, and masters are not ignored.
        PermissionDenied: The caller may not drop one, or it has rows of other teams.
    """
    view = await engine.gate.open(caller)
    doomed = _doomed_tables(view, names, ignore_masters)
    await _admit_drop(engine, view, doomed)
    async with engine.scope.connection() as connection:
        counts = [(t.name, await stored_catalog.count_rows(connection, t)) for t in doomed]
    return DropPlan(tuple(counts), _drop_digest(doomed))


async def drop_tables(
    engine: Engine, caller: Caller, names: Sequence[TableName], digest: str, *, ignore_masters: bool = False
) -> tuple[TableName, ...]:
    """Drop tables with all tables that depend on them; return their names, children first.

    Raises:
        PlanChanged: The graph changed since the plan with this digest.
        PermissionDenied: As by `plan_drop`.
    """

    async def answer(recorded: list[tuple[str, str]]) -> tuple[TableName, ...]:
        return tuple(TableName(schema, table) for schema, table in recorded)

    async def work() -> tuple[TableName, ...]:
        known = await engine.gate.open(caller)
        await _admit_drop(engine, known, _doomed_tables(known, names, ignore_masters))
        async with engine.scope.share("declarations").transaction() as connection:
            view = await engine.gate.lock(connection, caller, known)
            doomed = _doomed_tables(view, names, ignore_masters)
            if digest and digest != _drop_digest(doomed):
                raise PlanChanged(
                    "The set of tables to drop has changed since the plan; plan the drop again.", digest=digest
                )
            view.admit_cascade(Action.DROP, (), await rows_of_others(connection, view, doomed, lock=True))
            for table in doomed:
                await stored_catalog.delete_table(connection, table)
            catalog = view.catalog.without_tables(table.name for table in doomed)
            gone = [(table.name.schema, table.name.table) for table in doomed]
            made = entry(caller, names[0], tables=[str(table.name) for table in doomed]) if doomed else None
            await record(engine, connection, caller, made, gone)
        await engine.gate.replace(catalog)
        return tuple(table.name for table in doomed)

    return await once(engine, caller, lambda: through_conflicts(engine, work), answer)


def _doomed_tables(view: View, names: Iterable[TableName], ignore_masters: bool) -> list[Table]:
    catalog = view.catalog
    roots = {view.table(Action.DROP, name).name for name in names}
    doomed = catalog.sorted(_reached_by_drop(catalog, roots))
    view.admit_cascade(Action.DROP, [(name, None) for name in doomed])
    gone = set(doomed)
    for name in doomed:
        if name.master is not None and name.master not in gone and not ignore_masters:
            raise HasChildren(_left_master(name, name.master, chosen=name in roots), table=name.master, child=name)
    return [catalog.tables[name] for name in reversed(doomed)]


async def _admit_drop(engine: Engine, view: View, doomed: Sequence[Table]) -> None:
    """Refuse a drop of tables with rows of others before it locks anything, so that it keeps nobody waiting."""
    if view.insight is not None:
        async with engine.scope.connection() as connection:
            view.admit_cascade(Action.DROP, (), await rows_of_others(connection, view, doomed, lock=False))


async def rows_of_others(
    connection: Connection, view: View, tables: Iterable[Table], *, lock: bool
) -> list[tuple[TableName, str | None, int]]:
    """Count the rows of some tables that do not belong to the caller's teams, by table and team.

    Args:
        connection: The connection.
        view: The view of the caller.
        tables: The tables.
        lock: Whether there are to be no further ones until the end of the transaction.
    """
    found: list[tuple[TableName, str | None, int]] = []
    for table in tables:
        guard = view.guard(table, wholly=True)
        if guard is not None:
            counted = await guard.count_others(connection, table, lock=lock)
            found += [(table.name, team, count) for team, count in counted]
    return found


def _reached_by_drop(catalog: Catalog, names: Collection[TableName]) -> set[TableName]:
    """Return tables, all that depend on them, and all their parts: some may not refer to their master."""
    found: set[TableName] = set()
    further = set(names)
    while further:
        found |= further | catalog.descendants(*further)
        further = {part for name in found for part in catalog.own_tables(name)} - found
    return found


def _left_master(part: TableName, master: TableName, *, chosen: bool) -> str:
    if chosen:
        return f"`{part}` is a part of `{master}`, which stays; drop that, or pass part_integrity='ignore'."
    return f"`{part}` depends on what would be dropped, but it is a part of `{master}`, which stays; drop that first."


def _drop_digest(tables: Iterable[Table]) -> str:
    return "-".join(str(table.id) for table in tables)
