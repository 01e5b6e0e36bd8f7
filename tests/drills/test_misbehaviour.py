"""Users who misbehave beside users who do not. `python -m benchmarks.misbehaviour` runs 200 of them for minutes."""

from __future__ import annotations

from benchmarks.misbehaviour import KINDS, drill


def test_users_who_misbehave_cause_no_error_of_the_others(database_url: str) -> None:
    rounds = drill(database_url, good=6, bad=len(KINDS), seconds=2.0)
    assert {name: told.errors for name, told in rounds.items()} == {"alone": [], "beside": [], "busy": []}
    assert min(len(told.seconds) for told in rounds.values()) > 6  # every client goes on
