"""Columns of whole numbers, floats and bools."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.kinds.column_kind import (
    ColumnKind,
    check_within,
    converted,
    fixed_column,
    is_number,
    is_text,
    look_at,
    read_fixed,
    validity,
)

if TYPE_CHECKING:
    from levada_server.arrow.kinds.column_kind import Array, Field
    from levada_server.model.types import AttributeType

_BOOL = "u1"


def integers(arrow: pa.DataType, wire: str) -> ColumnKind:
    """Return the column kind of whole numbers with a width in Arrow and one in PostgreSQL, which may be wider."""
    return ColumnKind(arrow, partial(_read_integers, wire=wire), partial(_write, wire=wire), _fit, wire=wire)


def floats(arrow: pa.DataType, wire: str) -> ColumnKind:
    """Return the column kind of floats of a width."""
    fit = _fit_float32 if arrow == pa.float32() else _fit
    return ColumnKind(arrow, partial(_read_floats, wire=wire), partial(_write, wire=wire), fit, wire=wire)


def _read_integers(field: Field, arrow: pa.DataType, type_: AttributeType, *, wire: str) -> pa.Array:
    values = read_fixed(field, wire)
    narrow = np.dtype(arrow.to_pandas_dtype())
    if narrow != values.dtype:
        limits = np.iinfo(narrow)
        check_within(values, (limits.min, limits.max), type_)
    return fixed_column(arrow, field, values.astype(narrow, copy=False))


def _read_floats(field: Field, arrow: pa.DataType, _: AttributeType, *, wire: str) -> pa.Array:
    return fixed_column(arrow, field, read_fixed(field, wire))


def _write(column: pa.Array, _: AttributeType, *, wire: str) -> Array:
    return look_at(column, np.dtype(column.type.to_pandas_dtype())).astype(wire)


def _fit(column: pa.Array, target: pa.DataType, _: AttributeType) -> pa.Array | None:
    # Texts are cast too: their numbers are read. Times are not cast, because that would count microseconds.
    return converted(column, target) if is_number(column.type) or is_text(column.type) else None


def _fit_float32(column: pa.Array, target: pa.DataType, type_: AttributeType) -> pa.Array | None:
    fitted = _fit(column, target, type_)
    if column.type != pa.float64():
        return fitted
    overflown = pc.and_(pc.is_inf(fitted), pc.is_finite(column))
    return None if pc.any(overflown).as_py() else fitted


def _read_booleans(field: Field, arrow: pa.DataType, _: AttributeType) -> pa.Array:
    bits = np.packbits(read_fixed(field, _BOOL), bitorder="little")
    return pa.Array.from_buffers(arrow, len(field.begins), [validity(field), pa.py_buffer(bits)])


def _write_booleans(column: pa.Array, _: AttributeType) -> Array:
    values: Array = column.cast(pa.uint8()).fill_null(0).to_numpy()
    return values


def _fit_booleans(column: pa.Array, target: pa.DataType, _: AttributeType) -> pa.Array | None:
    return column if column.type == target else None


BOOLEANS = ColumnKind(pa.bool_(), _read_booleans, _write_booleans, _fit_booleans, wire=_BOOL)
