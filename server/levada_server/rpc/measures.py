"""Count the calls: how many run, how they ended, how long they took, and what they moved."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""The durations of calls, in seconds, up to which calls are counted together."""
_PACKAGE = "/levada_api.v1."


@dataclass(slots=True)
class Durations:
    """The durations of the calls of a method.

    Args:
        counts: How many calls took up to each of `BUCKETS_S` and longer than the one before; the last took longer.
        sum_s: The sum of all, in seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0


@dataclass(slots=True)
class Measures:
    """Counts since the process began; the event loop writes, and other threads may read.

    Methods are those of proto/, codes and reasons those of its errors, so the number of all is bounded.

    Args:
        running: The running calls of each method.
        ended: The calls that have ended, by method and code.
        durations: The durations of a method's calls.
        errors: The errors by their reasons, those of single jobs among several included.
        received_bytes: The size of all requests.
        sent_bytes: The size of all answers.
        read_rows: The rows that calls have fetched or counted.
        changed_rows: The rows that calls have changed, those of transactions that were rolled back included.
    """

    running: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    durations: dict[str, Durations] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    received_bytes: int = 0
    sent_bytes: int = 0
    read_rows: int = 0
    changed_rows: int = 0

    def begin(self, path: str) -> None:
        """Count a call that begins."""
        self.running[path.removeprefix(_PACKAGE)] += 1

    def end(self, path: str, code: str, seconds: float) -> None:
        """Count a call that ends."""
        method = path.removeprefix(_PACKAGE)
        self.running[method] -= 1
        self.ended[method, code] += 1
        durations = self.durations.get(method)
        if durations is None:
            durations = self.durations[method] = Durations()
        durations.counts[bisect_left(BUCKETS_S, seconds)] += 1
        durations.sum_s += seconds
