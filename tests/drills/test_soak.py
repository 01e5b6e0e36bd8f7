"""Clients of all kinds beside each other: their answers agree with the stored rows. `make soak` runs it for minutes."""

from __future__ import annotations

from benchmarks.soak import SMALL, Soak


def test_what_clients_were_told_is_what_is_stored_beside_every_kind_of_load(database_url: str) -> None:
    with Soak(database_url, SMALL) as soak:
        outcome = soak.run()
    assert (outcome.difference.lost, outcome.difference.extra, outcome.wrong) == ({}, {}, [])
