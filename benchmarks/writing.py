"""Inserting many rows."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as adbc
import pgpq

from benchmarks.bulk import (
    SLOW_ROWS,
    T1_DEFINITION,
    T1_ROWS,
    T1_TABLE,
    copied_out,
    copy_in,
    cut,
    declare_both,
    empty,
    t1_rows,
)
from benchmarks.place import declare
from benchmarks.timing import Line, at_least, at_most, interleaved, seconds
from levada_server.arrow.copy.encoder import encode_any
from levada_server.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from benchmarks.place import Place

DICTS = 100_000


def insert(place: Place) -> Iterator[Line]:
    """Insert T1 from Arrow, from a DataFrame and from dicts."""
    t1, _ = declare_both(place)
    rows = t1_rows()
    t1.insert(rows)
    ready = copied_out(place.postgres, T1_TABLE)
    frame = rows.to_pandas()
    columns = "(" + ", ".join(f'"{name}"' for name in rows.column_names) + ")"
    with ExitStack() as stack:
        direct = stack.enter_context(adbc.connect(place.dsn, autocommit=True))

        def adbc_insert() -> None:
            with direct.cursor() as cursor:
                cursor.adbc_ingest("t1", rows, mode="append", db_schema_name="bulk")

        times = interleaved(
            {
                "Levada": lambda: t1.insert(rows),
                "Levada, DataFrame": lambda: t1.insert(frame),
                "COPY of ready bytes": lambda: copy_in(place.postgres, T1_TABLE, cut(ready)),
                "pgpq and COPY": lambda: copy_in(place.postgres, T1_TABLE, _by_pgpq(rows), columns),
                "NumPy encoder and COPY": lambda: copy_in(place.postgres, T1_TABLE, _by_numpy(rows), columns),
                "ADBC": adbc_insert,
            },
            before=lambda: empty(place),
            rounds=3,
            warm=False,
        )
    plain = times["COPY of ready bytes"]
    yield at_most("insert T1 from Arrow", times["Levada"] / plain, 1.2, "COPY of ready bytes", seconds(times))
    yield at_most(
        "insert T1 from a DataFrame", times["Levada, DataFrame"] / plain, 1.2, "COPY of ready bytes", seconds(times)
    )
    yield _encoders(rows)
    yield from _skip_duplicates(place, t1, rows)
    yield _dicts(place, t1, rows)


def _by_pgpq(rows: pa.Table) -> Iterator[bytes]:
    encoder = pgpq.ArrowToPostgresBinaryEncoder(rows.schema)
    yield encoder.write_header()
    for batch in rows.to_batches(max_chunksize=65_536):
        yield encoder.write_batch(batch)
    yield encoder.finish()


def _by_numpy(rows: pa.Table) -> Iterator[bytes | memoryview]:
    types = [parse_type(name) for name in ("int64", "int32", "float64", "varchar(40)", "datetime", "bool")]
    return encode_any([column.combine_chunks() for column in rows.columns], types, len(rows))


def _encoders(rows: pa.Table) -> Line:
    """Compare pgpq with the server's other encoder, which supports all types, without a database."""
    times = interleaved(
        {
            "pgpq": lambda: sum(map(len, _by_pgpq(rows))),
            "NumPy": lambda: sum(map(len, _by_numpy(rows))),
        }
    )
    ratio = times["pgpq"] / times["NumPy"]
    return Line("encode T1 by pgpq", "quicker than by NumPy", f"{ratio:.2f} times", ratio < 1, seconds(times))


def _skip_duplicates(place: Place, t1: Any, rows: pa.Table) -> Iterator[Line]:  # Any: a table's class
    half = rows.take(list(range(0, T1_ROWS, 2)))

    def some_there(there: pa.Table | None) -> None:
        empty(place)
        if there is not None:
            t1.insert(there)

    plain = interleaved(
        {"plain": lambda: t1.insert(rows), "none duplicated": lambda: t1.insert(rows, skip_duplicates=True)},
        before=lambda: empty(place),
        rounds=3,
        warm=False,
    )
    halved = interleaved(
        {"half duplicated": lambda: t1.insert(rows, skip_duplicates=True)},
        before=lambda: some_there(half),
        rounds=3,
        warm=False,
    )
    times = plain | halved
    detail = seconds(times)
    yield at_most("skip_duplicates, none duplicated", times["none duplicated"] / times["plain"], 1.2, "plain", detail)
    yield at_most("skip_duplicates, half duplicated", times["half duplicated"] / times["plain"], 2.2, "plain", detail)


def _dicts(place: Place, t1: Any, rows: pa.Table) -> Line:  # Any: a table's class
    dj = place.datajoint
    theirs = declare(dj.Schema("bulk_write"), dj.Manual, "T1", T1_DEFINITION)
    dicts = rows.slice(0, DICTS).to_pylist()
    few = dicts[:SLOW_ROWS]
    times = interleaved({"Levada": lambda: t1.insert(dicts)}, before=lambda: empty(place), rounds=3)
    slow = interleaved(
        {"DataJoint": lambda: theirs().insert(few)}, before=lambda: theirs().delete_quick(), rounds=2, warm=False
    )
    times |= {"DataJoint": slow["DataJoint"] * DICTS / SLOW_ROWS}
    return at_least(
        f"insert a list of {DICTS:,} dicts".replace(",", " "),
        times["DataJoint"] / times["Levada"],
        15,
        "as fast as DataJoint",
        seconds(times),
    )
