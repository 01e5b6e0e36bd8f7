"""Conversions of operands to a family of types: constants by their value, and the language's implicit conversions."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from uuid import UUID

from levada_server.errors import ValueOutOfRange, WrongValue
from levada_server.model.kinds import MOMENTS, NUMBERS, NUMERIC, Family, Kind
from levada_server.model.spans import SPELLINGS
from levada_server.model.types import AttributeType
from levada_server.model.values import coerce
from levada_server.query import sql
from levada_server.query.expression.operands import (
    ANY_FLOAT,
    ANY_SPAN,
    LARGEST_DOUBLE,
    LARGEST_INTEGER,
    MAX_DECIMAL_DIGITS,
    TYPES,
    Constant,
    Extent,
    Operand,
    Site,
    Typed,
    computed_type,
    decimal_type,
    exact_text,
    function,
    shown,
)
from levada_server.query.postgres_types import value_type

_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,4})?\s*", re.ASCII)

_FAMILIES = {dt.time: Family.TIME, dt.timedelta: Family.SPAN, UUID: Family.UUID}

MAX_INTEGER = 10**100
"""Whole numbers beyond this are read as floats."""

MAX_NUMBER_TEXT = 400
"""The longest number in quotes, in characters."""

UTC = sql.Value("UTC", "text")


def convert(site: Site, operand: Operand, family: Family, scale: int = 0) -> Typed:
    """Convert an operand to a family.

    Args:
        scale: For a decimal: the digits after the point that constants may have.

    Raises:
        WrongValue: A constant cannot be read as that family.
        InvalidExpression: The operand's type does not become that family implicitly.
    """
    if isinstance(operand, Constant):
        return _convert_constant(site, operand, family, scale)
    if operand.family is family:
        return _widened(site, operand)
    if operand.json is not None:
        return _convert_json_text(site, operand, family)
    found = operand.family
    if found is Family.BOOL and family in NUMBERS:
        integer = sql.Cast(sql.Cast(operand.sql, "integer"), "bigint")
        return convert(
            site, site.typed(operand.position, integer, Family.INTEGER, operand, extent=Extent(1, 1)), family
        )
    if family is Family.FLOAT and found in NUMBERS:
        double = sql.Cast(operand.sql, "double precision")
        return site.typed(operand.position, double, family, operand, extent=operand.extent)
    if family is Family.DECIMAL and found is Family.INTEGER:
        numeric = sql.Cast(operand.sql, "numeric")
        return site.typed(operand.position, numeric, family, operand, type_=decimal_type(0), extent=operand.extent)
    if family is Family.BOOL and found in NUMBERS:
        return site.typed(operand.position, sql.Operation("<>", (operand.sql, sql.Keyword("0"))), family, operand)
    if family is Family.MOMENT and found is Family.DATE:
        return site.typed(operand.position, function("to_moment", operand.sql), family, operand)
    if family is Family.MOMENT and found is Family.ZONED:
        return site.typed(operand.position, sql.Call("timezone", (UTC, operand.sql)), family, operand)
    if family is Family.ZONED and found in MOMENTS:
        moment = convert(site, operand, Family.MOMENT)
        return site.typed(operand.position, sql.Call("timezone", (UTC, moment.sql)), family, moment)
    if family is Family.DATE and found in MOMENTS:
        moment = convert(site, operand, Family.MOMENT)
        return site.typed(operand.position, sql.Cast(moment.sql, "date"), family, moment)
    if family is Family.SPAN and found is Family.TIME:
        since_midnight = function("since_midnight", operand.sql)
        return site.typed(operand.position, since_midnight, family, operand, extent=ANY_SPAN)
    raise site.refusal(
        operand.position,
        f"{shown(operand)} is used as a {family.value}",
        f"a {family.value}; CAST(… AS …) makes one of another type",
    )


def _widened(site: Site, operand: Typed) -> Typed:
    """Convert a number to the type in which it is computed, and text to plain text."""
    wide = computed_type(operand.type)
    if operand.type == wide:
        return operand
    expression = operand.sql
    if operand.family is Family.TEXT:
        # varchar to text, as PostgreSQL's functions that return the type of their argument need it.
        expression = sql.Cast(expression, "text")
    elif value_type(operand.type) != value_type(wide):
        expression = sql.Cast(expression, value_type(wide))
    return site.typed(operand.position, expression, operand.family, operand, type_=wide, extent=operand.extent)


def _convert_json_text(site: Site, operand: Typed, family: Family) -> Typed:
    """Read text from JSON as another type; NULL if it cannot be read so."""
    position, text = operand.position, operand.sql
    match family:
        case Family.FLOAT:
            return site.typed(position, function("to_float", function("to_number", text)), family, operand)
        case Family.INTEGER:
            return site.typed(position, function("to_integer", function("to_number", text)), family, operand)
        case Family.BOOL | Family.DATE | Family.TIME | Family.UUID as simple:
            name = {"bool": "to_boolean"}.get(simple.value, f"to_{simple.value}")
            return site.typed(position, function(name, text), family, operand)
        case Family.SPAN:
            return site.typed(position, function("read_span", text), family, operand, extent=ANY_SPAN)
        case Family.MOMENT:
            return site.typed(position, function("to_moment", text), family, operand)
        case Family.ZONED:
            moment = function("to_moment", text)
            return site.typed(position, sql.Call("timezone", (UTC, moment)), family, operand)
        case Family.JSON if operand.json is not None:
            return site.typed(position, operand.json, family, operand)
        case _:
            raise site.refusal(
                position,
                f"a part of a JSON value is used as a {family.value}",
                "a type, as in `attr.path:type`",
            )


# ------------------------------------------------------------------------------------------------- constants


def number_of(site: Site, constant: Constant) -> int | float | Decimal:
    """Read a constant as a number: bools as 0 and 1, text by its content.

    Raises:
        WrongValue: It is not a number.
    """
    match constant.value:
        case bool() as truth:
            return int(truth)
        case float() as double:
            return double
        case Decimal() as exact if not exact.is_finite():
            return math.nan if exact.is_nan() else float(exact)
        case int() | Decimal() as number:
            pass
        case str() as text if len(text) <= MAX_NUMBER_TEXT and _NUMBER.fullmatch(text):
            exact = Decimal(text.strip())
            number = int(exact) if exact.copy_abs() < MAX_INTEGER and exact == int(exact) else exact
        case _:
            raise wrong(site, constant, "number")
    if not -LARGEST_DOUBLE <= number <= LARGEST_DOUBLE:
        problem = f"{shown(constant)} is past the largest number, {LARGEST_DOUBLE}"
        raise site.refusal(constant.position, problem, kind=WrongValue)
    return number


def wrong(site: Site, constant: Constant, wanted: str) -> WrongValue:
    """Build the error for a constant that cannot have the type of its counterpart."""
    error = site.refusal(constant.position, f"{shown(constant)} is not a valid {wanted}", kind=WrongValue)
    assert isinstance(error, WrongValue)
    return error


def coerced(site: Site, constant: Constant, type_: AttributeType) -> object:
    """Convert a constant to the value of a type.

    Raises:
        ValueOutOfRange: The type cannot hold it.
        WrongValue: It cannot have the type; the error points at it.
    """
    try:
        return coerce(constant.value, type_)
    except ValueOutOfRange:
        raise
    except WrongValue:
        raise wrong(site, constant, str(type_)) from None


def span(site: Site, constant: Constant) -> object:
    """Read a constant as a span of time.

    Raises:
        WrongValue: It is not one, or is too long.
    """
    try:
        return coerce(constant.value, TYPES[Family.SPAN])
    except ValueOutOfRange as error:
        raise site.refusal(constant.position, error.message.removesuffix("."), kind=WrongValue) from None
    except WrongValue:
        problem = f"{shown(constant)} is not a span of time"
        advice = f"{SPELLINGS}; sec_to_time(n) for a number of seconds"
        raise site.refusal(constant.position, problem, advice, WrongValue) from None


def natural_family(site: Site, constant: Constant) -> Family | None:
    """Return the family of a constant on its own; None for NULL."""
    match constant.value:
        case None:
            return None
        case bool():
            return Family.BOOL
        case int() as integer:
            return Family.INTEGER if -(2**63) <= integer <= LARGEST_INTEGER else Family.FLOAT
        case Decimal() as exact if exact.is_finite() and not constant.written and _fits_decimal(exact):
            return Family.DECIMAL
        case Decimal() | float():
            return Family.FLOAT
        case str():
            return Family.TEXT
        case dt.datetime(tzinfo=None):
            return Family.MOMENT
        case dt.datetime():
            return Family.ZONED
        case dt.date():
            return Family.DATE
        case dt.time() | dt.timedelta() | UUID() as plain:
            return _FAMILIES[type(plain)]
        case dict() | list() | tuple():
            return Family.JSON
        case bytes():
            return Family.OPAQUE
    raise site.refusal(
        constant.position, f"a {type(constant.value).__name__} cannot be a value in an expression", kind=WrongValue
    )


def _fits_decimal(number: Decimal) -> bool:
    return scale_of(number) <= MAX_DECIMAL_DIGITS and number.copy_abs() < 10 ** (MAX_DECIMAL_DIGITS - scale_of(number))


def scale_of(number: int | float | Decimal) -> int:
    """Count the digits after the point of an exact number."""
    if not isinstance(number, Decimal) or not number.is_finite():
        return 0
    # Arithmetic of decimals rounds to 28 digits; their parts are exact.
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    significant = "".join(map(str, digits)).rstrip("0")
    return max(0, -exponent - (len(digits) - len(significant))) if significant else 0


def by_itself(site: Site, operand: Operand) -> Typed:
    """Type a constant on its own."""
    if isinstance(operand, Typed):
        return operand
    family = natural_family(site, operand)
    if family is None:
        return null(operand.position, Family.TEXT)
    if family is Family.OPAQUE:
        bytes_type = AttributeType(Kind.BYTES)
        return Typed(operand.position, sql.Value(operand.value, "bytea"), bytes_type, family)
    scale = scale_of(operand.value) if isinstance(operand.value, Decimal) else 0
    return _convert_constant(site, operand, family, scale)


def null(position: int, family: Family) -> Typed:
    """Build a NULL of a family."""
    type_ = decimal_type(0) if family is Family.DECIMAL else TYPES[family]
    return Typed(position, sql.Cast(sql.NULL, value_type(type_)), type_, family)


def _convert_constant(site: Site, constant: Constant, family: Family, scale: int) -> Typed:
    position = constant.position
    if constant.value is None:
        return null(position, family)
    if family in NUMERIC:
        return _convert_number(site, constant, family, scale)
    value: object
    match family:
        case Family.SPAN:
            value = span(site, constant)
        case Family.JSON:
            value = _json_text(site, constant)
        case Family.OPAQUE:
            raise wrong(site, constant, "value of this type")
        case _:
            if family is Family.TEXT and isinstance(constant.value, bool):
                raise wrong(site, constant, "text")
            try:
                value = coerced(site, constant, TYPES[family])
            except ValueOutOfRange:
                raise wrong(site, constant, family.value) from None
    expression: sql.Expression = sql.Value(value, value_type(TYPES[family]))
    if family is Family.TEXT:
        expression = exact_text(expression)
    return Typed(position, expression, TYPES[family], family)


def _convert_number(site: Site, constant: Constant, family: Family, scale: int) -> Typed:
    position = constant.position
    if family is Family.BOOL:
        value = constant.value
        if isinstance(value, str):
            value = bool(coerced(site, constant, TYPES[family]))
        elif not isinstance(value, bool):
            value = number_of(site, constant) != 0
        return Typed(position, sql.Value(value, "boolean"), TYPES[family], family, Extent(1, 1))
    number = number_of(site, constant)
    if family is Family.INTEGER:
        try:
            whole = coerce(number, TYPES[family])
        except ValueOutOfRange:
            raise wrong(site, constant, "int64") from None
        assert isinstance(whole, int)
        return Typed(position, sql.Value(whole, "bigint"), TYPES[family], family, Extent(1, abs(whole)))
    if family is Family.FLOAT:
        double = float(number)
        extent = Extent(abs(double) or 1, abs(double)) if math.isfinite(double) else ANY_FLOAT
        return Typed(position, sql.Value(double, "double precision"), TYPES[family], family, extent)
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if not exact.is_finite() or not _fits_decimal(exact):
        raise wrong(site, constant, f"decimal of {MAX_DECIMAL_DIGITS} digits")
    type_ = decimal_type(max(scale, scale_of(exact)))
    size = exact.copy_abs()
    extent = Extent(float(size) or 1, int(size) + 1)
    return Typed(position, sql.Value(exact, "numeric"), type_, family, extent)


def _json_text(site: Site, constant: Constant) -> str:
    text = str(coerced(site, constant, TYPES[Family.JSON]))
    if "\\u0000" in text:
        raise wrong(site, constant, "json: text cannot hold the character NUL")
    return text
