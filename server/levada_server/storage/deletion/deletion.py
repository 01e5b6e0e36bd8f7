"""Deleting with cascade: the keys that go are collected once per table, then deleted leaves first.

The number of statements grows with the number of tables, not of rows, and a diamond in the graph costs no more than its
edges. Where it can be done, one statement collects and deletes; else the keys are collected in temporary tables.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.errors import HasChildren
from levada_server.model.table import PartIntegrity
from levada_server.model.values import show_key
from levada_server.query import sql
from levada_server.query.postgres_types import column_type
from levada_server.query.sql import quote_name
from levada_server.storage.deletion.keys import Doomed, DoomedKeys, key_of
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.storage.postgres.database import Connection

_SQL = statements("deletion")

_TEMPORARY = "pg_temp."
MAX_TABLES_AT_ONCE = 32
"""A statement over more tables takes PostgreSQL long to plan, however few of them lose rows."""


async def collect(
    connection: Connection,
    catalog: Catalog,
    root: Table,
    selected: sql.Select,
    part_integrity: PartIntegrity,
    *,
    identified: bool,
    deleting: bool,
) -> Doomed:
    """Collect the rows of `root` that a query selects, and all that depend on them.

    Args:
        connection: In a transaction, which the caller undoes if it does not like what comes of this.
        catalog: Has the tables.
        root: The table that was asked for.
        selected: Which of its rows.
        part_integrity: What becomes of masters.
        identified: Give the digest of what is collected, which reads all of it once more.
        deleting: Delete it in the same statement, where that can be done.

    Raises:
        HasChildren: A part would go without its master, and part integrity is enforced.
    """
    reached = catalog.sorted({root.name} | catalog.descendants(root.name))
    # What a master takes along may have masters of its own, and so on: that is for a loop to find.
    lifting = part_integrity is PartIntegrity.CASCADE and any(name.master is not None for name in reached)
    if not lifting and len(reached) <= MAX_TABLES_AT_ONCE:
        at_once = _AtOnce(connection, catalog, reached, enforced=part_integrity is PartIntegrity.ENFORCE)
        return await at_once.run(root, selected, identified=identified, deleting=deleting)
    collection = _Collection(connection, catalog, DoomedKeys(catalog, place=_TEMPORARY))
    await collection.add_selected(root, selected)
    pending = [root.name]
    while pending:
        await collection.cascade(pending)
        pending = await collection.add_masters() if part_integrity is PartIntegrity.CASCADE else []
    if part_integrity is PartIntegrity.ENFORCE:
        await collection.check_parts()
    return await collection.summary(root.name, identified=identified)


@dataclass(frozen=True, slots=True)
class _AtOnce:
    """Collects by one statement, and deletes by it too if asked to.

    Args:
        connection: In a transaction.
        catalog: Has the tables.
        reached: The table that was asked for and all that depend on it, parents first.
        enforced: No part goes without its master.
    """

    connection: Connection
    catalog: Catalog
    reached: Sequence[TableName]
    enforced: bool

    async def run(self, root: Table, selected: sql.Select, *, identified: bool, deleting: bool) -> Doomed:
        """Run the statement."""
        keys = DoomedKeys(self.catalog, place="")
        inner = sql.render(selected)
        tables = [self.catalog.tables[name] for name in self.reached]
        parts = [table for table in tables if table.name.master is not None and self.enforced]
        collected = [
            fill(_SQL["selected"], key=key_of(table, "t"), selected=inner.text)
            if table is root
            else keys.children(table, self.reached)
            for table in tables
        ]
        named = [
            fill(_SQL["collected"], doomed=keys.name(table), rows=rows)
            for table, rows in zip(tables, collected, strict=True)
        ]
        changes = keys.changes(self.reached[::-1]) if deleting else []
        named += [
            fill(_SQL["changed"], name=f"change_{number}", change=change.rstrip("; \n"))
            for number, change in enumerate(changes)
        ]
        found = [
            *(fill(_SQL["counted"], position=str(i), doomed=keys.name(t)) for i, t in enumerate(tables)),
            *(
                fill(_SQL["strayed"], position=str(i), stray=keys.stray_part(t, self.reached).rstrip("; \n"))
                for i, t in enumerate(tables)
                if t in parts
            ),
            *(fill(_SQL["identified"], digest=keys.digest(i, t)) for i, t in enumerate(tables) if identified),
        ]
        statement = f"WITH {', '.join(named)} {' UNION ALL '.join(found)}"
        answers: dict[str, dict[int, str]] = {"count": {}, "stray": {}, "digest": {}}
        for row in await self.connection.fetch(statement, *inner.values):
            answers[row["kind"]][row["position"]] = row["content"]
        for position, key in answers["stray"].items():
            part = tables[position]
            raise _stray_part(self.catalog, part, json.loads(key, parse_float=Decimal))
        sizes = {table.name: int(answers["count"][i]) for i, table in enumerate(tables)}
        digests = {table.name: answers["digest"][i] for i, table in enumerate(tables)} if identified else None
        return replace(_summary(root.name, self.reached, sizes, digests), deleted=deleting)


def _summary(
    root: TableName,
    reached: Sequence[TableName],
    sizes: Mapping[TableName, int],
    digests: Mapping[TableName, str] | None,
) -> Doomed:
    """Give what was collected, leaves first.

    Args:
        root: The table that was asked for.
        reached: Tables, parents first.
        sizes: How many rows go of each.
        digests: What identifies these; None if nobody asked.
    """
    names = [name for name in reversed(reached) if sizes[name]]
    content = "\n".join(f"{name} {digests[name]}" for name in names) if digests is not None else None
    digest = "" if content is None else hashlib.sha256(content.encode()).hexdigest()
    return Doomed(root, [(name, sizes[name]) for name in names], digest)


def _stray_part(catalog: Catalog, part: Table, key: Mapping[str, object]) -> HasChildren:
    assert part.name.master is not None
    master = catalog.tables[part.name.master]
    return HasChildren(
        f"`{part.name}` with {show_key(key.items())} would go without its master `{master.name}`. Restrict "
        "the master instead, or pass part_integrity='cascade' to delete the master too, or 'ignore'.",
        table=master.name,
        child=part.name,
    )


@dataclass(slots=True)
class _Collection:
    """Collects in a temporary table for each table that is reached; `sizes` has how many rows."""

    connection: Connection
    catalog: Catalog
    keys: DoomedKeys
    sizes: dict[TableName, int] = field(default_factory=dict)

    async def add_selected(self, root: Table, selected: sql.Select) -> None:
        """Add the rows that a query selects."""
        inner = sql.render(selected)
        await self.connection.execute(self._create(root))
        rows = fill(_SQL["selected"], key=key_of(root, "t"), selected=inner.text)
        statement = fill(_SQL["add"], doomed=self.keys.name(root), rows=rows)
        self.sizes[root.name] = _row_count(await self.connection.execute(statement, *inner.values))

    async def cascade(self, start: Iterable[TableName]) -> None:
        """Add what depends on the rows of some tables, parents first; what lost no row takes nothing along."""
        for name in self.catalog.sorted(set().union(*(self.catalog.descendants(name) for name in start))):
            table = self.catalog.tables[name]
            if rows := self.keys.children(table, {parent for parent, size in self.sizes.items() if size}):
                await self._add(table, rows)

    async def add_masters(self) -> list[TableName]:
        """Add the masters of the parts that go; give those that were extended."""
        extended = []
        for part in self._parts():
            assert part.name.master is not None
            master = self.catalog.tables[part.name.master]
            if await self._add(master, self.keys.masters(part)):
                extended.append(master.name)
        return extended

    async def check_parts(self) -> None:
        """Refuse a part that would go without its master.

        Raises:
            HasChildren: One would.
        """
        for part in self._parts():
            row = await self.connection.fetchrow(self.keys.stray_part(part, self.sizes))
            if row is not None:
                raise _stray_part(self.catalog, part, dict(row))

    async def summary(self, root: TableName, *, identified: bool) -> Doomed:
        """Count what was collected, leaves first, and identify it if asked to."""
        reached = self.catalog.sorted(self.sizes)
        digests = None
        if identified:
            looks = [self.keys.digest(number, self.catalog.tables[name]) for number, name in enumerate(reached)]
            found = await self.connection.fetch(" UNION ALL ".join(looks))
            digests = {reached[row["position"]]: row["digest"] for row in found}
        return replace(_summary(root, reached, self.sizes, digests), collected=frozenset(reached))

    async def _add(self, table: Table, rows: str) -> int:
        """Add keys of a table; give how many are new."""
        create = "" if table.name in self.sizes else self._create(table)
        statement = create + fill(_SQL["add"], doomed=self.keys.name(table), rows=rows)
        added = _row_count(await self.connection.execute(statement))
        self.sizes[table.name] = self.sizes.get(table.name, 0) + added
        return added

    def _create(self, table: Table) -> str:
        names = [quote_name(name) for name in table.heading.primary_key]
        columns = [f"{quote_name(a.name)} {column_type(a.type)}" for a in table.heading if a.primary_key]
        statement = fill(
            _SQL["create_doomed"],
            doomed=self.keys.name(table),
            columns=", ".join(columns) or "_single boolean",
            names=", ".join(names) or "_single",
        )
        return f"{statement}\n"

    def _parts(self) -> list[Table]:
        """Give the parts that lose rows."""
        found = [self.catalog.tables[name] for name in self.catalog.sorted(self.sizes) if self.sizes[name]]
        return [table for table in found if table.name.master is not None]


def _row_count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[1])


async def delete(connection: Connection, catalog: Catalog, doomed: Doomed) -> None:
    """Delete what was collected, unless it is gone, and forget the collection: in one trip."""
    if not doomed.deleted:
        keys = DoomedKeys(catalog, place=_TEMPORARY)
        changes = keys.changes([name for name, _ in doomed.counts])
        await connection.execute("\n".join([*changes, _forgetting(keys, doomed)]))


async def forget(connection: Connection, catalog: Catalog, doomed: Doomed) -> None:
    """Drop the temporary tables in which the keys were collected, if there are any."""
    if doomed.collected:
        await connection.execute(_forgetting(DoomedKeys(catalog, place=_TEMPORARY), doomed))


def _forgetting(keys: DoomedKeys, doomed: Doomed) -> str:
    return fill(
        _SQL["drop_doomed"], doomed=", ".join(keys.name(keys.catalog.tables[name]) for name in doomed.collected)
    )
