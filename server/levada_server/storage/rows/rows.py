"""Rows: insert and update, few rows by bound arrays, many by COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from levada_server.arrow.ipc.documents import wrong_document
from levada_server.arrow.ipc.ingest import without_gaps
from levada_server.query import ddl
from levada_server.query.ddl import qualified
from levada_server.query.postgres_types import value_type
from levada_server.query.sql import quote_name, render
from levada_server.storage.catalog.catalog import require_version
from levada_server.storage.postgres.request_outcomes import recording, recording_each
from levada_server.storage.postgres.sql_files import fill, statements
from levada_server.storage.rows.bound_rows import bound_rows
from levada_server.storage.rows.bulk import STAGED_ROWS, copy_rows, insert_staged
from levada_server.storage.rows.violations import find_refusal, find_violation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.heading import Attribute
    from levada_server.model.request import Request
    from levada_server.model.table import Table
    from levada_server.query.sql import Select, Statement
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")

BULK_ROWS = 500
BULK_BYTES = 2**20
"""From either on, COPY is quicker than bound arrays, although it may take several trips."""
_REFUSALS = (
    asyncpg.DataError,
    asyncpg.CheckViolationError,
    asyncpg.NotNullViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""Of values that do not fit, by what PostgreSQL raises; violated keys are looked for among the rows."""


def fit_one_statement(columns: Columns) -> bool:
    """Tell whether rows are few enough to be bound to one statement."""
    return columns.row_count < BULK_ROWS and columns.size < BULK_BYTES


async def insert_columns(
    connection: Connection,
    table: Table,
    columns: Columns,
    *,
    skip_duplicates: bool,
    replace: bool,
    version: int | None = None,
    request: Request | None = None,
    duplicates_expected: bool = False,
) -> int:
    """Insert rows, all or none; give how many were inserted or replaced.

    A value that is missing takes the attribute's default.

    Args:
        connection: In a transaction, or in none: then this is one of its own.
        table: Where they go.
        columns: The rows.
        skip_duplicates: Leave rows out whose primary key exists.
        replace: Update rows whose primary key exists.
        version: Of the catalog that `table` is from; None if the caller checks it before the transaction ends.
        request: Record their number as its outcome in the same statement; for few rows, none of them skipped, and
            with a version.
        duplicates_expected: Of rows that are skipped where they exist, some probably do.

    Raises:
        Conflict: The catalog is newer than `version`.
        DuplicateEntity: A key, or another unique combination, exists.
        MissingParent: A parent does not exist.
    """
    if not columns.row_count:
        return 0
    names = [a.name for a in columns.attributes]
    key = table.heading.primary_key

    def statement(rows: str) -> str:
        return fill(
            _SQL["replace" if replace and key else "insert"],
            table=qualified(table.name),
            names=_names(names),
            values=", ".join(_with_default(a, table) for a in columns.attributes),
            rows=rows,
            key=", ".join(f"r.{quote_name(name)}" for name in key),
            conflict=_on_conflict(table, names, skip_duplicates=skip_duplicates, replace=replace),
        )

    if fit_one_statement(columns):
        source = bound_rows(columns.attributes)
        values: list[object] = list(columns.values(names))
        before = ""
        if version is not None:
            here = if_current(len(values))
            source += f" CROSS JOIN {here}"
            values.append(version)
            if request is not None:
                before, recorded = recording(len(values), request, columns.row_count, here)
                values += recorded
        few = before + statement(source)
        count = await _change(connection, table, columns, lambda: connection.execute(few, *values))
        if not count and version is not None:
            await require_version(connection, version)
        return count
    staged = replace or (skip_duplicates and duplicates_expected)
    if version is None:
        return await _insert_many(connection, table, columns, statement, skip_duplicates, staged)
    async with connection.transaction():
        count = await _insert_many(connection, table, columns, statement, skip_duplicates, staged)
        await require_version(connection, version)
    return count


async def _insert_many(
    connection: Connection,
    table: Table,
    columns: Columns,
    statement: Callable[[str], str],
    skip_duplicates: bool,
    staged: bool,
) -> int:
    ready = None if staged else without_gaps(columns)
    if ready is None:
        return await _change(
            connection, table, columns, lambda: insert_staged(connection, table, columns, statement(STAGED_ROWS))
        )
    if not skip_duplicates:
        return await _change(connection, table, columns, lambda: copy_rows(connection, table, ready))
    # Rows that exist are the exception: only where there are some, they are worth a temporary table.
    try:
        return await _attempt(connection, lambda: copy_rows(connection, table, ready))
    except asyncpg.DataError as error:
        _raise_wrong_document(table, columns, error)
        raise
    except asyncpg.UniqueViolationError:
        return await _change(
            connection, table, columns, lambda: insert_staged(connection, table, columns, statement(STAGED_ROWS))
        )


async def insert_selected(
    connection: Connection,
    table: Table,
    selected: Select,
    objects: Sequence[str],
    *,
    skip_duplicates: bool,
    replace: bool,
    version: int,
) -> tuple[int, set[str]]:
    """Insert the rows of a query, each of whose columns is an attribute.

    Args:
        connection: Where.
        table: Into which.
        selected: The query.
        objects: Names of the attributes among them that name objects.
        skip_duplicates: Leave rows out whose primary key exists.
        replace: Update rows whose primary key exists.
        version: Of the catalog that `selected` was made for.

    Returns:
        How many rows were inserted or replaced, and the ids of the objects that they name.

    Raises:
        Conflict: The catalog is newer than `version`.
        DuplicateEntity: A key, or another unique combination, exists.
        MissingParent: A parent does not exist.
    """
    names = [name for name, _ in selected.columns]
    inner = render(selected)
    statement = fill(
        _SQL["insert_selected_objects" if objects else "insert_selected"],
        table=qualified(table.name),
        names=_names(names),
        selected=inner.text,
        here=if_current(len(inner.values)),
        conflict=_on_conflict(table, names, skip_duplicates=skip_duplicates, replace=replace),
        ids=", ".join(f"{quote_name(name)} ->> 'id'" for name in objects) or "NULL",
    )
    ids: set[str] = set()

    async def insert() -> str:
        if not objects:
            tag: str = await connection.execute(statement, *inner.values, version)
            return tag
        rows = await connection.fetch(statement, *inner.values, version)
        ids.update(id_ for row in rows for id_ in row if id_ is not None)
        return f"INSERT 0 {len(rows)}"

    count = await _change(connection, table, None, insert)
    if not count:
        await require_version(connection, version)
    return count, ids


async def digest_rows(connection: Connection, selected: Statement) -> str:
    """Identify the rows of a query, in whatever order they come."""
    digest: str = await connection.fetchval(fill(_SQL["digest"], selected=selected.text), *selected.values)
    return digest


async def update_row(
    connection: Connection,
    table: Table,
    key: Mapping[str, object],
    changes: Mapping[str, object],
    version: int,
    request: Request | None = None,
) -> bool:
    """Change attributes of the entity with a key; None takes the default. Tell whether there is such an entity.

    If there is, the outcome of a request is recorded in the same statement.

    Raises:
        Conflict: The catalog is newer than `version`, which `table` is from.
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
        here=if_current(len(places)),
    )
    values: list[object] = [*key.values(), *bound.values(), version]
    if request is not None:
        statement, recorded = recording_each(statement, len(values), request)
        values += recorded
    count = await _change(connection, table, None, lambda: connection.execute(statement, *values))
    if not count:
        await require_version(connection, version)
    return count == 1


def insert_statement(table: Table, attributes: Sequence[Attribute], source: str) -> str:
    """Write the insert of rows that come from a source, as a part of another statement."""
    return fill(
        _SQL["insert"],
        table=qualified(table.name),
        names=_names(a.name for a in attributes),
        values=", ".join(_with_default(a, table) for a in attributes),
        rows=source,
        conflict="",
    ).rstrip("; ")


def if_current(bound_values: int) -> str:
    """Write a source of one row, or of none if the catalog is newer than the value bound after some others."""
    return fill(_SQL["if_current"], version=f"${bound_values + 1}::bigint")


async def _change(
    connection: Connection, table: Table, columns: Columns | None, work: Callable[[], Awaitable[str]]
) -> int:
    """Do what changes rows; where a constraint is in the way, find the row among `columns`."""
    try:
        return await _attempt(connection, work)
    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError) as error:
        raise await find_violation(connection, table, columns, error) from error
    except _REFUSALS as error:
        if isinstance(error, asyncpg.DataError):
            _raise_wrong_document(table, columns, error)
        refusal = await find_refusal(connection, table, error)
        if refusal is None:
            raise
        raise refusal from error


def _raise_wrong_document(table: Table, columns: Columns | None, error: asyncpg.DataError) -> None:
    """Say which row has JSON that PostgreSQL refused, if that is what it refused."""
    wrong = None if columns is None else wrong_document(table, columns)
    if wrong is not None:
        raise wrong from error


async def _attempt(connection: Connection, work: Callable[[], Awaitable[str]]) -> int:
    """Do what changes rows, and count them; a failure leaves the connection usable."""
    if connection.is_in_transaction():
        async with connection.transaction():  # a savepoint
            tag = await work()
    else:
        tag = await work()
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


def _with_default(attribute: Attribute, table: Table) -> str:
    column = f"r.{quote_name(attribute.name)}"
    if attribute.auto_increment:
        sequence = f"pg_get_serial_sequence('{qualified(table.name)}', '{attribute.name}')"
        return f"coalesce({column}, nextval({sequence}))"
    default = ddl.default_expression(attribute)
    return column if default is None else f"coalesce({column}, {default}::{value_type(attribute.type)})"
