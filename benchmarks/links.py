"""The same work over a link on which each trip takes a while."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import levada as lv
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


def link(place: Place) -> Iterator[Line]:
    """Fetch and insert one row, and populate, with both packages at the same distance."""
    for milliseconds in ROUND_TRIPS_MS:
        with _connected(place, milliseconds / 1e3) as (levada, dj):
            yield from _small(levada, dj, milliseconds)
            yield from _populate(levada, dj, milliseconds)


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
