"""Run `make` for one key."""

from __future__ import annotations

import time
import traceback
from collections import deque
from contextlib import contextmanager
from inspect import isgenerator
from typing import TYPE_CHECKING, Any

from levada._base.errors import LevadaError
from levada._base.text import text_of
from levada._jobs.code_version import code_version
from levada._jobs.computing import own_names, whole_step
from levada._jobs.job_calls import Failure
from levada._jobs.job_work import JobWork
from levada._jobs.output import kept
from levada._net.job_context import reset_job, set_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from levada._jobs.completion import CompletedJob
    from levada._jobs.computing import Computing
    from levada._jobs.job_calls import Lease
    from levada._jobs.prefetch import Answers, Prefetch


class MakeFailed(Exception):
    """A `make` ended in an error.

    Args:
        cause: The exception that it raised.
        seconds: How long it ran.
        output: Its output.
    """

    def __init__(self, cause: BaseException, seconds: float, output: str) -> None:
        super().__init__(text_of(cause))
        self.cause = cause
        self.seconds = seconds
        self.output = output


def make(
    table: Computing,
    lease: Lease,
    make_kwargs: Mapping[str, Any],  # Any: the user's own
    cancelled: Callable[[str], bool],
    *,
    beside: bool = False,
    prefetch: Prefetch | None = None,
    answers: Answers | None = None,
) -> CompletedJob:
    """Run a table's `make` for the key of a lease.

    Args:
        make_kwargs: Further arguments of `make`, or of `make_fetch`.
        cancelled: Returns whether the job of a lease's token was cancelled; its `make` ends at its next call to the
            server.
        beside: Whether a result is stored that this one is to be compared with: nothing may be written.
        prefetch: Learns from its reads.
        answers: The answers to its first reads, if they were fetched ahead.

    Raises:
        MakeFailed: `make` raised an exception of whatever class.
    """
    work = JobWork(
        table.connection,
        lease,
        buffer_inserts=table.buffer_inserts,
        cancelled=cancelled,
        beside=beside,
        answers=answers,
    )
    code = code_version(type(table))
    started = time.monotonic()
    token = set_job((table.connection, work))
    try:
        with kept() as output:
            _run(table, work, make_kwargs)
        seconds = time.monotonic() - started
        if prefetch is not None:
            prefetch.learn(lease, work.reads, seconds, work.read_seconds, hits=work.hits)
        return work.finish(seconds, code, output.text())
    except BaseException as error:  # noqa: BLE001  # the server records it, and populate raises it
        work.abandon()
        # The frames of this function and of the next are not part of the user's code.
        first = error.__traceback__.tb_next if error.__traceback__ else None
        error.__traceback__ = first.tb_next if first and first.tb_next else first
        raise MakeFailed(error, time.monotonic() - started, output.text()) from None
    finally:
        reset_job(token)
        if prefetch is not None and work.changed_more:  # what later reads may find
            prefetch.start_over()


def _run(table: Computing, work: JobWork, make_kwargs: Mapping[str, Any]) -> None:
    steps: Any = table  # Any: methods of the user's class, with arguments as they like
    key = dict(work.key)
    if (whole := whole_step(own_names(type(table)))) is not None:
        result = getattr(steps, whole)(key, **make_kwargs)
        if isgenerator(result):  # older code writes the three steps as one generator, which inserts in the last one
            with _verified(work):
                next(result, None)
            deque(result, maxlen=0)
        return
    with _verified(work):
        fetched = steps.make_fetch(key, **make_kwargs)
    computed = steps.make_compute(key, *_arguments(fetched))
    steps.make_insert(key, *_arguments(computed))


@contextmanager
def _verified(work: JobWork) -> Iterator[None]:
    """Repeat the block's fetches when the job is completed, and check that their rows are the same."""
    work.verifying = True
    try:
        yield
    finally:
        work.verifying = False


def _arguments(result: object) -> tuple[Any, ...]:  # Any: a step's result
    """Return the result of one step as arguments of the next: a tuple or list as several, None as none."""
    if result is None:
        return ()
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def failure(error: BaseException) -> Failure:
    """Return the record of an error that the job keeps."""
    try:
        stack = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  # the class of an error is the user's, and may raise anything
        stack = "".join(traceback.format_tb(error.__traceback__))
    if isinstance(error, LevadaError) and error.call_id is not None:
        stack += f"The server's log has this as call {error.call_id}.\n"
    return Failure(type(error).__name__, text_of(error), stack)
