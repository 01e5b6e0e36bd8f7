"""A small laboratory for tests that are written by hand: its tables, with a few rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.model.table import Tier
from tests.support.entities import Entities
from tests.support.oracle import Oracle
from tests.support.pipelines import Pipeline, declare_table

if TYPE_CHECKING:
    from levada_server.model.table import Table

DEFINITIONS = {
    "User": "username : varchar(20)",
    "Subject": "subject_id : int32\n---\nname : varchar(20)\nweight = null : float64\n-> [nullable] User",
    "Session": "-> Subject\nsession : int16\n---\ndate : date\nmeta = null : json",
    "Session.Trial": "-> master\ntrial : int16\n---\noutcome = null : enum('left', 'right')\ntrace : <blob>",
    "Rig": "rig : varchar(10)\n---\nname : varchar(20)",
    "Mating": "mating : int32\n---\n(mother) -> Subject\n(father) -> [nullable] Subject",
    "Settings": "---\nvolume : int8",
    "Spectrum": "-> Session\n---\npeak : float64",
    "Pairing": "(first) -> Subject\n(second) -> Subject\n---\nscore : float64",
}
COMPUTED = ("Spectrum", "Pairing")

_DAY = dt.date(2024, 2, 29)

ROWS: dict[str, tuple[tuple[object, ...], ...]] = {
    "User": (("ann",), ("bob",)),
    "Subject": ((1, "Tiger", 20.5, "ann"), (2, "Leo", None, None), (3, "Nala", float("nan"), "ann")),
    "Session": ((1, 1, _DAY, '{"rig": "a", "depth": 3}'), (1, 2, _DAY, '{"rig": null}'), (2, 1, _DAY, None)),
    "Session.Trial": ((1, 1, 1, "left", b""), (1, 1, 2, None, b""), (2, 1, 1, "left", b"")),
    "Rig": (),
    "Mating": ((1, 2, 1), (2, 3, None)),
    "Settings": ((7,),),
    "Spectrum": ((1, 1, 8.5),),
    "Pairing": (),
}


def lab() -> Pipeline:
    """Make the laboratory."""
    tables: dict[str, Table] = {}
    for name, definition in DEFINITIONS.items():
        declare_table(name, definition, tables)
    for name in COMPUTED:
        tables[name] = replace(tables[name], tier=Tier.COMPUTED, has_make=True)
    entities = {table.name: Entities(table.heading, ROWS[name]) for name, table in tables.items()}
    return Pipeline(DEFINITIONS, tuple(tables.values()), Oracle(entities))
