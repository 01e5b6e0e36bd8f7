"""Comparisons: a constant takes the type of the other operand, so that an index on an attribute is used."""

from __future__ import annotations

import datetime as dt
import math
import operator as operators
from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.errors import ValueOutOfRange, WrongValue
from levada_server.model.kinds import MOMENTS, NUMBERS, NUMERIC, Family, Kind
from levada_server.model.types import AttributeType
from levada_server.model.values import coerce
from levada_server.query import sql
from levada_server.query.expression.conversions import (
    coerced,
    convert,
    natural_family,
    null,
    number_of,
    span,
    wrong,
)
from levada_server.query.expression.operands import TYPES, Constant, Operand, Site, Typed, shown
from levada_server.query.postgres_types import value_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_PYTHON: dict[str, Callable[[object, object], bool]] = {
    "=": operators.eq,
    "<>": operators.ne,
    "<": operators.lt,  # type: ignore[dict-item]  # both sides are of one ordered kind there
    "<=": operators.le,  # type: ignore[dict-item]  # as above
    ">": operators.gt,  # type: ignore[dict-item]  # as above
    ">=": operators.ge,  # type: ignore[dict-item]  # as above
}
_INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
"""PostgreSQL's integer types, each with the first positive value that it cannot hold."""

_FLOAT32 = AttributeType(Kind.FLOAT32)


def compare(site: Site, operator: str, left: Operand, right: Operand, position: int) -> Operand:
    """Compare two operands; NULL if either is.

    Args:
        operator: One of `= <> < <= > >=`.
    """
    for side in (left, right):
        if isinstance(side, Constant) and side.value is None:
            return null(position, Family.BOOL)
    if isinstance(left, Constant):
        if isinstance(right, Constant):
            return _compare_constants(site, operator, left, right, position)
        return _compare_with_constant(site, _MIRRORED[operator], right, left, position)
    if isinstance(right, Constant):
        return _compare_with_constant(site, operator, left, right, position)
    return _compare_typed(site, operator, left, right, position)


def _result(site: Site, operator: str, left: Typed, right: sql.Expression, position: int, *more: Typed) -> Typed:
    return site.typed(position, sql.Operation(operator, (left.sql, right)), Family.BOOL, left, *more)


# ------------------------------------------------------------------------------------------ with a constant


def _compare_with_constant(site: Site, operator: str, left: Typed, constant: Constant, position: int) -> Operand:
    if left.json is not None:
        return _compare_json_part(site, operator, left, constant, position)
    if left.family in NUMERIC:
        return _compare_number(site, operator, left, constant, position)
    match left.family:
        case Family.SPAN:
            value: sql.Expression = sql.Value(span(site, constant), "bigint")
        case Family.JSON:
            if not isinstance(constant.value, (dict, list, tuple)) or operator not in ("=", "<>"):
                raise site.refusal(
                    position,
                    "a whole JSON value is compared",
                    "a path to a part of it, such as `attr.key` or `attr[0]`",
                )
            value = convert(site, constant, Family.JSON).sql
        case Family.TEXT:
            if isinstance(constant.value, (bool, bytes, list, tuple, dict)):
                raise wrong(site, constant, "text")
            value = sql.Value(str(coerced(site, constant, TYPES[Family.TEXT])), "text")
        case Family.OPAQUE if not left.type.kind.traits.comparable:
            raise _no_order(site, left, position)
        case _:
            value = _moment_or_bytes(site, left, constant)
    return _result(site, operator, left, value, position)


def _moment_or_bytes(site: Site, left: Typed, constant: Constant) -> sql.Value:
    try:
        return sql.Value(coerced(site, constant, left.type), value_type(left.type))
    except ValueOutOfRange:
        # A moment within a day: PostgreSQL orders it among dates.
        try:
            return sql.Value(coerced(site, constant, TYPES[Family.MOMENT]), "timestamp")
        except ValueOutOfRange:
            raise wrong(site, constant, str(left.type)) from None


def _compare_number(site: Site, operator: str, left: Typed, constant: Constant, position: int) -> Typed:
    if left.family is Family.BOOL:
        if isinstance(constant.value, str):
            try:
                return _result(site, operator, left, sql.Value(coerced(site, constant, left.type), "boolean"), position)
            except ValueOutOfRange:
                raise wrong(site, constant, "bool") from None
        if (number := number_of(site, constant)) in (0, 1):
            return _result(site, operator, left, sql.Value(bool(number), "boolean"), position)
        left = convert(site, left, Family.INTEGER)
    if isinstance(constant.value, (dt.date, dt.time, dt.timedelta)):
        raise wrong(site, constant, str(left.type))
    number = number_of(site, constant)
    if isinstance(number, float) and not math.isfinite(number):
        return _result(
            site, operator, convert(site, left, Family.FLOAT), sql.Value(number, "double precision"), position
        )
    match left.family:
        case Family.INTEGER:
            return _compare_integer(site, operator, left, number, position)
        case Family.DECIMAL:
            return _result(site, operator, left, sql.Value(_exact(number), "numeric"), position)
        case _:
            return _compare_float(site, operator, left, number, position)


def _compare_integer(site: Site, operator: str, left: Typed, number: int | float | Decimal, position: int) -> Typed:
    if number == int(number):
        whole = int(number)
        for name in (value_type(left.type), "bigint"):
            if -_INTEGERS[name] <= whole < _INTEGERS[name]:
                return _result(site, operator, left, sql.Value(whole, name), position)
    exact = convert(site, left, Family.DECIMAL)
    return _result(site, operator, exact, sql.Value(_exact(number), "numeric"), position)


def _compare_float(site: Site, operator: str, left: Typed, number: int | float | Decimal, position: int) -> Typed:
    double = float(number)
    if left.type.kind is Kind.FLOAT32 and (single := _float32(double)) is not None:
        return _result(site, operator, left, sql.Value(single, "real"), position)
    return _result(site, operator, convert(site, left, Family.FLOAT), sql.Value(double, "double precision"), position)


def _float32(number: float) -> float | None:
    """Return the nearest float32; None if that would be infinite, or 0 for another number."""
    try:
        single = coerce(number, _FLOAT32)
    except ValueOutOfRange:
        return None
    assert isinstance(single, float)
    return None if single == 0 and number != 0 else single


def _exact(number: int | float | Decimal) -> Decimal:
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def _compare_json_part(site: Site, operator: str, left: Typed, constant: Constant, position: int) -> Operand:
    """Compare a part of a JSON value as the constant's type; a part that cannot be read so counts as NULL."""
    family = natural_family(site, constant)
    assert family is not None
    if family is Family.JSON:
        if operator not in ("=", "<>"):
            raise wrong(site, constant, "single value")
        assert left.json is not None
        whole = site.typed(left.position, left.json, Family.JSON, left)
        return _result(site, operator, whole, convert(site, constant, family).sql, position)
    if family is Family.TEXT:
        return _result(site, operator, left, sql.Value(constant.value, "text"), position)
    if family in NUMBERS:
        number = number_of(site, constant)
        value = (
            sql.Value(number, "double precision")
            if isinstance(number, float) and not math.isfinite(number)
            else sql.Value(_exact(number), "numeric")
        )
        exact = sql.Call("levada_functions.to_number", (left.sql,))
        return site.typed(position, sql.Operation(operator, (exact, value)), Family.BOOL, left)
    return compare(site, operator, convert(site, left, family), constant, position)


def _compare_constants(site: Site, operator: str, left: Constant, right: Constant, position: int) -> Constant:
    families = {natural_family(site, side) for side in (left, right)}
    a, b = left.value, right.value
    if families & NUMERIC and families <= NUMERIC | {Family.TEXT}:
        a, b = number_of(site, left), number_of(site, right)
        nans = [isinstance(x, float) and math.isnan(x) for x in (a, b)]
        if any(nans):
            # NaN equals itself and is greater than every other number, as in PostgreSQL.
            a, b = nans
        elif isinstance(a, Decimal) or isinstance(b, Decimal):
            a, b = (x if isinstance(x, float) and math.isinf(x) else _exact(x) for x in (a, b))
    elif len(families) > 1 or families & {Family.JSON, Family.OPAQUE}:
        raise site.refusal(position, f"{shown(left)} and {shown(right)} cannot be compared", "two of one type")
    return Constant(position, _PYTHON[operator](a, b))


# ---------------------------------------------------------------------------------------------- two operands


def _compare_typed(site: Site, operator: str, left: Typed, right: Typed, position: int) -> Typed:
    if (left.json is None) != (right.json is None):
        if left.json is not None and right.family is not Family.TEXT:
            left = convert(site, left, Family.FLOAT if right.family in NUMBERS else right.family)
        elif right.json is not None and left.family is not Family.TEXT:
            right = convert(site, right, Family.FLOAT if left.family in NUMBERS else left.family)
    families = {left.family, right.family}
    if families <= NUMERIC:
        left, right = _comparable_numbers(site, left, right)
    elif families <= MOMENTS and Family.ZONED in families and len(families) > 1:
        left, right = convert(site, left, Family.MOMENT), convert(site, right, Family.MOMENT)
    elif families == {Family.TIME, Family.SPAN}:
        left, right = convert(site, left, Family.SPAN), convert(site, right, Family.SPAN)
    elif len(families) > 1 and not families <= MOMENTS:
        raise site.refusal(
            position, f"{shown(left)} and {shown(right)} cannot be compared", "two of one type; CAST(… AS …) makes one"
        )
    elif not _ordered(left, right) and not (Family.JSON in families and operator in ("=", "<>")):
        raise _no_order(site, left, position)
    return _result(site, operator, left, right.sql, position, right)


def _ordered(left: Typed, right: Typed) -> bool:
    if left.family is Family.OPAQUE:
        return left.type.kind is right.type.kind and left.type.kind.traits.comparable
    return left.family is not Family.JSON


def _comparable_numbers(site: Site, left: Typed, right: Typed) -> tuple[Typed, Typed]:
    """Convert two numbers to types that PostgreSQL compares exactly; attributes of one kind stay as they are."""
    families = {left.family, right.family}
    if families == {Family.BOOL} or families == {Family.INTEGER} or families == {Family.DECIMAL}:
        return left, right
    if Family.FLOAT in families:
        if left.type == right.type:
            return left, right
        return convert(site, left, Family.FLOAT), convert(site, right, Family.FLOAT)
    if Family.DECIMAL in families:
        return convert(site, left, Family.DECIMAL), convert(site, right, Family.DECIMAL)
    return convert(site, left, Family.INTEGER), convert(site, right, Family.INTEGER)


def _no_order(site: Site, operand: Typed, position: int) -> Exception:
    return site.refusal(
        position, f"{shown(operand)} cannot be compared", "IS NULL or IS NOT NULL, or an attribute of another type"
    )


# ------------------------------------------------------------------------------------------------ IN, BETWEEN


def check_single(site: Site, operand: Operand) -> None:
    """Refuse an operand that would be computed twice, with two results.

    Raises:
        InvalidExpression: It has another value each time it is computed.
    """
    if isinstance(operand, Typed) and operand.volatile:
        raise site.refusal(
            operand.position,
            "this would draw a random number more than once",
            "an attribute computed before: A.proj(..., r='rand()') & 'r BETWEEN 0.2 AND 0.4'",
        )


def null_test(site: Site, operand: Operand, position: int, *, negated: bool = False) -> Typed:
    """Return whether an operand is NULL."""
    if isinstance(operand, Constant):
        return truth(site, Constant(position, (operand.value is None) is not negated))
    words = "IS NOT NULL" if negated else "IS NULL"
    return site.typed(position, sql.Test(operand.sql, words), Family.BOOL, operand)


def same(site: Site, left: Operand, right: Operand, position: int) -> Typed:
    """Return whether two operands are equal or both NULL; never NULL."""
    for operand, other in ((left, right), (right, left)):
        if isinstance(operand, Constant) and operand.value is None:
            return null_test(site, other, position)
        check_single(site, operand)
    equal = truth(site, compare(site, "=", left, right, position))
    found = site.typed(position, sql.Test(equal.sql, "IS TRUE"), Family.BOOL, equal)
    if isinstance(left, Constant) or isinstance(right, Constant):
        return found
    both = [null_test(site, operand, position) for operand in (left, right)]
    none = sql.Operation("AND", tuple(test.sql for test in both))
    return site.typed(position, sql.Operation("OR", (found.sql, none)), Family.BOOL, found, *both)


def between(site: Site, operand: Operand, low: Operand, high: Operand, position: int) -> Typed:
    """Return whether an operand lies between two others, ends included."""
    check_single(site, operand)
    above = truth(site, compare(site, ">=", operand, low, position))
    below = truth(site, compare(site, "<=", operand, high, position))
    return site.typed(position, sql.Operation("AND", (above.sql, below.sql)), Family.BOOL, above, below)


def among(site: Site, operand: Operand, items: Sequence[Operand], position: int) -> Typed:
    """Return whether an operand equals one of the items; NULL if it does not and one of them is NULL."""
    if isinstance(operand, Typed) and (array := _as_array(site, operand, items)) is not None:
        return site.typed(position, sql.AnyOf(array[0], array[1]), Family.BOOL, operand)
    check_single(site, operand)
    matches = [truth(site, compare(site, "=", operand, item, position)) for item in items]
    return site.typed(position, sql.disjunction(match.sql for match in matches), Family.BOOL, *matches)


def _as_array(site: Site, operand: Typed, items: Sequence[Operand]) -> tuple[sql.Expression, sql.Value] | None:
    """Return the operand and the items as one bound array, so that lists of any length share a query's text.

    Items that the operand's type cannot hold are dropped. None unless all items are constants that its type orders.
    """
    constants = [item for item in items if isinstance(item, Constant)]
    if len(constants) < len(items):
        return None
    if operand.json is not None:
        if all(isinstance(item.value, str) or item.value is None for item in constants):
            return operand.sql, sql.Value([item.value for item in constants], "text[]")
        return None
    if operand.family in (Family.JSON, Family.OPAQUE):
        return None
    values: list[object] = []
    for item in constants:
        if item.value is None:
            values.append(None)
            continue
        try:
            values.append(_array_item(site, operand, item))
        except ValueOutOfRange:
            continue
    return operand.sql, sql.Value(values, value_type(operand.type) + "[]")


def _array_item(site: Site, operand: Typed, item: Constant) -> object:
    if operand.family is Family.TEXT:
        if isinstance(item.value, bool):
            raise wrong(site, item, "text")
        return coerced(site, item, TYPES[Family.TEXT])
    if operand.family not in NUMERIC or (operand.family is Family.BOOL and isinstance(item.value, str)):
        return coerced(site, item, operand.type)
    if isinstance(item.value, (dt.date, dt.time, dt.timedelta)):
        raise wrong(site, item, str(operand.type))
    number = number_of(site, item)
    if operand.type.kind is Kind.FLOAT32 and math.isfinite(number):
        single = _float32(float(number))
        if single is None:
            raise ValueOutOfRange("No float32 is so large or so small.")
        return single
    return coerce(number, operand.type)


# ------------------------------------------------------------------------------------------------------ truth


def truth(site: Site, operand: Operand) -> Typed:
    """Read an operand as a condition: a number holds if it is not 0."""
    if isinstance(operand, Constant):
        if isinstance(operand.value, (str, dt.date, dt.time, dt.timedelta, bytes, list, tuple, dict)):
            raise wrong(site, operand, "condition; compare it with something")
        try:
            return convert(site, operand, Family.BOOL)
        except WrongValue:
            raise wrong(site, operand, "condition; compare it with something") from None
    if operand.json is not None:
        exact = sql.Call("levada_functions.to_number", (operand.sql,))
        return site.typed(operand.position, sql.Operation("<>", (exact, sql.Keyword("0"))), Family.BOOL, operand)
    if operand.family not in NUMERIC:
        raise site.refusal(
            operand.position, f"{shown(operand)} is used as a condition", "a comparison, such as `a = 1`"
        )
    return convert(site, operand, Family.BOOL)
