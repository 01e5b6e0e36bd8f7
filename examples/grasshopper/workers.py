"""Worker processes: start them, report which have ended, and leave none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).parents[2]
_GRACE_S = 10.0
"""How long an interrupted worker may take to finish its current job."""


class Unfinished(Exception):
    """All workers have ended, but not everything is computed."""


@dataclass(frozen=True)
class Worker:
    """A worker process.

    Attributes:
        number: From 1.
        process: The process itself.
        log: The file with its output.
    """

    number: int
    process: subprocess.Popen[bytes]
    log: Path

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.process.pid})"

    @property
    def ended(self) -> str | None:
        """How it ended, in words; None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return "has nothing left to do" if code == 0 else f"failed, see {self.log}"


@contextmanager
def running(module: str, count: int, log_folder: Path) -> Iterator[list[Worker]]:
    """Run workers for the tables of a module until nothing is left to compute.

    Workers that still run at the end of the block finish their current job and stop.
    """
    command = [sys.executable, "-m", "levada", "worker", module, "--processes", "1", "--drain"]
    python_path = os.pathsep.join([str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    workers: list[Worker] = []
    try:
        for number in range(1, count + 1):
            log = log_folder / f"worker-{number}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command,
                    env={**os.environ, "PYTHONPATH": python_path},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # an interrupt at this terminal is passed on below
                )
            workers.append(Worker(number, process, log))
        yield workers
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            try:
                worker.process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
