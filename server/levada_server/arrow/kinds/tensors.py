"""Columns of arrays of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.kinds.column_kind import (
    ColumnKind,
    are_of_width,
    converted,
    is_binary,
    is_number,
    read_binaries,
    write_binaries,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.arrow.kinds.column_kind import Array, Field
    from levada_server.model.types import AttributeType


def _arrow(type_: AttributeType) -> pa.DataType:
    return pa.fixed_shape_tensor(_element_type(type_.dtype), type_.shape)


def _element_type(dtype: str) -> pa.DataType:
    # Arrow has no complex numbers and no tensors of single bits: pairs of floats and bytes stand for them.
    match dtype:
        case "complex64" | "complex128":
            return pa.binary(8 if dtype == "complex64" else 16)
        case "bool":
            return pa.uint8()
        case _:
            return pa.type_for_alias(dtype.replace("float16", "halffloat"))


def _read(field: Field, arrow: pa.DataType, type_: AttributeType) -> pa.Array:
    assert are_of_width(field, type_.item_bytes), "the size of an array differs from the heading"
    stored = read_binaries(field)
    if stored.null_count:
        stored = stored.fill_null(bytes(type_.item_bytes))
    mask = pa.array(field.lengths < 0) if (field.lengths < 0).any() else None
    return _tensors(stored.buffers()[2], len(stored), mask, arrow)


def _from_driver(values: Sequence[object], arrow: pa.DataType, type_: AttributeType) -> pa.Array:
    blank = bytes(type_.item_bytes)
    octets = b"".join(blank if v is None else bytes(v) for v in values)  # type: ignore[call-overload]  # bytes
    mask = pa.array([v is None for v in values], pa.bool_())
    return _tensors(pa.py_buffer(octets), len(values), mask, arrow)


def _tensors(octets: pa.Buffer, row_count: int, mask: pa.Array | None, arrow: pa.DataType) -> pa.Array:
    """Make a column: the joined bytes of all rows are already the elements; NULL becomes zeros."""
    storage = arrow.storage_type
    elements = pa.Array.from_buffers(storage.value_type, row_count * storage.list_size, [None, octets])
    lists = pa.FixedSizeListArray.from_arrays(elements, type=storage, mask=mask)
    return pa.ExtensionArray.from_storage(arrow, lists)


def _fit(column: pa.Array, target: pa.DataType, type_: AttributeType) -> pa.Array | None:
    if is_binary(column.type):
        fits = pc.all(pc.equal(pc.binary_length(column), type_.item_bytes)).as_py()
        return converted(column, target) if fits is not False else None
    return _fit_tensors(column, type_) if column.type == _arrow(type_) else None


def _fit_tensors(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    # The joined elements of all rows are already the bytes to store.
    elements = _elements(column)
    if elements.null_count:
        if _rows_with_gaps(column).any():
            return None
        # The elements under a missing row do not count.
        zero = 0 if is_number(elements.type) else bytes(elements.type.byte_width)
        elements = elements.fill_null(pa.scalar(zero, elements.type))
    size = len(column) * type_.item_bytes
    octets = elements.buffers()[1].slice(elements.offset * (elements.type.bit_width // 8), size) if size else b""
    offsets = (np.arange(len(column) + 1) * type_.item_bytes).astype(np.int32)
    valid = np.packbits(column.is_valid().to_numpy(zero_copy_only=False), bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(octets)]
    return pa.Array.from_buffers(pa.binary(), len(column), buffers)


def _elements(column: pa.Array) -> pa.Array:
    lists = column.storage
    return lists.values.slice(lists.offset * lists.type.list_size, len(lists) * lists.type.list_size)


def _rows_with_gaps(column: pa.Array) -> Array:
    """Find the rows whose array lacks an element; return one bool for each row."""
    gaps = _elements(column).is_null().to_numpy(zero_copy_only=False).reshape(len(column), -1).any(axis=1)
    return np.asarray(gaps & column.storage.is_valid().to_numpy(zero_copy_only=False))


def _find_fault(column: pa.Array, type_: AttributeType) -> tuple[int, str]:
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if column.type == _arrow(type_):
        return int(_rows_with_gaps(column).argmax()), f"An element is missing; {type_} takes arrays without gaps."
    if is_binary(column.type):
        sizes = pc.binary_length(column).fill_null(type_.item_bytes).to_numpy()
        index = int((sizes != type_.item_bytes).argmax())
        return index, f"{sizes[index]} bytes, and {type_} takes {type_.item_bytes}."
    return int(valid.argmax()), f"A value of {column.type}, and {type_} takes {_arrow(type_)}."


TENSORS = ColumnKind(
    _arrow,
    _read,
    write_binaries,
    _fit,
    storage=pa.binary(),
    copied_by_pgpq=False,
    from_driver=_from_driver,
    find_fault=_find_fault,
)
