"""Complete jobs while the next `make` runs: quick ones in groups, slow ones soon."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from levada._jobs.completion import complete

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._base.errors import LevadaError
    from levada._jobs.completion import CompletedJob, Unready
    from levada._net.connection import Connection

_GROUP_SECONDS = 0.2
"""How long jobs wait for others that can be completed with them."""

Completed = list[tuple["CompletedJob", "LevadaError | Unready | None"]]
"""Jobs, each with None, `Unready`, or the error for which nothing of it was committed."""


class CompletionQueue:
    """Completes jobs in a thread while the next `make` runs; `close` ends the thread.

    One thread calls all methods but the thread's own.

    Args:
        connection: The connection to the jobs' server.
        patience: Seconds to keep trying while the server is out of reach.
    """

    def __init__(self, connection: Connection, patience: float) -> None:
        self._connection = connection
        self._limits = connection.limits
        self._patience = patience
        self._changed = threading.Condition()  # guards all fields below
        self._waiting: list[CompletedJob] = []
        self._waiting_bytes = 0
        self._since = 0.0  # when the first waiting job came, by the monotonic clock
        self._completing = False
        self._completed: Completed = []
        self._failure: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, job: CompletedJob) -> None:
        """Add a job; `go_on` or `flush` completes it."""
        with self._changed:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(job)
            self._waiting_bytes += job.byte_count

    def go_on(self) -> None:
        """Complete waiting jobs in the background; if they are too many, wait until some are completed."""
        with self._changed:
            if not self._waiting:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="levada-completion", daemon=True)
                self._thread.start()
            if len(self._waiting) == 1 or self._is_full():
                self._changed.notify_all()
            while self._completing and self._waiting_bytes > self._limits.completion_bytes:
                self._changed.wait()

    def completed(self) -> Completed:
        """Return the jobs completed since the last call.

        Raises:
            Unavailable: The server stayed out of reach.
        """
        if not self._completed and self._failure is None:
            return []
        with self._changed:
            if self._failure is not None:
                raise self._failure
            completed, self._completed = self._completed, []
            return completed

    def flush(self) -> Completed:
        """Complete all waiting jobs, and return the jobs as `completed` does.

        Raises:
            Unavailable: The server stayed out of reach.
        """
        with self._changed:
            while self._completing:
                self._changed.wait()
            jobs = () if self._failure is not None else self._take()
        self._complete(jobs)
        return self.completed()

    def close(self) -> None:
        """Drop the waiting jobs and let the thread end, without waiting for the jobs that it is completing."""
        with self._changed:
            self._closed = True
            _free(self._take())
            self._completing = False
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._is_due():
                    if self._closed:
                        return
                    self._changed.wait(self._pause())
                jobs = self._take()
            try:
                self._complete(jobs)
            except Exception as error:  # noqa: BLE001  # raised by the methods that return results
                with self._changed:
                    self._failure = error

    def _is_full(self) -> bool:
        limits = self._limits
        return len(self._waiting) >= limits.completion_jobs or self._waiting_bytes > limits.completion_bytes

    def _is_due(self) -> bool:
        return bool(self._waiting) and not self._completing and (self._is_full() or self._pause() == 0)

    def _pause(self) -> float | None:
        if not self._waiting or self._completing:
            return None
        return max(0.0, self._since + _GROUP_SECONDS - time.monotonic())

    def _take(self) -> Sequence[CompletedJob]:
        jobs, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._completing = bool(jobs)
        return jobs

    def _complete(self, jobs: Sequence[CompletedJob]) -> None:
        if not jobs:
            return
        try:
            errors = complete(self._connection, jobs, self._patience)
            with self._changed:
                self._completed += zip(jobs, errors, strict=True)
        finally:
            with self._changed:
                self._completing = False
                self._changed.notify_all()
            _free(jobs)


def _free(jobs: Sequence[CompletedJob]) -> None:
    for job in jobs:
        job.close()
