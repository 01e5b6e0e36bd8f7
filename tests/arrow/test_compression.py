"""When results are compressed: while the link is what they wait for."""

from __future__ import annotations

import pytest

from levada_server.arrow.ipc.compression import LOOK_S, Pace


@pytest.mark.parametrize(
    ("waiting", "before", "after"),
    [
        (0.1, True, False),
        (0.3, True, True),
        (0.3, False, False),
        (0.6, False, True),
        (0.0, False, False),
        (1.0, True, True),
    ],
)
def test_a_link_is_slow_while_results_wait_for_it(waiting: float, before: bool, after: bool) -> None:
    pace = Pace()
    assert pace.is_slow
    if not before:
        pace.note(worked_s=LOOK_S)
    assert pace.is_slow is before
    for _ in range(10):
        pace.note(waited_s=waiting * LOOK_S / 9, worked_s=(1 - waiting) * LOOK_S / 9)
    assert pace.is_slow is after


def test_a_moment_decides_nothing() -> None:
    pace = Pace()
    pace.note(worked_s=LOOK_S / 2)
    assert pace.is_slow
