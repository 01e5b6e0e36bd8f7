"""How long a refusal waits, so that somebody who tries tokens costs the other callers nothing."""

from __future__ import annotations

REFUSALS_A_SECOND = 50.0
LONGEST_S = 2.0


class Pace:
    """Lets things happen at a rate, a second's worth at once, and holds back the others."""

    def __init__(self, a_second: float = REFUSALS_A_SECOND, longest_s: float = LONGEST_S) -> None:
        """Begin with a second's worth that need not wait.

        Args:
            a_second: The rate that is kept.
            longest_s: The longest wait, in seconds.
        """
        self._interval_s = 1.0 / a_second
        self._longest_s = longest_s
        self._next = float("-inf")

    def delay(self, now: float) -> float:
        """Return how many seconds the next one waits.

        Args:
            now: The time in seconds, by a clock that never goes back.
        """
        self._next = min(max(self._next, now - 1.0) + self._interval_s, now + self._longest_s)
        return max(0.0, self._next - now)
