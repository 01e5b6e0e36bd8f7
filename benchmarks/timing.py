"""Timing: several interleaved runs of each competitor, and their medians."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    Args:
        work: The measured work.
        target: The target, in words.
        measured: The ratio, or whichever quantity the target is stated in.
        met: Whether the target is reached; None if there is none.
        detail: The times behind it.
    """

    work: str
    target: str
    measured: str
    met: bool | None
    detail: str


def at_most(work: str, ratio: float, limit: float, of: str, detail: str) -> Line:
    """Compare a time that should be at most `limit` times another."""
    return Line(work, f"≤ {limit:g} times {of}", f"{ratio:.2f} times", ratio <= limit, detail)


def at_least(work: str, ratio: float, limit: float, of: str, detail: str) -> Line:
    """Compare a time that should be at least `limit` times as fast as another."""
    return Line(work, f"≥ {limit:g} times {of}", f"{ratio:.1f} times", ratio >= limit, detail)


def interleaved(
    ways: Mapping[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    before: Callable[[], object] = lambda: None,
    warm: bool = True,
) -> dict[str, float]:
    """Run each way once per round, so that a busy spell slows all of them; return medians in seconds.

    Args:
        ways: The functions to run, by name.
        rounds: How many rounds.
        before: Called before each run, not measured.
        warm: Run each once first, not measured.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + warm):
        for name, work in ways.items():
            before()
            gc.collect()
            began = time.perf_counter()
            work()
            took = time.perf_counter() - began
            if number >= warm:
                times[name].append(took)
    return {name: statistics.median(taken) for name, taken in times.items()}


def repeated(work: Callable[[], object], count: int) -> Callable[[], None]:
    """Combine many calls into one piece of work."""

    def run() -> None:
        for _ in range(count):
            work()

    return run


def seconds(times: Mapping[str, float]) -> str:
    """Format times."""
    return ", ".join(f"{name} {shown(value)}" for name, value in times.items())


def shown(value: float) -> str:
    """Format a time in a suitable unit."""
    if value < 0.001:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1e3:.2f} ms" if value < 0.1 else f"{value:.2f} s"
