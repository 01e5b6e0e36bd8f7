"""Arrays of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from levada._base.errors import ValueOutOfRange, WrongValue
from levada._values.kinds.value_kind import ValueKind, storage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._values.kinds.value_kind import Array, Column
    from levada._values.types import AttributeType


def _convert(value: object, type_: AttributeType) -> Array:
    """Convert an array, or nested lists, to the dtype of an `<array>`.

    Raises:
        WrongValue: It has another shape, or elements that do not fit the dtype.
        ValueOutOfRange: An element is outside the range of the dtype.
    """
    assert type_.dtype is not None
    if isinstance(value, np.ma.MaskedArray):
        raise WrongValue("A masked array; fill in what it masks, by .filled(…).")
    array = np.asarray(value)
    if array.shape != type_.shape:
        raise WrongValue(f"An array of shape {array.shape}, and {type_} takes {type_.shape}.")
    if array.dtype == type_.dtype:
        return array
    if array.dtype.kind == "c" and type_.dtype.kind != "c":
        raise WrongValue(f"An array of {array.dtype}, and {type_} has no imaginary part.")
    if array.dtype.kind in "iu" and not _in_range(array, type_.dtype):
        raise ValueOutOfRange(f"An element is outside the range of {type_.dtype}.")
    with np.errstate(invalid="ignore", over="ignore"):
        converted = array.astype(type_.dtype)
    if array.dtype.kind in "fc" and type_.dtype.kind in "fc":
        # A narrower float is rounded, but must not become infinite.
        if (np.isfinite(array) & ~np.isfinite(converted)).any():
            raise ValueOutOfRange(f"An element is outside the range of {type_.dtype}.")
    elif not np.array_equal(converted, array):
        raise WrongValue(f"An array of {array.dtype} does not fit into {type_} without loss.")
    return converted


def _in_range(array: Array, dtype: np.dtype[np.generic]) -> bool:
    if dtype.kind not in "iu" or not array.size:
        return True
    limits = np.iinfo(dtype.name)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def _at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    """Concatenate arrays of the right shape and dtype; return None if one differs."""
    if classes != {np.ndarray}:
        return None
    if {(value.shape, value.dtype) for value in values if value is not None} != {(type_.shape, type_.dtype)}:
        return None
    missing = np.array([value is None for value in values])
    return tensor_column(np.stack(values) if not missing.any() else _stack(values, type_), missing, type_)


def tensors(arrays: Sequence[Any], type_: AttributeType) -> pa.Array:
    """Build a column of arrays, each of the right shape and dtype or None."""
    return tensor_column(_stack(arrays, type_), np.array([array is None for array in arrays]), type_)


def _stack(arrays: Sequence[Any], type_: AttributeType) -> Array:
    """Concatenate arrays; zeros replace a missing one."""
    stacked: Array = np.zeros((len(arrays), *type_.shape), type_.dtype)
    for index, array in enumerate(arrays):
        if array is not None:
            stacked[index] = array
    return stacked


def tensor_column(stacked: Array, missing: Array, type_: AttributeType) -> pa.Array:
    """Build a column of fixed-shape arrays from a single array of shape (n_rows, …).

    Args:
        missing: Whether each row is null.
    """
    assert type_.dtype is not None
    storage = type_.arrow.storage_type
    octets = np.ascontiguousarray(stacked, type_.dtype.newbyteorder("<"))
    flat = pa.Array.from_buffers(storage.value_type, len(stacked) * storage.list_size, [None, pa.py_buffer(octets)])
    mask = pa.array(missing) if missing.any() else None
    return pa.ExtensionArray.from_storage(type_.arrow, pa.FixedSizeListArray.from_arrays(flat, type=storage, mask=mask))


def stacked_tensors(column: Column, type_: AttributeType) -> Array:
    """Read all arrays of a column as one new array of shape (n_rows, …)."""
    assert type_.dtype is not None
    storage = storage_of(column)
    chunks = storage.chunks if isinstance(storage, pa.ChunkedArray) else [storage]
    parts = [_stacked_chunk(chunk, type_) for chunk in chunks]
    return np.concatenate(parts) if parts else np.empty((0, *type_.shape), type_.dtype)


def _stacked_chunk(chunk: pa.FixedSizeListArray, type_: AttributeType) -> Array:
    assert type_.dtype is not None
    length, items = len(chunk), chunk.type.list_size
    elements = chunk.values
    width = type_.dtype.itemsize
    start = (chunk.offset * items + elements.offset) * width
    buffer = elements.buffers()[1]
    if length == 0 or buffer is None:
        return np.zeros((length, *type_.shape), type_.dtype)
    flat = np.frombuffer(buffer, dtype=type_.dtype, count=length * items, offset=start)
    return flat.reshape((length, *type_.shape))


def _to_arrays(column: Column, type_: AttributeType) -> list[Any]:
    stacked = stacked_tensors(column, type_)
    valid = column.is_valid().to_pylist() if column.null_count else None
    return [None if valid and not valid[index] else row for index, row in enumerate(stacked)]


TENSORS = ValueKind(_convert, _at_once, to_python=_to_arrays)
