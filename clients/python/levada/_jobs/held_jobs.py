"""Jobs that a program reserves and finishes itself, without `populate`."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from levada._base.errors import InvalidRequest, LeaseLost, LevadaError
from levada._jobs import job_calls
from levada._jobs.completion import CompletedJob, Unready, complete
from levada._jobs.job_calls import Failure
from levada._jobs.worker_session import Heartbeat, close_session, open_session

if TYPE_CHECKING:
    from collections.abc import Hashable

    from levada._jobs.job_calls import Lease
    from levada._net.connection import Connection
    from levada_api.v1 import schema_pb2

_LEASE = timedelta(seconds=60)
_PATIENCE_SECONDS = 60.0
"""How long to try to finish a job while the server is out of reach."""


class HeldJobs:
    """The jobs that this process holds over one connection; while there are any, a heartbeat renews their leases."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session = ""
        self._open = ExitStack()
        self._leases: dict[Hashable, tuple[Lease, float]] = {}

    def reserve(self, connection: Connection, name: schema_pb2.TableName, key: Hashable, jobs: bytes | None) -> bool:
        """Reserve the pending job of a key; return whether there was one.

        Args:
            connection: The connection.
            name: The table.
            key: Identifies the job here.
            jobs: The serialized relation of this job.
        """
        with self._lock:
            if not self._leases:
                self._session = open_session(connection, _LEASE)
                self._open.callback(close_session, connection, self._session)
                self._open.enter_context(Heartbeat(connection, _LEASE)).add(self._session, os.getpid())
            try:
                held = [lease.token for lease, _ in self._leases.values()]
                leases = job_calls.reserve(connection, self._session, [name], 1, restriction=jobs, held=held)
                if leases:
                    self._leases[key] = leases[0], time.monotonic()
            finally:
                self._end_if_idle()
            return bool(leases)

    def complete(self, connection: Connection, key: Hashable, seconds: float | None) -> None:
        """Complete a job, whose rows are in the table already; without its key there, it is pending again, and waits.

        Args:
            connection: The connection.
            key: As for `reserve`.
            seconds: How long it ran; by default since it was reserved.
        """
        with self._lock:
            lease, start = self._held(key)
            ran = time.monotonic() - start if seconds is None else seconds
            error = complete(connection, [CompletedJob(lease, ran, ())], _PATIENCE_SECONDS)[0]
            if error is None or isinstance(error, (LeaseLost, Unready)):
                self._forget(key)
            if isinstance(error, LevadaError):
                raise error

    def fail(self, connection: Connection, key: Hashable, message: str, stack: str) -> None:
        """Record the error of a job; the words before a colon name its class."""
        with self._lock:
            lease, start = self._held(key)
            failure = Failure(message.partition(":")[0] if ":" in message else "", message, stack)
            try:
                job_calls.fail(connection, lease, failure, time.monotonic() - start, _PATIENCE_SECONDS)
            except LeaseLost:
                self._forget(key)
                raise
            self._forget(key)

    def _held(self, key: Hashable) -> tuple[Lease, float]:
        if key not in self._leases:
            raise InvalidRequest("This process does not hold the job; `reserve` it first.")
        return self._leases[key]

    def _forget(self, key: Hashable) -> None:
        self._leases.pop(key)
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if not self._leases:
            self._open.close()


_by_connection: WeakKeyDictionary[Connection, HeldJobs] = WeakKeyDictionary()


def held_jobs(connection: Connection) -> HeldJobs:
    """Return the jobs that this process holds over a connection."""
    return _by_connection.setdefault(connection, HeldJobs())
