"""Insert a batch of rows by its plan, or the rows of a query."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from levada_server.arrow.ipc.ingest import filled
from levada_server.query import ddl
from levada_server.query.ddl import qualified
from levada_server.query.postgres_types import value_type
from levada_server.query.sql import quote_name, render
from levada_server.storage.catalog.stored_catalog import current, require_current
from levada_server.storage.postgres.audit import recorded_values, recording
from levada_server.storage.postgres.sql_files import fill, statements
from levada_server.storage.rows.bound_rows import bound_rows
from levada_server.storage.rows.bulk import STAGED_ROWS, copy_rows, insert_staged
from levada_server.storage.rows.changes import VIOLATIONS, attempt, change, change_and_record
from levada_server.storage.rows.insert_plan import InsertPlan, Way

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.audit import Record
    from levada_server.model.dependencies import Basis
    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table
    from levada_server.query.sql import Select
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")

MAX_STATEMENTS = 200
"""The most statements of small inserts that are kept; the least recently used go first."""


async def insert_columns(
    connection: Connection,
    table: Table,
    columns: Columns,
    plan: InsertPlan,
    *,
    basis: Basis | None = None,
    record: Record | None = None,
) -> int:
    """Insert a batch of rows by its plan, all or none; return how many were inserted or replaced.

    A missing value takes the attribute's default.

    Args:
        connection: The connection, in a transaction if the plan needs one; outside one, the insert is a transaction.
        table: The table of the rows.
        columns: The rows.
        plan: The plan.
        basis: The tables that the change relies on; None if the caller checks them before the transaction ends.
        record: The record to store, whose outcome is the number of rows; its entry has that of `columns`. Only with
            a basis.

    Raises:
        Conflict: A table of the basis was altered meanwhile.
        DuplicateEntity: A key, or another unique combination of values, exists.
        MissingParent: A parent does not exist.
    """

    async def staged() -> str:
        statement = _insert(table, columns.attributes, plan, STAGED_ROWS)
        return await insert_staged(connection, table, columns, statement)

    async def copied() -> str:
        return await copy_rows(connection, table, filled(columns))

    match plan.way:
        case Way.NONE:
            return 0
        case Way.BOUND:
            return await _insert_bound(connection, table, columns, plan, basis, record)
        case Way.COPY:
            return await change(connection, table, columns, copied)
        case Way.STAGE:
            return await change(connection, table, columns, staged)
        case Way.COPY_OR_STAGE:
            try:
                return await attempt(connection, table, columns, copied)
            except VIOLATIONS:  # `staged` skips rows that exist, and names any other one
                return await change(connection, table, columns, staged)


async def _insert_bound(
    connection: Connection,
    table: Table,
    columns: Columns,
    plan: InsertPlan,
    basis: Basis | None,
    record: Record | None,
) -> int:
    values: list[object] = list(columns.values([a.name for a in columns.attributes]))
    if basis is not None:
        values.append(basis.version)
    requested = record is not None and record.request is not None
    text = _bound_insert(table, columns.attributes, plan, basis, recorded=record is not None, requested=requested)
    if record is None:
        count = await change(connection, table, columns, lambda: connection.execute(text, *values))
    else:
        counted = _may_skip(plan)
        values += recorded_values(record, counted=counted)
        known = None if counted else columns.row_count
        count = await change_and_record(connection, table, columns, text, values, known)
    if not count and basis is not None:
        await require_current(connection, basis)
    return count


@lru_cache(maxsize=MAX_STATEMENTS)
def _bound_insert(
    table: Table,
    attributes: tuple[Attribute, ...],
    plan: InsertPlan,
    basis: Basis | None,
    *,
    recorded: bool,
    requested: bool,
) -> str:
    """Write an insert of bound rows; each version of the catalog has a basis of its own, so old statements are dropped.

    The values: those of each attribute, the version of the basis, and what `recorded_values` returns.
    """
    source = bound_rows(attributes)
    if basis is None:
        return _insert(table, attributes, plan, source)
    version = len(attributes) + 1
    here = current(f"${version}::bigint", basis)
    statement = _insert(table, attributes, plan, f"{source} CROSS JOIN {here}")
    if not recorded:
        return statement
    return recording(statement, version, requested=requested, here=here if _may_skip(plan) else None)


def _may_skip(plan: InsertPlan) -> bool:
    """Return whether an insert may change fewer rows than it has."""
    return plan.skip_duplicates or plan.replace


async def insert_selected(
    connection: Connection,
    table: Table,
    selected: Select,
    objects: Sequence[str],
    *,
    skip_duplicates: bool,
    replace: bool,
    basis: Basis,
) -> tuple[int, set[str]]:
    """Insert the rows of a query, each of whose columns is an attribute.

    Args:
        connection: The connection.
        table: The table of the new rows.
        selected: The query.
        objects: The names of the attributes that hold objects.
        skip_duplicates: Skip rows whose primary key exists.
        replace: Update rows whose primary key exists.
        basis: The tables that the change relies on.

    Returns:
        How many rows were inserted or replaced, and the ids of the objects that they name.

    Raises:
        Conflict: A table of the basis was altered meanwhile.
        DuplicateEntity: A key, or another unique combination of values, exists.
        MissingParent: A parent does not exist.
    """
    names = [name for name, _ in selected.columns]
    inner = render(selected)
    statement = fill(
        _SQL["insert_selected_objects" if objects else "insert_selected"],
        table=qualified(table.name),
        names=_names(names),
        selected=inner.text,
        here=current(f"${len(inner.values) + 1}::bigint", basis),
        conflict=_on_conflict(table, names, skip_duplicates=skip_duplicates, replace=replace),
        ids=", ".join(f"{quote_name(name)} ->> 'id'" for name in objects) or "NULL",
    )
    ids: set[str] = set()

    async def insert() -> str:
        if not objects:
            tag: str = await connection.execute(statement, *inner.values, basis.version)
            return tag
        rows = await connection.fetch(statement, *inner.values, basis.version)
        ids.update(id_ for row in rows for id_ in row if id_ is not None)
        return f"INSERT 0 {len(rows)}"

    count = await change(connection, table, None, insert)
    if not count:
        await require_current(connection, basis)
    return count, ids


def _insert(table: Table, attributes: Sequence[Attribute], plan: InsertPlan, source: str) -> str:
    names = [a.name for a in attributes]
    key = table.heading.primary_key
    return fill(
        _SQL["replace" if plan.replace and key else "insert"],
        table=qualified(table.name),
        names=_names(names),
        values=", ".join(with_default(a, table) for a in attributes),
        rows=source,
        key=", ".join(f"r.{quote_name(name)}" for name in key),
        conflict=_on_conflict(table, names, skip_duplicates=plan.skip_duplicates, replace=plan.replace),
    )


def insert_statement(table: Table, attributes: Sequence[Attribute], source: str) -> str:
    """Write the insert of rows from a source, as a part of another statement."""
    return fill(
        _SQL["insert"],
        table=qualified(table.name),
        names=_names(a.name for a in attributes),
        values=", ".join(with_default(a, table) for a in attributes),
        rows=source,
        conflict="",
    ).rstrip("; ")


def _on_conflict(table: Table, names: Sequence[str], *, skip_duplicates: bool, replace: bool) -> str:
    target = _names(table.heading.primary_key) or "(true)"
    changed = [quote_name(name) for name in names if name not in table.heading.primary_key]
    if replace and changed:
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in changed)
        return f"ON CONFLICT ({target}) DO UPDATE SET {changes}"
    return f"ON CONFLICT ({target}) DO NOTHING" if replace or skip_duplicates else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(quote_name, names))


def with_default(attribute: Attribute, table: Table) -> str:
    """Write an attribute of a row `r` of a table, which takes its default if there is no value."""
    column = f"r.{quote_name(attribute.name)}"
    if attribute.auto_increment:
        sequence = f"pg_get_serial_sequence('{qualified(table.name)}', '{attribute.name}')"
        return f"coalesce({column}, nextval({sequence}))"
    default = ddl.default_expression(attribute)
    return column if default is None else f"coalesce({column}, {default}::{value_type(attribute.type)})"
