"""Messages that no writer of Levada makes: each is an error, and none ends the process."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import levada as lv
from levada._values.message_decoding import decode_value
from levada_api.v1 import value_pb2 as pb
from tests.support.values import VALUES

TESTS = ("levada._values.message_decoding",)

TENSOR = pb.Tensor(dtype="int8", shape=[2], elements=b"\1\2")


@pytest.mark.parametrize(
    "message",
    [
        pb.Value(),
        pb.Value(big_integer="1E+999999999"),
        pb.Value(big_integer="x"),
        pb.Value(big_integer="9" * 200_000),
        pb.Value(decimal="one"),
        pb.Value(date=2**31 - 1),
        pb.Value(time=-1),
        pb.Value(time=86_400 * 10**6),
        pb.Value(timestamp=pb.Timestamp(microseconds=2**62)),
        pb.Value(timestamp=pb.Timestamp(microseconds=2**62, zone="Europe/Lisbon")),
        pb.Value(timestamp=pb.Timestamp(zone="Nowhere/At_All")),
        pb.Value(timestamp=pb.Timestamp(zone="../../etc/passwd")),
        pb.Value(timestamp=pb.Timestamp(zone="+99")),
        pb.Value(timestamp=pb.Timestamp(zone="")),
        pb.Value(uuid=b"short"),
        pb.Value(tensor=pb.Tensor(dtype="object", shape=[1], elements=bytes(8))),
        pb.Value(tensor=pb.Tensor(dtype="V8", shape=[1], elements=bytes(8))),
        pb.Value(tensor=pb.Tensor(dtype="float64", shape=[1], elements=bytes(7))),
        pb.Value(tensor=pb.Tensor(dtype="int8", shape=[-1], elements=bytes(7))),
        pb.Value(tensor=pb.Tensor(dtype="int8", shape=[2**62, 0], elements=b"x")),
        pb.Value(tensor=pb.Tensor(dtype="int8", shape=[1], elements=b"x", scalar=True)),
        pb.Value(tensor=pb.Tensor(dtype="datetime64[parsec]", shape=[1], elements=bytes(8))),
        pb.Value(tensor=pb.Tensor(dtype="text", shape=[1], text_length=2**31 - 1, texts=["x"])),
        pb.Value(tensor=pb.Tensor(dtype="text", shape=[3], texts=["x"])),
        pb.Value(set=pb.Sequence(values=[pb.Value(list=pb.Sequence())])),
        pb.Value(map=pb.TextMap(keys=["a", "b"], values=[pb.Value(integer=1)])),
        pb.Value(any_map=pb.AnyMap(keys=[pb.Value(map=pb.TextMap())], values=[pb.Value(integer=1)])),
        pb.Value(cell_array=pb.CellArray(shape=[2**40, 2**40])),
        pb.Value(cell_array=pb.CellArray(shape=[-1, -1], values=[pb.Value(integer=1)])),
        pb.Value(struct_array=pb.StructArray(shape=[2**62])),
        pb.Value(struct_array=pb.StructArray(shape=[1], fields=[""], values=[pb.Value(integer=1)])),
        pb.Value(struct_array=pb.StructArray(shape=[1], fields=["a", "a"], values=[pb.Value(integer=1)] * 2)),
        pb.Value(sparse_matrix=pb.SparseMatrix(shape=[2, 2], rows=[5], columns=[0], elements=TENSOR)),
        pb.Value(sparse_matrix=pb.SparseMatrix(shape=[2, 2], rows=[5, 5], columns=[0, 0], elements=TENSOR)),
        pb.Value(sparse_matrix=pb.SparseMatrix(shape=[2], rows=[0, 1], columns=[0, 0], elements=TENSOR)),
        pb.Value(sparse_matrix=pb.SparseMatrix(shape=[2, 2], rows=[0], columns=[0], elements=pb.Tensor(dtype="int8"))),
        pb.Value(sparse_matrix=pb.SparseMatrix(shape=[2, 2], form="exec", elements=pb.Tensor(dtype="int8", shape=[0]))),
        pb.Value(table=pb.Columns(names=["a"])),
        pb.Value(table=pb.Columns(names=["a"], columns=[pb.Value(integer=1)])),
        pb.Value(table=pb.Columns(names=["a", "b"], columns=[pb.Value(tensor=TENSOR), pb.Value(list=pb.Sequence())])),
        pb.Value(table=pb.Columns(names=["a"], columns=[pb.Value(tensor=TENSOR)], library="arrow")),
        pb.Value(table=pb.Columns(names=["a"], columns=[pb.Value(tensor=TENSOR)], types=["int8", "int8"])),
        pb.Value(table=pb.Columns(names=["a"], columns=[pb.Value(list=pb.Sequence(values=[pb.Value(text="x")]))],
                                  types=["Int64"])),
        pb.Value(table=pb.Columns(names=["a", "a"], columns=[pb.Value(tensor=TENSOR)] * 2, library="numpy")),
    ],
    ids=lambda message: str(message)[:60].replace("\n", " "),
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(message: pb.Value) -> None:
    with pytest.raises(lv.errors.WrongValue):
        decode_value(message)


def test_a_blob_compressed_in_a_stream_does_not_say_its_size() -> None:
    raw = lv.blob.pack("x" * 900)[4:]
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    assert lv.blob.unpack(b"lv1z" + sink.getvalue().to_pybytes()) == "x" * 900


def test_a_size_beyond_all_reason_takes_no_memory() -> None:
    blob = bytearray(lv.blob.pack(np.zeros(100_000)))
    assert blob[8] >> 6 == 2  # the size has four bytes, behind that of the window
    start = 9 + (not blob[8] & 0x20)
    for size in (2**31 - 1, 800_000):
        blob[start : start + 4] = size.to_bytes(4, "little")
        with pytest.raises(lv.errors.WrongValue, match="damaged"):
            lv.blob.unpack(bytes(blob))


@pytest.mark.parametrize("blob", [b"", b"lv", b"lv2\0abc", b"lv1\0\xff\xff", b"lv1zabc", b"lv1\0" + b"\x82\1\4" * 200])
def test_bytes_that_are_no_blob_are_refused(blob: bytes) -> None:
    with pytest.raises(lv.errors.WrongValue):
        lv.blob.unpack(blob)


RICH: list[Any] = [
    {"a": [1, (2.5, "x")], 3: {4}},
    np.arange(6.0).reshape(2, 3),
    np.array([[1, "x"]], dtype=object),
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    pa.table({"a": [1, None]}),
    sparse.csr_array(np.eye(2)),
    np.array([(1, "x")], dtype=[("a", int), ("b", object)]),
]
_BLOBS = [lv.blob.pack(value) for value in RICH]


@given(
    st.sampled_from(_BLOBS) | VALUES.map(lv.blob.pack),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    st.floats(0, 1),
)
@settings(max_examples=300, deadline=None)
@pytest.mark.filterwarnings("ignore")  # pandas also warns about a damaged table
def test_damaged_bytes_are_a_value_or_an_error(blob: bytes, changes: list[tuple[float, int]], kept: float) -> None:
    damaged = bytearray(blob)
    for place, octet in changes:
        damaged[4 + int(place * max(len(blob) - 5, 0))] = octet
    with contextlib.suppress(lv.errors.WrongValue):
        lv.blob.unpack(bytes(damaged[: 4 + math.ceil(kept * (len(blob) - 4))]))
