"""Columns are converted all at once where that does what value by value does; what does not fit is named."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import levada as lv
from levada._values.columns import Place, arrow_column, column_at_once, column_by_value
from levada._values.conversions import VALUE_KINDS
from levada._values.dataframes import numpy_column, pandas_column, polars_column
from levada._values.rows import read_rows
from levada._values.types import KINDS
from tests.support.values import moments

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = (
    "levada._values.conversions",
    "levada._values.dataframes",
    "levada._values.rows",
    "levada._values.types",
)

PLACE = Place("Pair", 5)


def attribute(type_: str, *, nullable: bool = True) -> lv.Attribute:
    return lv.Attribute("a", type_, False, nullable, None, "", False, "")


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int8": st.integers(-128, 127) | st.integers(-128, 127).map(np.int64),
    "uint32": st.integers(0, 2**32 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats() | st.integers(-(2**53), 2**53) | st.floats(width=32).map(np.float32),
    "float32": st.floats() | st.floats(width=32).map(np.float32),
    "bool": st.booleans() | st.booleans().map(np.bool_),
    "decimal(38,10)": st.decimals(-(10**20), 10**20, places=3),
    "text": st.text(),
    "enum('a', 'b')": st.sampled_from(["a", "b"]),
    "date": st.dates(),
    "time": st.times(),
    "duration": st.timedeltas(-dt.timedelta(106_751_991), dt.timedelta(106_751_991)),
    "datetime": st.datetimes() | moments().filter(lambda moment: 1 < moment.year < 9999),
    "timestamptz": st.datetimes() | moments().filter(lambda moment: 1 < moment.year < 9999),
    "uuid": st.uuids(),
    "bytes": st.binary(),
    "<array int16(2,)>": st.tuples(st.integers(-9, 9), st.integers(-9, 9)).map(lambda pair: np.array(pair, np.int16)),
}


def test_every_kind_has_conversions() -> None:
    assert set(VALUE_KINDS) == set(KINDS)


@pytest.mark.parametrize("type_", VALUES)
def test_a_column_at_once_is_what_its_values_are_converted(type_: str) -> None:
    parsed = attribute(type_).parsed_type
    converted_at_once = 0

    @given(st.lists(st.none() | VALUES[type_], max_size=5))
    @settings(deadline=None)
    def compare(values: list[object]) -> None:
        nonlocal converted_at_once
        try:
            at_once = column_at_once(values, parsed)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return  # one by one it is
        if at_once is not None:
            converted_at_once += 1
            assert at_once.equals(column_by_value(values, attribute(type_), PLACE)) or _equal(at_once, values)

    def _equal(at_once: pa.Array, values: list[object]) -> bool:
        # To Arrow, NaN does not equal NaN.
        one_by_one = column_by_value(values, attribute(type_), PLACE)
        return bool(parsed.floating and repr(at_once.to_pylist()) == repr(one_by_one.to_pylist()))

    compare()
    assert converted_at_once > 20


MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678_900)
SOME: dict[str, list[Any]] = {
    "int8": [1, -2, None],
    "int64": [2**62, 5],
    "float32": [0.5, None],
    "float64": [0.1, -1],
    "bool": [True, False, None],
    "decimal(6,2)": [Decimal("1.50"), None],
    "varchar(9)": ["x", "", None],
    "enum('a', 'b')": ["a", "b"],
    "date": [MOMENT.date(), None],
    "datetime": [MOMENT, None],
    "timestamptz": [MOMENT.replace(tzinfo=dt.UTC), None],
    "duration": [dt.timedelta(-2, microseconds=1), None],
    "bytes": [b"x", None],
}


@pytest.mark.parametrize("type_", SOME)
def test_columns_of_every_library_are_what_a_list_is(type_: str) -> None:
    expected = arrow_column(SOME[type_], attribute(type_), PLACE)
    series, polars = pd.Series(SOME[type_]), pl.Series(SOME[type_], strict=False)
    for column in (series, series.astype(object), series.convert_dtypes()):
        assert pandas_column(column, attribute(type_), PLACE).equals(expected)
    for nullable in (True, False):
        column = attribute(type_, nullable=nullable)
        assert polars_column(polars, column, PLACE).equals(expected)
        assert numpy_column(np.array(SOME[type_], dtype=object), column, PLACE).equals(expected)
    present = [value for value in SOME[type_] if value is not None]
    typed = np.array([value.replace(tzinfo=None) if type_ == "timestamptz" else value for value in present])
    if typed.dtype.kind != "O":
        assert numpy_column(typed, attribute(type_), PLACE).equals(arrow_column(present, attribute(type_), PLACE))


@pytest.mark.parametrize(
    ("type_", "series", "expected"),
    [
        ("int32", pd.Series([1.0, 2.0]), [1, 2]),
        ("int32", pd.Series([1.0, np.nan]), [1, None]),
        ("int32", pd.Series([True, False]), [1, 0]),
        ("int32", pd.Series(["1", "2"]), [1, 2]),
        ("float64", pd.Series([1, 2**53 + 1]), [1.0, float(2**53 + 1)]),
        ("decimal(5,1)", pd.Series([1.25, 2]), [Decimal("1.3"), Decimal("2.0")]),
        ("date", pd.to_datetime(pd.Series(["2026-01-02"])), [dt.date(2026, 1, 2)]),
        ("datetime", pd.Series([MOMENT]).astype("datetime64[ns]"), [MOMENT]),
        ("datetime", pd.Series(pd.DatetimeIndex([MOMENT], tz="Etc/GMT-1")), [MOMENT - dt.timedelta(hours=1)]),
        ("text", pd.Series(["x", "y"], dtype="category"), ["x", "y"]),
        ("text", pd.Series([1, 2]), ["1", "2"]),
        ("text", pd.Series(["x", np.nan], dtype=object), ["x", None]),
        ("bool", pd.Series([0, 1]), [False, True]),
    ],
)
def test_a_column_of_pandas_is_brought_to_the_type(type_: str, series: object, expected: list[object]) -> None:
    assert pandas_column(series, attribute(type_), PLACE).to_pylist() == expected


def test_nan_of_pandas_is_missing_unless_a_number_is_required() -> None:
    nan = pd.Series(["x", np.nan], dtype=object)
    assert pandas_column(nan, attribute("text", nullable=False), PLACE).to_pylist() == ["x", None]
    floats = pandas_column(pd.Series([1, np.nan]), attribute("float64", nullable=False), PLACE)
    assert np.isnan(floats[1].as_py())


def test_a_column_of_numpy_is_brought_to_the_type() -> None:
    structured = np.zeros(2, dtype=[("a", ">i2"), ("b", "M8[h]"), ("c", "f2"), ("d", "f4", (3,)), ("e", "U4")])
    heading = {"a": "int32", "b": "datetime", "c": "float64", "d": "<array float32(3,)>", "e": "varchar(9)"}
    columns = {name: numpy_column(structured[name], attribute(type_), PLACE) for name, type_ in heading.items()}
    assert {name: str(column.type) for name, column in columns.items()} == {
        name: str(attribute(type_).parsed_type.arrow) for name, type_ in heading.items()
    }
    assert columns["b"].to_pylist() == [dt.datetime(1970, 1, 1)] * 2


def test_nan_of_polars_is_missing_only_where_the_attribute_is_nullable() -> None:
    series = pl.Series([0.5, float("nan")])
    assert polars_column(series, attribute("float64"), PLACE).to_pylist() == [0.5, None]
    assert np.isnan(polars_column(series, attribute("float64", nullable=False), PLACE)[1].as_py())
    objects = pl.Series([{"x": 1}, None], dtype=pl.Object)
    assert polars_column(objects, attribute("json"), PLACE).storage.to_pylist() == ['{"x": 1}', None]


@pytest.mark.parametrize(
    ("nanoseconds", "microseconds"),
    [(1_499, 1), (1_500, 2), (-1_499, -1), (-1_500, -1), (-1_501, -2), (2**63 - 1, 9_223_372_036_854_776)],
)
def test_nanoseconds_are_rounded_with_a_notice(nanoseconds: int, microseconds: int) -> None:
    expected = [dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=microseconds), None]
    typed = np.array([nanoseconds, "NaT"], "datetime64[ns]")
    readers: tuple[Callable[[], pa.Array], ...] = (
        lambda: arrow_column([np.datetime64(nanoseconds, "ns"), None], attribute("datetime"), PLACE),
        lambda: arrow_column([pd.Timestamp(nanoseconds), pd.NaT], attribute("datetime"), PLACE),
        lambda: numpy_column(typed, attribute("datetime"), PLACE),
        lambda: pandas_column(pd.Series(typed), attribute("datetime"), PLACE),
        lambda: pandas_column(pd.Series(typed).dt.tz_localize("UTC"), attribute("datetime"), PLACE),
        lambda: polars_column(pl.Series(typed), attribute("datetime"), PLACE),
    )
    for read in readers:
        with pytest.warns(lv.LevadaWarning, match="Nanoseconds were rounded"):
            column = read()
        assert column.to_pylist() == expected
    if 0 <= nanoseconds < 10**9:
        for span in (np.timedelta64(nanoseconds, "ns"), pd.Timedelta(nanoseconds, "ns")):
            with pytest.warns(lv.LevadaWarning, match="Nanoseconds were rounded"):
                column = arrow_column([span], attribute("time"), PLACE)
            assert column.to_pylist() == [dt.time(0, 0, 0, microseconds)]


class Side(str, enum.Enum):  # noqa: UP042  # so that `str` of a member is not its value
    LEFT = "left"


@pytest.mark.parametrize(
    ("type_", "values", "expected"),
    [
        ("text", [Side.LEFT, 5], ["left", "5"]),
        ("decimal(38,18)", ["1" * 20 + "." + "9" * 18], [Decimal("1" * 20 + "." + "9" * 18)]),
        ("json", [np.float32(0.5), {"a": [np.int8(1)]}], ["0.5", '{"a": [1]}']),
        ("json", ["\\u0000", "ü"], ['"\\\\u0000"', '"ü"']),
        ("int64", ["5", np.True_], [5, 1]),
        ("<array int16(1,)>", [[5], np.array([6.0]), None], [[5], [6], None]),
        ("<array float16(1,)>", [[1e-9]], [[0.0]]),
    ],
)
def test_values_of_mixed_kinds_are_converted_converted(type_: str, values: list[Any], expected: list[Any]) -> None:
    column = arrow_column(values, attribute(type_), PLACE)
    assert (column.storage if isinstance(column, pa.ExtensionArray) else column).to_pylist() == expected


OUT = lv.errors.ValueOutOfRange
WRONG = lv.errors.WrongValue


@pytest.mark.parametrize(
    ("type_", "value", "error", "message"),
    [
        ("int64", Decimal("1e999999999"), OUT, "past the range of int64"),
        ("int64", "1e999999999", OUT, "past the range of int64"),
        ("int8", np.int64(300), OUT, "300 is outside -128 … 127"),
        ("int8", float("nan"), OUT, "nan is not a whole number"),
        ("int8", b"5", WRONG, "b'5' is not a valid int8"),
        ("text", "\ud800", WRONG, "text with a lone surrogate"),
        ("text", b"x", WRONG, "b'x' is not a valid text"),
        ("date", "yesterday", WRONG, "'yesterday' is not a valid date"),
        ("timestamptz", dt.time(1), WRONG, "is not a valid timestamptz"),
        ("uuid", "not a uuid", WRONG, "'not a uuid' is not a valid uuid"),
        ("uuid", b"x", WRONG, "is not a valid uuid"),
        ("decimal(5,2)", "1000", OUT, "more digits before the point"),
        ("decimal(5,2)", Decimal("999.999"), OUT, "more digits than"),
        ("decimal(5,2)", "one", WRONG, "'one' is not a valid decimal"),
        ("json", {"when": MOMENT}, WRONG, "a datetime within JSON"),
        ("json", [float("inf")], WRONG, "is not a valid json"),
        ("json", {"a": "\ud800"}, WRONG, "text with a lone surrogate"),
        ("json", {"a": "\\\0"}, WRONG, "the character NUL within JSON"),
        ("float32", 1e39, OUT, "past the range of float32"),
        ("<blob>", {"units": [print]}, WRONG, r"attribute `a`\['units'\]\[0\]: a builtin"),
        ("<array float32(1,)>", [1e300], OUT, "outside the range of float32"),
        ("<array int8(1,)>", [float("nan")], WRONG, "does not fit"),
        ("<array float64(1,)>", [1j], WRONG, "no imaginary part"),
        ("<array float32(1,)>", [2**24 + 1], WRONG, "without loss"),
        ("<array float32(1,)>", ["x"], WRONG, "is not a valid <array"),
        ("<array float32(2,)>", [[1], [2, 3]], WRONG, "is not a valid <array"),
        ("<array float32(1,)>", np.ma.masked_array([1.0], [True]), WRONG, "masked array"),
        ("<array float32(1,)>", [None], WRONG, "does not fit|is not a valid <array"),
    ],
)
def test_what_does_not_fit_is_named(type_: str, value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(lv.errors.WrongValue, match=message) as caught:
        arrow_column([None, value], attribute(type_), PLACE)
    assert type(caught.value) is error
    assert str(caught.value).startswith("`Pair`, row 6, attribute `a`")
    assert caught.value.details["row"] == "6"


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, lambda columns: pd.DataFrame(columns).to_records()])
@pytest.mark.parametrize(
    ("type_", "values", "message"),
    [
        ("int8", [1, 300], "row 1, attribute `a`: 300 is outside"),
        ("int8", [1.0, 2.5], "row 1, attribute `a`: 2.5 is not a whole number"),
        ("int8", [1.0, float("nan")], "row 1, attribute `a`: nan is not a whole number"),
        ("float32", [1.0, 1e300], "row 1, attribute `a`: 1e[+]300 is past the range"),
        ("date", [dt.datetime(2026, 1, 1), MOMENT], "row 1, attribute `a`: 2026-01-02 .* has a time of day"),
        ("date", ["2026-01-01", "soon"], "row 1, attribute `a`: 'soon' is not a valid date"),
        ("uuid", ["x"], "row 0, attribute `a`: 'x' is not a valid uuid"),
    ],
)
def test_what_does_not_fit_in_a_frame_is_named(
    library: Callable[[object], object], type_: str, values: list[Any], message: str
) -> None:
    heading = lv.Heading({"a": attribute(type_, nullable=False)})
    with pytest.raises(lv.errors.WrongValue, match=message):
        read_rows(library({"a": values}), heading, "Pair", ignore_extra_fields=True).table()
