"""Reading many rows."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as adbc

from benchmarks.bulk import (
    READ_T1,
    READ_T2,
    SLOW_ROWS,
    T1_DEFINITION,
    T1_ROWS,
    RawCopy,
    declare_both,
    t1_rows,
    t2_rows,
)
from benchmarks.place import declare
from benchmarks.timing import Line, at_most, interleaved, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.place import Place


def read(place: Place) -> Iterator[Line]:
    """Read T1 and T2 into an Arrow table in the client."""
    t1, t2 = declare_both(place)
    t1.insert(t1_rows())
    t2.insert(t2_rows())
    place.execute("VACUUM ANALYZE")
    with ExitStack() as stack:
        raw = RawCopy(place.dsn)
        stack.callback(raw.close)
        direct = stack.enter_context(adbc.connect(place.dsn))

        def adbc_read(query: str) -> None:
            with direct.cursor() as cursor:
                cursor.execute(query)
                cursor.fetch_arrow_table()

        def psycopg_read() -> None:
            cursor = place.postgres.cursor(binary=True)
            cursor.execute(f"{READ_T1} LIMIT {SLOW_ROWS * 5}".encode())
            cursor.fetchall()

        scale = T1_ROWS / SLOW_ROWS
        times = interleaved(
            {
                "Levada": t1.to_arrow,
                "COPY thrown away": lambda: raw.read(READ_T1),
                "ADBC": lambda: adbc_read(READ_T1),
            }
        )
        others = interleaved(
            {"psycopg 3, tuples": psycopg_read, "DataJoint `to_arrow`": _datajoint_reader(place)}, rounds=2
        )
        others = {"psycopg 3, tuples": others["psycopg 3, tuples"] * scale / 5} | {
            "DataJoint `to_arrow`": others["DataJoint `to_arrow`"] * scale
        }
        detail = seconds(times | others)
        yield at_most("read T1", times["Levada"] / times["COPY thrown away"], 1.25, "raw COPY", detail)
        yield at_most("read T1", times["Levada"] / times["ADBC"], 1, "ADBC", detail)
        times = interleaved(
            {
                "Levada": t2.to_arrow,
                "COPY thrown away": lambda: raw.read(READ_T2),
                "ADBC": lambda: adbc_read(READ_T2),
            }
        )
        yield at_most("read T2", times["Levada"] / times["COPY thrown away"], 1.8, "raw COPY", seconds(times))
        yield _first_row(t1)


def _datajoint_reader(place: Place) -> Callable[[], object]:
    dj = place.datajoint
    table = declare(dj.Schema("bulk"), dj.Manual, "T1", T1_DEFINITION)()
    table.insert(t1_rows(SLOW_ROWS).to_pylist(), skip_duplicates=True)
    read: Callable[[], object] = table.to_arrow
    return read


def _first_row(table: Any) -> Line:  # Any: each table's class has its own type
    """Measure the time until the first row of a result arrives, and until all have."""

    def first() -> None:
        rows = iter(table())
        next(rows)
        rows.close()

    times = interleaved({"first row": first, "all rows": table.to_arrow})
    part = times["first row"] / times["all rows"]
    return Line(
        "first batch of T1", "before the query ends", f"after {part:.0%} of the time", part < 0.5, seconds(times)
    )
