"""Tables as people see them: text for a terminal, HTML for a notebook, legible in light and dark and without styles."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from levada._base.text import markup, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

NULL = "NULL"
_MAX_CELL = 80
"""The length of a text in HTML; its cell shows what fits."""
_MAX_HOVER = 1000
_NARROW = 3
"""The least width of a column of text."""
_GAP = "  "

# A notebook that is opened again has lost its style sheets, so each element has its own style, and marks are elements.
_TABLE = "border-collapse:collapse;font-size:90%;margin:0"
_CAPTION = "text-align:left;caption-side:top;padding:.2em 0;opacity:.75;white-space:nowrap"
_CELL = "padding:.2em .7em;border-bottom:1px solid #8884;white-space:nowrap;vertical-align:middle;text-align:"
_LONG = ";max-width:24em;overflow:hidden;text-overflow:ellipsis"
_DIM = "opacity:.55"
_LABEL = f"{_DIM};font-size:85%"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        hover: Shown when the pointer is over its name.
        right: Its cells stand to the right, as numbers do.
        key: It is part of the primary key: its name is underlined, and has a star in text.
        foreign: It is part of a foreign key: its name is slanted.
        width: At most this many characters of a cell are shown as text, and a part of it in HTML, where the pointer
            shows the whole; None: the whole.
    """

    name: str
    hover: str = ""
    right: bool = False
    key: bool = False
    foreign: bool = False
    width: int | None = None


@dataclass(frozen=True)
class Cell:
    """The content of a cell.

    Args:
        text: A text; None for NULL.
        picture: Markup that stands above the text in HTML.
        spark: A few characters that stand before it on a terminal.
        dim: The text is only a label.
    """

    text: str | None
    picture: str = ""
    spark: str = ""
    dim: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        rows: One cell per column.
        name: Set in bold in the line above.
        about: More texts for this line; empty ones are left out.
        more: There are more rows.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    name: str = ""
    about: Sequence[str] = ()
    more: bool = False

    def text(self) -> str:
        """Write it as lines: on a terminal only the columns that fit beside each other."""
        columns = [_TextColumn(column, [row[n] for row in self.rows]) for n, column in enumerate(self.columns)]
        kept = _fitting(columns) if sys.stdout is not None and sys.stdout.isatty() else columns
        lines = [_GAP.join(column.line(n) for column in kept).rstrip() for n in range(len(self.rows) + 2)]
        if self.more:
            lines.append(_GAP.join("…".ljust(column.width) for column in kept).rstrip())
        hidden = ", ".join(column.name for column in columns[len(kept) :])
        about = [self.name, *self.about, f"not shown: {hidden}" if hidden else ""]
        return "\n".join([" · ".join(printable(part) for part in about if part), *lines]).strip("\n") + "\n"

    def html(self) -> str:
        """Write it as a table that scrolls if it is wide."""
        head = "".join(map(_head, self.columns))
        body = "".join("<tr>" + "".join(map(_cell, row, self.columns)) + "</tr>" for row in self.rows)
        about = [f"<b>{markup(self.name)}</b>"] if self.name else []
        about += [markup(part) for part in self.about if part]
        caption = f'<caption style="{_CAPTION}">{" · ".join(about)}</caption>' if about else ""
        return (
            f'<div class="levada-preview" style="overflow-x:auto"><table style="{_TABLE}">{caption}'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


class Printer(Protocol):
    """The used part of IPython's printer."""

    stack: Sequence[object]

    def text(self, text: str) -> None:
        """Write a text."""


def is_shown_alone(printer: Printer) -> bool:
    """Return whether an object is all that a prompt shows, rather than a member of a list."""
    return len(printer.stack) <= 1


def html_line(text: str) -> str:
    """Write a dim text, in letters of one width: an error has a mark below its place."""
    return f'<pre style="margin:0;opacity:.75;white-space:pre-wrap">{markup(text)}</pre>'


class _TextColumn:
    """A column of text: its name, a rule, and its cells."""

    def __init__(self, column: Column, cells: Sequence[Cell]) -> None:
        self.name = column.name
        self._right = column.right
        head = printable(f"*{column.name}" if column.key else column.name)
        self._lines = [head, "", *(printable(_as_text(cell)) for cell in cells)]
        self.longest = max(*map(len, self._lines), _NARROW)
        self.width = max(min(self.longest, column.width or self.longest), len(head), _NARROW)

    def line(self, number: int) -> str:
        if number == 1:
            return "─" * self.width
        cell = _cut(self._lines[number], self.width)
        return cell.rjust(self.width) if self._right else cell.ljust(self.width)


def _fitting(columns: list[_TextColumn]) -> list[_TextColumn]:
    """Keep the columns that fit into the terminal beside each other, at least one, and widen cut ones into its rest."""
    room = shutil.get_terminal_size().columns + len(_GAP)
    for number, column in enumerate(columns):
        room -= column.width + len(_GAP)
        if room < 0:
            return columns[: max(number, 1)]
    for column in columns:
        more = min(column.longest - column.width, room)
        column.width += more
        room -= more
    return columns


def _as_text(cell: Cell) -> str:
    return NULL if cell.text is None else f"{cell.spark} {cell.text}".lstrip()


def _head(column: Column) -> str:
    name = markup(column.name)
    if column.foreign:
        name = f"<i>{name}</i>"
    if column.key:
        name = f"<u>{name}</u>"
    return f'<th style="{_CELL}{_side(column)}" title="{markup(column.hover)}">{name}</th>'


def _cell(cell: Cell, column: Column) -> str:
    style, text = f"{_CELL}{_side(column)}", cell.text
    if text is None:
        return f'<td style="{style}"><span style="{_DIM}">{NULL}</span></td>'
    if cell.picture:
        return f'<td style="{style}">{cell.picture}<br><span style="{_LABEL}">{markup(text)}</span></td>'
    if cell.dim:
        return f'<td style="{style}"><span style="{_DIM}">{markup(text)}</span></td>'
    if column.width is None:
        return f'<td style="{style}">{markup(text)}</td>'
    return f'<td style="{style}{_LONG}" title="{markup(_cut(text, _MAX_HOVER))}">{markup(_cut(text, _MAX_CELL))}</td>'


def _side(column: Column) -> str:
    return "right" if column.right else "left"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
