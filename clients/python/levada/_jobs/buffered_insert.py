"""The rows of one insert of a `make` until its job is completed: as they are while they are few, else on disk."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from levada._values.rows import PIECE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from levada_api.v1 import row_service_pb2, schema_pb2

_FEW_BYTES = 2**18
"""Rows are kept as they are up to here, and as the stream that they are sent in beyond."""
_MEMORY_BYTES = 8 * 2**20
"""Such a stream is in memory up to this size, and on disk beyond."""


class BufferedInsert:
    """The rows of one insert; `close` frees them.

    Args:
        table: Where they go.
        options: How.
        location: Where in the user's code the insert stands, `file:line`.
        schema: Of the rows.

    Attributes:
        row_count: How many there are.
        byte_count: Bytes of their columns.
    """

    def __init__(
        self, table: schema_pb2.TableName, options: row_service_pb2.InsertOptions, location: str, schema: pa.Schema
    ) -> None:
        self.table = table
        self.options = options
        self.location = location
        self.schema = schema
        self.row_count = 0
        self.byte_count = 0
        self._few: list[pa.RecordBatch] = []
        self._content: IO[bytes] | None = None  # of the stream, once they are not few any more
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._kept = 0  # what is left of either when the rows that are being added prove wrong
        self._kept_bytes = 0

    def is_like(self, other: BufferedInsert) -> bool:
        """Return whether another insert does the same with rows of the same columns."""
        return (
            self.location == other.location
            and self.table == other.table
            and self.options == other.options
            and bool(self.schema.equals(other.schema, check_metadata=True))
        )

    def add(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take more rows, all or none; taking them from the iterable may raise what is wrong with one."""
        before = self.row_count, self.byte_count
        self._kept = len(self._few)
        if self._content is not None:
            self._kept_bytes = self._content.tell()
        try:
            for batch in batches:
                self._add(batch)
        except BaseException:
            self.row_count, self.byte_count = before
            if self._content is None:
                del self._few[self._kept :]
            else:
                self._content.seek(self._kept_bytes)
                self._content.truncate()
            raise

    def _add(self, batch: pa.RecordBatch) -> None:
        self.row_count += batch.num_rows
        self.byte_count += batch.nbytes
        if self._writer is None and self.byte_count > _FEW_BYTES:
            self._open()
        if self._writer is None:
            self._few.append(batch)
        else:
            self._writer.write_batch(batch)

    def _open(self) -> None:
        """Turn to a stream."""
        self._content = _spool()
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._content, "w"), self.schema)
        few, self._few = self._few, []
        for batch in few[: self._kept]:
            self._writer.write_batch(batch)
        self._kept_bytes = self._content.tell()
        for batch in few[self._kept :]:
            self._writer.write_batch(batch)

    @property
    def few(self) -> Sequence[pa.RecordBatch] | None:
        """The rows, if they are few."""
        return self._few if self._content is None else None

    def ipc_pieces(self) -> Iterator[bytes]:
        """Write the rows as one Arrow IPC stream, piece by piece; no more are added from then on."""
        if self._content is None or self._writer is None:
            yield few_rows_stream(self.schema, self._few)
            return
        self._writer.close()
        self._content.seek(0)
        while piece := self._content.read(PIECE_BYTES):
            yield piece

    def close(self) -> None:
        """Free the rows."""
        if self._content is not None:
            self._content.close()


def _spool() -> IO[bytes]:
    return SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # the insert closes it


def few_rows_stream(schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> bytes:
    """Write some rows as one Arrow IPC stream."""
    content = pa.BufferOutputStream()
    with pa.ipc.new_stream(content, schema) as writer:
        if schema.names and len(batches) > 1:  # each batch has its cost; without columns they cannot be put together
            batches = pa.Table.from_batches(batches, schema).combine_chunks().to_batches()
        for batch in batches:
            writer.write_batch(batch)
    stream: bytes = content.getvalue().to_pybytes()
    return stream
