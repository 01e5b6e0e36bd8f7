"""Binary COPY, without a database: encoded rows are decoded, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levada_server.arrow.copy.binary import LONG_ROW_BYTES, MARK, CopyReader
from levada_server.arrow.copy.encoder import encode, encode_any
from levada_server.arrow.ipc.batches import record_batch
from levada_server.arrow.types import COLUMN_KINDS, arrow_schema, storage_type
from levada_server.errors import ValueOutOfRange
from levada_server.model.kinds import Kind
from levada_server.model.spans import bindable
from levada_server.model.types import AttributeType, parse_type
from tests.support.typed_columns import START_OF_ROW, TABLES, Drawn, drawn_of, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.heading import Heading

INT32 = AttributeType(Kind.INT32)


def test_every_kind_has_a_column_kind() -> None:
    assert set(COLUMN_KINDS) == set(Kind)


def stored(values: Sequence[object], type_: AttributeType) -> pa.Array:
    plain = [v.bytes if type_.kind is Kind.UUID and v is not None else v for v in values]  # type: ignore[attr-defined]  # UUIDs
    return pa.array(plain, storage_type(type_))


def copied(drawn: Drawn) -> bytes:
    """Return the bytes that COPY would send for some rows."""
    types = [a.type for a in drawn.heading]
    count = len(drawn.columns[0])
    arrays = [pa.array([MARK] * count, pa.int32()), *map(stored, drawn.columns, types)]
    return b"".join(encode(arrays, [INT32, *types], count))


def read(content: bytes, head: Heading, cuts: Sequence[int] = ()) -> pa.Table:
    reader = CopyReader(head)
    places = [0, *sorted(cuts), len(content)]
    pieces = [content[begin:end] for begin, end in pairwise(places)]
    batches = [batch for piece in pieces if (batch := reader.read([piece])) is not None]
    reader.finish()
    for batch in batches:
        batch.validate(full=True)
    return pa.Table.from_batches(batches, reader.schema)


def same(found: pa.Table, expected: pa.Table) -> bool:
    """Compare tables as printed, which distinguishes 0.0 from -0.0, and NaN from NULL."""
    return bool(found.schema == expected.schema) and repr(found.to_pylist()) == repr(expected.to_pylist())


@settings(max_examples=300, deadline=None)
@given(TABLES, st.data())
def test_rows_are_what_they_were_however_the_bytes_are_cut(drawn: Drawn, data: st.DataObject) -> None:
    content = copied(drawn)
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=4))
    rows = list(zip(*(map(bindable, column) for column in drawn.columns), strict=True))
    expected = record_batch(rows, drawn.heading, arrow_schema(drawn.heading))
    assert same(read(content, drawn.heading, cuts), pa.Table.from_batches([expected]))


@pytest.mark.parametrize("size", [0, 10, LONG_ROW_BYTES - 40, LONG_ROW_BYTES, 50_000])
def test_what_looks_like_the_start_of_a_row_is_none_inside_of_a_value(size: int) -> None:
    rng = np.random.default_rng(size)
    planted: list[object] = [
        START_OF_ROW * 3,
        START_OF_ROW[1:],
        START_OF_ROW + START_OF_ROW[:5],
        b"",
        rng.bytes(size),
        b"\xf7" * size,
    ]
    head = heading([INT32, parse_type("bytes"), INT32])
    columns: tuple[list[object], ...] = (
        [MARK, 0, None, MARK, 1, 2] * 50,
        planted * 50,
        [None, MARK, 4, 5, MARK, MARK] * 50,
    )
    table = read(copied(Drawn(head, columns)), head)
    assert [table.column(i).to_pylist() for i in range(3)] == list(columns)


def test_a_heading_without_attributes_counts_its_rows() -> None:
    content = b"".join(encode([pa.array([MARK] * 3, pa.int32())], [INT32], 3))
    assert read(content, heading([])).num_rows == 3


@pytest.mark.parametrize(
    ("wire", "sent", "type_"),
    [
        ("int16", 128, "int8"),
        ("int32", -1, "uint16"),
        ("int64", 2**32, "uint32"),
        ("text", "c", "enum('a', 'b')"),
        ("decimal(9,2)", "1.25", "decimal(9,1)"),
        ("decimal(9,0)", "100", "decimal(2,0)"),
        ("decimal(38,0)", "9" * 38, "decimal(37,0)"),
        ("int64", -(2**62), "datetime"),
        ("int64", 86_400 * 10**6, "time"),
        ("int32", 2**31 - 2, "date"),
    ],
)
def test_a_value_that_the_heading_does_not_hold_is_refused(wire: str, sent: object, type_: str) -> None:
    sent_as = parse_type(wire)
    value = pa.array([sent]).cast(storage_type(sent_as))
    mark = pa.array([MARK], pa.int32())
    content = b"".join(encode([mark, value], [INT32, sent_as], 1))
    with pytest.raises(ValueOutOfRange):
        read(content, heading([parse_type(type_)]))


@settings(max_examples=200, deadline=None)
@given(drawn_of([kind for kind in Kind if COLUMN_KINDS[kind].copied_by_pgpq]))
def test_both_encoders_write_the_same_bytes(drawn: Drawn) -> None:
    types = [a.type for a in drawn.heading]
    count = len(drawn.columns[0])
    arrays = [*map(stored, drawn.columns, types)]
    assert b"".join(encode(arrays, types, count)) == b"".join(encode_any(arrays, types, count))
