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
from levada_server.query.sql import quote_name, render
from levada_server.storage.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from levada_server.arrow.ingest import Columns
    from levada_server.model.heading import Attribute
    from levada_server.model.table import ForeignKey, Table
    from levada_server.query.sql import Select, Statement
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
    names = [a.name for a in columns.attributes]
    statement = fill(
        _SQL["replace" if replace and table.heading.primary_key else "insert"],
        table=qualified(table.name),
        names=_names(names),
        values=", ".join(_with_default(a, table) for a in columns.attributes),
        rows=_rows_source(columns.attributes),
        key=", ".join(f"r.{quote_name(name)}" for name in table.heading.primary_key),
        conflict=_on_conflict(table, names, skip_duplicates=skip_duplicates, replace=replace),
    )
    return await _change(connection, table, columns, statement, columns.values)


async def insert_selected(
    connection: Connection, table: Table, selected: Select, *, skip_duplicates: bool, replace: bool
) -> int:
    """Insert the rows of a query, each of whose columns is an attribute; give how many were inserted or replaced.

    Raises:
        DuplicateEntity: A key, or another unique combination, exists.
        MissingParent: A parent does not exist.
    """
    names = [name for name, _ in selected.columns]
    inner = render(selected)
    statement = fill(
        _SQL["insert_selected"],
        table=qualified(table.name),
        names=_names(names),
        selected=inner.text,
        conflict=_on_conflict(table, names, skip_duplicates=skip_duplicates, replace=replace),
    )
    return await _change(connection, table, None, statement, inner.values)


async def update_row(
    connection: Connection, table: Table, key: Mapping[str, object], changes: Mapping[str, object]
) -> bool:
    """Change attributes of the entity with a key; None takes the default. Tell whether there is such an entity.

    Raises:
        DuplicateEntity: Another entity has such a unique combination.
        MissingParent: A parent does not exist.
    """
    bound = {name: value for name, value in changes.items() if value is not None}
    places = {name: f"${i}::{value_type(table.heading[name].type)}" for i, name in enumerate((*key, *bound), 1)}
    statement = fill(
        _SQL["update"],
        table=qualified(table.name),
        changes=", ".join(f"{quote_name(name)} = {places.get(name, 'DEFAULT')}" for name in changes),
        same=" AND ".join(f"{quote_name(name)} = {places[name]}" for name in key) or "TRUE",
    )
    return await _change(connection, table, None, statement, (*key.values(), *bound.values())) == 1


async def _change(
    connection: Connection, table: Table, columns: Columns | None, statement: str, values: Sequence[object]
) -> int:
    """Run a statement that changes rows; where a constraint is in the way, find the row among `columns`."""
    try:
        if connection.is_in_transaction():
            async with connection.transaction():  # a savepoint, so that the fault can be looked for afterwards
                tag = await connection.execute(statement, *values)
        else:
            tag = await connection.execute(statement, *values)
    except asyncpg.UniqueViolationError as error:
        raise await _duplicate(connection, table, columns, error) from error
    except asyncpg.ForeignKeyViolationError as error:
        raise await _missing_parent(connection, table, columns, error) from error
    return int(tag.rsplit(" ", 1)[1])


def _on_conflict(table: Table, names: Sequence[str], *, skip_duplicates: bool, replace: bool) -> str:
    target = _names(table.heading.primary_key) or "(true)"
    changed = [quote_name(name) for name in names if name not in table.heading.primary_key]
    if replace and changed:
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in changed)
        return f"ON CONFLICT ({target}) DO UPDATE SET {changes}"
    return f"ON CONFLICT ({target}) DO NOTHING" if replace or skip_duplicates else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(quote_name, names))


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
    connection: Connection, table: Table, columns: Columns | None, error: asyncpg.UniqueViolationError
) -> DuplicateEntity:
    constraint = error.constraint_name or ""
    names = _unique_names(table, constraint)
    kind = "key" if constraint == ddl.primary_key_constraint(table) else "unique combination"
    row = None if columns is None else await _first_duplicate(connection, table, columns, names)
    where, key = _place(table, columns, row, names, error)
    return DuplicateEntity(
        f"{where}: an entity with this {kind} exists already: {key}. Nothing was changed; an insert with "
        "skip_duplicates=True leaves such rows out.",
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
    connection: Connection, table: Table, columns: Columns | None, error: asyncpg.ForeignKeyViolationError
) -> MissingParent:
    constraint = error.constraint_name or ""
    position = next(i for i in range(len(table.foreign_keys)) if ddl.foreign_key_constraint(table, i) == constraint)
    key = table.foreign_keys[position]
    row = None if columns is None else await _first_orphan(connection, columns, key)
    where, shown = _place(table, columns, row, key.child_columns, error)
    return MissingParent(
        f"{where}: `{key.parent}` has no entity for {shown}. Nothing was changed; insert the parent first.",
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


def _place(
    table: Table,
    columns: Columns | None,
    row: int | None,
    names: Sequence[str],
    error: asyncpg.IntegrityConstraintViolationError,
) -> tuple[str, str]:
    """Say where a constraint was violated, and by which values: PostgreSQL's own words if the row is not known."""
    if columns is None or row is None:
        return f"`{table.name}`", error.detail or "(the database does not say)"
    by_name = {a.name: values for a, values in zip(columns.attributes, columns.values, strict=True)}
    key = show_key((name, by_name[name][row - columns.first_row]) for name in names if name in by_name)
    return f"`{table.name}`, row {row}", key
