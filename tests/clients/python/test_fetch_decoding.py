"""Columns of a result as Python, NumPy, pandas and polars hold them."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import levada as lv
from levada._query import fetching
from levada._query.fetching import PieceReader

if TYPE_CHECKING:
    from collections.abc import Generator

TESTS = ("levada._query.fetching",)

TENSOR = pa.fixed_shape_tensor(pa.float32(), (2,))
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 6)


def _extension(type_: pa.DataType, values: list[Any]) -> pa.Array:
    return pa.ExtensionArray.from_storage(type_, pa.array(values, type_.storage_type))


COLUMNS: dict[str, tuple[str, pa.Array]] = {
    "key": ("int16", pa.array([1, 2], pa.int16())),
    "i": ("int32", pa.array([1, None], pa.int32())),
    "f": ("float32", pa.array([0.5, None], pa.float32())),
    "ok": ("bool", pa.array([True, None])),
    "d": ("decimal(5,2)", pa.array([Decimal("1.50"), None], pa.decimal128(5, 2))),
    "t": ("varchar(5)", pa.array(["x", None])),
    "e": ("enum('p', 'q')", pa.array(["q", None]).dictionary_encode()),
    "day": ("date", pa.array([MOMENT.date(), None])),
    "clock": ("time", pa.array([MOMENT.time(), None], pa.time64("us"))),
    "at": ("datetime", pa.array([MOMENT, None], pa.timestamp("us"))),
    "tz": ("timestamptz", pa.array([MOMENT, None], pa.timestamp("us", "UTC"))),
    "u": ("uuid", _extension(pa.uuid(), [UUID(int=5).bytes, None])),
    "j": ("json", _extension(pa.json_(), ['{"k": [1]}', None])),
    "raw": ("bytes", pa.array([b"x", None])),
    "b": ("<blob>", pa.array([lv.blob.pack({"x": 1}), None])),
    "a": ("<array float32(2,)>", _extension(TENSOR, [[1, 2], None])),
}
FIRST = {
    "key": 1,
    "i": 1,
    "f": 0.5,
    "ok": True,
    "d": Decimal("1.50"),
    "t": "x",
    "e": "q",
    "day": MOMENT.date(),
    "clock": MOMENT.time(),
    "at": MOMENT,
    "tz": MOMENT.replace(tzinfo=dt.UTC),
    "u": UUID(int=5),
    "j": {"k": [1]},
    "raw": b"x",
    "b": {"x": 1},
}


@pytest.fixture
def table() -> pa.Table:
    fields = [
        pa.field(name, array.type, nullable=name != "key", metadata={"levada.type": type_})
        for name, (type_, array) in COLUMNS.items()
    ]
    schema = pa.schema(fields, metadata={"levada.primary_key": "key"})
    return pa.Table.from_arrays([array for _, array in COLUMNS.values()], schema=schema)


def test_dictionaries_hold_plain_values_in_heading_order(table: pa.Table) -> None:
    first, second = fetching.to_dicts(table)
    assert list(first) == list(COLUMNS)
    array = first.pop("a")
    assert first == FIRST
    assert [type(value) for value in first.values()] == [type(value) for value in FIRST.values()]
    assert array.dtype == np.float32
    assert array.tolist() == [1, 2]
    assert second == {**dict.fromkeys(COLUMNS), "key": 2}


def test_arrays_have_wide_numbers_and_objects_for_the_rest(table: pa.Table) -> None:
    records = fetching.to_records(table)
    dtypes = {name: records.dtype[name] for name in COLUMNS}
    assert dtypes["key"] == np.int64
    assert dtypes["f"] == np.float64
    assert {name for name, dtype in dtypes.items() if dtype.kind == "O"} == set(COLUMNS) - {"key", "f"}
    assert np.isnan(records.f[1])
    assert records.i[1] is None
    assert records.u[0] == UUID(int=5)


def test_columns_without_missing_values_become_typed_arrays(table: pa.Table) -> None:
    records = fetching.to_records(table.slice(0, 1))
    assert (records.i.dtype, records.ok.dtype) == (np.int64, np.bool_)
    assert records["a"].shape == (1, 2)
    assert records["a"].dtype == np.float32
    records["a"][0] = 5  # fetched arrays are writable


def test_a_slice_of_arrays_keeps_its_rows() -> None:
    column = pa.chunked_array([_extension(TENSOR, [[1, 2], [3, 4], [5, 6]]).slice(1), _extension(TENSOR, [[7, 8]])])
    field = pa.field("a", TENSOR, metadata={"levada.type": "<array float32(2,)>"})
    rows = fetching.to_dicts(pa.Table.from_arrays([column], schema=pa.schema([field])))
    assert [row["a"].tolist() for row in rows] == [[3, 4], [5, 6], [7, 8]]


def test_a_data_frame_has_the_key_as_index(table: pa.Table) -> None:
    frame = fetching.to_pandas(table)
    assert frame.index.names == ["key"]
    assert frame.index.dtype == np.int64
    assert (frame["i"].dtype, frame["ok"].dtype, frame["f"].dtype) == ("Int64", "boolean", "float32")
    assert frame["i"].isna().tolist() == [False, True]
    assert frame["at"].dtype == "datetime64[us]"
    assert frame["tz"].dtype == "datetime64[us, UTC]"
    assert frame["t"].tolist()[0] == "x"
    assert frame.loc[1, "b"] == {"x": 1}
    assert frame["day"].dtype == "datetime64[us]"
    assert frame.loc[1, "day"] == pd.Timestamp(MOMENT.date())
    assert list(fetching.to_pandas(table.slice(0, 1)).dtypes) == list(frame.dtypes)


def test_an_older_data_frame_has_the_types_of_its_values(table: pa.Table) -> None:
    frame, whole = fetching.to_frame(table), fetching.to_frame(table.slice(0, 1))
    assert (frame["i"].dtype, frame["f"].dtype, frame["day"].dtype) == ("Int64", "float64", "object")
    assert (whole["i"].dtype, whole["ok"].dtype) == ("int64", "bool")
    assert frame.loc[1, "day"] == MOMENT.date()


def test_polars_keeps_the_width_of_numbers(table: pa.Table) -> None:
    frame = fetching.to_polars(table)
    assert frame.columns == list(COLUMNS)
    assert [frame[n].dtype for n in ("key", "i", "f")] == [pl.Int16(), pl.Int32(), pl.Float32()]
    assert frame["u"].to_list() == [str(UUID(int=5)), None]
    assert frame["t"].to_list() == ["x", None]
    assert frame["b"][0] == {"x": 1}


def test_an_empty_result_has_full_types(table: pa.Table) -> None:
    empty = table.slice(0, 0)
    assert fetching.to_dicts(empty) == []
    assert fetching.to_pandas(empty)["i"].dtype == "Int64"
    assert fetching.to_records(empty).dtype["a"].shape == (2,)
    assert fetching.to_polars(empty)["i"].dtype == pl.Int32


def test_one_entity_without_attributes_is_one_row() -> None:
    batch = pa.RecordBatch.from_struct_array(pa.array([{}], pa.struct([])))
    assert fetching.to_dicts(batch) == [{}]


def test_arrays_are_squeezed_on_request() -> None:
    field = pa.field("b", pa.binary(), metadata={"levada.type": "<blob>"})
    table = pa.Table.from_arrays([pa.array([lv.blob.pack(np.ones((1, 3, 1)))])], schema=pa.schema([field]))
    assert fetching.to_dicts(table)[0]["b"].shape == (1, 3, 1)
    assert fetching.to_dicts(table, squeeze=True)[0]["b"].shape == (3,)


@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 100_000])
def test_pieces_of_any_size_are_one_stream(piece_bytes: int, table: pa.Table) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
        writer.write_table(table)
    content = sink.getvalue()
    pieces = (content[start : start + piece_bytes] for start in range(0, len(content), piece_bytes))
    read = pa.ipc.open_stream(pa.PythonFile(PieceReader(pieces), "r")).read_all()
    assert read.equals(pa.concat_tables([table, table]))


def test_the_first_batch_is_there_before_the_stream_ends(table: pa.Table) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
        first_end = sink.tell()

    def pieces() -> Generator[bytes, None, None]:
        yield sink.getvalue()[:first_end]
        raise ConnectionError("cut")

    reader = pa.ipc.open_stream(pa.PythonFile(PieceReader(pieces()), "r"))
    assert reader.read_next_batch().num_rows == 2
    with pytest.raises(ConnectionError, match="cut"):
        reader.read_next_batch()


def test_pandas_and_dictionaries_agree(table: pa.Table) -> None:
    frame = fetching.to_pandas(table)
    for name in ("t", "e", "u", "j", "raw", "d"):
        assert [None if value is pd.NA or value != value else value for value in frame[name]] == [FIRST[name], None]


def test_a_damaged_blob_is_named_by_attribute_and_row() -> None:
    field = pa.field("trace", pa.binary(), metadata={"levada.type": "<blob>"})
    table = pa.Table.from_arrays([pa.array([lv.blob.pack(1), None, b"mYm\0broken"])], schema=pa.schema([field]))
    for read in (fetching.to_dicts, fetching.to_records, fetching.to_pandas, fetching.to_polars):
        with pytest.raises(lv.errors.WrongValue, match="Attribute `trace`: row 2 of the result: The blob") as caught:
            read(table)
        assert caught.value.details["row"] == "2"
