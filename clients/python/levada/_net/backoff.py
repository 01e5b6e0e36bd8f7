"""Pauses between attempts, and the loop of whatever is repeated until it gets through."""

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
    """How long to wait before each further attempt: twice as long as before the last one.

    Args:
        first_seconds: The pause before the second attempt.
        longest_seconds: The pause at which they stop growing.
        jitter: Draw each pause from 0 up to its length, so that two who met part ways.
    """

    first_seconds: float = 0.1
    longest_seconds: float = 5.0
    jitter: bool = False

    def pauses(self, patience: float = math.inf) -> Iterator[float]:
        """Return the pauses to come, in seconds; they end where the next attempt would begin too late.

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
"""Between attempts of a request while the server is out of reach."""
LASTING_PAUSE_SECONDS = 1.0
"""Pause of a loop that goes on for as long as its process, after the server was out of reach."""


def wait(pauses: Iterator[float], error: Exception) -> None:
    """Wait before the next attempt.

    Raises:
        Exception: `error`, if there is to be no other attempt.
    """
    pause = next(pauses, None)
    if pause is None:
        raise error
    time.sleep(pause)


def repeat(attempt: Callable[[], _Result], patience: float) -> _Result:
    """Repeat an attempt that fails in passing, and return its result.

    Args:
        attempt: What may be done twice.
        patience: Seconds in which attempts may begin; 0 for a single one.
    """
    pauses = RETRY.pauses(patience)
    while True:
        try:
            return attempt()
        except PASSING as error:
            wait(pauses, error)
