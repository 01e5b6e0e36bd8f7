"""Columns of decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from levada_server.arrow.kinds.column_kind import ColumnKind, converted, look_at, validity
from levada_server.arrow.kinds.decimal_digits import decimals_from_wire, decimals_to_wire
from levada_server.errors import ValueOutOfRange
from levada_server.model.values import coerce

if TYPE_CHECKING:
    from levada_server.arrow.kinds.column_kind import Array, Field
    from levada_server.model.types import AttributeType

_EXACT = Context(prec=100)


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


DECIMALS = ColumnKind(_arrow, _read, _write, _fit, copied_by_pgpq=False, fit_value=_fit_value)
