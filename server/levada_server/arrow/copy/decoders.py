"""Columns of binary COPY → Arrow arrays: one decoder per kind of type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.copy.decimals import decimals_from_wire
from levada_server.arrow.copy.wire import EPOCHS, WIRE_TYPES
from levada_server.arrow.references import references
from levada_server.arrow.types import BOUNDS, arrow_type
from levada_server.errors import ValueOutOfRange
from levada_server.model.kinds import Kind
from levada_server.model.types import AttributeType

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_server.arrow.copy.wire import Array


@dataclass(frozen=True, slots=True)
class Field:
    """One column of some rows.

    Args:
        octets: The rows, and bytes behind them where a NULL at the very end would have its value; uint8.
        begins: Where each value begins, or somewhere behind it if `values` has it; int64, ascending.
        lengths: Bytes of each value, -1 for NULL; int64.
        values: The values, where they have one width and are at hand; in the order of bytes of the wire.
    """

    octets: Array
    begins: Array
    lengths: Array
    values: Array | None = None

    def choose(self, rows: Array | slice) -> Field:
        """Give some of the rows, by their numbers."""
        values = None if self.values is None else self.values[rows]
        return Field(self.octets, self.begins[rows], self.lengths[rows], values)


def decoder(type_: AttributeType) -> Callable[[Field], pa.Array]:
    """Give the decoder of an attribute's column, as `wire_type` sends it.

    Infinite dates and timestamps become the first and the last that Python has, as the driver does it.

    Raises:
        ValueOutOfRange: By the decoder: Arrow's type, or Python's, cannot hold a value.
    """
    match type_.kind:
        case Kind.INT8 | Kind.INT16 | Kind.INT32 | Kind.INT64 | Kind.UINT8 | Kind.UINT16 | Kind.UINT32:
            return partial(_integers, type_=type_)
        case Kind.FLOAT32 | Kind.FLOAT64 as kind:
            return partial(_floats, kind=kind)
        case Kind.BOOL:
            return _booleans
        case Kind.DECIMAL:
            return partial(_decimals, type_=type_)
        case Kind.CHAR | Kind.VARCHAR | Kind.TEXT:
            return _texts
        case Kind.ENUM:
            return partial(_enums, labels=pa.array(type_.labels, pa.utf8()))
        case Kind.DATE | Kind.TIME | Kind.DATETIME | Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return partial(_moments, type_=type_)
        case Kind.UUID:
            return _uuids
        case Kind.JSON:
            return _jsons
        case Kind.OBJECT:
            return _objects
        case Kind.BYTES | Kind.BLOB | Kind.ATTACH:
            return _binaries
        case Kind.ARRAY:
            return partial(_tensors, type_=type_)


def _validity(field: Field) -> pa.Buffer | None:
    valid = field.lengths >= 0
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _of_width(field: Field, width: int) -> bool:
    return bool(((field.lengths == width) | (field.lengths < 0)).all())


def _fixed(field: Field, kind: Kind) -> Array:
    """Read values of one width, in the byte order of this machine; 0 for NULL."""
    dtype = np.dtype(WIRE_TYPES[kind])
    assert _of_width(field, dtype.itemsize), "the wire type is not what the heading says"
    wired = field.values
    if wired is None:
        everywhere = np.ndarray((field.octets.size - dtype.itemsize + 1,), dtype, field.octets, strides=(1,))
        wired = everywhere[field.begins]
    values: Array = wired.astype(dtype.newbyteorder("="))
    null = field.lengths < 0
    if null.any():
        values[null] = np.zeros((), values.dtype)
    return values


def _array(type_: pa.DataType, field: Field, values: Array) -> pa.Array:
    return pa.Array.from_buffers(type_, len(values), [_validity(field), pa.py_buffer(values)])


def _check(values: Array, bounds: tuple[int, int], type_: AttributeType) -> None:
    if values.size and not bounds[0] <= values.min() <= values.max() <= bounds[1]:
        raise ValueOutOfRange(f"The result has a value outside of what a {type_} holds; restrict it or cast it.")


def _integers(field: Field, *, type_: AttributeType) -> pa.Array:
    values = _fixed(field, type_.kind)
    narrow = np.dtype(arrow_type(type_).to_pandas_dtype())
    if narrow != values.dtype:
        limits = np.iinfo(narrow)
        _check(values, (limits.min, limits.max), type_)
    return _array(arrow_type(type_), field, values.astype(narrow, copy=False))


def _floats(field: Field, *, kind: Kind) -> pa.Array:
    return _array(arrow_type(AttributeType(kind)), field, _fixed(field, kind))


def _booleans(field: Field) -> pa.Array:
    bits = np.packbits(_fixed(field, Kind.BOOL), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(field.begins), [_validity(field), pa.py_buffer(bits)])


def _moments(field: Field, *, type_: AttributeType) -> pa.Array:
    bounds = BOUNDS[type_.kind]
    values = _fixed(field, type_.kind)
    # Infinity is the largest number of the wire type, -infinity the smallest; `time` has neither.
    limits = np.iinfo(values.dtype)
    past, future = values == limits.min, values == limits.max
    values[past | future] = 0
    values += EPOCHS[type_.kind]
    values[past], values[future] = bounds
    values[field.lengths < 0] = 0
    _check(values, bounds, type_)
    return _array(arrow_type(type_), field, values)


def _uuids(field: Field) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), _array(pa.binary(16), field, _fixed(field, Kind.UUID)))


def _decimals(field: Field, *, type_: AttributeType) -> pa.Array:
    assert type_.precision is not None and type_.scale is not None
    limbs, fits = decimals_from_wire(field.octets, field.begins, field.lengths, type_.precision, type_.scale)
    if not fits:
        raise ValueOutOfRange(f"The result has NaN, Infinity or too many digits in a {type_}, which holds no such.")
    return pa.Array.from_buffers(
        arrow_type(type_), len(field.begins), [_validity(field), pa.py_buffer(np.ascontiguousarray(limbs))]
    )


def _binaries(field: Field) -> pa.Array:
    """Copy values out from between the others: to Arrow, all the bytes are an array of values and gaps in turn."""
    count = len(field.begins)
    offsets = np.empty(2 * count, np.int32)
    offsets[0::2] = field.begins
    offsets[1::2] = field.begins + np.maximum(field.lengths, 0)
    values_and_gaps = pa.Array.from_buffers(
        pa.binary(), 2 * count - 1, [None, pa.py_buffer(offsets), pa.py_buffer(field.octets)]
    )
    null = field.lengths < 0
    return values_and_gaps.take(pa.array(np.arange(0, 2 * count, 2), mask=null if null.any() else None))


def _texts(field: Field) -> pa.Array:
    # PostgreSQL vouches for its being UTF-8.
    binary = _binaries(field)
    return pa.Array.from_buffers(pa.utf8(), len(binary), binary.buffers(), binary.null_count, binary.offset)


def _enums(field: Field, *, labels: pa.Array) -> pa.Array:
    texts = _texts(field)
    codes = pc.index_in(texts, labels)
    if codes.null_count != texts.null_count:
        strange = pc.filter(texts, pc.and_(codes.is_null(), texts.is_valid()))[0].as_py()
        raise ValueOutOfRange(f"The result has {strange!r} in an enum that has no such label.")
    return pa.DictionaryArray.from_arrays(codes, labels)


def _jsons(field: Field) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.json_(), _json_texts(field))


def _objects(field: Field) -> pa.Array:
    return references(_json_texts(field))


def _json_texts(field: Field) -> pa.Array:
    # Before the text stands the version of the format, one byte.
    return _texts(Field(field.octets, field.begins + (field.lengths >= 0), np.maximum(field.lengths - 1, -1)))


def _tensors(field: Field, *, type_: AttributeType) -> pa.Array:
    arrow = arrow_type(type_)
    assert _of_width(field, type_.item_bytes), "an array of another size than the heading says"
    stored = _binaries(field)
    if stored.null_count:
        stored = stored.fill_null(bytes(type_.item_bytes))
    elements = pa.Array.from_buffers(
        arrow.storage_type.value_type, len(stored) * arrow.storage_type.list_size, [None, stored.buffers()[2]]
    )
    mask = pa.array(field.lengths < 0) if (field.lengths < 0).any() else None
    lists = pa.FixedSizeListArray.from_arrays(elements, type=arrow.storage_type, mask=mask)
    return pa.ExtensionArray.from_storage(arrow, lists)
