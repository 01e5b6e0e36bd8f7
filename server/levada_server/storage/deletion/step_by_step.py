"""Collect the rows of a delete table by table, in temporary tables: for many tables, and for masters of parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.model.table import PartIntegrity
from levada_server.query import sql
from levada_server.query.postgres_types import column_type
from levada_server.query.sql import quote_name
from levada_server.storage.deletion.doomed import doomed, stray_part
from levada_server.storage.deletion.keys import DoomedKeys, key_of
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.storage.deletion.doomed import Chosen, Doomed
    from levada_server.storage.postgres.database import Connection

_SQL = statements("deletion")


@dataclass(slots=True)
class StepByStep:
    """Collects the keys to delete in a temporary table for each table that is reached; for one use.

    Args:
        connection: The connection, in a transaction whose end drops the temporary tables.
        catalog: The catalog of the tables.
        chosen: The rows to delete.
        sizes: The number of rows that each reached table loses.
    """

    connection: Connection
    catalog: Catalog
    chosen: Chosen
    sizes: dict[TableName, int] = field(default_factory=dict, init=False)

    @property
    def _keys(self) -> DoomedKeys:
        return DoomedKeys(self.catalog, place="pg_temp.", erases=self.chosen.erases)

    async def count(self) -> Doomed:
        """Count the rows to delete."""
        await self._collect()
        found = self._doomed({}, await self._others())
        await self.connection.execute(self._forget())
        return found

    async def plan(self) -> Doomed:
        """Count and identify the rows to delete."""
        await self._collect()
        found = self._doomed(await self._identify(), await self._others())
        await self.connection.execute(self._forget())
        return found

    async def delete(self, digest: str) -> Doomed:
        """Delete the rows if they have a digest."""
        await self._collect()
        taken = self._doomed(await self._identify() if digest else {}, await self._others())
        taken.require(digest)
        changes = self._keys.changes([name for name, _ in taken.counts])
        await self.connection.execute("\n".join([*changes, self._forget()]))
        return taken

    async def _collect(self) -> None:
        integrity = self.chosen.part_integrity
        await self._add_chosen()
        pending = [self.chosen.table.name]
        while pending:
            await self._cascade(pending)
            pending = await self._add_masters() if integrity is PartIntegrity.CASCADE else []
        if integrity is PartIntegrity.ENFORCE:
            await self._check_parts()

    async def _add_chosen(self) -> None:
        table, inner = self.chosen.table, sql.render(self.chosen.rows)
        await self.connection.execute(self._create(table))
        rows = fill(_SQL["selected"], key=key_of(table, "t"), selected=inner.text)
        statement = fill(_SQL["add"], doomed=self._keys.name(table), rows=rows)
        self.sizes[table.name] = _row_count(await self.connection.execute(statement, *inner.values))

    async def _cascade(self, start: Iterable[TableName]) -> None:
        """Add the rows that depend on rows of some tables, parents first; skip tables that lose no row."""
        for name in self.catalog.sorted(self.catalog.descendants(*start)):
            table = self.catalog.tables[name]
            losing = {key.parent for key in table.foreign_keys if self.sizes.get(key.parent)}
            if rows := self._keys.children(table, losing):
                await self._add(table, rows)

    async def _add_masters(self) -> list[TableName]:
        """Add the masters of deleted parts; return the tables that got more rows."""
        extended = []
        for part in self._parts():
            if self.catalog.master_columns(part) is None:
                continue
            assert part.name.master is not None
            master = self.catalog.tables[part.name.master]
            if await self._add(master, self._keys.masters(part)):
                extended.append(master.name)
        return extended

    async def _check_parts(self) -> None:
        """Refuse to delete a part without its master.

        Raises:
            HasChildren: A part would be deleted without its master.
        """
        for part in self._parts():
            row = await self.connection.fetchrow(self._keys.stray_part(part, self.sizes))
            if row is not None:
                raise stray_part(self.catalog, part, dict(row))

    async def _identify(self) -> dict[TableName, str]:
        """Return the digest of the rows of each table; it reads all keys once more."""
        reached = self.catalog.sorted(self.sizes)
        looks = [self._keys.digest(number, self.catalog.tables[name]) for number, name in enumerate(reached)]
        found = await self.connection.fetch(" UNION ALL ".join(looks))
        return {reached[row["position"]]: row["digest"] for row in found}

    async def _others(self) -> list[tuple[TableName, str | None, int]]:
        """Return the guarded rows to delete."""
        found = []
        for name in self.catalog.sorted(self.sizes):
            guard = self.chosen.guards.get(name)
            for one in () if guard is None else guard.each():
                statement = self._keys.others(self.catalog.tables[name], one, 1)
                found += [
                    (name, row["owner"], row["count"])
                    for row in await self.connection.fetch(statement, list(one.teams))
                ]
        return found

    def _doomed(self, digests: Mapping[TableName, str], others: list[tuple[TableName, str | None, int]]) -> Doomed:
        return doomed(self.chosen.table.name, self.catalog.sorted(self.sizes), self.sizes, digests, others)

    def _forget(self) -> str:
        """Write the statement that drops the temporary tables."""
        tables = (self.catalog.tables[name] for name in self.catalog.sorted(self.sizes))
        return fill(_SQL["drop_doomed"], doomed=", ".join(map(self._keys.name, tables)))

    async def _add(self, table: Table, rows: str) -> int:
        """Add keys of a table; return how many are new."""
        create = "" if table.name in self.sizes else self._create(table)
        statement = create + fill(_SQL["add"], doomed=self._keys.name(table), rows=rows)
        added = _row_count(await self.connection.execute(statement))
        self.sizes[table.name] = self.sizes.get(table.name, 0) + added
        return added

    def _create(self, table: Table) -> str:
        names = [quote_name(name) for name in table.heading.primary_key]
        columns = [f"{quote_name(a.name)} {column_type(a.type)}" for a in table.heading if a.primary_key]
        statement = fill(
            _SQL["create_doomed"],
            doomed=self._keys.name(table),
            columns=", ".join(columns) or "_single boolean",
            names=", ".join(names) or "_single",
        )
        return f"{statement}\n"

    def _parts(self) -> list[Table]:
        """Return the parts that lose rows."""
        found = [self.catalog.tables[name] for name in self.catalog.sorted(self.sizes) if self.sizes[name]]
        return [table for table in found if table.name.master is not None]


def _row_count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[1])
