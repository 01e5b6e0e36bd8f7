"""The worker daemon: a supervisor that imports no user code, and processes that compute."""

from __future__ import annotations

import math
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada._base import signals
from levada._crew.crew import Crew, shares
from levada._crew.limits import Limits
from levada._crew.reports import Assignment, Broken, Died, Finished, FinishedDiscovery, Ready
from levada._net.backoff import PASSING, Backoff
from levada._worker.events import job_details, job_text
from levada._worker.refresher import Refresher
from levada._worker.reload import SourceWatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from types import FrameType

    from levada._crew.reports import ServedTable
    from levada._net.connection import Connection
    from levada._worker.events import Observer

EXIT_OK = 0
EXIT_FAILED = 1

_REPLACE = Backoff(first_seconds=0.5, longest_seconds=30.0)
"""The pauses before a process that died without finishing a job is replaced."""


@dataclass(frozen=True)
class Settings:
    """The settings of a worker.

    Args:
        module: The module with the tables.
        tables: Their names; empty for all.
        processes: How many processes compute in parallel.
        max_jobs: Stop after this many jobs; None for any number.
        drain: Stop when nothing is left to do, but for tables that the server refuses.
        lease: How long a silent worker keeps its jobs.
        grace: How long running jobs may take after a stop signal.
        limits: The limits of one `make`, for tables that set none.
        reload: Restart the processes when their source files change.
        retry_errors: Also repeat jobs that failed before.
        found: As of `Assignment`.
    """

    module: str
    tables: tuple[str, ...]
    processes: int
    max_jobs: int | None
    drain: bool
    lease: timedelta
    grace: timedelta
    limits: Limits = field(default_factory=Limits)
    reload: bool = False
    retry_errors: bool = False
    found: bool = False


@dataclass(frozen=True)
class Ending:
    """The end of a worker.

    Args:
        code: Its exit code.
        tables: The tables that it worked for, parents first; empty if it could not begin.
        stopped: It received a stop signal, so there may be more to do.
    """

    code: int
    tables: tuple[ServedTable, ...]
    stopped: bool


def work(connection: Connection, settings: Settings, observer: Observer) -> Ending:
    """Compute jobs until stopped, or as the settings say.

    SIGTERM or SIGINT stops it after the current jobs; a second one at once.
    """
    assignment = Assignment(settings.module, settings.tables, found=settings.found)

    def reachable(back: bool) -> None:
        if back:
            observer.happened("server_back", f"the server at {connection.address} is back")
        else:
            text = f"the server at {connection.address} is out of reach; trying until it is back"
            observer.happened("server_lost", text)

    try:
        with (
            _stop_signals() as stop,
            Crew(connection, assignment, settings.lease, reachable, settings.limits) as crew,
        ):
            return _Supervisor(connection, settings, crew, stop, observer).run()
    finally:
        observer.close()


class _Stop:
    """How often the process was told to stop."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signals.handle(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signals.hand_back(number, handler)


class _Supervisor:
    """Replaces processes that die, reports finished jobs, and decides when to stop."""

    def __init__(self, connection: Connection, settings: Settings, crew: Crew, stop: _Stop, observer: Observer) -> None:
        self._connection = connection
        self._settings = settings
        self._crew = crew
        self._stop = stop
        self._observer = observer
        self._vacancies: list[int | None] = shares(settings.max_jobs, settings.processes)
        self._hire_time = 0.0
        self._pauses = _REPLACE.pauses()
        self._tables: tuple[ServedTable, ...] = ()
        self._refresher: Refresher | None = None
        self._sources = SourceWatch() if settings.reload else None

    def run(self) -> Ending:
        try:
            code = self._run()
            tables = tuple(table for table in self._tables if table.full_name not in self._refused)
            return Ending(code, tables, stopped=bool(self._stop.count))
        finally:
            if self._refresher is not None:
                self._refresher.close()

    def _run(self) -> int:
        self._observer.happened("starting", f"starting {self._processes}", processes=self._settings.processes)
        while not self._stop.count and not (self._refresher and self._refresher.drained.is_set()):
            self._fill_vacancies()
            if not self._crew and not self._vacancies:
                return EXIT_OK  # all have run their number of jobs
            if not self._attend():
                return EXIT_FAILED
            self._reload()
        return self._finish()

    def _fill_vacancies(self) -> None:
        while self._vacancies and time.monotonic() >= self._hire_time:
            try:
                self._crew.hire(self._vacancies[0])
            except PASSING:  # the heartbeat reports that the server is out of reach
                self._hire_time = time.monotonic() + _REPLACE.first_seconds
            else:
                self._vacancies.pop(0)

    def _attend(self, *, replace: bool = True) -> bool:
        """Handle the reports of members; return False if none of them can work."""
        for report in self._crew.reports():
            self._observer.reported(report)
            match report:
                case Ready():
                    self._begin(report)
                case Broken(message):
                    self._observer.happened("cannot_begin", message)
                    if self._sources is None or self._refresher is None:
                        return False
                    self._hire_time = math.inf  # until the source has been fixed
                case Finished():
                    self._pauses = _REPLACE.pauses()
                case FinishedDiscovery(state="refused") if self._refresher is not None:
                    self._refresher.stop_waiting_for(report.table)
                case Died() if replace:
                    self._replace(report)
                case _:
                    pass
        return True

    def _begin(self, ready: Ready) -> None:
        self._connection.expect_catalog(ready.catalog_version)
        if self._sources is not None:
            self._sources.add(ready.files)
        if self._refresher is not None:
            return
        self._tables = ready.tables
        discovering = [f"{schema}.{table}" for schema, table in ready.discovering]
        names = list(dict.fromkeys([*(table.full_name for table in ready.tables), *discovering]))
        text = f"{self._processes} for {', '.join(names)} at {self._connection.address}"
        self._observer.happened("started", text, tables=names, processes=self._settings.processes)
        self._refresher = Refresher(
            self._connection,
            [(table.schema, table.table) for table in ready.tables],
            ready.discovering,
            drain=self._settings.drain,
            retry_errors=self._settings.retry_errors,
            say=lambda text: self._observer.happened("cannot_refresh", text),
        )

    def _replace(self, died: Died) -> None:
        if died.jobs_left == 0:
            return
        self._vacancies.append(died.jobs_left)
        if died.code == 0:  # it was asked to, because it had old code
            return
        if died.judged:
            text = f"process {died.pid} was stopped because of its work; another takes its place"
        else:
            doing = f" while it computed {job_text(died.in_hand)}" if died.in_hand is not None else ""
            text = f"process {died.pid} {died.how}{doing}; another takes its place, and others take over its jobs"
            self._hire_time = time.monotonic() + next(self._pauses)
        job = job_details(died.in_hand) if died.in_hand is not None else {}
        self._observer.happened("process_died", text, process=died.pid, exit_code=died.code, **job)

    def _reload(self) -> None:
        if self._sources is not None and (changed := self._sources.changed()):
            self._observer.happened("reloaded", f"{changed} has changed; processes restart with it", file=changed)
            self._crew.ask_to_stop()
            self._hire_time = 0.0

    def _finish(self) -> int:
        """Let the members finish their current jobs within the grace period."""
        told = self._stop.count
        self._crew.ask_to_stop()
        grace = self._settings.grace.total_seconds()
        if told:
            self._observer.happened("stopping", f"stopping after the current jobs, in at most {grace:.0f} s")
        deadline = time.monotonic() + grace
        while self._crew and time.monotonic() < deadline and self._stop.count <= max(told, 1):
            self._attend(replace=False)
        if self._crew:
            text = f"gave up the jobs of {len(self._crew)} of its processes; others can take them over"
            self._observer.happened("gave_up", text)
        return EXIT_FAILED if self._refused else EXIT_OK

    @property
    def _processes(self) -> str:
        return f"{self._settings.processes} process" + "es" * (self._settings.processes != 1)

    @property
    def _refused(self) -> set[str]:
        return self._refresher.refused if self._refresher is not None else set()
