"""Bind and read dates and timestamps exactly, also the first and the last that Python has.

The driver itself binds `date.max` and `datetime.max` as PostgreSQL's infinity, and the first ones as minus infinity.
Values that came by COPY are ordinary days, so a restriction would miss one or the other.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncpg

_Moment = TypeVar("_Moment", dt.date, dt.datetime)

_DAY = dt.date(2000, 1, 1).toordinal()
_MOMENT = dt.datetime(2000, 1, 1)
_ZONED = _MOMENT.replace(tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_ENDLESS = {"date": 2**31 - 1, "timestamp": 2**63 - 1, "timestamptz": 2**63 - 1}
"""The number that PostgreSQL sends for infinity; its negative minus one is minus infinity. Source: its manual, 8.5."""


async def bind_moments_as_they_are(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Set up a new connection to bind and read every date and timestamp as PostgreSQL counts it."""
    for name, encode, decode in (
        ("date", _days, _date),
        ("timestamp", _microseconds, _timestamp),
        ("timestamptz", _zoned_microseconds, _zoned_timestamp),
    ):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encode, decoder=decode, format="tuple")


def _days(day: dt.date) -> tuple[int]:
    return (day.toordinal() - _DAY,)


def _microseconds(moment: dt.datetime) -> tuple[int]:
    return ((moment - _MOMENT) // _MICROSECOND,)


def _zoned_microseconds(moment: dt.datetime) -> tuple[int]:
    return ((moment - _ZONED) // _MICROSECOND,)


def _date(sent: tuple[int]) -> dt.date:
    return _at_the_end(sent[0], "date", dt.date) or dt.date.fromordinal(sent[0] + _DAY)


def _timestamp(sent: tuple[int]) -> dt.datetime:
    return _at_the_end(sent[0], "timestamp", dt.datetime) or _MOMENT + sent[0] * _MICROSECOND


def _zoned_timestamp(sent: tuple[int]) -> dt.datetime:
    end = _at_the_end(sent[0], "timestamptz", dt.datetime)
    return end.replace(tzinfo=dt.UTC) if end else _ZONED + sent[0] * _MICROSECOND


def _at_the_end(sent: int, name: str, type_: type[_Moment]) -> _Moment | None:
    """Return the value for infinity, which only other programs write; None for other numbers."""
    if sent == _ENDLESS[name]:
        return type_.max
    return type_.min if sent == -_ENDLESS[name] - 1 else None
