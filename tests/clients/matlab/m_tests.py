"""One Octave that runs the M tests of a pytest process: starting it takes longer than most tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections import deque
from pathlib import Path
from typing import IO, Any, TypeAlias

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent
TOOLBOX = ROOT / "clients" / "matlab" / "toolbox"
_MARK = "@@"
_TIMEOUT_S = 120.0
"""Longer than any test takes, even on a busy machine."""

Json: TypeAlias = Any  # what JSON can hold


class TestFailed(AssertionError):
    """A test of an M file failed; the message is Octave's."""

    __test__ = False


class MTests:
    """A process that runs tests of M files one by one."""

    def __init__(self, **environment: str) -> None:
        self._environment = environment
        self._output: deque[str] = deque(maxlen=200)
        self._start()

    def run(self, file: str, test: str, address: str = "", /, *, folder: Path | None = None, **arguments: Json) -> Json:
        """Run a function of a file of tests.

        Args:
            address: The address of the server that the test uses; empty for none.
            folder: The folder to add to Octave's path first.
            arguments: Given to the test as a struct.

        Returns:
            The result of the test, if any.

        Raises:
            TestFailed: It raised an error, or Octave ended.
        """
        self.ask(file, test, address, folder=folder, **arguments)
        return self.answer()

    def ask(self, file: str, test: str, address: str = "", /, *, folder: Path | None = None, **arguments: Json) -> None:
        """Begin to run a test, as `run` does; `answer` returns its outcome."""
        if self.process.poll() is not None:
            self._start()
        order = {"folder": str(folder or ""), "file": file, "test": test, "address": address, "arguments": arguments}
        assert self.process.stdin is not None
        # Octave looks one letter past the end of a line, and would wait for it.
        self.process.stdin.write(json.dumps(order) + "\n\n")
        self.process.stdin.flush()

    def answer(self) -> Json:
        """Wait for the running test and return its result; raise as `run` does."""
        watchdog = threading.Timer(_TIMEOUT_S, self.process.kill)
        watchdog.start()
        try:
            while line := self._stdout.readline():
                if line.startswith(_MARK):
                    answer = json.loads(line.removeprefix(_MARK))
                    if not answer["ok"]:
                        raise TestFailed(f"{answer['message']}\n{answer['stack']}\n{self._tail()}")
                    return answer["value"]
                self._output.append(line)
        finally:
            watchdog.cancel()
        raise TestFailed(f"Octave ended with code {self.process.wait()}.\n{self._tail()}")

    def lines(self) -> list[str]:
        """Return the output of the tests since the last call."""
        lines = list(self._output)
        self._output.clear()
        return lines

    def wait_for_line(self, text: str) -> str:
        """Wait until the test that runs prints a line with this text, and return it."""
        while line := self._stdout.readline():
            assert not line.startswith(_MARK), f"the test ended before: {line}{self._tail()}"
            self._output.append(line)
            if text in line:
                return line
        raise TestFailed(f"Octave ended.\n{self._tail()}")

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._stdout.close()

    def _start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LEVADA_", "DJ_"))}
        self.process = subprocess.Popen(
            [
                "octave-cli",
                "--no-history",
                "--no-init-file",
                "--path",
                str(TOOLBOX),
                "--path",
                str(FOLDER),
                "--eval",
                "serve_tests",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env={**environment, **self._environment},
        )
        assert self.process.stdout is not None
        self._stdout: IO[str] = self.process.stdout

    def _tail(self) -> str:
        return "".join(self._output)


def names_of_tests(file: str) -> list[str]:
    """Name the tests of a file."""
    text = (FOLDER / f"{file}.m").read_text(encoding="utf-8")
    return re.findall(r"^function (?:\w+ = )?(test_\w+)\(", text, re.MULTILINE)
