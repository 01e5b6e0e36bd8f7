"""Calls that touch one row."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import levada as lv
from benchmarks.floor import bare_call
from benchmarks.place import declare
from benchmarks.timing import Line, interleaved, repeated, seconds, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.place import Place

CALLS = 200
DEFINITION = """
id : int64
---
number : int32
name : varchar(40)
"""


def small_calls(place: Place) -> Iterator[Line]:
    """Fetch, insert, count and check the existence of one row."""
    dj = place.datajoint
    ours = declare(lv.Schema("small", connection=place.levada), lv.Manual, "Row", DEFINITION)
    theirs = declare(dj.Schema("small"), dj.Manual, "Row", DEFINITION)
    rows = [{"id": number, "number": number, "name": "some name"} for number in range(1000)]
    ours.insert(rows)
    theirs().insert(rows)
    place.execute("ANALYZE")
    ids, their_ids, chosen = count(1000), count(1000), count()
    key = {"id": 0}

    def row(number: int) -> dict[str, object]:
        return {"id": number, "number": number, "name": "some name"}

    def other_key() -> dict[str, object]:
        key["id"] = next(chosen) % 1000
        return dict(key)

    pairs = {
        "fetch1": (lambda: (ours & other_key()).fetch1(), lambda: (theirs & other_key()).fetch1(), 0.75),
        "insert1": (lambda: ours.insert1(row(next(ids))), lambda: theirs().insert1(row(next(their_ids))), 1.2),
        "count of one": (lambda: len(ours & other_key()), lambda: len(theirs & other_key()), 0.5),
        "existence of one": (lambda: bool(ours & other_key()), lambda: bool(theirs & other_key()), 0.5),
    }
    statements = {
        "fetch1": "SELECT id, number, name FROM small.row WHERE id = $1",
        "insert1": "INSERT INTO small.row VALUES (-1 - $1::bigint, 1, 'some name')",
        "count of one": "SELECT count(*) FROM small.row WHERE id = $1",
        "existence of one": "SELECT EXISTS (SELECT FROM small.row WHERE id = $1)",
    }
    for work, (mine, other, limit_ms) in pairs.items():
        numbers = count()
        with bare_call(place.dsn, statements[work]) as bare:
            ways: dict[str, Callable[[], object]] = {
                "Levada": mine,
                "DataJoint": other,
                "bare gRPC and asyncpg": lambda bare=bare, numbers=numbers: bare(next(numbers)),  # type: ignore[misc]  # defaults bind them now
            }
            times = interleaved({name: repeated(way, CALLS) for name, way in ways.items()})
        each = {name: total / CALLS for name, total in times.items()}
        ratios = ", ".join(f"{each['Levada'] / each[name]:.1f} times {name}" for name in list(each)[1:])
        met = each["Levada"] * 1e3 <= limit_ms
        yield Line(work, f"≤ {limit_ms:g} ms", shown(each["Levada"]), met, f"{ratios}; {seconds(each)}")
