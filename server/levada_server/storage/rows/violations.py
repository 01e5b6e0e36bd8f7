"""Find the row, key or parent by which a change violated a constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import DuplicateEntity, LevadaError, MissingParent
from levada_server.model.kinds import NUMBERS, Family
from levada_server.model.values import show_key
from levada_server.query import ddl
from levada_server.query.ddl import qualified
from levada_server.query.sql import quote_name
from levada_server.storage.postgres.failures import key_values, translate
from levada_server.storage.postgres.sql_files import fill, statements
from levada_server.storage.rows.bound_rows import bound_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.heading import Attribute
    from levada_server.model.table import ForeignKey, Table
    from levada_server.model.types import AttributeType
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")


async def find_violation(
    connection: Connection,
    table: Table,
    columns: Columns | None,
    error: asyncpg.UniqueViolationError | asyncpg.ForeignKeyViolationError,
) -> LevadaError:
    """Return an error that names the row a constraint refused, after the change was undone.

    Args:
        connection: A usable connection, outside the statement that failed and its savepoint.
        table: The table that was changed.
        columns: The rows; None if they did not come from a client.
        error: The error of PostgreSQL, which never names the row's number, and for a foreign key not even the row.
    """
    if isinstance(error, asyncpg.UniqueViolationError):
        return await _duplicate(connection, table, columns, error)
    return await _missing_parent(connection, table, columns, error)


async def find_refusal(connection: Connection, table: Table, error: asyncpg.PostgresError) -> LevadaError | None:
    """Return the error of a change refused for another reason; None if it is an internal error.

    Args:
        connection: A usable connection, outside the statement that failed and its savepoint.
        table: The table that was changed.
        error: The error of PostgreSQL.
    """
    known = translate(error, table.name)
    if known is None:
        return None
    if isinstance(error, asyncpg.CheckViolationError):
        checked = await connection.fetchval(_SQL["checked_attribute"], qualified(table.name), error.constraint_name)
        suspects = [attribute for attribute in table.heading if attribute.name == checked]
    else:
        suspects = [attribute for attribute in table.heading if _may_refuse(attribute.type, error.sqlstate)]
    if suspects:
        known.message += f" Attribute: {' or '.join(f'`{a.name}` ({a.type})' for a in suspects)}."
    if len(suspects) == 1:
        known.details["attribute"] = suspects[0].name
    return known


def _may_refuse(type_: AttributeType, sqlstate: str | None) -> bool:
    """Return whether a type refuses values with a SQLSTATE that names no attribute."""
    match sqlstate:
        case "22001":
            return type_.family is Family.TEXT and type_.length is not None
        case "22003":
            return type_.family in NUMBERS
        case _:
            return False


async def _duplicate(
    connection: Connection, table: Table, columns: Columns | None, error: asyncpg.UniqueViolationError
) -> DuplicateEntity:
    constraint = error.constraint_name or ""
    names = _unique_names(table, constraint)
    primary = constraint == ddl.primary_key_constraint(table)
    kind = "key" if primary else "unique combination"
    row = None if columns is None else await _first_duplicate(connection, table, columns, names)
    where, key = _place(table, columns, row, names, key_values(error))
    return DuplicateEntity(
        f"{where}: an entity with this {kind} already exists: {key}. Nothing was changed"
        + ("; an insert with skip_duplicates=True skips such rows." if primary else "."),
        table=table.name,
        row=row,
        key=key,
        constraint=constraint,
    )


def _unique_names(table: Table, constraint: str) -> tuple[str, ...]:
    for position, key in enumerate(table.foreign_keys):
        if constraint == ddl.unique_reference_constraint(table, position):
            return key.child_columns
    for position, index in enumerate(table.indexes):
        if constraint == ddl.index_name(table, position):
            return index.expressions
    return table.heading.primary_key


async def _first_duplicate(
    connection: Connection, table: Table, columns: Columns, names: tuple[str, ...]
) -> int | None:
    """Find the first row whose values under these names are in the table or in an earlier row."""
    attributes = _given(columns, names)
    if not attributes:
        return None
    statement = fill(
        _SQL["first_duplicate"],
        table=qualified(table.name),
        rows=bound_rows(attributes),
        partition=", ".join(f"r.{quote_name(n)}" for n in names),
        filled=" AND ".join(f"r.{quote_name(n)} IS NOT NULL" for n in names),
        same=" AND ".join(f"t.{quote_name(n)} = r.{quote_name(n)}" for n in names),
    )
    row = await connection.fetchval(statement, *columns.values([a.name for a in attributes]))
    return None if row is None else columns.first_row + int(row) - 1


async def _missing_parent(
    connection: Connection, table: Table, columns: Columns | None, error: asyncpg.ForeignKeyViolationError
) -> MissingParent:
    constraint = error.constraint_name or ""
    position = next(i for i in range(len(table.foreign_keys)) if ddl.foreign_key_constraint(table, i) == constraint)
    key = table.foreign_keys[position]
    row = None if columns is None else await _first_orphan(connection, columns, key)
    return missing_parent(table, position, columns, row, key_values(error))


def missing_parent(
    table: Table, position: int, columns: Columns | None, row: int | None, values: str | None
) -> MissingParent:
    """Return the error of a row whose parent does not exist.

    Args:
        table: The table.
        position: The position of the foreign key in the table.
        columns: The rows; None if they did not come from a client.
        row: The number of the row; None if it is unknown.
        values: The values of the row as PostgreSQL writes them; None if they are unknown.
    """
    key = table.foreign_keys[position]
    where, shown = _place(table, columns, row, key.child_columns, values)
    return MissingParent(
        f"{where}: `{key.parent}` has no entity for {shown}. Nothing was changed; insert the parent first.",
        table=table.name,
        row=row,
        key=shown,
        constraint=ddl.foreign_key_constraint(table, position),
        parent=key.parent,
    )


async def _first_orphan(connection: Connection, columns: Columns, key: ForeignKey) -> int | None:
    attributes = _given(columns, key.child_columns)
    if not attributes:
        return None
    statement = fill(
        _SQL["first_orphan"],
        rows=bound_rows(attributes),
        parent=qualified(key.parent),
        filled=" AND ".join(f"r.{quote_name(child)} IS NOT NULL" for child in key.child_columns),
        same=" AND ".join(f"p.{quote_name(parent)} = r.{quote_name(child)}" for child, parent in key.columns),
    )
    row = await connection.fetchval(statement, *columns.values([a.name for a in attributes]))
    return None if row is None else columns.first_row + int(row) - 1


def _given(columns: Columns, names: Sequence[str]) -> list[Attribute]:
    """Return the attributes with some names; none if any of them is not among the columns."""
    found = [a for a in columns.attributes if a.name in names]
    return found if len(found) == len(set(names)) else []


def _place(
    table: Table,
    columns: Columns | None,
    row: int | None,
    names: Sequence[str],
    values: str | None,
) -> tuple[str, str]:
    """Return the place and the values that violate a constraint; PostgreSQL's own values if the row is unknown."""
    if columns is None or row is None:
        return f"`{table.name}`", ", ".join(names) if values is None else f"{', '.join(names)} = {values}"
    given = [name for name in names if any(a.name == name for a in columns.attributes)]
    key = show_key(zip(given, columns.row(row - columns.first_row, given), strict=True))
    return f"`{table.name}`, row {row}", key
