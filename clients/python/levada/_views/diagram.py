"""Diagrams: which tables depend on which, as text, Mermaid, DOT or SVG."""

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
from levada._base.names import full_name
from levada._pipeline import lineage as lineages
from levada._pipeline.schema import Schema
from levada._query.restriction import as_operand
from levada._tables.table import Table, free_table
from levada._views import diagram_png, diagram_svg, diagram_text, provenance
from levada._views.diagram_tables import (
    TIER_NAMES,
    Name,
    labels_of,
    master_of,
    name_of,
    parents_first,
    parents_of,
    with_groups,
)
from levada_api.v1 import schema_pb2 as pb
from levada_api.v1 import schema_service_pb2

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    import numpy as np

    from levada._net.connection import Connection
    from levada._pipeline.lineage import Lineage


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
    _collapsed: frozenset[Name] = frozenset()

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
        added = _as_diagram(other)
        result = self._with({**self._tables, **added._tables})
        expanded = (self._tables.keys() - self._collapsed) | (added._tables.keys() - added._collapsed)
        result._collapsed = frozenset(result._tables.keys() - expanded)
        return result

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

    def collapse(self) -> Diagram:
        """Draw the tables of each schema as one; a table that is also in a diagram added to this one is drawn itself.

        `Diagram(lab).collapse() + Diagram(analysis)` shows one schema in the context of another.
        """
        result = self._with(self._tables)
        result._lineage, result._collapsed = self._lineage, frozenset(self._tables)
        return result

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, table: object) -> bool:
        operand = as_operand(table)
        return isinstance(operand, Table) and name_of(operand._name) in self._tables

    def __repr__(self) -> str:
        return diagram_text.tree(self._drawn())

    def _repr_svg_(self) -> str:
        return self.make_svg()

    def make_mermaid(self) -> str:
        """Write the diagram in Mermaid."""
        return diagram_text.mermaid(self._drawn(), sideways=_sideways())

    def make_dot(self) -> str:
        """Write the diagram in Graphviz's language DOT. Graphviz need not be installed."""
        return diagram_text.dot(self._drawn(), sideways=_sideways())

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
        tables = self._drawn()
        labels = labels_of(tables)
        boxes: dict[Name, diagram_svg.Box] = {}
        holders: dict[Name, Name] = {}
        for name, table in tables.items():
            master = master_of(table, tables)
            holders[name] = holders[master] if master is not None else name
            if master is None:
                title = f"{TIER_NAMES[table.tier]}: {table.comment}".rstrip(": ")
                boxes[name] = diagram_svg.Box(labels[name], TIER_NAMES[table.tier], title, [])
            else:
                boxes[holders[name]].parts.append(labels[name].rpartition(".")[2])
        edges: dict[tuple[Name, Name], bool] = {}
        for name, table in tables.items():
            for parent, solid in parents_of(table, tables).items():
                edge = (holders[parent], holders[name])
                if edge[0] != edge[1]:
                    edges[edge] = edges.get(edge, False) or solid
        return diagram_svg.arrange(boxes, edges, sideways=_sideways())

    def _with(self, tables: Mapping[Name, pb.Table]) -> Diagram:
        result = object.__new__(Diagram)
        result._connection, result._tables = self._connection, tables
        result._collapsed = self._collapsed & tables.keys()
        return result

    def _widened(self, *, ancestor_steps: int = 0, descendant_steps: int = 0) -> Diagram:
        names = [table.name for table in self._tables.values()]
        result = self._with(
            _graph(self._connection, tables=names, ancestor_steps=ancestor_steps, descendant_steps=descendant_steps)
        )
        result._collapsed = frozenset()
        return result

    def _ordered(self) -> Mapping[Name, pb.Table]:
        """Order the tables so that parents come first."""
        return parents_first(self._tables)

    def _drawn(self) -> Mapping[Name, pb.Table]:
        """Return the tables to draw, parents first, with one in place of the collapsed tables of each schema."""
        return parents_first(with_groups(self._ordered(), self._collapsed)) if self._collapsed else self._ordered()


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
) -> Mapping[Name, pb.Table]:
    request = schema_service_pb2.GetGraphRequest(
        schemas=schemas, tables=tables, ancestor_steps=ancestor_steps, descendant_steps=descendant_steps
    )
    found = connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse).tables
    return {name_of(table.name): table for table in found}
