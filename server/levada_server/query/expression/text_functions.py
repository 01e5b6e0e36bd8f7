"""The functions of text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.model.kinds import Family
from levada_server.query import sql
from levada_server.query.expression.calls import arguments
from levada_server.query.expression.casts import as_text
from levada_server.query.expression.conversions import by_itself, convert
from levada_server.query.expression.operands import (
    LARGEST_INTEGER,
    Constant,
    Extent,
    Operand,
    Site,
    Typed,
    exact_text,
    function,
)
from levada_server.query.postgres_types import value_type

if TYPE_CHECKING:
    from levada_server.query.expression import syntax

_ESCAPE = re.compile(r"\\.", re.DOTALL)
"""An escape of a regular expression."""

_ESCAPES = {r"\b": r"\y", r"\B": r"\Y", r"\z": r"\Z"}
"""Escapes of other engines that PostgreSQL spells with another letter."""


def joined(site: Site, call: syntax.Call) -> Typed:
    """Join texts; NULL if one is."""
    texts = [as_text(site, operand) for operand in arguments(site, call)]
    if len(texts) == 1:
        return texts[0]
    expression = function("joined", sql.Operation("||", tuple(text.sql for text in texts)))
    return site.typed(call.position, exact_text(expression), Family.TEXT, *texts)


def lower(site: Site, call: syntax.Call) -> Typed:
    """Write in lower case."""
    return _letters(site, call, "lower")


def upper(site: Site, call: syntax.Call) -> Typed:
    """Write in upper case."""
    return _letters(site, call, "upper")


def _letters(site: Site, call: syntax.Call, name: str) -> Typed:
    # Exact order knows only the letters of ASCII; the database's own knows all.
    text = as_text(site, site.operand(call.arguments[0]))
    letters = sql.Call(name, (sql.Test(text.sql, 'COLLATE "default"'),))
    return site.typed(call.position, exact_text(letters), Family.TEXT, text)


def length(site: Site, call: syntax.Call) -> Typed:
    """Count the characters of a text, or the bytes of bytes."""
    operand = by_itself(site, site.operand(call.arguments[0]))
    name = "octet_length"
    if operand.family is not Family.OPAQUE or value_type(operand.type) != "bytea":
        operand, name = as_text(site, operand), "length"
    length = sql.Cast(sql.Call(name, (operand.sql,)), "bigint")
    return site.typed(call.position, length, Family.INTEGER, operand, extent=Extent(1, 2**31))


def part(site: Site, call: syntax.Call) -> Typed:
    """Cut out a part of a text."""
    operands = arguments(site, call)
    text = as_text(site, operands[0])
    start = convert(site, operands[1], Family.INTEGER)
    many = convert(
        site, operands[2] if len(operands) == 3 else Constant(call.position, LARGEST_INTEGER), Family.INTEGER
    )
    expression = function("part_of_text", text.sql, start.sql, many.sql)
    return site.typed(call.position, expression, Family.TEXT, text, start, many)


def replaced(site: Site, call: syntax.Call) -> Typed:
    """Replace a text within another."""
    texts = [as_text(site, operand) for operand in arguments(site, call)]
    expression = function("replaced", *(text.sql for text in texts))
    return site.typed(call.position, exact_text(expression), Family.TEXT, *texts)


def joined_with(site: Site, call: syntax.Call) -> Typed:
    """Join the texts that are not NULL, with a separator between them; NULL if the separator is."""
    texts = [as_text(site, operand) for operand in arguments(site, call)]
    expression = function("joined", sql.Call("concat_ws", tuple(text.sql for text in texts)))
    return site.typed(call.position, exact_text(expression), Family.TEXT, *texts)


def trimmed(site: Site, call: syntax.Call) -> Typed:
    """Remove a text, a space by default, as often as it stands at the ends that the call's name or words say."""
    text = as_text(site, site.operand(call.arguments[0]))
    removed = as_text(site, site.operand(call.arguments[1]) if call.arguments[1:] else Constant(call.position, " "))
    ends = {"ltrim": "leading", "rtrim": "trailing"}.get(call.name, call.ends)
    kept = function(
        "trimmed",
        text.sql,
        removed.sql,
        sql.Value(ends != "trailing", "boolean"),
        sql.Value(ends != "leading", "boolean"),
    )
    return site.typed(call.position, exact_text(kept), Family.TEXT, text, removed)


def position_in(site: Site, call: syntax.Call) -> Typed:
    """Find a text within another, from a character on; the place counts from 1 and is 0 if it is not there."""
    whole, wanted = (as_text(site, site.operand(argument)) for argument in call.arguments[:2])
    if call.name == "locate":
        whole, wanted = wanted, whole
    start = convert(
        site, site.operand(call.arguments[2]) if call.arguments[2:] else Constant(call.position, 1), Family.INTEGER
    )
    found = function("position_in", whole.sql, wanted.sql, start.sql)
    return site.typed(call.position, found, Family.INTEGER, whole, wanted, start, extent=Extent(1, 2**31))


def spaces(site: Site, call: syntax.Call) -> Typed:
    """Return a number of spaces."""
    space = convert(site, Constant(call.position, " "), Family.TEXT)
    many = convert(site, site.operand(call.arguments[0]), Family.INTEGER)
    return site.typed(call.position, exact_text(function("repeated", space.sql, many.sql)), Family.TEXT, space, many)


def matches(site: Site, text: Operand, pattern: Operand, position: int) -> Typed:
    """Return whether a text has a part that matches a regular expression of PostgreSQL.

    A pattern written in the expression that is not valid is an error of the query; one from the data matches nothing.
    """
    subject = as_text(site, text)
    if isinstance(pattern, Constant) and isinstance(pattern.value, str):
        pattern = replace(pattern, value=_ESCAPE.sub(lambda found: _ESCAPES.get(found[0], found[0]), pattern.value))
    given = as_text(site, pattern)
    # Exact order knows only the letters of ASCII; the database's own knows all.
    both = tuple(sql.Test(side.sql, 'COLLATE "default"') for side in (subject, given))
    found = sql.Operation("~", both) if isinstance(pattern, Constant) else function("matches", *both)
    return site.typed(position, found, Family.BOOL, subject, given)
