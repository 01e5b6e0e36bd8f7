"""A crew: processes that make, each under a worker session of its own that beats from outside it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection as pipes
from typing import TYPE_CHECKING, Any

from levada._errors import LevadaError
from levada._job_loop import Outcome
from levada._jobs import Lease
from levada._worker_session import Heartbeat, close_session, open_session
from levada_api.v1 import schema_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import timedelta
    from multiprocessing.context import SpawnProcess

    from levada._connection import Connection

# A forked copy of a process with gRPC's threads may hang; a new one imports what it needs.
_SPAWN = multiprocessing.get_context("spawn")
_RELEASE_SECONDS = 5.0
"""How long processes that were interrupted may take to give back their jobs."""
_HELD_BACK = {signal.SIGINT, signal.SIGTERM}


@dataclass(frozen=True)
class Assignment:
    """What every member of a crew is to do.

    Args:
        module: The module that has the tables.
        tables: Their names, `Table` or `schema.Table`; empty for all that have a `make`.
        make_kwargs: Further arguments of `make`, pickled.
        restriction: Only jobs that this relation over the job table has, serialized; with one table.
        until_empty: End when there is no job, and end at once on an interrupt. Otherwise wait for more, and finish the
            job in hand before ending.
    """

    module: str
    tables: tuple[str, ...] = ()
    make_kwargs: bytes = pickle.dumps({})
    restriction: bytes | None = None
    until_empty: bool = False


# What members report. It is plain, so that who reads it need not import the user's code.


@dataclass(frozen=True)
class Ready:
    """A member has found its tables; parents come first."""

    tables: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Broken:
    """A member cannot begin, and no other could; the message says why."""

    message: str


@dataclass(frozen=True)
class Finished:
    """A member is done with a job.

    Args:
        state: `success`, `error`, or `lost` to another worker.
        message: The error in one text.
        stack: The error's stack.
        exception: The error itself, pickled, where it can be.
    """

    schema: str
    table: str
    key: dict[str, Any]  # Any: an attribute's value
    seconds: float
    state: str
    message: str = ""
    stack: str = ""
    exception: bytes | None = None


@dataclass(frozen=True)
class Died:
    """A member has ended.

    Args:
        code: Its exit code; negative for the signal that killed it.
        jobs_left: How many more it might have run; None for any number.
    """

    pid: int
    code: int
    jobs_left: int | None


@dataclass(eq=False)
class _Member:
    session: str
    process: SpawnProcess
    pipe: pipes.Connection[Any, Any]  # Any: reports
    max_jobs: int | None
    finished: int = 0

    @property
    def jobs_left(self) -> int | None:
        return None if self.max_jobs is None else max(self.max_jobs - self.finished, 0)


class Crew:
    """Processes, their sessions and the thread that renews these; leaving its context ends all three.

    Args:
        connection: Where the jobs are; each process opens a connection of its own to the same server.
        assignment: What they do.
        lease: How long a session outlives this process.
        reachable: As for `Heartbeat`.
    """

    def __init__(
        self,
        connection: Connection,
        assignment: Assignment,
        lease: timedelta,
        reachable: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._assignment = assignment
        self._lease = lease
        self._heartbeat = Heartbeat(connection, lease, reachable)
        self._members: list[_Member] = []

    def __enter__(self) -> Crew:
        self._heartbeat.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()
        self._heartbeat.__exit__()

    def __len__(self) -> int:
        """How many members are at work."""
        return len(self._members)

    def hire(self, max_jobs: int | None = None) -> None:
        """Start a process.

        Args:
            max_jobs: It runs at most so many jobs; None for any number.
        """
        session = open_session(self._connection, self._lease)
        self._heartbeat.add(session)
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=_start,
            args=(self._assignment, self._connection, session, max_jobs, theirs),
            name="levada-worker",
        )
        with _signals_held_back():
            process.start()
        theirs.close()
        self._members.append(_Member(session, process, ours, max_jobs))

    def reports(self, timeout: float) -> Iterator[Ready | Broken | Finished | Died]:
        """Give what the members report, after waiting up to so many seconds for the first."""
        by_handle: dict[Any, _Member] = {}  # Any: a pipe, or what tells of a process's end
        for member in self._members:
            by_handle[member.pipe] = by_handle[member.process.sentinel] = member
        signalled = pipes.wait(list(by_handle), timeout)
        for member in dict.fromkeys(by_handle[handle] for handle in signalled):
            ended = member.process.sentinel in signalled
            for report in _received(member.pipe):
                member.finished += isinstance(report, Finished)
                yield report
            if ended:
                code = self._bury(member)
                yield Died(member.process.pid or 0, code, member.jobs_left)

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Give what became of each job, until all members have ended.

        Raises:
            LevadaError: A member could not begin, or died.
        """
        while self._members:
            for report in self.reports(timeout=60.0):
                match report:
                    case Finished():
                        yield _outcome(report)
                    case Broken(message):
                        raise LevadaError(message)
                    case Died(pid, code) if code != 0:
                        raise LevadaError(
                            f"Process {pid} of populate {_how(code)}; what it had in hand can be computed anew. If it "
                            "said why, that stands on its standard error."
                        )
                    case _:
                        pass

    def ask_to_stop(self) -> None:
        """Let the members finish their jobs in hand, give back the rest, and end."""
        for member in self._members:
            member.process.terminate()

    def _end_all(self) -> None:
        for member in self._members:
            if self._assignment.until_empty and member.process.pid and member.process.is_alive():
                os.kill(member.process.pid, signal.SIGINT)  # it gives back its jobs
            else:
                member.process.kill()
        deadline = time.monotonic() + _RELEASE_SECONDS
        for member in list(self._members):
            member.process.join(max(deadline - time.monotonic(), 0))
            if member.process.is_alive():
                member.process.kill()
            self._bury(member)

    def _bury(self, member: _Member) -> int:
        """Clear away after a process that has ended or been killed; what it held goes to others at once."""
        member.process.join()
        self._members.remove(member)
        self._heartbeat.remove(member.session)
        close_session(self._connection, member.session)
        member.pipe.close()
        return member.process.exitcode or 0


def shares(max_jobs: int | None, processes: int) -> list[int | None]:
    """Divide a number of jobs among processes; those that would get none are left out."""
    if max_jobs is None:
        return [None] * processes
    each, rest = divmod(max_jobs, processes)
    return [share for i in range(processes) if (share := each + (i < rest))]


def _start(
    assignment: Assignment,
    connection: Connection,
    session: str,
    max_jobs: int | None,
    pipe: pipes.Connection[Any, Any],  # Any: reports
) -> None:
    """Begin in the new process."""
    from levada._crew_member import main  # what only the new process needs

    main(assignment, connection, session, max_jobs, pipe)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let a process start with the signals to stop held back, until it can handle them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _received(pipe: pipes.Connection[Any, Any]) -> Iterator[Any]:  # Any: reports
    try:
        while pipe.poll():
            yield pipe.recv()
    except (EOFError, OSError):
        pass  # it has ended, maybe in the middle of a report


def _how(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class _RemoteStack(Exception):
    """The stack of an error in another process, shown as its cause."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _outcome(report: Finished) -> Outcome:
    table = schema_pb2.TableName(schema=report.schema, table=report.table)
    lease = Lease(table, 0, report.key, "", 0)
    if report.state == "success":
        return Outcome(lease, report.seconds)
    error: BaseException = LevadaError(report.message)
    if report.exception is not None:
        error = pickle.loads(report.exception)
    error.__cause__ = _RemoteStack(report.stack)
    return Outcome(lease, report.seconds, error)
