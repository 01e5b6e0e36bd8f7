"""Stored values that would end or fill the process that reads them are refused."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import levada as lv
from levada._values.blob import MAX_ROW_BYTES, decode_blob, encode_blob
from levada_api.v1 import value_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = ("levada._objects.fetched_handles", "levada._values.blob")

MEGABYTES = 2**20


def table(arrow: pa.DataType, values: Sequence[pb.Value]) -> bytes:
    """A stored table of one column."""
    schema = pa.schema([pa.field("a", arrow)]).serialize().to_pybytes()
    column = pb.Value(list=pb.Sequence(values=values))
    columns = pb.Columns(names=["a"], columns=[column], library="arrow", arrow_schema=schema)
    return b"lv1\0" + pb.Value(table=columns).SerializeToString()


BAD = pa.decimal128(2, 67_108_865)
TYPES = {
    "a decimal": BAD,
    "a list": pa.list_(BAD),
    "a struct": pa.struct({"b": BAD}),
    "a map": pa.map_(pa.utf8(), BAD),
    "a dictionary": pa.dictionary(pa.int8(), BAD),
    "a tensor": pa.fixed_shape_tensor(BAD, [1]),
    "a list view": pa.list_view(BAD),
    "256 bits": pa.decimal256(2, -(2**31)),
    "32 bits": pa.decimal32(2, 3),
}


@pytest.mark.parametrize("value", [pb.Value(decimal="1.5"), pb.Value(integer=5), pb.Value(null="NULL_VALUE")], ids=str)
@pytest.mark.parametrize("arrow", TYPES.values(), ids=TYPES.keys())
def test_a_stored_table_with_an_impossible_decimal_is_refused(arrow: pa.DataType, value: pb.Value) -> None:
    # In this process: it would end all the tests.
    with pytest.raises(lv.errors.WrongValue, match="which is not read"):
        decode_blob(table(arrow, [value]))


def test_a_fetch_of_such_a_table_leaves_the_process_alive() -> None:
    program = f"import levada.blob as b; b.unpack({table(BAD, [pb.Value(decimal='1.5')])!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "WrongValue" in done.stderr


@pytest.mark.parametrize(
    "arrow", [pa.list_(pa.int64(), 2**28), pa.binary(2**27), pa.list_(pa.null(), 2**31 - 1)], ids=str
)
def test_missing_values_of_a_large_fixed_size_are_refused(arrow: pa.DataType) -> None:
    with pytest.raises(lv.errors.WrongValue, match="would take more than"):
        decode_blob(table(arrow, [pb.Value(null="NULL_VALUE")] * 10))


def test_a_type_that_could_not_be_read_is_not_written() -> None:
    column = pa.Array.from_buffers(pa.decimal128(2, -1), 1, [None, pa.py_buffer(bytes(16))])
    with pytest.raises(lv.errors.WrongValue, match=r"\['a'\]: a column of decimal128\(2, -1\)"):
        encode_blob(pa.table({"a": column}))


def test_a_frame_that_stands_for_too_much_is_refused_before_it_is_read() -> None:
    large = b"lv1z" + pa.compress(bytes(MAX_ROW_BYTES + 1), codec="zstd", asbytes=True)
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(lv.errors.WrongValue, match=f"stands for {MAX_ROW_BYTES + 1} bytes"):
        decode_blob(large, MAX_ROW_BYTES)
    assert pa.default_memory_pool().max_memory() - before < 64 * MEGABYTES


def test_a_value_may_have_what_its_server_allows(connection: lv.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    @lv.Schema("lab", connection=connection)
    class Kept(lv.Manual):
        definition = """
        id : int64
        ---
        value : <blob>
        """

    Kept.insert1({"id": 1, "value": "x" * 5000})
    monkeypatch.setattr("levada._objects.fetched_handles.MAX_ROW_BYTES", 1000)  # as if servers had begun to allow more
    assert Kept.fetch1("value") == "x" * 5000


def test_a_frame_without_its_size_is_read_up_to_the_limit() -> None:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        for _ in range(65):
            stream.write(bytes(MEGABYTES))
    with pytest.raises(lv.errors.WrongValue, match="more than 67108864 bytes"):
        decode_blob(b"lv1z" + sink.getvalue().to_pybytes(), 64 * MEGABYTES)


DAMAGED = {
    "pandas' moments that are numbers": pb.Columns(
        library="pandas",
        names=["a"],
        types=["datetime64[ns, X]"],
        columns=[pb.Value(tensor=pb.Tensor(dtype="int64", shape=[1], elements=bytes(8)))],
    ),
    "a zone that nobody knows": pb.Columns(
        library="pandas",
        names=["a"],
        types=["datetime64[ns, X]"],
        columns=[pb.Value(tensor=pb.Tensor(dtype="datetime64[ns]", shape=[1], elements=bytes(8)))],
    ),
    "a name that is not text": pb.Columns(
        library="arrow",
        names=["a"],
        columns=[pb.Value(list=pb.Sequence())],
        arrow_schema=pa.schema({"NAMEX": pa.int8()}).serialize().to_pybytes().replace(b"NAMEX", b"NAM\xff\xff"),
    ),
}


@pytest.mark.parametrize("columns", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_tables_are_wrong_values(columns: pb.Columns) -> None:
    with pytest.raises(lv.errors.WrongValue):
        decode_blob(b"lv1\0" + pb.Value(table=columns).SerializeToString())
