"""Formats of dates as in MySQL: `%Y-%m-%d`, written by PostgreSQL's templates and read by a regular expression."""

from __future__ import annotations

import re

from levada_server.model.kinds import Family
from levada_server.query import sql
from levada_server.query.expression.casts import as_text
from levada_server.query.expression.conversions import convert
from levada_server.query.expression.operands import Constant, Operand, Site, Typed, exact_text, function

MAX_FORMAT = 200
"""The longest format, in characters."""

_TEMPLATES = {
    "a": "Dy",
    "b": "Mon",
    "c": "FMMM",
    "D": "FMDDth",
    "d": "DD",
    "e": "FMDD",
    "f": "US",
    "H": "HH24",
    "h": "HH12",
    "I": "HH12",
    "i": "MI",
    "j": "DDD",
    "k": "FMHH24",
    "l": "FMHH12",
    "M": "FMMonth",
    "m": "MM",
    "p": "AM",
    "r": "HH12:MI:SS AM",
    "S": "SS",
    "s": "SS",
    "T": "HH24:MI:SS",
    "v": "IW",
    "W": "FMDay",
    "x": "IYYY",
    "Y": "YYYY",
    "y": "YY",
}
"""PostgreSQL's template for each specifier that has one."""

_WEEKS = {"U": 0, "u": 1, "V": 2}
"""The mode of `week` for the specifiers that write its number."""

_NUMBERS = {
    "Y": ("year", r"(\d{4})"),
    "y": ("short_year", r"(\d{1,2})"),
    "m": ("month", r"(\d{1,2})"),
    "c": ("month", r"(\d{1,2})"),
    "d": ("day", r"(\d{1,2})"),
    "e": ("day", r"(\d{1,2})"),
    "D": ("day", r"(\d{1,2})(?:st|nd|rd|th)"),
    "j": ("day_of_year", r"(\d{1,3})"),
    "H": ("hour", r"(\d{1,2})"),
    "k": ("hour", r"(\d{1,2})"),
    "h": ("hour_of_12", r"(\d{1,2})"),
    "I": ("hour_of_12", r"(\d{1,2})"),
    "l": ("hour_of_12", r"(\d{1,2})"),
    "i": ("minute", r"(\d{1,2})"),
    "S": ("second", r"(\d{1,2})"),
    "s": ("second", r"(\d{1,2})"),
    "f": ("fraction", r"(\d{1,6})"),
    "p": ("half", r"([AaPp][Mm])"),
    "M": ("month_name", r"([[:alpha:]]+)"),
    "b": ("month_name", r"([[:alpha:]]{3})"),
}
"""The part of a moment that each specifier reads, and the regular expression of its text."""

_LONGER = {"T": "%H:%i:%S", "r": "%h:%i:%S %p"}
_DAY_PARTS = frozenset({"year", "short_year", "month", "day", "day_of_year", "month_name"})
_SPECIFIER = re.compile(r"%(.)|([^%]+|%)", re.DOTALL)


def write_format(site: Site, moment: Typed, layout: Operand, position: int) -> Typed:
    """Write a datetime by a format."""
    pieces: list[sql.Expression] = []
    template = ""
    for specifier, words in _SPECIFIER.findall(_fixed(site, layout)):
        if words or specifier not in (*_WEEKS, *"wX"):
            template += _TEMPLATES.get(specifier) or _quoted(words or specifier)
            continue
        if template:
            pieces.append(_written(moment, template))
        pieces.append(_number(moment, specifier))
        template = ""
    if template or not pieces:
        pieces.append(_written(moment, template))
    whole = pieces[0] if len(pieces) == 1 else sql.Operation("||", tuple(pieces))
    return site.typed(position, exact_text(whole), Family.TEXT, *[moment] * len(pieces))


def _fixed(site: Site, layout: Operand) -> str:
    if isinstance(layout, Constant) and isinstance(layout.value, str) and len(layout.value) <= MAX_FORMAT:
        return layout.value
    raise site.refusal(
        layout.position, "the format is a fixed text", f"such as '%Y-%m-%d', at most {MAX_FORMAT} characters"
    )


def _quoted(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _written(moment: Typed, template: str) -> sql.Expression:
    return sql.Call("to_char", (moment.sql, sql.Value(template, "text")))


def _number(moment: Typed, specifier: str) -> sql.Expression:
    """Write what PostgreSQL has no template for: a week, its year, or the day of the week from 0 for Sunday."""
    if specifier in _WEEKS:
        week = sql.Cast(function("week", moment.sql, sql.Value(_WEEKS[specifier], "integer")), "text")
        return sql.Call("lpad", (week, sql.Value(2, "integer"), sql.Value("0", "text")))
    if specifier == "X":
        year = sql.Cast(function("year_of_week", moment.sql), "text")
        return sql.Call("lpad", (year, sql.Value(4, "integer"), sql.Value("0", "text")))
    day = sql.Operation("-", (function("day_of_week", moment.sql), sql.Value(1, "bigint")))
    return sql.Cast(day, "text")


def read_format(site: Site, text: Operand, layout: Operand, position: int) -> Typed:
    """Read a text by a format; NULL if it does not begin with what the format says, or is not a date or time."""
    source = as_text(site, text)
    given = _fixed(site, layout)
    for short, longer in _LONGER.items():
        given = given.replace(f"%{short}", longer)
    pattern, parts = r"^\s*", list[str]()
    for specifier, words in _SPECIFIER.findall(given):
        if words or specifier == "%":
            plain = words or specifier
            pattern += "".join(r"\s*" if c.isspace() else re.escape(c) if c.isascii() else c for c in plain)
            continue
        if specifier not in _NUMBERS:
            raise site.refusal(layout.position, f"`%{specifier}` cannot be read", ", ".join(f"%{s}" for s in _NUMBERS))
        part, digits = _NUMBERS[specifier]
        parts.append(part)
        pattern += digits
    if len(set(parts)) < len(parts):
        raise site.refusal(layout.position, "a part occurs twice in the format", "each part once")
    letters = sql.Test(source.sql, 'COLLATE "default"')
    found = function("read_parts", letters, sql.Value(pattern, "text"), sql.Value(parts, "text[]"))
    if not _DAY_PARTS.intersection(parts):
        return site.typed(position, function("to_time", function("read_time", found)), Family.TIME, source)
    moment = site.typed(position, function("read_moment", found), Family.MOMENT, source)
    return convert(site, moment, Family.DATE) if _DAY_PARTS.issuperset(parts) else moment
