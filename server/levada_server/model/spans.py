"""Spans of time: their range, their spelling as text, and their count of microseconds, as PostgreSQL holds them."""

from __future__ import annotations

import datetime as dt
import re

MAX_DAYS = 106_751_991
"""The longest span, about 292,000 years: whole days whose microseconds fit int64, with both signs."""
MAX_MICROSECONDS = MAX_DAYS * 86_400 * 10**6

SPELLINGS = "a timedelta, or text such as '-12:30:00', '838:59:59' or '1 02:03:04'"
"""The values that a message suggests."""

_MICROSECOND = dt.timedelta(microseconds=1)
_SPAN = re.compile(r"(-)?(?:(\d{1,8})\s+)?(\d{1,10}):([0-5]?\d)(?::([0-5]?\d)(\.\d{1,6})?)?", re.ASCII)


def read_span(text: str) -> dt.timedelta | None:
    """Read a span of time as MySQL spells it, `[-][days ]h:mm[:ss[.ffffff]]`; None if it is not one."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.group(2, 3, 4, 5))
    microseconds = int((match[6] or ".")[1:].ljust(6, "0"))
    span = dt.timedelta(days, hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
    return -span if match[1] else span


def spell_span(span: dt.timedelta) -> str:
    """Write a span of time so that it is read back: `-12:30:00`, `838:59:59.000001`."""
    seconds, microseconds = divmod(abs(microseconds_of(span)), 10**6)
    hours, rest = divmod(seconds, 3600)
    fraction = f".{microseconds:06}" if microseconds else ""
    return f"{'-' if span < dt.timedelta(0) else ''}{hours:02}:{rest // 60:02}:{rest % 60:02}{fraction}"


def microseconds_of(span: dt.timedelta) -> int:
    """Count the microseconds of a span."""
    return span // _MICROSECOND


def span_of(microseconds: int) -> dt.timedelta:
    """Return the span of a number of microseconds."""
    return microseconds * _MICROSECOND


def bindable(value: object) -> object:
    """Convert a value, or a list of values of one type, to what the driver binds: a span becomes its microseconds."""
    match value:
        case dt.timedelta():
            return microseconds_of(value)
        case list() if isinstance(next((item for item in value if item is not None), None), dt.timedelta):
            return [bindable(item) for item in value]
        case _:
            return value
