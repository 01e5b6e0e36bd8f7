"""Columns of decimals, and of whole numbers that PostgreSQL holds as decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from levada_server.arrow.kinds.column_kind import (
    ColumnKind,
    converted,
    fixed_column,
    is_number,
    is_text,
    look_at,
    validity,
)
from levada_server.arrow.kinds.decimal_digits import decimals_from_wire, decimals_to_wire
from levada_server.errors import ValueOutOfRange
from levada_server.model.values import coerce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.arrow.kinds.column_kind import Array, Field
    from levada_server.model.types import AttributeType

_EXACT = Context(prec=100)
_UNSIGNED_DIGITS = 20


def _arrow(type_: AttributeType) -> pa.DataType:
    return pa.decimal128(*_digits(type_))


def _digits(type_: AttributeType) -> tuple[int, int]:
    assert type_.precision is not None and type_.scale is not None
    return type_.precision, type_.scale


def _read(field: Field, arrow: pa.DataType, type_: AttributeType) -> pa.Array:
    limbs, fits = decimals_from_wire(field.octets, field.begins, field.lengths, *_digits(type_))
    if not fits:
        raise ValueOutOfRange(f"The result has NaN, Infinity or too many digits in a {type_}, which cannot hold them.")
    buffers = [validity(field), pa.py_buffer(np.ascontiguousarray(limbs))]
    return pa.Array.from_buffers(arrow, len(field.begins), buffers)


def _write(column: pa.Array, type_: AttributeType) -> Array:
    words = decimals_to_wire(look_at(column, np.dtype(("<u4", 4))), *_digits(type_))
    return words.view(f"V{words.shape[1] * words.itemsize}")[:, 0]


def _fit(column: pa.Array, target: pa.DataType, _: AttributeType) -> pa.Array | None:
    exact = pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)
    return converted(column, target) if exact else None


def _fit_value(value: object, type_: AttributeType) -> Decimal:
    """Round to the digits of the type, away from zero as PostgreSQL does."""
    number = coerce(value, type_)
    assert isinstance(number, Decimal)
    precision, scale = _digits(type_)
    rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _EXACT)
    if rounded.adjusted() >= precision - scale and rounded:
        raise ValueOutOfRange(f"{number} has more digits before the point than {type_}.")
    return rounded


def _read_unsigned(field: Field, arrow: pa.DataType, type_: AttributeType) -> pa.Array:
    limbs, fits = decimals_from_wire(field.octets, field.begins, field.lengths, _UNSIGNED_DIGITS, 0)
    if not fits or limbs[:, 2:].any():
        raise ValueOutOfRange(f"The result has a value outside of what a {type_} holds; restrict it or cast it.")
    return fixed_column(arrow, field, np.ascontiguousarray(limbs[:, :2]).view("<u8")[:, 0])


def _write_unsigned(column: pa.Array, _: AttributeType) -> Array:
    limbs = np.zeros((len(column), 4), "<u4")
    limbs[:, :2] = look_at(column, np.dtype("<u8")).view("<u4").reshape(-1, 2)
    words = decimals_to_wire(limbs, _UNSIGNED_DIGITS, 0)
    return words.view(f"V{words.shape[1] * words.itemsize}")[:, 0]


def _unsigned_column(values: Sequence[object], arrow: pa.DataType, _: AttributeType) -> pa.Array:
    return pa.array([None if value is None else int(str(value)) for value in values], arrow)


def _fit_unsigned(column: pa.Array, target: pa.DataType, _: AttributeType) -> pa.Array | None:
    return converted(column, target) if is_number(column.type) or is_text(column.type) else None


DECIMALS = ColumnKind(_arrow, _read, _write, _fit, copied_by_pgpq=False, fit_value=_fit_value)
UNSIGNED = ColumnKind(
    pa.uint64(), _read_unsigned, _write_unsigned, _fit_unsigned, copied_by_pgpq=False, from_driver=_unsigned_column
)
