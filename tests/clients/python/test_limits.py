"""Limits of time and memory for one `make`, as they are written and where they come from."""

from __future__ import annotations

from datetime import timedelta

import pytest

import levada as lv
from levada._crew.limits import Limits, limits_of, parse_size, parse_time, show_size


def test_sizes_and_times_are_read() -> None:
    assert [parse_size(text) for text in (5, "5", "1.5 GB", "512MiB", "2k")] == [5, 5, 1_500_000_000, 2**29, 2000]
    assert [show_size(size) for size in (5, 1500, 2 * 10**9)] == ["5 B", "1.5 kB", "2.0 GB"]
    assert parse_time("1.5") == parse_time(timedelta(seconds=1.5)) == timedelta(seconds=1.5)
    for wrong in ("much", "-1", 0, "1 PB", None):
        with pytest.raises(ValueError, match="size above 0"):
            parse_size(wrong)
        with pytest.raises(ValueError, match="time above 0"):
            parse_time(wrong)


def test_limits_of_the_class_come_first() -> None:
    class Wide:
        make_memory_limit = "1 GB"

    class Wrong:
        make_time_limit = "soon"

    limits = limits_of(Wide).or_else(Limits(timedelta(seconds=1), 5))
    assert limits == Limits(timedelta(seconds=1), 10**9)
    with pytest.raises(lv.errors.InvalidRequest, match="limit of `Wrong`"):
        limits_of(Wrong)
