"""Write record batches as an Arrow IPC stream whose large batches are compressed, for servers behind a slow link."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

COMPRESSIONS = tuple(name for name in ("zstd", "lz4") if pa.Codec.is_available(name))
"""Compressions by their names in Arrow, best first: on tables zstd takes twice the time of lz4 and two thirds of the
bytes, and it notices at once if there is nothing to gain."""
_FEWEST_BYTES = 2**14
"""A smaller batch is not compressed: it takes one packet or a few, and each of its buffers would grow by a header."""
_MOST_BYTES = 2**25
"""Nor is a larger one: a server refuses compressed batches that may take too much memory once they are decoded."""


class Sink(Protocol):
    """A file that takes bytes."""

    @property
    def closed(self) -> bool:
        """Whether it takes no more."""
        ...

    def write(self, piece: bytes, /) -> int:
        """Take bytes."""
        ...


class IpcWriter:
    """Writes record batches to a file as one stream.

    Each batch says by itself whether it is compressed, but a writer of Arrow treats all alike; so there are two, whose
    messages together are one stream.

    Args:
        sink: A file, where the stream goes.
        schema: The columns.
        compression: How to compress large batches, by Arrow's name; None for not at all.
    """

    def __init__(self, sink: Sink, schema: pa.Schema, compression: str | None) -> None:
        self._compressed: pa.RecordBatchStreamWriter | None = None
        if compression is None:
            self._plain = pa.ipc.new_stream(pa.PythonFile(sink, "w"), schema)
            return
        begin = schema.serialize()
        sink.write(begin.to_pybytes())
        self._plain = pa.ipc.new_stream(pa.PythonFile(_Behind(sink, begin.size), "w"), schema)
        options = pa.ipc.IpcWriteOptions(compression=compression)
        self._compressed = pa.ipc.new_stream(pa.PythonFile(_Behind(sink, begin.size), "w"), schema, options=options)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        fit = _FEWEST_BYTES <= batch.nbytes <= _MOST_BYTES
        writer = self._compressed if fit and self._compressed is not None else self._plain
        writer.write_batch(batch)

    def close(self) -> None:
        """End the stream."""
        self._plain.close()


class _Behind:
    """A file that takes what comes behind a schema, which it drops.

    Args:
        sink: The file for the rest.
        skipped_bytes: The size of the schema.
    """

    closed = False

    def __init__(self, sink: Sink, skipped_bytes: int) -> None:
        self._sink = sink
        self._skipped_bytes = skipped_bytes

    def write(self, piece: bytes) -> int:
        dropped = min(self._skipped_bytes, len(piece))
        self._skipped_bytes -= dropped
        if dropped < len(piece):
            self._sink.write(piece[dropped:])
        return len(piece)

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Do nothing: the file behind it stays open."""
