"""The loop of every worker: reserve, make, complete; give back what is not begun."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada import _jobs
from levada._code_version import code_version
from levada._completion import Made, complete
from levada._errors import LeaseLost, UnknownJob
from levada._make import MakeFailed, failure, make
from levada._names import stored_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from levada._auto_populated import AutoPopulated
    from levada._connection import Connection
    from levada._jobs import Lease

_MOST_JOBS = 64
_BATCH_SECONDS = 0.5
"""A batch is sized to take this long: short computations share calls, and long ones are reserved one by one."""
_HELD_SECONDS = 1.0
"""From then on what a batch has not begun is given back, so that others can take it."""
_COMMIT_SECONDS = 0.5
"""Results are committed together, but wait no longer than this."""
_COMMIT_BYTES = 16 * 2**20

_LOST = (LeaseLost, UnknownJob)
"""The job went to another worker, or its key is gone: the result is dropped."""


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Args:
        seconds: How long `make` ran.
        error: None: its rows are committed. LeaseLost or UnknownJob: the result was dropped. Else it failed.
        released: It failed only because the server was out of reach, and is tried again.
    """

    lease: Lease
    seconds: float
    error: BaseException | None = None
    released: bool = False

    @property
    def state(self) -> str:
        """`success`, `error`, `lost` to another worker, or `released`."""
        if self.error is None:
            return "success"
        if self.released:
            return "released"
        return "lost" if isinstance(self.error, _LOST) else "error"

    @property
    def message(self) -> str:
        """The error in one text, `Class: message`."""
        text = str(self.error)
        return type(self.error).__name__ + (f": {text}" if text else "")


@dataclass(frozen=True)
class JobLoop:
    """How to run jobs.

    Args:
        connection: Where the jobs are.
        tables: What runs `make`, by schema and stored name.
        make_kwargs: Further arguments of `make`.
        patience: Seconds to keep trying to hand in a result while the server is out of reach.
        stopping: Tells whether to finish the job in hand and no other.
        beginning: Told of a lease when its `make` begins, and None when it has ended.
        cancelled: Tells whether the job of a token was cancelled, as far as is known here.
    """

    connection: Connection
    tables: Mapping[tuple[str, str], AutoPopulated]
    make_kwargs: Mapping[str, Any]  # Any: the user's own
    patience: float
    stopping: Callable[[], bool] = lambda: False
    beginning: Callable[[Lease | None], None] = lambda _: None
    cancelled: Callable[[str], bool] = lambda _: False

    def run(
        self, reserve: Callable[[int], Sequence[Lease] | None], max_jobs: int | None = None
    ) -> Generator[Outcome, None, None]:
        """Run jobs until there are none; closing the iterator gives back what is in hand.

        Args:
            reserve: Takes at most so many jobs; None ends the loop.
            max_jobs: Run at most so many.
        """
        batch_jobs = 1
        remaining = sys.maxsize if max_jobs is None else max_jobs
        while remaining > 0 and not self.stopping():
            leases = reserve(min(batch_jobs, remaining))
            if leases is None:
                return
            if leases:
                started = time.monotonic()
                made_jobs = yield from self.run_batch(leases)
                remaining -= made_jobs
                seconds_a_job = (time.monotonic() - started) / max(made_jobs, 1)
                fitting = int(_BATCH_SECONDS / max(seconds_a_job, 1e-6))
                batch_jobs = max(1, min(fitting, 2 * batch_jobs, _MOST_JOBS))

    def run_batch(self, leases: Sequence[Lease]) -> Generator[Outcome, None, int]:
        """Run leased jobs; however this ends, each is completed, failed or given back. Gives how many were run."""
        held = {lease.token: lease for lease in leases}
        made: list[Made] = []
        count = 0
        started = committed = time.monotonic()
        try:
            for lease in leases:
                if self.stopping() or time.monotonic() - started > _HELD_SECONDS:
                    break
                failed: MakeFailed | None = None
                self.beginning(lease)
                try:
                    made.append(make(self._table(lease), lease, self.make_kwargs, self.cancelled))
                except MakeFailed as error:
                    failed = error
                self.beginning(None)
                count += 1
                late = time.monotonic() - committed > _COMMIT_SECONDS
                if failed or late or sum(job.byte_count for job in made) > _COMMIT_BYTES:
                    yield from self._commit(made, held)
                    committed = time.monotonic()
                if failed:
                    yield self._settle(lease, failed.seconds, failed.cause, held)
            yield from self._commit(made, held)
        finally:
            for job in made:
                job.close()
            _jobs.release(self.connection, held.values())
        return count

    def _table(self, lease: Lease) -> AutoPopulated:
        return self.tables[lease.table.schema, stored_name(lease.table.table)]

    def _commit(self, made: list[Made], held: dict[str, Lease]) -> Iterator[Outcome]:
        """Hand in what was made, and empty the list."""
        errors = complete(self.connection, made, self.patience) if made else []
        outcomes = [self._settle(job.lease, job.seconds, error, held) for job, error in zip(made, errors, strict=True)]
        for job in made:
            job.close()
        made.clear()
        yield from outcomes

    def _settle(self, lease: Lease, seconds: float, error: BaseException | None, held: dict[str, Lease]) -> Outcome:
        """Tell the server of an error, if there is one that it does not know."""
        released = False
        if error is not None and not isinstance(error, _LOST):
            try:
                version = code_version(type(self._table(lease)))
                told, passing = failure(error), isinstance(error, _jobs.PASSING)
                again = _jobs.fail(self.connection, lease, told, seconds, self.patience, version, interrupted=passing)
                released = passing and again
            except _LOST as lost:
                error = lost
        del held[lease.token]
        return Outcome(lease, seconds, error, released)
