"""The first rows of a relation, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from levada._base.config import config
from levada._base.display import Cell, Column, Table, html_line
from levada._base.errors import LevadaError
from levada._query import fetching, nodes
from levada._query.flattening import relation_message
from levada._query.samples import Samples
from levada_api.v1 import query_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._net.connection import Connection
    from levada._values.heading import Attribute, Heading
    from levada._values.types import AttributeType

MOST_COUNTED = 1_000_000
"""Up to how many rows are counted: a tenth of a second; counting all of a large table would take many."""
_MOST_CHARACTERS = 1000
"""How much of a text is fetched."""


class Previewed(Protocol):
    """The part of a relation that a preview needs."""

    _node: nodes.Node

    @property
    def connection(self) -> Connection:
        """Its connection."""
        ...

    @property
    def heading(self) -> Heading:
        """Its attributes."""
        ...

    def _title(self) -> tuple[str, str]:
        """Its full name and its comment, if it is a table."""
        ...

    def _previewed(self) -> Sequence[str]:
        """The names of the attributes to show."""
        ...

    def proj(self, /, *attributes: str, **named_attributes: str) -> Previewed:
        """Keep the key and some attributes, and compute others."""
        ...

    def __and__(self, condition: object) -> Previewed: ...


def text(relation: Previewed, limit: int | None = None, width: int | None = None) -> str:
    """Show the first rows; a star marks the attributes of the primary key. Never raises an error from the server."""
    try:
        return _load(relation, limit, width).text()
    except LevadaError as error:
        return f"<{type(relation).__name__}: {error}>"


def html(relation: Previewed) -> str:
    """Show the first rows as a table; the key is underlined, foreign keys are slanted, and types appear on hover."""
    try:
        return _load(relation, None, None).html()
    except LevadaError as error:
        return html_line(str(error))


def both(relation: Previewed) -> dict[str, str]:
    """Show the first rows as text and as a table, by media type; they are fetched once."""
    try:
        table = _load(relation, None, None)
    except LevadaError:
        return {}
    return {"text/plain": table.text().rstrip(), "text/html": table.html()}


def _load(relation: Previewed, limit: int | None, width: int | None) -> Table:
    heading = relation.heading
    names = [name for name in relation._previewed() if name in heading]
    types = {name: heading[name].parsed_type for name in {*heading.primary_key, *names}}
    most = limit or config["display.limit"]
    computed = {name: expression for name in names if (expression := _instead(name, types[name]))}
    aliases = {name: _unused(f"preview_{number}", heading) for number, name in enumerate(computed)}
    light = [name for name in types if name not in computed and not _is_large(types[name])]
    # One row more than shown tells whether there are more, mostly without counting.
    query = relation.proj(*light, **{aliases[name]: expression for name, expression in computed.items()})
    values = fetching.to_dicts(fetching.fetch_table(relation.connection, nodes.top(query._node, most + 1, (), 0)))
    rows = values[:most]
    samples = Samples(relation, [{name: row[name] for name in heading.primary_key} for row in rows])
    columns = []
    for name in names:
        found = [row.get(aliases.get(name, name)) for row in rows]
        columns.append(samples.cells(name, types[name], found) if _is_large(types[name]) else list(map(_cell, found)))
    title, comment = relation._title()
    more = len(values) > most
    left_out = len(heading) - len(names)
    return Table(
        [_column(heading[name], title, width or config["display.width"]) for name in names],
        list(zip(*columns, strict=True)),
        title,
        [
            comment,
            _count(relation, len(rows), more=more),
            f"{left_out} more attributes by .proj(...)" if left_out else "",
        ],
        more,
    )


def _count(relation: Previewed, shown: int, *, more: bool) -> str:
    if not config["display.show_tuple_count"]:
        return f"the first {shown} rows" if more else ""
    if not more:
        return f"{shown} {'row' if shown == 1 else 'rows'}"
    request = pb.CountRelationRequest(relation=relation_message(nodes.top(relation._node, MOST_COUNTED + 1, (), 0)))
    count = relation.connection.call("QueryService/CountRelation", request, pb.CountRelationResponse).entity_count
    return f"{shown} of {f'more than {MOST_COUNTED}' if count > MOST_COUNTED else count} rows"


def _column(attribute: Attribute, table: str, width: int) -> Column:
    origin = attribute.origin
    return Column(
        attribute.name,
        hover=f"{attribute.type}  {attribute.comment}".strip() + (f"  from {origin}" if origin else ""),
        right=attribute.numeric,
        key=attribute.in_key,
        foreign=bool(table and origin and origin.rpartition(".")[0] != table),
        width=width if attribute.parsed_type.textual or attribute.json else None,
    )


def _instead(name: str, type_: AttributeType) -> str:
    """Return the expression that is fetched in place of an attribute whose values may be large; empty for others."""
    if type_.kind == "object":
        return f"(`{name}` IS NOT NULL)" if type_.codecs else ""
    if _is_large(type_):
        return f"length(`{name}`)"
    return f"left(`{name}`, {_MOST_CHARACTERS})" if type_.kind in ("text", "json") else ""


def _is_large(type_: AttributeType) -> bool:
    return type_.heavy or bool(type_.codecs)


def _unused(name: str, heading: Heading) -> str:
    while name in heading:
        name += "_"
    return name


def _cell(value: Any) -> Cell:  # noqa: ANN401  # an attribute's value
    if value is None:
        return Cell(None)
    return Cell((value if isinstance(value, str) else str(value)).replace("\n", " "))
