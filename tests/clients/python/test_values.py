"""Values come back as they were stored: equal, and of the same type."""

from __future__ import annotations

import datetime as dt
import enum
from collections import OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

import levada as lv
from tests.support.values import UTC, VALUES, ZONES, same


def there_and_back(value: object) -> Any:  # noqa: ANN401  # as it was stored
    return lv.blob.unpack(lv.blob.pack(value))


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_any_value_comes_back(value: object) -> None:
    assert same(there_and_back(value), value)


@given(values=st.lists(VALUES, max_size=20))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_comes_back_from_the_server(values: list[object], blobs: type[lv.Manual]) -> None:
    blobs.delete_quick()
    blobs.insert([{"id": index, "value": value} for index, value in enumerate(values)])
    assert all(map(same, (row["value"] for row in blobs.to_dicts(order_by="id")), values))


@pytest.fixture
def blobs(connection: lv.Connection) -> type[lv.Manual]:
    @lv.Schema("values", connection=connection)
    class Anything(lv.Manual):
        definition = """
        id : int32
        ---
        value = null : <blob>
        """

    return Anything


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(6).reshape(2, 3).astype(dtype) for dtype in "bBhHiIlLqQefdFD?"),
        np.array(["2026-01-02", "NaT"], dtype="datetime64[D]"),
        np.array([1, 2], dtype="timedelta64[25ms]"),
        np.array([["a", ""], ["ü", "longer"]]),
        np.array(["x"], dtype="U9"),
        np.array([1, "x", None, [2], np.array(5), np.zeros((0, 2))], dtype=object),
        np.array([np.nan, -0.0, np.inf]),
        np.array(5),
        np.array({"x": 1}),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24).reshape(2, 3, 4)[:, ::2, 1:],
        np.arange(3, dtype=">i4"),
        np.array([(1, 0.5, "x", None)], dtype=[("a", ">i2"), ("b", float, (2, 2)), ("c", "U4"), ("d", object)]),
        np.empty((2, 3), dtype=[("name", object)]),
        np.empty((1, 2), dtype=[]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_comes_back(array: np.ndarray[Any, Any]) -> None:
    back = there_and_back(array)
    assert same(back, array)
    assert back.flags.writeable


def test_an_array_comes_back_in_its_order_of_memory() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert there_and_back(array).flags.c_contiguous
    assert there_and_back(np.asfortranarray(array)).flags.f_contiguous


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_a_sparse_matrix_comes_back(form: str, kind: str) -> None:
    dense = np.array([[0, 0, 1.5], [-2, 0, 0]])
    for matrix in (dense, dense.astype(complex), np.zeros((2, 0)), dense.astype(bool)):
        value = getattr(sparse, f"{form}_{kind}")(matrix)
        assert same(there_and_back(value), value)


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_comes_back(zone: dt.tzinfo) -> None:
    moment = dt.datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=zone)
    back = there_and_back(moment)
    assert (back, back.tzinfo, back.utcoffset()) == (moment, zone, moment.utcoffset())


def test_the_second_pass_of_an_hour_comes_back_as_the_second() -> None:
    first = dt.datetime(2026, 10, 25, 1, 30, tzinfo=ZONES[2])
    second = first.replace(fold=1)
    assert [there_and_back(moment).utcoffset() for moment in (first, second)] == [dt.timedelta(hours=1), dt.timedelta()]


def test_an_offset_of_a_fraction_of_a_second_comes_back() -> None:
    zone = dt.timezone(-dt.timedelta(hours=1, seconds=7, microseconds=5))
    moment = dt.datetime(1, 1, 1, tzinfo=zone)
    assert same(there_and_back(moment), moment)


def test_nested_values_keep_their_order() -> None:
    value = {"b": [1, (2, {3: "x", None: UUID(int=1)})], "a": Decimal("1.50")}
    assert same(there_and_back(value), value)


class Word(str, enum.Enum):  # noqa: UP042  # so that `str` of a member is not its value
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (Point(1, 2), (1, 2)),
        (Word.A, "a"),
        ({Word.A: Word.A}, {"a": "a"}),
        (Number.ONE, 1),
        ({"a": 1}.keys(), {"a"}),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (pd.Timestamp("2026-01-02 03:04"), dt.datetime(2026, 1, 2, 3, 4)),
        (pd.Timedelta("1s"), dt.timedelta(seconds=1)),
        (pd.NaT, None),
        (pd.NA, None),
        (np.array([(1,)], dtype=[("a", int)]).view(np.recarray), np.array([(1,)], dtype=[("a", int)])),
    ],
)
def test_an_instance_of_a_subclass_is_read_as_the_class_that_it_extends(value: object, read: object) -> None:
    assert same(there_and_back(value), read)


def test_a_whole_number_has_as_many_digits_as_it_takes() -> None:
    assert there_and_back(-(7**10_000)) == -(7**10_000)
    with pytest.raises(lv.errors.WrongValue, match="100001 digits; at most 100000"):
        lv.blob.pack(10**100_000)


def test_equal_sets_are_equal_bytes() -> None:
    assert lv.blob.pack({"a", "b", 1}) == lv.blob.pack({1, "b", "a"})


def test_large_values_are_compressed_and_small_ones_not() -> None:
    assert lv.blob.pack(np.zeros(10)).startswith(b"lv1\0")
    compressed = lv.blob.pack(np.zeros(10_000))
    assert compressed.startswith(b"lv1z")
    assert len(compressed) < 1000
    noise = np.random.default_rng(0).bytes(5000)
    assert lv.blob.pack(noise).startswith(b"lv1\0")
    assert there_and_back(noise) == noise


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"units": [0, 1, 2, lambda: 0]}, r"value\['units'\]\[3\]: a lambda"),
        ({"units": [1, 2, {"f": print}]}, r"value\['units'\]\[2\]\['f'\]: a builtin_function_or_method"),
        ((object(),), r"value\[0\]: a object"),
        (np.array([[1, object()]], dtype=object), r"value\[0, 1\]: a object"),
        (np.array([[1], [object()]], dtype=object, order="F"), r"value\[1, 0\]: a object"),
        (np.array([(object(),)], dtype=[("a", object)]), r"value\[0\]\['a'\]: a object"),
        ({(1, object): 2}, r"value: key \(1, <class 'object'>\)\[1\]: a type"),
        ("\ud800", "value: text with a lone surrogate"),
        ({"\ud800": 1}, r"value: key '\\ud800': text with a lone surrogate"),
        (np.array(["\ud800"]), "value: text with a lone surrogate"),
        (np.array([b"x"]), r"value: an array of \|S1 cannot be stored; \.astype\(str\)"),
        (np.longdouble(1), "value: a scalar of float128|value: a scalar of longdouble"),
        (np.void(b"x"), "value: a scalar of"),
        (np.zeros((2, 2), dtype=[("a", int)]), "value: a structured array of 2 dimensions"),
        (np.zeros(2, dtype=[("a", "S2")]), r"value\['a'\]: an array of"),
        (np.ma.masked_array([1], [True]), "value: a MaskedArray, which is more than an array"),
        (sparse.coo_array([1, 0, 2]), "value: a sparse array of 1 dimensions"),
        (dt.time(1, tzinfo=UTC), "time of day with a zone"),
        (pd.Timestamp("2026-01-01T00:00:00.000000001"), "nanoseconds"),
        (pd.Timedelta(1, "ns"), "nanoseconds"),
        (dt.timedelta.max, "292 000 years"),
        (range(3), r"a range; store list\(…\)"),
        ((x for x in "ab"), r"a generator; store list\(…\)"),
        (pd.Series([1]), "a Series; store it as an array"),
        (Ellipsis, "a ellipsis"),
    ],
)
def test_what_cannot_be_stored_is_named_by_its_path(value: object, message: str) -> None:
    with pytest.raises(lv.errors.WrongValue, match=message):
        lv.blob.pack(value)


def test_the_error_of_an_insert_names_row_attribute_and_path(blobs: type[lv.Manual]) -> None:
    rows = [{"id": 0, "value": 1}, {"id": 1, "value": {"units": [1, print]}}]
    with pytest.raises(lv.errors.WrongValue, match=r"row 1, attribute `value`\['units'\]\[1\]: a builtin"):
        blobs.insert(rows)
    assert len(blobs()) == 0


def test_nesting_without_end_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(lv.errors.WrongValue, match="nested deeper"):
        lv.blob.pack(endless)


@pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: {"x": v}, lambda v: {1: v}, lambda v: np.array([v, 0], object)]
)
def test_the_deepest_value_that_is_taken_can_be_read(wrap: Any) -> None:  # noqa: ANN401  # a lambda
    value: object = 1
    for _ in range(30):
        value = wrap(value)
    assert same(there_and_back(value), value)
    with pytest.raises(lv.errors.WrongValue, match="nested deeper"):
        lv.blob.pack(wrap(value))
