"""Streams of Arrow that would crash or fill the process are refused before anything of them is decoded."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from levada_server import errors
from levada_server.arrow.ipc.reading import Allowance, CheckedStream, valid_stream
from levada_server.rpc.decoding.entities import entity_set

if TYPE_CHECKING:
    from collections.abc import Callable

ZSTD = pa.ipc.IpcWriteOptions(compression="zstd")
MEGABYTES = 2**20


def stream(*batches: pa.RecordBatch, options: pa.ipc.IpcWriteOptions | None = None) -> bytes:
    content = io.BytesIO()
    with pa.ipc.new_stream(content, batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return content.getvalue()


def read(content: bytes, *, nested: bool = True, allowance: Allowance | None = None) -> list[pa.RecordBatch]:
    with valid_stream("The rows"):
        checked = CheckedStream(pa.BufferReader(content), nested=nested, allowance=allowance or Allowance())
        return list(checked.batches())


class Counted(io.BytesIO):
    """A content that counts the bytes that are read of it."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.read_bytes += len(piece)
        return piece


def test_a_message_is_read_once_to_be_checked_and_once_by_arrow() -> None:
    content = Counted(stream(pa.RecordBatch.from_pydict({"a": [1]})))
    values_bytes = 8
    checked = CheckedStream(pa.PythonFile(content, "r"), nested=True)
    schema_bytes = content.read_bytes
    while checked.check_next() is not None:  # as whoever asks first how much memory is needed
        checked.read()
    assert checked.read() is None
    # The values themselves need no check that reads them.
    assert content.read_bytes - schema_bytes == 2 * (len(content.getvalue()) - schema_bytes) - values_bytes


def one(type_: pa.DataType) -> pa.Array:
    """A column of one value, which nothing has checked."""
    return pa.Array.from_buffers(type_, 1, [None, pa.py_buffer(bytes(32))])


def decimals(precision: int, scale: int) -> pa.DataType:
    return pa.decimal128(precision, scale)


BAD_DECIMAL = decimals(2, 67_108_865)
REFUSED: dict[str, pa.DataType] = {
    "a scale past the digits": BAD_DECIMAL,
    "a negative scale": decimals(2, -1),
    "the smallest scale": decimals(38, -(2**31)),
    "of 32 bits": pa.decimal32(2, 3),
    "of 64 bits": pa.decimal64(2, 67_108_865),
    "of 256 bits": pa.decimal256(2, 67_108_865),
    "in a list": pa.list_(BAD_DECIMAL),
    "in a large list": pa.large_list(BAD_DECIMAL),
    "in a list of fixed size": pa.list_(BAD_DECIMAL, 1),
    "in a struct": pa.struct({"a": pa.struct({"b": BAD_DECIMAL})}),
    "in a map": pa.map_(pa.utf8(), BAD_DECIMAL),
    "in a dictionary": pa.dictionary(pa.int8(), BAD_DECIMAL),
    "in a run": pa.run_end_encoded(pa.int32(), BAD_DECIMAL),
    "in a list view": pa.list_view(BAD_DECIMAL),
    "in a tensor": pa.fixed_shape_tensor(BAD_DECIMAL, [1]),
    "in an extension": pa.opaque(BAD_DECIMAL, "a", "b"),
    "text by views": pa.string_view(),
    "bytes by views": pa.binary_view(),
    "runs": pa.run_end_encoded(pa.int32(), pa.int8()),
    "codes in a list": pa.list_(pa.dictionary(pa.int8(), pa.utf8())),
    "an interval": pa.month_day_nano_interval(),
    "a union": pa.sparse_union([pa.field("a", pa.int8())]),
}


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("arrow", REFUSED.values(), ids=REFUSED.keys())
def test_a_type_outside_the_list_is_refused_by_the_schema_alone(arrow: pa.DataType, nested: bool) -> None:
    content = pa.schema({"id": pa.int64(), "x": arrow}).serialize().to_pybytes()
    with pytest.raises(errors.WrongValue, match=r"column `x` has the Arrow type .*; cast it to ") as caught:
        read(content, nested=nested)
    assert caught.value.details["attribute"] == "x"


ADMITTED = (
    *(pa.null(), pa.bool_(), pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.utf8(), pa.large_utf8()),
    *(pa.binary(), pa.large_binary(), pa.binary(4), pa.date32(), pa.date64(), pa.time32("s"), pa.time64("ns")),
    *(pa.timestamp("ns", "Europe/Berlin"), pa.duration("us"), pa.uuid(), pa.json_(), pa.bool8()),
    *(decimals(1, 0), decimals(38, 38), pa.decimal32(9, 2), pa.decimal64(18, 0), pa.decimal256(76, 76)),
    *(pa.dictionary(pa.int32(), pa.utf8()), pa.dictionary(pa.int8(), decimals(5, 2))),
)
NESTED = (
    *(pa.list_(pa.int8()), pa.large_list(pa.utf8()), pa.list_(pa.float64(), 3), pa.map_(pa.utf8(), pa.int8())),
    *(pa.struct({"a": pa.list_(decimals(5, 2))}), pa.fixed_shape_tensor(pa.float32(), [2, 3])),
)


@pytest.mark.parametrize("arrow", [*ADMITTED, *NESTED], ids=str)
def test_types_that_attributes_take_are_admitted(arrow: pa.DataType) -> None:
    content = stream(pa.record_batch({"x": pa.nulls(3, arrow)}))
    assert read(content)[0].num_rows == 3
    if arrow in NESTED:
        with pytest.raises(errors.WrongValue, match="cannot restrict"):
            read(content, nested=False)


def zeros(count: int) -> pa.RecordBatch:
    return pa.record_batch({"x": pa.array(np.zeros(count, np.int64))})


def growing_dictionary() -> bytes:
    """Dictionaries that each add to the one before."""
    content = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd", emit_dictionary_deltas=True)
    texts: list[str] = []
    with pa.ipc.new_stream(content, pa.schema({"x": pa.dictionary(pa.int32(), pa.utf8())}), options=options) as writer:
        for number in range(6):
            texts.append(chr(97 + number) * 50 * MEGABYTES)
            column = pa.DictionaryArray.from_arrays(pa.array([number], pa.int32()), pa.array(texts))
            writer.write_batch(pa.record_batch({"x": column}))
    return content.getvalue()


BOMBS: dict[str, Callable[[], bytes]] = {
    "a compressed batch": lambda: stream(zeros(10**7), options=ZSTD),
    "by lz4": lambda: stream(zeros(10**7), options=pa.ipc.IpcWriteOptions(compression="lz4")),
    "a dictionary that grows": growing_dictionary,
    "values without bytes": lambda: stream(pa.record_batch({"x": pa.nulls(10**9)})),
    "lists of values without bytes": lambda: stream(
        pa.record_batch({"x": pa.FixedSizeListArray.from_arrays(pa.nulls(2 * 10**9), 10**9)})
    ),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_message_that_stands_for_too_much_is_refused_before_it_is_decoded(bomb: Callable[[], bytes]) -> None:
    content = bomb()
    assert len(content) < MEGABYTES
    before = pa.total_allocated_bytes()
    peak = pa.default_memory_pool().max_memory()
    with pytest.raises(errors.LimitReached, match=r"batch|dictionaries"):
        read(content)
    assert pa.total_allocated_bytes() - before < 260 * MEGABYTES
    assert pa.default_memory_pool().max_memory() - peak < 260 * MEGABYTES


def test_many_batches_that_are_small_each_do_not_pass_an_allowance_together() -> None:
    content = stream(*[zeros(10**6)] * 20, options=ZSTD)
    assert len(read(content)) == 20
    with pytest.raises(errors.LimitReached, match="too many bytes"):
        read(content, allowance=Allowance(bytes=128 * MEGABYTES))
    with pytest.raises(errors.LimitReached, match="too many values"):
        read(content, allowance=Allowance(values=10**7))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_buffer_that_says_less_than_it_stands_for_takes_no_memory(compression: str) -> None:
    honest = stream(zeros(10**7), options=pa.ipc.IpcWriteOptions(compression=compression))
    said = struct.pack("<q", 8 * 10**7)
    assert honest.count(said) == 1
    peak = pa.default_memory_pool().max_memory()
    with pytest.raises(errors.InvalidRequest, match="not a valid Arrow IPC stream"):
        read(honest.replace(said, struct.pack("<q", 8)))
    assert pa.default_memory_pool().max_memory() - peak < 10 * MEGABYTES


def test_a_compressed_batch_that_is_not_large_is_read() -> None:
    (batch,) = read(stream(zeros(10**6), options=ZSTD))
    assert batch.equals(zeros(10**6))


UNREADABLE: dict[str, pa.Array] = {
    "a moment past the year 9999": pa.array([2**62], pa.timestamp("us")),
    "a day past the year 9999": pa.array([2**31 - 1], pa.date32()),
    "a zone that is a folder": pa.array([0], pa.timestamp("us", "America")),
    "an unknown zone": pa.array([0], pa.timestamp("us", "Nowhere/Else")),
    "a span of 300 000 years": pa.array([2**63 - 1], pa.duration("s")),
}


@pytest.mark.parametrize("column", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_value_that_python_does_not_hold_is_refused_with_its_column(column: pa.Array) -> None:
    with pytest.raises(errors.ValueOutOfRange, match="column `when`"):
        entity_set(stream(pa.record_batch({"when": column})), lambda _, __: None, Allowance())


def test_names_that_are_not_text_are_refused() -> None:
    content = stream(pa.record_batch({"NAMEX": pa.array([1])})).replace(b"NAMEX", b"NAM\xff\xff")
    with pytest.raises(errors.InvalidRequest, match="not a valid Arrow IPC stream"):
        entity_set(content, lambda _, __: None, Allowance())


def test_batches_without_rows_are_passed_over() -> None:
    batch = pa.record_batch({"id": pa.array([7])})
    content = stream(*[batch.slice(0, 0)] * 1000, batch, *[batch.slice(0, 0)] * 1000)
    assert [rows.num_rows for rows in read(content)] == [1]
