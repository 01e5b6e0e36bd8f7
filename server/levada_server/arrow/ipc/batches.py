"""Convert rows of PostgreSQL to Arrow record batches, and the batches to the bytes of an IPC stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from levada_server.arrow.ipc.compression import BatchWriter
from levada_server.arrow.ipc.ingest import END
from levada_server.arrow.types import COLUMN_KINDS, arrow_schema, arrow_type
from levada_server.errors import ValueOutOfRange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada_server.arrow.ipc.compression import Compression
    from levada_server.model.heading import Heading

BATCH_BYTES = 2**18
"""The approximate size of batches of short rows. PostgreSQL puts that much into a socket while the last batch is
decoded, so it need not wait, and its output arrives in one piece. Long rows are only copied, which is cheaper in larger
batches."""
MESSAGE_BYTES = 2**20
"""The approximate number of bytes of the stream in one message on the wire."""
_MOST_BYTES = MESSAGE_BYTES * 5 // 4
"""Up to this size one message is better than two."""

Piece: TypeAlias = "list[bytes | memoryview]"
"""The bytes of the stream for one message, from several buffers."""


class StreamWriter:
    """Encodes record batches as one Arrow IPC stream, piece by piece."""

    def __init__(self, schema: pa.Schema, compression: Compression | None = None) -> None:
        """Begin a stream.

        Args:
            schema: The columns.
            compression: How to compress large batches; None for not at all.
        """
        self._pending = _Pieces()
        self._begun = False
        self._writer = BatchWriter(self._pending, schema, compression)

    def add(self, batch: pa.RecordBatch, *, compressed: bool = True) -> None:
        """Append a batch, and keep its bytes for the next piece."""
        self._writer.write(batch, compressed=compressed)

    def write(self, batch: pa.RecordBatch, *, compressed: bool = True) -> list[Piece]:
        """Append a batch; return the ready bytes when they fill a message, and the first batch at once.

        Args:
            compressed: Whether to compress it, if the stream has a compression.
        """
        self.add(batch, compressed=compressed)
        if self._begun and self._pending.size <= MESSAGE_BYTES - BATCH_BYTES:
            return []
        self._begun = True
        return self._pending.take()

    def finish(self) -> list[Piece]:
        """End the stream and return the rest of its bytes; for an empty result, the whole stream."""
        self._writer.close()
        return self._pending.take()


def whole_stream(
    rows: Sequence[Sequence[object]], heading: Heading, take_batch: Callable[[pa.RecordBatch], None] = lambda _: None
) -> list[Piece]:
    """Convert a few rows, as the driver returns them, to one whole stream.

    Args:
        rows: The rows.
        heading: Their attributes.
        take_batch: Called with the batch of the rows, if there are any.

    Raises:
        ValueOutOfRange: Arrow's type of a column cannot hold a value.
    """
    schema = arrow_schema(heading)
    batch = record_batch(rows, heading, schema) if rows else None
    if batch is not None:
        take_batch(batch)
    return _in_pieces(_parts(schema, batch))


def _parts(schema: pa.Schema, batch: pa.RecordBatch | None) -> list[bytes | memoryview]:
    """Return the bytes of a stream with one batch or none."""
    if any(pa.types.is_dictionary(field.type) for field in schema):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            if batch is not None:
                writer.write_batch(batch)
        return [memoryview(sink.getvalue())]
    # Without dictionaries a stream is only a sequence of messages; a writer takes several times as long for one row.
    parts = [schema.serialize(), *(() if batch is None else (batch.serialize(),)), END]
    return [memoryview(part) for part in parts]


def stream_of(batch: pa.RecordBatch) -> bytes:
    """Return a batch of few rows as one whole stream."""
    return b"".join(_parts(batch.schema, batch if batch.num_rows else None))


class _Pieces:
    """A file that keeps its content until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self.size = 0

    def write(self, piece: bytes) -> int:
        self._written.append(piece)
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Do nothing: the pieces stay until they are taken."""

    def take(self) -> list[Piece]:
        written, self._written = self._written, []
        self.size = 0
        return _in_pieces(written)


def _in_pieces(parts: Sequence[bytes | memoryview]) -> list[Piece]:
    """Split bytes from several buffers into pieces that each go into one message."""
    size = sum(map(len, parts))
    if size <= _MOST_BYTES:
        return [list(parts)]
    whole = memoryview(b"".join(parts))
    count = -(-size // _MOST_BYTES)
    piece_bytes = -(-size // count)
    return [[whole[start : start + piece_bytes]] for start in range(0, size, piece_bytes)]


def record_batch(rows: Sequence[Sequence[object]], heading: Heading, schema: pa.Schema) -> pa.RecordBatch:
    """Convert rows, as the driver returns them, to a record batch of shape (len(rows), len(heading)).

    Raises:
        ValueOutOfRange: Arrow's type of a column cannot hold a value.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(heading.attributes)
    arrays = []
    for values, attribute in zip(columns, heading, strict=True):
        try:
            arrow = arrow_type(attribute.type)
            arrays.append(COLUMN_KINDS[attribute.type.kind].from_driver(values, arrow, attribute.type))
        except (pa.ArrowInvalid, KeyError) as error:
            raise ValueOutOfRange(
                f"`{attribute.name}` has a value outside the range of {attribute.type}: {error}.",
                attribute=attribute.name,
            ) from None
    return assemble(arrays, len(rows), schema)


def assemble(arrays: Sequence[pa.Array], row_count: int, schema: pa.Schema) -> pa.RecordBatch:
    """Combine columns; a batch without columns still has a number of rows."""
    if arrays:
        return pa.RecordBatch.from_arrays(arrays, schema=schema)
    rows = pa.array([{}] * row_count, pa.struct([]))
    return pa.RecordBatch.from_struct_array(rows).replace_schema_metadata(schema.metadata)
