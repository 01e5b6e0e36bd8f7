"""Rows of every form become typed columns; an error names the row and the attribute."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv
from levada._query.fetching import to_dicts
from levada._values.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._values.rows import Rows

TESTS = ("levada._query.fetching",)


def heading(**types: str) -> lv.Heading:
    """Make a heading; a type that ends in `?` is nullable."""
    return lv.Heading(
        {
            name: lv.Attribute(name, spelling.removesuffix("?"), False, spelling.endswith("?"), None, "", False, "")
            for name, spelling in types.items()
        }
    )


PAIR = heading(a="int32", b="varchar(10)?")
ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def read(rows: object, head: lv.Heading = PAIR, *, ignore: bool = False) -> Rows:
    return read_rows(rows, head, "Pair", ignore_extra_fields=ignore)


def column(type_: str, *values: object) -> list[Any]:
    """Bring values to a type and back to Python, as the server would give them."""
    head = heading(a=type_)
    table = read([{"a": value} for value in values], head).table()
    fields = [table.schema.field(0).with_metadata({"levada.type": type_})]
    return [row["a"] for row in to_dicts(table.cast(pa.schema(fields)))]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        iter(ROWS),
        [(1, "x"), [2, None]],
        [np.array([1, "x"], dtype=object), (2, None)],
        np.array([(1, "x"), (2, None)], dtype=[("a", int), ("b", object)]),
        list(np.array([(1, "x"), (2, None)], dtype=[("a", int), ("b", object)])),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"b": ["x", None]}, index=pd.Index([1, 2], name="a")),
        pd.DataFrame({"b": ["x", None], "a": [1, 2]}, index=[7, 8]),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pa.table({"a": [1, 2], "b": ["x", None]}),
        pa.record_batch({"a": [1, 2], "b": ["x", None]}),
        pa.table({"a": [1, 2], "b": ["x", None]}).to_reader(),
    ],
)
def test_rows_of_every_form_give_the_same_columns(rows: object) -> None:
    assert read(rows).table().to_pylist() == ROWS


def test_a_csv_file_is_read_with_empty_cells_as_missing(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('a,b,c,w,j\n1,x,y,0.5,"{""k"": [1]}"\n\n2,,,,\n', encoding="utf-8")
    head = heading(a="int32", b="varchar(10)?", c="varchar(10)", w="float64?", j="json?")
    for path in (file, str(file)):
        table = read(path, head).table()
        assert table["a"].to_pylist() == [1, 2]
        assert table["b"].to_pylist() == ["x", None]
        assert table["c"].to_pylist() == ["y", ""]
        assert table["w"].to_pylist() == [0.5, None]
        assert json.loads(table["j"].chunk(0).storage.to_pylist()[0]) == {"k": [1]}


def test_fields_may_differ_from_row_to_row() -> None:
    rows = read([{"a": 1}, {"a": 2, "b": "y"}])
    assert rows.table().to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "y"}]


def test_an_attribute_that_no_row_has_is_left_out() -> None:
    assert read([{"a": 1}, {"a": 2}]).schema.names == ["a"]


def test_no_rows_are_no_batches() -> None:
    assert list(read([]).batches) == []
    assert list(read(pd.DataFrame()).batches) == []


def test_many_rows_are_cut_into_batches_and_taken_as_they_are_needed() -> None:
    taken = 0

    def rows() -> Iterator[dict[str, int]]:
        nonlocal taken
        for taken in itertools.count(1):
            yield {"a": taken}

    batches = read(rows()).batches
    first = next(batches)
    assert first.num_rows < taken <= 2 * first.num_rows
    assert next(batches)["a"][0].as_py() == first.num_rows + 1


def test_a_stream_of_pieces_is_one_arrow_stream() -> None:
    stream = b"".join(read({"a": i, "b": "x" * 5} for i in range(40_000)).ipc_pieces())
    table = pa.ipc.open_stream(stream).read_all()
    assert table.num_rows == 40_000
    assert table["a"].to_pylist() == list(range(40_000))


MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 678900)


@pytest.mark.parametrize(
    ("type_", "given", "expected"),
    [
        ("int32", [1, 2.0, "3", np.int8(4), True, Decimal(5), None], [1, 2, 3, 4, 1, 5, None]),
        ("uint8", [np.uint64(255)], [255]),
        ("float64", [1, "2.5", np.float32(0.5), Decimal("0.1"), None], [1.0, 2.5, 0.5, 0.1, None]),
        ("bool", [True, 0, "yes", np.bool_(False), None], [True, False, True, False, None]),
        ("decimal(6,2)", ["1.5", 2, 0.1, Decimal("1.005")], [Decimal(x) for x in ("1.50", "2.00", "0.10", "1.01")]),
        ("varchar(10)", ["x", 5, np.str_("y"), UUID(int=1).hex[:3], None], ["x", "5", "y", "000", None]),
        ("enum('a', 'b')", ["a", "b", None], ["a", "b", None]),
        ("date", [dt.date(2026, 1, 2), "2026-01-02", np.datetime64("2026-01-02")], [dt.date(2026, 1, 2)] * 3),
        ("date", [dt.datetime(2026, 1, 2), pd.Timestamp("2026-01-02"), pd.NaT], [*[dt.date(2026, 1, 2)] * 2, None]),
        ("time", ["01:02:03", dt.timedelta(hours=1)], [dt.time(1, 2, 3), dt.time(1)]),
        ("datetime", [MOMENT, "2026-01-02 03:04:05.6789", np.datetime64(MOMENT)], [MOMENT] * 3),
        ("datetime", ["2026-01-02T03:04:05.678900Z", pd.Timestamp(MOMENT)], [MOMENT] * 2),
        ("timestamptz", ["2026-01-02T04:04:05.6789+01:00", MOMENT], [MOMENT.replace(tzinfo=dt.UTC)] * 2),
        ("uuid", [UUID(int=5), str(UUID(int=5)), UUID(int=5).bytes, None], [*[UUID(int=5)] * 3, None]),
        ("json", [{"a": np.arange(2)}, "text", 1, None], [{"a": [0, 1]}, "text", 1, None]),
        ("bytes", [b"x", bytearray(b"y"), None], [b"x", b"y", None]),
        ("<blob>", [{"a": (1, 2)}, None], [{"a": (1, 2)}, None]),
    ],
)
def test_values_are_brought_to_the_type_of_their_attribute(
    type_: str, given: list[object], expected: list[object]
) -> None:
    found = column(type_, *given)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "complex64", "complex128"])
def test_arrays_of_fixed_shape_come_through(dtype: str) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    first, missing, second = column(f"<array {dtype}(2, 3)>", array, None, array.tolist())
    assert missing is None
    for found in (first, second):
        assert found.dtype == np.dtype(dtype)
        assert np.array_equal(found, array)


class Rude:
    """A value that cannot be written."""

    def __repr__(self) -> str:
        raise ValueError

    __str__ = __repr__


def nested_list(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("type_", "value", "error"),
    [
        ("int8", 200, lv.errors.ValueOutOfRange),
        ("int32", 1.5, lv.errors.ValueOutOfRange),
        ("int32", float("nan"), lv.errors.ValueOutOfRange),
        ("int32", "many", lv.errors.WrongValue),
        ("float32", 1e300, lv.errors.ValueOutOfRange),
        ("float64", "heavy", lv.errors.WrongValue),
        ("bool", 2, lv.errors.ValueOutOfRange),
        ("decimal(4,2)", 100, lv.errors.ValueOutOfRange),
        ("varchar(5)", b"x", lv.errors.WrongValue),
        ("varchar(5)", float("nan"), lv.errors.WrongValue),
        ("date", MOMENT, lv.errors.ValueOutOfRange),
        ("date", "soon", lv.errors.WrongValue),
        ("datetime", 5, lv.errors.WrongValue),
        ("uuid", "x", lv.errors.WrongValue),
        ("json", float("nan"), lv.errors.WrongValue),
        ("json", object(), lv.errors.WrongValue),
        ("json", np.longdouble(1) / 3, lv.errors.WrongValue),
        ("json", nested_list(100_000), lv.errors.WrongValue),
        pytest.param("int64", 10**5_000, lv.errors.ValueOutOfRange, id="a long number"),
        ("int64", Rude(), lv.errors.WrongValue),
        ("varchar(5)", Rude(), lv.errors.WrongValue),
        ("varchar(5)", "\ud800", lv.errors.WrongValue),
        ("varchar(5)", Path("\ud800"), lv.errors.WrongValue),
        ("bytes", "x", lv.errors.WrongValue),
        ("<blob>", print, lv.errors.WrongValue),
        ("<array float32(2,)>", [1, 2, 3], lv.errors.WrongValue),
        ("<array int8(1,)>", [300], lv.errors.ValueOutOfRange),
        ("<array int8(1,)>", [0.5], lv.errors.WrongValue),
    ],
)
def test_a_wrong_value_names_its_row_and_attribute(type_: str, value: object, error: type[Exception]) -> None:
    rows = itertools.chain([{"a": None}], [{"a": value}])
    with pytest.raises(lv.errors.WrongValue, match=r"`Pair`, row 1, attribute `a`: ") as caught:
        read(rows, heading(a=type_)).table()
    assert type(caught.value) is error
    assert caught.value.details == {"table": "Pair", "attribute": "a", "row": "1"}


def test_rows_of_a_later_batch_are_counted_from_the_first() -> None:
    rows = ({"a": i if i < 20_000 else "x"} for i in range(20_001))
    with pytest.raises(lv.errors.WrongValue, match="row 20000"):
        read(rows).table()


def test_unknown_fields_are_named_unless_they_are_ignored() -> None:
    for rows in ([{"a": 1}, {"a": 2, "c": 3}], pd.DataFrame({"a": [1, 2], "c": [0, 3]}), pa.table({"c": [1]})):
        with pytest.raises(lv.errors.UnknownAttributeError, match="no attribute `c`; there are a, b"):
            read(rows).table()
    assert read([{"a": 1, "c": 3}], ignore=True).table().to_pylist() == [{"a": 1}]


def test_two_columns_of_one_name_are_refused() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    for rows in (twice, pd.DataFrame([[1, 2]], columns=["a", "a"])):
        with pytest.raises(lv.errors.InvalidRequest, match="two columns of the rows are called `a`"):
            read(rows)


def test_a_sequence_of_another_length_is_refused() -> None:
    with pytest.raises(lv.errors.InvalidRequest, match=r"row 1: 3 values for 2 attributes \(a, b\)"):
        read([(1, "x"), (2, "y", 3)])


@pytest.mark.parametrize("rows", [{"a": 1}, 5, [5], ["row"]])
def test_what_holds_no_rows_is_refused(rows: object) -> None:
    with pytest.raises(lv.errors.InvalidRequest):
        read(rows)


def test_nan_of_a_data_frame_is_missing_only_where_the_attribute_is_nullable() -> None:
    frame = pd.DataFrame({"f": [0.5, np.nan], "g": [0.5, np.nan], "n": [1, np.nan]})
    rows = read(frame, heading(f="float64", g="float64?", n="int32?")).table()
    assert np.isnan(rows["f"][1].as_py())
    assert (rows["g"][1].as_py(), rows["n"].to_pylist()) == (None, [1, None])
    with pytest.raises(lv.errors.ValueOutOfRange, match="row 1, attribute `n`"):
        read(frame[["n"]], heading(n="int32")).table()


def test_nan_in_a_mapping_stays_nan() -> None:
    assert np.isnan(read([{"f": np.nan}], heading(f="float64?")).table()["f"][0].as_py())


def test_blobs_of_an_arrow_table_are_encoded_once() -> None:
    head = heading(x="<blob>")
    plain = pa.table({"x": [[1, 2], [3]]})
    encoded = read(plain, head).table()["x"].to_pylist()
    assert [lv.blob.unpack(blob) for blob in encoded] == [[1, 2], [3]]
    stored = pa.Table.from_arrays(
        [pa.array([lv.blob.pack(5)])],
        schema=pa.schema([pa.field("x", pa.binary(), metadata={"levada.type": "<blob>"})]),
    )
    assert read(stored, head).table()["x"].to_pylist() == [lv.blob.pack(5)]


def test_a_singleton_table_takes_a_row_without_columns() -> None:
    batches = list(read([{}], heading()).batches)
    assert [batch.num_rows for batch in batches] == [1]


def test_columns_that_arrow_keeps_in_chunks_are_read_whole() -> None:
    """It cuts NumPy's texts after 16 MB, and joined frames stay in their parts."""
    head = heading(a="int32", b="varchar(250)", c="date?")
    structured = np.zeros(90_000, dtype=[("a", "i4"), ("b", "U200"), ("c", "M8[D]")])
    structured["a"] = np.arange(90_000)
    structured["b"] = "x" * 200
    assert isinstance(pa.array(structured["b"]), pa.ChunkedArray)
    table = read(structured, head).table()
    assert table["b"].to_pylist() == ["x" * 200] * 90_000
    assert table["a"].to_pylist() == list(range(90_000))
    part = pd.DataFrame({"a": [1], "b": pd.array(["x"], dtype=pd.ArrowDtype(pa.string()))})
    label = pd.DataFrame({"a": [2], "b": pd.array(["y"], dtype=pd.ArrowDtype(pa.string()))})
    joined = pd.concat([part, label], ignore_index=True)
    assert isinstance(pa.array(joined["b"]), pa.ChunkedArray)
    assert read(joined).table().to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    encoded = joined.astype({"b": pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))})
    assert read(encoded).table()["b"].to_pylist() == ["x", "y"]
    frame = pl.concat([pl.DataFrame({"a": [1], "b": ["x"]}), pl.DataFrame({"a": [2], "b": ["y"]})], rechunk=False)
    assert read(frame).table()["b"].to_pylist() == ["x", "y"]


def test_a_wrong_value_in_a_later_chunk_is_named() -> None:
    parts = [pd.DataFrame({"a": pd.array([a], dtype=pd.ArrowDtype(pa.int64()))}) for a in (1, 2**40)]
    joined = pd.concat(parts, ignore_index=True)
    with pytest.raises(lv.errors.ValueOutOfRange, match="row 1, attribute `a`"):
        read(joined)
