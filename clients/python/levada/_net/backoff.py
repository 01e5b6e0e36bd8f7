"""Pauses between attempts, and the loop that repeats a request until it succeeds."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from levada._base.errors import Conflict, OutcomeUnknown, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Result = TypeVar("_Result")

PASSING = (Unavailable, OutcomeUnknown, Conflict)
"""Failures after which the same request may succeed."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each further attempt; each pause is twice as long as the one before.

    Args:
        first_seconds: The pause before the second attempt.
        longest_seconds: The longest pause.
        jitter: Draw each pause at random between 0 and its length, so that two clients in conflict do not collide
            again.
    """

    first_seconds: float = 0.1
    longest_seconds: float = 5.0
    jitter: bool = False

    def pauses(self, patience: float = math.inf) -> Iterator[float]:
        """Return the pauses to come, in seconds; they end when the next attempt would begin too late.

        Args:
            patience: Seconds from now in which attempts may begin.
        """
        return self._until(time.monotonic() + patience)

    def _until(self, deadline: float) -> Iterator[float]:
        pause = self.first_seconds
        while time.monotonic() + pause <= deadline:
            yield random.uniform(0, pause) if self.jitter else pause
            pause = min(2 * pause, self.longest_seconds)


RETRY = Backoff()
"""The pauses between attempts of a request while the server is out of reach."""
LASTING_PAUSE_SECONDS = 1.0
"""Pause of a loop that runs as long as its process, after the server was out of reach."""


def wait(pauses: Iterator[float], error: Exception) -> None:
    """Wait before the next attempt.

    Raises:
        Exception: `error`, if no other attempt remains.
    """
    pause = next(pauses, None)
    if pause is None:
        raise error
    time.sleep(pause)


def repeat(attempt: Callable[[], _Result], patience: float) -> _Result:
    """Repeat an attempt while its failures are temporary, and return its result.

    Args:
        attempt: The request; it must be safe to repeat.
        patience: Seconds in which attempts may begin; 0 allows one attempt.
    """
    pauses = RETRY.pauses(patience)
    while True:
        try:
            return attempt()
        except PASSING as error:
            wait(pauses, error)
