"""When a failed job may run again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from levada_server.model.table import RetryPolicy

LOST_ATTEMPTS = 5
"""How often a job is started if its worker is lost each time and its table sets no limit."""
MAX_ATTEMPTS = 1_000
MAX_DELAY = timedelta(days=1)
LONGEST_DELAY = timedelta(hours=1)
"""The pause between two attempts grows up to this."""
SHORTEST_ASKING = timedelta(seconds=1)
"""The shortest pause of a job whose `make` inserted nothing: without one, a worker would ask it all the time."""

FIRST_PAUSE = timedelta(seconds=10)
"""The pause of a discovery after its first error."""


def next_try(policy: RetryPolicy, attempt: int) -> timedelta | None:
    """Return the pause after the failure of attempt `attempt`, counted from 1; None if the job is not tried again."""
    if policy.max_attempts is None or attempt >= policy.max_attempts:
        return None
    return _doubled(policy.delay, attempt - 1)


def next_asking(policy: RetryPolicy, unready: int) -> timedelta:
    """Return the pause of a job whose `make` inserted nothing, after it did so `unready` times before."""
    return _doubled(max(policy.delay, SHORTEST_ASKING), unready)


def pause_of_discovery(interval: timedelta, attempt: int) -> timedelta:
    """Return the pause of a discovery after some attempts in a row that failed or lost their worker, none at first."""
    return timedelta(0) if attempt == 0 else min(_doubled(FIRST_PAUSE, attempt - 1), interval)


def _doubled(delay: timedelta, times: int) -> timedelta:
    # In a long series of doublings it only matters that the result is past the longest.
    doublings: int = 2 ** min(times, 20)
    return min(delay * doublings, max(LONGEST_DELAY, delay))


def next_try_of_interrupted(policy: RetryPolicy, attempt: int) -> timedelta | None:
    """Return the same for an attempt that was interrupted through no fault of its code."""
    return None if attempt >= lost_attempts(policy) else timedelta(0)


def lost_attempts(policy: RetryPolicy) -> int:
    """Return how often a job may be started if its worker is lost each time."""
    return LOST_ATTEMPTS if policy.max_attempts is None else policy.max_attempts


def check_policy(policy: RetryPolicy) -> RetryPolicy:
    """Return a policy if a table may have it.

    Raises:
        InvalidRequest: It is not allowed.
    """
    if policy.max_attempts is not None and not 1 <= policy.max_attempts <= MAX_ATTEMPTS:
        raise InvalidRequest(
            f"max_attempts is 1 to {MAX_ATTEMPTS}, not {policy.max_attempts}.", field="retry_policy.max_attempts"
        )
    if policy.delay > MAX_DELAY:
        raise InvalidRequest("retry_delay is at most one day.", field="retry_policy.retry_delay")
    return policy
