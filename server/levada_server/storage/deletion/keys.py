"""Write the pieces of SQL by which a delete finds and deletes dependent rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.query.ddl import job_table_name, qualified
from levada_server.query.sql import quote_name
from levada_server.storage.jobs.tables import PEND
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.storage.rows.ownership import Guard

_SQL = statements("deletion")


@dataclass(frozen=True, slots=True)
class DoomedKeys:
    """The keys to delete, in one relation for each table.

    Args:
        catalog: The catalog of the tables.
        place: The prefix of these relations: `pg_temp.` for temporary tables, empty for parts of one statement.
        erases: As of `Chosen`.
    """

    catalog: Catalog
    place: str
    erases: bool = False

    def name(self, table: Table) -> str:
        """Return the relation of a table."""
        return f"{self.place}doomed_{table.id}"

    def children(self, table: Table, parents: Collection[TableName]) -> str:
        """Write which rows of a table depend on deleted rows of its parents; empty if no key refers to these."""
        return " UNION ".join(
            fill(
                _SQL["children"],
                table=qualified(table.name),
                key=key_of(table, "t"),
                parent_doomed=self.name(self.catalog.tables[key.parent]),
                same=same((f"t.{quote_name(c)}", f"p.{quote_name(p)}") for c, p in key.columns),
            )
            for key in table.foreign_keys
            if key.parent in parents
        )

    def masters(self, part: Table) -> str:
        """Write which masters have deleted parts."""
        master = self._master(part)
        return fill(
            _SQL["masters"],
            doomed=self.name(part),
            master=qualified(master.name),
            key=key_of(master, "t"),
            same=self._same_as_master(part, "p", "t"),
        )

    def stray_part(self, part: Table, reached: Collection[TableName]) -> str:
        """Write the first deleted part whose master stays."""
        master = self._master(part)
        stays = fill(_SQL["master_stays"], master_doomed=self.name(master), same=self._same_as_master(part, "t", "p"))
        return fill(
            _SQL["first_stray_part"],
            key=key_of(part, "t"),
            doomed=self.name(part),
            stays=stays if master.name in reached else "TRUE",
        )

    def digest(self, position: int, table: Table) -> str:
        """Write the digest of a table's keys."""
        return fill(_SQL["digest"], position=str(position), doomed=self.name(table))

    def others(self, table: Table, guard: Guard, place: int) -> str:
        """Write how many guarded rows of a table are deleted, by the team to which they belong.

        Args:
            table: The table.
            guard: Its guard.
            place: The place of the caller's teams among the values of the statement.
        """
        pairs = guard.belonging.columns
        if guard.names_teams(table):
            pairs = tuple((name, name) for name in table.heading.primary_key)
        return fill(
            _SQL["others"],
            doomed=self.name(table),
            owning=qualified(guard.belonging.table.name),
            owner=quote_name(guard.attribute),
            same=same((f"d.{quote_name(own)}", f"t.{quote_name(above)}") for own, above in pairs),
            place=str(place),
        )

    def changes(self, names: Iterable[TableName]) -> list[str]:
        """Write the statements that delete the rows of tables, leaves first, and update their jobs.

        At most one of these statements changes a row, so they can be parts of one statement.
        """
        names = tuple(names)
        gone = set(names)
        free = "TRUE" if self.erases else "t._state <> 'reserved'"
        changes = []
        for name in names:
            table = self.catalog.tables[name]
            pairs = [(f"t.{quote_name(n)}", f"p.{quote_name(n)}") for n in table.heading.primary_key]
            changes.append(
                fill(_SQL["delete_doomed"], table=qualified(name), doomed=self.name(table), same=same(pairs))
            )
            if table.tier.auto_populated:
                changes.append(self._reset_jobs(table, gone))
        for name in names:
            for child, _ in self.catalog.children(name):
                changes += [
                    fill(_SQL["delete_jobs"], jobs=job_table_name(child), orphaned=orphaned, free=free)
                    for orphaned in self._orphaned(child, (name,))
                ]
        return changes

    def _reset_jobs(self, table: Table, gone: Collection[TableName]) -> str:
        names = [quote_name(n) for n in table.job_key]
        key = table.heading.primary_key
        told = set(table.job_key) <= set(key)
        left = fill(
            _SQL["result_left"],
            table=qualified(table.name),
            doomed=self.name(table),
            left=same((f"t.{n}", f"r.{n}") for n in names),
            gone=same((f"d.{quote_name(n)}", f"r.{quote_name(n)}") for n in key),
        )
        return fill(
            _SQL["reset_jobs" if told else "reset_jobs_without_results"],
            jobs=job_table_name(table),
            doomed=self.name(table),
            same=same((f"t.{n}", f"p.{n}") for n in names),
            left="FALSE" if set(table.job_key) == set(key) else left,
            orphaned=" OR ".join(self._orphaned(table, gone)) or "FALSE",
            pend=PEND,
        )

    def _orphaned(self, table: Table, gone: Collection[TableName]) -> list[str]:
        """Write conditions for the jobs of a table that lose a parent, and so have nothing left to compute."""
        if not table.tier.auto_populated:
            return []
        return [
            fill(
                _SQL["orphaned"],
                parent_doomed=self.name(self.catalog.tables[key.parent]),
                same=same((f"t.{quote_name(c)}", f"q.{quote_name(p)}") for c, p in key.columns),
            )
            for key in table.foreign_keys
            if key.parent in gone and set(key.child_columns) <= set(table.job_key)
        ]

    def _master(self, part: Table) -> Table:
        assert part.name.master is not None
        return self.catalog.tables[part.name.master]

    def _same_as_master(self, part: Table, part_alias: str, master_alias: str) -> str:
        # A part that does not refer to its master goes with any of the master's rows, as in DataJoint.
        columns = self.catalog.master_columns(part) or ()
        return same((f"{part_alias}.{quote_name(c)}", f"{master_alias}.{quote_name(p)}") for c, p in columns)


def key_of(table: Table, alias: str) -> str:
    """Write the primary key of a table as columns; a constant if it has none."""
    return ", ".join(f"{alias}.{quote_name(name)}" for name in table.heading.primary_key) or "true"


def same(pairs: Iterable[tuple[str, str]]) -> str:
    """Write the condition that each pair is equal."""
    return " AND ".join(f"{left} = {right}" for left, right in pairs) or "TRUE"
