"""The laboratory's own entries, and an overview of all four schemas."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from operator import add

import levada as dj
from examples.ephys import animals, probes, sessions, trials

SCHEMAS = (animals.schema, sessions.schema, probes.schema, trials.schema)
"""Parents first."""

COMPUTED = (trials.Behavior, probes.Recording, probes.Clustering, trials.UnitActivity)
"""In the order in which they can be populated."""

_ANIMALS = (
    (1, "mouse", "F", dt.date(2024, 11, 3), "breeder"),
    (2, "mouse", "M", dt.date(2024, 10, 20), "breeder"),
    (3, "mouse", "F", dt.date(2025, 2, 14), ""),
    (4, "mouse", "M", dt.date(2025, 2, 14), ""),
    (5, "rat", "U", dt.date(2025, 5, 1), "not yet recorded from"),
)
_ELECTRODES = {"linear-8": 8, "linear-16": 16}
_RECORDED = (3, 4)
_FIRST_DAY = dt.datetime(2025, 5, 12, 9, 30)


def diagram() -> dj.Diagram:
    """Return the diagram of the four schemas."""
    return reduce(add, map(dj.Diagram, SCHEMAS))


def fill() -> None:
    """Enter animals, sessions, and probes; entries of an earlier run stay."""
    animals.Animal.insert(_ANIMALS, skip_duplicates=True)
    offspring = [(child, parent, sex) for child in _RECORDED for parent, sex in ((1, "F"), (2, "M"))]
    animals.Parentage.insert(offspring, skip_duplicates=True)
    for probe_type, count in _ELECTRODES.items():
        heights = [(probe_type, electrode, 25.0 * electrode) for electrode in range(count)]
        probes.ProbeType.Electrode.insert(heights, skip_duplicates=True)
    probes.Probe.insert((("p-0801", "linear-8"), ("p-1601", "linear-16")), skip_duplicates=True)
    for animal in _RECORDED:
        for session in (1, 2):
            _fill_session(animal, session)


def populate() -> dict[str, int]:
    """Compute what is missing, and return the number of new entities of each table."""
    return {table.__name__: table.populate()["success_count"] for table in COMPUTED}


def _fill_session(animal: int, session: int) -> None:
    start = _FIRST_DAY + dt.timedelta(days=7 * session, hours=2 * animal)
    weight = 18 + animal / 2 + session / 10
    animals.Weighing.insert1((animal, start - dt.timedelta(minutes=20), weight), skip_duplicates=True)
    key = {"animal_id": animal, "session": session}
    entry = {**key, "recorded_by": "ada", "rig": f"rig-{session}", "session_start": start}
    if session == 2:
        entry |= {"assisted_by": "chen", "session_notes": "two probes"}
    sessions.Session.insert1(entry, skip_duplicates=True)
    insertions = [{**key, "insertion": 1, "probe": "p-1601", "area": "V1", "depth": 900}]
    if session == 2:
        insertions.append({**key, "insertion": 2, "probe": "p-0801", "area": "LM", "depth": 650})
    probes.Insertion.insert(insertions, skip_duplicates=True)
