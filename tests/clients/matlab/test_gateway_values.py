"""Values of `<blob>`: Octave reads the values of Python, and Python those of Octave; errors name the path."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.clients.matlab.conftest import Octave

_READ_AND_WRITE = """
    function bytes = content(name)
        file = fopen(name); bytes = fread(file, Inf, '*uint8'); fclose(file);
    end
    function keep(name, bytes)
        file = fopen(name, 'w'); fwrite(file, bytes); fclose(file);
    end
    function expect(condition, text)
        if ~condition, error('test:Failed', 'Not so: %s', text); end
    end
    function told = refusal(action)
        told.identifier = 'nothing was raised'; told.message = '';
        try, action(); catch told, end
    end
"""

KEPT: dict[str, Any] = {  # Any: every kind of value
    "null": None,
    "bools": [True, False],
    "integers": [0, -1, 2**53, 2**53 + 1, -(2**63), 2**63 - 1],
    "big": -(2**70),
    "floats": [0.0, -0.0, 1.5, float("inf"), float("-inf"), 5e-324],
    "complex": 3 - 4j,
    "texts": ["", "a", "Zoë", "🐭 beyond", "a\0b", "two\nlines"],
    "binary": b"\0\1\xff",
    "decimal": Decimal("-12.3400"),
    "date": dt.date(1815, 12, 10),
    "time": dt.time(23, 59, 59, 999999),
    "wall": dt.datetime(2026, 3, 1, 9, 30, 0, 1),
    "moment": dt.datetime(1969, 7, 20, 20, 17, tzinfo=ZoneInfo("Europe/Lisbon")),
    "span": dt.timedelta(days=-3, microseconds=7),
    "uuid": UUID("00112233-4455-6677-8899-aabbccddeeff"),
    "tuple": (1, ("x", None)),
    "set": {1, 2},
    "frozen": frozenset({"a"}),
    "empty": [[], (), {}, ""],
    "map": {"x": 1, "nested": {"y": [2.5]}},
    "odd_keys": {"a b": 1, "_c": 2, "": 3, "ü": 4},
    "reserved": {"levada_type": "mine"},
    "reserved_later": {"a": 1, "levada_type": "date"},
    "any_map": {1: "one", (2, 3): "pair"},
    "times": np.array([["2026-01-01", "NaT"]], dtype="datetime64[us]"),
    "spans": np.array([[1, -2]], dtype="timedelta64[ns]"),
    "words": np.array([["a", "bc"], ["", "🐭"]]),
    "scalars": [np.float32(1.5), np.int16(-3), np.uint64(2**64 - 1)],
    **{
        dtype: np.arange(24).reshape(2, 3, 4).astype(dtype)
        for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
    },
    "bool": np.array([[True, False, True]]),
    "complex64": (np.arange(6).reshape(3, 2) * (1 - 2j)).astype(np.complex64),
    "complex128": np.arange(6).reshape(3, 2) * (1 + 2j),
    "by_columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "no_rows": np.zeros((0, 3)),
}
"""Values that Octave writes back unchanged, kinds and classes included, when it reads exactly."""


def test_octave_writes_back_what_python_wrote(octave: Octave, tmp_path: Path) -> None:
    for name, value in KEPT.items():
        (tmp_path / f"{name}.in").write_bytes(lv.blob.pack(value))
    octave.run(
        _READ_AND_WRITE
        + """
        for name = strsplit(names, ' ')
            file = fullfile(folder, name{1});
            value = levada.internal.values.decodeValue(content([file '.in']), true);
            keep([file '.out'], levada.internal.values.encodeValue(value));
        end
        """,
        folder=str(tmp_path),
        names=" ".join(KEPT),
    )
    for name, value in KEPT.items():
        _require_same(lv.blob.unpack((tmp_path / f"{name}.out").read_bytes()), value, name)


def _require_same(actual: Any, expected: Any, path: str) -> None:  # noqa: ANN401  # every kind of value
    if isinstance(expected, (np.ndarray, np.generic)) and expected.dtype.kind != "U":
        assert actual.dtype == expected.dtype, path
        assert actual.shape == expected.shape, path
        np.testing.assert_array_equal(actual, expected, path)
    elif isinstance(expected, np.ndarray):
        assert actual.tolist() == expected.tolist(), path
    elif isinstance(expected, (list, tuple)):
        assert type(actual) is type(expected), path
        assert len(actual) == len(expected), path
        for index, (one, other) in enumerate(zip(actual, expected, strict=True)):
            _require_same(one, other, f"{path}[{index}]")
    else:
        assert repr(actual) == repr(expected), path


def test_octave_reads_arrays_in_their_class_and_integers_as_double(octave: Octave, tmp_path: Path) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    value = {
        **{f"{dtype}s": array.astype(dtype) for dtype in ("int16", "int64", "uint64", "float16", "complex64")},
        "logicals": array > 11,
        "integer": 5,
        "long": 2**60 + 1,
        "single": np.float32(0.5),
        "vector": np.array([1.0, 2.0, 3.0]),
        "words": np.array([["a", "bc"], ["", "🐭"]]),
        "list": [1, "x", None],
        "bytes": b"ab",
        "nothing": None,
        "date": dt.date(1970, 1, 3),
        "cells": np.array([[1, "x"], [None, 2.5]], dtype=object),
        "structs": np.array([[("date", 5), ("time", 6)]], dtype=[("levada_type", object), ("days", object)]),
    }
    (tmp_path / "value").write_bytes(lv.blob.pack(value))
    octave.run(
        _READ_AND_WRITE
        + """
        value = levada.internal.values.decodeValue(content(file));
        [k, j, i] = ndgrid(0:3, 0:2, 0:1);
        expected = permute(k + 4 * j + 12 * i, [3 2 1]);
        expect(isequal(value.int16s, expected) && isa(value.int16s, 'int16'), 'int16');
        expect(isequal(value.float16s, expected) && isa(value.float16s, 'single'), 'float16');
        expect(isequal(value.int64s, int64(expected)) && isa(value.int64s, 'int64'), 'int64');
        expect(isequal(value.uint64s, uint64(expected)) && isa(value.uint64s, 'uint64'), 'uint64');
        expect(isequal(value.complex64s, expected) && isa(value.complex64s, 'single'), 'complex64');
        expect(isequal(value.logicals, expected > 11) && islogical(value.logicals), 'logical');
        expect(isequal(value.integer, 5) && isa(value.integer, 'double'), 'integer');
        expect(isa(value.long, 'int64') && value.long == bitshift(int64(1), 60) + 1, 'a long integer stays exact');
        expect(isequal(value.single, 0.5) && isa(value.single, 'single'), 'single');
        expect(isequal(value.vector, [1; 2; 3]), 'a vector is a column');
        expect(isequal(value.words, {'a', 'bc'; '', '🐭'}), 'text');
        expect(isequal(value.list, {1, 'x', []}), 'list');
        expect(isequal(value.bytes, uint8('ab')') && isa(value.bytes, 'uint8'), 'bytes');
        expect(isequal(size(value.nothing), [0 0]), 'null');
        expect(strcmp(value.date.levada_type, 'date') && value.date.days == 2, 'date');
        expect(isequal(value.cells, {1, 'x'; [], 2.5}), 'cells');
        expect(isequal({value.structs.levada_type}, {'date', 'time'}), 'struct array that looks like stand-ins');
        """,
        file=str(tmp_path / "value"),
    )


def test_python_reads_what_octave_wrote(octave: Octave, tmp_path: Path) -> None:
    octave.run(
        _READ_AND_WRITE
        + """
        value.double = 2.5;
        value.logical = true;
        value.int64 = intmin('int64');
        value.int8 = int8(-7);
        value.text = 'Zoë 🐭';
        value.no_text = '';
        value.nothing = [];
        value.nan = NaN;
        value.complex = 1 - 2i;
        value.cube = reshape(1:24, [2 3 4]);
        value.singles = single([0.5 1.5]);
        value.row = {1, 'x', {}};
        value.cells = {1, 'x'; [], true};
        value.structs = struct('name', {'a'; 'b'}, 'n', {1; [1 2]});
        value.lines = ['abc'; 'de '];
        value.sparse = sparse([1 3 3], [2 1 4], [5 6 7], 3, 5);
        value.mask = sparse(logical([0 1; 1 0]));
        value.empty_row = zeros(1, 0);
        value.long = repmat('x', 1, 5000);
        keep(file, levada.internal.values.encodeValue(value));
        expect(isequaln(levada.internal.values.decodeValue(content(file)), value), 'what was written comes back');
        again = @(value) levada.internal.values.decodeValue(levada.internal.values.encodeValue(value));
        expect(isequaln(again(value.structs), value.structs), 'structs');
        expect(isequal(again(value.lines), value.lines), 'lines');
        same = again(value.sparse);
        expect(issparse(same) && isequal(same, value.sparse), 'sparse');
        same = again(value.mask);
        expect(issparse(same) && islogical(same) && isequal(same, value.mask), 'sparse logical');
        """,
        file=str(tmp_path / "value"),
    )
    value = lv.blob.unpack((tmp_path / "value").read_bytes())
    assert (tmp_path / "value").stat().st_size < 5000, "large values are compressed"
    assert (value["double"], value["logical"], value["int64"], value["nothing"]) == (2.5, True, -(2**63), None)
    assert type(value["double"]) is float
    assert value["int8"] == -7
    assert value["int8"].dtype == np.int8
    assert (value["text"], value["no_text"], value["complex"]) == ("Zoë 🐭", "", 1 - 2j)
    assert np.isnan(value["nan"])
    assert value["cube"][1, 2, 3] == 24
    assert value["cube"][0, 1, 0] == 3
    assert value["singles"].dtype == np.float32
    assert value["singles"].tolist() == [[0.5, 1.5]]
    assert value["row"][:2] == [1.0, "x"]
    assert value["cells"].tolist() == [[1.0, "x"], [None, True]]
    assert value["structs"].shape == (2, 1)
    assert value["structs"][1, 0]["name"] == "b"
    assert value["structs"][1, 0]["n"].tolist() == [[1, 2]]
    assert value["lines"].tolist() == ["abc", "de "]
    assert value["sparse"].toarray()[2].tolist() == [6, 0, 0, 7, 0]
    assert value["mask"].toarray().tolist() == [[False, True], [True, False]]
    assert value["empty_row"].shape == (1, 0)
    assert value["long"] == "x" * 5000


def test_what_cannot_be_stored_is_named_by_its_path(octave: Octave) -> None:
    octave.run(
        _READ_AND_WRITE
        + """
        write = @(value) @() levada.internal.values.encodeValue(value, 'row 2, attribute `result`');
        function check(told, part)
            expect(strcmp(told.identifier, 'levada:WrongValue'), told.identifier);
            expect(~isempty(strfind(told.message, part)), told.message);
        end
        check(refusal(write(struct('units', {{1, 2, @sin}}))), '`result`.units{3}: a function handle');
        check(refusal(write(struct('a', {1, {1; inputParser()}}))), '`result`(2).a{2}: an object of class inputParser');
        check(refusal(write({repmat('a', [2 2 2])})), '`result`{1}: a char array of more than two dimensions');
        check(refusal(write(struct('levada_type', 'day', 'days', 1))), '`day` is not a kind of stand-in');
        check(refusal(write(struct('levada_type', 'date'))), 'the stand-in has no field `days`');
        check(refusal(write(struct('levada_type', 'uuid', 'text', '12'))), '`12` is not a UUID');
        check(refusal(write(struct('levada_type', 'tensor', 'dtype', 'int8', 'elements', 1))), 'does not hold int8');
        deep = 1;
        for level = 1:31, deep = {deep}; end
        check(refusal(write(deep)), 'nested deeper than 30 levels');
        check(refusal(@() levada.internal.values.decodeValue(uint8('mYm'))), 'are not a <blob>');
        """
    )


def test_damaged_blobs_are_refused(octave: Octave, tmp_path: Path) -> None:
    value = {name: KEPT[name] for name in ("texts", "wall", "odd_keys", "any_map", "words", "int16", "complex64")}
    blobs = [lv.blob.pack(value), lv.blob.pack({"sparse": [1] * 50}), lv.blob.pack(list(range(9)))]
    random_state = random.Random(6)
    damage: list[Callable[[bytes], bytes]] = [
        lambda blob: blob[: random_state.randrange(len(blob))],
        lambda blob: bytes(octet ^ (random_state.random() < 0.02) * random_state.randrange(256) for octet in blob),
        lambda blob: blob[:4] + bytes(random_state.randrange(256) for _ in range(random_state.randrange(60))),
    ]
    for index in range(300):
        (tmp_path / str(index)).write_bytes(damage[index % 3](blobs[index // 3 % 3]))
    octave.run(
        _READ_AND_WRITE
        + """
        refused = 0;
        for i = 0:299
            for exact = [false true]
                try
                    levada.internal.values.decodeValue(content(fullfile(folder, num2str(i))), exact);
                catch told
                    expect(strcmp(told.identifier, 'levada:WrongValue'), [told.identifier ' ' told.message]);
                    refused = refused + 1;
                end
            end
        end
        expect(refused > 300, sprintf('%d were refused', refused));
        """,
        folder=str(tmp_path),
    )


@pytest.mark.parametrize("size", [3, 2000])
def test_the_size_of_a_compressed_blob_is_not_trusted(octave: Octave, tmp_path: Path, size: int) -> None:
    blob = lv.blob.pack("x" * 100_000)
    assert blob[:4] == b"lv1z"
    (tmp_path / "cut").write_bytes(blob[:-size] if size < len(blob) else blob[:6])
    octave.run(
        _READ_AND_WRITE
        + """
        told = refusal(@() levada.internal.values.decodeValue(content(file)));
        expect(strcmp(told.identifier, 'levada:WrongValue'), told.identifier);
        expect(~isempty(strfind(told.message, 'damaged')), told.message);
        """,
        file=str(tmp_path / "cut"),
    )
