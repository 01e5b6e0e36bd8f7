"""Rows: stream a compiled query; insert columns and, where that fails, find the row that is at fault."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import DuplicateEntity, MissingParent
from levada_server.model.values import show_key
from levada_server.query import ddl
from levada_server.query.ddl import qualified
from levada_server.query.postgres_types import value_type
from levada_server.query.sql import quote_name
from levada_server.storage.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from levada_server.arrow.ingest import Columns
    from levada_server.model.heading import Attribute
    from levada_server.model.table import ForeignKey, Table
    from levada_server.query.sql import Statement
    from levada_server.storage.database import Connection, Database

_SQL = statements("rows")

FIRST_ROWS = 200
"""Rows of the first piece of a stream; later ones are sized by the bytes that the last one took."""
MAX_ROWS = 20_000


class RowStream:
    """The rows of a statement, in pieces; `piece_rows` may be set between pieces."""

    def __init__(self, cursor: asyncpg.cursor.Cursor[asyncpg.Record]) -> None:
        """Read from an open cursor."""
        self._cursor = cursor
        self.piece_rows = FIRST_ROWS

    async def __aiter__(self) -> AsyncIterator[list[asyncpg.Record]]:
        """Give the pieces; none is empty."""
        while rows := await self._cursor.fetch(min(self.piece_rows, MAX_ROWS)):
            yield rows


@asynccontextmanager
async def stream_rows(database: Database, statement: Statement) -> AsyncIterator[RowStream]:
    """Open a statement's rows in a read-only transaction, which ends with the block."""
    async with database.transaction(read_only=True) as connection:
        cursor = await connection.cursor(statement.text, *statement.values)
        yield RowStream(cursor)


async def insert_columns(
    connection: Connection, table: Table, columns: Columns, *, skip_duplicates: bool, replace: bool
) -> int:
    """Insert rows in one statement; give how many were inserted or replaced.

    A value that is missing takes the attribute's default.

    Raises:
        DuplicateEntity: A key, or another unique combination, exists.
        MissingParent: A parent does not exist.
    """
    if not columns.row_count:
        return 0
    statement = _insert_statement(table, columns, skip_duplicates=skip_duplicates, replace=replace)
    try:
        if connection.is_in_transaction():
            async with connection.transaction():  # a savepoint, so that the fault can be looked for afterwards
                tag = await connection.execute(statement, *columns.values)
        else:
            tag = await connection.execute(statement, *columns.values)
    except asyncpg.UniqueViolationError as error:
        raise await _duplicate(connection, table, columns, error) from error
    except asyncpg.ForeignKeyViolationError as error:
        raise await _missing_parent(connection, table, columns, error) from error
    return int(tag.rsplit(" ", 1)[1])


def _insert_statement(table: Table, columns: Columns, *, skip_duplicates: bool, replace: bool) -> str:
    names = [quote_name(a.name) for a in columns.attributes]
    key = [quote_name(name) for name in table.heading.primary_key]
    target = ", ".join(key) or "(true)"
    conflict = ""
    if replace:
        changes = ", ".join(f"{n} = EXCLUDED.{n}" for n in names if n not in key)
        conflict = f"ON CONFLICT ({target}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")
    elif skip_duplicates:
        conflict = f"ON CONFLICT ({target}) DO NOTHING"
    return fill(
        _SQL["replace" if replace and key else "insert"],
        table=qualified(table.name),
        names=", ".join(names),
        values=", ".join(_with_default(a, table) for a in columns.attributes),
        rows=_rows_source(columns.attributes),
        key=", ".join(f"r.{k}" for k in key),
        conflict=conflict,
    )


def _rows_source(attributes: Sequence[Attribute]) -> str:
    arrays = ", ".join(f"${i}::{value_type(a.type)}[]" for i, a in enumerate(attributes, 1))
    names = ", ".join(quote_name(a.name) for a in attributes)
    return f"unnest({arrays}) WITH ORDINALITY AS r({names}, ordinality)"


def _with_default(attribute: Attribute, table: Table) -> str:
    column = f"r.{quote_name(attribute.name)}"
    if attribute.auto_increment:
        sequence = f"pg_get_serial_sequence('{qualified(table.name)}', '{attribute.name}')"
        return f"coalesce({column}, nextval({sequence}))"
    default = ddl.default_expression(attribute)
    return column if default is None else f"coalesce({column}, {default}::{value_type(attribute.type)})"


async def _duplicate(
    connection: Connection, table: Table, columns: Columns, error: asyncpg.UniqueViolationError
) -> DuplicateEntity:
    constraint = error.constraint_name or ""
    names = _unique_names(table, constraint)
    kind = "key" if constraint == ddl.primary_key_constraint(table) else "unique combination"
    row = await _first_duplicate(connection, table, columns, names)
    where = f"`{table.name}`" if row is None else f"`{table.name}`, row {row}"
    key = error.detail if row is None else show_key(_values_at(columns, row, names))
    return DuplicateEntity(
        f"{where}: an entity with this {kind} exists already: {key}. Nothing was inserted; pass skip_duplicates=True "
        "to leave such rows out.",
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
    given = {a.name for a in columns.attributes}
    if not names or not given.issuperset(names):
        return None
    statement = fill(
        _SQL["first_duplicate"],
        table=qualified(table.name),
        rows=_rows_source(columns.attributes),
        partition=", ".join(f"r.{quote_name(n)}" for n in names),
        filled=" AND ".join(f"r.{quote_name(n)} IS NOT NULL" for n in names),
        same=" AND ".join(f"t.{quote_name(n)} = r.{quote_name(n)}" for n in names),
    )
    ordinality = await connection.fetchval(statement, *columns.values)
    return None if ordinality is None else columns.first_row + int(ordinality) - 1


async def _missing_parent(
    connection: Connection, table: Table, columns: Columns, error: asyncpg.ForeignKeyViolationError
) -> MissingParent:
    constraint = error.constraint_name or ""
    position = next(i for i in range(len(table.foreign_keys)) if ddl.foreign_key_constraint(table, i) == constraint)
    key = table.foreign_keys[position]
    row = await _first_orphan(connection, columns, key)
    where = f"`{table.name}`" if row is None else f"`{table.name}`, row {row}"
    shown = error.detail if row is None else show_key(_values_at(columns, row, key.child_columns))
    return MissingParent(
        f"{where}: `{key.parent}` has no entity for {shown}. Nothing was inserted; insert the parent first.",
        table=table.name,
        row=row,
        key=shown,
        constraint=constraint,
        parent=key.parent,
    )


async def _first_orphan(connection: Connection, columns: Columns, key: ForeignKey) -> int | None:
    if not {a.name for a in columns.attributes}.issuperset(key.child_columns):
        return None
    statement = fill(
        _SQL["first_orphan"],
        rows=_rows_source(columns.attributes),
        parent=qualified(key.parent),
        filled=" AND ".join(f"r.{quote_name(child)} IS NOT NULL" for child in key.child_columns),
        same=" AND ".join(f"p.{quote_name(parent)} = r.{quote_name(child)}" for child, parent in key.columns),
    )
    ordinality = await connection.fetchval(statement, *columns.values)
    return None if ordinality is None else columns.first_row + int(ordinality) - 1


def _values_at(columns: Columns, row: int, names: Sequence[str]) -> list[tuple[str, object]]:
    by_name = {a.name: values for a, values in zip(columns.attributes, columns.values, strict=True)}
    return [(name, by_name[name][row - columns.first_row]) for name in names if name in by_name]
