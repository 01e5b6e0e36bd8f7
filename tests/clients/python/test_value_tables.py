"""Tables within values come back as tables of the same library."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv
from levada_api.v1 import value_pb2 as pb
from tests.support.values import same

MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 6)
FRAME = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None]})
PANDAS: dict[str, pd.DataFrame] = {
    "plain": FRAME,
    "empty": pd.DataFrame(),
    "no rows": FRAME.iloc[:0],
    "no columns": pd.DataFrame(index=pd.RangeIndex(3)),
    "numbers": pd.DataFrame({t: np.arange(3).astype(t) for t in ("int8", "uint64", "float32", "bool", "complex128")}),
    "nullable": pd.DataFrame({t: pd.array([1, None], dtype=t) for t in ("Int64", "UInt8", "Float32", "boolean")}),
    "text": pd.DataFrame({"s": pd.array(["x", None], dtype="string")}),
    "times": pd.DataFrame({"n": pd.to_datetime(["2026-01-01", None]).as_unit("ns"), "d": pd.to_timedelta([1, 2], "s")}),
    "zone": pd.DataFrame({"z": pd.DatetimeIndex([MOMENT, None], tz="Europe/Lisbon")}),
    "objects": pd.DataFrame({"o": pd.Series([{"x": (1, None)}, np.arange(2)], dtype=object)}),
    "duplicate names": pd.DataFrame([[1, "x"]], columns=["a", "a"]),
    "index": FRAME.set_index("a"),
    "nameless index": pd.DataFrame({"a": [1]}, index=["x"]),
    "shifted index": FRAME.iloc[1:].set_index(np.array([7])),
    "levels": pd.DataFrame({"v": [1.5]}, index=pd.MultiIndex.from_tuples([(1, MOMENT)], names=["i", None])),
}


@pytest.mark.parametrize("frame", PANDAS.values(), ids=PANDAS)
def test_a_data_frame_of_pandas_comes_back(frame: pd.DataFrame) -> None:
    assert same(lv.blob.unpack(lv.blob.pack({"frame": frame}))["frame"], frame)


ARROW: dict[str, tuple[pa.DataType, list[Any]]] = {
    "int": (pa.int16(), [1, -2]),
    "missing": (pa.uint64(), [1, None, 2**64 - 1]),
    "half": (pa.float16(), [np.float16(0.5)]),
    "bool": (pa.bool_(), [True, None]),
    "text": (pa.large_utf8(), ["x", None, ""]),
    "binary": (pa.binary(2), [b"ab", None]),
    "decimal": (pa.decimal128(5, 2), [Decimal("1.50"), None]),
    "date": (pa.date32(), [dt.date(2026, 1, 2), None]),
    "date64": (pa.date64(), [dt.date(2026, 1, 2), None]),
    "time": (pa.time64("us"), [dt.time(1, 2, 3), None]),
    "moment": (pa.timestamp("ns"), [5, None]),
    "zone": (pa.timestamp("us", "Europe/Lisbon"), [MOMENT, None]),
    "span": (pa.duration("s"), [dt.timedelta(seconds=5), None]),
    "list": (pa.list_(pa.int8()), [[1, None], None, []]),
    "struct": (pa.struct({"a": pa.int8(), "b": pa.utf8()}), [{"a": 1, "b": "x"}, None]),
    "words": (pa.dictionary(pa.int32(), pa.utf8()), ["b", "a", None, "b"]),
    "null": (pa.null(), [None, None]),
}


@pytest.mark.parametrize("name", ARROW)
def test_a_table_of_arrow_comes_back(name: str) -> None:
    type_, values = ARROW[name]
    for given in (values, []):
        schema = pa.schema([pa.field(name, type_, metadata={"k": "v"})], metadata={"made": "here"})
        table = pa.Table.from_arrays([pa.array(given, type_)], schema=schema)
        assert same(lv.blob.unpack(lv.blob.pack(table)), table)
    assert lv.blob.unpack(lv.blob.pack(table.to_batches()[0] if table.num_rows else table)).equals(table)


def test_columns_of_extension_types_come_back() -> None:
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16), None], pa.binary(16)))
    table = pa.table({"u": pa.chunked_array([uuids, uuids])})
    assert lv.blob.unpack(lv.blob.pack(table)).equals(table)


def test_a_data_frame_of_polars_comes_back() -> None:
    frame = pl.DataFrame(
        {
            "i": pl.Series([1, None], dtype=pl.Int16),
            "s": ["x", None],
            "t": pl.Series([MOMENT, None], dtype=pl.Datetime("us", "UTC")),
            "d": [Decimal("1.5"), None],
            "l": [[1, 2], None],
            "st": [{"a": 1}, {"a": None}],
            "e": pl.Series(["b", "a"], dtype=pl.Enum(["a", "b", "c"])),
            "c": pl.Series(["b", "a"], dtype=pl.Categorical),
            "clock": [dt.time(1, 2), None],
            "b": [b"x", None],
        }
    )
    for value in (frame, frame.clear(), pl.DataFrame()):
        assert same(lv.blob.unpack(lv.blob.pack(value)), value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pd.DataFrame([[1]], columns=[5]), "column 5 is not named by text"),
        (pd.DataFrame({"c": pd.Categorical(["x"])}), r"value\['c'\]: a column of category cannot be stored"),
        (pd.DataFrame({"a": [1]}, index=pd.Index([1], name=3)), "index 3 is not named by text"),
        (pd.DataFrame({"f": [print]}), r"value\['f'\]\[0\]: a builtin_function_or_method"),
        (pl.DataFrame({"o": [object()]}), r"value\['o'\]: a column of objects"),
        (pa.table({"a": [1]}).to_reader(), r"value: a stream of batches; store reader.read_all\(\)"),
    ],
)
def test_what_a_table_cannot_store_is_named_by_its_path(value: object, message: str) -> None:
    with pytest.raises(lv.errors.WrongValue, match=message):
        lv.blob.pack(value)


def test_a_table_of_matlab_is_read_as_a_data_frame() -> None:
    table = pb.Columns(names=["x", "who"])
    table.columns.add().tensor.CopyFrom(pb.Tensor(dtype="float64", shape=[2], elements=np.array([1.5, 2]).tobytes()))
    table.columns.add().list.values.extend([pb.Value(text="Ann"), pb.Value(text="Bob")])
    frame = lv.blob.unpack(b"lv1\0" + pb.Value(table=table).SerializeToString())
    assert same(frame, pd.DataFrame({"x": [1.5, 2], "who": ["Ann", "Bob"]}))


@pytest.mark.parametrize("value", [FRAME, pl.DataFrame({"a": [1]})], ids=["pandas", "polars"])
def test_a_library_that_is_missing_is_named(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = lv.blob.pack(value)
    library = type(value).__module__.partition(".")[0]
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(lv.errors.WrongValue, match=f"pip install {library}"):
        lv.blob.unpack(blob)
