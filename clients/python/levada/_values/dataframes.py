"""Columns of other libraries as Arrow arrays of their attributes' types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada._values.columns import Place, arrow_column
from levada._values.conversions import value_kind
from levada._values.kinds.tensors import tensor_column
from levada._values.missing import float_column, is_unknown_nan
from levada._values.types import Family

if TYPE_CHECKING:
    from levada._values.heading import Attribute
    from levada._values.types import AttributeType

    Array = np.ndarray[Any, Any]  # Any: of every dtype


def pandas_column(series: Any, attribute: Attribute, place: Place) -> pa.Array:  # noqa: ANN401  # pandas has no types
    """Convert a column of a pandas DataFrame to an Arrow array.

    NaN is missing if the attribute is nullable, or does not hold numbers.

    Raises:
        WrongValue: A value does not fit the attribute.
    """
    type_ = attribute.parsed_type
    nan_is_missing = attribute.nullable or not (type_.floating or type_.integer)
    if str(series.dtype) == "object":
        values = series.tolist()
        if nan_is_missing and float in set(map(type, values)):
            values = [None if is_unknown_nan(value) else value for value in values]
        return arrow_column(values, attribute, place)
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":
        return _fitted(float_column(series.to_numpy(), nan_is_missing=nan_is_missing), attribute, place)
    try:
        # For Arrow, NaN from pandas means missing; here only if the attribute can be missing.
        return _fitted(pa.array(series, from_pandas=nan_is_missing), attribute, place)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError):
        return arrow_column(series.tolist(), attribute, place)


def polars_column(series: Any, attribute: Attribute, place: Place) -> pa.Array:  # noqa: ANN401  # polars may be missing
    """Convert a column of a polars DataFrame to an Arrow array; NaN is missing if the attribute is nullable.

    Raises:
        WrongValue: A value does not fit the attribute.
    """
    if str(series.dtype) == "Object":
        return arrow_column(series.to_list(), attribute, place)
    column = series.to_arrow()
    if pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py():
        nulls = np.array(column.is_null())
        column = float_column(np.array(column.fill_null(0)), nan_is_missing=attribute.nullable, nulls=nulls)
    return _fitted(column, attribute, place)


def numpy_column(array: Array, attribute: Attribute, place: Place) -> pa.Array:
    """Convert one field of a structured array, of shape (n_rows, …), to an Arrow array.

    Raises:
        WrongValue: A value does not fit the attribute.
    """
    type_ = attribute.parsed_type
    if array.ndim > 1:
        if (
            type_.dtype is not None
            and not type_.codecs
            and (array.shape[1:], array.dtype) == (type_.shape, type_.dtype)
        ):
            return tensor_column(array, np.zeros(len(array), bool), type_)
        return arrow_column(list(array), attribute, place)
    if array.dtype.kind in "OSV":
        return arrow_column(array.tolist(), attribute, place)
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    try:
        return _fitted(float_column(native) if native.dtype.kind == "f" else pa.array(native), attribute, place)
    except pa.ArrowNotImplementedError:
        return arrow_column(list(array), attribute, place)


def _fitted(column: pa.Array | pa.ChunkedArray, attribute: Attribute, place: Place) -> pa.Array | pa.ChunkedArray:
    """Convert a column of Arrow to an attribute's type: as a whole if that loses nothing, otherwise value by value."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if attribute.parsed_type.family in (Family.FILE, Family.OBJECT) and not pa.types.is_struct(column.type):
        return arrow_column(column.to_pylist(), attribute, place)  # of files, or of values for a store
    try:
        fitted = _cast(column, attribute.parsed_type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        fitted = None
    return arrow_column(column.to_pylist(), attribute, place) if fitted is None else fitted


def _cast(column: pa.Array | pa.ChunkedArray, type_: AttributeType) -> pa.Array | pa.ChunkedArray | None:
    """Cast if Arrow refuses every loss; return None if it would not refuse, or means something else."""
    if isinstance(column, pa.ChunkedArray):  # Arrow makes several chunks of more than 16 MB of text
        pieces = [_cast(chunk, type_) for chunk in column.chunks]
        return None if any(piece is None for piece in pieces) else pa.chunked_array(pieces, type_.arrow)
    given, target = column.type, type_.arrow
    if type_.codecs:
        return None
    if given == target or pa.types.is_null(given):
        return column.cast(target) if given != target else column
    return value_kind(type_).cast(column, type_)
