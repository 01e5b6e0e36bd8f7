"""Defaults of DataJoint's databases as defaults of a definition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Context, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levada._from_datajoint.facts import StoredDefault

_NOW = re.compile(r"(?:current_timestamp|now|localtimestamp)(?:\(\d?\))?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_TIMES = re.compile(r"date|time|datetime|timestamp|timestamptz|duration")
_NUMERIC = re.compile(r"u?int\d+|float\d+|decimal")
_BITS = re.compile(r"b'([01]+)'")
_TRUE = frozenset({"1", "true", "t", "b'1'"})
_FALSE = frozenset({"0", "false", "f", "b'0'"})
_EXACT = Context(prec=100)
CURRENT = "CURRENT_TIMESTAMP"
"""The time of the insert, as a definition spells it."""


@dataclass(frozen=True, slots=True)
class WrittenDefault:
    """A default as a definition spells it.

    Args:
        text: Empty if there is none here.
        fault: Why a default of the column has no counterpart here.
    """

    text: str = ""
    fault: str = ""


def write_default(default: StoredDefault, type_: str) -> WrittenDefault:
    """Write the default of a column for an attribute of a type of ours."""
    if default.expression:
        if _NOW.fullmatch(default.text) and _TIMES.match(type_):
            return WrittenDefault(CURRENT)
        return WrittenDefault(fault=f"its default is computed: {default.text}")
    if type_ == "bool":
        word = default.text.lower()
        if word in _TRUE | _FALSE:
            return WrittenDefault("true" if word in _TRUE else "false")
        return WrittenDefault(fault=f"its default {default.text!r} is neither true nor false")
    if _NUMERIC.match(type_) and (bits := _BITS.fullmatch(default.text)):
        return WrittenDefault(str(int(bits[1], 2)))
    if not takes_default(type_):
        return WrittenDefault(fault=f"an attribute of type {type_} has no default here but null")
    if not _exists(default.text, type_):
        return WrittenDefault(fault=f"its default {default.text!r} is not a value of {type_} here")
    if _NUMERIC.match(type_) and _NUMBER.fullmatch(default.text):
        return WrittenDefault(default.text)
    if any(not character.isprintable() for character in default.text):
        return WrittenDefault(fault="its default has a control character")
    return WrittenDefault(quoted(default.text))


def _exists(text: str, type_: str) -> bool:
    """Return whether a day, a time, or a decimal exists here, unlike 0000-00-00, 24:00:00, and NaN."""
    word, _, arguments = type_.partition("(")
    try:
        match word:
            case "date" | "datetime" | "timestamp" | "timestamptz":
                datetime.fromisoformat(text)
            case "time":
                time.fromisoformat(text)
            case "decimal":
                scale = int(arguments.rstrip(")").partition(",")[2] or 0)
                return Decimal(text).quantize(Decimal(1).scaleb(-scale), context=_EXACT) == Decimal(text)
            case _:
                pass
    except (ValueError, ArithmeticError):
        return False
    return True


def takes_default(type_: str) -> bool:
    """Return whether an attribute of a type of ours may have a default besides null."""
    return not type_.startswith("<") and type_.partition("(")[0] not in ("json", "bytes")


def quoted(text: str) -> str:
    """Quote a text as definitions do."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
