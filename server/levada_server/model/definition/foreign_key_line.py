"""The line of a foreign key: the table it refers to, and the names of its attributes here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from levada_server.model.definition.attribute_line import check_name
from levada_server.model.definition.text import Line, Word, listed, refuse, skip_blanks, word
from levada_server.model.types import excerpt, unquote

_OPTIONS = re.compile(r"\[([^\]]*)\]")
_TABLE_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_ARGUMENT = re.compile(r"(?:([^\s=]*)\s*=\s*)?('[^']*'|\"[^\"]*\")")


@dataclass(frozen=True, slots=True)
class ForeignKeyLine:
    """`-> [options] Name.proj(new='old')  [# comment]` or `(new) -> [options] Name (old)  [# comment]`.

    Args:
        parent: As the host language writes it, such as lab.Session.Trial.
        new: The names of the parent's attributes here.
        old: Their names in the parent; None if the line leaves them open.
        projected: The names come from a proj, where `'name'` alone is both the new and the old one.
        primary_key: The line is above the divider.
    """

    line: Line
    parent: Word
    new: tuple[Word, ...]
    old: tuple[Word, ...] | None
    projected: bool
    nullable: bool
    unique: bool
    comment: str
    primary_key: bool


def parse_foreign_key(line: Line, primary_key: bool) -> ForeignKeyLine:
    """Read the line of a foreign key, in either spelling.

    Raises:
        InvalidDefinition: The line is not valid.
    """
    new: tuple[Word, ...] = ()
    projected = False
    offset = 0
    if line.text.startswith("("):
        names, offset = listed(line, 0)
        if not names:
            raise refuse(line, 1, "new names are missing", "the names of the attributes here")
        new = tuple(check_name(line, name) for name in names)
        offset = skip_blanks(line, offset)
        if not line.text.startswith("->", offset):
            raise refuse(line, offset, "these names lead nowhere", "`->` and a table")
    offset = skip_blanks(line, offset + 2)
    options, offset = _parse_options(line, offset, primary_key)
    match = _TABLE_NAME.match(line.text, offset)
    if match is None:
        raise refuse(line, offset, "the table is missing", "the name of a table, such as Session or lab.Session")
    parent = Word(match[0], offset)
    offset = skip_blanks(line, match.end())
    old: tuple[Word, ...] | None = None if new else ()
    if line.text.startswith("(", offset):
        if parent.text.endswith(".proj"):
            if new:
                raise refuse(line, offset, "this renames twice", "either (new) -> Table(old) or proj(new='old')")
            parent = Word(parent.text.removesuffix(".proj"), parent.offset)
            new, old, offset = _parse_proj(line, offset)
            projected = True
        else:
            old, offset = _parse_old(line, offset, new)
        offset = skip_blanks(line, offset)
    if offset < len(line.text) and line.text[offset] != "#":
        raise refuse(line, offset, "this does not belong to a foreign key", "the end of the line, or `#` and a comment")
    return ForeignKeyLine(
        line,
        parent,
        new,
        old,
        projected,
        "nullable" in options,
        "unique" in options,
        line.text[offset + 1 :].strip(),
        primary_key,
    )


def _parse_options(line: Line, offset: int, primary_key: bool) -> tuple[frozenset[str], int]:
    match = _OPTIONS.match(line.text, offset)
    if match is None:
        return frozenset(), offset
    start = offset + 1
    found: set[str] = set()
    for text in match[1].split(","):
        option = word(line, start, start + len(text))
        if option.text.lower() not in ("nullable", "unique"):
            raise refuse(line, option.offset, f"`{excerpt(option.text)}` is not an option", "nullable or unique")
        if primary_key and option.text.lower() == "nullable":
            raise refuse(line, option.offset, "a primary key is never null", "no `nullable`, or this line below `---`")
        found.add(option.text.lower())
        start += len(text) + 1
    return frozenset(found), skip_blanks(line, match.end())


def _parse_proj(line: Line, opening: int) -> tuple[tuple[Word, ...], tuple[Word, ...], int]:
    """Read the arguments of proj: new names, old names, and the offset after them."""
    items, end = listed(line, opening)
    new: list[Word] = []
    old: list[Word] = []
    for item in items:
        match = _ARGUMENT.fullmatch(item.text)
        if match is None:
            raise refuse(line, item.offset, "proj in a foreign key only renames", "new='old'")
        old.append(Word(unquote(match[2]).strip(), item.offset + match.start(2)))
        new.append(old[-1] if match[1] is None else check_name(line, Word(match[1], item.offset)))
    return tuple(new), tuple(old), end


def _parse_old(line: Line, opening: int, new: tuple[Word, ...]) -> tuple[tuple[Word, ...], int]:
    """Read the names in parentheses after the table."""
    if not new:
        raise refuse(line, opening, "new names are missing", "(new) -> Table(old), or the table's name alone")
    old, end = listed(line, opening)
    if len(old) != len(new):
        raise refuse(line, opening, f"{len(new)} new names for {len(old)} attributes", "as many names on both sides")
    return old, end
