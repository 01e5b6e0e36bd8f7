"""Let no change name a parent that is hidden from its caller: it is as absent, and gets the same answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.spans import bindable
from levada_server.query.ddl import default_expression, qualified
from levada_server.query.postgres_types import value_type
from levada_server.query.sql import quote_name, render
from levada_server.storage.postgres.sql_files import fill, statements
from levada_server.storage.rows.bound_rows import bound_rows
from levada_server.storage.rows.inserts import with_default
from levada_server.storage.rows.violations import missing_parent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.dependencies import Belonging
    from levada_server.model.heading import Attribute
    from levada_server.model.table import ForeignKey, Table
    from levada_server.query.sql import Select
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that a change would store.

    Args:
        source: The text of their source `r`, with a number `_row` for each.
        attributes: The text of each attribute that does not take its default.
        values: The values in these texts.
    """

    source: str
    attributes: Mapping[str, str]
    values: Sequence[object]


@dataclass(frozen=True, slots=True)
class HiddenParents:
    """The foreign keys of a table by which its rows name parents that may be hidden from a caller.

    Whatever a row names is looked up before the change, so the answer is the same whether it is hidden or absent. A row
    that exists may go on naming what it names.

    Args:
        bounds: How the rows of a parent belong to teams, by the position of the foreign key in the table.
        teams: The caller's teams.
        owners: How the rows of the table itself belong to teams, if it hides those of others.
    """

    bounds: Mapping[int, tuple[Belonging, ...]]
    teams: tuple[str, ...]
    owners: tuple[Belonging, ...]

    async def admit_columns(
        self, connection: Connection, table: Table, columns: Columns, *, skip_duplicates: bool, replaced: bool
    ) -> None:
        """Check the parents that the rows of an insert name.

        Args:
            connection: The connection.
            table: The table.
            columns: The rows.
            skip_duplicates: Whether rows that exist are skipped.
            replaced: Whether rows that exist are replaced; the caller may change them.

        Raises:
            MissingParent: One is absent or hidden.
        """
        needed = self._needed(table)
        attributes = [a for a in columns.attributes if a.name in needed]
        texts = {a.name: _column(a.name) if a.auto_increment else with_default(a, table) for a in attributes}
        source = bound_rows(attributes) if attributes else f"generate_series(1, {columns.row_count}) AS r(_row)"
        rows = _Rows(source, texts, columns.values([a.name for a in attributes]))
        await self._admit(connection, table, rows, columns, skip_duplicates=skip_duplicates, replaced=replaced)

    async def admit_selected(
        self, connection: Connection, table: Table, selected: Select, *, skip_duplicates: bool, replaced: bool
    ) -> None:
        """Check the rows of a query as `admit_columns` does; the transaction must see the same rows later.

        Raises:
            MissingParent: A parent is absent or hidden.
        """
        inner = render(selected)
        texts = {name: _column(name) for name, _ in selected.columns}
        rows = _Rows(fill(_SQL["rows_of"], selected=inner.text), texts, inner.values)
        await self._admit(connection, table, rows, None, skip_duplicates=skip_duplicates, replaced=replaced)

    async def admit_update(
        self, connection: Connection, table: Table, key: Mapping[str, object], changes: Mapping[str, object]
    ) -> None:
        """Check the parents that an update makes an entity name, if there is such an entity.

        Args:
            connection: The connection.
            table: The table.
            key: The primary key of the entity.
            changes: The new values of attributes; None for the default.

        Raises:
            MissingParent: One is absent or hidden.
        """
        if not any(child in changes for _, reference in self._references(table) for child in reference.child_columns):
            return
        needed = self._needed(table)
        bound = {**key, **{name: value for name, value in changes.items() if value is not None and name in needed}}
        places = {name: f"${i}::{value_type(table.heading[name].type)}" for i, name in enumerate(bound, 1)}
        kept = {name: _column(name) for name in table.heading.names if name not in changes}
        same = " AND ".join(f"e.{quote_name(name)} = {places[name]}" for name in key) or "TRUE"
        source = fill(_SQL["entity"], table=qualified(table.name), same=same)
        rows = _Rows(source, {**kept, **places}, [bindable(value) for value in bound.values()])
        await self._admit(connection, table, rows, None, skip_duplicates=False, replaced=True)

    def _references(self, table: Table) -> Iterator[tuple[int, ForeignKey]]:
        return ((position, table.foreign_keys[position]) for position in self.bounds)

    def _needed(self, table: Table) -> set[str]:
        """Return the attributes that decide which parents a row names, and whether it exists."""
        return set(table.heading.primary_key).union(*(key.child_columns for _, key in self._references(table)))

    async def _admit(
        self,
        connection: Connection,
        table: Table,
        rows: _Rows,
        columns: Columns | None,
        *,
        skip_duplicates: bool,
        replaced: bool,
    ) -> None:
        texts = {name: rows.attributes.get(name) or _default(table.heading[name]) for name in self._needed(table)}
        given = ", ".join(f"{text} AS {quote_name(name)}" for name, text in texts.items())
        place = len(rows.values) + 1
        for position, key in self._references(table):
            found = await connection.fetchrow(
                fill(
                    _SQL["first_unreachable"],
                    given=given,
                    rows=rows.source,
                    shown=", ".join(f"r.{quote_name(child)}::text" for child in key.child_columns),
                    filled=" AND ".join(f"r.{quote_name(child)} IS NOT NULL" for child in key.child_columns),
                    reachable=" AND ".join(self._reachable(position, key, place)),
                    stays=" OR ".join(
                        self._stays(table, key, place, skip_duplicates=skip_duplicates, replaced=replaced)
                    ),
                ),
                *rows.values,
                list(self.teams),
            )
            if found is not None:
                row = None if columns is None else columns.first_row + found["_row"] - 1
                raise missing_parent(table, position, columns, row, found["key"])

    def _reachable(self, position: int, key: ForeignKey, place: int) -> Iterator[str]:
        """Write the conditions under which the parent of a row is there, and the caller may reach it."""
        yield _exists(qualified(key.parent), [(parent, child) for child, parent in key.columns])
        names = {parent: child for child, parent in key.columns}
        for belonging in self.bounds[position]:
            owning = belonging.table
            pairs = (
                [(name, names[name]) for name in owning.heading.primary_key]
                if owning.name == key.parent
                else [(above, names[own]) for own, above in belonging.columns]
            )
            yield _exists(qualified(owning.name), pairs, _owned(belonging, place))

    def _stays(
        self, table: Table, key: ForeignKey, place: int, *, skip_duplicates: bool, replaced: bool
    ) -> Iterator[str]:
        """Write the conditions under which a row names nothing new."""
        yield "FALSE"
        if replaced:
            names = (*table.heading.primary_key, *key.child_columns)
            yield _exists(qualified(table.name), [(name, name) for name in names])
        if skip_duplicates:
            yield " AND ".join(self._shown(table, place))

    def _shown(self, table: Table, place: int) -> Iterator[str]:
        """Write the conditions under which a row with the key is there, and the caller may read it."""
        own = [(name, name) for name in table.heading.primary_key]
        yield _exists(qualified(table.name), own)
        for belonging in self.owners:
            pairs = own if belonging.table.id == table.id else [(above, child) for child, above in belonging.columns]
            yield _exists(qualified(belonging.table.name), pairs, _owned(belonging, place))


def _column(name: str) -> str:
    return f"r.{quote_name(name)}"


def _default(attribute: Attribute) -> str:
    return f"{default_expression(attribute) or 'NULL'}::{value_type(attribute.type)}"


def _owned(belonging: Belonging, place: int) -> str:
    """Write that an owning row `t` is one of the caller's teams."""
    return f"t.{quote_name(belonging.ownership.attribute)} = ANY(${place}::text[])"


def _exists(table: str, pairs: Sequence[tuple[str, str]], *conditions: str) -> str:
    """Write that a table has a row whose values equal those of the row `r`."""
    same = (f"t.{quote_name(name)} = r.{quote_name(own)}" for name, own in pairs)
    return f"EXISTS (SELECT FROM {table} AS t WHERE {' AND '.join((*same, *conditions)) or 'TRUE'})"
