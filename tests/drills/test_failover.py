"""A PostgreSQL is killed and its standby promoted. `python -m benchmarks.failover` does more."""

from __future__ import annotations

from benchmarks.failover import SMALL, fail_over


def test_nothing_acknowledged_is_lost_by_a_failover_with_synchronous_replication() -> None:
    done = fail_over(SMALL, synchronous=True)
    assert done.outcome.lost == 0
    assert all(done.outcome.calls[kind] for kind in ("insert1", "fetch1", "insert", "count", "fetch", "transaction"))


def test_a_failover_with_asynchronous_replication_loses_the_last_rows_and_computes_the_last_results_again() -> None:
    done = fail_over(SMALL, synchronous=False)
    assert done.outcome.lost > 0
    assert done.outcome.calls["insert1"]
