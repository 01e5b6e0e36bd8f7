"""Dates, times, moments and spans to and from `Value` messages."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from levada._base.errors import WrongValue
from levada._values.unstorable import Unstorable

if TYPE_CHECKING:
    from levada_api.v1 import value_pb2 as pb

_DAY_ZERO = dt.date(1970, 1, 1)
_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def encode_time(value: dt.date | dt.time | dt.timedelta, message: pb.Value) -> None:
    """Fill a message with a date, time of day, moment or span.

    Raises:
        Unstorable: It is finer than a microsecond, longer than 292 000 years, or a time of day with a zone.
    """
    if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
        raise Unstorable(f"{value} has nanoseconds; round it to microseconds, or store an array of it.")
    match value:
        case dt.datetime() if value.tzinfo is None:
            message.timestamp.microseconds = (value - _EPOCH) // _MICROSECOND
        case dt.datetime():
            message.timestamp.microseconds = (value - _EPOCH_UTC) // _MICROSECOND
            message.timestamp.zone = _zone_name(value)
        case dt.date():
            message.date = (value - _DAY_ZERO).days
        case dt.time():
            if value.tzinfo is not None:
                raise Unstorable(f"{value} is a time of day with a zone; store a datetime.")
            since_midnight = dt.datetime.combine(_DAY_ZERO, value) - _EPOCH
            message.time = since_midnight // _MICROSECOND
        case dt.timedelta():
            microseconds = value // _MICROSECOND
            if not -(2**63) <= microseconds < 2**63:
                raise Unstorable(f"{value} is longer than the 292 000 years that a duration can have.")
            message.duration = microseconds


def decode_date(days: int) -> dt.date:
    """Read a day, counted from 1970-01-01."""
    return _DAY_ZERO + dt.timedelta(days=days)


def decode_time(microseconds: int) -> dt.time:
    """Read a time of day."""
    if not 0 <= microseconds < 86_400 * 10**6:
        raise WrongValue(f"A time of day {microseconds} µs after midnight.")
    return (_EPOCH + microseconds * _MICROSECOND).time()


def decode_duration(microseconds: int) -> dt.timedelta:
    """Read a span."""
    return microseconds * _MICROSECOND


def decode_timestamp(timestamp: pb.Timestamp) -> dt.datetime:
    """Read a moment, in its zone if it has one.

    Raises:
        WrongValue: The zone is unknown here.
    """
    since = timestamp.microseconds * _MICROSECOND
    if not timestamp.HasField("zone"):
        return _EPOCH + since
    if timestamp.zone[:1] in ("+", "-"):
        offset = _read_offset(timestamp.zone)
        return (_EPOCH + (since + offset)).replace(tzinfo=dt.timezone(offset))
    try:
        zone = ZoneInfo(timestamp.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongValue(f"The time zone {timestamp.zone!r} is unknown here; `pip install tzdata`.") from None
    try:
        return (_EPOCH_UTC + since).astimezone(zone)
    except OverflowError:
        # In UTC it is in the year 0 or 10 000; that far out a zone has a single offset.
        edge = dt.datetime.min if since < dt.timedelta(0) else dt.datetime.max
        offset = zone.utcoffset(edge) or dt.timedelta(0)
        return (_EPOCH + (since + offset)).replace(tzinfo=zone)


def _zone_name(value: dt.datetime) -> str:
    # zoneinfo says `key`, pytz says `zone`.
    for name in ("key", "zone"):
        given = getattr(value.tzinfo, name, None)
        if isinstance(given, str) and given:
            return given
    offset = value.utcoffset() or dt.timedelta(0)
    sign = "-" if offset < dt.timedelta(0) else "+"
    minutes, rest = divmod(abs(offset), dt.timedelta(minutes=1))
    text = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    if rest:
        text += f":{rest.seconds:02}" + (f".{rest.microseconds:06}" if rest.microseconds else "")
    return text


def _read_offset(text: str) -> dt.timedelta:
    try:
        return dt.datetime.strptime(text, "%z").utcoffset() or dt.timedelta(0)
    except ValueError:
        raise WrongValue(f"{text!r} is not the offset of a time zone.") from None
