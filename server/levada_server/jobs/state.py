"""The states of a job, and what a worker's answer under a token means in each."""

from __future__ import annotations

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


class Answer(Enum):
    """What to do with a worker's Complete or Fail."""

    ACCEPT = "accept"
    REPEATED = "repeated"


def judge(state: str, held: UUID | None, token: UUID, job_id: int, *, final: str) -> Answer:
    """Decide on an answer for a job in a state, held under a token.

    A late result is welcome as long as nobody took the job over: only the token counts, not the clock.

    Args:
        state: The job's state.
        held: The token under which it is or was held.
        token: The token that the worker shows.
        job_id: The job, for messages.
        final: The state to which the answer leads, success or error.

    Raises:
        LeaseLost: The job was handed to another worker, or given up.
    """
    if held == token and state == RESERVED:
        return Answer.ACCEPT
    if held == token and state == final:
        return Answer.REPEATED
    raise LeaseLost(
        f"Job {job_id} is no longer yours: it is {state}"
        + (" under another worker's lease" if state == RESERVED else "")
        + ". Drop the result and reserve again.",
        job=job_id,
        state=state,
    )
