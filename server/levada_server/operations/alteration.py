"""Plan alterations of tables, carry them out, and rename schemas."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from levada_server.errors import Conflict, InvalidRequest, LevadaError, PermissionDenied, PlanChanged
from levada_server.model.alteration import alteration
from levada_server.model.changes import AddAttribute, AddForeignKey, DropAttribute, rows_decide
from levada_server.model.description import describe
from levada_server.model.table import Contract, TableName, check_schema_name, check_table_name
from levada_server.operations.audit import entry
from levada_server.operations.declarations import (
    Declaration,
    admit_new_name,
    admit_references,
    check_free_name,
    check_master,
    parsed,
)
from levada_server.operations.objects.claims import check_stores
from levada_server.operations.request_ids import once, record
from levada_server.operations.schemas import SchemaSummary, find_summary, list_schemas
from levada_server.permissions.roles import Action
from levada_server.query.alteration_ddl import alter_table as alter_steps
from levada_server.query.key_source import keys_of
from levada_server.storage.catalog import table_alteration
from levada_server.storage.catalog.stored_catalog import read_catalog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from levada_server.model.alteration import Alteration
    from levada_server.model.audit import Entry
    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import ForeignKey, Table, Tier
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection

_T = TypeVar("_T")

ATTEMPTS = 5
PAUSE_S = 0.5
"""The pause between attempts, in seconds, in which others can use the table."""


@dataclass(frozen=True, slots=True)
class WantedTable:
    """The table that an alteration is to produce.

    Args:
        name: Its name now.
        definition: Its definition afterwards.
        references: The table of each name after `->`, by the name as written.
        renames: The old name of an attribute by its new one.
        new_name: The class's name afterwards; empty to keep it.
        tier: Its tier afterwards; None to keep it.
        codecs: The client's codecs, as for a declaration.
        mysql_time: Whether `time` declares a new attribute as a duration.
    """

    name: TableName
    definition: str
    references: Mapping[str, TableName]
    renames: Mapping[str, str] = field(default_factory=dict)
    new_name: str = ""
    tier: Tier | None = None
    codecs: Mapping[str, str] = field(default_factory=dict)
    mysql_time: bool = False


@dataclass(frozen=True, slots=True)
class AlterationPlan:
    """The changes, a line each; the digest identifies them and the table they were found for."""

    changes: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Altered:
    """A table after an alteration, and warnings for the caller."""

    table: Table
    warnings: tuple[str, ...]


async def plan_alteration(engine: Engine, caller: Caller, wanted: WantedTable) -> AlterationPlan:
    """Return the changes that altering a table to a definition would make.

    Raises:
        InvalidDefinition: The definition breaks a rule of the language.
        UnknownTable: The table or a parent does not exist.
        InvalidRequest: The table cannot be altered so, such as to another key; the message says what to do.
    """
    view = await engine.gate.open(caller)
    found = await _find(engine, view, wanted)
    async with engine.scope.connection() as connection:
        await _admit_changes(connection, view, found, lock=False)
    # Refuse now any change without DDL, such as an index on an expression that a new type does not allow.
    await asyncio.to_thread(lambda: list(alter_steps(found, {})))
    return AlterationPlan(tuple(map(str, found.changes)), _digest(found))


async def alter_table(engine: Engine, caller: Caller, wanted: WantedTable, digest: str) -> Altered:
    """Alter a table in one transaction, which gives way to other users of the table and tries again.

    Args:
        digest: The digest of the plan that was confirmed; empty to alter without one.

    Raises:
        PlanChanged: The table changed since the plan with this digest.
        Conflict: The table stayed in use.
        LevadaError: As `plan_alteration`, or a row does not allow a change; nothing has changed.
    """

    async def alter(connection: Connection, view: View) -> tuple[TableName, Entry | None]:
        found = await _find(engine, view, wanted)
        if digest and digest != _digest(found):
            raise PlanChanged("The table has changed since the plan; look at it again.", digest=digest)
        if found.changes:
            await _admit_changes(connection, view, found, lock=True)
            await table_alteration.alter_table(connection, view.catalog, found, wanted.definition)
        changes = [str(change) for change in found.changes]
        return found.wanted.name, view.entry(wanted.name, changes=changes) if changes else None

    async def work() -> Altered:
        known = await engine.gate.open(caller)
        if known.insight is not None:  # before it locks anything, so that a refused alteration keeps nobody waiting
            found = await _find(engine, known, wanted)
            async with engine.scope.connection() as connection:
                await _admit_changes(connection, known, found, lock=False)
        name, view = await _change(engine, caller, alter)
        return Altered(view.table(Action.ALTER, name), tuple([text async for text in _broken_key_sources(view)]))

    async def answer(_recorded: object) -> Altered:
        # This replica may not have seen another's change yet.
        async with engine.scope.connection() as connection:
            view = engine.gate.view(caller, await read_catalog(connection))
        name = TableName(wanted.name.schema, wanted.new_name or wanted.name.table)
        return Altered(view.table(Action.DESCRIBE, name), ())

    return await once(engine, caller, work, answer)


async def rename_schema(engine: Engine, caller: Caller, name: str, new_name: str) -> SchemaSummary:
    """Rename a schema; references to its tables follow.

    Raises:
        UnknownSchema: The schema does not exist.
        AlreadyExists: The new name is taken.
    """
    check_schema_name(new_name)

    async def rename(connection: Connection, view: View) -> tuple[SchemaSummary, Entry]:
        view.admit_to_schema(Action.CONFIGURE, name)
        table_count = sum(table.schema == name for table in view.catalog.tables)
        created, contract = await table_alteration.rename_schema(connection, name, new_name)
        confidential = name in view.catalog.confidential
        summary = SchemaSummary(new_name, created, table_count, contract, confidential)
        return summary, entry(caller, name, new_name=new_name)

    def recorded(summary: SchemaSummary) -> object:
        return summary.created.isoformat(), summary.table_count, summary.contract.value, summary.confidential

    async def work() -> SchemaSummary:
        return (await _change(engine, caller, rename, recorded))[0]

    async def answer(recorded: tuple[str, int, str, bool]) -> SchemaSummary:
        created, table_count, contract, confidential = recorded
        moment = datetime.fromisoformat(created)
        then = SchemaSummary(new_name, moment, table_count, Contract(contract), confidential)
        return find_summary(await list_schemas(engine, caller), new_name, then)

    return await once(engine, caller, work, answer)


async def _change(
    engine: Engine,
    caller: Caller,
    change: Callable[[Connection, View], Awaitable[tuple[_T, Entry | None]]],
    recorded: Callable[[_T], object] = lambda _: True,
) -> tuple[_T, View]:
    """Change the catalog in a transaction that gives up instead of waiting long, and repeat it a few times.

    Args:
        engine: The parts to work with.
        caller: The caller.
        change: Makes the change, and returns its result and the entry of the audit.
        recorded: Returns the part of a result that is recorded as the outcome of the request.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with engine.scope.share("declarations").transaction() as connection:
                await table_alteration.limit_lock_wait(connection)
                result, made = await change(connection, await engine.gate.lock(connection, caller))
                catalog = await read_catalog(connection)
                await record(engine, connection, caller, made, recorded(result))
        except Conflict as error:
            if attempt == ATTEMPTS:
                raise Conflict(
                    f"Nothing was changed: after {ATTEMPTS} attempts other transactions still use the tables. "
                    "Repeat it when long queries and transactions have ended."
                ) from error
            await asyncio.sleep(PAUSE_S)
        else:
            await engine.gate.replace_altered(catalog)
            return result, engine.gate.view(caller, catalog)
    raise AssertionError("the last attempt returns or raises")


async def _find(engine: Engine, view: View, wanted: WantedTable) -> Alteration:
    """Find the changes, and refuse changes that the rest of the catalog does not allow."""
    catalog, existing = view.catalog, view.table(Action.ALTER, wanted.name)
    name = _new_name(view, existing, wanted.new_name)
    # Parse it under its present name, by which its parts and its master refer to it.
    declaration = Declaration(
        existing.name,
        wanted.tier or existing.tier,
        wanted.definition,
        wanted.references,
        codecs=wanted.codecs,
        mysql_time=wanted.mysql_time,
        renames=wanted.renames,
    )
    table = await parsed(view, declaration)
    admit_references(view, table, existing)
    if existing.name.master is None or catalog.master_columns(existing) is not None:
        check_master(catalog, table)
    check_stores(engine, (a for a in table.heading if a.name not in existing.heading), existing.name)
    return await asyncio.to_thread(alteration, existing, replace(table, name=name), wanted.renames)


async def _admit_changes(connection: Connection, view: View, found: Alteration, *, lock: bool) -> None:
    """Check that an alteration loses no values of other teams, tells of none that are hidden, and shows no such row.

    Args:
        connection: The connection.
        view: The view of the caller.
        found: The alteration.
        lock: Whether the table is altered in the transaction of this connection.

    Raises:
        PermissionDenied: It does.
    """
    existing, user = found.existing, view.caller.identity.user
    for change in found.changes:
        if isinstance(change, AddForeignKey) and _may_tell(view, found, change.key):
            raise PermissionDenied(
                f"{user} may not {change}: its outcome would tell which rows `{change.key.parent}` has, and you may "
                "read only those of your teams. Ask an owner, or refer to it by a new attribute that may be null.",
                table=existing.name,
            )
    guard = view.guard(existing, wholly=True)
    if guard is None:
        return
    owning = guard.belonging.table.name
    if _belonging(view.catalog, existing, found.renames) != _belonging(view.catalog, found.wanted, {}):
        raise PermissionDenied(
            f"{user} may not decide to whom rows of `{existing.name}` belong: that follows from its foreign keys. Ask "
            f"an owner of `{owning}`.",
            table=existing.name,
        )
    hides = view.hides_rows(existing)
    reaching = [one for one in found.changes if isinstance(one, DropAttribute) or (hides and rows_decide(one))]
    if reaching and await guard.count_others(connection, existing, lock=lock):
        raise PermissionDenied(
            f"{user} may not {reaching[0]}: `{existing.name}` has rows of other teams. Ask an owner of `{owning}`.",
            table=existing.name,
        )


def _may_tell(view: View, found: Alteration, key: ForeignKey) -> bool:
    """Return whether the outcome of adding a foreign key may tell of rows that its parent hides.

    It does not if the rows are to get an attribute without a value.
    """
    added = [change.attribute for change in found.changes if isinstance(change, AddAttribute)]
    empty = {a.name for a in added if a.default is None or a.default.null}
    return empty.isdisjoint(key.child_columns) and view.hides_rows(view.catalog.tables[key.parent])


def _belonging(catalog: Catalog, table: Table, renames: Mapping[str, str]) -> object:
    """Return how the rows of a table belong to teams, by its attributes after they are renamed."""
    found = replace(catalog, tables={**catalog.tables, table.name: table}).belongings(table)
    if any(one.table.id == table.id for one in found):
        return True
    return [
        (one.table.id, one.ownership, tuple((renames.get(own, own), above) for own, above in one.columns))
        for one in found
    ]


def _new_name(view: View, existing: Table, new_name: str) -> TableName:
    catalog, name = view.catalog, TableName(existing.name.schema, new_name or existing.name.table)
    if name == existing.name:
        return name
    if name.master != existing.name.master:
        raise InvalidRequest(
            f"`{existing.name}` cannot become `{name}`: a rename changes the last name only, not the master.",
            field="new_name",
        )
    admit_new_name(view, name)
    moved = table_alteration.renamed_tables(catalog, existing.name, name)
    leaving = {table.name for table, _ in moved}
    staying = replace(catalog, tables={name: table for name, table in catalog.tables.items() if name not in leaving})
    for _, new in moved:
        check_table_name(new)
        check_free_name(staying, new)
    return name


def _digest(found: Alteration) -> str:
    content = "\n".join(
        [str(found.existing.id), str(found.existing.name), describe(found.existing), describe(found.wanted)]
        + [str(change) for change in found.changes]
    )
    return hashlib.sha256(content.encode()).hexdigest()


async def _broken_key_sources(view: View) -> AsyncIterator[str]:
    """Report tables whose key source names something that is gone; declaring their class again repairs them."""
    for table in view.seen.tables.values():
        if table.source_key is not None:
            try:
                await view.of_source(table, keys_of)
            except LevadaError as error:
                yield f"The key source of `{table.name}` is broken: {error} Fix its class and declare it again."
