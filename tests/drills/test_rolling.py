"""Servers of one database restart and die in turn, and no client notices. `python -m benchmarks.rolling` does more."""

from __future__ import annotations

from benchmarks.rolling import SMALL, restart_in_turn


def test_no_call_fails_while_servers_restart_and_are_killed_in_turn(database_url: str) -> None:
    outcome = restart_in_turn(database_url, SMALL)
    assert (outcome.failures, outcome.lost, outcome.extra) == ([], 0, 0)
    assert all(outcome.calls[kind] for kind in ("insert1", "fetch1", "insert", "count", "fetch", "transaction"))
