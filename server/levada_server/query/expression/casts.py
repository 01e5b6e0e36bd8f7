"""CAST and the types of JSON paths: every explicit conversion; NULL if a value cannot be read as the type."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.model.kinds import NUMBERS, Family
from levada_server.query import sql
from levada_server.query.expression.conversions import by_itself, convert, null
from levada_server.query.expression.operands import (
    ANY_SPAN,
    Constant,
    Extent,
    Operand,
    Site,
    Typed,
    exact_text,
    extent_of,
    function,
    shown,
)

if TYPE_CHECKING:
    from levada_server.query.expression.syntax import CastType


def cast(site: Site, operand: Operand, target: CastType) -> Typed:
    """Convert an operand as `CAST(… AS …)` says.

    Raises:
        InvalidExpression: Values of its type can never become the target.
    """
    operand = by_itself(site, operand)
    family = target.type.family
    match family:
        case Family.TEXT:
            text = as_text(site, operand)
            if target.length is None:
                return text
            start = sql.Call("left", (text.sql, sql.Value(target.length, "integer")))
            return site.typed(text.position, start, Family.TEXT, text)
        case Family.INTEGER:
            return _within(site, _to_integer(site, operand), target)
        case Family.FLOAT if operand.family is Family.TEXT:
            number = function("to_float", function("to_number", operand.sql))
            return site.typed(operand.position, number, Family.FLOAT, operand)
        case Family.DECIMAL:
            return _to_decimal(site, operand, target)
        case Family.BOOL | Family.UUID if operand.family is Family.TEXT:
            read = "to_boolean" if family is Family.BOOL else "to_uuid"
            return site.typed(operand.position, function(read, operand.sql), family, operand)
        case Family.DATE | Family.MOMENT if operand.family is Family.TEXT:
            moment = site.typed(operand.position, function("to_moment", operand.sql), Family.MOMENT, operand)
            return convert(site, moment, family)
        case Family.TIME:
            return _to_time(site, operand)
        case Family.SPAN if operand.family is Family.TEXT:
            span = function("read_span", operand.sql)
            return site.typed(operand.position, span, family, operand, extent=ANY_SPAN)
        case _:
            return convert(site, operand, family)


def _to_integer(site: Site, operand: Typed) -> Typed:
    if operand.family is Family.TEXT:
        number = function("to_integer", function("to_number", operand.sql))
        return site.typed(operand.position, number, Family.INTEGER, operand, extent=Extent(1, 2**63))
    if operand.family in (Family.FLOAT, Family.DECIMAL):
        wide = convert(site, operand, operand.family)
        number = function("to_integer", wide.sql)
        return site.typed(operand.position, number, Family.INTEGER, wide, extent=Extent(1, 2**63))
    return convert(site, operand, Family.INTEGER)


def _within(site: Site, integer: Typed, target: CastType) -> Typed:
    """Turn an integer outside the range of a narrower type into NULL."""
    if target.low is None:
        return integer
    high = 2**63 - 1 if target.high is None else target.high
    bounded = function("within", integer.sql, sql.Value(target.low, "bigint"), sql.Value(high, "bigint"))
    extent = Extent(1, max(-target.low, high))
    return site.typed(integer.position, bounded, Family.INTEGER, integer, extent=extent)


def _to_decimal(site: Site, operand: Typed, target: CastType) -> Typed:
    if operand.family is Family.TEXT:
        number: sql.Expression = function("to_number", operand.sql)
    elif operand.family in NUMBERS:
        number = sql.Cast(operand.sql, "numeric")
    else:
        operand = convert(site, operand, Family.INTEGER)
        number = sql.Cast(operand.sql, "numeric")
    if target.low is None:
        digits = sql.Value(target.type.precision, "integer")
        rounded = function("to_decimal", number, digits, sql.Value(target.type.scale, "integer"))
    else:
        rounded = function("whole_within", number, sql.Value(target.low, "numeric"), sql.Value(target.high, "numeric"))
    extent = extent_of(target.type)
    return site.typed(operand.position, rounded, Family.DECIMAL, operand, type_=target.type, extent=extent)


def _to_time(site: Site, operand: Typed) -> Typed:
    if operand.family in (Family.TEXT, Family.SPAN):
        return site.typed(operand.position, function("to_time", operand.sql), Family.TIME, operand)
    if operand.family is Family.TIME:
        return operand
    moment = convert(site, operand, Family.MOMENT)
    return site.typed(operand.position, sql.Cast(moment.sql, "time"), Family.TIME, moment)


def as_text(site: Site, operand: Operand) -> Typed:
    """Write any value as text: bools as 1 and 0, moments as `2020-12-31 23:59:59`."""
    if isinstance(operand, Constant):
        if operand.value is None:
            return null(operand.position, Family.TEXT)
        if isinstance(operand.value, (int, Decimal)):
            value = int(operand.value) if isinstance(operand.value, bool) else operand.value
            return convert(site, Constant(operand.position, str(value)), Family.TEXT)
        operand = by_itself(site, operand)
    match operand.family:
        case Family.TEXT:
            return convert(site, operand, Family.TEXT)
        case Family.BOOL | Family.DATE | Family.MOMENT:
            text: sql.Expression = function("to_text", operand.sql)
        case Family.ZONED:
            operand = convert(site, operand, Family.MOMENT)
            text = function("to_text", operand.sql)
        case Family.SPAN:
            text = function("span_text", operand.sql)
        case Family.OPAQUE:
            raise site.refusal(operand.position, f"{shown(operand)} has no text", "another attribute")
        case _:
            text = sql.Cast(operand.sql, "text")
    return site.typed(operand.position, exact_text(text), Family.TEXT, operand)
