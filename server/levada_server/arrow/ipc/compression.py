"""Write record batches as an Arrow IPC stream whose large batches are compressed, for clients behind a slow link."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import pyarrow as pa

FEWEST_BYTES = 2**14
"""A smaller batch is not compressed: it takes one packet or a few, and each of its buffers would grow by a header."""

LOOK_S = 0.05
"""Over how many seconds to look at the pace of a link."""


class Compression(Enum):
    """A way of Arrow to compress buffers, by Arrow's name for it."""

    LZ4 = "lz4"
    ZSTD = "zstd"


class Sink(Protocol):
    """A file that takes bytes."""

    @property
    def closed(self) -> bool:
        """Whether it takes no more."""
        ...

    def write(self, piece: bytes, /) -> int:
        """Take bytes."""
        ...


class Pace:
    """Decides by the pace of a link whether to compress: at first, and as long as most time goes into waiting for it.

    Attributes:
        is_slow: Whether the link is what the result waits for.
    """

    def __init__(self) -> None:
        self.is_slow = True
        self._waited_s = self._worked_s = 0.0

    def note(self, *, waited_s: float = 0.0, worked_s: float = 0.0) -> None:
        """Take how many seconds went into waiting for the link, or into making the next batch."""
        self._waited_s += waited_s
        self._worked_s += worked_s
        total_s = self._waited_s + self._worked_s
        if total_s >= LOOK_S:
            # Compressing shortens the waiting, so it needs less of that to go on than to begin.
            self.is_slow = self._waited_s > total_s * (0.2 if self.is_slow else 0.5)
            self._waited_s = self._worked_s = 0.0


class BatchWriter:
    """Writes record batches to a file as one stream.

    Each batch says by itself whether it is compressed, but a writer of Arrow treats all alike; so there are two, whose
    messages together are one stream. Dictionaries are written by each, which the format allows.

    Args:
        sink: The file for the stream.
        schema: The columns.
        compression: How to compress large batches; None for not at all.
    """

    def __init__(self, sink: Sink, schema: pa.Schema, compression: Compression | None) -> None:
        self._compressed: pa.RecordBatchStreamWriter | None = None
        if compression is None:
            self._plain = pa.ipc.new_stream(pa.PythonFile(sink, "w"), schema)
            return
        begin = schema.serialize()
        sink.write(begin.to_pybytes())
        self._plain = pa.ipc.new_stream(pa.PythonFile(_Behind(sink, begin.size), "w"), schema)
        options = pa.ipc.IpcWriteOptions(compression=compression.value)
        self._compressed = pa.ipc.new_stream(pa.PythonFile(_Behind(sink, begin.size), "w"), schema, options=options)

    def write(self, batch: pa.RecordBatch, *, compressed: bool) -> None:
        """Append a batch, compressed if that is wanted and it is large."""
        fit = compressed and batch.nbytes >= FEWEST_BYTES
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
