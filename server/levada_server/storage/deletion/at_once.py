"""Collect the rows of a delete by one statement, which may also delete them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.model.table import PartIntegrity
from levada_server.query import sql
from levada_server.storage.deletion.doomed import doomed, stray_part
from levada_server.storage.deletion.keys import DoomedKeys, key_of
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.storage.deletion.doomed import Chosen, Doomed
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.rows.ownership import Guard

_SQL = statements("deletion")


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Collects the keys to delete in parts of one statement.

    Args:
        connection: The connection, in a transaction.
        catalog: The catalog of the tables.
        chosen: The rows to delete.
        reached: Their table and all tables that depend on it, parents first.
    """

    connection: Connection
    catalog: Catalog
    chosen: Chosen
    reached: Sequence[TableName]

    async def count(self) -> Doomed:
        """Count the rows to delete."""
        return await self._ask(self._counted())

    async def plan(self) -> Doomed:
        """Count and identify the rows to delete."""
        return await self._ask([*self._counted(), *self._identified()])

    async def delete(self, digest: str) -> Doomed:
        """Delete the rows; if they do not have the digest, raise an error that undoes it."""
        changes = [
            fill(_SQL["changed"], name=f"change_{number}", change=change.rstrip("; \n"))
            for number, change in enumerate(self._keys.changes(self.reached[::-1]))
        ]
        taken = await self._ask([*self._counted(), *(self._identified() if digest else ())], changes)
        taken.require(digest)
        return taken

    async def _ask(self, questions: Iterable[str], changes: Iterable[str] = ()) -> Doomed:
        inner = sql.render(self.chosen.rows)
        asked = [*questions, *self._others(len(inner.values) + 1)]
        statement = f"WITH {', '.join([*self._collected(inner.text), *changes])} {' UNION ALL '.join(asked)}"
        answers: dict[str, dict[int, str]] = {"count": {}, "stray": {}, "digest": {}, "others": {}}
        values = list(inner.values)
        if self._guarded:
            values.append(list(next(iter(self.chosen.guards.values())).teams))  # of one caller
        for row in await self.connection.fetch(statement, *values):
            answers[row["kind"]][row["position"]] = row["content"]
        for position, key in answers["stray"].items():
            raise stray_part(self.catalog, self._tables[position], json.loads(key, parse_float=Decimal))
        sizes = {self.reached[i]: int(count) for i, count in answers["count"].items()}
        digests = {self.reached[i]: digest for i, digest in answers["digest"].items()}
        others = [
            (self._guarded[i][0].name, row["owner"], row["count"])
            for i, content in answers["others"].items()
            for row in json.loads(content)
        ]
        return doomed(self.chosen.table.name, self.reached, sizes, digests, others)

    @property
    def _keys(self) -> DoomedKeys:
        return DoomedKeys(self.catalog, place="", erases=self.chosen.erases)

    @property
    def _tables(self) -> list[Table]:
        return [self.catalog.tables[name] for name in self.reached]

    def _collected(self, selected: str) -> list[str]:
        """Write the parts of the statement that collect keys, one per table."""
        return [
            fill(
                _SQL["collected"],
                doomed=self._keys.name(table),
                rows=fill(_SQL["selected"], key=key_of(table, "t"), selected=selected)
                if table is self.chosen.table
                else self._keys.children(table, self.reached),
            )
            for table in self._tables
        ]

    def _counted(self) -> list[str]:
        """Write how many rows each table loses, and, if that is refused, which part would lose its master."""
        enforced = self.chosen.part_integrity is PartIntegrity.ENFORCE
        counts = [
            fill(_SQL["counted"], position=str(i), doomed=self._keys.name(table))
            for i, table in enumerate(self._tables)
        ]
        strays = [
            fill(
                _SQL["strayed"],
                position=str(i),
                stray=self._keys.stray_part(table, self.reached).rstrip("; \n"),
            )
            for i, table in enumerate(self._tables)
            if enforced and table.name.master is not None
        ]
        return [*counts, *strays]

    @property
    def _guarded(self) -> list[tuple[Table, Guard]]:
        guards = self.chosen.guards
        return [(table, one) for table in self._tables if table.name in guards for one in guards[table.name].each()]

    def _others(self, place: int) -> list[str]:
        """Write how many guarded rows each table loses."""
        return [
            fill(_SQL["guarded"], position=str(number), others=self._keys.others(table, guard, place))
            for number, (table, guard) in enumerate(self._guarded)
        ]

    def _identified(self) -> list[str]:
        """Write the digest of the rows of each table; it reads all keys once more."""
        return [fill(_SQL["identified"], digest=self._keys.digest(i, t)) for i, t in enumerate(self._tables)]
