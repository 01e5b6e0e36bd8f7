"""The first rows of a relation, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Protocol

from levada._base.config import config
from levada._base.errors import LevadaError
from levada._base.text import printable
from levada._query import fetching, nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._net.connection import Connection
    from levada._values.heading import Attribute, Heading
    from levada._values.types import AttributeType

_MAX_CELL = 80
"""The length of a text in HTML; its cell shows what fits."""
_MAX_HOVER = 1000
_NULL = "NULL"

# A notebook that is opened again has lost its style sheets, so each element has its own style, and marks are elements.
_TABLE = "border-collapse:collapse;font-size:90%;margin:0"
_CAPTION = "text-align:left;caption-side:top;padding:.2em 0;opacity:.75"
_CELL = "padding:.2em .7em;border-bottom:1px solid #8884;white-space:nowrap;text-align:"
_LONG = "max-width:24em;overflow:hidden;text-overflow:ellipsis"


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

    def proj(self, /, *attributes: str) -> Previewed:
        """Keep the key and some attributes."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class _Preview:
    """The content of a preview; `rows` has the values as text, None for NULL."""

    title: tuple[str, str]
    attributes: Sequence[Attribute]
    rows: list[list[str | None]]
    entity_count: int

    @property
    def complete(self) -> bool:
        return self.entity_count == len(self.rows)


def text(relation: Previewed, limit: int | None = None, width: int | None = None) -> str:
    """Show the first rows; a star marks the attributes of the primary key. Never raises an error from the server."""
    try:
        preview = _load(relation, limit)
    except LevadaError as error:
        return f"<{type(relation).__name__}: {error}>"
    names = [f"*{attribute.name}" if attribute.in_key else attribute.name for attribute in preview.attributes]
    rows = [[printable(_NULL if cell is None else cell) for cell in row] for row in preview.rows]
    columns = list(zip(names, *rows, strict=True)) if names else []
    most = width or config["display.width"]
    widths = []
    for attribute, column in zip(preview.attributes, columns, strict=True):
        longest = max(map(len, column))
        cut = min(longest, most) if _is_text(attribute.parsed_type) else longest
        widths.append(max(cut, len(column[0]), len("...")))
    right = [attribute.numeric for attribute in preview.attributes]
    lines = [
        _line(names, widths, right),
        " ".join(f"+{'-' * (w - 2)}+" for w in widths),
        *(_line(row, widths, right) for row in rows),
    ]
    if not preview.complete:
        lines.append(_line(["..."] * len(names), widths, right))
    if config["display.show_tuple_count"]:
        lines.append(f" (Total: {preview.entity_count})")
    return "\n".join(lines) + "\n"


def html(relation: Previewed) -> str:
    """Show the first rows as a table; the key is underlined, foreign keys are slanted, and types appear on hover."""
    try:
        preview = _load(relation, None)
    except LevadaError as error:
        return f"<pre>{escape(str(error))}</pre>"
    name, comment = preview.title
    sides = ["right" if attribute.numeric else "left" for attribute in preview.attributes]
    head = "".join(
        f'<th style="{_CELL}{side}" title="{escape(_about(attribute))}">{_marked(attribute, name)}</th>'
        for attribute, side in zip(preview.attributes, sides, strict=True)
    )
    rows = "".join("<tr>" + "".join(map(_html_cell, row, preview.attributes, sides)) + "</tr>" for row in preview.rows)
    about = [f"<b>{escape(name)}</b>"] if name else []
    about += [escape(comment)] if comment else []
    if config["display.show_tuple_count"]:
        shown = "" if preview.complete else f"{len(preview.rows)} of "
        about.append(f"{shown}{preview.entity_count} {'row' if preview.entity_count == 1 else 'rows'}")
    elif not preview.complete:
        about.append(f"the first {len(preview.rows)} rows")
    caption = f'<caption style="{_CAPTION}">{" · ".join(about)}</caption>' if about else ""
    return (
        f'<div class="levada-preview" style="overflow-x:auto"><table style="{_TABLE}">{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _about(attribute: Attribute) -> str:
    origin = f"  from {attribute.origin}" if attribute.origin else ""
    return f"{attribute.type}  {attribute.comment}".strip() + origin


def _marked(attribute: Attribute, table: str) -> str:
    name = escape(attribute.name)
    if table and attribute.origin and attribute.origin.rpartition(".")[0] != table:
        name = f"<i>{name}</i>"
    return f"<u>{name}</u>" if attribute.in_key else name


def _html_cell(cell: str | None, attribute: Attribute, side: str) -> str:
    if cell is None:
        return f'<td style="{_CELL}{side}"><span style="opacity:.45">{_NULL}</span></td>'
    if not _is_text(attribute.parsed_type):
        return f'<td style="{_CELL}{side}">{escape(cell)}</td>'
    hover, shown = escape(_cut(cell, _MAX_HOVER)), escape(_cut(cell, _MAX_CELL))
    return f'<td style="{_CELL}{side};{_LONG}" title="{hover}">{shown}</td>'


def _load(relation: Previewed, limit: int | None) -> _Preview:
    heading = relation.heading
    most = limit or config["display.limit"]
    types = {name: heading[name].parsed_type for name in heading.names}
    light = [name for name, type_ in types.items() if not type_.heavy and not type_.codecs]
    # One row more than shown tells whether there are more, mostly without counting.
    node = nodes.top(relation.proj(*light)._node, most + 1, (), 0)
    values = fetching.to_dicts(fetching.Result(relation.connection, node).table())
    rows = [
        [_cell(row[name]) if name in row else _label(types[name]) for name in heading.names] for row in values[:most]
    ]
    attributes = list(heading.attributes.values())
    return _Preview(relation._title(), attributes, rows, len(values) if len(values) <= most else len(relation))


def _label(type_: AttributeType) -> str:
    """Stand for a value that may be large and is not fetched."""
    if type_.codecs:
        return f"={type_.codecs[0].upper()}="
    if type_.dtype is not None:
        return f"{type_.dtype} ({', '.join(map(str, type_.shape))})"
    return f"={(type_.codec or type_.kind).upper()}="


def _is_text(type_: AttributeType) -> bool:
    """Return whether values may be long, so that cells are cut and their lines broken."""
    return type_.textual or type_.kind == "json"


def _cell(value: object) -> str | None:
    return None if value is None else str(value).replace("\n", " ")


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return " ".join(
        f"{_cut(cell, width):{'>' if to_right else '<'}{width}}"
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    ).rstrip()
