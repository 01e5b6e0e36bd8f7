"""Declare tables: create one, or compare a definition with the table that exists."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from levada_server.errors import (
    AlreadyExists,
    InvalidDefinition,
    LevadaError,
    TableExists,
)
from levada_server.jobs.retry import check_policy
from levada_server.model.declaration import declare, warnings
from levada_server.model.definition.lines import is_divided
from levada_server.model.differences import differences
from levada_server.model.kinds import Kind
from levada_server.model.table import (
    DEFAULT_RETRY,
    UNKNOWN_SOURCE,
    RetryPolicy,
    Table,
    TableName,
    Tier,
    check_table_name,
)
from levada_server.operations.audit import entry
from levada_server.operations.objects.claims import check_stores
from levada_server.operations.request_ids import record
from levada_server.permissions.roles import Action
from levada_server.storage.catalog import stored_catalog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.model.dependencies import Catalog
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declaration of a client.

    Args:
        name: The table's name.
        tier: Its tier.
        definition: Its definition.
        references: The table of each name after `->`, by the name as written.
        has_make: Whether the class has a `make`.
        key_source: The keys to compute, as a serialized relation; None for the join of the parents, and
            `UNKNOWN_SOURCE` if the class could not evaluate its own.
        retry: The policy for retrying its jobs.
        codecs: The type in which each codec of the client stores its values, by the name in `<…>`.
        lone_part: Whether a part may be without a reference to its master.
        mysql_time: Whether `time` declares a new attribute as a duration.
        renames: The old name of an attribute by its new one, if the declaration is of an existing table.
    """

    name: TableName
    tier: Tier
    definition: str
    references: Mapping[str, TableName]
    has_make: bool = False
    key_source: bytes | None = None
    retry: RetryPolicy = DEFAULT_RETRY
    codecs: Mapping[str, str] = field(default_factory=dict)
    lone_part: bool = False
    mysql_time: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declared:
    """The result of a declaration.

    Args:
        table: The table as it is now.
        created: Whether it is new.
        divided: Whether its definition divides the key from other attributes.
        differences: The differences between the definition and an existing table, a line each.
        key_source_error: Why the key source cannot be used; empty if it can, or is unknown.
    """

    table: Table
    created: bool
    divided: bool = True
    differences: tuple[str, ...] = ()
    key_source_error: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings for the caller about a new table that is allowed."""
        return warnings(self.table, divided=self.divided) if self.created else ()


def _admit_declaration(view: View, name: TableName) -> None:
    """Check that the caller may declare a table, or compare a definition with a table that exists.

    Raises:
        PermissionDenied: The caller may not.
    """
    if name not in view.seen.tables:
        admit_new_name(view, name)


def admit_new_name(view: View, name: TableName) -> None:
    """Check that the caller may give a name to a table: who may, sees all tables that can have it already.

    Raises:
        PermissionDenied: The caller may not.
    """
    view.seen.check_schema(name.schema)
    if name.master is not None:
        view.table(Action.DECLARE, name.master)
    else:
        view.admit_to_schema(Action.DECLARE, name.schema)


async def declare_table(engine: Engine, caller: Caller, declaration: Declaration) -> Declared:
    """Declare a table; if it exists, return it with the differences to the definition.

    Raises:
        InvalidDefinition: The definition breaks a rule of the language.
        UnknownTable: A parent does not exist.
        TableExists: A table with this name exists in another tier.
    """
    check_table_name(declaration.name)
    check_policy(declaration.retry)
    view = await engine.gate.open(caller)
    _admit_declaration(view, declaration.name)
    catalog = view.catalog
    existing = catalog.tables.get(declaration.name)
    if existing is not None:
        declaration = _with_known_source(declaration, existing)
        declared = await _compare(view, declaration, existing)
        made = (existing.has_make, existing.key_source, existing.retry)
        same = made == (declaration.has_make, declaration.key_source, declaration.retry)
        if same and not existing.source_at_fault and view.reads_source(existing):
            return declared
        if same and not view.may(Action.ALTER, existing):
            return declared
        if not view.may(Action.ALTER, existing):
            caller.told.append(
                f"The key source, `make` or retries of `{existing.name}` differ from those on the server, which stay: "
                f"{caller.identity.user} may not alter the table."
            )
            return declared
    async with engine.scope.share("declarations").transaction() as connection:
        view = await engine.gate.lock(connection, caller, view)
        catalog = view.catalog
        existing = catalog.tables.get(declaration.name)
        if existing is None:
            table, fault = await _create_table(engine, connection, view, declaration)
            divided = is_divided(declaration.definition)
            declared = Declared(table, created=True, divided=divided, key_source_error=fault)
            catalog = catalog.with_table(table)
            await record(engine, connection, caller, entry(caller, table.name))
        else:
            declaration = _with_known_source(declaration, existing)
            declared = await _compare(view, declaration, existing)
            declaration, definer, fault = await _update_jobs(connection, view, existing, declaration)
            declared = replace(declared, key_source_error=fault)
            await stored_catalog.update_make(
                connection,
                existing,
                has_make=declaration.has_make,
                key_source=declaration.key_source,
                retry=declaration.retry,
                definer=definer,
            )
            catalog = await stored_catalog.read_catalog(connection)
            await record(engine, connection, caller, entry(caller, existing.name))
    await engine.gate.replace(catalog)
    return replace(declared, table=catalog.tables[declaration.name])


def _with_known_source(declaration: Declaration, existing: Table) -> Declaration:
    """Return a declaration whose key source, if its class could not evaluate it, is the one that the table has."""
    if declaration.key_source == UNKNOWN_SOURCE and existing.key_source is not None:
        return replace(declaration, key_source=existing.key_source)
    return declaration


async def _compare(view: View, declaration: Declaration, existing: Table) -> Declared:
    if existing.tier is not declaration.tier:
        raise TableExists(
            f"`{existing.name}` exists as a {existing.tier.value} table and cannot be declared as "
            f"{declaration.tier.value}; alter it, or drop it first.",
            table=existing.name,
        )
    table = await parsed(view, declaration)
    return Declared(existing, created=False, differences=differences(table, existing))


async def parsed(view: View, declaration: Declaration) -> Table:
    """Parse a definition with the tables that it refers to and that the caller may see; in a thread: it may be long.

    Raises:
        InvalidDefinition: The definition breaks a rule of the language, or would close a cycle.
        UnknownTable: A parent does not exist.
    """

    def resolve(name: str) -> Table:
        if name == "master" and declaration.name.master is not None:
            return view.table(Action.DESCRIBE, declaration.name.master)
        written = declaration.references.get(name) or _written_out(view.seen, declaration.name.schema, name)
        parent = view.table(Action.DESCRIBE, written)
        view.catalog.check_reference(declaration.name, parent.name, view.seen)
        return parent

    existing = view.catalog.tables.get(declaration.name)

    def times_are_spans(name: str) -> bool:
        old = declaration.renames.get(name, name)
        kind = existing.heading[old].type.kind if existing is not None and old in existing.heading else None
        return kind is Kind.DURATION or (kind is not Kind.TIME and declaration.mysql_time)

    table = await asyncio.to_thread(
        declare,
        declaration.name,
        declaration.tier,
        declaration.definition,
        resolve,
        declaration.codecs,
        times_are_spans,
    )
    return replace(table, has_make=declaration.has_make, key_source=declaration.key_source, retry=declaration.retry)


def admit_references(view: View, table: Table, existing: Table | None = None) -> None:
    """Check that the caller may refer to the parents of a table, other than the parents that it has already.

    Raises:
        PermissionDenied: The caller may not.
    """
    before = {key.parent for key in existing.foreign_keys} if existing is not None else {table.name.master}
    for parent in {key.parent for key in table.foreign_keys} - before:
        view.admit(Action.REFER, view.catalog.tables[parent])


def _written_out(catalog: Catalog, schema: str, name: str) -> TableName:
    """Read a reference that the client did not resolve: `Session` of the same schema, or `lab.Session`."""
    first, _, rest = name.partition(".")
    return TableName(first, rest) if rest and first in catalog.schemas else TableName(schema, name)


async def _create_table(
    engine: Engine, connection: Connection, view: View, declaration: Declaration
) -> tuple[Table, str]:
    """Create a table; return it, and why its key source cannot be used."""
    catalog = view.catalog
    name = declaration.name
    catalog.check_schema(name.schema)
    check_free_name(catalog, name)
    if name.master is not None:
        catalog.table(name.master)
    table = replace(await parsed(view, declaration), definer=view.caller.identity.user_id)
    admit_references(view, table)
    if not declaration.lone_part:
        check_master(catalog, table)
    check_stores(engine, table.heading, table.name)
    table = await stored_catalog.insert_table(connection, catalog, table, declaration.definition)
    fault = ""
    if table.tier.auto_populated:
        table, fault = await _with_source_key(engine.gate.view(view.caller, catalog.with_table(table)), table)
        await stored_catalog.create_job_table(connection, table)
        if table.key_source != declaration.key_source:
            await stored_catalog.update_make(
                connection,
                table,
                has_make=table.has_make,
                key_source=table.key_source,
                retry=table.retry,
                definer=table.definer,
            )
    return table, fault


async def _update_jobs(
    connection: Connection, view: View, existing: Table, declaration: Declaration
) -> tuple[Declaration, int | None, str]:
    """Create the job table anew if a new key source has other attributes of the key.

    Returns:
        The declaration with the key source that the table has from now on, its definer, and why the declared one cannot
        be used. A source at fault replaces none that can be used, because the jobs would be lost.
    """
    same = existing.key_source == declaration.key_source and not existing.source_at_fault
    if (same and view.reads_source(existing)) or not existing.tier.auto_populated:
        return declaration, existing.definer, ""
    table, fault = await _with_source_key(view, replace(existing, key_source=declaration.key_source))
    if fault and existing.source_key is not None:
        return replace(declaration, key_source=existing.key_source), existing.definer, fault
    if table.job_key == existing.job_key:
        await stored_catalog.update_source_key(connection, table)
    else:
        await stored_catalog.create_job_table(connection, table)
    return replace(declaration, key_source=table.key_source), view.caller.identity.user_id, fault


async def _with_source_key(view: View, table: Table) -> tuple[Table, str]:
    """Find which attributes of the primary key, or of references below it, the class's own key source has.

    Returns:
        The table with these attributes, and why the source cannot be used. That is not an error: the class may be
        declared before what its source names, and whoever uses the source meets the error. A source that
        a token with scopes may not read, or where it reaches fewer rows than its user, is not kept, because it is
        read later with all rights of that user.
    """
    table = replace(table, source_key=None)
    if not table.key_source:
        return table, ""
    try:
        source = view.key_source(table)
        heading = (await view.query(Action.FETCH, source)).heading
    except LevadaError as error:
        kept = table if view.rights.scope is None else replace(table, key_source=UNKNOWN_SOURCE)
        return kept, f"The key source of `{table.name}` cannot be used: {error}"
    if not view.reads_as_its_user(source):
        return replace(table, key_source=UNKNOWN_SOURCE), (
            f"The key source of `{table.name}` reads rows that belong to teams, and your token reaches fewer of them "
            "than you do; declare the class with a token without scopes."
        )
    references = {name for key in table.foreign_keys for name in key.child_columns}
    given = [name for name in table.heading.primary_key if name in heading] or [
        name for name in table.heading.secondary if name in heading.primary_key and name in references
    ]
    if table.heading.primary_key and not given:
        return table, (
            f"The key source of `{table.name}` has neither an attribute of its primary key "
            f"({', '.join(table.heading.primary_key)}) nor one of a foreign key; it has {', '.join(heading.names)}."
        )
    return replace(table, source_key=tuple(given)), ""


def check_free_name(catalog: Catalog, name: TableName) -> None:
    """Refuse a name under which another table is stored.

    Raises:
        AlreadyExists: Another table is stored under the name.
    """
    other = catalog.stored_as(name.schema, name.stored)
    if other is not None:
        raise AlreadyExists(
            f"`{name}` would be stored as `{name.stored}`, like `{other.name}`; choose another name.",
            table=other.name,
        )


def check_master(catalog: Catalog, table: Table) -> None:
    """Refuse a part that refers to its master neither directly nor through another part.

    Raises:
        InvalidDefinition: The part does not refer to its master.
    """
    if table.name.master is not None and catalog.master_columns(table) is None:
        raise InvalidDefinition(
            f"`{table.name}` does not refer to its master; add the line `-> master` above `---`.", expected="-> master"
        )
