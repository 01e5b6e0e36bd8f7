"""The rows of one insert of a `make`, kept until its job is completed: as batches while few, then on disk."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from levada._values.few_rows import stream_of
from levada._values.rows import PIECE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from levada_api.v1 import row_service_pb2, schema_pb2

_FEW_BYTES = 2**18
"""Up to this size rows are kept as batches, and beyond it as the stream in which they are sent."""
_MEMORY_BYTES = 8 * 2**20
"""Up to this size such a stream is in memory, and beyond it on disk."""


class BufferedInsert:
    """The rows of one insert; `close` frees them.

    Args:
        table: The table to insert into.
        options: The options of the insert.
        location: The place of the insert in the user's code, `file:line`.
        schema: The Arrow schema of the rows.

    Attributes:
        row_count: The number of rows.
        byte_count: The size of their columns in bytes.
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
        self._content: IO[bytes] | None = None  # of the stream, once the rows are too many
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._kept = 0  # how much of either to keep if an added row is wrong
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
        """Add more rows, all or none; the iterable may raise an error if a row is wrong."""
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
        """Move the rows into a stream."""
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
        """The rows as batches, if they are few."""
        return self._few if self._content is None else None

    def ipc_pieces(self) -> Iterator[bytes]:
        """Yield the rows as one Arrow IPC stream, piece by piece; no rows can be added afterwards."""
        if self._content is None or self._writer is None:
            yield stream_of(self.schema, self._few)
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
