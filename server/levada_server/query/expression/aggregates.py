"""Aggregate functions: over the rows of a group, ignoring NULLs; NULL, or 0 for counts, if no row is left."""

from __future__ import annotations

from dataclasses import replace

from levada_server.model.kinds import NUMERIC, Family, Kind
from levada_server.model.types import AttributeType
from levada_server.query import sql
from levada_server.query.expression import syntax
from levada_server.query.expression.arithmetic import bounded_decimal
from levada_server.query.expression.casts import as_text
from levada_server.query.expression.conversions import by_itself, convert
from levada_server.query.expression.moments import bounded_span
from levada_server.query.expression.operands import ANY_INTEGER, Site, Typed, exact_text, function, shown
from levada_server.query.postgres_types import value_type

_INTEGER = AttributeType(Kind.INT32)

NEAR = 1e290
"""Sums of fewer than 10^18 doubles below this cannot overflow; larger ones are summed separately, scaled."""

NEAR_SQUARES = 1e130
"""The same for sums of squares."""

TAME = 1e100
"""Numbers bounded by this through their type need no such care."""


def count(site: Site, call: syntax.Call) -> Typed:
    """Count rows, or the rows in which no argument is NULL."""
    inside = _inside(site, call)
    if call.star:
        return site.typed(call.position, _aggregate(site, "count", sql.STAR), Family.INTEGER, extent=ANY_INTEGER)
    operands = [by_itself(inside, inside.operand(argument)) for argument in call.arguments]
    if len(operands) == 1:
        counted = _aggregate(site, "count", operands[0].sql, distinct=call.distinct)
        return site.typed(call.position, counted, Family.INTEGER, *operands, extent=ANY_INTEGER)
    if not call.distinct:
        raise site.refusal(call.position, "`count` takes several arguments only if they are distinct", "DISTINCT")
    # PostgreSQL counts a row of values even if one of them is NULL.
    present = sql.conjunction(sql.Test(operand.sql, "IS NOT NULL") for operand in operands)
    rows = sql.Call("ROW", tuple(_ordered(inside, operand) for operand in operands))
    counted = _aggregate(site, "count", rows, distinct=True, condition=present)
    return site.typed(call.position, counted, Family.INTEGER, *operands, *operands, extent=ANY_INTEGER)


def total(site: Site, call: syntax.Call) -> Typed:
    """Sum: of whole numbers an int64, of others their kind, in its widest type; NULL past its range."""
    operand = _number(site, call, spans=True)
    position = call.position
    if operand.family is Family.SPAN:
        whole = function("to_integer", _aggregate(site, "sum", operand.sql, distinct=call.distinct))
        return bounded_span(site, position, whole, operand)
    if operand.family is Family.INTEGER:
        # PostgreSQL sums bigint as numeric, and the narrower ones as bigint.
        whole = _aggregate(site, "sum", operand.sql, distinct=call.distinct)
        if value_type(operand.type) == "bigint":
            whole = function("to_integer", whole)
        return site.typed(position, whole, Family.INTEGER, operand, extent=ANY_INTEGER)
    if operand.family is Family.DECIMAL:
        exact = _aggregate(site, "sum", operand.sql, distinct=call.distinct)
        scale = operand.type.scale or 0
        return bounded_decimal(site, position, exact, scale, scale, float("inf"), operand)
    operand = convert(site, operand, Family.FLOAT)
    if operand.extent.largest <= TAME:
        plain = _aggregate(site, "sum", operand.sql, distinct=call.distinct)
        return site.typed(position, plain, Family.FLOAT, operand)
    near, far = _partial_sums(site, operand.sql, distinct=call.distinct)
    return site.typed(position, function("whole_sum", near, far), Family.FLOAT, *(operand,) * 4)


def mean(site: Site, call: syntax.Call) -> Typed:
    """Average, a float64; of spans a span, rounded to a microsecond."""
    operand = _number(site, call, spans=True)
    if operand.family is Family.SPAN:
        rounded = function("to_integer", _aggregate(site, "avg", operand.sql, distinct=call.distinct))
        return bounded_span(site, call.position, rounded, operand)
    if operand.family is not Family.FLOAT:
        exact = sql.Cast(_aggregate(site, "avg", operand.sql, distinct=call.distinct), "double precision")
        return site.typed(call.position, exact, Family.FLOAT, operand)
    operand = convert(site, operand, Family.FLOAT)
    if operand.extent.largest <= TAME:
        plain = _aggregate(site, "avg", operand.sql, distinct=call.distinct)
        return site.typed(call.position, plain, Family.FLOAT, operand)
    near, far = _partial_sums(site, operand.sql, distinct=call.distinct)
    many = _aggregate(site, "count", operand.sql, distinct=call.distinct)
    return site.typed(call.position, function("whole_mean", near, far, many), Family.FLOAT, *(operand,) * 5)


def deviation(site: Site, call: syntax.Call) -> Typed:
    """Standard deviation of the population, a float64."""
    return _spread(site, call, "stddev_pop", power=1)


def variance(site: Site, call: syntax.Call) -> Typed:
    """Variance of the population, a float64."""
    return _spread(site, call, "var_pop", power=2)


def sample_deviation(site: Site, call: syntax.Call) -> Typed:
    """Standard deviation of a sample, a float64; NULL for fewer than two values."""
    return _spread(site, call, "stddev_samp", power=1)


def sample_variance(site: Site, call: syntax.Call) -> Typed:
    """Variance of a sample, a float64; NULL for fewer than two values."""
    return _spread(site, call, "var_samp", power=2)


def _spread(site: Site, call: syntax.Call, name: str, *, power: int) -> Typed:
    operand = convert(site, _number(site, call), Family.FLOAT)
    if operand.extent.largest <= TAME:
        plain = _aggregate(site, name, operand.sql, distinct=call.distinct)
        return site.typed(call.position, plain, Family.FLOAT, operand)
    is_near = _less(operand.sql, NEAR_SQUARES)
    near = _aggregate(site, name, operand.sql, distinct=call.distinct, condition=is_near)
    far: sql.Expression = _aggregate(site, name, function("scaled_down", operand.sql), distinct=call.distinct)
    for _ in range(power):
        far = function("scaled_up", far)
    some_far = _aggregate(site, "bool_or", sql.Operation("NOT", (is_near,)))
    result = sql.Case(((some_far, far),), near)
    return site.typed(call.position, result, Family.FLOAT, *(operand,) * 4)


def smallest(site: Site, call: syntax.Call) -> Typed:
    """Find the smallest value of any ordered type."""
    return _extreme(site, call, "min", "bool_and")


def largest(site: Site, call: syntax.Call) -> Typed:
    """Find the largest value of any ordered type."""
    return _extreme(site, call, "max", "bool_or")


def _extreme(site: Site, call: syntax.Call, name: str, of_bools: str) -> Typed:
    inside = _inside(site, call)
    operand = by_itself(inside, inside.operand(call.arguments[0]))
    match operand.family:
        case Family.BOOL:
            expression: sql.Expression = _aggregate(site, of_bools, operand.sql)
        case Family.UUID:
            # PostgreSQL has no min(uuid) before 18; the text has the same order.
            text = exact_text(sql.Cast(operand.sql, "text"))
            expression = sql.Cast(_aggregate(site, name, text), "uuid")
        case Family.JSON | Family.OPAQUE:
            raise site.refusal(operand.position, f"values of {shown(operand)} have no order", "another attribute")
        case _:
            expression = _aggregate(site, name, operand.sql)
    found = site.typed(call.position, expression, operand.family, operand, type_=operand.type, extent=operand.extent)
    return replace(found, json=None)


def joined(site: Site, call: syntax.Call) -> Typed:
    """Join values as text, in an order, with a separator."""
    inside = _inside(site, call)
    first, *more = call.arguments
    if more:
        first = syntax.Call(call.position, "concat", call.arguments)
    operand = by_itself(inside, inside.operand(first))
    text = as_text(inside, operand)
    separator = sql.Value("," if call.separator is None else call.separator, "text")
    terms = [(by_itself(inside, inside.operand(node)), descending) for node, descending in call.order]
    parts = (text, operand, *(term for term, _ in terms))
    order = tuple(sql.Order(_ordered(inside, term), descending) for term, descending in terms)
    if not call.distinct:
        expression: sql.Expression = _aggregate(site, "string_agg", text.sql, separator, order_by=order)
    elif not all(term.sql == operand.sql for term, _ in terms):
        raise site.refusal(
            call.order[0][0].position, "distinct values can only be ordered by themselves", "the value that is joined"
        )
    else:
        # The values, not their texts, are made distinct and ordered: 9 before 10.
        present = sql.Test(operand.sql, "IS NOT NULL")
        value = _ordered(inside, operand)
        if operand.family is Family.BOOL:
            value = sql.Cast(value, "integer")
            order = tuple(replace(term, expression=value) for term in order)
        values = _aggregate(site, "array_agg", value, distinct=True, order_by=order, condition=present)
        if operand.family is Family.SPAN:
            expression = exact_text(function("joined_spans", values, separator))
        else:
            expression = exact_text(sql.Call("array_to_string", (values, separator)))
    return site.typed(call.position, expression, Family.TEXT, *parts)


def _ordered(site: Site, operand: Typed) -> sql.Expression:
    if operand.family in (Family.JSON, Family.OPAQUE):
        raise site.refusal(operand.position, f"values of {shown(operand)} have no order", "another attribute")
    return operand.sql


def all_bits(site: Site, call: syntax.Call) -> Typed:
    """Combine whole numbers by a bitwise AND."""
    return _bits(site, call, "bit_and")


def any_bits(site: Site, call: syntax.Call) -> Typed:
    """Combine whole numbers by a bitwise OR."""
    return _bits(site, call, "bit_or")


def odd_bits(site: Site, call: syntax.Call) -> Typed:
    """Combine whole numbers by a bitwise XOR."""
    return _bits(site, call, "bit_xor")


def _bits(site: Site, call: syntax.Call, name: str) -> Typed:
    inside = _inside(site, call)
    operand = convert(inside, inside.operand(call.arguments[0]), Family.INTEGER)
    return site.typed(call.position, _aggregate(site, name, operand.sql), Family.INTEGER, operand, extent=ANY_INTEGER)


# --------------------------------------------------------------------------------------------------- shared


def _inside(site: Site, call: syntax.Call) -> Site:
    """Return the site of an aggregate's arguments."""
    if not site.scope.aggregates:
        raise site.refusal(
            call.position, f"`{call.name}` is an aggregate function, and this is not an aggregation", "A.aggr(B, …)"
        )
    if site.aggregated:
        raise site.refusal(call.position, f"`{call.name}` is inside another aggregate function", "aggr twice")
    return replace(site, aggregated=True)


def _number(site: Site, call: syntax.Call, *, spans: bool = False) -> Typed:
    """Type the argument of an aggregate of numbers, or also of spans of time."""
    inside = _inside(site, call)
    operand = by_itself(inside, inside.operand(call.arguments[0]))
    if operand.json is not None:
        return convert(inside, operand, Family.FLOAT)
    if operand.family is Family.BOOL:
        return replace(operand, sql=sql.Cast(operand.sql, "integer"), type=_INTEGER, family=Family.INTEGER)
    if operand.family not in NUMERIC and not (spans and operand.family is Family.SPAN):
        advice = "time_to_sec(x), whole seconds" if operand.family is Family.SPAN else "a number"
        raise inside.refusal(operand.position, f"`{call.name}` takes numbers, and this is {shown(operand)}", advice)
    return operand


def _aggregate(
    site: Site,
    name: str,
    *arguments: sql.Expression,
    distinct: bool = False,
    order_by: tuple[sql.Order, ...] = (),
    condition: sql.Expression | None = None,
) -> sql.Call:
    conditions = [c for c in (site.scope.aggregate_filter, condition) if c is not None]
    counted = sql.conjunction(conditions) if conditions else None
    return sql.Call(name, arguments, distinct, order_by, counted)


def _less(expression: sql.Expression, bound: float) -> sql.Expression:
    return sql.Operation("<", (sql.Call("abs", (expression,)), sql.Value(bound, "double precision")))


def _partial_sums(site: Site, expression: sql.Expression, *, distinct: bool) -> tuple[sql.Call, sql.Call]:
    """Sum small values, and large ones scaled by 2^-64, separately: neither sum can overflow."""
    near = _less(expression, NEAR)
    scaled = sql.Operation("*", (expression, sql.Value(2.0**-64, "double precision")))
    return (
        _aggregate(site, "sum", expression, distinct=distinct, condition=near),
        _aggregate(site, "sum", scaled, distinct=distinct, condition=sql.Operation("NOT", (near,))),
    )
