"""`+ - * / % DIV` and the sign. Whatever PostgreSQL could refuse at run time calls a function that returns NULL."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.model.kinds import NUMERIC, Family
from levada_server.query import sql
from levada_server.query.expression import syntax
from levada_server.query.expression.conversions import convert, null, number_of, scale_of
from levada_server.query.expression.moments import shift
from levada_server.query.expression.operands import (
    ANY_FLOAT,
    ANY_INTEGER,
    LARGEST_INTEGER,
    MAX_DECIMAL_DIGITS,
    Constant,
    Extent,
    Operand,
    Site,
    Typed,
    decimal_type,
    function,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SAFE_FLOAT = Extent(1e-300, 1e300)
"""Results within this cannot overflow or underflow, whatever the rounding."""

MIN_PRODUCT_SCALE = 18
"""A product of decimals keeps all digits after the point up to this many, or as many as its factors have."""

_NAMES = {"+": "add", "-": "subtract", "*": "multiply"}


def calculate(site: Site, node: syntax.Binary) -> Operand:
    """Type an arithmetic operation."""
    if node.operator in ("+", "-"):
        if isinstance(node.right, syntax.Interval):
            return shift(site, site.operand(node.left), node.right, negated=node.operator == "-")
        if isinstance(node.left, syntax.Interval) and node.operator == "+":
            return shift(site, site.operand(node.right), node.left, negated=False)
    return combine(site, node.operator, site.operand(node.left), site.operand(node.right), node.position)


def combine(site: Site, operator: str, left: Operand, right: Operand, position: int) -> Typed:
    """Apply an operator to two numbers.

    Whole numbers stay whole (int64, NULL past it), decimals exact; a division, or a float on either side, yields a
    float. A number with a point is a float, but a decimal beside a decimal.
    """
    left, right = _number(site, left, operator), _number(site, right, operator)
    family = Family.FLOAT if operator == "/" else number_family(site, (left, right))
    if operator == "DIV":
        return _quotient(site, convert(site, left, family), convert(site, right, family), position)
    if any(isinstance(side, Constant) and side.value is None for side in (left, right)):
        return null(position, family)
    match family:
        case Family.INTEGER:
            return _integers(site, operator, convert(site, left, family), convert(site, right, family), position)
        case Family.DECIMAL:
            return _decimals(site, operator, convert(site, left, family), convert(site, right, family), position)
        case _:
            return _floats(site, operator, _as_float(site, left), _as_float(site, right), position)


def negate(site: Site, operand: Operand, position: int) -> Typed:
    """Change the sign."""
    return combine(site, "-", Constant(position, 0), operand, position)


def number_family(site: Site, operands: Sequence[Operand]) -> Family:
    """Find the family in which numbers are combined: the widest among them."""
    typed = {operand.family for operand in operands if isinstance(operand, Typed)}
    if Family.FLOAT in typed or any(isinstance(o, Typed) and o.json is not None for o in operands):
        return Family.FLOAT
    exact = Family.DECIMAL in typed
    for operand in operands:
        if isinstance(operand, Constant) and operand.value is not None:
            number = number_of(site, operand)
            if isinstance(number, float):
                return Family.FLOAT
            if isinstance(number, Decimal) and not exact:
                if operand.written:
                    return Family.FLOAT
                exact = True
            if abs(number) >= 10 ** (MAX_DECIMAL_DIGITS - scale_of(number)) or scale_of(number) > MAX_DECIMAL_DIGITS:
                return Family.FLOAT
            if not exact and isinstance(number, int) and not -(2**63) <= number <= LARGEST_INTEGER:
                return Family.FLOAT
    return Family.DECIMAL if exact else Family.INTEGER


def _number(site: Site, operand: Operand, operator: str) -> Operand:
    if isinstance(operand, Constant):
        if operand.value is not None:
            number_of(site, operand)
        return operand
    if operand.family in NUMERIC or operand.json is not None:
        return operand
    advice = {
        Family.DATE: "add or subtract INTERVAL 1 DAY, or use timestampdiff",
        Family.MOMENT: "add or subtract INTERVAL 1 DAY, or use timestampdiff",
        Family.ZONED: "add or subtract INTERVAL 1 DAY, or use timestampdiff",
        Family.SPAN: "addtime, subtime or timediff, or time_to_sec(x) for a number",
        Family.TEXT: "CAST(… AS float), or concat to join text",
    }.get(operand.family, "a number")
    raise site.refusal(operand.position, f"{shown(operand)} cannot be used with `{operator}`", advice)


def _as_float(site: Site, operand: Operand) -> Typed:
    return convert(site, operand, Family.FLOAT)


def _quotient(site: Site, left: Typed, right: Typed, position: int) -> Typed:
    """Divide without a remainder: a whole number, rounded toward 0."""
    if left.family is Family.FLOAT:
        whole = sql.Call("trunc", (function("divide", left.sql, right.sql),))
        expression = function("to_integer", whole)
    elif left.family is Family.DECIMAL:
        divisor = sql.Call("nullif", (right.sql, sql.Keyword("0")))
        expression = function("to_integer", sql.Call("div", (left.sql, divisor)))
    else:
        expression = function("quotient", left.sql, right.sql)
    return site.typed(position, expression, Family.INTEGER, left, right, extent=ANY_INTEGER)


def _integers(site: Site, operator: str, left: Typed, right: Typed, position: int) -> Typed:
    if operator == "%":
        divisor = sql.Call("nullif", (right.sql, sql.Keyword("0")))
        expression: sql.Expression = sql.Operation("%", (left.sql, divisor))
        largest = min(left.extent.largest, right.extent.largest)
        return site.typed(position, expression, Family.INTEGER, left, right, extent=Extent(1, largest))
    if operator == "*":
        largest = left.extent.largest * right.extent.largest
    else:
        largest = left.extent.largest + right.extent.largest
    if largest <= LARGEST_INTEGER:
        expression, extent = sql.Operation(operator, (left.sql, right.sql)), Extent(1, largest)
    else:
        expression, extent = function(_NAMES[operator], left.sql, right.sql), ANY_INTEGER
    return site.typed(position, expression, Family.INTEGER, left, right, extent=extent)


def _decimals(site: Site, operator: str, left: Typed, right: Typed, position: int) -> Typed:
    assert left.type.scale is not None and right.type.scale is not None
    scale = full_scale = max(left.type.scale, right.type.scale)
    largest = left.extent.largest + right.extent.largest
    divisor = right.sql
    if operator == "*":
        full_scale = left.type.scale + right.type.scale
        scale = min(full_scale, max(scale, MIN_PRODUCT_SCALE))
        largest = left.extent.largest * right.extent.largest
    elif operator == "%":
        divisor = sql.Call("nullif", (right.sql, sql.Keyword("0")))
        largest = right.extent.largest
    expression: sql.Expression = sql.Operation(operator, (left.sql, divisor))
    return bounded_decimal(site, position, expression, full_scale, scale, largest, left, right)


def bounded_decimal(
    site: Site,
    position: int,
    expression: sql.Expression,
    full_scale: int,
    scale: int,
    largest: float,
    *parts: Typed,
) -> Typed:
    """Convert an exact number to a decimal, rounded to `scale` and NULL past 38 digits, if it can need either.

    Args:
        full_scale: Digits after the point that the number may have.
    """
    if full_scale > scale or largest >= 10 ** (MAX_DECIMAL_DIGITS - scale):
        expression = function(
            "to_decimal", expression, sql.Value(MAX_DECIMAL_DIGITS, "integer"), sql.Value(scale, "integer")
        )
        largest = 10 ** (MAX_DECIMAL_DIGITS - scale)
    extent = Extent(10.0**-scale, largest)
    return site.typed(position, expression, Family.DECIMAL, *parts, type_=decimal_type(scale), extent=extent)


def _floats(site: Site, operator: str, left: Typed, right: Typed, position: int) -> Typed:
    a, b = left.extent, right.extent
    match operator:
        case "+" | "-":
            extent = Extent(ANY_FLOAT.smallest, float(a.largest) + float(b.largest))
            safe = extent.largest < SAFE_FLOAT.largest
            expression: sql.Expression = sql.Operation(operator, (left.sql, right.sql))
            if not safe:
                other = right.sql if operator == "+" else sql.Operation("-", (right.sql,))
                expression = function("add", left.sql, other)
        case "*":
            extent = Extent(a.smallest * b.smallest, float(a.largest) * float(b.largest))
            safe = extent.smallest > SAFE_FLOAT.smallest and extent.largest < SAFE_FLOAT.largest
            expression = (
                sql.Operation("*", (left.sql, right.sql)) if safe else function("multiply", left.sql, right.sql)
            )
        case "/":
            extent = Extent(a.smallest / max(b.largest, 1e-300), float(a.largest) / b.smallest)
            safe = extent.smallest > SAFE_FLOAT.smallest and extent.largest < SAFE_FLOAT.largest
            divisor = sql.Call("nullif", (right.sql, sql.Keyword("0")))
            expression = sql.Operation("/", (left.sql, divisor)) if safe else function("divide", left.sql, right.sql)
        case _:
            extent, safe = ANY_FLOAT, True
            expression = function("remainder", left.sql, right.sql)
    return site.typed(position, expression, Family.FLOAT, left, right, extent=extent if safe else ANY_FLOAT)


def as_numbers(site: Site, operands: Sequence[Operand]) -> list[Typed]:
    """Convert operands to the family in which they are combined."""
    family = number_family(site, operands)
    return [convert(site, operand, family) for operand in operands]
