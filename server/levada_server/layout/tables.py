"""Tables as boxes: a table with its parts is one, and so are the collapsed tables of a schema."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import networkx as nx

from levada_server.layout.letters import BOLD, text_width
from levada_server.layout.shapes import Box, Strength

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from levada_server.layout.shapes import Edge
    from levada_server.model.table import ForeignKey, Table, TableName

LEGIBLE = 120
"""With more boxes than this in several schemas, whole schemas collapse by themselves."""
LABEL_SIZE, PART_SIZE, TITLE_SIZE = 13.0, 11.0, 12.0
"""Sizes of the letters of tables, of parts and of the line about rows, and of the titles of frames, in pixels."""
LABEL_HEIGHT, LINE_HEIGHT = 28.0, 15.0
_MARGIN, _FOOT = 12.0, 6.0
"""Left and right of a text, and below the last of several lines."""
_STATUS_WIDTH = 110.0
"""For a line such as `1234 of 5678, 12 errors`."""


@dataclass(slots=True)
class TableBox:
    """A box of a diagram.

    Args:
        name: Its name: of its table, or of its schema.
        schema: Its schema.
        label: The text on it, without the schema.
        table: The table; None for the collapsed tables of a schema.
        tables: All tables that it stands for, with parts.
        parts: The parts listed in it, without the master's name.
    """

    name: str
    schema: str
    label: str
    table: Table | None
    tables: list[TableName] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def own_key(self) -> bool:
        """Whether the table's primary key has an attribute of its own, so that it counts things of a new kind."""
        if self.table is None:
            return False
        referring = {child for key in self.table.foreign_keys for child in key.child_columns}
        return not referring.issuperset(self.table.heading.primary_key)


@dataclass(frozen=True, slots=True)
class Graph:
    """Boxes and the lines between them.

    Args:
        boxes: By name, parents first.
        edges: The lines from parents to children.
        collapsed: The schemas that were collapsed because the diagram is large.
    """

    boxes: Mapping[str, TableBox]
    edges: Mapping[Edge, Strength]
    collapsed: tuple[str, ...] = ()

    def sizes(self, *, status: bool, framed: bool) -> dict[str, Box]:
        """Return the boxes to place.

        Args:
            status: Whether each has a line about its rows.
            framed: Whether tables stand in the frames of their schemas, which name these.
        """
        return {name: self._size(box, status, framed=framed) for name, box in self.boxes.items()}

    def _size(self, box: TableBox, status: bool, *, framed: bool) -> Box:
        label = box.label if framed or box.table is None else self.full_label(box)
        widths = [text_width(label, LABEL_SIZE), *(text_width(part, PART_SIZE) for part in box.parts)]
        lines = len(box.parts) + status
        width = max(*widths, _STATUS_WIDTH if status else 0.0) + 2 * _MARGIN
        height = LABEL_HEIGHT + (lines * LINE_HEIGHT + _FOOT if lines else 0.0)
        return Box(width, height, box.schema if framed and box.table is not None else "")

    def full_label(self, box: TableBox) -> str:
        """Return the label outside frames: with the schema, if there are several."""
        several = len({other.schema for other in self.boxes.values()}) > 1
        return f"{box.schema}.{box.label}" if several and box.table is not None else box.label

    def titles(self) -> dict[str, float]:
        """Return the width of each frame's title; empty if frames would hold little."""
        schemas = Counter(box.schema for box in self.boxes.values() if box.table is not None)
        all_schemas = {box.schema for box in self.boxes.values()}
        if len(all_schemas) < 2 or 2 * sum(schemas.values()) < 5 * len(schemas):
            return {}
        return {schema: text_width(schema, TITLE_SIZE) * BOLD for schema in schemas}


def graph_of(
    tables: Sequence[Table],
    *,
    collapsed: Collection[TableName] = (),
    expanded: Collection[str] | None = (),
) -> Graph:
    """Make the boxes of tables.

    Args:
        tables: The tables, parents first.
        collapsed: Those drawn as one box with all others of their schema that are.
        expanded: Schemas that do not collapse by themselves; None: none does.
    """
    names = {table.name for table in tables}
    collapsed = set(collapsed) & names
    by_itself = () if expanded is None else _too_many(tables, collapsed, expanded)
    collapsed |= {name for name in names if name.schema in by_itself}
    beside: set[TableName] = set()
    while True:
        boxes = _boxes(tables, collapsed, beside)
        home = {name: box.name for box in boxes.values() for name in box.tables}
        edges = _edges(tables, home, collapsed)
        entangled = _entangled(boxes, edges) - beside
        if not entangled:
            return Graph(_parents_first(boxes, edges), edges, tuple(by_itself))
        beside |= entangled


def _boxes(
    tables: Iterable[Table], collapsed: Collection[TableName], beside: Collection[TableName]
) -> dict[str, TableBox]:
    """Return the boxes; a part is listed in that of its master, unless it has one of its own `beside`."""
    tables = list(tables)
    shown = {table.name for table in tables} - set(collapsed)
    boxes: dict[str, TableBox] = {}
    for table in tables:
        name = table.name
        if name in collapsed:
            box = boxes.setdefault(name.schema, TableBox(name.schema, name.schema, "", None))
        else:
            holder = _holder(name, shown, beside)
            box = boxes.setdefault(str(holder), TableBox(str(holder), name.schema, holder.table, None))
            if holder == name:
                box.table = table
            else:
                box.parts.append(name.table.removeprefix(f"{holder.table}."))
        box.tables.append(name)
    for box in boxes.values():
        if box.table is None:
            count = len(box.tables)
            box.label = f"{box.schema} ({count} table{'s' if count > 1 else ''})"
    return boxes


def _entangled(boxes: Mapping[str, TableBox], edges: Iterable[Edge]) -> set[TableName]:
    """Return the parts in boxes that form a circle: a part may refer to what depends on its master."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(boxes)
    graph.add_edges_from(edges)
    circles = [circle for circle in nx.strongly_connected_components(graph) if len(circle) > 1]
    found = (boxes[name] for circle in circles for name in circle)
    return {part for box in found if box.table is not None for part in box.tables if part != box.table.name}


def _holder(name: TableName, shown: Collection[TableName], beside: Collection[TableName]) -> TableName:
    """Return the table in whose box another is listed: its master, or the master of that; or itself."""
    while name not in beside and name.master is not None and name.master in shown:
        name = name.master
    return name


def _too_many(tables: Iterable[Table], collapsed: Collection[TableName], expanded: Collection[str]) -> list[str]:
    """Return the schemas to collapse because there are too many boxes: all that have several."""
    counts = Counter(t.name.schema for t in tables if t.name not in collapsed and t.name.master is None)
    if sum(counts.values()) <= LEGIBLE or len(counts) < 2:
        return []
    return sorted(schema for schema, count in counts.items() if count > 1 and schema not in expanded)


def _edges(
    tables: Iterable[Table], home: Mapping[TableName, str], collapsed: Collection[TableName]
) -> dict[Edge, Strength]:
    """Return the lines between boxes, each as strong as the strongest reference that it stands for.

    A table below collapsed ones, on which others of these depend, stays below them: there is no circle.
    """
    edges: dict[Edge, Strength] = {}
    below: set[TableName] = set()
    for table in tables:
        name = table.name
        parents = [key.parent for key in table.foreign_keys if key.parent in home]
        if name not in collapsed and any(p.schema == name.schema and (p in collapsed or p in below) for p in parents):
            below.add(name)
        for key in table.foreign_keys:
            if key.parent not in home:
                continue
            edge = (home[key.parent], home[name])
            circle = name in collapsed and key.parent in below and key.parent.schema == name.schema
            if edge[0] != edge[1] and not circle:
                strength = Strength.SECONDARY
                if key.primary_key:
                    strength = Strength.EXTENDS if _extends(table, key, home) else Strength.PRIMARY
                edges[edge] = max(edges.get(edge, Strength.SECONDARY), strength)
    return edges


def _extends(table: Table, key: ForeignKey, home: Mapping[TableName, str]) -> bool:
    """Return whether a table has at most one row for each of a parent, and both give their boxes the name."""
    named = all(home[name] == str(name) for name in (table.name, key.parent))
    return named and set(key.child_columns) == set(table.heading.primary_key)


def _parents_first(boxes: Mapping[str, TableBox], edges: Iterable[Edge]) -> dict[str, TableBox]:
    places = {name: f"{index:06}" for index, name in enumerate(boxes)}
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(boxes)
    graph.add_edges_from(edges)
    return {name: boxes[name] for name in nx.lexicographical_topological_sort(graph, key=places.__getitem__)}
