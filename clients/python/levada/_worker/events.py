"""Events of a worker and their consumers: the log, the metrics, the view in a terminal."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from levada._base.text import plural
from levada._crew.reports import (
    Began,
    BeganDiscovery,
    Broken,
    Died,
    Ended,
    Finished,
    FinishedDiscovery,
    Ready,
    Took,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada._crew.reports import Report
    from levada._jobs.job_calls import Lease


_TOLD = ("error", "released")
"""States of jobs that have an error to report."""


class Observer:
    """Receives all events of a worker, in its main thread except for `happened`; by default does nothing."""

    def reported(self, report: Report) -> None:
        """Handle a report of a process."""

    def happened(self, event: str, text: str, **details: object) -> None:
        """Handle an event: its name in words joined by `_`, a text for people, and its details."""

    def close(self) -> None:
        """Handle the end of the worker."""


class Observers(Observer):
    """Forwards everything to others."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def reported(self, report: Report) -> None:
        """Forward it."""
        for observer in self._observers:
            observer.reported(report)

    def happened(self, event: str, text: str, **details: object) -> None:
        """Forward it."""
        for observer in self._observers:
            observer.happened(event, text, **details)

    def close(self) -> None:
        """Close them."""
        for observer in self._observers:
            observer.close()


def _to_standard_error(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class TextLog(Observer):
    """Writes one line per job and event.

    Args:
        command: The running command, `worker` or `run`.
        write: Called with each line.
    """

    def __init__(self, command: str, write: Callable[[str], None] = _to_standard_error) -> None:
        self._command = command
        self._write = write

    def reported(self, report: Report) -> None:
        """Write a line for each job that ended, and for each discovery that found rows or failed."""
        if isinstance(report, Finished):
            self._say(_line(report))
        elif isinstance(report, FinishedDiscovery) and (report.row_count or report.message):
            self._say(_discovery_line(report))

    def happened(self, event: str, text: str, **details: object) -> None:
        """Write the text."""
        self._say(text)

    def _say(self, text: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._write(f"{now} levada {self._command}: {text}")


def _line(report: Finished) -> str:
    """Format a job on one line: state, table, key, time, and for errors their message."""
    message = f"  {report.message.splitlines()[0]}" if report.state in _TOLD and report.message else ""
    return f"{report.state:<7} {job_text(report.lease)} {report.seconds:.3f} s{message}"


def _discovery_line(report: FinishedDiscovery) -> str:
    """Format a discovery on one line: state, table, rows, time, and for errors their message."""
    message = f"  {report.message.splitlines()[0]}" if report.message else ""
    found = plural(report.row_count, "new row")
    return f"{report.state:<7} {report.table} discover: {found} {report.seconds:.3f} s{message}"


def job_text(lease: Lease) -> str:
    """Name a job by its table and key."""
    key = json.dumps(lease.key, default=str, ensure_ascii=False)
    return f"{lease.table.schema}.{lease.table.table} {key}"


class JsonLog(Observer):
    """Writes one JSON object per line, for machines: `time`, `event`, and the details of the event."""

    def __init__(self, command: str, write: Callable[[str], None] = _to_standard_error) -> None:
        self._command = command
        self._write = write

    def reported(self, report: Report) -> None:
        """Write lines for processes and jobs."""
        match report:
            case Ready():
                self._event("process_ready", process=report.pid)
            case Began():
                self._event("job_began", process=report.pid, **job_details(report.lease))
            case Finished():
                error = {"error": report.message, "stack": report.stack} if report.state in _TOLD else {}
                details = {"process": report.pid, **job_details(report.lease), "state": report.state}
                self._event("job_ended", **details, duration_seconds=round(report.seconds, 6), **error)
            case FinishedDiscovery():
                error = {"error": report.message, "stack": report.stack} if report.message else {}
                self._event(
                    "discovery_ended",
                    process=report.pid,
                    table=report.table,
                    state=report.state,
                    rows=report.row_count,
                    duration_seconds=round(report.seconds, 6),
                    **error,
                )
            case Took() | Ended() | BeganDiscovery() | Broken() | Died():
                pass  # the worker reports the last two in its own words

    def happened(self, event: str, text: str, **details: object) -> None:
        """Write it."""
        self._event(event, message=text, **details)

    def _event(self, event: str, **details: object) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = {"time": now, "command": self._command, "event": event, **details}
        self._write(json.dumps(record, default=str, ensure_ascii=False))


def job_details(lease: Lease) -> dict[str, object]:
    """Return the details of a job in an event."""
    table = f"{lease.table.schema}.{lease.table.table}"
    return {"table": table, "job_id": lease.job_id, "attempt": lease.attempt, "key": lease.key}
