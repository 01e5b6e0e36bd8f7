"""Reports of the processes of a worker, as the JSON log and the live view show them."""

from __future__ import annotations

import io
import json

from rich.console import Console
from rich.text import Text

from levada._crew.reports import Began, Died, Ended, Finished, Ready
from levada._jobs.job_calls import Lease
from levada._worker.events import JsonLog
from levada._worker.view import View
from levada_api.v1 import schema_pb2

TESTS = ("levada._jobs.job_calls", "levada._worker.events", "levada._worker.view")


def lease(n: int) -> Lease:
    return Lease(schema_pb2.TableName(schema="lab", table="Square"), n, {"n": n}, f"token{n}", 1)


def test_view_shows_what_each_process_does() -> None:
    shown = io.StringIO()
    view = View(Console(file=shown, force_terminal=True, width=100, _environ={"TERM": "xterm"}))
    for report in (
        Ready(11, (), (), (), 1),
        Ready(12, (), (), (), 1),
        Ready(13, (), (), (), 1),
        Began(11, lease(1)),
        Began(12, lease(2)),
        Ended(12),
        Finished(12, lease(2), 0.5, "success"),
        Finished(12, lease(3), 0.5, "error"),
        Died(13, 1, None),
    ):
        view.reported(report)
    view.write("a line of the log")
    view.close()
    assert "a line of the log" in shown.getvalue()
    *_, last = Text.from_ansi(shown.getvalue()).plain.split("process")
    rows = [line.split() for line in last.splitlines()]
    assert rows[1] == ["11", "lab.Square", '{"n":', "1}", "0", "s"]
    assert rows[2] == ["12", "idle"]
    assert rows[3][:6] == ["success", "1", "error", "1", "lost", "0"]


def test_json_log_has_whole_errors() -> None:
    lines: list[str] = []
    log = JsonLog("worker", lines.append)
    log.reported(Finished(5, lease(1), 0.25, "error", "ValueError: bad\nworse", "the stack"))
    log.reported(Ended(5))
    (record,) = map(json.loads, lines)
    del record["time"]
    assert record == {
        "command": "worker",
        "event": "job_ended",
        "process": 5,
        "table": "lab.Square",
        "job_id": 1,
        "attempt": 1,
        "key": {"n": 1},
        "state": "error",
        "duration_seconds": 0.25,
        "error": "ValueError: bad\nworse",
        "stack": "the stack",
    }
