"""NULL and NaN among floats: a result marks its NaN, so that rows keep both where an array has room for one alone.

A float array has no NULL, and NaN of pandas means a missing value. So each NaN that leaves us says by its payload which
of the two it was, and rows that come back are read by it; a NaN of any other origin means what it means there.

Source: IEEE 754-2019, 6.2.3 "NaN propagation"; R marks its NA in the same way.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]  # Any: of every dtype

_NULL_BITS = 0x7FF84C0000000000
_NUMBER_BITS = 0x7FF8540000000000
"""Their payloads also survive in a float16."""
_SIGNLESS = 0x7FFFFFFFFFFFFFFF

NULL: float = struct.unpack("<d", struct.pack("<Q", _NULL_BITS))[0]
"""The NaN that stands for NULL."""
NUMBER: float = struct.unpack("<d", struct.pack("<Q", _NUMBER_BITS))[0]
"""The NaN that was stored as one."""


def is_null(value: object) -> bool:
    """Return whether a value is a NaN that stands for NULL."""
    return _bits(value) == _NULL_BITS


def is_unknown_nan(value: object) -> bool:
    """Return whether a value is a NaN that was not stored as one, as far as it says."""
    return _bits(value) not in (None, _NUMBER_BITS)


def _bits(value: object) -> int | None:
    """Return the bits of a NaN; None for everything else."""
    if not isinstance(value, (float, np.floating)) or value == value:
        return None
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return bits & _SIGNLESS


def float_column(array: Array, *, nan_is_missing: bool = False, nulls: Array | None = None) -> pa.Array:
    """Convert floats to Arrow; NaN that stands for NULL becomes null.

    Args:
        array: Floats of any dtype, of shape (n_rows,).
        nan_is_missing: Every NaN does, unless it was stored as a number.
        nulls: Further rows that are missing.
    """
    is_nan = np.isnan(array)
    if not is_nan.any():
        return pa.array(array, mask=nulls)
    bits = np.ascontiguousarray(array, np.float64).view(np.int64) & _SIGNLESS
    missing = is_nan & ((bits != _NUMBER_BITS) if nan_is_missing else (bits == _NULL_BITS))
    plain = np.where(is_nan, array.dtype.type(np.nan), array)
    return pa.array(plain, mask=missing if nulls is None else missing | nulls)


def marked(array: Array, nulls: Array) -> Array:
    """Return the floats of a result, where each NaN is marked.

    Args:
        array: Floats of shape (n_rows,) and dtype float64; it is changed.
        nulls: The rows that are NULL.
    """
    array[np.isnan(array)] = NUMBER
    array[nulls] = NULL
    return array
