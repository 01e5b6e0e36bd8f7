"""Convert Arrow from a client to columns that fit a table: match names, cast types, report each error with its row."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from levada_server.arrow.ipc.coercion import check_codes, check_column, decoded_bytes, fit_column
from levada_server.arrow.ipc.reading import Allowance, CheckedStream, valid_stream
from levada_server.arrow.types import COLUMN_KINDS
from levada_server.errors import InvalidRequest, MissingAttribute, UnknownAttribute
from levada_server.model.assignment import may_be_left_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada_server.arrow.ipc.reading import BatchSize
    from levada_server.arrow.kinds.column_kind import ColumnKind
    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table

PART_BYTES = 64 * 2**20
"""Soft limit on the bytes of rows handled at once; a client may send larger batches."""

STREAM_BYTES = 2**37
STREAM_VALUES = 2**36
"""The most that all batches of a stream take once they are decoded: some bytes of each may stand for many."""

TOGETHER = 4 * 2**20
"""Values of all small streams that are read together; they come in messages of few bytes."""
CELL_BYTES = 16
"""The least that a value takes once it is fitted, however little it takes before."""

EMPTY_BYTES = 2**16
"""The most that the columns of a batch without rows take."""

END = b"\xff\xff\xff\xff\0\0\0\0"
"""The last bytes of an Arrow IPC stream."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of a table, as columns.

    Args:
        first_row: The number of the first row within its insert, from 0.
        attributes: The attributes that the rows have, in heading order.
        arrays: One column for each attribute, of the type that `storage_type` returns.
        row_count: The length of each column.
    """

    first_row: int
    attributes: tuple[Attribute, ...]
    arrays: tuple[pa.Array, ...]
    row_count: int

    @property
    def size(self) -> int:
        """The size of the columns in bytes."""
        return sum(array.nbytes for array in self.arrays)

    def values(self, names: Sequence[str]) -> list[list[object]]:
        """Return some columns as lists of the values that the driver binds."""
        return [kind.to_driver(array) for kind, array in self._named(names)]

    def python_values(self, names: Sequence[str]) -> list[list[object]]:
        """Return some columns as lists of the values of Python that their types have."""
        return [(kind.to_python or kind.to_driver)(array) for kind, array in self._named(names)]

    def row(self, index: int, names: Sequence[str]) -> list[object]:
        """Return the values that one row has under some names."""
        return [value for (value,) in self._slice(index).python_values(names)]

    def check_sizes(self, table: Table, limit_bytes: int) -> None:
        """Refuse values that are too large for a row.

        Raises:
            LimitReached: A value is too large; the error names it.
        """
        for attribute, array in zip(self.attributes, self.arrays, strict=True):
            check_column(array, attribute, table, self.first_row, limit_bytes)

    def _named(self, names: Sequence[str]) -> list[tuple[ColumnKind, pa.Array]]:
        by_name = {a.name: (a, array) for a, array in zip(self.attributes, self.arrays, strict=True)}
        return [(COLUMN_KINDS[a.type.kind], array) for a, array in map(by_name.__getitem__, names)]

    def _slice(self, index: int) -> Columns:
        arrays = tuple(array.slice(index, 1) for array in self.arrays)
        return Columns(self.first_row + index, self.attributes, arrays, 1)


class RowStream:
    """The rows of a table in an Arrow IPC stream, part by part; iterating and its methods block.

    Nothing is read before they are called. They raise:
        InvalidRequest: The stream is not an Arrow IPC stream.
        LimitReached: A batch would take too much memory.
        UnknownAttribute: A column is not an attribute, and `ignore_extra_fields` is not set.
        MissingAttribute: An attribute without default has no column, or no value in some row.
        WrongValue: A value does not fit; the error names row and attribute.

    Args:
        content: The stream.
        table: The table.
        ignore_extra_fields: Ignore columns that are not attributes.
    """

    def __init__(self, content: pa.NativeFile, table: Table, *, ignore_extra_fields: bool) -> None:
        self._content = content
        self._table = table
        self._ignore_extra_fields = ignore_extra_fields
        self._stream: CheckedStream | None = None
        self._matched: list[tuple[int, Attribute]] = []
        self._parts: deque[pa.RecordBatch] = deque()
        self._row = 0

    def __iter__(self) -> RowStream:
        return self

    def __next__(self) -> Columns:
        if self.needed_bytes() is None:
            raise StopIteration
        return self.take()

    def needed_bytes(self) -> int | None:
        """Return how much more memory `take` needs: none for a part of a batch that is decoded; None at the end."""
        if self._parts:
            return 0
        with valid_stream("The rows", table=self._table.name):
            stream = self._opened()
            while (size := stream.check_next()) is not None and not size.rows and size.bytes <= EMPTY_BYTES:
                stream.read()
            if size is None:
                assert stream.read() is None, "a batch that was not checked"
                _check_end(self._content, self._table)
                return None
            return _memory_bytes(size)

    def take(self) -> Columns:
        """Return the next rows, after `needed_bytes`."""
        with valid_stream("The rows", table=self._table.name):
            if not self._parts:
                batch = self._opened().read()
                assert batch is not None
                for index, attribute in self._matched:
                    check_codes(batch.column(index), attribute)
                self._parts.extend(_parts(batch))
            part = self._parts.popleft()
            columns = tuple(fit_column(part.column(index), a, self._table, self._row) for index, a in self._matched)
            fitted = Columns(self._row, tuple(attribute for _, attribute in self._matched), columns, part.num_rows)
            self._row += part.num_rows
            return fitted

    def _opened(self) -> CheckedStream:
        if self._stream is None:
            allowance = Allowance(STREAM_BYTES, STREAM_VALUES)
            self._stream = CheckedStream(self._content, nested=True, allowance=allowance)
            self._matched = _match_columns(
                self._stream.schema, self._table, ignore_extra_fields=self._ignore_extra_fields
            )
        return self._stream


def memory_needs(content: pa.NativeFile) -> Iterator[int]:
    """Yield how much memory each batch of a stream needs, without decoding it; this blocks.

    Raises:
        InvalidRequest: The stream is not an Arrow IPC stream.
        LimitReached: A batch would take too much memory.
    """
    with valid_stream("The rows"):
        stream = CheckedStream(content, nested=True)
        while (size := stream.check_next()) is not None:
            yield _memory_bytes(size)
            stream.skip()


def _memory_bytes(size: BatchSize) -> int:
    """Return what a batch takes with its dictionaries, one part that is inserted, and one that is made meanwhile."""
    part = max(size.bytes, size.values * (CELL_BYTES + size.dictionary_bytes))
    return size.bytes + size.dictionary_bytes + 2 * min(part, PART_BYTES)


class Share(NamedTuple):
    """The part of a stream to read: its first row, its number of rows, and the number of rows in the stream."""

    first_row: int
    row_count: int
    total_count: int


def read_streams(
    contents: Sequence[tuple[pa.NativeFile, Sequence[Share]]],
    table: Table,
    *,
    ignore_extra_fields: bool,
    limit_bytes: int = PART_BYTES,
) -> tuple[list[Columns], list[int]]:
    """Read small Arrow IPC streams for one table together, and combine streams with the same columns.

    Rows are numbered within the combined streams.

    Args:
        contents: The streams, each with the parts to read, in order and without overlap; without parts, all is read.
        table: The table.
        ignore_extra_fields: Ignore columns that are not attributes.
        limit_bytes: The most that all take once they are decoded.

    Returns:
        The columns, and the number of rows read from each stream.

    Raises:
        InvalidRequest: A stream's number of rows differs from the given one.
        LimitReached: They take more.
        LevadaError: As for `RowStream`.
    """
    alike: list[tuple[pa.Schema, list[pa.RecordBatch]]] = []
    counts = []
    allowance = Allowance(limit_bytes, TOGETHER)
    with valid_stream("The rows", table=table.name):
        for content, shares in contents:
            stream = CheckedStream(content, nested=True, allowance=allowance)
            batches = list(stream.batches())
            _check_end(content, table)
            batches = _shared(batches, shares, table)
            counts.append(sum(batch.num_rows for batch in batches))
            same = next((found for schema, found in alike if schema.equals(stream.schema, check_metadata=True)), None)
            if same is None:
                alike.append((stream.schema, batches))
            else:
                same.extend(batches)
        columns = [_put_together(schema, batches, table, ignore_extra_fields) for schema, batches in alike]
    return columns, counts


def _shared(batches: list[pa.RecordBatch], shares: Sequence[Share], table: Table) -> list[pa.RecordBatch]:
    total = sum(batch.num_rows for batch in batches)
    for share in shares:
        if share.total_count != total:
            raise InvalidRequest(
                f"A stream has {total} rows of `{table.name}`, but its jobs should have {share.total_count}.",
                table=table.name,
                field="row_counts",
            )
    if sum(share.row_count for share in shares) == total or not shares:
        return batches
    taken = []
    for share in shares:
        first, last = share.first_row, share.first_row + share.row_count
        for batch in batches:
            if first < batch.num_rows and last > 0 and share.row_count:
                begin = max(first, 0)
                taken.append(batch.slice(begin, min(last, batch.num_rows) - begin))
            first, last = first - batch.num_rows, last - batch.num_rows
    return taken


def _put_together(
    schema: pa.Schema, batches: Sequence[pa.RecordBatch], table: Table, ignore_extra_fields: bool
) -> Columns:
    matched = _match_columns(schema, table, ignore_extra_fields=ignore_extra_fields)
    whole = pa.Table.from_batches(batches, schema).combine_chunks()
    arrays = []
    for index, attribute in matched:
        column = whole.column(index)
        chunks = column.chunks or [pa.nulls(0, column.type)]
        arrays.append(fit_column(pa.concat_arrays(chunks), attribute, table, 0))
    return Columns(0, tuple(attribute for _, attribute in matched), tuple(arrays), whole.num_rows)


def _check_end(content: pa.NativeFile, table: Table) -> None:
    """Check that the reader stopped at the end marker, because Arrow accepts a stream that is cut between batches."""
    end = content.tell()
    content.seek(max(end - len(END), 0))
    if content.read(len(END)) != END:
        raise InvalidRequest("The rows are cut off: their Arrow IPC stream lacks its end.", table=table.name)


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve a batch until each part is small, or a single row."""
    if batch.num_rows <= 1 or sum(map(_own_bytes, batch.columns)) <= PART_BYTES:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _parts(batch.slice(0, middle))
    yield from _parts(batch.slice(middle))


def _own_bytes(column: pa.Array) -> int:
    """Count what a column takes, at least, once it is fitted."""
    return max(decoded_bytes(column), len(column) * CELL_BYTES)


def _match_columns(schema: pa.Schema, table: Table, *, ignore_extra_fields: bool) -> list[tuple[int, Attribute]]:
    unknown = [name for name in schema.names if name not in table.heading]
    if unknown and not ignore_extra_fields:
        raise UnknownAttribute(
            f"`{table.name}` has no attribute {', '.join(f'`{name}`' for name in unknown)}; it has "
            f"{', '.join(table.heading.names)}. Pass ignore_extra_fields=True to insert the rest.",
            table=table.name,
            attribute=unknown[0],
        )
    positions = {name: index for index, name in enumerate(schema.names)}
    if not any(name in positions for name in table.heading.names):
        raise InvalidRequest(f"The rows have no attribute of `{table.name}`; give at least one.", table=table.name)
    for attribute in table.heading:
        if attribute.name not in positions and not may_be_left_out(attribute):
            raise MissingAttribute(
                f"`{table.name}` needs a value for `{attribute.name}`, which has no default, and the rows have none.",
                table=table.name,
                attribute=attribute.name,
                row=0,
            )
    return [(positions[a.name], a) for a in table.heading if a.name in positions]


def unfilled(columns: Columns) -> bool:
    """Return whether `filled` cannot fill in all missing values.

    Only the database knows the next number of a sequence and the time; if all values were missing, no column would
    remain.
    """
    partly = [
        attribute
        for attribute, array in zip(columns.attributes, columns.arrays, strict=True)
        if 0 < array.null_count < columns.row_count
    ]
    return all(array.null_count == columns.row_count for array in columns.arrays) or any(
        attribute.auto_increment or (attribute.default is not None and attribute.default.current_timestamp)
        for attribute in partly
    )


def filled(columns: Columns) -> Columns:
    """Fill in the defaults of missing values, and drop columns without any value; do neither if `unfilled`."""
    kept = []
    for attribute, array in zip(columns.attributes, columns.arrays, strict=True):
        default = attribute.default
        if array.null_count == columns.row_count:
            continue
        if array.null_count and default is not None and not default.null:
            constant = COLUMN_KINDS[attribute.type.kind].fit_value(default.text, attribute.type)
            array = array.fill_null(pa.scalar(constant, array.type))
        kept.append((attribute, array))
    attributes, arrays = zip(*kept, strict=True)
    return Columns(columns.first_row, attributes, arrays, columns.row_count)
