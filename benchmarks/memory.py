"""Memory of the server: a stalled reader, large values, and many rows with a value each."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

import levada as lv
from benchmarks.client import batches
from benchmarks.place import declare
from benchmarks.timing import Line, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place, Server

SIDE = 2_830
"""The number of rows of a table that, joined with itself, yields 8 million."""
FLAT_BYTES = 64 * 2**20
SAMPLE_SECONDS = 0.02
STALL_SECONDS = 120.0
LARGE_BYTES = 60 * 2**20
BLOBS, BLOB_BYTES, CHUNK_ROWS = 1_000_000, 1_000, 10_000


class Watch:
    """Samples the memory of a server, relative to its start."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._began = server.rss_bytes()
        self.growth_bytes = 0

    def sample(self) -> None:
        """Take a sample."""
        self.growth_bytes = max(self.growth_bytes, self._server.rss_bytes() - self._began)

    @property
    def megabytes(self) -> str:
        """Its largest growth."""
        return f"{self.growth_bytes / 2**20:.0f} MB"


@contextmanager
def watched(server: Server) -> Iterator[Watch]:
    """Watch a server for the length of the block."""
    watch, over = Watch(server), threading.Event()

    def look() -> None:
        while not over.wait(SAMPLE_SECONDS):
            watch.sample()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
        watch.sample()


def slow_reader(place: Place) -> Iterator[Line]:
    """Let a reader take the first rows of eight million, and pause until PostgreSQL has sent everything."""
    table = declare(lv.Schema("slow", connection=place.levada), lv.Manual, "Number", "id : int64\n")
    table.insert(pa.table({"id": np.arange(SIDE)}))
    product = table.proj(a="id") * table.proj(b="id")
    for _ in range(3):
        (product & "a < 300").to_arrow()  # one-time allocations happen now
    with watched(place.server) as watch:
        began = time.perf_counter()
        rows = iter(product.proj())
        next(rows)
        while _under_way(place) and time.perf_counter() - began < STALL_SECONDS:
            time.sleep(SAMPLE_SECONDS)
        stalled = time.perf_counter() - began
        free = not _under_way(place)
        rows.close()
        count = sum(batch.num_rows for batch in batches(product))
    yield Line(
        f"{count / 1e6:.1f} million rows to a reader that stands still",
        "server grows by < 64 MB; the connection is freed",
        watch.megabytes,
        watch.growth_bytes < FLAT_BYTES and free,
        f"connection free after {shown(stalled)}",
    )


def _under_way(place: Place) -> bool:
    """Return whether PostgreSQL still works on a result."""
    found = place.postgres.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state <> 'idle'"
    ).fetchone()
    return found is not None and found[0] > 0


def large_values(place: Place) -> Iterator[Line]:
    """Store a value of 60 MB, and a million rows with a value each."""
    schema = lv.Schema("large", connection=place.levada)
    big = declare(schema, lv.Manual, "Big", "id : int64\n---\ndata : bytes\n")
    many = declare(schema, lv.Manual, "Many", "id : int64\n---\ndata : bytes\n")
    value = np.random.default_rng(3).bytes(LARGE_BYTES)
    with watched(place.server) as watch:
        began = time.perf_counter()
        big.insert1({"id": 1, "data": value})
        inserted = time.perf_counter() - began
        assert big.fetch1("data") == value
        fetched = time.perf_counter() - began - inserted
    times = watch.growth_bytes / LARGE_BYTES
    detail = f"inserted in {shown(inserted)}, fetched in {shown(fetched)}, server grew by {watch.megabytes}"
    yield Line("a value of 60 MB", "server grows by a few times as much", f"{times:.1f} times", times < 6, detail)
    with watched(place.server) as watch:
        began = time.perf_counter()
        many.insert(_blobs())
        inserted = time.perf_counter() - began
        size = sum(batch.nbytes for batch in batches(many()))
        fetched = time.perf_counter() - began - inserted
    assert size > BLOBS * BLOB_BYTES
    detail = f"inserted in {shown(inserted)}, fetched in {shown(fetched)}"
    work = f"{BLOBS:,} rows with 1 kB each".replace(",", " ")
    yield Line(work, "server grows by < 256 MB", watch.megabytes, watch.growth_bytes < 4 * FLAT_BYTES, detail)


def _blobs() -> pa.RecordBatchReader:
    """Build the rows as they are sent."""
    rng = np.random.default_rng(4)

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, BLOBS, CHUNK_ROWS):
            offsets = np.arange(0, (CHUNK_ROWS + 1) * BLOB_BYTES, BLOB_BYTES, dtype=np.int32)
            data = pa.py_buffer(rng.bytes(CHUNK_ROWS * BLOB_BYTES))
            values = pa.Array.from_buffers(pa.binary(), CHUNK_ROWS, [None, pa.py_buffer(offsets), data])
            yield pa.record_batch({"id": pa.array(range(start, start + CHUNK_ROWS)), "data": values})

    schema = pa.schema({"id": pa.int64(), "data": pa.binary()})
    return pa.RecordBatchReader.from_batches(schema, batches())
