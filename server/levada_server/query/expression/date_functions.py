"""The functions of dates, times and spans of time."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from levada_server.model.kinds import MOMENTS, NUMERIC, Family
from levada_server.query import sql
from levada_server.query.expression import syntax
from levada_server.query.expression.arithmetic import combine
from levada_server.query.expression.calls import arguments
from levada_server.query.expression.conversions import UTC, convert, natural_family
from levada_server.query.expression.date_formats import read_format, write_format
from levada_server.query.expression.moments import (
    bounded_span,
    convert_moment,
    moment_of,
    shift,
    span_of,
    time_between,
    time_difference,
    unit_of,
)
from levada_server.query.expression.operands import (
    ANY_INTEGER,
    ANY_SPAN,
    Constant,
    Extent,
    Operand,
    Site,
    Typed,
    exact_text,
    function,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WEEK_MODE = 7

_DAY = 86_400_000_000
_SECOND = 1_000_000

_CALENDAR = {
    "year": 9999,
    "quarter": 4,
    "month": 12,
    "day": 31,
    "day_of_year": 366,
    "weekday": 6,
    "day_of_week": 7,
    "days_since_year_0": 3_652_424,
}
"""The parts of a day that we have a function for in PostgreSQL, and the largest value of each."""

_CLOCK = {
    "hour": (3600 * _SECOND, None),
    "minute": (60 * _SECOND, 60),
    "second": (_SECOND, 60),
    "microsecond": (1, _SECOND),
}
"""The parts of a time: microseconds of one, and how many make one of the next larger part."""


def now(site: Site, call: syntax.Call) -> Typed:
    """Return the datetime at which the transaction began, in UTC."""
    moment = sql.Call("timezone", (UTC, sql.Call("now", ())))
    return site.typed(call.position, moment, Family.MOMENT)


def today(site: Site, call: syntax.Call) -> Typed:
    """Return the day of `now`."""
    return convert(site, now(site, call), Family.DATE)


def time_now(site: Site, call: syntax.Call) -> Typed:
    """Return the time of day of `now`."""
    moment = now(site, call)
    return site.typed(call.position, sql.Cast(moment.sql, "time"), Family.TIME, moment)


def date(site: Site, call: syntax.Call) -> Typed:
    """Return the day of a datetime or of a text."""
    moment = moment_of(site, site.operand(call.arguments[0]))
    return moment if moment.family is Family.DATE else convert(site, moment, Family.DATE)


def time(site: Site, call: syntax.Call) -> Typed:
    """Return the time of day of a datetime, or a span of time as it is."""
    operand = site.operand(call.arguments[0])
    if isinstance(operand, Typed) and operand.family is Family.TIME:
        return operand
    if (operand.family if isinstance(operand, Typed) else natural_family(site, operand)) in MOMENTS:
        moment = convert_moment(site, operand)
        return site.typed(call.position, sql.Cast(moment.sql, "time"), Family.TIME, moment)
    return span_of(site, operand)


def timestamp(site: Site, call: syntax.Call) -> Typed:
    """Return a day as a datetime, some time later."""
    moment = convert_moment(site, site.operand(call.arguments[0]))
    if not call.arguments[1:]:
        return moment
    return _moved(site, moment, span_of(site, site.operand(call.arguments[1])), call.position)


# ---------------------------------------------------------------------------------------------------- parts


def calendar(part: str) -> Callable[[Site, syntax.Call], Typed]:
    """Return the typing of a function that returns a part of a day as a whole number."""

    def apply(site: Site, call: syntax.Call) -> Typed:
        return _part(site, call, convert_moment(site, site.operand(call.arguments[0])), part, _CALENDAR[part])

    return apply


def clock(part: str) -> Callable[[Site, syntax.Call], Typed]:
    """Return the typing of a function that returns a part of a time as a whole number, without its sign."""
    unit, count = _CLOCK[part]

    def apply(site: Site, call: syntax.Call) -> Typed:
        span = span_of(site, site.operand(call.arguments[0]))
        whole: sql.Expression = sql.Call("abs", (span.sql,))
        if unit > 1:
            whole = sql.Operation("/", (whole, sql.Value(unit, "bigint")))
        if count:
            whole = sql.Operation("%", (whole, sql.Value(count, "bigint")))
        return site.typed(call.position, whole, Family.INTEGER, span, extent=Extent(1, count or 2**33))

    return apply


def _part(site: Site, call: syntax.Call, moment: Typed, name: str, largest: int, *more: sql.Expression) -> Typed:
    return site.typed(
        call.position, function(name, moment.sql, *more), Family.INTEGER, moment, extent=Extent(1, largest)
    )


def extracted(site: Site, call: syntax.Call) -> Typed:
    """Return the part of a date or time that `EXTRACT(unit FROM x)` names."""
    unit = unit_of(site, call.arguments[0], "extract")
    rest = syntax.Call(call.position, unit, call.arguments[1:])
    if unit == "week":
        return week(site, rest)
    return (clock if unit in _CLOCK else calendar)(unit)(site, rest)


def week(site: Site, call: syntax.Call) -> Typed:
    """Return the number of the week, by a fixed mode as in MySQL."""
    moment = convert_moment(site, site.operand(call.arguments[0]))
    mode = _mode(site, call)
    return _part(site, call, moment, "week", 53, sql.Value(mode, "integer"))


def week_of_year(site: Site, call: syntax.Call) -> Typed:
    """Return the number of the week as ISO 8601 counts."""
    moment = convert_moment(site, site.operand(call.arguments[0]))
    return _part(site, call, moment, "week", 53, sql.Value(3, "integer"))


def _mode(site: Site, call: syntax.Call) -> int:
    if not call.arguments[1:]:
        return 0
    mode = site.operand(call.arguments[1])
    if isinstance(mode, Constant) and mode.value in range(MAX_WEEK_MODE + 1) and not isinstance(mode.value, bool):
        return int(mode.value)  # type: ignore[arg-type]  # a number: it is in the range
    raise site.refusal(mode.position, "week takes a fixed mode", f"0 to {MAX_WEEK_MODE}")


def name_of(template: str) -> Callable[[Site, syntax.Call], Typed]:
    """Return the typing of a function that returns the English name of a day or month.

    Args:
        template: PostgreSQL's template for it.
    """

    def apply(site: Site, call: syntax.Call) -> Typed:
        moment = convert_moment(site, site.operand(call.arguments[0]))
        text = sql.Call("to_char", (moment.sql, sql.Value(template, "text")))
        return site.typed(call.position, exact_text(text), Family.TEXT, moment)

    return apply


def last_day(site: Site, call: syntax.Call) -> Typed:
    """Return the last day of the month."""
    moment = convert_moment(site, site.operand(call.arguments[0]))
    return site.typed(call.position, function("last_day", moment.sql), Family.DATE, moment)


# ------------------------------------------------------------------------------------- moving, differences


def later(site: Site, call: syntax.Call) -> Typed:
    """Move a date or time by an interval, or by days: `date_add(x, INTERVAL n unit)`, `adddate(x, n)`."""
    return _shifted(site, call, negated=False)


def earlier(site: Site, call: syntax.Call) -> Typed:
    """Move a date or time back by an interval, or by days."""
    return _shifted(site, call, negated=True)


def _shifted(site: Site, call: syntax.Call, *, negated: bool) -> Typed:
    interval = call.arguments[1]
    if not isinstance(interval, syntax.Interval):
        if call.name not in ("adddate", "subdate"):
            raise site.refusal(interval.position, f"{call.name} moves by an interval", "INTERVAL n unit")
        interval = syntax.Interval(interval.position, interval, "day")
    return shift(site, site.operand(call.arguments[0]), interval, negated=negated)


def units_later(site: Site, call: syntax.Call) -> Typed:
    """Move a date or time by a number of units: `timestampadd(unit, n, x)`."""
    unit = unit_of(site, call.arguments[0], call.name)
    interval = syntax.Interval(call.position, call.arguments[1], unit)
    return shift(site, site.operand(call.arguments[2]), interval, negated=False)


def time_later(site: Site, call: syntax.Call) -> Typed:
    """Add a span of time to a datetime or to another span."""
    return _moved_by_time(site, call, negated=False)


def time_earlier(site: Site, call: syntax.Call) -> Typed:
    """Subtract a span of time from a datetime or from another span."""
    return _moved_by_time(site, call, negated=True)


def _moved_by_time(site: Site, call: syntax.Call, *, negated: bool) -> Typed:
    operand, span = site.operand(call.arguments[0]), span_of(site, site.operand(call.arguments[1]))
    if negated:
        opposite = sql.Operation("-", (span.sql,))
        span = site.typed(span.position, opposite, Family.SPAN, span, extent=ANY_SPAN)
    if _is_span(operand):
        start = span_of(site, operand)
        return bounded_span(site, call.position, function("add", start.sql, span.sql), start, span)
    return _moved(site, convert_moment(site, operand), span, call.position)


def _is_span(operand: Operand) -> bool:
    if isinstance(operand, Typed):
        return operand.family in (Family.SPAN, Family.TIME)
    if isinstance(operand.value, (dt.time, dt.timedelta)):
        return True
    return isinstance(operand.value, str) and "-" not in operand.value.lstrip("- ")


def _moved(site: Site, moment: Typed, span: Typed, position: int) -> Typed:
    moved = function("add_microseconds", moment.sql, span.sql)
    return site.typed(position, moved, Family.MOMENT, moment, span)


def time_difference_of(site: Site, call: syntax.Call) -> Typed:
    """Return the span of time between two datetimes or two times."""
    end, start = arguments(site, call)
    return time_between(site, start, end, call.position)


def units_between(site: Site, call: syntax.Call) -> Typed:
    """Count the whole units between two moments."""
    unit = unit_of(site, call.arguments[0], call.name)
    start, end = (site.operand(argument) for argument in call.arguments[1:])
    return time_difference(site, unit, start, end, call.position)


def days_between(site: Site, call: syntax.Call) -> Typed:
    """Count the days from the day of the second moment to the day of the first."""
    end, start = (convert_moment(site, operand) for operand in arguments(site, call))
    days = sql.Operation("-", tuple(function("days_since_year_0", moment.sql) for moment in (end, start)))
    return site.typed(call.position, days, Family.INTEGER, end, start, extent=Extent(1, 3_652_424))


# -------------------------------------------------------------------------------------------------- seconds


def seconds_of_time(site: Site, call: syntax.Call) -> Typed:
    """Return a span of time in whole seconds."""
    span = span_of(site, site.operand(call.arguments[0]))
    whole = sql.Operation("/", (span.sql, sql.Value(_SECOND, "bigint")))
    return site.typed(call.position, whole, Family.INTEGER, span, extent=ANY_INTEGER)


def time_of_seconds(site: Site, call: syntax.Call) -> Typed:
    """Return a span of a number of seconds."""
    span = _microseconds(site, site.operand(call.arguments[0]))
    return bounded_span(site, call.position, span.sql, span)


def seconds_since_1970(site: Site, call: syntax.Call) -> Typed:
    """Return the seconds since 1970 in UTC, of now or of a moment: whole for a date, else a float."""
    operand: Operand = site.operand(call.arguments[0]) if call.arguments else now(site, call)
    moment = moment_of(site, operand)
    whole = moment.family is Family.DATE
    moment = convert(site, moment, Family.MOMENT)
    seconds: sql.Expression = function("seconds_since_1970", moment.sql)
    if not call.arguments or whole:
        return site.typed(call.position, sql.Cast(sql.Call("trunc", (seconds,)), "bigint"), Family.INTEGER, moment)
    return site.typed(call.position, seconds, Family.FLOAT, moment, extent=Extent(1e-7, 3e11))


def moment_of_seconds(site: Site, call: syntax.Call) -> Typed:
    """Return the datetime a number of seconds after 1970 began, in UTC; NULL before."""
    span = _microseconds(site, site.operand(call.arguments[0]))
    moment = site.typed(call.position, function("after_1970", span.sql), Family.MOMENT, span)
    if not call.arguments[1:]:
        return moment
    return write_format(site, moment, site.operand(call.arguments[1]), call.position)


def _microseconds(site: Site, seconds: Operand) -> Typed:
    if isinstance(seconds, Typed) and seconds.family not in NUMERIC and seconds.json is None:
        raise site.refusal(seconds.position, f"{shown(seconds)} is not a number", "a number of seconds")
    product = combine(site, "*", seconds, Constant(seconds.position, _SECOND), seconds.position)
    if product.family is Family.INTEGER:
        return product
    whole = function("to_integer", product.sql)
    return site.typed(seconds.position, whole, Family.INTEGER, product, extent=ANY_INTEGER)


# ---------------------------------------------------------------------------------------------------- text


def formatted(site: Site, call: syntax.Call) -> Typed:
    """Write a date or datetime by a format of MySQL."""
    moment = convert_moment(site, site.operand(call.arguments[0]))
    return write_format(site, moment, site.operand(call.arguments[1]), call.position)


def read(site: Site, call: syntax.Call) -> Typed:
    """Read a text by a format of MySQL: a date, a time or a datetime, as the format has the parts of either or both."""
    text, layout = arguments(site, call)
    return read_format(site, text, layout, call.position)
