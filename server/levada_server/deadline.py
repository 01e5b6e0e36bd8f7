"""End a process that does not stop in time, and log what it still waits for."""

from __future__ import annotations

import asyncio
import inspect
import logging
import multiprocessing
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

STOP_S = 30.0
"""The time, in seconds, that a server may take to stop, beside the grace of its running calls."""
REPORT_S = 5.0
"""The time, in seconds, for the log's last line; whoever should read it may be the reason why nothing goes on."""
EXIT_LATE = 1
FRAMES = 4
"""How many of the functions in which a task or a thread is are logged."""
_LOG = logging.getLogger("levada.server")


def end_within(seconds: float) -> None:
    """End this process and its children after a time, in seconds, unless it has ended by then.

    This bounds all that a stopping server waits for: a task may ignore that it is cancelled, and a thread cannot be
    ended.
    """
    timer = threading.Timer(seconds, _end, (asyncio.get_running_loop(), seconds))
    timer.daemon = True
    timer.start()


def _end(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    report = threading.Thread(target=_report, args=(loop, seconds), daemon=True)
    report.start()
    report.join(REPORT_S)
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(EXIT_LATE)


def _report(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    _LOG.error(
        "the server did not stop within %.0f s and is ended; an embedded PostgreSQL stops at the next start. It waited "
        "for %s",
        seconds,
        ", ".join(_awaited(loop)),
    )
    logging.shutdown()


def _awaited(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Name the tasks and threads that are left, and where each is."""
    tasks = [(f"task {task.get_name()}", _awaiting(task.get_coro())) for task in asyncio.all_tasks(loop)]
    frames = sys._current_frames()  # noqa: SLF001  # the only way to see where another thread is
    threads = [
        (f"thread {thread.name}", _calling(frames[thread.ident]))
        for thread in threading.enumerate()
        if thread.ident in frames and not thread.daemon
    ]
    return [f"{name} in {' in '.join(map(_place, stack[:FRAMES]))}" for name, stack in (*tasks, *threads) if stack]


def _awaiting(coroutine: object) -> list[FrameType]:
    """Return the frames of a coroutine and of the coroutines that it awaits, the innermost first."""
    stack: list[FrameType] = []
    while inspect.iscoroutine(coroutine) and coroutine.cr_frame is not None:
        stack.insert(0, coroutine.cr_frame)
        coroutine = coroutine.cr_await
    return stack


def _calling(frame: FrameType | None) -> list[FrameType]:
    """Return a frame and its callers, the innermost first."""
    stack: list[FrameType] = []
    while frame is not None:
        stack.append(frame)
        frame = frame.f_back
    return stack


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
