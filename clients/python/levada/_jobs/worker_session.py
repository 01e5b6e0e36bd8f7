"""Worker sessions: which worker computes, and how long it may be silent."""

from __future__ import annotations

import getpass
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError, UnknownWorkerSession
from levada._jobs.environment import environment
from levada._jobs.job_calls import duration, lease_names
from levada._jobs.process_memory import memory_bytes
from levada._net.backoff import LASTING_PAUSE_SECONDS, PASSING
from levada_api.v1 import job_pb2
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import timedelta

    from levada._jobs.job_calls import Lease
    from levada._net.connection import Connection

_BEATS_PER_LEASE = 3


def open_session(connection: Connection, lease: timedelta, commit: str = "") -> str:
    """Begin a worker session and return its id.

    Args:
        connection: To the server.
        lease: How long the worker may be silent before its jobs go to others, from 1 s to 1 h.
        commit: The commit of its code; empty if there is none.
    """
    worker = job_pb2.WorkerName(host=socket.gethostname(), process=os.getpid(), user=_user())
    request = pb.CreateWorkerSessionRequest(
        worker=worker, lease_duration=duration(lease), environment=environment(), code_version=commit
    )
    return connection.call("JobService/CreateWorkerSession", request, pb.CreateWorkerSessionResponse).worker_session


def close_session(connection: Connection, session: str, started: Iterable[Lease] = ()) -> None:
    """End a worker session, so that the jobs it still holds go to others at once.

    The session may have ended already; if the server is out of reach, it ends by itself.

    Args:
        started: The leases whose `make` had begun: their attempt counts.
    """
    request = pb.DeleteWorkerSessionRequest(worker_session=session, started_leases=lease_names(started))
    with suppress(UnknownWorkerSession, *PASSING):
        connection.call("JobService/DeleteWorkerSession", request, pb.DeleteWorkerSessionResponse, patience=0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


class Heartbeat:
    """A thread that renews worker sessions, three times a lease, all in one call.

    Args:
        reachable: Called with False when the server gets out of reach, and with True when it is back.
        cancelled: Called with the tokens of leases whose holders must stop.
    """

    def __init__(
        self,
        connection: Connection,
        lease: timedelta,
        reachable: Callable[[bool], None] = lambda _: None,
        cancelled: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._interval = lease.total_seconds() / _BEATS_PER_LEASE
        self._reachable = reachable
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._sessions: dict[str, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="levada-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def add(self, session: str, pid: int) -> None:
        """Renew a session from now on, and report the memory of its process."""
        with self._lock:
            self._sessions[session] = pid

    def remove(self, session: str) -> None:
        """Stop renewing a session."""
        with self._lock:
            self._sessions.pop(session, None)

    def _beat(self) -> None:
        pause, in_reach = self._interval, True
        while not self._stopped.wait(pause):
            try:
                self._renew()
            except LevadaError:
                if in_reach:
                    self._reachable(False)
                pause, in_reach = min(self._interval, LASTING_PAUSE_SECONDS), False
            else:
                if not in_reach:
                    self._reachable(True)
                pause, in_reach = self._interval, True

    def _renew(self) -> None:
        """Renew all sessions except ended ones, because one ended session makes the call fail."""
        while True:
            with self._lock:
                sessions = dict(self._sessions)
            if not sessions:
                return
            request = pb.RenewWorkerSessionsRequest(worker_sessions=sessions)
            with suppress(ImportError):
                request.memory_bytes.extend([memory_bytes(pid) for pid in sessions.values()])
            try:
                answer = self._connection.call(
                    "JobService/RenewWorkerSessions",
                    request,
                    pb.RenewWorkerSessionsResponse,
                    timeout=self._interval,
                    patience=0,
                )
                if answer.cancelled_lease_tokens:
                    self._cancelled(answer.cancelled_lease_tokens)
                return
            except UnknownWorkerSession as error:
                ended = error.details.get("worker_session", "")
                if ended not in sessions:
                    raise
                self.remove(ended)
