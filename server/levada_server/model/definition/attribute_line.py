"""The line of an attribute: its name, default, type and comment."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada_server.errors import InvalidDefinition
from levada_server.model.defaults import parse_default
from levada_server.model.definition.text import Line, Word, marks, quoted, refuse, skip_blanks, word
from levada_server.model.kinds import Family, Kind
from levada_server.model.table import MAX_NAME_BYTES
from levada_server.model.types import NO_CODECS, AttributeType, excerpt, parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from levada_server.model.heading import Default

SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""PostgreSQL gives every table these hidden columns, and allows no other column of such a name."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NAME_END = re.compile(r"[^\s=:#]*")


@dataclass(frozen=True, slots=True)
class AttributeLine:
    """`name [= default] : type  [# comment]`.

    Args:
        default: In one spelling; None if there is none.
        default_offset: The position of the default, or where one would be.
        type_offset: The position of the type.
        primary_key: The line is above the divider.
    """

    line: Line
    name: Word
    type: AttributeType
    type_offset: int
    default: Default | None
    default_offset: int
    auto_increment: bool
    comment: str
    primary_key: bool


def parse_attribute(
    line: Line,
    primary_key: bool,
    codecs: Mapping[str, str] = NO_CODECS,
    times_are_spans: Callable[[str], bool] = lambda name: False,
) -> AttributeLine:
    """Read the line of an attribute.

    Args:
        line: The line.
        primary_key: It is above the divider.
        codecs: The client's codecs, as `parse_type` takes them.
        times_are_spans: Returns whether `time` declares the attribute of a name as a duration.

    Raises:
        InvalidDefinition: The line or its type is not valid, or the type has no such default.
    """
    name_end = _NAME_END.match(line.text)
    assert name_end is not None
    name = check_name(line, Word(name_end[0], 0))
    mark = skip_blanks(line, name_end.end())
    given = line.text.startswith("=", mark)
    colon = _colon(line, mark + 1, name) if given else mark
    if not line.text.startswith(":", colon):
        raise refuse(line, colon, f"`{excerpt(name.text)}` has no type", "`:` and a type, as in `: int32`")
    end = next((offset for mark, offset in marks(line, colon + 1) if mark == "#"), len(line.text))
    type_, auto_increment, type_word = _parse_type(line, colon + 1, end, codecs)
    if type_.kind is Kind.TIME and times_are_spans(name.text):
        type_ = replace(type_, kind=Kind.DURATION)
    if primary_key and (not type_.kind.traits.keyable or type_.client_codecs):
        raise refuse(
            line,
            type_word.offset,
            f"{type_} cannot be part of a primary key",
            "a number, a text, a time or a uuid",
        )
    default_word = word(line, mark + 1, colon) if given else type_word
    default = _parse_default(line, default_word, type_) if given else None
    if auto_increment and default is not None:
        raise refuse(line, default_word.offset, "auto_increment fills this attribute", "no default")
    if primary_key and default is not None and default.null:
        raise refuse(
            line,
            default_word.offset,
            "a primary key is never null",
            "another default, or this line below `---`",
        )
    return AttributeLine(
        line,
        name,
        type_,
        type_word.offset,
        default,
        default_word.offset,
        auto_increment,
        line.text[end + 1 :].strip(),
        primary_key,
    )


def check_name(line: Line, name: Word) -> Word:
    """Return the name if an attribute may have it.

    Raises:
        InvalidDefinition: It is not allowed.
    """
    if name.text.startswith("_"):
        raise refuse(line, name.offset, "names that begin with `_` are reserved", "a letter from a to z first")
    if not _NAME.fullmatch(name.text):
        lower = name.text.lower()
        example = lower if _NAME.fullmatch(lower) and len(lower) <= MAX_NAME_BYTES else "subject_id"
        raise refuse(
            line,
            name.offset,
            f"`{excerpt(name.text)}` is not a valid name of an attribute",
            f"a-z, 0-9 and _, a letter first, such as {example}",
        )
    if len(name.text) > MAX_NAME_BYTES:
        raise refuse(line, name.offset, f"this name has {len(name.text)} bytes", f"at most {MAX_NAME_BYTES} bytes")
    if name.text in SYSTEM_COLUMNS:
        raise refuse(
            line,
            name.offset,
            f"PostgreSQL keeps `{name.text}` for itself",
            f"another name, such as {name.text}_",
        )
    return name


def _colon(line: Line, start: int, name: Word) -> int:
    """Find the colon that ends a default."""
    for mark, offset in marks(line, start):
        if mark == ":":
            return offset
        if mark == "#":
            raise refuse(
                line,
                offset,
                f"`{excerpt(name.text)}` has no type yet",
                "`:` and a type, or quotes around the default",
            )
    return len(line.text)


def _parse_type(line: Line, start: int, end: int, codecs: Mapping[str, str]) -> tuple[AttributeType, bool, Word]:
    """Read a type.

    Returns:
        The type, whether a sequence fills the attribute, and the position of the type.
    """
    whole = word(line, start, end)
    if not whole.text:
        raise refuse(line, whole.offset, "the type is missing", "a type such as int32, varchar(40) or <blob>")
    head, *tail = whole.text.rsplit(maxsplit=1)
    counted = bool(tail) and tail[0].lower() == "auto_increment"
    text = head if counted else whole.text
    try:
        type_ = parse_type(text, codecs)
    except InvalidDefinition as error:
        raise refuse(line, whole.offset, error.message, error.details["expected"]) from None
    auto_increment = counted or text.lower() == "serial"
    if auto_increment and type_ == AttributeType(Kind.UINT64):
        type_ = AttributeType(Kind.INT64)  # PostgreSQL counts so; no table ever has more rows
    if auto_increment and (type_.family is not Family.INTEGER or type_.client_codecs):
        raise refuse(line, whole.offset, f"auto_increment is not possible with {type_}", "an integer type")
    return type_, auto_increment, whole


def _parse_default(line: Line, default: Word, type_: AttributeType) -> Default:
    if not default.text:
        raise refuse(line, default.offset, "the default is missing", "a default such as 0, 'text' or null")
    in_quotes = quoted(default.text)
    if not in_quotes and ("'" in default.text or '"' in default.text):
        raise refuse(line, default.offset, "the quotes do not enclose the default", "one text in quotes")
    try:
        return parse_default(default.text, in_quotes, type_)
    except InvalidDefinition as error:
        raise refuse(line, default.offset, error.message, error.details["expected"]) from None
