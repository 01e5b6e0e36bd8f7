"""Diagrams of tables: their boxes, where these stand, and how far their rows are computed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, LimitReached, PreconditionFailed
from levada_server.layout.tables import graph_of
from levada_server.operations.jobs import progress
from levada_server.permissions.roles import Action
from levada_server.query.algebra import TableOperand

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from levada_server.layout.shapes import Picture
    from levada_server.layout.tables import Graph
    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.operations.jobs import Progress

MAX_TABLES = 5_000
"""The most tables of one diagram, collapsed ones included."""
MAX_COUNTED = 500
"""The most tables whose rows are counted for one diagram."""


FEW_RESULTS = 10_000
"""Up to this many results of a table, its stale ones are counted too, which may read their inputs again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A diagram that a client asks for.

    Args:
        tables: Its tables.
        collapsed: Those drawn as one box for each schema.
        expanded: Schemas that do not collapse by themselves; None: none does.
        sideways: Parents stand to the left of their children, rather than above.
        placed: Whether it is to be drawn; if not, only boxes and lines are of interest.
        status: Whether each box has room for a line about its rows.
        counted: Whether rows and jobs are counted.
    """

    tables: Sequence[TableName]
    collapsed: Sequence[TableName] = ()
    expanded: Collection[str] | None = ()
    sideways: bool = False
    placed: bool = True
    status: bool = False
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """The number of rows of a table, and its progress if jobs fill it and its key source can be used."""

    table: TableName
    rows: int
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Diagram:
    """A diagram: boxes and lines, their places, and the counts of tables from which the caller may fetch."""

    graph: Graph
    picture: Picture | None
    counts: Sequence[Count]


async def lay_out_graph(engine: Engine, caller: Caller, asked: Asked) -> Diagram:
    """Lay out a diagram of tables that the caller may see; no other table has a part in it.

    Raises:
        UnknownTable: A table does not exist, or the caller may not see it.
        LimitReached: There are too many tables, boxes or lines.
    """
    names = list(dict.fromkeys([*asked.tables, *asked.collapsed]))
    _check_number("shows", len(names), MAX_TABLES)
    view = await engine.gate.open(caller)
    tables, collapsed = await asyncio.to_thread(_tables, view.seen, names, asked.collapsed)
    graph = await asyncio.to_thread(graph_of, tables, collapsed=collapsed, expanded=asked.expanded)
    picture = None
    if asked.placed:
        picture = await engine.pictures.picture(graph, status=asked.status or asked.counted, sideways=asked.sideways)
    counts = []
    if asked.counted:
        readable = [table for table in tables if view.may(Action.FETCH, table)]
        _check_number("counts the rows of", len(readable), MAX_COUNTED)
        counts = [await _count(engine, view, table) for table in readable]
    return Diagram(graph, picture, counts)


def _check_number(verb: str, count: int, most: int) -> None:
    if count > most:
        raise LimitReached(f"A diagram {verb} at most {most} tables, and this one has {count}; show fewer.")


def _tables(
    seen: Catalog, names: Sequence[TableName], collapsed: Sequence[TableName]
) -> tuple[list[Table], list[TableName]]:
    """Return the tables as the caller may see them, parents first, and the names of the collapsed ones."""
    found = {seen.table(name).name for name in names}
    return [seen.tables[name] for name in seen.sorted(found)], [seen.table(name).name for name in collapsed]


async def _count(engine: Engine, view: View, table: Table) -> Count:
    counted = (await view.query(Action.FETCH, TableOperand(table.name))).query.count()
    async with engine.scope.connection() as connection:
        rows: int = await connection.fetchval(counted.text, *counted.values)
    return Count(table.name, rows, await _progress(engine, view, table, rows) if table.tier.auto_populated else None)


async def _progress(engine: Engine, view: View, table: Table, rows: int) -> Progress | None:
    try:
        return await progress(engine, view.caller, table.name, None, count_stale=rows <= FEW_RESULTS)
    except (InvalidRequest, PreconditionFailed):  # its key source is not known, or cannot be read any more
        return None
