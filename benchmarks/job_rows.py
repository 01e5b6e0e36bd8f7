"""Jobs: populate, refresh."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import levada as lv
from benchmarks.job_queues import keys_only, refresh_jobs
from benchmarks.place import declare
from benchmarks.timing import Line, at_least, at_most, interleaved, seconds, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.place import Place

KEYS, THEIR_KEYS = 500, 200
_ROUNDS = 3
REFRESHED, IDLE_REFRESHED = 100_000, 1_000_000


def populate(place: Place) -> Iterator[Line]:
    """Compute with one worker and a `make` that fetches one row and inserts one."""
    ours = pipeline(lv, lv.Schema("populated", connection=place.levada), KEYS)
    theirs = pipeline(place.datajoint, place.datajoint.Schema("populated"), THEIR_KEYS)
    of_three = pipeline(lv, lv.Schema("populated3", connection=place.levada), KEYS, sources=3)
    runs: tuple[tuple[str, Any, int, dict[str, bool]], ...] = (  # Any: either package's class
        ("DataJoint", theirs, THEIR_KEYS, {"reserve_jobs": True}),
        ("DataJoint direct", theirs, THEIR_KEYS, {}),
        ("Levada", ours, KEYS, {"reserve_jobs": True}),
        ("Levada, three reads", of_three, KEYS, {"reserve_jobs": True}),
        ("Levada without prefetch", ours, KEYS, {"reserve_jobs": True, "prefetch": False}),
    )
    times: dict[str, list[float]] = {name: [] for name, *_ in runs}
    for _ in range(_ROUNDS):
        for name, table, count, how in runs:
            table().delete_quick()
            began = time.perf_counter()
            table.populate(**how)
            times[name].append((time.perf_counter() - began) / count)
            assert len(table()) == count
    took = {name: statistics.median(taken) for name, taken in times.items()}
    detail = ", ".join(f"{name} {shown(each)} a key" for name, each in took.items())
    yield at_least("populate, one worker", took["DataJoint"] / took["Levada"], 10, "as fast as DataJoint", detail)
    yield at_least(
        "populate, one worker", took["DataJoint direct"] / took["Levada"], 5, "as fast as DataJoint without jobs", ""
    )
    ratio = took["Levada, three reads"] / took["Levada"]
    yield at_most("populate with three reads of three tables", ratio, 1.5, "one with one read", "")


def pipeline(dj: Any, schema: Any, count: int, sources: int = 1) -> Any:  # Any: either package and its classes
    """Declare a table that is computed from as many rows of another, each with one `insert1`.

    Args:
        dj: The package.
        schema: A schema of it.
        count: The number of keys.
        sources: From how many tables `make` reads one row each, by `fetch1`.
    """
    source = declare(schema, dj.Manual, "Source", "id : int64\n---\nx : float64\n")
    context = {"Source": source}
    for number in range(1, sources):
        name = f"Further{number}"
        context[name] = declare(schema, dj.Manual, name, "-> Source\n---\nx : float64\n", {"Source": source})
    tables = list(context.values())

    def make(self: Any, key: dict[str, object]) -> None:
        x = sum((table & key).fetch1("x") for table in tables)
        self.insert1(dict(key, y=float(x) ** 2))

    parents = "".join(f"-> {name}\n" for name in context)
    square = declare(schema, dj.Computed, "Square", f"{parents}---\ny : float64\n", context, make=make)
    for table in tables:
        table.insert([{"id": number, "x": float(number)} for number in range(count)])
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
