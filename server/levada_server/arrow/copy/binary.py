"""Decode PostgreSQL's binary COPY format to Arrow record batches, many rows at a time."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from levada_server.arrow.copy.layout import Layout, end_of_columns
from levada_server.arrow.ipc.batches import assemble
from levada_server.arrow.types import COLUMN_KINDS, arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from levada_server.arrow.kinds.column_kind import Array, Field
    from levada_server.model.heading import Heading

MARK = -0x08070505
"""The first column of every row. Its bytes do not occur in UTF-8, so text is never mistaken for the start of a row."""

LONG_ROW_BYTES = 1024
"""For longer rows, going from one row to the next is quicker than searching all their bytes for marks."""

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_HEADER = struct.Struct(f">{len(_SIGNATURE)}sii")
HEADER = _HEADER.pack(_SIGNATURE, 0, 0)
TRAILER = b"\xff\xff"
_COLUMNS_BYTES = 2
_LENGTH = struct.Struct(">i")
_START = struct.pack(">ii", 4, MARK)
_START_BYTES = _COLUMNS_BYTES + len(_START)
_START_WORD = int.from_bytes(_START, "big")
_MARK_BYTE = _START[4]


class CopyReader:
    """Decodes the bytes of `COPY (SELECT MARK, …) TO STDOUT (FORMAT binary)` into record batches.

    A row begins with the number of its columns; each column is its length, or -1 for NULL, and its bytes. Without a
    mark, only going from row to row would find where rows begin. The mark finds the starts in one pass: each mark is a
    candidate, the ends of all candidates are computed at once, and a candidate is a row if it starts at the end of the
    row before. A mark inside a value is not such a start.

    Source: PostgreSQL manual, COPY, "Binary Format".
    """

    def __init__(self, heading: Heading) -> None:
        """Begin to read rows with the mark and then the columns of the heading, in the types of `wire_type`."""
        self.schema = arrow_schema(heading)
        self._decoders = [
            (COLUMN_KINDS[attribute.type.kind].decode, field.type, attribute.type)
            for attribute, field in zip(heading, self.schema, strict=True)
        ]
        self._layout = Layout(heading)
        self._rest = b""
        self._begun = False

    def read(self, pieces: Iterable[bytes]) -> pa.RecordBatch | None:
        """Take the next bytes; return the rows that are now complete, or None if there are none.

        Raises:
            ValueOutOfRange: Arrow's type of a column cannot hold a value.
        """
        padding_bytes = self._layout.padding_bytes
        data = b"".join((self._rest, *pieces, bytes(padding_bytes)))
        size, begin = len(data) - padding_bytes, 0
        if not self._begun:
            if size < _HEADER.size:
                self._rest = data[:size]
                return None
            signature, _, extension_bytes = _HEADER.unpack_from(data)
            assert signature == _SIGNATURE
            assert not extension_bytes
            begin, self._begun = _HEADER.size, True
        fields, count, end = self._rows(np.frombuffer(data, np.uint8), begin, size)
        self._rest = data[end:size]
        if not count:
            return None
        arrays = [
            decode(field, arrow, type_) for (decode, arrow, type_), field in zip(self._decoders, fields, strict=True)
        ]
        return assemble(arrays, count, self.schema)

    def finish(self) -> None:
        """Check that the stream has come to its end."""
        assert self._rest == TRAILER, "COPY ended in the middle of a row"

    def _rows(self, octets: Array, first: int, size: int) -> tuple[list[Field], int, int]:
        """Find the columns of the complete rows, the number of those rows, and the end of the last one."""
        columns = len(self._decoders)
        second = _end_of_row(octets, first, size, columns)
        if second is None:
            return [], 0, first
        if second - first > LONG_ROW_BYTES:
            starts = _walk(octets, first, size, columns)
            fields, ends = self._layout.columns(octets, starts + _START_BYTES, size)
            return fields, len(starts), int(ends[-1])
        starts = _marked(octets[:size], first)
        fields, ends = self._layout.columns(octets, starts + _START_BYTES, size)
        last = len(starts) - int(ends[-1] > size)  # often all candidates are rows, and the last one is not complete
        rows: Array | slice = slice(last)
        if ends[last - 1] > size or not np.array_equal(ends[: last - 1], starts[1:last]):
            rows = _chain(starts, ends, size)
        ends = ends[rows]
        return [field.choose(rows) for field in fields], len(ends), int(ends[-1])


def _end_of_row(octets: Array, start: int, size: int, columns: int) -> int | None:
    """Return the end of the row that begins at `start`; None if it is not complete, or is the trailer."""
    return end_of_columns(octets, start + _START_BYTES, size, columns)


def _walk(octets: Array, start: int, size: int, columns: int) -> Array:
    """Find the starts of complete rows by going from one to the next."""
    starts: list[int] = []
    read_length, content = _LENGTH.unpack_from, octets.data
    last_length = size - _LENGTH.size
    position = start + _START_BYTES
    # This repeats `end_of_columns` inline, because it takes most of the time of large values.
    while True:
        for _ in range(columns):
            if position > last_length:
                return np.array(starts, np.int64)
            (length,) = read_length(content, position)
            position += _LENGTH.size + (length if length > 0 else 0)
        if position > size:
            return np.array(starts, np.int64)
        starts.append(start)
        start = position
        position += _START_BYTES


def _marked(octets: Array, first: int) -> Array:
    """Find where rows may begin: all starts from `first` on, and any other place with the mark."""
    marks = np.flatnonzero(octets[first + _START_BYTES - 4 : octets.size - 3] == _MARK_BYTE)
    marks += first + _START_BYTES - len(_START)
    words = np.ndarray((octets.size - 7,), ">u8", octets, strides=(1,))
    starts: Array = marks[words[marks] == _START_WORD] - _COLUMNS_BYTES
    return starts


def _chain(starts: Array, ends: Array, size: int) -> Array:
    """Choose the candidates that are rows: the first one, the one that begins where it ends, and so on."""
    following = np.searchsorted(starts, ends).tolist()
    begins, stops = starts.tolist(), ends.tolist()
    rows, row = [], 0
    while row < len(begins) and stops[row] <= size:
        rows.append(row)
        nearest = following[row]
        if nearest == len(begins) or begins[nearest] != stops[row]:
            break
        row = nearest
    return np.array(rows, np.int64)
