"""Dates and times: moving them by an INTERVAL, and the time between two."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from levada_server.errors import WrongValue
from levada_server.model.kinds import MOMENTS, NUMERIC, Family, Kind
from levada_server.model.spans import MAX_MICROSECONDS, read_span
from levada_server.model.types import AttributeType
from levada_server.query import sql
from levada_server.query.expression.conversions import convert, null, number_of, wrong
from levada_server.query.expression.operands import (
    ANY_INTEGER,
    ANY_SPAN,
    LARGEST_INTEGER,
    Constant,
    Operand,
    Site,
    Typed,
    function,
    shown,
)
from levada_server.query.expression.parser import UNITS

if TYPE_CHECKING:
    from levada_server.query.expression import syntax

MICROSECONDS = {
    "microsecond": 1,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 7 * 86_400_000_000,
}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
_WHOLE_DAYS = frozenset({"day", "week"}) | frozenset(MONTHS)


def shift(site: Site, operand: Operand, interval: syntax.Interval, *, negated: bool) -> Typed:
    """Move a date, time or span by an interval; NULL past the years 1 to 9999, and for a time past its day.

    A date stays a date if it moves by days, months or years.
    """
    moment = operand if isinstance(operand, Typed) and operand.family is Family.SPAN else moment_of(site, operand)
    in_months = interval.unit in MONTHS
    step = MONTHS[interval.unit] if in_months else MICROSECONDS[interval.unit]
    amount = _amount(site, interval, -step if negated else step)
    position = interval.position
    if in_months and moment.family in (Family.TIME, Family.SPAN):
        raise site.refusal(position, f"{shown(moment)} cannot move by a {interval.unit}", "microsecond to week")
    if moment.family is Family.SPAN:
        return bounded_span(site, position, function("add", moment.sql, amount.sql), moment, amount)
    if moment.family is Family.TIME:
        since_midnight = function("microseconds_between", sql.Value(dt.time(), "time"), moment.sql)
        whole = function("add", since_midnight, amount.sql)
        return site.typed(position, function("to_time", whole), Family.TIME, moment, amount)
    start = convert(site, moment, Family.MOMENT)
    name = "add_months" if in_months else "add_microseconds"
    result = site.typed(position, function(name, start.sql, amount.sql), Family.MOMENT, start, amount)
    if moment.family is Family.ZONED or (moment.family is Family.DATE and interval.unit in _WHOLE_DAYS):
        return convert(site, result, moment.family)
    return result


def _amount(site: Site, interval: syntax.Interval, step: int) -> Typed:
    """Count the interval in microseconds or months. An amount other than of seconds is rounded to a whole one."""
    amount = site.operand(interval.amount)
    if isinstance(amount, Constant) and amount.value is not None:
        number = number_of(site, amount)
        if isinstance(number, Decimal) and interval.unit != "second":
            number = number.to_integral_value(ROUND_HALF_UP)
        exact = float(number) * step if isinstance(number, float) else number * step
        if not -LARGEST_INTEGER <= exact <= LARGEST_INTEGER:
            raise wrong(site, amount, "span of time between the years 1 and 9999")
        return Typed(amount.position, sql.Value(round(exact), "bigint"), AttributeType(Kind.INT64), Family.INTEGER)
    factor = sql.Value(step, "bigint")
    if isinstance(amount, Typed) and amount.family not in NUMERIC and amount.json is None:
        raise site.refusal(amount.position, f"{shown(amount)} is not a number", f"a number of {interval.unit}s")
    if isinstance(amount, Typed) and amount.family in (Family.FLOAT, Family.DECIMAL) and interval.unit != "second":
        rounded = function("to_integer", amount.sql)
        amount = site.typed(amount.position, rounded, Family.INTEGER, amount, extent=ANY_INTEGER)
    if isinstance(amount, Typed) and amount.family not in (Family.INTEGER, Family.BOOL):
        double = convert(site, amount, Family.FLOAT)
        factor = sql.Value(float(step), "double precision")
        product = function("to_integer", function("multiply", double.sql, factor))
        return site.typed(amount.position, product, Family.INTEGER, double)
    whole = convert(site, amount, Family.INTEGER)
    return site.typed(amount.position, function("multiply", whole.sql, factor), Family.INTEGER, whole)


def moment_of(site: Site, operand: Operand) -> Typed:
    """Return a date, time, datetime or timestamptz; text in quotes is a date if it can be read as one.

    Other text is a datetime, NULL if it cannot be read as one.
    """
    if isinstance(operand, Typed):
        if operand.family in MOMENTS or operand.family is Family.TIME:
            return operand
        if operand.family is Family.TEXT:
            return site.typed(operand.position, function("to_moment", operand.sql), Family.MOMENT, operand)
        raise site.refusal(operand.position, f"{shown(operand)} is not a date or time", "a date, time or datetime")
    if isinstance(operand.value, str):
        for family in (Family.DATE, Family.MOMENT, Family.TIME):
            try:
                return convert(site, operand, family)
            except WrongValue:
                continue
        raise wrong(site, operand, "date, time or datetime")
    match operand.value:
        case None | dt.datetime(tzinfo=None):
            return convert(site, operand, Family.MOMENT)
        case dt.datetime():
            return convert(site, operand, Family.ZONED)
        case dt.date():
            return convert(site, operand, Family.DATE)
        case dt.time():
            return convert(site, operand, Family.TIME)
        case _:
            raise wrong(site, operand, "date, time or datetime")


def time_between(site: Site, start: Operand, end: Operand, position: int) -> Typed:
    """Count the microseconds from one moment, time of day or span to another."""
    first, second = _moment_or_span(site, start), _moment_or_span(site, end)
    of_day = [side.family in (Family.TIME, Family.SPAN) for side in (first, second)]
    if any(of_day) and not all(of_day):
        wanted = first if of_day[0] else second
        raise site.refusal(position, f"{shown(wanted)} and a day cannot be subtracted", "two of one kind")
    if Family.SPAN in (first.family, second.family):
        first, second = convert(site, first, Family.SPAN), convert(site, second, Family.SPAN)
        return bounded_span(site, position, function("subtract", second.sql, first.sql), first, second)
    if not any(of_day):
        first, second = convert(site, first, Family.MOMENT), convert(site, second, Family.MOMENT)
    expression = function("microseconds_between", first.sql, second.sql)
    return site.typed(position, expression, Family.SPAN, first, second, extent=ANY_SPAN)


def _moment_or_span(site: Site, operand: Operand) -> Typed:
    """Return a span of time as it is, or text in quotes that is one; anything else as a moment."""
    if isinstance(operand, Typed):
        return operand if operand.family is Family.SPAN else moment_of(site, operand)
    is_text_of_span = isinstance(operand.value, str) and read_span(operand.value.strip()) is not None
    if is_text_of_span or isinstance(operand.value, dt.timedelta):
        return convert(site, operand, Family.SPAN)
    return moment_of(site, operand)


def bounded_span(site: Site, position: int, expression: sql.Expression, *parts: Typed) -> Typed:
    """Convert a number of microseconds to a span of time; NULL past the longest."""
    limits = (sql.Value(limit, "bigint") for limit in (-MAX_MICROSECONDS, MAX_MICROSECONDS))
    bounded = function("within", expression, *limits)
    return site.typed(position, bounded, Family.SPAN, *parts, extent=ANY_SPAN)


def span_of(site: Site, operand: Operand) -> Typed:
    """Return a span of time: of a time or moment, that since midnight; text is read as one or the other."""
    if isinstance(operand, Constant):
        if operand.value is None:
            return null(operand.position, Family.SPAN)
        try:
            return convert(site, operand, Family.SPAN)
        except WrongValue:
            operand = moment_of(site, operand)
    position = operand.position
    if operand.family in (Family.SPAN, Family.TIME):
        return convert(site, operand, Family.SPAN)
    if operand.family is Family.TEXT:
        return site.typed(position, function("to_span", operand.sql), Family.SPAN, operand, extent=ANY_SPAN)
    moment = convert_moment(site, operand)
    return site.typed(position, function("since_midnight", moment.sql), Family.SPAN, moment, extent=ANY_SPAN)


def time_difference(site: Site, unit: str, start: Operand, end: Operand, position: int) -> Typed:
    """Count whole units from one moment to another, rounded toward 0."""
    if unit in MONTHS:
        first, second = convert_moment(site, start), convert_moment(site, end)
        months: sql.Expression = function("months_between", first.sql, second.sql)
        if MONTHS[unit] > 1:
            months = sql.Operation("/", (months, sql.Value(MONTHS[unit], "bigint")))
        return site.typed(position, months, Family.INTEGER, first, second, extent=ANY_INTEGER)
    span = time_between(site, start, end, position)
    expression = span.sql
    if MICROSECONDS[unit] > 1:
        expression = sql.Operation("/", (expression, sql.Value(MICROSECONDS[unit], "bigint")))
    return site.typed(position, expression, Family.INTEGER, span, extent=ANY_INTEGER)


def convert_moment(site: Site, operand: Operand) -> Typed:
    """Return a datetime; a time of day is refused."""
    moment = moment_of(site, operand)
    if moment.family is Family.TIME:
        raise site.refusal(moment.position, "a time of day has no months", "a date or datetime")
    return convert(site, moment, Family.MOMENT)


def unit_of(site: Site, operand: syntax.Node, function_name: str) -> str:
    """Read the unit at the start of a function's arguments."""
    name = getattr(operand, "name", None)
    if isinstance(name, str) and name.lower() in UNITS:
        return name.lower()
    raise site.refusal(operand.position, f"{function_name} begins with a unit", ", ".join(UNITS))
