"""Blobs that DataJoint wrote are read: its own samples, and bytes as MATLAB's mYm writes them."""

from __future__ import annotations

import base64
import contextlib
import json
import struct
import time
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import levada as lv
from levada._values.datajoint_blobs import decode_datajoint_blob
from tests.samples.datajoint_blobs import FILE, VALUES
from tests.support.values import same

SAMPLES = {name: base64.b64decode(text) for name, text in json.loads(FILE.read_text(encoding="utf-8")).items()}


@pytest.mark.parametrize("name", VALUES)
def test_a_sample_is_read(name: str) -> None:
    value = lv.blob.unpack(SAMPLES[name])
    assert same(value, VALUES[name])
    assert same(lv.blob.unpack(lv.blob.pack(value)), value)


def test_the_samples_are_of_every_format() -> None:
    assert {blob[:4] for blob in SAMPLES.values()} == {b"mYm\0", b"dj0\0", b"ZL12"}


def test_a_blob_that_was_imported_as_it_was_is_read_from_the_server(connection: lv.Connection) -> None:
    @lv.Schema("imported", connection=connection)
    class Old(lv.Manual):
        definition = """
        id : int32
        ---
        data : longblob
        """

    data = Old().heading["data"]
    rows = pa.table({"id": [1], "data": [SAMPLES["dict"]]}, schema=_stored_schema(data.type))
    Old.insert(rows)
    assert same(Old.fetch1("data"), VALUES["dict"])


def _stored_schema(type_: str) -> Any:  # noqa: ANN401  # a schema of Arrow
    return pa.schema([pa.field("id", pa.int32()), pa.field("data", pa.binary(), metadata={"levada.type": type_})])


# ------------------------------------------------------------------------------------ as MATLAB writes them


def u64(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def u32(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def array(code: int, shape: tuple[int, ...], data: bytes, *, imaginary: int = 0) -> bytes:
    return b"A" + u64(len(shape), *shape) + u32(code, imaginary) + data


def chars(text: str, shape: tuple[int, ...] | None = None) -> bytes:
    units = text.encode("utf-16-le")
    return array(4, shape or (1, len(units) // 2), units)


def sized(*values: bytes) -> bytes:
    return b"".join(u64(len(value)) + value for value in values)


def cells(shape: tuple[int, ...], *values: bytes) -> bytes:
    return b"C" + u64(len(shape), *shape) + sized(*values)


def structs(shape: tuple[int, ...], names: tuple[str, ...], *values: bytes) -> bytes:
    fields = b"".join(name.encode() + b"\0" for name in names)
    return b"S" + u64(len(shape), *shape) + u32(len(names)) + fields + sized(*values)


def sparse(rows: int, room: int, starts: list[int], indices: list[int], code: int, data: bytes) -> bytes:
    header = u64(rows, len(starts) - 1, room) + u32(code, 0)
    return b"P" + header + u64(*starts) + u64(*indices) + data


def doubles(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


ONE = array(6, (1, 1), doubles(1))
EMPTY = array(6, (0, 0), b"")


def objects(shape: tuple[int, ...], *values: object) -> np.ndarray[Any, Any]:
    made = np.fromiter(values, dtype=object, count=len(values))
    return made.reshape(shape, order="F")


def struct_array() -> np.ndarray[Any, Any]:
    made = np.empty((1, 2), dtype=[("name", object), ("x", object)])
    made["name"], made["x"] = objects((1, 2), "Ann", "Bob"), objects((1, 2), np.ones((1, 1)), np.zeros((0, 0)))
    return made


MATLAB: dict[str, tuple[bytes, Any]] = {
    "double": (ONE, np.ones((1, 1))),
    "matrix": (array(6, (2, 2), doubles(1, 2, 3, 4)), np.array([[1.0, 3], [2, 4]])),
    "empty": (EMPTY, np.zeros((0, 0))),
    "logical": (array(3, (1, 2), b"\1\0"), np.array([[True, False]])),
    "single": (array(7, (1, 1), struct.pack("<f", 0.5)), np.array([[0.5]], np.float32)),
    "int16": (array(10, (1, 2), struct.pack("<2h", -1, 2)), np.array([[-1, 2]], np.int16)),
    "uint64": (array(15, (1, 1), u64(2**64 - 1)), np.array([[2**64 - 1]], np.uint64)),
    "complex": (array(6, (1, 2), doubles(1, 2, -0.0, 4), imaginary=1), np.array([[complex(1, -0.0), 2 + 4j]])),
    "char": (chars("héllo 🐬"), "héllo 🐬"),
    "empty char": (chars("", (0, 0)), ""),
    "char of two rows": (chars("acbd", (2, 2)), np.array([["ab"], ["cd"]])),
    "cell": (cells((1, 2), chars("x"), EMPTY), objects((1, 2), "x", np.zeros((0, 0)))),
    "empty cell": (cells((0, 0)), objects((0, 0))),
    "struct": (structs((1, 1), ("a", "b"), ONE, chars("t")), {"a": np.ones((1, 1)), "b": "t"}),
    "struct without fields": (structs((1, 1), ()), {}),
    "struct array": (structs((1, 2), ("name", "x"), chars("Ann"), ONE, chars("Bob"), EMPTY), struct_array()),
    "nested": (structs((1, 1), ("c",), cells((1, 1), structs((1, 1), ("d",), ONE))),
               {"c": objects((1, 1), {"d": np.ones((1, 1))})}),
}  # fmt: skip


@pytest.mark.parametrize("name", MATLAB)
def test_a_value_of_matlab_is_read(name: str) -> None:
    written, expected = MATLAB[name]
    raw = b"mYm\0" + written
    assert same(lv.blob.unpack(raw), expected)
    assert same(lv.blob.unpack(b"ZL123\0" + u64(len(raw)) + zlib.compress(raw)), expected)


@pytest.mark.parametrize(("code", "data"), [(6, doubles(1.5, 2, 9)), (3, b"\1\1\0")])
def test_a_sparse_matrix_of_matlab_is_read(code: int, data: bytes) -> None:
    # Room for three elements; two of them are used.
    matrix = lv.blob.unpack(b"mYm\0" + sparse(3, 3, [0, 1, 2], [2, 0, 0], code, data))
    first, second = (1.5, 2) if code == 6 else (True, True)
    assert matrix.format == "csc"
    assert matrix.toarray().tolist() == [[0, second], [0, 0], [first, 0]]


def test_blobs_are_packed_and_unpacked_by_hand() -> None:
    assert lv.blob.unpack(lv.blob.pack({"a": 1})) == {"a": 1}
    assert lv.blob.pack(1).startswith(b"lv1")
    assert lv.blob.unpack(memoryview(SAMPLES["array f8"])).shape == (2, 3)
    assert lv.blob.unpack(lv.blob.pack(np.ones((1, 3))), squeeze=True).shape == (3,)


def test_lengths_of_32_bits_are_understood() -> None:
    old = b"mYm\0A" + u32(2, 1, 2) + u32(6, 0) + doubles(1, 2)
    assert same(lv.blob.unpack(old), np.array([[1.0, 2.0]]))


BROKEN = {
    "nothing": b"mYm\0",
    "unknown code": b"dj0\0\x77",
    "function": b"mYm\0" + array(16, (1, 1), bytes(8)),
    "too short": b"mYm\0" + array(6, (2, 2), doubles(1)),
    "too long": b"mYm\0" + ONE + b"x",
    "many dimensions": b"mYm\0A" + u64(2**60),
    "large shape": b"mYm\0" + array(6, (2**40, 2**40), doubles(1)),
    "overflowing shape": b"mYm\0" + array(6, (2**63, 2), doubles(1)),
    "many cells": b"mYm\0" + cells((2**31, 1)),
    "many structs": b"mYm\0" + structs((2**30, 1), ("a",)),
    "many fields": b"mYm\0S" + u64(2, 1, 1) + u32(2**32 - 1),
    "endless name": b"mYm\0S" + u64(2, 1, 1) + u32(1) + b"abc",
    "nameless field": b"mYm\0" + structs((1, 1), ("",), ONE),
    "name twice": b"mYm\0" + structs((1, 1), ("a", "a"), ONE, ONE),
    "name that is not text": b"mYm\0S" + u64(2, 1, 1) + u32(1) + b"\xff\0" + sized(ONE),
    "wrong length of a cell": b"mYm\0C" + u64(2, 1, 1) + u64(len(ONE) + 1) + ONE,
    "many items": b"dj0\0\2" + u64(2**63),
    "text past the end": b"dj0\0\5" + u64(2**62),
    "list in a set": b"dj0\0\3" + u64(1) + sized(b"\2" + u64(0)),
    "decimal": b"dj0\0d" + u64(1) + b"x",
    "day": b"dj0\0t" + struct.pack("<iq", 20261399, -1),
    "no day and no time": b"dj0\0t" + struct.pack("<iq", -1, -1),
    "deep": b"dj0\0" + b"".join(b"\2" + u64(1) + u64(10**6) for _ in range(5_000)),
    "compressed by nothing": b"ZL123\0" + u64(10) + b"abc",
    "compressed past its length": b"ZL123\0" + u64(5) + zlib.compress(bytes(10)),
    "compressed beyond all memory": b"ZL123\0" + u64(2**62) + zlib.compress(bytes(10)),
    "header alone": b"ZL123\0",
    "sparse past its rows": b"mYm\0" + sparse(3, 1, [0, 1], [5], 6, doubles(1)),
    "sparse without room": b"mYm\0" + sparse(3, 0, [0, 1], [], 6, b""),
    "sparse of many columns": b"mYm\0P" + u64(3, 2**60, 0) + u32(6, 0),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_blob_is_refused(name: str) -> None:
    with pytest.raises(lv.errors.WrongValue):
        lv.blob.unpack(BROKEN[name])


_SEEDS = [*SAMPLES.values(), *(b"mYm\0" + written for written, _ in MATLAB.values())]
_LENGTHS = st.sampled_from([b"\xff" * 8, u64(2**31 - 1), u64(2**40), u64(0), u64(1)])


@given(
    st.sampled_from([seed for seed in _SEEDS if not seed.startswith(b"ZL")]),
    st.lists(st.tuples(st.floats(0, 1), _LENGTHS | st.binary(min_size=1, max_size=2)), max_size=4),
    st.floats(0, 1),
)
@settings(max_examples=400, deadline=None)
def test_a_damaged_blob_is_a_value_or_an_error(blob: bytes, changes: list[tuple[float, bytes]], kept: float) -> None:
    damaged = bytearray(blob)
    for place, octets in changes:
        start = 4 + int(place * (len(blob) - 4))
        damaged[start : start + len(octets)] = octets
    tracemalloc.start()
    started = time.process_time()
    with contextlib.suppress(lv.errors.WrongValue):
        decode_datajoint_blob(bytes(damaged[: 4 + int(kept * (len(damaged) - 4)) + 1]))
    spent, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**22 + 100 * len(blob)
    assert spent < 1
