"""Deleting with cascade: the keys that go are collected once per table, then deleted leaves first.

The number of statements grows with the number of tables, not of rows, and a diamond in the graph costs no more than its
edges.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.errors import HasChildren
from levada_server.model.table import PartIntegrity
from levada_server.model.values import show_key
from levada_server.query import sql
from levada_server.query.ddl import job_table_name, qualified
from levada_server.query.postgres_types import column_type
from levada_server.query.sql import quote_name
from levada_server.storage.job_tables import PEND
from levada_server.storage.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.storage.database import Connection

_SQL = statements("deletion")


@dataclass(slots=True)
class Doomed:
    """What a delete takes, collected in temporary tables of its transaction.

    Args:
        root: The table that was asked for.
        counts: Tables that lose rows, and how many, leaves first.
        digest: Identifies exactly these rows; empty if nobody asked.
        reached: Tables of which keys were collected, some of them none.
    """

    root: TableName
    counts: list[tuple[TableName, int]] = field(default_factory=list)
    digest: str = ""
    reached: frozenset[TableName] = frozenset()


async def collect(
    connection: Connection,
    catalog: Catalog,
    root: Table,
    selected: sql.Select,
    part_integrity: PartIntegrity,
    *,
    identified: bool,
) -> Doomed:
    """Collect the rows of `root` that a query selects, and all that depend on them.

    Args:
        connection: In a transaction.
        catalog: Has the tables.
        root: The table that was asked for.
        selected: Which of its rows.
        part_integrity: What becomes of masters.
        identified: Give the digest of what is collected, which reads all of it once more.

    Raises:
        HasChildren: A part would go without its master, and part integrity is enforced.
    """
    collection = _Collection(connection, catalog)
    await collection.add_selected(root, selected)
    pending = [root.name]
    while pending:
        await collection.cascade(pending)
        pending = await collection.add_masters() if part_integrity is PartIntegrity.CASCADE else []
    if part_integrity is PartIntegrity.ENFORCE:
        await collection.check_parts()
    return await collection.summary(root.name, identified=identified)


@dataclass(slots=True)
class _Collection:
    """The keys that go, in a temporary table for each table that was reached; `sizes` has how many."""

    connection: Connection
    catalog: Catalog
    sizes: dict[TableName, int] = field(default_factory=dict)

    async def add_selected(self, root: Table, selected: sql.Select) -> None:
        """Add the rows that a query selects."""
        inner = sql.render(selected)
        key = ", ".join(_key_of(root, "t"))
        await self.connection.execute(_create(root))
        rows = fill(_SQL["selected"], key=key, selected=inner.text)
        statement = fill(_SQL["add"], doomed=_doomed(root), rows=rows)
        self.sizes[root.name] = _row_count(await self.connection.execute(statement, *inner.values))

    async def cascade(self, start: Iterable[TableName]) -> None:
        """Add what depends on the rows of some tables, parents first; what lost no row takes nothing along."""
        for name in self.catalog.sorted(set().union(*(self.catalog.descendants(name) for name in start))):
            table = self.catalog.tables[name]
            rows = [
                fill(
                    _SQL["children"],
                    table=qualified(name),
                    key=", ".join(_key_of(table, "t")),
                    parent_doomed=_doomed(self.catalog.tables[key.parent]),
                    same=_same((f"t.{quote_name(c)}", f"p.{quote_name(p)}") for c, p in key.columns),
                )
                for key in table.foreign_keys
                if self.sizes.get(key.parent)
            ]
            if rows:
                await self._add(table, " UNION ".join(rows))

    async def add_masters(self) -> list[TableName]:
        """Add the masters of the parts that go; give those that were extended."""
        extended = []
        for part in self._parts():
            assert part.name.master is not None
            master = self.catalog.tables[part.name.master]
            rows = fill(
                _SQL["masters"],
                doomed=_doomed(part),
                master=qualified(master.name),
                key=", ".join(_key_of(master, "t")),
                same=_same_as_master(self.catalog, part, "p", "t"),
            )
            if await self._add(master, rows):
                extended.append(master.name)
        return extended

    async def check_parts(self) -> None:
        """Refuse a part that would go without its master.

        Raises:
            HasChildren: One would.
        """
        for part in self._parts():
            assert part.name.master is not None
            master = self.catalog.tables[part.name.master]
            stays = fill(
                _SQL["master_stays"],
                master_doomed=_doomed(master),
                same=_same_as_master(self.catalog, part, "t", "p"),
            )
            row = await self.connection.fetchrow(
                fill(
                    _SQL["first_stray_part"],
                    key=", ".join(_key_of(part, "t")),
                    doomed=_doomed(part),
                    stays=stays if master.name in self.sizes else "TRUE",
                )
            )
            if row is not None:
                raise HasChildren(
                    f"`{part.name}` with {show_key(row.items())} would go without its master `{master.name}`. Restrict "
                    "the master instead, or pass part_integrity='cascade' to delete the master too, or 'ignore'.",
                    table=master.name,
                    child=part.name,
                )

    async def summary(self, root: TableName, *, identified: bool) -> Doomed:
        """Count what was collected, leaves first, and identify it if asked to."""
        reached = self.catalog.sorted(self.sizes)[::-1]
        names = [name for name in reached if self.sizes[name]]
        counts = [(name, self.sizes[name]) for name in names]
        return Doomed(root, counts, await self._digest(names) if identified else "", frozenset(reached))

    async def _digest(self, names: Sequence[TableName]) -> str:
        digests = [
            fill(_SQL["digest"], position=str(position), doomed=_doomed(self.catalog.tables[name]))
            for position, name in enumerate(names)
        ]
        found = dict(await self.connection.fetch(" UNION ALL ".join(digests))) if names else {}
        content = "\n".join(f"{name} {found[position]}" for position, name in enumerate(names))
        return hashlib.sha256(content.encode()).hexdigest()

    async def _add(self, table: Table, rows: str) -> int:
        """Add keys of a table; give how many are new."""
        create = "" if table.name in self.sizes else _create(table)
        added = _row_count(await self.connection.execute(create + fill(_SQL["add"], doomed=_doomed(table), rows=rows)))
        self.sizes[table.name] = self.sizes.get(table.name, 0) + added
        return added

    def _parts(self) -> list[Table]:
        """Give the parts that lose rows."""
        found = [self.catalog.tables[name] for name in self.catalog.sorted(self.sizes) if self.sizes[name]]
        return [table for table in found if table.name.master is not None]


def _create(table: Table) -> str:
    names = [quote_name(name) for name in table.heading.primary_key]
    columns = [f"{quote_name(a.name)} {column_type(a.type)}" for a in table.heading if a.primary_key]
    statement = fill(
        _SQL["create_doomed"],
        doomed=_doomed(table),
        columns=", ".join(columns) or "_single boolean",
        names=", ".join(names) or "_single",
    )
    return f"{statement}\n"


def _row_count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[1])


async def delete(connection: Connection, catalog: Catalog, doomed: Doomed) -> None:
    """Delete what was collected, leaves first, bring the jobs in step, and forget the collection: in one trip."""
    gone = {name for name, _ in doomed.counts}
    changes = []
    for name, _ in doomed.counts:
        table = catalog.tables[name]
        key = [(f"t.{quote_name(n)}", f"p.{quote_name(n)}") for n in table.heading.primary_key]
        changes.append(fill(_SQL["delete_doomed"], table=qualified(name), doomed=_doomed(table), same=_same(key)))
        if table.tier.auto_populated:
            names = [quote_name(n) for n in table.job_key]
            told = set(table.job_key) <= set(table.heading.primary_key)
            changes.append(
                fill(
                    _SQL["reset_jobs" if told else "reset_jobs_without_results"],
                    jobs=job_table_name(table),
                    doomed=_doomed(table),
                    table=qualified(name),
                    same=_same((f"t.{n}", f"p.{n}") for n in names),
                    left=_same((f"t.{n}", f"r.{n}") for n in names),
                    pend=PEND,
                )
            )
    for name in gone:
        for child, key_ in catalog.children(name):
            if child.tier.auto_populated and set(key_.child_columns) <= set(child.job_key):
                pairs = ((f"t.{quote_name(c)}", f"p.{quote_name(p)}") for c, p in key_.columns)
                changes.append(
                    fill(
                        _SQL["delete_jobs"],
                        jobs=job_table_name(child),
                        parent_doomed=_doomed(catalog.tables[name]),
                        same=_same(pairs),
                    )
                )
    await connection.execute("\n".join([*changes, _forgetting(catalog, doomed)]))


async def forget(connection: Connection, catalog: Catalog, doomed: Doomed) -> None:
    """Drop the temporary tables in which the keys were collected."""
    await connection.execute(_forgetting(catalog, doomed))


def _forgetting(catalog: Catalog, doomed: Doomed) -> str:
    tables = ", ".join(_doomed(catalog.tables[name]) for name in doomed.reached)
    return fill(_SQL["drop_doomed"], doomed=tables)


def _doomed(table: Table) -> str:
    return f"pg_temp.doomed_{table.id}"


def _key_of(table: Table, alias: str) -> list[str]:
    return [f"{alias}.{quote_name(name)}" for name in table.heading.primary_key] or ["true"]


def _same(pairs: Iterable[tuple[str, str]]) -> str:
    return " AND ".join(f"{left} = {right}" for left, right in pairs) or "TRUE"


def _same_as_master(catalog: Catalog, part: Table, part_alias: str, master_alias: str) -> str:
    columns = catalog.master_columns(part)
    assert columns is not None  # no other part can be declared
    return _same((f"{part_alias}.{quote_name(c)}", f"{master_alias}.{quote_name(p)}") for c, p in columns)
