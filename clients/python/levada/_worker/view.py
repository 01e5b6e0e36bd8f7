"""A live view of a worker in a terminal: a line per process, and the counts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from levada._base.text import printable
from levada._crew.reports import Began, BeganDiscovery, Died, Ended, Finished, FinishedDiscovery, Ready
from levada._worker.events import Observer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from levada._crew.reports import Report

_STYLES = {"success": "green", "error": "red", "lost": "yellow", "released": "yellow", "unready": "yellow"}


class View(Observer):
    """Draws below the lines of the log until closed.

    Args:
        console: The terminal's console.
    """

    def __init__(self, console: Console) -> None:
        self._in_hand: dict[int, tuple[str, str, float] | None] = {}
        self._counts = dict.fromkeys(_STYLES, 0)
        self._began = time.monotonic()
        self._console = console
        self._live = Live(console=console, get_renderable=self._draw, transient=True)
        self._live.start()

    def write(self, line: str) -> None:
        """Write a line of the log above it."""
        self._console.print(Text(printable(line)), soft_wrap=True)

    def reported(self, report: Report) -> None:
        """Handle a report of a process."""
        match report:
            case Ready(pid) | Ended(pid) | FinishedDiscovery(pid):
                self._in_hand = {**self._in_hand, pid: None}
            case Began(pid, lease):
                key = json.dumps(lease.key, default=str, ensure_ascii=False)
                table = f"{lease.table.schema}.{lease.table.table}"
                self._in_hand = {**self._in_hand, pid: (table, key, time.monotonic())}
            case BeganDiscovery(pid, table):
                self._in_hand = {**self._in_hand, pid: (table, "looks for new rows", time.monotonic())}
            case Finished():
                self._counts[report.state] += 1
            case Died(pid):
                self._in_hand = {other: job for other, job in self._in_hand.items() if other != pid}
            case _:
                pass

    def close(self) -> None:
        """Remove the view."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        """Draw it. A thread of rich also calls this, so only the counts change in place."""
        now = time.monotonic()
        table = Table(box=None, padding=(0, 2, 0, 0))
        for title in ("process", "table", "key"):
            table.add_column(title, style="dim" if title == "process" else "", no_wrap=True)
        table.add_column("time", justify="right")
        for pid, job in self._in_hand.items():
            if job is None:
                table.add_row(str(pid), Text("idle", style="dim"))
                continue
            name, key, begun = job
            table.add_row(str(pid), name, Text(printable(key)), f"{now - begun:.0f} s")
        counts = Text()
        for state, style in _STYLES.items():
            counts.append(f"{state} {self._counts[state]}   ", style=style if self._counts[state] else "dim")
        minutes = max(now - self._began, 1e-9) / 60
        counts.append(f"{self._counts['success'] / minutes:.0f} a minute", style="dim")
        return Group(table, counts)
