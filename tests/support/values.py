"""Strategies for values of every kind that a `<blob>` holds, and their equality."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse

UTC = dt.UTC
LONGEST = dt.timedelta(microseconds=2**63 - 1)
ZONES = [UTC, dt.timezone(dt.timedelta(hours=-3, minutes=-30)), ZoneInfo("Europe/Lisbon"), ZoneInfo("UTC")]


def same(left: Any, right: Any) -> bool:  # noqa: ANN401  # anything
    """Return whether values are equal, types and contents included; NaN equals NaN, and 0.0 does not equal -0.0."""
    if type(left) is not type(right):
        return False
    match left:
        case _ if sparse.issparse(left):
            same_form = (left.shape, left.dtype) == (right.shape, right.dtype)
            return same_form and _same_arrays(left.toarray(), right.toarray())
        case float() | Decimal():
            return repr(left) == repr(right)
        case complex():
            return same(left.real, right.real) and same(left.imag, right.imag)
        case list() | tuple():
            return len(left) == len(right) and all(map(same, left, right))
        case dict():
            return same(list(left), list(right)) and same(list(left.values()), list(right.values()))
        case np.ndarray() | np.generic():
            return _same_arrays(left, right)
        case pd.DataFrame():
            pd.testing.assert_frame_equal(left, right)
            return True
        case pl.DataFrame() | pa.Table():
            return bool(left.schema == right.schema and left.equals(right))
        case dt.datetime():
            return bool(left.replace(tzinfo=None) == right.replace(tzinfo=None) and left.tzinfo == right.tzinfo)
        case _:
            return bool(left == right)


def _same_arrays(left: Any, right: Any) -> bool:  # noqa: ANN401  # arrays or scalars of NumPy
    # The byte order belongs to storage, not to the meaning.
    if left.shape != right.shape or left.dtype.newbyteorder("=") != right.dtype.newbyteorder("="):
        return False
    if left.dtype.names is not None:
        return all(_same_arrays(left[name], right[name]) for name in left.dtype.names)
    if left.dtype.kind == "O":
        return all(map(same, left.flat, right.flat))
    native = left.dtype.newbyteorder("=")
    return bool(left.astype(native).tobytes() == right.astype(native).tobytes())


def moments() -> st.SearchStrategy[dt.datetime]:
    """Draw moments with zones, of wall clocks that exist there."""
    drawn = st.datetimes(timezones=st.sampled_from(ZONES), allow_imaginary=False)
    edges = [dt.datetime.min, dt.datetime.max]
    return drawn | st.sampled_from([edge.replace(tzinfo=zone) for edge in edges for zone in ZONES])


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63 - 1, -(2**63), 2**63, -(2**64), 10**4_000])
    | st.floats()
    | st.complex_numbers()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.times()
    | st.datetimes()
    | moments()
    | st.timedeltas(-LONGEST, LONGEST)
    | st.uuids()
)
_DTYPES = (
    npst.boolean_dtypes()
    | npst.integer_dtypes(endianness="?")
    | npst.unsigned_integer_dtypes(endianness="?")
    | npst.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | npst.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | npst.datetime64_dtypes(endianness="?")
    | npst.timedelta64_dtypes(endianness="?")
    | npst.unicode_string_dtypes(min_len=1, max_len=5)
)
SHAPES = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Draw arrays of every element type, in every order of memory."""
    array: np.ndarray[Any, Any] = draw(npst.arrays(draw(_DTYPES), draw(SHAPES)))
    match draw(st.sampled_from(["C", "F", "reversed", "strided"])):
        case "F":
            return np.asfortranarray(array) if array.ndim else array
        case "reversed" if array.ndim:
            return array[::-1]
        case "strided" if array.ndim > 1:
            every_second: np.ndarray[Any, Any] = array.swapaxes(0, -1)[..., ::2]
            return every_second
        case _:
            return array


ARRAYS = arrays()
NUMPY_SCALARS = _DTYPES.flatmap(lambda dtype: npst.arrays(dtype, ()).map(lambda array: array[()]))
HASHABLE = st.recursive(
    st.none() | st.integers() | st.text() | st.dates() | st.floats(allow_nan=False) | st.uuids(),
    lambda inner: st.frozensets(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)


def _cells(values: list[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    flat: np.ndarray[Any, Any] = np.fromiter(values, dtype=object, count=len(values))
    return flat.reshape(shape, order="F")


def _structs(first: list[Any], second: list[Any]) -> np.ndarray[Any, Any]:
    array = np.empty((1, len(first)), dtype=[("name", object), ("x y", object)])
    array["name"][0], array["x y"][0] = _cells(first, (-1,)), _cells(second, (-1,))
    return array


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pairs = st.integers(0, 3).flatmap(lambda n: st.tuples(*[st.lists(inner, min_size=n, max_size=n)] * 2))
    return (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(HASHABLE, inner)
        | st.frozensets(HASHABLE).map(set)
        | st.frozensets(HASHABLE)
        | st.lists(inner, max_size=3).map(lambda values: _cells(values, (len(values), 1)))
        | inner.map(lambda value: _cells([value], ()))
        | pairs.map(lambda pair: _structs(*pair))
    )


VALUES = st.recursive(SCALARS | ARRAYS | NUMPY_SCALARS, _containers, max_leaves=15)
