"""Alter tables: run the statements of an alteration, and update the catalog to match."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import AlreadyExists, Conflict, LevadaError, MissingParent, WrongValue
from levada_server.model.table import Contract, TableName
from levada_server.model.types import excerpt
from levada_server.query import alteration_ddl
from levada_server.query.alteration_ddl import LossCheck, Step
from levada_server.query.ddl import qualified
from levada_server.storage.catalog.stored_catalog import (
    create_job_table,
    insert_attribute,
    insert_definition,
    insert_references,
    update_source_key,
)
from levada_server.storage.postgres.failures import key_values, translate
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from datetime import datetime

    from levada_server.model.alteration import Alteration
    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_SQL = statements("alteration")
LOCK_TIMEOUT_MS = 2_000
"""The time that an alteration waits for a table, and so the longest time that others wait behind it."""


async def limit_lock_wait(connection: Connection) -> None:
    """Make the transaction fail instead of waiting long for a lock."""
    await connection.execute(_SQL["set_lock_timeout"], str(LOCK_TIMEOUT_MS))


async def alter_table(connection: Connection, catalog: Catalog, altered: Alteration, definition: str) -> None:
    """Alter a table in PostgreSQL and in the catalog.

    Raises:
        Conflict: The table is in use.
        LevadaError: A row does not allow a change; the error names the change.
    """
    existing, wanted = altered.existing, altered.wanted
    await connection.execute(alteration_ddl.lock_table(existing.name))
    checks: dict[str, list[str]] = defaultdict(list)
    for row in await connection.fetch(_SQL["read_checks"], qualified(existing.name)):
        checks[row["attribute"]].append(row["name"])
    for step in alteration_ddl.alter_table(altered, checks):
        await _run(connection, existing, step)
    await _update_attributes(connection, altered)
    await connection.execute(_SQL["delete_foreign_keys"], existing.id)
    await connection.execute(_SQL["delete_indexes"], existing.id)
    await insert_references(connection, catalog, wanted)
    if wanted.tier.auto_populated:
        kept = tuple(altered.renames.get(name, name) for name in existing.job_key) == wanted.job_key
        await (update_source_key if kept else create_job_table)(connection, wanted)
    await connection.execute(_SQL["update_table"], existing.id, wanted.tier.value, wanted.comment, definition)
    await insert_definition(connection, existing.id, definition)
    for table, name in renamed_tables(catalog, existing.name, wanted.name):
        for statement in alteration_ddl.rename_table(table.name, name):
            await connection.execute(statement)
        await connection.execute(_SQL["keep_table_name"], table.id)
        await connection.execute(_SQL["update_name"], table.id, name.table, name.stored)


def renamed_tables(catalog: Catalog, old: TableName, new: TableName) -> list[tuple[Table, TableName]]:
    """Return the tables that a rename affects, parts included, with their new names."""
    if old == new:
        return []
    return [
        (table, TableName(new.schema, new.table + name.table[len(old.table) :]))
        for name, table in catalog.tables.items()
        if name.schema == old.schema and f"{name.table}.".startswith(f"{old.table}.")
    ]


async def rename_schema(connection: Connection, old: str, new: str) -> tuple[datetime, Contract]:
    """Rename a schema; return its time of creation and its contract of `make`.

    Raises:
        AlreadyExists: PostgreSQL has a schema with the new name.
    """
    if await connection.fetchval(_SQL["schema_in_use"], new):
        raise AlreadyExists(f"The database already has a schema `{new}`; choose another name.", schema=new)
    await connection.execute(alteration_ddl.rename_schema(old, new))
    await connection.execute(_SQL["keep_schema_name"], old)
    row = await connection.fetchrow(_SQL["rename_schema"], old, new)
    assert row is not None, "its existence was checked under the lock of the catalog"
    return row["create_time"], Contract(row["make_contract"])


async def _run(connection: Connection, table: Table, step: Step | LossCheck) -> None:
    match step:
        case LossCheck():
            await _check_loss(connection, table, step)
        case Step():
            try:
                await connection.execute(step.statement)
            except asyncpg.PostgresError as error:
                known = translate(error)
                if known is None or isinstance(known, Conflict) or not step.purpose:
                    raise
                kind = MissingParent if isinstance(error, asyncpg.ForeignKeyViolationError) else type(known)
                raise kind(
                    f"`{table.name}` was not altered: could not {step.purpose}. {_advice(error)}", **known.details
                ) from error


async def _check_loss(connection: Connection, table: Table, check: LossCheck) -> None:
    """Check that a change of type keeps every value.

    Raises:
        WrongValue: The change would alter a value; ValueOutOfRange if it is past the range of the new type.
    """
    kind: type[LevadaError] = WrongValue
    try:
        async with connection.transaction():  # a savepoint
            value = await connection.fetchval(_filled("find_lossy", table, check))
        trouble = "would change"
    except asyncpg.DataError as error:
        known = translate(error)
        kind = WrongValue if known is None else type(known)
        await connection.execute(_filled("create_find_misfit", table, check))
        value = await connection.fetchval(_SQL["find_misfit"])
        trouble = "does not fit"
    if value is not None:
        raise kind(
            f"`{table.name}` was not altered: could not {check.purpose}, because the value {excerpt(value)} {trouble}. "
            "Change such values first.",
            table=table.name,
        )


def _filled(statement: str, table: Table, check: LossCheck) -> str:
    return fill(_SQL[statement], column=check.column, table=qualified(table.name), lossy=check.lossy)


def _advice(error: asyncpg.PostgresError) -> str:
    key = key_values(error)
    values = "" if key is None else f", such as ({key})"
    match error:
        case asyncpg.NotNullViolationError():
            return "Some entities have no value there: set one first, or give a new attribute a default."
        case asyncpg.ForeignKeyViolationError():
            return f"Some entities refer to a parent that does not exist{values}; insert it first."
        case asyncpg.UniqueViolationError():
            return f"Some entities have the same values where they must differ{values}; change them first."
        case asyncpg.DependentObjectsStillExistError():
            return "An object that is not in the catalog, such as a view, depends on it; drop that first."
        case _:
            return "A value does not fit; change it first."


async def _update_attributes(connection: Connection, altered: Alteration) -> None:
    table_id, renames = altered.existing.id, altered.renames
    await connection.execute(_SQL["delete_attributes"], table_id, _kept_names(altered))
    await connection.execute(_SQL["set_names_aside"], table_id, list(renames))
    for old, new in renames.items():
        await connection.execute(_SQL["keep_attribute_name"], table_id, old)
        await connection.execute(_SQL["rename_attribute"], table_id, old, new)
    old_key, new_key = altered.existing.heading.primary_key, altered.wanted.heading.primary_key
    if old_key != new_key:
        await connection.execute(_SQL["update_parent_names"], table_id, list(old_key), list(new_key))
    for position, attribute in enumerate(altered.wanted.heading):
        if attribute.name not in altered.renamed.heading:
            await insert_attribute(connection, table_id, position, attribute)
            continue
        default = attribute.default
        await connection.execute(
            _SQL["update_attribute"],
            table_id,
            position,
            attribute.name,
            str(attribute.type),
            attribute.nullable,
            default.text if default else None,
            default.quoted if default else False,
            attribute.comment,
            attribute.origin.attribute_id if attribute.origin else None,
        )


def _kept_names(altered: Alteration) -> list[str]:
    """Return the old names of the attributes that stay."""
    pairs = zip(altered.existing.heading.names, altered.renamed.heading.names, strict=True)
    return [old for old, new in pairs if new in altered.wanted.heading]
