"""Workers of both languages are killed, and each key is committed once. `make drills` runs the same at full size."""

from __future__ import annotations

from benchmarks import drill_matlab


def test_octave_and_python_share_a_table_whichever_is_killed(database_url: str) -> None:
    told = drill_matlab.both_languages(database_url, drill_matlab.SMALL)
    assert told["Octave killed"] + told["Python killed"] == drill_matlab.SMALL.kills
    assert told["Octave committed"] + told["Python committed"] == drill_matlab.SMALL.keys
