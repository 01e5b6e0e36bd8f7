"""The states of a job, and the effect of a worker's answer under a token in each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from levada_server.errors import LeaseLost

if TYPE_CHECKING:
    from uuid import UUID

PENDING = "pending"
RESERVED = "reserved"
SUCCESS = "success"
ERROR = "error"
IGNORED = "ignored"

WORKER_LOST = "WorkerLost"
CANCELLED = "JobCancelled"
"""Types of errors that no `make` raised."""

NOTHING_INSERTED = "NothingInserted"
"""The type of the error of a pending job whose `make` inserted nothing when it last ran: its input is not ready."""


class Answer(Enum):
    """How to treat a worker's Complete or Fail."""

    ACCEPT = "accept"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Standing:
    """The present state of a job.

    Args:
        job_id: The job, unique within its table.
        state: Its state.
        attempt: How many times it was started.
        token: The token under which it is or was held.
        failed_token: The token under which it failed or inserted nothing, if it is to be tried again.
        error_type: The type of its error.
        unready: How often in a row its `make` inserted nothing.
    """

    job_id: int
    state: str
    attempt: int
    token: UUID | None
    failed_token: UUID | None = None
    error_type: str | None = None
    unready: int = 0


def judge(job: Standing, token: UUID, *, final: str) -> Answer:
    """Decide how to treat a worker's answer for a job under a token.

    A late result is accepted as long as nobody took the job over, even if it was given up because its worker seemed
    lost: only the token counts, not the clock.

    Args:
        job: The present state of the job.
        token: The token that the worker presents.
        final: The state to which the answer leads, success or error.

    Raises:
        LeaseLost: The job was handed to another worker, cancelled or given up.
    """
    if job.token == token:
        if job.state == RESERVED or job.error_type == WORKER_LOST:
            return Answer.ACCEPT
        if job.state == final and job.error_type != CANCELLED:
            return Answer.REPEATED
    if job.failed_token == token and (final == ERROR or job.error_type == NOTHING_INSERTED):
        return Answer.REPEATED
    how = job.state
    if job.error_type == CANCELLED and job.token == token:
        how = "cancelled"
    elif job.state == RESERVED:
        how = "reserved under another worker's lease"
    raise LeaseLost(
        f"Job {job.job_id} is no longer yours: it is {how}. Drop the result and reserve again.",
        job=job.job_id,
        state=job.state,
    )
