"""The loop of every worker: reserve jobs, make and complete them, and give back jobs that were not begun."""

from __future__ import annotations

import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada._base.errors import LeaseLost, LevadaError, UnknownJob
from levada._base.names import stored_name
from levada._base.text import text_of
from levada._jobs import job_calls
from levada._jobs.code_version import code_version
from levada._jobs.completion import Unready
from levada._jobs.completion_queue import CompletionQueue
from levada._jobs.make import MakeFailed, failure, make
from levada._jobs.prefetch import prefetch_of
from levada._net.backoff import PASSING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from levada._jobs.completion import CompletedJob
    from levada._jobs.completion_queue import Completed
    from levada._jobs.computing import Computing
    from levada._jobs.job_calls import Lease
    from levada._net.connection import Connection

_MOST_JOBS = 256
_BATCH_SECONDS = 0.5
"""How long a batch should take: short computations share calls, and long ones are reserved one by one."""
_GROWTH = 8
"""By how much a batch may exceed the one before: each begins with calls that nothing else goes on beside."""
_HELD_SECONDS = 1.0
"""After this time a batch gives back the jobs that it has not begun, so that others can take them."""

_LOST = (LeaseLost, UnknownJob)
"""The job went to another worker, or its key is gone: the result is dropped."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one job.

    Args:
        seconds: How long `make` ran.
        error: None if its rows are committed; Unready if there were none; LeaseLost or UnknownJob if the result was
            dropped; else the job failed.
        released: Whether it failed only because the server was out of reach or its worker was being stopped, and is
            tried again.
    """

    lease: Lease
    seconds: float
    error: BaseException | None = None
    released: bool = False

    @property
    def state(self) -> str:
        """`success`, `unready`, `error`, `lost` to another worker, or `released`."""
        if self.error is None:
            return "success"
        if isinstance(self.error, Unready):
            return "unready"
        if self.released:
            return "released"
        return "lost" if isinstance(self.error, _LOST) else "error"

    @property
    def message(self) -> str:
        """The error as one text, `Class: message`."""
        if self.error is None:
            return ""
        text = text_of(self.error)
        return type(self.error).__name__ + (f": {text}" if text else "")


@dataclass(frozen=True)
class JobLoop:
    """How to run jobs.

    Args:
        connection: The connection to the jobs' server.
        tables: The tables whose `make` to run, by schema and stored name.
        make_kwargs: Further arguments of `make`.
        patience: Seconds to keep trying to complete a job while the server is out of reach.
        stopping: Returns whether to stop after the current job.
        beginning: Called with a lease when its `make` begins, and with None when it has ended.
        cancelled: Returns whether the job of a lease's token is known to be cancelled.
        prefetch: Fetch the inputs of several jobs at once, as far as their classes allow it.
        ending: Returns whether all processes here were told to end: programs that a `make` has started may have ended
            too, so a `make` that fails then is not at fault, and its job is given back.
    """

    connection: Connection
    tables: Mapping[tuple[str, str], Computing]
    make_kwargs: Mapping[str, Any]  # Any: the user's own
    patience: float
    stopping: Callable[[], bool] = lambda: False
    beginning: Callable[[Lease | None], None] = lambda _: None
    cancelled: Callable[[str], bool] = lambda _: False
    prefetch: bool = True
    ending: Callable[[], bool] = lambda: False

    def run(
        self, reserve: Callable[[int], Sequence[Lease] | None], max_jobs: int | None = None
    ) -> Generator[Outcome, None, None]:
        """Run jobs until there are none, and yield their outcomes; closing the iterator gives back the held jobs.

        Args:
            reserve: Reserves at most the given number of jobs; None ends the loop.
            max_jobs: The highest number of jobs to run.
        """
        batch_jobs = 1
        remaining = sys.maxsize if max_jobs is None else max_jobs
        with closing(CompletionQueue(self.connection, self.patience)) as queue:
            while remaining > 0 and not self.stopping():
                leases = reserve(min(batch_jobs, remaining))
                if leases is None:
                    return
                if leases:
                    started = time.monotonic()
                    count = yield from self._run_batch(leases, queue)
                    remaining -= count
                    seconds_a_job = (time.monotonic() - started) / max(count, 1)
                    fitting = int(_BATCH_SECONDS / max(seconds_a_job, 1e-6))
                    batch_jobs = max(1, min(fitting, _GROWTH * batch_jobs, _MOST_JOBS))

    def run_one(self, lease: Lease) -> Outcome:
        """Run one leased job; however this ends, the job is completed, failed or given back."""
        with closing(CompletionQueue(self.connection, self.patience)) as queue:
            (outcome,) = self._run_batch((lease,), queue)
        return outcome

    def _run_batch(self, leases: Sequence[Lease], queue: CompletionQueue) -> Generator[Outcome, None, int]:
        """Run leased jobs and return how many ran; however this ends, each is completed, failed or given back."""
        held = {lease.token: lease for lease in leases}
        count = 0
        started = time.monotonic()
        try:
            for number, lease in enumerate(leases):
                if self.stopping() or time.monotonic() - started > _HELD_SECONDS:
                    break
                queue.go_on()
                failed: MakeFailed | None = None
                self.beginning(lease)
                try:
                    queue.add(self._make(lease, leases[number:]))
                except MakeFailed as error:
                    failed = error
                self.beginning(None)
                count += 1
                yield from self._outcomes(queue.flush() if failed else queue.completed(), held)
                if failed and self.ending():
                    yield Outcome(lease, failed.seconds, failed.cause, released=True)
                elif failed:
                    yield self._outcome(lease, failed.seconds, failed.cause, failed.output, held)
            yield from self._outcomes(queue.flush(), held)
        except GeneratorExit:  # nobody asks for more, but finished computations are kept
            with suppress(*PASSING):
                self._outcomes(queue.flush(), held)
            raise
        finally:
            for lease in leases:
                prefetch_of(self.connection, lease).forget_answers()
            job_calls.release(self.connection, held.values())
        return count

    def _make(self, lease: Lease, waiting: Sequence[Lease]) -> CompletedJob:
        """Run the `make` of a job; fetch its inputs together with those of the jobs that wait."""
        table = self._table(lease)
        if not (self.prefetch and table.prefetch):
            return make(table, lease, self.make_kwargs, self.cancelled)
        prefetch = prefetch_of(self.connection, lease)
        answers = prefetch.answers(lease, waiting)
        return make(table, lease, self.make_kwargs, self.cancelled, prefetch=prefetch, answers=answers)

    def _table(self, lease: Lease) -> Computing:
        return self.tables[lease.table.schema, stored_name(lease.table.table)]

    def _outcomes(self, completed: Completed, held: dict[str, Lease]) -> list[Outcome]:
        return [self._outcome(job.lease, job.seconds, error, job.output, held) for job, error in completed]

    def _outcome(
        self, lease: Lease, seconds: float, error: BaseException | None, output: str, held: dict[str, Lease]
    ) -> Outcome:
        """Report an error to the server, if there is one that it does not know."""
        released = False
        if error is not None and not isinstance(error, (*_LOST, Unready)):
            try:
                version = code_version(type(self._table(lease))).digest
                told, passing = failure(error), isinstance(error, PASSING)
                again = job_calls.fail(
                    self.connection, lease, told, seconds, self.patience, version, output, interrupted=passing
                )
                released = passing and again
            except _LOST as lost:
                error = lost
            except PASSING:
                raise
            except LevadaError:
                pass  # the table, or the right to compute it, is gone: only this outcome tells of the error
        del held[lease.token]
        return Outcome(lease, seconds, error, released)
