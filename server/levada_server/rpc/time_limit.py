"""Limit the time of a call, also while it waits for a client that does not read."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.errors import LevadaError

_CALL: ContextVar[RunningCall] = ContextVar("levada_call")


class RunningCall:
    """The task of a call, and the error that ended it."""

    def __init__(self, task: asyncio.Task[object]) -> None:
        self._task = task
        self.error: LevadaError | None = None

    def end(self, error: LevadaError) -> None:
        """End the call with an error, wherever it waits."""
        if self.error is None:
            self.error = error
            self._task.cancel()

    def revive(self) -> None:
        """Let the task wait again, to send its status."""
        if hasattr(self._task, "uncancel"):  # since Python 3.11 a task counts its cancellations
            self._task.uncancel()


@contextmanager
def can_be_ended() -> Iterator[RunningCall]:
    """Let this task's call be ended within the block, which then raises the error given to it."""
    task = asyncio.current_task()
    assert task is not None
    call = RunningCall(task)
    before = _CALL.set(call)
    try:
        yield call
    except asyncio.CancelledError:
        if call.error is None:
            raise
        call.revive()
        raise call.error from None
    finally:
        _CALL.reset(before)  # the task has the context that has the call that has the task


def this_call() -> RunningCall:
    """Return the call that this task works for."""
    return _CALL.get()


def end_call_later(seconds: float, error: LevadaError) -> asyncio.TimerHandle:
    """End the call that this task works for after some time, unless the returned timer is cancelled."""
    return asyncio.get_running_loop().call_later(seconds, _CALL.get().end, error)
