"""Columns: every attribute type from the server to Octave, and from Octave to the server."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.matlab.conftest import Octave

_HELPERS = """
    connection = levada.internal.calls.Caller(address, '', '');
    name = struct('schema', 'lab', 'table', 'everything');
    relation = struct('relation', struct('nodes', {{struct('table', struct('name', name))}}));
    function expect(condition, text)
        if ~condition, error('test:Failed', 'Not so: %s', text); end
    end
    function texts = split(column)
        texts = mat2cell(column.values, double(~isempty(column.values)), column.lengths');
    end
    function told = refusal(action)
        told.identifier = 'nothing was raised'; told.message = '';
        try, action(); catch told, end
    end
"""

_DEFINITION = """
    key : int32
    ---
    i8 = null : int8
    u32 = null : uint32
    i64 = null : int64
    f32 = null : float32
    f64 = null : float64
    b = null : bool
    dec = null : decimal(30,4)
    txt = null : varchar(60)
    ch = null : char(3)
    en = null : enum('low', 'high')
    d = null : date
    t = null : time
    dt = null : datetime
    ts = null : timestamp
    u = null : uuid
    js = null : json
    raw = null : bytes
    bl = null : <blob>
    vec = null : <array float32 (3,)>
    cube = null : <array int16 (2,3,4)>
    cplx = null : <array complex128 (2,2)>
    mask = null : <array bool (4,)>
    half = null : <array float16 (2,)>
"""

_CUBE = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
_ROW: dict[str, Any] = {  # Any: a value of each type
    "i8": -128,
    "u32": 2**32 - 1,
    "i64": 2**63 - 1,
    "f32": 1.5,
    "f64": -0.1,
    "b": True,
    "dec": Decimal("-12345678901234567890.5000"),
    "txt": "Zoë 🐭",
    "ch": "abc",
    "en": "high",
    "d": dt.date(1969, 12, 31),
    "t": dt.time(0, 0, 1, 5),
    "dt": dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
    "ts": dt.datetime(2026, 1, 1),
    "u": UUID("00112233-4455-6677-8899-aabbccddeeff"),
    "js": {"a": [1, None]},
    "raw": b"\0\xff",
    "bl": [1, "x"],
    "vec": np.array([1, 2, 3], np.float32),
    "cube": _CUBE,
    "cplx": np.array([[1 + 2j, 3], [4, 5j]]),
    "mask": np.array([True, False, True, True]),
    "half": np.array([0.5, -2.0], np.float16),
}


@pytest.fixture
def everything(octave: Octave) -> Iterator[type[lv.Manual]]:
    """A table with an attribute of every type."""
    with lv.Connection(octave.address) as connection:

        @lv.Schema("lab", connection=connection)
        class Everything(lv.Manual):
            definition = _DEFINITION

        yield Everything


def test_octave_reads_every_type(octave: Octave, everything: type[lv.Manual]) -> None:
    everything.insert([{"key": 1, **_ROW}, {"key": 2}, {"key": 3, **_ROW, "cube": _CUBE + 100, "en": "low"}])
    octave.run(
        _HELPERS
        + """
        columns = levada.internal.query.streamColumns(connection, relation);
        expect(columns.row_count == 3, 'three rows');
        c = cell2struct(num2cell(columns.columns), {columns.columns.name}, 2);
        expect(isempty(c.key.nulls), 'a key has no nulls');
        for name = setdiff(fieldnames(c)', {'key'})
            expect(isequal(c.(name{1}).nulls, logical([0; 1; 0])), ['nulls of ' name{1}]);
        end
        expect(isequaln(c.i8.values, [-128; NaN; -128]) && strcmp(c.i8.type, 'int8'), 'int8');
        expect(isequaln(c.u32.values, [4294967295; NaN; 4294967295]), 'uint32');
        expect(isa(c.i64.values, 'int64') && c.i64.values(3) == intmax('int64'), 'int64');
        expect(isequaln(c.f32.values, [1.5; NaN; 1.5]) && isa(c.f32.values, 'double'), 'float32');
        expect(isequaln(c.f64.values, [-0.1; NaN; -0.1]), 'float64');
        expect(isequal(c.b.values, [true; false; true]) && islogical(c.b.values), 'bool');
        expect(strcmp(c.dec.kind, 'decimal') && isequal(split(c.dec){3}, '-12345678901234567890.5000'), 'decimal');
        expect(isequal(split(c.txt), {'Zoë 🐭', '', 'Zoë 🐭'}), 'varchar');
        expect(isequal(split(c.ch){1}, 'abc'), 'char');
        expect(strcmp(c.en.kind, 'dictionary') && isequal(c.en.dictionary(c.en.values([1 3])), {'high'; 'low'}), 'e');
        expect(c.en.values(2) == 0, 'a missing enum');
        expect(strcmp(c.d.kind, 'date') && isequal(c.d.values([1 3]), int64([-1; -1])), 'date');
        expect(strcmp(c.t.kind, 'time') && isequal(c.t.values(1), int64(1000005)), 'time');
        expect(strcmp(c.dt.kind, 'timestamp') && isequal(c.dt.values(1), int64(-1)), 'datetime');
        expect(c.ts.values(1) == int64(1767225600) * 1000000, 'timestamp');
        expect(isequal(split(c.u){1}, '00112233-4455-6677-8899-aabbccddeeff'), 'uuid');
        expect(isequal(strrep(split(c.js){1}, ' ', ''), '{"a":[1,null]}'), 'json');
        expect(isequal(split(c.raw){3}, uint8([0 255])) && strcmp(c.raw.kind, 'binary'), 'bytes');
        expect(isequal(levada.internal.values.decodeValue(split(c.bl){3}), {1, 'x'}), 'blob');
        expect(isequal(c.vec.values(:, [1 3]), [1 1; 2 2; 3 3]) && isa(c.vec.values, 'double'), 'a vector');
        [k, j, i] = ndgrid(0:3, 0:2, 0:1);
        cube = permute(k + 4 * j + 12 * i, [3 2 1]);
        expect(isequal(c.cube.values(:, :, :, 1), cube) && isequal(c.cube.values(:, :, :, 3), cube + 100), 'a cube');
        expect(isequal(c.cplx.values(:, :, 3), [1 + 2i, 3; 4, 5i]), 'complex');
        expect(isequal(c.mask.values(:, 1), logical([1; 0; 1; 1])) && islogical(c.mask.values), 'logical array');
        expect(isequal(c.half.values(:, 3), [0.5; -2]), 'half');

        columns = levada.internal.query.streamColumns(connection, relation, true);
        c = cell2struct(num2cell(columns.columns), {columns.columns.name}, 2);
        expect(isa(c.i8.values, 'int8') && isa(c.u32.values, 'uint32') && isa(c.f32.values, 'single'), 'classes');
        expect(isa(c.cube.values, 'int16') && isa(c.vec.values, 'single'), 'classes of arrays');
        """
    )


def test_octave_reads_no_rows_with_full_types(octave: Octave, everything: type[lv.Manual]) -> None:
    assert everything.table_name == "everything"
    octave.run(
        _HELPERS
        + """
        columns = levada.internal.query.streamColumns(connection, relation);
        expect(columns.row_count == 0 && numel(columns.columns) == 24, 'no rows');
        c = cell2struct(num2cell(columns.columns), {columns.columns.name}, 2);
        expect(isequal(size(c.f64.values), [0 1]) && isa(c.i64.values, 'int64') && isempty(c.txt.values), 'columns');
        expect(isequal(size(c.cube.values), [2 3 4 0]) && isequal(size(c.vec.values), [3 0]), 'arrays');
        """
    )


def test_the_server_takes_what_octave_writes(octave: Octave, everything: type[lv.Manual]) -> None:
    octave.run(
        _HELPERS
        + """
        [k, j, i] = ndgrid(0:3, 0:2, 0:1);
        cube = permute(k + 4 * j + 12 * i, [3 2 1]);
        content = {
            'key', 'double', [1; 2]
            'i8', 'double', [-128; 0]
            'u32', 'double', [4294967295; 0]
            'i64', 'int64', [intmax('int64'); 0]
            'f32', 'double', [1.5; 0]
            'f64', 'double', [-0.1; 0]
            'b', 'logical', [true; false]
            'dec', 'text', {'-12345678901234567890.5000'; ''}
            'txt', 'text', {'Zoë 🐭'; ''}
            'ch', 'text', {'abc'; ''}
            'en', 'text', {'high'; ''}
            'd', 'text', {'1969-12-31'; ''}
            't', 'text', {'00:00:01.000005'; ''}
            'dt', 'text', {'1969-12-31 23:59:59.999999'; ''}
            'ts', 'text', {'2026-01-01 00:00:00'; ''}
            'u', 'text', {'00112233-4455-6677-8899-aabbccddeeff'; ''}
            'js', 'text', {'{"a": [1, null]}'; ''}
            'raw', 'binary', {uint8([0 255]); uint8([])}
            'bl', 'binary', {levada.internal.values.encodeValue({1, 'x'}); uint8([])}
            'vec', 'tensor', {int8([1; 2; 3]); []}
            'cube', 'tensor', {cube; []}
            'cplx', 'tensor', {[1 + 2i, 3; 4, 5i]; []}
            'mask', 'tensor', {[1; 0; 1; 1]; []}
            'half', 'tensor', {[0.5; -2]; []}
            };
        types = struct('vec', '<array float32 (3,)>', 'cube', '<array int16 (2,3,4)>', ...
            'cplx', '<array complex128 (2,2)>', 'mask', '<array bool (4,)>', 'half', '<array float16 (2,)>');
        columns = cell2struct(content, {'name', 'kind', 'values'}, 2);
        for i = 1:numel(columns)
            if i > 1, columns(i).nulls = [false; true]; end
            if isfield(types, columns(i).name), columns(i).type = types.(columns(i).name); end
        end
        pieces = levada.internal.rows.encodeColumns(columns);
        requests = cellfun(@(piece) struct('arrow_ipc', piece), pieces, 'UniformOutput', false);
        header = struct('header', struct('name', name));
        levada.internal.calls.sendStream(connection, '/levada_api.v1.RowService/InsertRows', [{header}, requests]);
        """
    )
    first, second = everything.to_dicts()
    assert second == {"key": 2} | dict.fromkeys(_ROW)
    for name, value in _ROW.items():
        if isinstance(value, np.ndarray):
            assert first[name].dtype == value.dtype
            np.testing.assert_array_equal(first[name], value, name)
        else:
            assert first[name] == value, name


def test_long_columns_travel_in_pieces(octave: Octave, everything: type[lv.Manual]) -> None:
    octave.run(
        _HELPERS
        + """
        n = 300000;
        text = arrayfun(@(i) sprintf('number %d', i), (1:n)', 'UniformOutput', false);
        columns = struct('name', {'key', 'f64', 'txt'}, 'kind', {'double', 'double', 'text'}, ...
            'values', {(1:n)', (1:n)' / 4, text}, 'nulls', {[], [], []});
        pieces = levada.internal.rows.encodeColumns(columns);
        expect(numel(pieces) > 5 && max(cellfun(@numel, pieces)) <= 2^20, 'pieces of 1 MB');
        requests = cellfun(@(piece) struct('arrow_ipc', piece), pieces, 'UniformOutput', false);
        messages = [{struct('header', struct('name', name))}, requests];
        answer = levada.internal.calls.sendStream(connection, '/levada_api.v1.RowService/InsertRows', messages);
        expect(answer.row_count == n, 'all rows');
        columns = levada.internal.query.streamColumns(connection, relation);
        c = cell2struct(num2cell(columns.columns), {columns.columns.name}, 2);
        expect(isequal(c.key.values, (1:n)') && isequal(c.f64.values, (1:n)' / 4), 'numbers');
        expect(isequal(split(c.txt)', text), 'texts');
        """
    )


def test_wrong_columns_are_refused(octave: Octave) -> None:
    octave.run(
        _HELPERS
        + """
        function check(column, identifier, part)
            told = refusal(@() levada.internal.rows.encodeColumns(column));
            expect(strcmp(told.identifier, identifier), told.identifier);
            expect(~isempty(strfind(told.message, part)), told.message);
        end
        column = @(kind, values, type) struct('name', 'x', 'kind', kind, 'values', {values}, 'nulls', [], 'type', type);
        invalid = 'levada:InvalidRequest'; wrong = 'levada:WrongValue'; range = 'levada:ValueOutOfRange';
        check(column('day', 1, ''), invalid, '`day` is not a kind');
        check(column('double', {1}, ''), invalid, 'is double, not a 1x1 cell');
        check(column('text', {1}, ''), invalid, 'row 0, attribute `x` is text');
        check(column('text', {'a'; ['a'; 'b']}, ''), invalid, 'row 1, attribute `x` is one row of text');
        check(column('tensor', [1 2], '<array int8 (2,)>'), invalid, 'is a cell of arrays');
        check(column('tensor', {[1 2 3]}, '<array int8 (2,)>'), wrong, 'the 2 elements');
        check(column('tensor', {[1 2]; [300 4]}, '<array int8 (2,)>'), range, 'row 1, attribute `x`');
        check(column('tensor', {[1.5; 2]}, '<array int64 (2,)>'), range, 'int64');
        check(column('tensor', {[1i; 2]}, '<array float64 (2,)>'), wrong, 'real numbers');
        check(column('tensor', {[1; 2]}, 'int8'), invalid, '`int8` is not a type of an array');
        two = [column('double', [1; 2], ''), column('double', 1, '')];
        check(two, invalid, 'differ in length');
        """
    )


def test_damaged_streams_are_refused(octave: Octave, tmp_path: Path) -> None:
    """Cut or changed anywhere, a stream is read or refused, and nothing else."""
    schema = pa.schema(
        [
            pa.field("d", pa.decimal128(20, 2)),
            pa.field("e", pa.dictionary(pa.int32(), pa.utf8())),
            pa.field("t", pa.utf8()),
            pa.field("v", pa.fixed_shape_tensor(pa.int16(), (2, 2)), metadata={"levada.type": "<array int16 (2,2)>"}),
            pa.field("o", pa.struct({"id": pa.utf8(), "size": pa.int64()})),
        ]
    )
    tensors = pa.ExtensionArray.from_storage(
        schema.field("v").type, pa.FixedSizeListArray.from_arrays(pa.array(range(12), pa.int16()), 4)
    )
    rows = [
        pa.array([Decimal("1.50"), None, Decimal("-3.00")], schema.field("d").type),
        pa.array(["low", "high", None]).dictionary_encode(),
        pa.array(["a", None, "🐭"]),
        tensors,
        pa.array([{"id": "x", "size": 1}, None, {"id": "y", "size": None}], schema.field("o").type),
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for _ in range(2):
            writer.write_batch(pa.record_batch(rows, schema=schema))
    whole = sink.getvalue().to_pybytes()
    random_state = random.Random(7)
    (tmp_path / "0").write_bytes(whole)
    for index in range(1, 400):
        damaged = bytearray(whole[: random_state.randrange(len(whole))] if index % 2 else whole)
        for _ in range(random_state.randrange(1, 6) * (index % 2 == 0)):
            damaged[random_state.randrange(len(damaged))] = random_state.randrange(256)
        (tmp_path / str(index)).write_bytes(bytes(damaged))
    octave.run(
        _HELPERS
        + """
        refused = 0;
        for i = 0:399
            file = fopen(fullfile(folder, num2str(i))); bytes = fread(file, Inf, '*uint8')'; fclose(file);
            try
                columns = levada.internal.rows.decodeColumns({bytes(1:floor(end / 2)), bytes(floor(end / 2) + 1:end)});
                if i == 0
                    expect(columns.row_count == 6, 'rows');
                    expect(strcmp(columns.columns(5).kind, 'struct'), 'an object is a struct of columns');
                    expect(isequal(split(columns.columns(5).columns(1)), {'x', '', 'y', 'x', '', 'y'}), 'ids');
                    expect(isequal(columns.columns(4).values(:, :, 1), [0 1; 2 3]), 'rows of an array');
                end
            catch told
                expect(any(strcmp(told.identifier, {'levada:WrongValue', 'levada:Unsupported'})), ...
                    [told.identifier ' ' told.message]);
                refused = refused + 1;
            end
        end
        expect(refused > 100, sprintf('%d were refused', refused));
        """,
        folder=str(tmp_path),
    )
