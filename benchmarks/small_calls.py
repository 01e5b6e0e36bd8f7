"""Calls that touch one row."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import levada as lv
from benchmarks.place import declare
from benchmarks.timing import Line, at_most, interleaved, repeated, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        "fetch1": (lambda: (ours & other_key()).fetch1(), lambda: (theirs & other_key()).fetch1(), 1.6),
        "insert1": (lambda: ours.insert1(row(next(ids))), lambda: theirs().insert1(row(next(their_ids))), 1.5),
        "count of one": (lambda: len(ours & other_key()), lambda: len(theirs & other_key()), 1.6),
        "existence of one": (lambda: bool(ours & other_key()), lambda: bool(theirs & other_key()), 1.6),
    }
    for work, (mine, other, limit) in pairs.items():
        times = interleaved({"Levada": repeated(mine, CALLS), "DataJoint": repeated(other, CALLS)})
        detail = ", ".join(f"{name} {shown(total / CALLS)}" for name, total in times.items())
        yield at_most(work, times["Levada"] / times["DataJoint"], limit, "DataJoint", detail)
