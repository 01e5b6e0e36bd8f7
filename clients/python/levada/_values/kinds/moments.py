"""Dates, times and spans of time."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from levada._base import rules
from levada._base.errors import ValueOutOfRange, WrongValue
from levada._values.condition_values import counts_nanoseconds, plain_scalar, rounded_column
from levada._values.kinds.value_kind import ValueKind, stored_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._values.kinds.value_kind import Column
    from levada._values.types import AttributeType

_DAY_US = 86_400 * 10**6
_SPAN = re.compile(r"(-)?(?:(\d{1,8})\s+)?(\d{1,10}):([0-5]?\d)(?::([0-5]?\d)(\.\d{1,6})?)?", re.ASCII)
_LONGEST = dt.timedelta(days=106_751_991)
"""The longest span that the server holds."""
_UTC = pa.timestamp("us", "UTC")
_NO_TIME = np.iinfo(np.int64).min
"""The count that NumPy reads as NaT."""


def _time(value: object, _: AttributeType) -> dt.time:
    value = plain_scalar(value)
    match _read_time(value.strip()) if isinstance(value, str) else value:
        case dt.time() as time:
            return time.replace(tzinfo=None)
        case dt.timedelta() as span if dt.timedelta(0) <= span < dt.timedelta(days=1):
            return (dt.datetime.min + span).time()
        case dt.timedelta() as span:
            raise WrongValue(
                f"{span} is not a time of day, from 00:00:00 to 23:59:59.999999, as `time` holds; declare `duration` "
                "for spans of time."
            )
        case _:
            raise TypeError


def _read_time(text: str) -> dt.time | dt.timedelta:
    span = _read_span(text)
    return dt.time.fromisoformat(text) if span is None else span


def _read_span(text: str) -> dt.timedelta | None:
    """Read a span as MySQL spells it, `[-][days ]h:mm[:ss[.ffffff]]`; None if it is not one."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.group(2, 3, 4, 5))
    microseconds = int((match[6] or ".")[1:].ljust(6, "0"))
    span = dt.timedelta(days, hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)
    return -span if match[1] else span


def _span(value: object, _: AttributeType) -> dt.timedelta:
    value = plain_scalar(value)
    match _read_span(value.strip()) if isinstance(value, str) else value:
        case dt.timedelta() as span:
            pass
        case dt.time() as time:
            span = dt.datetime.combine(dt.date.min, time.replace(tzinfo=None)) - dt.datetime.min
        case _:
            raise WrongValue(
                f"{value!r} is not a span of time; use a timedelta, or text such as '-12:30:00', '838:59:59' or "
                "'1 02:03:04'."
            )
    if abs(span) > _LONGEST:
        raise ValueOutOfRange(f"{span} is longer than {_LONGEST.days} days, the longest duration.")
    return span


def _date(value: object, _: AttributeType) -> dt.date:
    match _read(value):
        case dt.datetime() as moment:
            if moment.time() != dt.time(0):
                raise ValueOutOfRange(f"{moment} has a time of day, and a date is a whole day.")
            return moment.date()
        case dt.date() as day:
            return day
        case _:
            raise TypeError


def _moment(value: object, type_: AttributeType) -> dt.datetime:
    moment = _zoned_moment(value, type_)
    return moment.replace(tzinfo=None)


def _zoned_moment(value: object, _: AttributeType) -> dt.datetime:
    match _read(value):
        case dt.datetime(tzinfo=None) as moment:
            return moment.replace(tzinfo=dt.UTC)
        case dt.datetime() as moment:
            return moment.astimezone(dt.UTC)
        case dt.date() as day:
            return dt.datetime.combine(day, dt.time(0), dt.UTC)
        case _:
            raise TypeError


def _read(value: object) -> object:
    value = plain_scalar(value)
    return dt.datetime.fromisoformat(value.strip()) if isinstance(value, str) else value


def _dates_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if classes == {dt.date} else None


def _times_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if classes == {dt.time} and _zones(values) == {None} else None


def _spans_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if classes == {dt.timedelta} else None


def _moments_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    if classes != {dt.datetime}:
        return None
    if _zones(values) == {None}:
        # Without a zone a moment is in UTC, here and in Arrow.
        return pa.array(values, type_.arrow)
    return pa.array(values, _UTC).cast(type_.arrow)


def _zones(values: Sequence[Any]) -> set[dt.tzinfo | None]:
    return {value.tzinfo for value in values if value is not None}


def _cast_to_dates(column: pa.Array, _: AttributeType) -> pa.Array | None:
    """Convert moments that are all midnights to days."""
    if not pa.types.is_timestamp(column.type) or column.type.tz is not None:
        return None
    counts = column.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0)
    return None if (counts.to_numpy() % _DAY_US).any() else column.cast(pa.date32())


def _cast_to_times(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    if not pa.types.is_time(column.type):
        return None
    return (rounded_column(column) if counts_nanoseconds(column.type) else column).cast(type_.arrow)


def _cast_to_spans(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    if not pa.types.is_duration(column.type):
        return None
    return (rounded_column(column) if counts_nanoseconds(column.type) else column).cast(type_.arrow)


def _cast_to_moments(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    moments = pa.types.is_timestamp(column.type)
    if not (moments or pa.types.is_date(column.type)):
        return None
    unit = pa.timestamp("us", column.type.tz if moments else None)
    if counts_nanoseconds(column.type):
        column = rounded_column(column)
    return column.cast(unit).cast(type_.arrow)


def _to_moments(column: Column, _: AttributeType) -> list[Any]:
    """Read dates, or moments in any zone; NumPy is quicker at it than Arrow."""
    day = pa.types.is_date32(column.type)
    counts = column.cast(pa.int32() if day else pa.int64()).cast(pa.int64()).fill_null(_NO_TIME)
    moments: list[Any] = counts.to_numpy().view("datetime64[D]" if day else "datetime64[us]").tolist()
    return moments


def _to_times(column: Column, type_: AttributeType) -> list[Any]:
    """Read times of day; spans since midnight after `import levada.as_datajoint`, as DataJoint returns them."""
    if rules.are_of_datajoint():
        spans: list[Any] = column.cast(pa.int64()).cast(pa.duration("us")).to_pylist()
        return spans
    return stored_values(column, type_)


def _to_zoned_moments(column: Column, type_: AttributeType) -> list[Any]:
    moments = _to_moments(column, type_)
    return [None if moment is None else moment.replace(tzinfo=dt.UTC) for moment in moments]


DATES = ValueKind(_date, _dates_at_once, _cast_to_dates, _to_moments)
TIMES = ValueKind(_time, _times_at_once, _cast_to_times, _to_times)
MOMENTS = ValueKind(_moment, _moments_at_once, _cast_to_moments, _to_moments)
ZONED_MOMENTS = ValueKind(_zoned_moment, _moments_at_once, _cast_to_moments, _to_zoned_moments)
SPANS = ValueKind(_span, _spans_at_once, _cast_to_spans)
