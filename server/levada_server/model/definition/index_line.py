"""The line of a secondary index."""

from __future__ import annotations

import re
from dataclasses import dataclass

from levada_server.model.definition.text import Line, Word, listed, refuse, skip_blanks
from levada_server.model.types import excerpt

_INDEX = re.compile(r"(unique\s+)?index\s*\(", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_JSON_PATH = re.compile(r"([a-z][a-z0-9_]*)\.[\w.*\[\]]+(?::[\w(,\s)]+)?")


@dataclass(frozen=True, slots=True)
class IndexItem:
    """One item of an index.

    Args:
        expression: The name of an attribute, or an expression in parentheses.
        offset: Its position in the line.
        attribute: The attribute that it names, also at the head of a JSON path; empty for an expression.
        path: It is a JSON path.
    """

    expression: str
    offset: int
    attribute: str = ""
    path: bool = False


@dataclass(frozen=True, slots=True)
class IndexLine:
    """`index (a, b)` or `unique index (a, b)`."""

    line: Line
    items: tuple[IndexItem, ...]
    unique: bool


def parse_index(line: Line) -> IndexLine | None:
    """Read the line of an index; return None for any other line.

    Raises:
        InvalidDefinition: It begins like an index but is not valid.
    """
    match = _INDEX.match(line.text)
    if match is None:
        return None
    opening = match.end() - 1
    items, end = listed(line, opening)
    end = skip_blanks(line, end)
    if end < len(line.text) and line.text[end] != "#":
        raise refuse(line, end, "this does not belong to an index", "the end of the line")
    if not items:
        raise refuse(line, opening + 1, "this index is empty", "names of attributes")
    return IndexLine(line, tuple(_parse_item(line, item) for item in items), unique=match[1] is not None)


def _parse_item(line: Line, item: Word) -> IndexItem:
    if _NAME.fullmatch(item.text):
        return IndexItem(item.text, item.offset, item.text)
    if path := _JSON_PATH.fullmatch(item.text):
        return IndexItem(f"({item.text})", item.offset, path[1], path=True)
    if item.text.startswith("("):
        inner, end = listed(line, item.offset)
        if end == item.offset + len(item.text) and inner:
            return IndexItem(item.text, item.offset)
    raise refuse(
        line,
        item.offset,
        f"`{excerpt(item.text)}` cannot be indexed",
        "the name of an attribute, a JSON path such as car.length, or an expression in parentheses",
    )
