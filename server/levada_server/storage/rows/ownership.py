"""Guard the rows that do not belong to the teams of a caller against the caller's changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.types import storage_type
from levada_server.errors import DuplicateEntity, LevadaError, MissingParent, PermissionDenied, WrongValue
from levada_server.model.heading import Default, Heading
from levada_server.model.values import show_key
from levada_server.query import sql
from levada_server.query.ddl import qualified
from levada_server.query.sql import quote_name
from levada_server.storage.postgres.sql_files import fill, statements
from levada_server.storage.rows.bound_rows import bound_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.dependencies import Belonging
    from levada_server.model.table import Table
    from levada_server.query.sql import Select
    from levada_server.storage.postgres.database import Connection

_SQL = statements("rows")


def belongs_to(team: str | None) -> str:
    """Say to whom a row belongs."""
    return "belongs to nobody" if team is None else f"belongs to the team {team}"


@dataclass(frozen=True, slots=True)
class Guard:
    """The rows of a table that a caller may not change.

    Args:
        belonging: How its rows belong to teams.
        teams: The caller's teams, whose rows the caller may change.
        every_team: All teams, to which the caller may hand rows over.
        further: Further ways in which its rows belong to teams; the caller must be in those teams too.
    """

    belonging: Belonging
    teams: tuple[str, ...]
    every_team: frozenset[str]
    further: tuple[Belonging, ...] = ()

    @property
    def attribute(self) -> str:
        """Return the attribute that names a row's team."""
        return self.belonging.ownership.attribute

    def names_teams(self, table: Table) -> bool:
        """Return whether the rows of a table name their team themselves."""
        return table.id == self.belonging.table.id

    def marking(self, table: Table) -> Table:
        """Return a table that takes the caller's team for rows that name none, if there is just one."""
        if not self.names_teams(table) or len(self.teams) != 1:
            return table
        default = Default(self.teams[0], quoted=True)
        attributes = (replace(a, default=default) if a.name == self.attribute else a for a in table.heading)
        return replace(table, heading=Heading(tuple(attributes)))

    async def admit_columns(self, connection: Connection, table: Table, columns: Columns, *, replaced: bool) -> None:
        """Check that the rows of an insert belong to the caller's teams, and so do the rows that they replace.

        Args:
            connection: The connection, in a transaction if rows are replaced.
            table: The table, as `marking` returns it.
            columns: The rows.
            replaced: Whether rows that exist are replaced.

        Raises:
            PermissionDenied: A row does not.
        """
        present = {a.name: array for a, array in zip(columns.attributes, columns.arrays, strict=True)}
        pairs = self.belonging.columns
        if self.names_teams(table):
            self._admit_named(table, columns, present.get(self.attribute))
            pairs = tuple((name, name) for name in table.heading.primary_key)
            if not replaced or any(name not in present for name, _ in pairs):
                return
            await self._lock(connection, table)
        names = [own for own, _ in pairs]
        attributes = [table.heading[name] for name in names]
        foreign = await connection.fetchrow(
            self._first_foreign(table, bound_rows(attributes) if names else "(SELECT 1) AS r(_row)", pairs, len(names)),
            *columns.values(names),
            list(self.teams),
        )
        if foreign is not None:
            index = foreign["_row"] - 1
            key = zip((above for _, above in pairs), columns.row(index, names), strict=True)
            error = self._refusal(table, dict(key), foreign["owner"])
            error.details["row"] = str(columns.first_row + index)
            raise error
        for one in self._further():
            await one.admit_columns(connection, table, columns, replaced=replaced)

    def _further(self) -> Iterator[Guard]:
        """Yield the guards for the further ways in which the rows belong to teams."""
        return islice(self.each(), 1, None)

    def each(self) -> Iterator[Guard]:
        """Yield a guard for each way in which the rows belong to teams."""
        for belonging in (self.belonging, *self.further):
            yield replace(self, belonging=belonging, further=())

    async def admit_selected(self, connection: Connection, table: Table, selected: Select, *, replaced: bool) -> None:
        """Check the rows of a query as `admit_columns` does; the transaction must see the same rows later.

        Raises:
            PermissionDenied: A row does not belong to a team of the caller.
        """
        inner = sql.render(selected)
        place = len(inner.values) + 1
        rows = fill(_SQL["rows_of"], selected=inner.text)
        names = [name for name, _ in selected.columns]
        pairs = self.belonging.columns
        if self.names_teams(table):
            if self.attribute not in names:
                raise self._unnamed(table)
            text = fill(_SQL["first_not_of"], rows=rows, owner=quote_name(self.attribute), place=str(place))
            other = await connection.fetchrow(text, *inner.values, list(self.teams))
            if other is not None:
                raise self._of_others(table, other["owner"])
            pairs = tuple((name, name) for name in table.heading.primary_key)
            if not replaced or any(name not in names for name, _ in pairs):
                return
            await self._lock(connection, table)
        text = self._first_foreign(table, rows, pairs, place - 1)
        foreign = await connection.fetchrow(text, *inner.values, list(self.teams))
        if foreign is not None:
            raise self._refusal(table, {}, foreign["owner"])
        for one in self._further():
            await one.admit_selected(connection, table, selected, replaced=replaced)

    async def admit_update(
        self, connection: Connection, table: Table, key: Mapping[str, object], changes: Mapping[str, object]
    ) -> bool:
        """Check that an entity belongs to a team of the caller, and may be handed over; return whether it may be seen.

        Args:
            connection: The connection.
            table: The table.
            key: The primary key of the entity.
            changes: The new values of attributes.

        Raises:
            PermissionDenied: It does not.
            WrongValue: It would belong to a team that does not exist.
        """
        pairs = self.belonging.columns
        if self.names_teams(table):
            pairs = tuple((name, name) for name in table.heading.primary_key)
            wanted = changes.get(self.attribute)
            if self.attribute in changes and wanted not in self.every_team:
                raise WrongValue(
                    f"`{self.attribute}` of `{table.name}` names the team of a row, and there is no team {wanted!r}.",
                    table=table.name,
                    attribute=self.attribute,
                )
        names = [own for own, _ in pairs]
        rows = bound_rows([table.heading[name] for name in names]) if names else "(SELECT 1) AS r(_row)"
        text = self._first_foreign(table, rows, pairs, len(names))
        foreign = await connection.fetchrow(text, *([key[name]] for name in names), list(self.teams))
        if foreign is None:
            return all([await one.admit_update(connection, table, key, changes) for one in self._further()])
        if self.belonging.ownership.hidden:
            return False
        raise self._refusal(table, {above: key[own] for own, above in pairs}, foreign["owner"])

    async def count_others(self, connection: Connection, table: Table, *, lock: bool) -> list[tuple[str | None, int]]:
        """Count the rows of a table that do not belong to the caller's teams, by team.

        Args:
            connection: The connection.
            table: The table.
            lock: Whether there are to be no further ones until the end of the transaction, which alters or drops it.
        """
        if lock:
            await connection.execute(fill(_SQL["lock_wholly"], table=qualified(table.name)))
        own = [(name, name) for name in table.heading.primary_key]
        found = []
        for one in self.each():
            text = fill(
                _SQL["others"],
                table=qualified(table.name),
                owning=qualified(one.belonging.table.name),
                owner=quote_name(one.attribute),
                same=_same(own if one.names_teams(table) else one.belonging.columns),
            )
            found += await connection.fetch(text, list(self.teams))
        return [(row["owner"], row["count"]) for row in found]

    def _first_foreign(self, table: Table, rows: str, pairs: Sequence[tuple[str, str]], before: int) -> str:
        """Write the first row whose owning row belongs to others, or, if that might be hidden, is not there."""
        conceal = self.belonging.ownership.hidden and not self.names_teams(table)
        return fill(
            _SQL["first_foreign"],
            rows=rows,
            join="LEFT JOIN" if conceal else "JOIN",
            owning=qualified(self.belonging.table.name),
            owner=quote_name(self.attribute),
            same=_same(pairs),
            place=str(before + 1),
        )

    async def _lock(self, connection: Connection, table: Table) -> None:
        """Let nobody insert or change a row after the look at the existing rows."""
        await connection.execute(fill(_SQL["lock_against_inserts"], table=qualified(table.name)))

    def marked(self, table: Table, columns: Columns) -> Columns:
        """Return the rows; rows without a team get the caller's, if there is just one."""
        if not self.names_teams(table) or len(self.teams) != 1:
            return columns
        attribute = table.heading[self.attribute]
        own = pa.scalar(self.teams[0], storage_type(attribute.type))
        present = dict(zip((a.name for a in columns.attributes), columns.arrays, strict=True))
        named = present.get(self.attribute)
        present[self.attribute] = pa.repeat(own, columns.row_count) if named is None else named.fill_null(own)
        attributes = tuple(a for a in table.heading if a.name in present)
        return replace(columns, attributes=attributes, arrays=tuple(present[a.name] for a in attributes))

    def _admit_named(self, table: Table, columns: Columns, teams: pa.Array | None) -> None:
        named = [None] * columns.row_count if teams is None else teams.to_pylist()
        for team in dict.fromkeys(named):
            if team not in self.teams:
                error = self._unnamed(table) if team is None else self._of_others(table, team)
                error.details["row"] = str(columns.first_row + named.index(team))
                raise error

    def _unnamed(self, table: Table) -> LevadaError:
        teams = f"one of your teams, {', '.join(self.teams)}" if self.teams else "a team; you are in none"
        return PermissionDenied(
            f"Rows of `{table.name}` belong to the team that `{self.attribute}` names; name {teams}.",
            table=table.name,
            attribute=self.attribute,
        )

    def _of_others(self, table: Table, team: str | None) -> LevadaError:
        return PermissionDenied(
            f"A row of `{table.name}` would be one that {belongs_to(team)}, and you are not in it; "
            f"`{self.attribute}` names the team.",
            table=table.name,
            attribute=self.attribute,
        )

    def _refusal(self, table: Table, key: Mapping[str, object], team: str | None) -> LevadaError:
        owning = self.belonging.table.name
        which = f" with {show_key(key.items())}" if key else ""
        if not self.belonging.ownership.hidden:
            return PermissionDenied(
                f"`{owning}`{which} {belongs_to(team)}, and you are not in it, so you may not change its rows"
                + ("." if table.name == owning else f" of `{table.name}`."),
                table=table.name,
            )
        if table.name == owning:
            return DuplicateEntity(f"`{owning}` already has an entity{which}.", table=owning)
        return MissingParent(
            f"`{owning}` has no entity{which} that belongs to one of your teams, for a row of `{table.name}`.",
            table=table.name,
            parent=owning,
        )


def _same(pairs: Iterable[tuple[str, str]]) -> str:
    """Write the condition under which a row `t` is the owning row of a row `r`."""
    return " AND ".join(f"t.{quote_name(above)} = r.{quote_name(own)}" for own, above in pairs) or "TRUE"
