"""The tables of the bulk benchmarks, T1 and T2, and several ways to COPY."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import numpy as np
import pyarrow as pa

import levada as lv
from benchmarks.place import declare

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from benchmarks.place import Place

T1_ROWS = 1_000_000
T2_ROWS, T2_BYTES = 20_000, 8_000
SLOW_ROWS = 20_000
"""For peers that would take minutes: their time is scaled."""

T1_DEFINITION = """
id : int64
---
number : int32
weight = null : float64
name : varchar(40)
time : datetime
good : bool
"""
T2_DEFINITION = """
id : int64
---
data : bytes
"""
READ_T1 = 'SELECT * FROM "bulk"."t1"'
READ_T2 = 'SELECT * FROM "bulk"."t2"'
T1_TABLE = '"bulk"."t1"'
T2_TABLE = '"bulk"."t2"'


def t1_rows(count: int = T1_ROWS) -> pa.Table:
    """Rows of (int8 key, int4, float8 with 10 % nulls, text of about 12 characters, timestamp, bool)."""
    rng = np.random.default_rng(1)
    return pa.table(
        {
            "id": np.arange(count),
            "number": rng.integers(-(2**31), 2**31, count, dtype=np.int32),
            "weight": pa.array(rng.normal(size=count), mask=rng.random(count) < 0.1),
            "name": pa.array([f"subject {n}" for n in rng.integers(0, 10_000, count)]),
            "time": pa.array(rng.integers(0, 10**15, count), pa.timestamp("us")),
            "good": pa.array(rng.random(count) < 0.5),
        }
    )


def t2_rows() -> pa.Table:
    """Rows of 8 kB of noise."""
    rng = np.random.default_rng(2)
    return pa.table(
        {"id": np.arange(T2_ROWS), "data": pa.array([rng.bytes(T2_BYTES) for _ in range(T2_ROWS)], pa.binary())}
    )


def declare_both(place: Place) -> tuple[Any, Any]:  # Any: each table's class has its own type
    """Declare the tables T1 and T2, empty."""
    schema = lv.Schema("bulk", connection=place.levada)
    tables = declare(schema, lv.Manual, "T1", T1_DEFINITION), declare(schema, lv.Manual, "T2", T2_DEFINITION)
    empty(place)
    return tables


def empty(place: Place) -> None:
    """Remove all rows, without a trace for the next competitor."""
    place.execute(f"TRUNCATE {T1_TABLE}, {T2_TABLE}")


def copied_out(connection: psycopg.Connection[Any], table: str) -> bytes:
    """Return the bytes by which `copy_in` fills a table like this one."""
    with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)".encode()) as copy:
        return b"".join(bytes(piece) for piece in copy)


def copy_in(
    connection: psycopg.Connection[Any], table: str, pieces: Iterator[bytes | memoryview], columns: str = ""
) -> None:
    """Fill a table from ready bytes."""
    with connection.cursor().copy(f"COPY {table} {columns} FROM STDIN (FORMAT binary)".encode()) as copy:
        for piece in pieces:
            copy.write(piece)


def cut(content: bytes, piece_bytes: int = 2**17) -> Iterator[bytes]:
    """Cut bytes into pieces."""
    for start in range(0, len(content), piece_bytes):
        yield content[start : start + piece_bytes]


class RawCopy:
    """`COPY … TO STDOUT (FORMAT binary)`, its bytes discarded, on one connection in its own event loop."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._connection = self._loop.run_until_complete(asyncpg.connect(dsn))

    def read(self, query: str) -> int:
        """Read the rows of a query and return the number of bytes."""
        size = 0

        async def throw_away(piece: bytes) -> None:
            nonlocal size
            size += len(piece)

        self._loop.run_until_complete(self._connection.copy_from_query(query, output=throw_away, format="binary"))
        return size

    def close(self) -> None:
        """Close the connection."""
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()
