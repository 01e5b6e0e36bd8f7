"""Users who misbehave beside users who do not. `python -m benchmarks.misbehaviour` runs 200 of them for minutes."""

from __future__ import annotations

from benchmarks.misbehaviour import KINDS, drill


def test_users_who_misbehave_cause_no_error_of_the_others(database_url: str) -> None:
    alone, beside = drill(database_url, good=6, bad=len(KINDS), seconds=2.0)
    assert (alone.errors, beside.errors) == ([], [])
    assert min(len(alone.seconds), len(beside.seconds)) > 6  # every client goes on
