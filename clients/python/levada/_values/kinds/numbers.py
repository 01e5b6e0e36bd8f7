"""Whole numbers, floats, decimals and bools."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada._base import rules
from levada._base.errors import ValueOutOfRange
from levada._base.text import shown
from levada._values.condition_values import plain_scalar
from levada._values.kinds.value_kind import ValueKind, are_all, is_number, stored_values
from levada._values.missing import float_column, marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._values.kinds.value_kind import Array, Column
    from levada._values.types import AttributeType

_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE_WORDS = frozenset({"0", "false", "f", "no", "n", "off"})
_EXACT = Context(prec=100)
_MAX_INTEGER_DIGITS = 19
_FEW = 16
"""Up to this many numbers Arrow reads as quickly as NumPy."""
_FLOAT32_END = float.fromhex("0x1.ffffffp127")
"""The first number past the range of float32: half a step beyond the largest, whose own shortest digits lie between."""


def _integer(value: object, type_: AttributeType) -> int:
    value = plain_scalar(value)
    if isinstance(value, str):
        value = Decimal(value.strip())
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() > _MAX_INTEGER_DIGITS:
        # As an int it could have billions of digits, depending on its exponent, whatever the length of its text.
        raise ValueOutOfRange(f"{shown(value)} is past the range of {type_}.")
    if isinstance(value, (float, Decimal)):
        if math.isfinite(value) and rules.are_of_datajoint():
            value = Decimal(str(value)).to_integral_value(ROUND_HALF_UP)
        if not math.isfinite(value) or value != int(value):
            raise ValueOutOfRange(f"{value} is not a whole number, and {type_} holds only whole numbers.")
        value = int(value)
    if not isinstance(value, int):
        raise TypeError
    limits = np.iinfo(type_.kind)
    if not limits.min <= value <= limits.max:
        raise ValueOutOfRange(f"{shown(value)} is outside {limits.min} … {limits.max}, the range of {type_}.")
    return int(value)


def _integers_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if are_all(classes, int, np.integer) else None


def _cast_to_integers(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    whole = is_number(column.type) or pa.types.is_boolean(column.type)
    return column.cast(type_.arrow) if whole else None


def _numbers(column: Column, type_: AttributeType) -> list[Any]:
    if column.null_count:
        return stored_values(column, type_)
    numbers: list[Any] = column.to_numpy().tolist()
    return numbers


def float_array(column: Column, type_: AttributeType) -> Array:
    """Read a column of floats as an array of float64, where a float32 is the number that its shortest digits spell.

    NULL and NaN become NaN; `missing` tells them apart.
    """
    nulls = np.asarray(column.is_null())
    narrow: Array = np.array(column.to_numpy() if column.null_count == 0 else column.fill_null(0).to_numpy())
    wide = narrow.astype(np.float64)
    if type_.kind == "float32":
        spelled = np.array(pa.array(narrow).cast(pa.utf8()).cast(pa.float64()))
        # Twice rounded, a number may in theory miss the float32 that it came from.
        wide = np.where(spelled.astype(np.float32) == narrow, spelled, wide)
    return marked(wide, nulls)


def _floats(column: Column, type_: AttributeType) -> list[Any]:
    if type_.kind == "float64" and len(column) <= _FEW:
        few = stored_values(column, type_)
        if all(value is None or value == value for value in few):  # NaN needs its mark
            return few
    values: list[Any] = float_array(column, type_).tolist()
    if column.null_count:
        for index in np.flatnonzero(np.asarray(column.is_null())):
            values[index] = None
    return values


def _float64(value: object, _: AttributeType) -> float:
    return float(plain_scalar(value))  # type: ignore[arg-type]  # the caller reports a refusal of float()


def _float32(value: object, type_: AttributeType) -> float:
    number = _float64(value, type_)
    if math.isfinite(number) and abs(number) >= _FLOAT32_END:
        raise ValueOutOfRange(f"{number} is past the range of float32.")
    return number


def _float64_at_once(values: Sequence[Any], _: set[type], type_: AttributeType) -> pa.Array:
    return _without_nulls(pa.array(values, type_.arrow))


def _float32_at_once(values: Sequence[Any], classes: set[type], _: AttributeType) -> pa.Array | None:
    return _narrowed(_without_nulls(pa.array(values, pa.float64()))) if are_all(classes, float, np.floating) else None


def _without_nulls(column: pa.Array) -> pa.Array:
    """Convert each NaN that stands for NULL to null."""
    if len(column) == 1 and (value := column[0].as_py()) is not None and value == value:
        return column
    if not pc.any(pc.is_nan(column)).as_py():
        return column
    return float_column(np.array(column.fill_null(0)), nulls=np.array(column.is_null()))


def _cast_to_float64(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    return column.cast(type_.arrow) if is_number(column.type) else None


def _cast_to_float32(column: pa.Array, _: AttributeType) -> pa.Array | None:
    return _narrowed(column.cast(pa.float64())) if is_number(column.type) else None


def _narrowed(wide: pa.Array) -> pa.Array | None:
    """Round to float32; return None if a number is past its range."""
    finite = pc.filter(wide, pc.is_finite(wide))
    largest = pc.max(pc.abs(finite)).as_py() or 0
    return wide.cast(pa.float32()) if largest < _FLOAT32_END else None


def _boolean(value: object, _: AttributeType) -> bool:
    value = plain_scalar(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if word not in _TRUE_WORDS | _FALSE_WORDS:
            raise ValueError
        return word in _TRUE_WORDS
    if value not in (0, 1):
        raise ValueOutOfRange(f"{shown(value)} is neither true nor false.")
    return bool(value)


def _booleans_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if are_all(classes, bool, np.bool_) else None


def _decimal(value: object, type_: AttributeType) -> Decimal:
    value = plain_scalar(value)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueOutOfRange(f"{value} is not a finite number, and {type_} holds only finite numbers.")
    if number and number.adjusted() >= type_.precision - type_.scale:
        raise ValueOutOfRange(f"{value} has more digits before the point than {type_}.")
    rounded = number.quantize(Decimal(1).scaleb(-type_.scale), ROUND_HALF_UP, _EXACT)
    if len(rounded.as_tuple().digits) > type_.precision:
        raise ValueOutOfRange(f"{value} has more digits than {type_}.")
    return rounded


def _decimals_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if classes == {Decimal} else None


def _cast_to_decimals(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    return column.cast(type_.arrow) if pa.types.is_decimal(column.type) else None


INTEGERS = ValueKind(_integer, _integers_at_once, _cast_to_integers, _numbers)
FLOAT64 = ValueKind(_float64, _float64_at_once, _cast_to_float64, _floats)
FLOAT32 = ValueKind(_float32, _float32_at_once, _cast_to_float32, _floats)
BOOLEANS = ValueKind(_boolean, _booleans_at_once)
DECIMALS = ValueKind(_decimal, _decimals_at_once, _cast_to_decimals)
