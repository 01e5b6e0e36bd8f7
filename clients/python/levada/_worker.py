"""The worker daemon: a supervisor that imports nothing of the user's code, and processes that compute."""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from levada._crew import Assignment, Broken, Crew, Died, Finished, Ready, shares
from levada._jobs import PASSING
from levada._refresher import Refresher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from types import FrameType

    from levada._connection import Connection

EXIT_OK = 0
EXIT_FAILED = 1

_LOOK_SECONDS = 0.2
"""How long the supervisor listens before it looks whether it is to stop."""
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
"""Pauses before a process is replaced that died without finishing a job."""


@dataclass(frozen=True)
class Settings:
    """How a worker works.

    Args:
        module: The module that has the tables.
        tables: Their names; empty for all.
        processes: How many compute side by side.
        max_jobs: Run so many jobs and end; None for any number.
        drain: End when nothing is left to do.
        lease: How long its jobs are held for it when it is silent.
        grace: How long jobs in hand may take when it is told to stop.
    """

    module: str
    tables: tuple[str, ...]
    processes: int
    max_jobs: int | None
    drain: bool
    lease: timedelta
    grace: timedelta


def work(connection: Connection, settings: Settings) -> int:
    """Compute jobs until told to stop, or as the settings say; give the exit code.

    SIGTERM or SIGINT ends it after the jobs in hand; a second one at once.
    """
    assignment = Assignment(settings.module, settings.tables)

    def reachable(back: bool) -> None:
        if back:
            _say(f"the server at {connection.address} is back")
        else:
            _say(f"the server at {connection.address} is out of reach; trying until it is back")

    with _stop_signals() as stop, Crew(connection, assignment, settings.lease, reachable) as crew:
        return _Supervisor(connection, settings, crew, stop).run()


class _Stop:
    """How often the process was told to stop."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Supervisor:
    """Replaces processes that die, tells what becomes of jobs, and knows when to end."""

    def __init__(self, connection: Connection, settings: Settings, crew: Crew, stop: _Stop) -> None:
        self._connection = connection
        self._settings = settings
        self._crew = crew
        self._stop = stop
        self._vacancies: list[int | None] = shares(settings.max_jobs, settings.processes)
        self._hire_time = 0.0
        self._pause = _FIRST_PAUSE_SECONDS
        self._refresher: Refresher | None = None

    def run(self) -> int:
        try:
            while not self._stop.count and not (self._refresher and self._refresher.drained.is_set()):
                self._fill_vacancies()
                if not self._crew and not self._vacancies:
                    return EXIT_OK  # all have run as many jobs as they were to
                if not self._attend():
                    return EXIT_FAILED
            return self._finish()
        finally:
            if self._refresher is not None:
                self._refresher.close()

    def _fill_vacancies(self) -> None:
        while self._vacancies and time.monotonic() >= self._hire_time:
            try:
                self._crew.hire(self._vacancies[0])
            except PASSING:  # the heartbeat tells that the server is out of reach
                self._hire_time = time.monotonic() + self._pause
            else:
                self._vacancies.pop(0)

    def _attend(self, *, replace: bool = True) -> bool:
        """Handle what the members report; False if none of them can work."""
        for report in self._crew.reports(_LOOK_SECONDS):
            match report:
                case Ready(tables):
                    self._begin(tables)
                case Broken(message):
                    _say(message)
                    return False
                case Finished():
                    self._pause = _FIRST_PAUSE_SECONDS
                    _say(_line(report))
                    if self._refresher is not None and report.state == "success":
                        self._refresher.committed(report.schema, report.table)
                case Died() if replace:
                    self._replace(report)
                case Died():
                    pass
        return True

    def _begin(self, tables: tuple[tuple[str, str], ...]) -> None:
        if self._refresher is None:
            count = f"{self._settings.processes} process" + "es" * (self._settings.processes != 1)
            names = ", ".join(f"{schema}.{table}" for schema, table in tables)
            _say(f"{count} for {names} at {self._connection.address}")
            self._refresher = Refresher(self._connection, tables, drain=self._settings.drain, say=_say)

    def _replace(self, died: Died) -> None:
        if died.jobs_left == 0:
            return
        how = f"was killed by {signal.Signals(-died.code).name}" if died.code < 0 else f"ended with code {died.code}"
        _say(f"process {died.pid} {how}; another takes its place, and others what it had in hand")
        self._vacancies.append(died.jobs_left)
        self._hire_time = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def _finish(self) -> int:
        """Let the members finish what is in hand, for as long as the grace lasts."""
        told = self._stop.count
        self._crew.ask_to_stop()
        if told:
            _say(f"stopping after the jobs in hand, at most {self._settings.grace.total_seconds():.0f} s")
        deadline = time.monotonic() + self._settings.grace.total_seconds()
        while self._crew and time.monotonic() < deadline and self._stop.count <= max(told, 1):
            self._attend(replace=False)
        if self._crew:
            _say(f"gave up what {len(self._crew)} of its processes had in hand; others can take it")
        return EXIT_OK


def _line(report: Finished) -> str:
    """One line per job: state, table, key, time, and for errors their message."""
    key = json.dumps(report.key, default=str, ensure_ascii=False)
    message = f"  {report.message.splitlines()[0]}" if report.state == "error" and report.message else ""
    return f"{report.state:<7} {report.schema}.{report.table} {key} {report.seconds:.3f} s{message}"


def _say(text: str) -> None:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    sys.stderr.write(f"{now} levada worker: {text}\n")
    sys.stderr.flush()
