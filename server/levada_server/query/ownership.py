"""The condition under which a row belongs to a team of the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.query import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.model.dependencies import Belonging, Catalog
    from levada_server.model.table import Table


@dataclass(frozen=True, slots=True)
class Insight:
    """Whose rows a caller may reach.

    Args:
        teams: The caller's teams.
        overseen: The ids of the tables that name teams and all of whose rows the caller may reach.
        within: Whose rows these must be too; None for all.
    """

    teams: tuple[str, ...]
    overseen: frozenset[int] = frozenset()
    within: Insight | None = None

    def bounds(self, table: Table, catalog: Catalog) -> tuple[Belonging, ...]:
        """Return the ways in which the rows of a table belong to teams by which the caller may not reach all."""
        return tuple(one for one in catalog.belongings(table) if one.table.id not in self.overseen)

    def hides(self, table: Table, catalog: Catalog) -> bool:
        """Return whether the caller may not read all rows of a table."""
        return any(belonging.ownership.hidden for belonging in self.bounds(table, catalog))


def owned(
    belonging: Belonging, teams: tuple[str, ...], columns: Mapping[str, sql.Expression], alias: str
) -> sql.Expression:
    """Return the condition under which a row belongs to one of some teams; not TRUE if it does not.

    Args:
        belonging: How it belongs.
        teams: The teams.
        columns: The attributes of the row, at least those of the pairs of `belonging`.
        alias: A new alias.
    """
    attribute, name = belonging.ownership.attribute, belonging.table.name
    of_teams = sql.Value(list(teams), "text[]")
    told = next((own for own, above in belonging.columns if above == attribute), None)
    if told is not None:  # the key itself names the team
        return sql.AnyOf(columns[told], of_teams)
    same = (sql.equal(sql.Column(alias, above), columns[own]) for own, above in belonging.columns)
    source = sql.TableSource(name.schema, name.stored, alias)
    return sql.Exists(sql.Select((), source, (*same, sql.AnyOf(sql.Column(alias, attribute), of_teams))))
