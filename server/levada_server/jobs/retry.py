"""When a job that failed may run again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from levada_server.model.table import RetryPolicy

LOST_ATTEMPTS = 5
"""How often a job is started whose worker is lost each time, where its table says nothing."""
MAX_ATTEMPTS = 1_000
MAX_DELAY = timedelta(days=1)
LONGEST_DELAY = timedelta(hours=1)
"""The pause between two tries grows up to here."""


def next_try(policy: RetryPolicy, attempt: int) -> timedelta | None:
    """Give the pause before a job is tried again whose `attempt`-th try, counted from 1, failed; None if it is not."""
    if policy.max_attempts is None or attempt >= policy.max_attempts:
        return None
    # Of a long row of doublings only that it is past the longest matters.
    doublings: int = 2 ** min(attempt - 1, 20)
    return min(policy.delay * doublings, max(LONGEST_DELAY, policy.delay))


def next_try_of_interrupted(policy: RetryPolicy, attempt: int) -> timedelta | None:
    """Give the same for a try that was interrupted through no fault of its code."""
    return None if attempt >= lost_attempts(policy) else timedelta(0)


def lost_attempts(policy: RetryPolicy) -> int:
    """Give how often a job is started at most whose worker is lost each time."""
    return LOST_ATTEMPTS if policy.max_attempts is None else policy.max_attempts


def check_policy(policy: RetryPolicy) -> RetryPolicy:
    """Give a policy back if a table may have it.

    Raises:
        InvalidRequest: It may not.
    """
    if policy.max_attempts is not None and not 1 <= policy.max_attempts <= MAX_ATTEMPTS:
        raise InvalidRequest(
            f"max_attempts is 1 to {MAX_ATTEMPTS}, not {policy.max_attempts}.", field="retry_policy.max_attempts"
        )
    if policy.delay > MAX_DELAY:
        raise InvalidRequest("retry_delay is at most one day.", field="retry_policy.retry_delay")
    return policy
