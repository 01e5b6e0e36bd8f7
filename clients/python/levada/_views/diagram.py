"""Diagrams: which tables depend on which, as pictures and as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from levada._base.job_counts import JOB_COUNTS
from levada._base.names import full_name, parse_full_name
from levada._net.address import conn
from levada._pipeline import lineage as lineages
from levada._pipeline.schema import Schema
from levada._query.restriction import as_operand
from levada._tables.table import Table, free_table
from levada._views import diagram_pdf, diagram_png, diagram_svg, diagram_text, provenance
from levada._views.diagram_shapes import picture_of
from levada._views.diagram_tables import (
    Name,
    counted,
    full_names,
    is_part_of_another,
    name_of,
    parents_first,
    rows_status,
    title,
)
from levada_api.v1 import schema_pb2 as pb
from levada_api.v1 import schema_service_pb2

if TYPE_CHECKING:
    import os

    import numpy as np

    from levada._net.connection import Connection
    from levada._pipeline.lineage import Lineage
    from levada._views.diagram_shapes import Picture, Status
    from levada._views.diagram_svg import Theme

_FORMATS = ("svg", "png", "pdf", "mmd", "mermaid", "md", "dot", "txt")


class Diagram(Explained):
    """Some tables and their dependencies. It never changes; each operator returns a new one.

    `d + 1` adds the tables one step downstream and `d - 1` those one step upstream; `a + b`, `a - b` and `a * b` have
    the tables of either, of only the first, and of both. `b` may be a diagram, or anything that a diagram can be built
    from. In a notebook a diagram draws itself; `save` writes it into a file.

    Args:
        source: A schema, a module with schemas, a table or its class, or a name such as `"lab"` or `"lab.Session"`.
        more: Further ones.
        context: Not needed, because tables are shown by the names of their classes. Older code passes it.
    """

    _lineage: Lineage | None = None
    _collapsed: frozenset[Name] = frozenset()
    _expanded: frozenset[str] | None = frozenset()
    _counted = False

    def __init__(self, source: object, *more: object, context: Mapping[str, object] | None = None) -> None:
        self._connection, self._tables = _found(source)
        for other in more:
            if not isinstance(other, Mapping):  # older code passes a context
                self._tables = {**self._tables, **_found(other)[1]}

    @classmethod
    def path(cls, first: object, second: object) -> Diagram:
        """Show all ways from a table to another along foreign keys, whichever of the two depends on the other.

        Args:
            first: A table or its class.
            second: Another.

        Raises:
            InvalidRequest: Neither depends on the other.
        """
        one, other = cls(first), cls(second)
        for upper, lower in ((one, other), (other, one)):
            ways = upper._widened(descendant_steps=-1) * lower._widened(ancestor_steps=-1)
            if len(ways):
                return ways
        names = " and ".join(one.topo_sort() + other.topo_sort())
        raise InvalidRequest(
            f"There is no path between {names}: neither depends on the other. "
            "`Diagram(a, b) - 1` shows what each depends on."
        )

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
        """Count the rows of each table, by its full name: those of `trace`, `cascade` or `restrict`, or all.

        Tables from which the caller may not fetch are left out.
        """
        if self._lineage is not None:
            return self._lineage.counts()
        found = full_names(self._answer(with_places=False, with_counts=True).counts)
        return {name: count.entity_count for name, count in found.items()}

    def progress(self) -> dict[str, dict[str, int]]:
        """Count keys and jobs of each table that computes, by its full name.

        Each has `total` and `remaining` keys, and jobs by their state: `pending`, `reserved`, `success`, `error` and
        `ignored`. `stale` counts results that are not true any more, of tables with at most 10,000 results.
        """
        found = full_names(self._answer(with_places=False, with_counts=True).counts)
        return {
            name: {what: getattr(count.progress, f"{what}_count") for what in (*JOB_COUNTS, "stale")}
            for name, count in found.items()
            if count.HasField("progress")
        }

    def with_counts(self) -> Diagram:
        """Show the number of rows of each table, and how far its jobs are, as of the moment when it is drawn."""
        result = self._with(self._tables)
        result._counted = True
        return result

    def prov_json(self) -> dict[str, Any]:  # Any: what JSON holds
        """Describe how the rows of `trace` were made, as a document of W3C PROV in JSON."""
        return provenance.prov_json(self.lineage)

    def openlineage_events(self) -> list[dict[str, Any]]:  # Any: what JSON holds
        """Describe the jobs that made the rows of `trace`, as events of OpenLineage, in the order of time."""
        return provenance.openlineage_events(self.lineage)

    @classmethod
    def from_sequence(cls, sources: Iterable[object]) -> Diagram:
        """Show several schemas, modules or tables together."""
        return reduce(add, map(_as_diagram, sources))

    def __add__(self, other: object) -> Diagram:
        if isinstance(other, int):
            return self._widened(descendant_steps=other)
        added = _as_diagram(other)
        result = self._with({**self._tables, **added._tables})
        expanded = (self._tables.keys() - self._collapsed) | (added._tables.keys() - added._collapsed)
        result._collapsed = frozenset(result._tables.keys() - expanded)
        wholes = (self._expanded, added._expanded)
        result._expanded = None if None in wholes else frozenset().union(*(whole or () for whole in wholes))
        result._counted = self._counted or added._counted
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

    def drop_parts(self) -> Diagram:
        """Leave out the parts whose master is shown."""
        kept = {n: table for n, table in self._tables.items() if not is_part_of_another(table, self._tables)}
        return self._with(kept)

    def collapse(self, *schemas: str) -> Diagram:
        """Draw the tables of each schema as one; a table that is also in a diagram added to this one is drawn itself.

        `Diagram(lab).collapse() + Diagram(analysis)` shows one schema in the context of another.

        Args:
            schemas: The names of the schemas; all by default.
        """
        result = self._with(self._tables)
        self._check_schemas(schemas)
        chosen = frozenset(name for name in self._tables if not schemas or name[0] in schemas)
        result._collapsed = self._collapsed | chosen
        return result

    def expand(self, *schemas: str) -> Diagram:
        """Draw each table of schemas that are collapsed: by `collapse`, or by themselves in a large diagram.

        Args:
            schemas: The names of the schemas; all by default.
        """
        result = self._with(self._tables)
        self._check_schemas(schemas)
        result._collapsed = frozenset(name for name in self._collapsed if schemas and name[0] not in schemas)
        result._expanded = self._expanded | set(schemas) if schemas and self._expanded is not None else None
        return result

    def _check_schemas(self, schemas: Iterable[str]) -> None:
        shown = {schema for schema, _ in self._tables}
        for schema in schemas:
            if schema not in shown:
                raise InvalidRequest(f"The diagram shows no schema `{schema}`; it has {', '.join(sorted(shown))}.")

    def __len__(self) -> int:
        return len(self._tables)

    def __contains__(self, table: object) -> bool:
        operand = as_operand(table)
        return isinstance(operand, Table) and name_of(operand._name) in self._tables

    def __repr__(self) -> str:
        return diagram_text.tree(*self._text())

    def _repr_svg_(self) -> str:
        return self.make_svg()

    def _repr_html_(self) -> str:
        # Within a page, the attributes of a table appear on hover; in an image they do not.
        return self.make_svg()

    def make_mermaid(self) -> str:
        """Write the diagram in Mermaid."""
        return diagram_text.mermaid(self._answer(with_places=False), sideways=_sideways())

    def make_dot(self) -> str:
        """Write the diagram in Graphviz's language DOT. Graphviz need not be installed."""
        return diagram_text.dot(self._answer(with_places=False), sideways=_sideways())

    def make_svg(self, theme: Theme | None = None, *, legend: bool = True) -> str:
        """Draw the diagram as SVG: colours are tiers, parts are in the box of their master, frames are schemas.

        A thick line leads to a table whose whole primary key is the parent's, a solid line to one whose primary key
        contains it, a dashed line to any other. Names of tables with an attribute of their own in the primary key are
        underlined. The attributes of a table appear on hover. With the setting `display.diagram_direction = "LR"`,
        parents are to the left of their children, otherwise above them.

        Args:
            theme: `"light"`, `"dark"`, or `"auto"`, as the reader's browser prefers; by default the setting
                `display.diagram_theme`.
            legend: Explain colours and lines below the diagram.
        """
        return diagram_svg.svg(self._picture(legend), _theme(theme))

    svg_string = make_svg

    def make_png(self, theme: Theme | None = None, *, legend: bool = True) -> BytesIO:
        """Draw the diagram as a PNG, like `make_svg`, with two pixels for each of the SVG; `"auto"` is light.

        Raises:
            Unsupported: The package resvg-py is not installed.
        """
        picture = self._picture(legend)
        sharpness = min(_SHARPNESS, (_MAX_PIXELS / (picture.width * picture.height)) ** 0.5)
        return BytesIO(diagram_png.png(diagram_svg.svg(picture, _fixed(theme)), sharpness=sharpness))

    def make_pdf(self, theme: Theme | None = None, *, legend: bool = True) -> bytes:
        """Draw the diagram as a PDF of one page, in vectors, like `make_svg`; `"auto"` is light."""
        return diagram_pdf.pdf(self._picture(legend), dark=_fixed(theme) == "dark")

    def make_image(self) -> np.ndarray[Any, Any]:
        """Draw the diagram as an array of shape (height, width, 4), values from 0 to 1; as `make_png`.

        Matplotlib must be installed too.
        """
        image = self.make_png()
        from matplotlib.image import imread  # slow to import, and rarely needed

        return imread(image)

    def draw(self) -> None:
        """Show the diagram in a figure of Matplotlib's pyplot; as `make_image`."""
        image = self.make_image()
        from matplotlib import pyplot as plt  # as above

        plt.imshow(image)
        plt.gca().axis("off")
        plt.show()

    def save(self, filename: str | os.PathLike[str], format: str | None = None, *, theme: Theme | None = None) -> None:
        """Write the diagram into a file.

        Args:
            filename: The file.
            format: `"svg"`, `"png"`, `"pdf"`, `"mmd"` or `"mermaid"`, `"md"` (Mermaid within Markdown), `"dot"` or
                `"txt"`; by default the ending of the file's name.
            theme: As for `make_svg`.

        Raises:
            InvalidRequest: It is another format.
            Unsupported: It is a PNG, and the package resvg-py is not installed.
        """
        path = Path(filename)
        given = (format or path.suffix.removeprefix(".")).lower()
        if given not in _FORMATS:
            raise InvalidRequest(f"A diagram is saved as one of {', '.join(map(repr, _FORMATS))}, not as {given!r}.")
        match given:
            case "png":
                path.write_bytes(self.make_png(theme).getvalue())
            case "pdf":
                path.write_bytes(self.make_pdf(theme))
            case "svg":
                path.write_text(self.make_svg(theme), encoding="utf-8")
            case "mmd" | "mermaid":
                path.write_text(f"{self.make_mermaid()}\n", encoding="utf-8")
            case "md":
                path.write_text(f"```mermaid\n{self.make_mermaid()}\n```\n", encoding="utf-8")
            case "dot":
                path.write_text(f"{self.make_dot()}\n", encoding="utf-8")
            case _:
                path.write_text(f"{self}\n", encoding="utf-8")

    def topo_sort(self) -> list[str]:
        """Return the full names of the tables, parents first."""
        return [full_name(table.name) for table in self._ordered().values()]

    def _picture(self, legend: bool) -> Picture:
        answer = self._answer()
        titles = {box.name: title(box, self._tables) for box in answer.boxes}
        return picture_of(answer, sideways=_sideways(), titles=titles, statuses=self._statuses(answer), legend=legend)

    def _text(self) -> tuple[schema_service_pb2.LayOutGraphResponse, Mapping[str, Status]]:
        answer = self._answer(with_places=False)
        return answer, self._statuses(answer)

    def _answer(self, *, with_places: bool = True, with_counts: bool = False) -> schema_service_pb2.LayOutGraphResponse:
        """Ask the server for the boxes and lines."""
        request = schema_service_pb2.LayOutGraphRequest(
            tables=[table.name for name, table in self._tables.items() if name not in self._collapsed],
            collapsed_tables=[table.name for name, table in self._tables.items() if name in self._collapsed],
            expanded_schemas=sorted(self._expanded or ()),
            expand_all=self._expanded is None,
            sideways=_sideways(),
            include_line=self._lineage is not None,
            include_counts=with_counts or (self._counted and self._lineage is None),
            without_places=not with_places,
        )
        return self._connection.call("SchemaService/LayOutGraph", request, schema_service_pb2.LayOutGraphResponse)

    def _statuses(self, answer: schema_service_pb2.LayOutGraphResponse) -> Mapping[str, Status]:
        """Return the line about the rows of each box."""
        if self._lineage is None:
            return counted(answer.counts, answer.boxes)
        found = self._lineage.counts()
        result = {}
        for box in answer.boxes:
            own = (
                box.tables
                if not box.tier
                else [name for name in box.tables if f"{name.schema}.{name.table}" == box.name]
            )
            rows = [found[full_name(name)] for name in own if full_name(name) in found]
            if rows:
                result[box.name] = rows_status(sum(rows))
        return result

    def _with(self, tables: Mapping[Name, pb.Table]) -> Diagram:
        """Return a diagram of other tables, drawn as this one; a lineage is kept if the tables are the same."""
        result = object.__new__(Diagram)
        result._connection, result._tables = self._connection, tables
        result._collapsed = self._collapsed & tables.keys()
        result._expanded, result._counted = self._expanded, self._counted
        result._lineage = self._lineage if tables is self._tables else None
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


_SHARPNESS, _MAX_PIXELS = 2.0, 100_000_000
"""Pixels of a PNG for each of the drawing, on a side; fewer if there would be too many in all."""


def _sideways() -> bool:
    return str(config["display.diagram_direction"]).upper() == "LR"


def _theme(theme: Theme | None) -> Theme:
    chosen = str(theme or config["display.diagram_theme"])
    if chosen not in ("auto", "light", "dark"):
        raise InvalidRequest(f"The theme of a diagram is 'auto', 'light' or 'dark', not {chosen!r}.")
    return chosen  # type: ignore[return-value]  # one of these


def _fixed(theme: Theme | None) -> Theme:
    """Return the theme of a picture that cannot ask the reader's browser."""
    return "dark" if _theme(theme) == "dark" else "light"


def _as_diagram(source: object) -> Diagram:
    return source if isinstance(source, Diagram) else Diagram(source)


def _found(source: object) -> tuple[Connection, Mapping[Name, pb.Table]]:
    """Return the tables that a diagram of something shows."""
    if isinstance(source, Diagram):
        return source._connection, source._tables
    if isinstance(source, ModuleType):
        schemas = [value for value in vars(source).values() if isinstance(value, Schema)]
        if schemas:
            names = list(dict.fromkeys(schema._active_name() for schema in schemas))
            return schemas[0].connection, _graph(schemas[0].connection, schemas=names)
    if isinstance(source, Schema):
        return source.connection, _graph(source.connection, schemas=[source._active_name()])
    if isinstance(source, str):
        if "." in source:
            return conn(), _graph(conn(), tables=[parse_full_name(source)])
        return conn(), _graph(conn(), schemas=[source])
    table = as_operand(source)
    if isinstance(table, Table):
        return table.connection, _graph(table.connection, tables=[table._name])
    raise InvalidRequest(
        "A diagram shows schemas, modules with schemas, and tables, or names such as 'lab' and 'lab.Session', "
        f"not {source!r}."
    )


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
