"""The first rows of a relation, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Protocol

from levada._base.config import config
from levada._base.errors import LevadaError
from levada._query import fetching, nodes

if TYPE_CHECKING:
    from levada._net.connection import Connection
    from levada._values.heading import Heading

_MAX_CELL = 80
"""The length of a value in HTML."""

_STYLE = (
    "<style scoped>.levada-preview{border-collapse:collapse;font-size:90%}"
    ".levada-preview th,.levada-preview td{padding:.2em .7em;text-align:left;border-bottom:1px solid #8884}"
    ".levada-preview th.key{text-decoration:underline;text-underline-offset:.2em}</style>"
)


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

    def proj(self, /, *attributes: str) -> Previewed:
        """Keep the key and some attributes."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class _Preview:
    heading: Heading
    rows: list[list[str]]
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
    names = [f"*{name}" if preview.heading[name].in_key else name for name in preview.heading.names]
    most = int(width or config["display.width"])
    columns = list(zip(names, *preview.rows, strict=True)) if names else []
    widths = [max(min(max(map(len, column)), most), len(column[0])) for column in columns]
    lines = [
        _line(names, widths),
        " ".join(f"+{'-' * (w - 2)}+" if w > 1 else "+" for w in widths),
        *(_line(row, widths) for row in preview.rows),
    ]
    if not preview.complete:
        lines.append(_line(["..."] * len(names), widths))
    if config["display.show_tuple_count"]:
        lines.append(f" (Total: {preview.entity_count})")
    return "\n".join(lines) + "\n"


def html(relation: Previewed) -> str:
    """Show the first rows as a table; the key is underlined, and types appear on hover."""
    try:
        preview = _load(relation, None)
    except LevadaError as error:
        return f"<pre>{escape(str(error))}</pre>"
    head = "".join(
        f'<th class="{"key" if a.in_key else ""}" title="{escape(f"{a.type}  {a.comment}".strip())}">'
        f"{escape(a.name)}</th>"
        for a in preview.heading.attributes.values()
    )
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_cut(cell, _MAX_CELL))}</td>" for cell in row) + "</tr>" for row in preview.rows
    )
    more = "" if preview.complete else "<p>…</p>"
    count = f"<p>Total: {preview.entity_count}</p>" if config["display.show_tuple_count"] else ""
    return (
        f'{_STYLE}<div><table class="levada-preview"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f"{more}{count}</div>"
    )


def _load(relation: Previewed, limit: int | None) -> _Preview:
    heading = relation.heading
    most = int(limit or config["display.limit"])
    types = {name: heading[name].parsed_type for name in heading.names}
    labels = {n: type_.codecs[0] if type_.codecs else type_.codec or type_.kind for n, type_ in types.items()}
    light = [name for name, type_ in types.items() if not type_.heavy and not type_.codecs]
    # One row more than shown tells whether there are more, mostly without counting.
    node = nodes.top(relation.proj(*light)._node, most + 1, (), 0)
    values = fetching.to_dicts(fetching.Result(relation.connection, node).table())
    rows = [
        [_cell(row[name]) if name in row else f"={labels[name].upper()}=" for name in heading.names]
        for row in values[:most]
    ]
    return _Preview(heading, rows, len(values) if len(values) <= most else len(relation))


def _cell(value: object) -> str:
    return str(value).replace("\n", " ")


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"


def _line(cells: list[str], widths: list[int]) -> str:
    return " ".join(f"{_cut(cell, w):<{w}}" for cell, w in zip(cells, widths, strict=True)).rstrip()
