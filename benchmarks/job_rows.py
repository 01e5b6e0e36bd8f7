"""Jobs: populate, refresh."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import levada as lv
from benchmarks.job_queues import keys_only, refresh_jobs
from benchmarks.place import declare
from benchmarks.timing import Line, at_least, interleaved, seconds, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

KEYS, THEIR_KEYS = 500, 200
REFRESHED, IDLE_REFRESHED = 100_000, 1_000_000


def populate(place: Place) -> Iterator[Line]:
    """Compute with one worker and a `make` that fetches one row and inserts one."""
    ours = pipeline(lv, lv.Schema("populated", connection=place.levada), KEYS)
    theirs = pipeline(place.datajoint, place.datajoint.Schema("populated"), THEIR_KEYS)
    took = {}
    runs: tuple[tuple[str, Any, int, dict[str, bool]], ...] = (  # Any: either package's class
        ("DataJoint", theirs, THEIR_KEYS, {"reserve_jobs": True}),
        ("DataJoint direct", theirs, THEIR_KEYS, {}),
        ("Levada", ours, KEYS, {"reserve_jobs": True}),
        ("Levada without prefetch", ours, KEYS, {"reserve_jobs": True, "prefetch": False}),
    )
    for name, table, count, how in runs:
        table().delete_quick()
        began = time.perf_counter()
        table.populate(**how)
        took[name] = (time.perf_counter() - began) / count
        assert len(table()) == count
    detail = ", ".join(f"{name} {shown(each)} a key" for name, each in took.items())
    yield at_least("populate, one worker", took["DataJoint"] / took["Levada"], 10, "as fast as DataJoint", detail)
    yield at_least(
        "populate, one worker", took["DataJoint direct"] / took["Levada"], 5, "as fast as DataJoint without jobs", ""
    )


def pipeline(dj: Any, schema: Any, count: int) -> Any:  # Any: either package and its classes
    """Declare a table that is computed from as many rows of another, each with one `fetch1` and one `insert1`."""
    source = declare(schema, dj.Manual, "Source", "id : int64\n---\nx : float64\n")

    def make(self: Any, key: dict[str, object]) -> None:
        x = (source & key).fetch1("x")
        self.insert1(dict(key, y=float(x) ** 2))

    square = declare(schema, dj.Computed, "Square", "-> Source\n---\ny : float64\n", {"Source": source}, make=make)
    source.insert([{"id": number, "x": float(number)} for number in range(count)])
    return square


def refresh(place: Place) -> Iterator[Line]:
    """Create jobs for many keys, and find that no more are needed."""
    keys_only(place, "refreshed", REFRESHED)
    place.execute("ANALYZE")
    began = time.perf_counter()
    refresh_jobs(place, "refreshed")
    took = time.perf_counter() - began
    yield Line(f"refresh of {REFRESHED:,} keys".replace(",", " "), "< 2 s", shown(took), took < 2, "")
    source = lv.FreeTable(place.levada, "refreshed.Source")
    source.insert(pa.table({"id": range(REFRESHED, IDLE_REFRESHED)}))
    refresh_jobs(place, "refreshed")
    place.execute("ANALYZE")
    times = interleaved({"Levada": lambda: refresh_jobs(place, "refreshed")}, rounds=3)
    work = f"refresh of {IDLE_REFRESHED:,} keys that all have jobs".replace(",", " ")
    yield Line(work, "< 3 s", shown(times["Levada"]), times["Levada"] < 3, seconds(times))
