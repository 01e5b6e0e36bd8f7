"""The functions of numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.model.kinds import Family
from levada_server.query import sql
from levada_server.query.expression.arithmetic import as_numbers, bounded_decimal, combine
from levada_server.query.expression.calls import arguments, passed_on
from levada_server.query.expression.conversions import convert, number_of
from levada_server.query.expression.operands import (
    ANY_INTEGER,
    LARGEST_INTEGER,
    Constant,
    Extent,
    Site,
    Typed,
    function,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_server.query.expression import syntax

MAX_ROUNDED_DIGITS = 300
"""Digits of round and truncate, before or after the point."""


def absolute(site: Site, call: syntax.Call) -> Typed:
    """Return the absolute value."""
    (operand,) = as_numbers(site, arguments(site, call))
    if operand.family is Family.INTEGER and operand.extent.largest > LARGEST_INTEGER:
        expression: sql.Expression = function("absolute", operand.sql)
    else:
        expression = sql.Call("abs", (operand.sql,))
    return site.typed(call.position, expression, operand.family, operand, type_=operand.type, extent=operand.extent)


def rounded(site: Site, call: syntax.Call) -> Typed:
    """Round to a fixed number of digits: half away from zero, a float to even."""
    return _to_digits(site, call, "round")


def truncated(site: Site, call: syntax.Call) -> Typed:
    """Cut off after a fixed number of digits."""
    return _to_digits(site, call, "trunc")


def _to_digits(site: Site, call: syntax.Call, way: str) -> Typed:
    (operand,) = as_numbers(site, [site.operand(call.arguments[0])])
    digits = _digits(site, call)
    position = call.position
    match operand.family:
        case Family.INTEGER:
            if digits >= 0:
                return operand
            numeric = sql.Cast(operand.sql, "numeric")
            whole = sql.Call(way, (numeric, sql.Value(digits, "integer")))
            return site.typed(position, function("to_integer", whole), Family.INTEGER, operand, extent=ANY_INTEGER)
        case Family.DECIMAL:
            scale = operand.type.scale or 0
            if digits >= scale:
                return operand
            expression = sql.Call(way, (operand.sql, sql.Value(digits, "integer")))
            scale, largest = max(digits, 0), operand.extent.largest + 10.0 ** max(-digits, 0)
            return bounded_decimal(site, position, expression, scale, scale, largest, operand)
        case _:
            return _float_to_digits(site, operand, digits, way, position)


def _float_to_digits(site: Site, operand: Typed, digits: int, way: str, position: int) -> Typed:
    if digits == 0:
        return site.typed(position, sql.Call(way, (operand.sql,)), Family.FLOAT, operand)
    name = f"{way}_to_fraction" if digits > 0 else f"{way}_to_multiple"
    unit = sql.Value(float(f"1e{abs(digits)}"), "double precision")
    return site.typed(position, function(name, operand.sql, unit), Family.FLOAT, operand)


def _digits(site: Site, call: syntax.Call) -> int:
    if len(call.arguments) == 1:
        return 0
    digits = site.operand(call.arguments[1])
    if isinstance(digits, Constant) and digits.value is not None:
        number = number_of(site, digits)
        if isinstance(number, int) and abs(number) <= MAX_ROUNDED_DIGITS:
            return number
    raise site.refusal(
        digits.position, f"{call.name} takes a fixed number of digits", f"{-MAX_ROUNDED_DIGITS} to {MAX_ROUNDED_DIGITS}"
    )


def floor(site: Site, call: syntax.Call) -> Typed:
    """Round down to a whole number."""
    return _to_whole(site, call, "floor")


def ceil(site: Site, call: syntax.Call) -> Typed:
    """Round up to a whole number."""
    return _to_whole(site, call, "ceil")


def _to_whole(site: Site, call: syntax.Call, name: str) -> Typed:
    (operand,) = as_numbers(site, arguments(site, call))
    expression = sql.Call(name, (operand.sql,))
    match operand.family:
        case Family.INTEGER:
            return operand
        case Family.DECIMAL:
            return bounded_decimal(site, call.position, expression, 0, 0, operand.extent.largest + 1, operand)
        case _:
            return site.typed(call.position, expression, Family.FLOAT, operand)


def of_floats(name: str) -> Callable[[Site, syntax.Call], Typed]:
    """Return the typing of a function of one or two floats that PostgreSQL computes by one of ours."""
    return passed_on(name, (Family.FLOAT, Family.FLOAT), Family.FLOAT)


def remainder(site: Site, call: syntax.Call) -> Typed:
    """The same as the operator `%`."""
    left, right = arguments(site, call)
    return combine(site, "%", left, right, call.position)


def random(site: Site, call: syntax.Call) -> Typed:
    """A float that PostgreSQL draws anew for each row."""
    drawn = site.typed(call.position, sql.Call("random", ()), Family.FLOAT, extent=Extent(5e-324, 1))
    return replace(drawn, volatile=True)


def pi(site: Site, call: syntax.Call) -> Typed:
    """The circle number."""
    return convert(site, Constant(call.position, math.pi), Family.FLOAT)
