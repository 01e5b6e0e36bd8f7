"""Servers and workers in separate processes, which tests can stop, kill and start again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 60.0
"""Longer than any step here takes; a test that waits this long has failed."""


def write_pipeline(folder: Path, module: str, source: str) -> None:
    """Write a module for workers, and two FIFOs: `begun`, by which a make says so, and `go_on`, for which it waits."""
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    os.mkfifo(folder / "begun")
    os.mkfifo(folder / "go_on")


class Worker:
    """A process `levada worker`; leaving its context kills it and its own processes."""

    def __init__(self, folder: Path, address: str, *options: str, module: str = "pipeline") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "levada", "worker", module, *options],
            cwd=folder,
            env=os.environ | {"LEVADA_URL": address},
            stderr=subprocess.PIPE,
            text=True,
        )
        # A test must not wait for ever for its output.
        self._end = threading.Timer(TIMEOUT, self.process.kill)
        self._end.daemon = True
        self._end.start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.cancel()
        if self.process.poll() is None:
            children = psutil.Process(self.process.pid).children()
            for process in (psutil.Process(self.process.pid), *children):
                process.kill()
        self.process.wait()
        self._errors.close()

    @property
    def _errors(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr

    def said(self, words: str) -> str:
        """Wait for a line with some words."""
        lines = []
        for line in self._errors:
            if words in line:
                return line
            lines.append(line)
        raise AssertionError(f"the worker ended without saying {words!r}; it said {''.join(lines)}")

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and its output since the last call."""
        _, said = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, said


class Server:
    """A server in its own process, which can be stopped and started again.

    Args:
        options: More options of `levada serve`.
        log: The file for its log; by default the standard error of this process.
    """

    def __init__(self, database_url: str, address: str, *options: str, log: IO[str] | None = None) -> None:
        self._command = [sys.executable, "-m", "levada_server", "serve", "--database-url", database_url]
        self._command += ["--listen", address, "--grace", "0.1", "--log-level", "ERROR", *options]
        self._log = log
        self.start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        assert "ready" in self._process.stdout.readline()

    def kill(self) -> None:
        """Kill it and wait until it has ended."""
        self._process.kill()
        self._process.communicate(timeout=TIMEOUT)

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Stop it and wait until it has ended."""
        self._process.terminate()
        self._process.communicate(timeout=TIMEOUT)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
