"""The description of a kind of columns, and functions that several kinds share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from levada_server.errors import ValueOutOfRange
from levada_server.model.values import coerce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada_server.model.types import AttributeType

Array: TypeAlias = "np.ndarray[Any, Any]"  # Any: the code beside it fixes the dimensions and the type


@dataclass(frozen=True, slots=True)
class Field:
    """One column of some rows, as COPY sends it.

    Args:
        octets: The rows, followed by padding where the value of a NULL at the very end would be; uint8.
        begins: The start of each value, or a later position if `values` has the value; int64, ascending.
        lengths: The number of bytes of each value, -1 for NULL; int64.
        values: The values, if they have one width and have been read; in the byte order of the wire.
    """

    octets: Array
    begins: Array
    lengths: Array
    values: Array | None = None

    def choose(self, rows: Array | slice) -> Field:
        """Choose some of the rows, by their numbers."""
        values = None if self.values is None else self.values[rows]
        return Field(self.octets, self.begins[rows], self.lengths[rows], values)


def plain_column(values: Sequence[object], arrow: pa.DataType, _: AttributeType) -> pa.Array:
    """Make a column of values that Arrow accepts unchanged."""
    return pa.array(values, arrow)


def plain_values(column: pa.Array) -> list[object]:
    """Return the values of a column that the driver accepts as Arrow returns them."""
    values: list[object] = column.to_pylist()
    return values


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """How the values of a kind are laid out in Arrow's columns, in PostgreSQL's COPY, and in columns from clients.

    Args:
        arrow: Arrow's type of a column of a result, or a function that returns it for an attribute's type.
        decode: Converts a column of COPY, as `wire_type` sends it, to one of `arrow`. Raises ValueOutOfRange if Arrow's
            type, or Python's, cannot hold a value.
        encode: Converts a column of `storage` to the bytes that COPY takes: an array of values of one width, with any
            content for missing values; or Arrow's `large_binary` for values of any width.
        fit: Converts a column from a client to `storage` at once; returns None if a value may not fit, so that a pass
            value by value finds out which. An Arrow error means the same as None.
        storage: Arrow's type of a column on its way into PostgreSQL, text as text and bytes as bytes; None means
            `arrow`.
        wire: NumPy's name for the bytes of a value in COPY; None if the kind alone does not fix their width.
        copied_by_pgpq: Whether the package pgpq writes the same bytes as `encode`.
        from_driver: Converts values that the driver has read to a column of `arrow`.
        to_driver: Converts a column of `storage` to values that the driver can bind.
        to_python: Converts it to the values of `coerce`; None means that these are what the driver binds.
        fit_value: Converts one value from a client to a value that Arrow takes for `storage`. Raises WrongValue.
        find_fault: Finds the first wrong row of a column that `fit` refused, and describes its fault; for kinds where a
            pass value by value would take too long.
    """

    arrow: pa.DataType | Callable[[AttributeType], pa.DataType]
    decode: Callable[[Field, pa.DataType, AttributeType], pa.Array]
    encode: Callable[[pa.Array, AttributeType], Array | pa.Array]
    fit: Callable[[pa.Array, pa.DataType, AttributeType], pa.Array | None]
    storage: pa.DataType | None = None
    wire: str | None = None
    copied_by_pgpq: bool = True
    from_driver: Callable[[Sequence[object], pa.DataType, AttributeType], pa.Array] = plain_column
    to_driver: Callable[[pa.Array], list[object]] = plain_values
    to_python: Callable[[pa.Array], list[object]] | None = None
    fit_value: Callable[[object, AttributeType], object] = coerce
    find_fault: Callable[[pa.Array, AttributeType], tuple[int, str]] | None = None


# -------------------------------------------------------------------------------------- what PostgreSQL sends


def validity(field: Field) -> pa.Buffer | None:
    """Make Arrow's bitmap of the values that are not NULL; None if there is no NULL."""
    valid = field.lengths >= 0
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def are_of_width(field: Field, width: int) -> bool:
    """Return whether all values have the same number of bytes."""
    return bool(((field.lengths == width) | (field.lengths < 0)).all())


def read_fixed(field: Field, wire: str) -> Array:
    """Read values of one width, in the byte order of this machine; 0 for NULL."""
    dtype = np.dtype(wire)
    assert are_of_width(field, dtype.itemsize), "the wire type differs from the heading"
    wired = field.values
    if wired is None:
        everywhere = np.ndarray((field.octets.size - dtype.itemsize + 1,), dtype, field.octets, strides=(1,))
        wired = everywhere[field.begins]
    values: Array = wired.astype(dtype.newbyteorder("="))
    null = field.lengths < 0
    if null.any():
        values[null] = np.zeros((), values.dtype)
    return values


def read_binaries(field: Field) -> pa.Array:
    """Copy values out of the rows: Arrow takes all the bytes as an array of alternating values and gaps."""
    count = len(field.begins)
    offsets = np.empty(2 * count, np.int32)
    offsets[0::2] = field.begins
    offsets[1::2] = field.begins + np.maximum(field.lengths, 0)
    values_and_gaps = pa.Array.from_buffers(
        pa.binary(), 2 * count - 1, [None, pa.py_buffer(offsets), pa.py_buffer(field.octets)]
    )
    null = field.lengths < 0
    return values_and_gaps.take(pa.array(np.arange(0, 2 * count, 2), mask=null if null.any() else None))


def read_texts(field: Field) -> pa.Array:
    """Read text; PostgreSQL guarantees that it is UTF-8."""
    binary = read_binaries(field)
    return pa.Array.from_buffers(pa.utf8(), len(binary), binary.buffers(), binary.null_count, binary.offset)


def fixed_column(arrow: pa.DataType, field: Field, values: Array) -> pa.Array:
    """Make a column of values from their memory."""
    return pa.Array.from_buffers(arrow, len(values), [validity(field), pa.py_buffer(values)])


def check_within(values: Array, bounds: tuple[int, int], type_: AttributeType) -> None:
    """Refuse values outside of some bounds.

    Raises:
        ValueOutOfRange: A value is outside the bounds.
    """
    if values.size and not bounds[0] <= values.min() <= values.max() <= bounds[1]:
        raise ValueOutOfRange(f"The result has a value outside of what a {type_} holds; restrict it or cast it.")


# ------------------------------------------------------------------------------------- what PostgreSQL is sent


def look_at(column: pa.Array, dtype: np.dtype[Any]) -> Array:  # Any: of any type
    """Return the memory of a column's values as an array, without a copy."""
    if not len(column):
        return np.empty(0, dtype)
    return np.frombuffer(column.buffers()[1], dtype, len(column), column.offset * dtype.itemsize)


def write_binaries(column: pa.Array, _: AttributeType) -> pa.Array:
    """Write text and bytes unchanged."""
    return column.cast(pa.large_binary())


# ------------------------------------------------------------------------------------------ what clients send


def is_text(arrow: pa.DataType) -> bool:
    """Return whether a type is a text type."""
    return bool(pa.types.is_string(arrow) or pa.types.is_large_string(arrow))


def is_binary(arrow: pa.DataType) -> bool:
    """Return whether a type is a bytes type of any length."""
    return bool(pa.types.is_binary(arrow) or pa.types.is_large_binary(arrow))


def is_number(arrow: pa.DataType) -> bool:
    """Return whether a type is a number type; bool counts as one."""
    return bool(pa.types.is_integer(arrow) or pa.types.is_floating(arrow) or pa.types.is_boolean(arrow))


def converted(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast a column; one that has the type already stays as it is, which spares small inserts Arrow's own finding so.

    Raises:
        pa.ArrowInvalid: A value does not fit.
    """
    return column if column.type == target else column.cast(target)


def stored_in(column: pa.Array) -> pa.Array:
    """Return the storage column of a column of an extension type; any other column unchanged."""
    return column.storage if isinstance(column, pa.ExtensionArray) else column
