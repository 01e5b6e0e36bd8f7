"""Values come back as they were stored: equal, and of the same type."""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import levada as lv
from levada._values import Stored, decode_blob, encode_blob

UTC = dt.timezone.utc
LONGEST = dt.timedelta(microseconds=2**63 - 1)


def there_and_back(value: object) -> Stored:
    return decode_blob(encode_blob(value))


def same(left: object, right: object) -> bool:
    """Equal in value and type, through containers and arrays; NaN equals NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left.dtype.kind == "O":
            return left.shape == right.shape and all(map(same, left.flat, right.flat))
        # Element types are compared by meaning: byte order and the width of text are storage.
        return left.shape == right.shape and left.dtype.kind == right.dtype.kind and _equal(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return left == right


def _equal(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    return np.array_equal(left, right, equal_nan=left.dtype.kind in "fcmM")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.timedeltas(-LONGEST, LONGEST)
    | st.uuids()
)
HASHABLE = st.none() | st.integers() | st.text() | st.dates()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(HASHABLE, inner)
        | st.frozensets(HASHABLE).map(set)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_any_plain_value_comes_back(value: object) -> None:
    assert same(there_and_back(value), value)


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(6).reshape(2, 3).astype(dtype) for dtype in "bBhHiIlLqQefdFD?"),
        np.array(["2026-01-02", "NaT"], dtype="datetime64[D]"),
        np.array([1, 2], dtype="timedelta64[ms]"),
        np.array([["a", ""], ["ü", "longer"]]),
        np.array([1, "x", None, [2]], dtype=object),
        np.zeros((0, 3)),
        np.array([np.nan, -0.0, np.inf]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12).reshape(3, 4)[::2, 1:],
        np.arange(3, dtype=">i4"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_comes_back(array: np.ndarray[Any, Any]) -> None:
    assert same(there_and_back(array), array)


def test_an_array_that_comes_back_can_be_written_to() -> None:
    array = there_and_back(np.zeros(3))
    array += 1
    assert array.tolist() == [1, 1, 1]


@pytest.mark.parametrize("scalar", [np.float32(0.5), np.int8(-3), np.bool_(True), np.str_("x"), np.complex64(1j)])
def test_a_scalar_of_numpy_comes_back(scalar: np.generic) -> None:
    assert same(there_and_back(scalar), scalar)


@pytest.mark.parametrize(
    "zone", [UTC, dt.timezone(dt.timedelta(hours=-3, minutes=-30)), ZoneInfo("Europe/Lisbon"), ZoneInfo("UTC")]
)
def test_a_zone_comes_back(zone: dt.tzinfo) -> None:
    moment = dt.datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=zone)
    back = there_and_back(moment)
    assert (back, back.tzinfo, back.utcoffset()) == (moment, zone, moment.utcoffset())


def test_a_data_frame_comes_back() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", "y"]})
    pd.testing.assert_frame_equal(there_and_back(frame), frame)


def test_nested_values_keep_their_order() -> None:
    value = {"b": [1, (2, {3: "x", None: UUID(int=1)})], "a": Decimal("1.50")}
    assert same(there_and_back(value), value)
    assert there_and_back(OrderedDict(b=1, a=2)) == {"b": 1, "a": 2}


def test_large_values_are_compressed_and_small_ones_not() -> None:
    assert encode_blob(np.zeros(10)).startswith(b"lv1\0")
    compressed = encode_blob(np.zeros(10_000))
    assert compressed.startswith(b"lv1z")
    assert len(compressed) < 1000
    noise = np.random.default_rng(0).bytes(5000)
    assert encode_blob(noise).startswith(b"lv1\0")
    assert there_and_back(noise) == noise


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"units": [1, 2, {"f": print}]}, r"value\['units'\]\[2\]\['f'\]: a builtin_function_or_method"),
        ((object(),), r"value\[0\]: a object"),
        ("\ud800", "lone surrogate"),
        (np.array([object()], dtype=object), r"value\[0\]: a object"),
        (np.zeros(2, dtype=[("a", int)]), "dict of arrays"),
        (pd.DataFrame({"a": [1]}, index=["x"]), "reset_index"),
        (dt.time(1, tzinfo=UTC), "time of day with a zone"),
        (pd.Timestamp("2026-01-01T00:00:00.000000001"), "nanoseconds"),
    ],
)
def test_what_cannot_be_stored_is_named_by_its_path(value: object, path: str) -> None:
    with pytest.raises(lv.errors.WrongValue, match=path):
        encode_blob(value)


def test_nesting_without_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(lv.errors.WrongValue, match="nested deeper"):
        encode_blob(endless)


def test_the_deepest_value_that_is_taken_can_be_read() -> None:
    value: object = 1
    for _ in range(30):
        value = {"x": value}
    assert there_and_back(value) == value


@pytest.mark.parametrize("blob", [b"", b"mYm\0abc", b"lv1\0\xff\xff", b"lv1zabc"])
def test_bytes_that_are_no_blob_are_refused(blob: bytes) -> None:
    with pytest.raises(lv.errors.WrongValue):
        decode_blob(blob)
