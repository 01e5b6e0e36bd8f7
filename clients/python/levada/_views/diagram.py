"""Diagrams: which tables depend on which, as text, Mermaid or SVG."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from io import BytesIO
from operator import add
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from levada._base.absent_names import Explained
from levada._base.config import config
from levada._base.errors import InvalidRequest
from levada._base.names import full_name, stored_name
from levada._pipeline import lineage as lineages
from levada._pipeline.schema import Schema
from levada._query.restriction import as_operand
from levada._tables.table import Table, free_table
from levada._views import diagram_png, diagram_svg, provenance
from levada_api.v1 import schema_pb2 as pb
from levada_api.v1 import schema_service_pb2

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    import numpy as np

    from levada._net.connection import Connection
    from levada._pipeline.lineage import Lineage

_TIER_NAMES = {
    pb.TABLE_TIER_LOOKUP: "lookup",
    pb.TABLE_TIER_MANUAL: "manual",
    pb.TABLE_TIER_IMPORTED: "imported",
    pb.TABLE_TIER_COMPUTED: "computed",
    pb.TABLE_TIER_PART: "part",
}

_Name = tuple[str, str]
"""Schema and stored name of a table."""


class Diagram(Explained):
    """Some tables and their dependencies. It never changes; each operator returns a new one.

    `d + 1` adds the tables one step downstream and `d - 1` those one step upstream; `a + b`, `a - b` and `a * b` have
    the tables of either, of only the first, and of both. `b` may be a diagram, or anything that a diagram can be built
    from.

    Args:
        source: A schema, a module with one, a table's class or a table.
        context: Not needed, because tables are shown by the names of their classes. Older code passes it.
    """

    _lineage: Lineage | None = None

    def __init__(self, source: object, context: Mapping[str, object] | None = None) -> None:
        connection, schemas, tables = _seeds(source)
        self._connection = connection
        self._tables = _graph(connection, schemas=schemas, tables=tables)

    @classmethod
    def trace(cls, expression: object) -> Diagram:
        """Find the rows that given rows depend on, in all tables upstream: `Diagram.trace(Stat & key)`.

        `diagram[Table]` is a table restricted to these rows, `counts()` their numbers.

        Args:
            expression: A table, restricted to the rows to start from.
        """
        return cls._of(lineages.trace(expression))

    @classmethod
    def cascade(cls, expression: object, part_integrity: str = "enforce") -> Diagram:
        """Find the rows that depend on given rows, in all tables downstream: the rows that a delete would take.

        Args:
            expression: A table, restricted to the rows to start from.
            part_integrity: As in a delete: `"cascade"` takes the masters of parts too.
        """
        return cls._of(lineages.cascade(expression, part_integrity))

    @classmethod
    def _of(cls, lineage: Lineage) -> Diagram:
        made = object.__new__(cls)
        made._connection, made._tables, made._lineage = lineage.connection, lineage.tables, lineage
        return made

    @property
    def lineage(self) -> Lineage:
        """The rows that `trace` or `cascade` found.

        Raises:
            InvalidRequest: The diagram shows whole tables.
        """
        if self._lineage is None:
            raise InvalidRequest("This diagram shows whole tables; rows have Diagram.trace(…) and Diagram.cascade(…).")
        return self._lineage

    def restrict(self, table_expr: object) -> Diagram:
        """Restrict the tables shown to the rows that meet a condition, wherever they depend on its table.

        A row that depends on it along several ways meets it along each; further calls restrict further.
        `diagram[Table]` is a table restricted to its rows, `counts()` their numbers.

        Args:
            table_expr: A table of the diagram, restricted.

        Raises:
            InvalidRequest: The diagram does not show the table.
        """
        result = self._with(self._tables)
        result._lineage = lineages.restrict(self._ordered(), self._lineage, table_expr)
        return result

    def prune(self) -> Diagram:
        """Leave out the tables without rows: without any, or, after `restrict`, without one that is left."""
        found = self._lineage.conditions if self._lineage is not None else {}
        kept = {
            name: table
            for name, table in self._tables.items()
            if (self.lineage.relation(name) if name in found else free_table(self._connection, table.name))
        }
        result = self._with(kept)
        if self._lineage is not None:
            tables = {name: table for name, table in self._lineage.tables.items() if name in kept}
            result._lineage = replace(self._lineage, tables=tables)
        return result

    def __getitem__(self, table: object) -> Table:
        return self.lineage[table]

    def counts(self) -> dict[str, int]:
        """Count the rows that `trace` or `cascade` found, by the full name of their table."""
        return self.lineage.counts()

    def prov_json(self) -> dict[str, Any]:  # Any: what JSON holds
        """Describe how the rows of `trace` were made, as a document of W3C PROV in JSON."""
        return provenance.prov_json(self.lineage)

    def openlineage_events(self) -> list[dict[str, Any]]:  # Any: what JSON holds
        """Describe the jobs that made the rows of `trace`, as events of OpenLineage, in the order of time."""
        return provenance.openlineage_events(self.lineage)

    @classmethod
    def from_sequence(cls, sources: Iterable[object]) -> Diagram:
        """Show several schemas, modules or tables together."""
        return reduce(add, map(cls, sources))

    def __add__(self, other: object) -> Diagram:
        if isinstance(other, int):
            return self._widened(descendant_steps=other)
        return self._with({**self._tables, **_as_diagram(other)._tables})

    def __sub__(self, other: object) -> Diagram:
        if isinstance(other, int):
            return self._widened(ancestor_steps=other)
        others = _as_diagram(other)._tables
        return self._with({name: table for name, table in self._tables.items() if name not in others})

    def __mul__(self, other: object) -> Diagram:
        others = _as_diagram(other)._tables
        return self._with({name: table for name, table in self._tables.items() if name in others})

    def add_parts(self) -> Diagram:
        """Add the parts of all tables shown."""
        shown = {(table.name.schema, table.name.table) for table in self._tables.values()}
        around = _graph(self._connection, schemas=sorted({schema for schema, _ in shown}))
        parts = {
            name: table
            for name, table in around.items()
            if (table.name.schema, table.name.table.partition(".")[0]) in shown
        }
        return self._with({**self._tables, **parts})

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, table: object) -> bool:
        operand = as_operand(table)
        return isinstance(operand, Table) and _id(operand._name) in self._tables

    def __repr__(self) -> str:
        return _tree(self._ordered(), self._labels())

    def _repr_svg_(self) -> str:
        return self.make_svg()

    def make_mermaid(self) -> str:
        """Write the diagram in Mermaid."""
        tables, labels = self._ordered(), self._labels()
        lines = ["flowchart LR" if _sideways() else "flowchart TD"]
        for tier, colour in diagram_svg.COLOURS.items():
            lines.append(f"    classDef {tier} fill:{colour}22,stroke:{colour}")
        for name, table in tables.items():
            lines.append(f'    {_mermaid_id(name)}["{labels[name]}"]:::{_TIER_NAMES[table.tier]}')
        for name, table in tables.items():
            for parent, solid in _parents(table, tables).items():
                lines.append(f"    {_mermaid_id(parent)} {'-->' if solid else '-.->'} {_mermaid_id(name)}")
        return "\n".join(lines)

    def make_svg(self) -> str:
        """Draw the diagram as SVG: colours are tiers, parts are in the box of their master.

        A solid line leads to a table whose primary key contains the parent's, a dashed line to any other. With the
        setting `display.diagram_direction = "LR"`, parents are to the left of their children, otherwise above them.
        """
        return diagram_svg.draw(self._drawing())

    svg_string = make_svg

    def make_png(self) -> BytesIO:
        """Draw the diagram as a PNG, like `make_svg`; Matplotlib must be installed.

        Raises:
            Unsupported: Matplotlib is not installed.
        """
        return BytesIO(diagram_png.draw(self._drawing()))

    def make_image(self) -> np.ndarray[Any, Any]:
        """Draw the diagram as an array of shape (height, width, 4), values from 0 to 1; as `make_png`."""
        image = self.make_png()
        from matplotlib.image import imread  # slow to import, and rarely needed

        return imread(image)

    def draw(self) -> None:
        """Show the diagram in a figure of Matplotlib's pyplot; as `make_png`."""
        image = self.make_image()
        from matplotlib import pyplot as plt  # as above

        plt.imshow(image)
        plt.gca().axis("off")
        plt.show()

    def save(self, filename: str | os.PathLike[str], format: str | None = None) -> None:
        """Write the diagram into a file.

        Args:
            filename: The file.
            format: `"svg"`, `"png"` or `"mermaid"`; by default the ending of the file's name says it: `.svg`, `.png`,
                `.mmd`, `.mermaid`.

        Raises:
            InvalidRequest: It is another format.
            Unsupported: It is a PNG, and Matplotlib is not installed.
        """
        path = Path(filename)
        chosen = (format or path.suffix.removeprefix(".")).lower()
        if chosen == "png":
            path.write_bytes(self.make_png().getvalue())
        elif chosen in ("svg", "mermaid", "mmd"):
            path.write_text(self.make_svg() if chosen == "svg" else self.make_mermaid(), encoding="utf-8")
        else:
            raise InvalidRequest(f"A diagram is saved as 'svg', 'png' or 'mermaid', not as {chosen!r}.")

    def topo_sort(self) -> list[str]:
        """Return the full names of the tables, parents first."""
        return [full_name(table.name) for table in self._ordered().values()]

    def _drawing(self) -> diagram_svg.Drawing:
        tables, labels = self._ordered(), self._labels()
        boxes: dict[_Name, diagram_svg.Box] = {}
        holders: dict[_Name, _Name] = {}
        for name, table in tables.items():
            master = _master(table, tables)
            holders[name] = holders[master] if master is not None else name
            if master is None:
                title = f"{_TIER_NAMES[table.tier]}: {table.comment}".rstrip(": ")
                boxes[name] = diagram_svg.Box(labels[name], _TIER_NAMES[table.tier], title, [])
            else:
                boxes[holders[name]].parts.append(labels[name].rpartition(".")[2])
        edges: dict[tuple[_Name, _Name], bool] = {}
        for name, table in tables.items():
            for parent, solid in _parents(table, tables).items():
                edge = (holders[parent], holders[name])
                if edge[0] != edge[1]:
                    edges[edge] = edges.get(edge, False) or solid
        return diagram_svg.arrange(boxes, edges, sideways=_sideways())

    def _with(self, tables: Mapping[_Name, pb.Table]) -> Diagram:
        result = object.__new__(Diagram)
        result._connection, result._tables = self._connection, tables
        return result

    def _widened(self, *, ancestor_steps: int = 0, descendant_steps: int = 0) -> Diagram:
        names = [table.name for table in self._tables.values()]
        return self._with(
            _graph(self._connection, tables=names, ancestor_steps=ancestor_steps, descendant_steps=descendant_steps)
        )

    def _ordered(self) -> Mapping[_Name, pb.Table]:
        """Order the tables so that parents come first."""
        ordered: dict[_Name, pb.Table] = {}
        # Depth first with a list, because chains may be long; foreign keys form no cycle.
        pending = list(self._tables)[::-1]
        while pending:
            name = pending[-1]
            missing = [p for p in _parents(self._tables[name], self._tables) if p not in ordered]
            if name in ordered or not missing:
                pending.pop()
                ordered[name] = self._tables[name]
            else:
                pending.extend(missing)
        return ordered

    def _labels(self) -> dict[_Name, str]:
        several = len({table.name.schema for table in self._tables.values()}) > 1
        return {
            name: f"{table.name.schema}.{table.name.table}" if several else table.name.table
            for name, table in self._tables.items()
        }


def _sideways() -> bool:
    return str(config["display.diagram_direction"]).upper() == "LR"


def _as_diagram(source: object) -> Diagram:
    return source if isinstance(source, Diagram) else Diagram(source)


def _seeds(source: object) -> tuple[Connection, list[str], list[pb.TableName]]:
    if isinstance(source, ModuleType):
        schemas = [value for value in vars(source).values() if isinstance(value, Schema)]
        source = schemas[0] if len(schemas) == 1 else source
    if isinstance(source, Schema):
        return source.connection, [source._active_name()], []
    table = as_operand(source)
    if isinstance(table, Table):
        return table.connection, [], [table._name]
    raise InvalidRequest(f"A diagram shows a schema, a module with one schema, or a table, not {source!r}.")


def _graph(
    connection: Connection,
    *,
    schemas: Iterable[str] = (),
    tables: Iterable[pb.TableName] = (),
    ancestor_steps: int = 0,
    descendant_steps: int = 0,
) -> Mapping[_Name, pb.Table]:
    request = schema_service_pb2.GetGraphRequest(
        schemas=schemas, tables=tables, ancestor_steps=ancestor_steps, descendant_steps=descendant_steps
    )
    found = connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse).tables
    return {_id(table.name): table for table in found}


def _id(name: pb.TableName) -> _Name:
    return name.schema, stored_name(name.table)


def _parents(table: pb.Table, among: Mapping[_Name, pb.Table]) -> dict[_Name, bool]:
    """Return the parents of a table, and whether its primary key refers to them."""
    parents: dict[_Name, bool] = {}
    for key in table.foreign_keys:
        name = _id(key.parent)
        if name in among:
            parents[name] = parents.get(name, False) or key.primary_key
    return parents


def _master(table: pb.Table, among: Mapping[_Name, pb.Table]) -> _Name | None:
    """Return the master of a part, if it is in the diagram too."""
    above = table.name.table.rpartition(".")[0]
    name = (table.name.schema, stored_name(above))
    return name if above and name in among else None


def _mermaid_id(name: _Name) -> str:
    return "__".join(name)


# -------------------------------------------------------------------------------------------------------- text


def _tree(tables: Mapping[_Name, pb.Table], labels: Mapping[_Name, str]) -> str:
    """Draw each table once, below the first parent in its primary key; its other parents are named beside it."""
    holders: dict[_Name, _Name | None] = {}
    children: dict[_Name | None, list[_Name]] = {None: []}
    for name, table in tables.items():
        parents = _parents(table, tables)
        master = _master(table, tables)
        holder = master or next(iter(sorted(parents, key=lambda p: not parents[p])), None)
        holders[name] = holder
        children.setdefault(holder, []).append(name)
    for siblings in children.values():
        siblings.sort(key=lambda name: _master(tables[name], tables) is None)  # parts first
    lines: list[tuple[str, str]] = []

    def draw(name: _Name, before: str, branch: str, below: str) -> None:
        parents = _parents(tables[name], tables)
        notes = [_TIER_NAMES[tables[name].tier]]
        for solid, words in ((True, "also from"), (False, "refers to")):
            others = [labels[p] for p in parents if p != holders[name] and parents[p] == solid]
            notes += [f"{words} {', '.join(others)}"] if others else []
        label = labels[name]
        if (master := _master(tables[name], tables)) is not None:
            label = label.removeprefix(labels[master])
        lines.append((before + branch + label, "; ".join(notes)))
        inner = children.get(name, [])
        for index, child in enumerate(inner):
            last = index == len(inner) - 1
            line = "──" if _parents(tables[child], tables).get(name, True) else "╌╌"
            draw(child, before + below, ("└" if last else "├") + line + " ", "    " if last else "│   ")

    for root in children[None]:
        draw(root, "", "", "")
    width = max((len(text) for text, _ in lines), default=0)
    return "\n".join(f"{text:<{width}}  {notes}" for text, notes in lines)
