"""Refusals are held back when there are many."""

from __future__ import annotations

import pytest

from levada_server.permissions.pace import Pace


def test_a_few_refusals_do_not_wait() -> None:
    pace = Pace(50)
    assert [pace.delay(10.0) for _ in range(50)] == [0.0] * 50
    assert pace.delay(10.0) == pytest.approx(0.02)


def test_many_refusals_are_answered_at_a_steady_rate() -> None:
    pace = Pace(50)
    delays = [pace.delay(10.0) for _ in range(100)]
    assert delays[-1] == pytest.approx(1.0)
    assert pace.delay(10.5) == pytest.approx(0.52)
    assert pace.delay(20.0) == 0.0


def test_nobody_waits_for_long() -> None:
    pace = Pace(50, longest_s=2.0)
    assert max(pace.delay(10.0) for _ in range(10_000)) == 2.0
    assert pace.delay(13.1) == 0.0
