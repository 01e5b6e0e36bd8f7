"""A crew: processes that compute, each under its own worker session, which is renewed from outside the process."""

from __future__ import annotations

import multiprocessing
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import connection as pipes
from types import ModuleType
from typing import TYPE_CHECKING, Any

from levada._base.errors import InvalidRequest, LevadaError
from levada._base.installation import install_command
from levada._crew import family
from levada._crew.limits import Limits, show_size
from levada._crew.reports import (
    Asked,
    Began,
    BeganDiscovery,
    Broken,
    Died,
    Ended,
    Finished,
    FinishedDiscovery,
    Ready,
    Took,
    Warned,
    how_it_ended,
    read_outcome,
)
from levada._jobs import job_calls
from levada._jobs.code_version import module_commit
from levada._jobs.discovery import fail_discovery
from levada._jobs.job_calls import Failure
from levada._jobs.process_memory import memory_bytes
from levada._jobs.worker_session import Heartbeat, close_session, open_session
from levada._net.backoff import PASSING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import timedelta
    from multiprocessing.context import SpawnProcess

    from levada._crew.reports import Assignment, Report
    from levada._jobs.job_calls import Lease
    from levada._jobs.job_loop import Outcome
    from levada._net.connection import Connection

# A forked copy of a process with gRPC's threads may hang; a new one imports what it needs.
_SPAWN = multiprocessing.get_context("spawn")
_HELD_BACK = {signal.SIGINT, signal.SIGTERM}
_LOOK_SECONDS = 0.1
"""How often limits are checked, and the longest that a signal waits."""
_IDLE_DEATHS = 3
"""How many processes may die one after the other while they run no job, before populate gives up."""


@dataclass(eq=False)
class _Member:
    session: str
    process: SpawnProcess
    pipe: pipes.Connection[Any, Any]  # Any: reports
    max_jobs: int | None
    finished: int = 0
    leases: dict[str, Lease] = field(default_factory=dict)
    """The jobs that it holds, by token."""
    in_hand: Lease | None = None
    begin_seconds: float = 0.0
    """When it began the current job or discovery, by this process's monotonic clock."""
    discovering: BeganDiscovery | None = None
    """The discovery that it is at; it began when `begin_seconds` says."""
    overdue: bool = False
    """It was killed for that discovery."""
    limits: dict[tuple[str, str], Limits] = field(default_factory=dict)
    verdict: tuple[str, Failure] | None = None
    """The token of the job for which it was killed, and the reason."""

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    @property
    def jobs_left(self) -> int | None:
        return None if self.max_jobs is None else max(self.max_jobs - self.finished, 0)

    def kill(self) -> None:
        """Kill the process and whatever its makes started."""
        family.kill(self.pid)
        self.process.kill()

    def note(self, report: Report) -> None:
        """Record the jobs that it holds and its progress."""
        match report:
            case Ready():
                self.limits = {(t.schema, t.table): t.limits for t in report.tables}
            case Took():
                self.leases = {lease.token: lease for lease in report.leases}
            case Began():
                self.in_hand, self.begin_seconds = report.lease, time.monotonic()
            case Ended():
                self.in_hand = None
            case Finished():
                self.finished += 1
                self.leases.pop(report.lease.token, None)
            case BeganDiscovery():
                self.discovering, self.begin_seconds = report, time.monotonic()
            case FinishedDiscovery():
                self.discovering = None
            case Broken() | Died():
                pass


class Crew:
    """Processes, their sessions and the thread that renews these; leaving the context ends all three.

    A `make` that exceeds its limits, or is cancelled, ends with its process; only its job fails.

    Args:
        connection: To the server with the jobs; each process opens its own connection to the same server.
        assignment: The work of the members.
        lease: How long a session outlives this process.
        reachable: As for `Heartbeat`.
        limits: For tables that have none of their own.
        singles: Restrictions of a reserve, handed to members one by one as they ask.
    """

    def __init__(
        self,
        connection: Connection,
        assignment: Assignment,
        lease: timedelta,
        reachable: Callable[[bool], None] = lambda _: None,
        limits: Limits | None = None,
        singles: Iterator[bytes | None] | None = None,
    ) -> None:
        self._connection = connection
        self._singles = singles or iter(())
        self._assignment = assignment
        self._lease = lease
        self._limits = limits or Limits()
        self._cancelled: set[str] = set()
        self._heartbeat = Heartbeat(connection, lease, reachable, self._cancelled.update)
        self._members: list[_Member] = []
        self._warnings: set[str] = set()
        """Those of all members; each is shown once."""

    def __enter__(self) -> Crew:
        self._heartbeat.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()
        self._heartbeat.__exit__()

    def __len__(self) -> int:
        """The number of members at work."""
        return len(self._members)

    def hire(self, max_jobs: int | None = None) -> int:
        """Start a process and return its id.

        Args:
            max_jobs: It runs at most this many jobs; None for any number.
        """
        session = open_session(self._connection, self._lease, module_commit(self._assignment.module))
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=_start,
            args=(self._assignment, self._connection.arguments, session, max_jobs, theirs),
            name="levada-worker",
        )
        with _signals_held_back(), _script_left_alone(self._assignment.module):
            process.start()
        theirs.close()
        self._heartbeat.add(session, process.pid or 0)
        member = _Member(session, process, ours, max_jobs)
        self._members.append(member)
        return member.pid

    def reports(self) -> Iterator[Report]:
        """Yield the reports of members; waits a moment for the first."""
        by_handle: dict[Any, _Member] = {}  # Any: a pipe, or the sentinel of a process
        for member in self._members:
            by_handle[member.pipe] = by_handle[member.process.sentinel] = member
        signalled = {by_handle[handle] for handle in pipes.wait(list(by_handle), _LOOK_SECONDS)}
        for member in list(self._members):
            # Its sentinel alone does not show it: processes that its makes started may hold that open.
            ended = member.process.exitcode is not None
            if not ended and member not in signalled:
                continue
            yield from self._received(member)
            if ended:
                yield from self._bury(member)
        for member in self._members:
            self._judge(member)

    def outcomes(self, stopping: Callable[[], bool]) -> Generator[Outcome, None, None]:
        """Yield the outcome of each job, until all members have ended.

        Args:
            stopping: Returns whether they should only finish their current jobs.

        Raises:
            LevadaError: A member could not begin, or several died one after the other while they ran no job.
        """
        asked, idle_deaths = False, 0
        while self._members:
            if stopping() and not asked:
                asked = True
                self.ask_to_stop()
            for report in self.reports():
                match report:
                    case Finished():
                        idle_deaths = 0
                        yield read_outcome(report)
                    case Broken(message):
                        raise LevadaError(message)
                    case Died(judged=True, jobs_left=left):
                        if left != 0 and not asked:
                            self.hire(left)
                    case Died(pid, code, left) if code != 0:
                        idle_deaths += 1
                        if idle_deaths == _IDLE_DEATHS:
                            raise LevadaError(
                                f"Process {pid} of populate {report.how}, as {idle_deaths - 1} before it, while they "
                                "computed nothing; the jobs can be computed again. If they gave a reason, it is on "
                                "standard error."
                            )
                        if left != 0 and not asked:
                            self.hire(left)
                    case _:
                        pass

    def ask_to_stop(self, pids: Sequence[int] | None = None) -> None:
        """Let all or some of the members finish their current jobs, return the rest, and end."""
        for member in self._members:
            if pids is None or member.pid in pids:
                member.process.terminate()

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [member.pid for member in self._members]

    def _end_all(self) -> None:
        """Kill all members; their jobs are returned untouched, because it was not their fault."""
        for member in self._members:
            member.kill()
        for member in list(self._members):
            member.process.join()
            for _ in self._received(member):
                pass
            job_calls.release(self._connection, member.leases.values())
            self._forget(member)

    def _bury(self, member: _Member) -> Iterator[Finished | FinishedDiscovery | Died]:
        """Clean up after a process that has ended: its current job counts as an attempt, the others are returned."""
        member.process.join()
        code = member.process.exitcode or 0
        if code != 0:
            family.kill_rest(member.pid)
        in_hand, judged = member.in_hand, False
        if in_hand is not None:
            del member.leases[in_hand.token]
            if member.verdict is not None and member.verdict[0] == in_hand.token:
                judged = True
                yield self._fail(member, in_hand, member.verdict[1])
            elif self._assignment.until_empty:
                judged = True
                yield self._fail(member, in_hand, _lost(in_hand, code))
        if member.overdue and member.discovering is not None:
            judged = True
            yield self._fail_discovery(member, member.discovering)
        job_calls.release(self._connection, member.leases.values())
        self._forget(member, [in_hand] if in_hand is not None else [])
        yield Died(member.pid, code, member.jobs_left, in_hand, judged)

    def _forget(self, member: _Member, started: Sequence[Lease] = ()) -> None:
        self._members.remove(member)
        self._heartbeat.remove(member.session)
        close_session(self._connection, member.session, started)
        member.pipe.close()

    def _received(self, member: _Member) -> Iterator[Report]:
        """Return a member's report after recording it; answer the member's question."""
        try:
            while member.pipe.poll():
                report: Report | Asked | Warned = member.pipe.recv()
                if isinstance(report, Asked):
                    member.pipe.send(list(islice(self._singles, 1)))
                    continue
                if isinstance(report, Warned):
                    self._show(report.text)
                    continue
                member.note(report)
                yield report
        except (EOFError, OSError):
            pass  # it has ended, perhaps in the middle of a report

    def _show(self, warning: str) -> None:
        if warning not in self._warnings:
            self._warnings.add(warning)
            sys.stderr.write(warning)
            sys.stderr.flush()

    # -------------------------------------------------------------------------------------------- limits

    def _judge(self, member: _Member) -> None:
        """Kill a member whose `make` exceeds its limits or is cancelled, or whose `discover` takes too long."""
        discovery = member.discovering
        if discovery is not None and discovery.limit is not None and not member.overdue:
            if time.monotonic() - member.begin_seconds > discovery.limit.total_seconds() and not _has_more(member):
                member.overdue = True
                member.kill()
            return
        lease = member.in_hand
        if lease is None or member.verdict is not None:
            return
        own = member.limits.get((lease.table.schema, lease.table.table), Limits())
        failure = self._cause(member, lease, own.or_else(self._limits))
        if failure is not None:
            member.verdict = (lease.token, failure)
            member.kill()

    def _cause(self, member: _Member, lease: Lease, limits: Limits) -> Failure | None:
        name = f"{lease.table.schema}.{lease.table.table}"
        if lease.token in self._cancelled:
            return Failure("JobCancelled", f"make of `{name}` was stopped on request.", "")
        seconds = time.monotonic() - member.begin_seconds
        if limits.time is not None and seconds > limits.time.total_seconds():
            allowed = limits.time.total_seconds()
            return Failure("TimeLimitExceeded", f"make of `{name}` took longer than its limit of {allowed:g} s.", "")
        if limits.memory_bytes is not None and (used := _memory_bytes(member.pid)) > limits.memory_bytes:
            return Failure(
                "MemoryLimitExceeded",
                f"make of `{name}` used {show_size(used)} of memory; its limit is {show_size(limits.memory_bytes)}.",
                "",
            )
        return None

    def _fail(self, member: _Member, lease: Lease, failure: Failure) -> Finished:
        """Record the failure of a job whose process was killed for it."""
        seconds = time.monotonic() - member.begin_seconds
        state = "error"
        try:
            job_calls.fail(self._connection, lease, failure, seconds, self._lease.total_seconds())
        except PASSING:
            pass  # its lease expires, and the attempt counts
        except LevadaError:  # it went to another worker, or its table or the right to compute it is gone
            state = "lost"
        member.finished += 1
        self._cancelled.discard(lease.token)
        return Finished(member.pid, lease, seconds, state, f"{failure.type}: {failure.message}")

    def _fail_discovery(self, member: _Member, begun: BeganDiscovery) -> FinishedDiscovery:
        """Record the failure of a discovery whose process was killed for it."""
        assert begun.limit is not None
        allowed = begun.limit.total_seconds()
        failure = Failure(
            "TimeLimitExceeded", f"discover of `{begun.table}` took longer than its limit of {allowed:g} s.", ""
        )
        seconds, state = time.monotonic() - member.begin_seconds, "error"
        try:
            patience = self._lease.total_seconds()
            fail_discovery(self._connection, begun.table, begun.lease_token, failure, seconds, patience)
        except PASSING:
            pass  # its lease ends with the session, and the next attempt counts
        except LevadaError:  # it went to another worker, or its table or the right to fill it is gone
            state = "lost"
        return FinishedDiscovery(member.pid, begun.table, 0, seconds, state, f"{failure.type}: {failure.message}")


def _has_more(member: _Member) -> bool:
    """Return whether a member has sent what is not read yet, such as the end of what it did."""
    try:
        return member.pipe.poll()
    except OSError:
        return False


def _lost(lease: Lease, code: int) -> Failure:
    """Describe the failure of a job whose process died while it computed."""
    name = f"{lease.table.schema}.{lease.table.table}"
    return Failure(
        "WorkerLost",
        f"The process {how_it_ended(code)} while it computed make of `{name}`. If it gave a reason, it is on its "
        "standard error.",
        "",
    )


def _memory_bytes(pid: int) -> int:
    try:
        return memory_bytes(pid)
    except ImportError:
        raise InvalidRequest(f"A memory limit needs psutil; run {install_command('worker')}.") from None


def shares(max_jobs: int | None, processes: int) -> list[int | None]:
    """Divide a number of jobs among processes, without processes that would get none."""
    if max_jobs is None:
        return [None] * processes
    each, rest = divmod(max_jobs, processes)
    return [share for i in range(processes) if (share := each + (i < rest))]


def _start(
    assignment: Assignment,
    server: tuple[Any, ...],  # Any: arguments of Connection
    session: str,
    max_jobs: int | None,
    pipe: pipes.Connection[Any, Any],  # Any: reports
) -> None:
    """Run a member in the new process."""
    from levada._crew.member import main  # only the new process needs these

    main(assignment, server, session, max_jobs, pipe)


@contextmanager
def _script_left_alone(module: str) -> Iterator[None]:
    """Start a process that does not run this process's script again, unless the script contains the tables.

    So a script needs no `if __name__ == "__main__":` around a populate of classes that it imports.

    Raises:
        InvalidRequest: The script contains the tables, and a process has reached populate while importing it.
    """
    if module in ("__main__", "__mp_main__"):  # the second in a process that runs the script again
        try:
            yield
        except RuntimeError as error:
            raise InvalidRequest(
                "populate(processes=…) runs this script again in each process, because it contains the class, and "
                'called populate there too: put the code to run once under `if __name__ == "__main__":`, or the class '
                "into its own module."
            ) from error
        return
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Start a process with the stop signals blocked until it can handle them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
