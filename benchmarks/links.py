"""The same work over a link on which each trip takes a while."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import levada as lv
from benchmarks.bulk import T1_DEFINITION, t1_rows
from benchmarks.client import bare_target
from benchmarks.delaying_proxy import far_away
from benchmarks.job_rows import pipeline
from benchmarks.place import declare
from benchmarks.small_calls import DEFINITION
from benchmarks.timing import Line, at_least, interleaved, repeated, seconds, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

ROUND_TRIPS_MS = (4, 30)
CALLS = 20
KEYS = 300
THEIR_KEYS = {4: 30, 30: 8}
"""Keys that DataJoint computes, by the round trip in ms: it takes up to a second a key."""
_ROUNDS = 3
COMPRESSED_ROWS = 200_000
"""Rows of T1: 9 MB."""
BANDWIDTHS = {"100 Mb/s": 100e6 / 8, "1 Gb/s": 1e9 / 8}
LOOP_ROWS = 300


def link(place: Place) -> Iterator[Line]:
    """Fetch and insert one row, and populate, with both packages at the same distance."""
    for milliseconds in ROUND_TRIPS_MS:
        with _connected(place, milliseconds / 1e3) as (levada, dj):
            yield from _small(levada, dj, milliseconds)
            yield from _loop(levada, milliseconds)
            yield from _populate(levada, dj, milliseconds)
    for name, bytes_per_s in BANDWIDTHS.items():
        yield from _compression(place, name, bytes_per_s)


@contextmanager
def _connected(place: Place, round_trip_s: float) -> Iterator[tuple[lv.Connection, Any]]:
    """Connect both packages over the link."""
    dj = place.datajoint
    database, postgres = dj.config.database, place.postgres.info
    host, port = postgres.host, postgres.port
    postgres_target = f"unix:{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"
    with (
        far_away(bare_target(place.server.address), round_trip_s) as ours,
        far_away(postgres_target, round_trip_s) as theirs,
        lv.Connection(f"127.0.0.1:{ours}") as levada,
    ):
        database.host, database.port = "127.0.0.1", theirs
        dj.conn(reset=True)
        try:
            yield levada, dj
        finally:
            database.host, database.port = postgres.host, postgres.port
            dj.conn(reset=True)


def _small(levada: lv.Connection, dj: Any, milliseconds: int) -> Iterator[Line]:
    name = f"link{milliseconds}"
    ours = declare(lv.Schema(name, connection=levada), lv.Manual, "Row", DEFINITION)
    theirs = declare(dj.Schema(name), dj.Manual, "Row", DEFINITION)
    ids = count()

    def row() -> dict[str, object]:
        return {"id": next(ids), "number": 1, "name": "some name"}

    first = row()
    ours.insert1(first)
    theirs().insert1(first)
    pairs = {
        "fetch1": (lambda: (ours & {"id": 0}).fetch1(), lambda: (theirs & {"id": 0}).fetch1()),
        "insert1": (lambda: ours.insert1(row()), lambda: theirs().insert1(row())),
    }
    for work, (mine, other) in pairs.items():
        times = interleaved({"Levada": repeated(mine, CALLS), "DataJoint": repeated(other, CALLS)}, rounds=_ROUNDS)
        detail = seconds({peer: total / CALLS for peer, total in times.items()})
        yield at_least(
            f"{work} over {milliseconds} ms", times["DataJoint"] / times["Levada"], 0.95, "as fast as DataJoint", detail
        )


def _loop(levada: lv.Connection, milliseconds: int) -> Iterator[Line]:
    """Insert row by row in a transaction, and wait for each row, or for all at the end."""
    table = declare(lv.Schema(f"loop{milliseconds}", connection=levada), lv.Manual, "Row", DEFINITION)
    ids = count()

    def insert(*, pipelined: bool) -> None:
        with levada.transaction(pipelined=pipelined):
            for _ in range(LOOP_ROWS):
                table.insert1({"id": next(ids), "number": 1, "name": "some name"})

    times = interleaved(
        {"waiting": lambda: insert(pipelined=False), "pipelined": lambda: insert(pipelined=True)}, rounds=_ROUNDS
    )
    ratio = times["waiting"] / times["pipelined"]
    work = f"insert1 of {LOOP_ROWS} rows in a transaction over {milliseconds} ms, pipelined"
    yield Line(work, "", f"{ratio:.1f} times as fast as waiting", None, seconds(times))


def _compression(place: Place, name: str, bytes_per_s: float) -> Iterator[Line]:
    """Insert and fetch rows of T1, compressed and not: the client knows one of the two names for its own machine."""
    rows = t1_rows(COMPRESSED_ROWS)
    with far_away(bare_target(place.server.address), 0.004, bytes_per_s) as port:
        plain, compressed = f"127.0.0.1:{port}", f"grpc://LOCALHOST:{port}"
        with lv.Connection(plain) as here, lv.Connection(compressed) as there:
            schema = f"compressed{int(bytes_per_s)}"
            tables = {
                "plain": declare(lv.Schema(schema, connection=here), lv.Manual, "T1", T1_DEFINITION),
                "compressed": declare(lv.Schema(schema, connection=there), lv.Manual, "T1", T1_DEFINITION),
            }
            assert (here.compression, there.compression) == (None, "zstd")

            def empty() -> None:
                place.execute(f'TRUNCATE "{schema}"."t1"')

            inserts = {way: partial(table.insert, rows) for way, table in tables.items()}
            times = {"insert": interleaved(inserts, rounds=_ROUNDS, before=empty)}
            fetches = {way: table.to_arrow for way, table in tables.items()}
            times["fetch"] = interleaved(fetches, rounds=_ROUNDS)
    for work, taken in times.items():
        ratio = taken["plain"] / taken["compressed"]
        line = f"{work} {COMPRESSED_ROWS} rows of T1 over {name}, compressed"
        yield Line(line, "", f"{ratio:.2f} times as fast as plain", None, seconds(taken))


def _populate(levada: lv.Connection, dj: Any, milliseconds: int) -> Iterator[Line]:
    name = f"populated{milliseconds}"
    ours = pipeline(lv, lv.Schema(name, connection=levada), KEYS)
    theirs = pipeline(dj, dj.Schema(name), THEIR_KEYS[milliseconds])
    took = {}
    runs: tuple[tuple[str, Any, int, dict[str, bool]], ...] = (  # Any: either package's class
        ("DataJoint", theirs, THEIR_KEYS[milliseconds], {"reserve_jobs": True}),
        ("DataJoint without jobs", theirs, THEIR_KEYS[milliseconds], {}),
        ("Levada", ours, KEYS, {"reserve_jobs": True}),
        ("Levada without prefetch", ours, KEYS, {"reserve_jobs": True, "prefetch": False}),
    )
    for peer, table, keys, how in runs:
        table().delete_quick()
        began = time.perf_counter()
        table.populate(**how)
        took[peer] = (time.perf_counter() - began) / keys
        assert len(table()) == keys
    detail = ", ".join(f"{peer} {shown(each)} a key" for peer, each in took.items())
    work = f"populate over {milliseconds} ms"
    yield at_least(work, took["DataJoint"] / took["Levada"], 50, "as fast as DataJoint", detail)
    ratio = took["DataJoint without jobs"] / took["Levada"]
    yield at_least(work, ratio, 20, "as fast as DataJoint without jobs", "")
