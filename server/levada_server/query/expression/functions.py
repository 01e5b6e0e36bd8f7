"""The functions of the expression language: one table, used to type calls and to write the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.kinds import Family
from levada_server.query import sql
from levada_server.query.expression import aggregates, syntax
from levada_server.query.expression.arithmetic import as_numbers, bounded_decimal
from levada_server.query.expression.casts import as_text
from levada_server.query.expression.comparison import compare, truth
from levada_server.query.expression.conversions import UTC, by_itself, convert, null, number_of
from levada_server.query.expression.moments import moment_of, time_between, time_difference, unit_of
from levada_server.query.expression.operands import (
    ANY_INTEGER,
    LARGEST_INTEGER,
    Constant,
    Extent,
    Operand,
    Site,
    Typed,
    exact_text,
    function,
    shown,
)
from levada_server.query.expression.unification import unify
from levada_server.query.postgres_types import value_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_ARGUMENTS = 100

MAX_ROUNDED_DIGITS = 300
"""Digits of round, before or after the point."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Args:
        names: Its names, the usual one first.
        usage: Its arguments, for the reference.
        meaning: Its result, for the reference.
        least: Least number of arguments.
        most: Greatest number of arguments.
        apply: Types a call of it.
        aggregate: It works on the rows of a group.
    """

    names: tuple[str, ...]
    usage: str
    meaning: str
    least: int
    most: int
    apply: Callable[[Site, syntax.Call], Operand]
    aggregate: bool = False


def call_function(site: Site, call: syntax.Call) -> Operand:
    """Type a call.

    Raises:
        InvalidExpression: There is no such function, or it does not take these arguments.
    """
    found = FUNCTIONS.get(call.name)
    if found is None:
        raise site.refusal(call.position, f"there is no function `{call.name}`", f"one of {', '.join(FUNCTIONS)}")
    count = len(call.arguments)
    if call.star:
        if call.name != "count":
            raise site.refusal(call.position, f"`{call.name}(*)` means nothing", found.usage)
    elif not found.least <= count <= found.most:
        raise site.refusal(call.position, f"`{call.name}` cannot take {count} arguments", found.usage)
    if call.distinct and not found.aggregate:
        raise site.refusal(call.position, f"DISTINCT is only for aggregate functions, and `{call.name}` is not one")
    return found.apply(site, call)


def _arguments(site: Site, call: syntax.Call) -> list[Operand]:
    return [site.operand(argument) for argument in call.arguments]


# -------------------------------------------------------------------------------------------------- numbers


def _absolute(site: Site, call: syntax.Call) -> Typed:
    (operand,) = as_numbers(site, _arguments(site, call))
    if operand.family is Family.INTEGER and operand.extent.largest > LARGEST_INTEGER:
        expression: sql.Expression = function("absolute", operand.sql)
    else:
        expression = sql.Call("abs", (operand.sql,))
    return site.typed(call.position, expression, operand.family, operand, type_=operand.type, extent=operand.extent)


def _round(site: Site, call: syntax.Call) -> Typed:
    (operand,) = as_numbers(site, [site.operand(call.arguments[0])])
    digits = _digits(site, call)
    position = call.position
    match operand.family:
        case Family.INTEGER:
            if digits >= 0:
                return operand
            numeric = sql.Cast(operand.sql, "numeric")
            rounded = sql.Call("round", (numeric, sql.Value(digits, "integer")))
            return site.typed(position, function("to_integer", rounded), Family.INTEGER, operand, extent=ANY_INTEGER)
        case Family.DECIMAL:
            scale = operand.type.scale or 0
            if digits >= scale:
                return operand
            expression = sql.Call("round", (operand.sql, sql.Value(digits, "integer")))
            scale, largest = max(digits, 0), operand.extent.largest + 10.0 ** max(-digits, 0)
            return bounded_decimal(site, position, expression, scale, scale, largest, operand)
        case _:
            return _round_float(site, operand, digits, position)


def _round_float(site: Site, operand: Typed, digits: int, position: int) -> Typed:
    if digits == 0:
        return site.typed(position, sql.Call("round", (operand.sql,)), Family.FLOAT, operand)
    name = "round_to_fraction" if digits > 0 else "round_to_multiple"
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
        digits.position, "round takes a fixed number of digits", f"{-MAX_ROUNDED_DIGITS} to {MAX_ROUNDED_DIGITS}"
    )


def _floor(site: Site, call: syntax.Call) -> Typed:
    return _to_whole(site, call, "floor")


def _ceil(site: Site, call: syntax.Call) -> Typed:
    return _to_whole(site, call, "ceil")


def _to_whole(site: Site, call: syntax.Call, name: str) -> Typed:
    (operand,) = as_numbers(site, _arguments(site, call))
    expression = sql.Call(name, (operand.sql,))
    match operand.family:
        case Family.INTEGER:
            return operand
        case Family.DECIMAL:
            return bounded_decimal(site, call.position, expression, 0, 0, operand.extent.largest + 1, operand)
        case _:
            return site.typed(call.position, expression, Family.FLOAT, operand)


def _power(site: Site, call: syntax.Call) -> Typed:
    return _of_floats(site, call, "power")


def _sqrt(site: Site, call: syntax.Call) -> Typed:
    return _of_floats(site, call, "sqrt")


def _exp(site: Site, call: syntax.Call) -> Typed:
    return _of_floats(site, call, "exp")


def _ln(site: Site, call: syntax.Call) -> Typed:
    return _of_floats(site, call, "ln")


def _log10(site: Site, call: syntax.Call) -> Typed:
    return _of_floats(site, call, "log10")


def _of_floats(site: Site, call: syntax.Call, name: str) -> Typed:
    floats = [convert(site, operand, Family.FLOAT) for operand in _arguments(site, call)]
    return site.typed(call.position, function(name, *(f.sql for f in floats)), Family.FLOAT, *floats)


# ------------------------------------------------------------------------------------------------- choosing


def _greatest(site: Site, call: syntax.Call) -> Typed:
    return _extreme(site, call, "larger")


def _least(site: Site, call: syntax.Call) -> Typed:
    return _extreme(site, call, "smaller")


def _extreme(site: Site, call: syntax.Call, name: str) -> Typed:
    first, *rest = unify(site, _arguments(site, call))
    if first.family in (Family.JSON, Family.OPAQUE):
        raise site.refusal(first.position, f"values of {shown(first)} have no order", "other values")
    for other in rest:
        largest = max(first.extent.largest, other.extent.largest)
        extent = Extent(min(first.extent.smallest, other.extent.smallest), largest)
        first = site.typed(
            call.position,
            function(name, first.sql, other.sql),
            first.family,
            first,
            other,
            type_=first.type,
            extent=extent,
        )
    return first


def _coalesce(site: Site, call: syntax.Call) -> Typed:
    operands = unify(site, _arguments(site, call))
    expression = sql.Call("coalesce", tuple(operand.sql for operand in operands))
    return joint(site, call.position, expression, operands)


def _nullif(site: Site, call: syntax.Call) -> Typed:
    left, right = _arguments(site, call)
    same = truth(site, compare(site, "=", left, right, call.position))
    kept = by_itself(site, left)
    if kept.family in (Family.OPAQUE, Family.JSON):
        raise site.refusal(call.position, f"nullif cannot compare {shown(kept)}", "other values")
    expression = sql.Case(((same.sql, null(call.position, kept.family).sql),), kept.sql)
    return joint(site, call.position, expression, [kept], same)


def _if(site: Site, call: syntax.Call) -> Typed:
    condition = truth(site, site.operand(call.arguments[0]))
    operands = unify(site, [site.operand(argument) for argument in call.arguments[1:]])
    expression = sql.Case(((condition.sql, operands[0].sql),), operands[1].sql)
    return joint(site, call.position, expression, operands, condition)


def joint(site: Site, position: int, expression: sql.Expression, operands: Sequence[Typed], *more: Typed) -> Typed:
    """Build an operand that is one of several of one type."""
    extent = Extent(min(o.extent.smallest for o in operands), max(o.extent.largest for o in operands))
    first = operands[0]
    return site.typed(position, expression, first.family, *operands, *more, type_=first.type, extent=extent)


# ----------------------------------------------------------------------------------------------------- text


def _concat(site: Site, call: syntax.Call) -> Typed:
    texts = [as_text(site, operand) for operand in _arguments(site, call)]
    if len(texts) == 1:
        return texts[0]
    expression = sql.Operation("||", tuple(text.sql for text in texts))
    return site.typed(call.position, expression, Family.TEXT, *texts)


def _lower(site: Site, call: syntax.Call) -> Typed:
    return _letters(site, call, "lower")


def _upper(site: Site, call: syntax.Call) -> Typed:
    return _letters(site, call, "upper")


def _letters(site: Site, call: syntax.Call, name: str) -> Typed:
    # Exact order knows only the letters of ASCII; the database's own knows all.
    text = as_text(site, site.operand(call.arguments[0]))
    letters = sql.Call(name, (sql.Test(text.sql, 'COLLATE "default"'),))
    return site.typed(call.position, exact_text(letters), Family.TEXT, text)


def _length(site: Site, call: syntax.Call) -> Typed:
    operand = by_itself(site, site.operand(call.arguments[0]))
    name = "octet_length"
    if operand.family is not Family.OPAQUE or value_type(operand.type) != "bytea":
        operand, name = as_text(site, operand), "length"
    length = sql.Cast(sql.Call(name, (operand.sql,)), "bigint")
    return site.typed(call.position, length, Family.INTEGER, operand, extent=Extent(1, 2**31))


def _substr(site: Site, call: syntax.Call) -> Typed:
    operands = _arguments(site, call)
    text = as_text(site, operands[0])
    start = convert(site, operands[1], Family.INTEGER)
    many = convert(
        site, operands[2] if len(operands) == 3 else Constant(call.position, LARGEST_INTEGER), Family.INTEGER
    )
    expression = function("part_of_text", text.sql, start.sql, many.sql)
    return site.typed(call.position, expression, Family.TEXT, text, start, many)


def _replace(site: Site, call: syntax.Call) -> Typed:
    texts = [as_text(site, operand) for operand in _arguments(site, call)]
    expression = sql.Call("replace", tuple(text.sql for text in texts))
    return site.typed(call.position, expression, Family.TEXT, *texts)


# -------------------------------------------------------------------------------------------------- moments


def _now(site: Site, call: syntax.Call) -> Typed:
    moment = sql.Call("timezone", (UTC, sql.Call("now", ())))
    return site.typed(call.position, moment, Family.MOMENT)


def _today(site: Site, call: syntax.Call) -> Typed:
    return convert(site, _now(site, call), Family.DATE)


def _date(site: Site, call: syntax.Call) -> Typed:
    operand = site.operand(call.arguments[0])
    if isinstance(operand, Typed) and operand.family is Family.TEXT:
        text = site.typed(call.position, function("to_moment", operand.sql), Family.MOMENT, operand)
        return convert(site, text, Family.DATE)
    moment = moment_of(site, operand)
    return moment if moment.family is Family.DATE else convert(site, moment, Family.DATE)


def _timediff(site: Site, call: syntax.Call) -> Typed:
    end, start = _arguments(site, call)
    return time_between(site, start, end, call.position)


def _timestampdiff(site: Site, call: syntax.Call) -> Typed:
    unit = unit_of(site, call.arguments[0])
    start, end = (site.operand(argument) for argument in call.arguments[1:])
    return time_difference(site, unit, start, end, call.position)


_TABLE = (
    Function(("abs",), "abs(x)", "The absolute value.", 1, 1, _absolute),
    Function(
        ("round",),
        "round(x[, digits])",
        "`x` rounded to `digits` digits after the point, or before it if negative; 0 by default. A whole number or "
        "decimal rounds a half away from zero, a float to even. `digits` must be a constant.",
        1,
        2,
        _round,
    ),
    Function(("floor",), "floor(x)", "The largest whole number not above `x`, a float for a float.", 1, 1, _floor),
    Function(
        ("ceil", "ceiling"), "ceil(x)", "The smallest whole number not below `x`, a float for a float.", 1, 1, _ceil
    ),
    Function(("power", "pow"), "power(x, y)", "`x` to the power `y`; NULL if that is not a real number.", 2, 2, _power),
    Function(("sqrt",), "sqrt(x)", "The square root; NULL below 0.", 1, 1, _sqrt),
    Function(("exp",), "exp(x)", "e to the power `x`.", 1, 1, _exp),
    Function(("ln",), "ln(x)", "The natural logarithm; NULL unless `x` > 0.", 1, 1, _ln),
    Function(("log10",), "log10(x)", "The logarithm to base 10; NULL unless `x` > 0.", 1, 1, _log10),
    Function(
        ("greatest",),
        "greatest(a, b, …)",
        "The largest; NULL if one is NULL.",
        2,
        MAX_ARGUMENTS,
        _greatest,
    ),
    Function(("least",), "least(a, b, …)", "The smallest; NULL if one is NULL.", 2, MAX_ARGUMENTS, _least),
    Function(("coalesce", "ifnull"), "coalesce(a, b, …)", "The first that is not NULL.", 1, MAX_ARGUMENTS, _coalesce),
    Function(("nullif",), "nullif(a, b)", "NULL if `a = b`, else `a`.", 2, 2, _nullif),
    Function(("if",), "if(condition, a, b)", "`a` if the condition holds, otherwise `b`.", 3, 3, _if),
    Function(("concat",), "concat(a, b, …)", "The texts joined; NULL if one is NULL.", 1, MAX_ARGUMENTS, _concat),
    Function(("lower",), "lower(x)", "The text in lower case.", 1, 1, _lower),
    Function(("upper",), "upper(x)", "The text in upper case.", 1, 1, _upper),
    Function(("length",), "length(x)", "The number of characters of a text, or of bytes.", 1, 1, _length),
    Function(
        ("substr", "substring"),
        "substr(x, start[, length])",
        "A part of a text from character `start`, counted from 1, or from the end if negative.",
        2,
        3,
        _substr,
    ),
    Function(("replace",), "replace(x, old, new)", "The text with each `old` replaced.", 3, 3, _replace),
    Function(("date",), "date(x)", "The day of a datetime or of a text; NULL if it is not a date.", 1, 1, _date),
    Function(
        ("now", "current_timestamp"),
        "now(), current_timestamp",
        "The datetime at which the transaction began, in UTC.",
        0,
        0,
        _now,
    ),
    Function(("curdate", "current_date"), "curdate(), current_date", "The day of `now()`.", 0, 0, _today),
    Function(
        ("timediff",),
        "timediff(end, start)",
        "The span of time between two datetimes or two times. It compares with text such as `'00:10:00'`, also past a "
        "day. As a result it is a time: NULL if it is negative, or a day or more.",
        2,
        2,
        _timediff,
    ),
    Function(
        ("timestampdiff",),
        "timestampdiff(unit, start, end)",
        "Whole microseconds, seconds, minutes, hours, days, weeks, months, quarters or years (`unit` in the singular) "
        "from `start` to `end`, rounded toward 0.",
        3,
        3,
        _timestampdiff,
    ),
    Function(
        ("count",),
        "count(*), count([DISTINCT] x)",
        "The number of rows, or of rows where `x` is not NULL.",
        1,
        1,
        aggregates.count,
        aggregate=True,
    ),
    Function(
        ("sum",),
        "sum([DISTINCT] x)",
        "The sum; for a comparison, how often it holds. Whole numbers give an int64, NULL past its range.",
        1,
        1,
        aggregates.total,
        aggregate=True,
    ),
    Function(("avg",), "avg([DISTINCT] x)", "The mean, a float64.", 1, 1, aggregates.mean, aggregate=True),
    Function(("min",), "min(x)", "The smallest value of any ordered type.", 1, 1, aggregates.smallest, aggregate=True),
    Function(("max",), "max(x)", "The largest value of any ordered type.", 1, 1, aggregates.largest, aggregate=True),
    Function(
        ("std", "stddev", "stddev_pop"),
        "std(x)",
        "The standard deviation of the population (divided by n).",
        1,
        1,
        aggregates.deviation,
        aggregate=True,
    ),
    Function(
        ("variance", "var_pop"),
        "variance(x)",
        "The variance of the population (divided by n).",
        1,
        1,
        aggregates.variance,
        aggregate=True,
    ),
    Function(
        ("group_concat",),
        "group_concat([DISTINCT] x [ORDER BY y [DESC], …] [SEPARATOR ','])",
        "The values as text, joined.",
        1,
        1,
        aggregates.joined,
        aggregate=True,
    ),
    Function(
        ("bit_and",), "bit_and(x)", "The bitwise AND of whole numbers.", 1, 1, aggregates.all_bits, aggregate=True
    ),
    Function(("bit_or",), "bit_or(x)", "The bitwise OR of whole numbers.", 1, 1, aggregates.any_bits, aggregate=True),
)

FUNCTIONS = {name: entry for entry in _TABLE for name in entry.names}
"""Every function by each of its names."""
