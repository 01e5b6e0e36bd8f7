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
    from collections.abc import Iterable

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
        digest: Identifies exactly these rows.
        reached: Tables of which keys were collected, some of them none.
    """

    root: TableName
    counts: list[tuple[TableName, int]] = field(default_factory=list)
    digest: str = ""
    reached: frozenset[TableName] = frozenset()


async def collect(
    connection: Connection, catalog: Catalog, root: Table, selected: sql.Select, part_integrity: PartIntegrity
) -> Doomed:
    """Collect the rows of `root` that a query selects, and all that depend on them.

    Raises:
        HasChildren: A part would go without its master, and part integrity is enforced.
    """
    reached: set[TableName] = set()
    await _create(connection, root, reached)
    inner = sql.render(selected)
    key = ", ".join(_key_of(root, "t"))
    statement = fill(_SQL["add_selected"], doomed=_doomed(root), key=key, selected=inner.text)
    await connection.execute(statement, *inner.values)
    pending = [root.name]
    while pending:
        await _cascade(connection, catalog, pending, reached)
        pending = []
        if part_integrity is PartIntegrity.CASCADE:
            pending = await _add_masters(connection, catalog, reached)
    if part_integrity is PartIntegrity.ENFORCE:
        await _check_parts(connection, catalog, reached)
    return await _summarize(connection, catalog, root.name, reached)


async def _cascade(
    connection: Connection, catalog: Catalog, start: Iterable[TableName], reached: set[TableName]
) -> None:
    downstream = set(start).union(*(catalog.descendants(name) for name in start))
    for name in catalog.sorted(downstream):
        if name not in reached:
            continue
        for child, key in catalog.children(name):
            await _create(connection, child, reached)
            await connection.execute(
                fill(
                    _SQL["add_children"],
                    doomed=_doomed(child),
                    table=qualified(child.name),
                    key=", ".join(_key_of(child, "t")),
                    parent_doomed=_doomed(catalog.tables[name]),
                    same=_same((f"t.{quote_name(c)}", f"p.{quote_name(p)}") for c, p in key.columns),
                )
            )


async def _create(connection: Connection, table: Table, reached: set[TableName]) -> None:
    if table.name in reached:
        return
    reached.add(table.name)
    names = [quote_name(name) for name in table.heading.primary_key]
    columns = [f"{quote_name(a.name)} {column_type(a.type)}" for a in table.heading if a.primary_key]
    await connection.execute(
        fill(
            _SQL["create_doomed"],
            doomed=_doomed(table),
            columns=", ".join(columns) or "_single boolean",
            names=", ".join(names) or "_single",
        )
    )


async def _add_masters(connection: Connection, catalog: Catalog, reached: set[TableName]) -> list[TableName]:
    """Add the masters of the parts that go; give those that were extended."""
    extended = []
    for name in catalog.sorted(reached):
        if name.master is None:
            continue
        part, master = catalog.tables[name], catalog.tables[name.master]
        await _create(connection, master, reached)
        tag = await connection.execute(
            fill(
                _SQL["add_masters"],
                master_doomed=_doomed(master),
                doomed=_doomed(part),
                master=qualified(master.name),
                key=", ".join(_key_of(master, "t")),
                same=_same_as_master(catalog, part, "p", "t"),
            )
        )
        if not tag.endswith(" 0"):
            extended.append(master.name)
    return extended


async def _check_parts(connection: Connection, catalog: Catalog, reached: set[TableName]) -> None:
    for name in catalog.sorted(reached):
        if name.master is None:
            continue
        part, master = catalog.tables[name], catalog.tables[name.master]
        master_doomed = _doomed(master)
        if master.name not in reached:
            await _create(connection, master, reached)
        row = await connection.fetchrow(
            fill(
                _SQL["first_stray_part"],
                key=", ".join(_key_of(part, "t")),
                doomed=_doomed(part),
                master_doomed=master_doomed,
                same=_same_as_master(catalog, part, "t", "p"),
            )
        )
        if row is not None:
            raise HasChildren(
                f"`{part.name}` with {show_key(row.items())} would go without its master `{master.name}`. Restrict the "
                "master instead, or pass part_integrity='cascade' to delete the master too, or 'ignore'.",
                table=master.name,
                child=part.name,
            )


async def _summarize(connection: Connection, catalog: Catalog, root: TableName, reached: set[TableName]) -> Doomed:
    doomed = Doomed(root, reached=frozenset(reached))
    digest = hashlib.sha256()
    for name in reversed(catalog.sorted(reached)):
        row = await connection.fetchrow(fill(_SQL["digest"], doomed=_doomed(catalog.tables[name])))
        assert row is not None
        if row["row_count"]:
            doomed.counts.append((name, row["row_count"]))
            digest.update(f"{name} {row['digest']}\n".encode())
    doomed.digest = digest.hexdigest()
    return doomed


async def delete(connection: Connection, catalog: Catalog, doomed: Doomed) -> None:
    """Delete what was collected, leaves first, and bring the jobs in step."""
    gone = {name for name, _ in doomed.counts}
    for name, _ in doomed.counts:
        table = catalog.tables[name]
        key = [(f"t.{quote_name(n)}", f"p.{quote_name(n)}") for n in table.heading.primary_key]
        await connection.execute(
            fill(_SQL["delete_doomed"], table=qualified(name), doomed=_doomed(table), same=_same(key))
        )
        if table.tier.auto_populated:
            await connection.execute(
                fill(_SQL["reset_jobs"], jobs=job_table_name(table), doomed=_doomed(table), same=_same(key), pend=PEND)
            )
    for name in gone:
        for child, key_ in catalog.children(name):
            if child.tier.auto_populated and key_.primary_key:
                pairs = ((f"t.{quote_name(c)}", f"p.{quote_name(p)}") for c, p in key_.columns)
                await connection.execute(
                    fill(
                        _SQL["delete_jobs"],
                        jobs=job_table_name(child),
                        parent_doomed=_doomed(catalog.tables[name]),
                        same=_same(pairs),
                    )
                )


async def forget(connection: Connection, catalog: Catalog, doomed: Doomed) -> None:
    """Drop the temporary tables in which the keys were collected."""
    tables = ", ".join(_doomed(catalog.tables[name]) for name in doomed.reached)
    await connection.execute(fill(_SQL["drop_doomed"], doomed=tables))


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
