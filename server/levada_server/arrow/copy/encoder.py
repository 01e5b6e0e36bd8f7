"""Encode Arrow columns in PostgreSQL's binary COPY format, many rows at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pgpq
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.copy.binary import HEADER, TRAILER
from levada_server.arrow.types import COLUMN_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada_server.arrow.kinds.column_kind import Array
    from levada_server.model.types import AttributeType

PIECE_BYTES = 2**18
"""Soft limit on the bytes of Arrow columns encoded at once: less than the sockets hold, so neither side waits."""

_NULL = b"\xff\xff\xff\xff"


def encode(columns: Sequence[pa.Array], types: Sequence[AttributeType], row_count: int) -> Iterator[memoryview]:
    """Yield columns as the bytes of `COPY … FROM STDIN (FORMAT binary)`, piece by piece.

    A row is the number of its columns, then the length and the bytes of each. pgpq writes the rows if it knows all
    types; otherwise NumPy does.

    Args:
        columns: Columns of the types of `storage_type`; at least one.
        types: The types of the attributes.
        row_count: The length of each column.

    Source: PostgreSQL manual, COPY, "Binary Format".
    """
    write = _encode_plain if all(COLUMN_KINDS[type_.kind].copied_by_pgpq for type_ in types) else encode_any
    yield from write(columns, types, row_count)


def _encode_plain(columns: Sequence[pa.Array], _: Sequence[AttributeType], row_count: int) -> Iterator[memoryview]:
    names = [str(number) for number in range(len(columns))]
    batch = pa.RecordBatch.from_arrays(list(columns), names)
    encoder = pgpq.ArrowToPostgresBinaryEncoder(batch.schema)
    yield memoryview(encoder.write_header())
    for start, stop in _slices(columns, 0, row_count):
        # It returns its bytes once there are many; until then a piece is empty.
        yield memoryview(encoder.write_batch(batch.slice(start, stop - start)))
    yield memoryview(encoder.finish())


def encode_any(columns: Sequence[pa.Array], types: Sequence[AttributeType], row_count: int) -> Iterator[memoryview]:
    """Encode columns of any types.

    Neighbouring columns of fixed width become one array of records; Arrow then joins those and the columns of texts
    and bytes row by row.
    """
    yield memoryview(HEADER)
    for start, stop in _slices(columns, 0, row_count):
        yield _rows([column.slice(start, stop - start) for column in columns], types)
    yield memoryview(TRAILER)


def _slices(columns: Sequence[pa.Array], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Halve the rows until each part is small, or a single row."""
    size = sum(column.slice(start, stop - start).nbytes for column in columns)
    if stop - start <= 1 or size <= PIECE_BYTES:
        if stop > start:
            yield start, stop
        return
    middle = (start + stop) // 2
    yield from _slices(columns, start, middle)
    yield from _slices(columns, middle, stop)


class _Parts:
    """The parts of some rows, each a column of binary values: joined row by row, they form the rows."""

    def __init__(self, row_count: int) -> None:
        self._row_count = row_count
        self._done: list[pa.Array] = []
        self._fixed: list[tuple[Any, Any]] = []  # Any: what NumPy accepts as a type, and as values

    def add(self, wire: str, values: Array | int) -> None:
        """Append values of one width, or one value for all rows."""
        self._fixed.append((wire, values))

    def add_binary(self, values: pa.Array) -> None:
        """Append values of any widths."""
        self._flush()
        self._done.append(values)

    def _flush(self) -> None:
        if self._fixed:
            self._done.append(_records(self._fixed, self._row_count))
            self._fixed = []

    def joined(self) -> memoryview:
        """Return the rows, one after the other."""
        self._flush()
        rows = pc.binary_join_element_wise(*self._done, pa.scalar(b"", pa.large_binary()))
        return memoryview(rows.buffers()[2])


def _rows(columns: Sequence[pa.Array], types: Sequence[AttributeType]) -> memoryview:
    row_count = len(columns[0])
    parts = _Parts(row_count)
    parts.add(">i2", len(columns))
    for column, type_ in zip(columns, types, strict=True):
        values = COLUMN_KINDS[type_.kind].encode(column, type_)
        if isinstance(values, pa.Array):
            parts.add(">i4", pc.binary_length(values).fill_null(-1).to_numpy())
            parts.add_binary(values.fill_null(b""))
            continue
        width = values.dtype.itemsize
        if column.null_count:
            # A missing value has a length of -1 and no bytes.
            given = _records([(">i4", width), (values.dtype, values)], row_count)
            parts.add_binary(pc.if_else(column.is_valid(), given, pa.scalar(_NULL, pa.large_binary())))
        else:
            parts.add(">i4", width)
            parts.add(values.dtype.str, values)
    return parts.joined()


def _records(fields: Sequence[tuple[Any, Any]], row_count: int) -> pa.Array:  # Any: as in _Parts
    """Put values of fixed width side by side, as one binary value a row."""
    records = np.empty(row_count, [(str(i), dtype) for i, (dtype, _) in enumerate(fields)])
    for i, (_, values) in enumerate(fields):
        records[str(i)] = values
    width = records.dtype.itemsize
    offsets = np.arange(row_count + 1) * width
    return pa.Array.from_buffers(pa.large_binary(), row_count, [None, pa.py_buffer(offsets), pa.py_buffer(records)])
