"""Octave, the open stand-in for MATLAB, with the toolbox on its path."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.clients.matlab.m_tests import MTests

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLBOX = Path(__file__).parents[3] / "clients" / "matlab" / "toolbox"
GATEWAY = TOOLBOX / "+levada" / "+internal" / "+calls" / "levada_gateway.mex"
_SECONDS = 120
"""Longest run of a script; it is killed then."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests of this folder if the gateway is not built; in CI that is a failure."""
    if Path(__file__).parent not in item.path.parents or GATEWAY.exists():
        return
    message = "the gateway of the MATLAB client is not built; `make matlab` builds it, or tells what it needs"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@dataclass
class Octave:
    """Runs scripts, each in its own process.

    Args:
        address: The value of the variable `address` in the scripts.
        arguments: Further variables, as text.
    """

    address: str
    arguments: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, **variables: str) -> str:
        """Run a script to its end and return what it printed; the test fails if the script does."""
        process = self.start(script, **variables)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return output

    def start(self, script: str, **variables: str) -> subprocess.Popen[str]:
        """Start a script; its output and its errors come through one pipe."""
        settings = {"address": self.address, **self.arguments, **variables}
        lines = [f"addpath('{TOOLBOX}');", *(f"{name} = '{value}';" for name, value in settings.items())]
        # An error within a script given as text leaves the exit code 0 in some releases, so it is caught.
        body = "\n".join([*lines, script])
        wrapped = f"try\n{body}\ncatch trouble\ndisp([trouble.identifier ': ' trouble.message]);\n"
        wrapped += "for place = trouble.stack', fprintf('  %s:%d\\n', place.name, place.line); end\nexit(1);\nend\n"
        command = [
            "timeout",
            "--signal=KILL",
            str(_SECONDS),
            "octave-cli",
            "--no-history",
            "--quiet",
            "--eval",
            wrapped,
        ]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


class Prompt:
    """An Octave that takes lines as if typed: after an error or Ctrl-C it goes on.

    Args:
        address: The value of the variable `address` for the lines.
    """

    def __init__(self, address: str) -> None:
        command = ["timeout", "--foreground", "--signal=KILL", str(_SECONDS), "octave-cli", "--no-history", "--quiet"]
        self._process = subprocess.Popen(
            [*command, "--interactive", "--no-line-editing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Octave would leave its variables in a file of the working folder when it is killed.
        self.type("crash_dumps_octave_core(false); sigterm_dumps_octave_core(false); sighup_dumps_octave_core(false);")
        self.type(f"PS1(''); PS2(''); addpath('{TOOLBOX}'); address = '{address}'; disp('ready: yes')")
        self.wait("ready")

    def type(self, line: str) -> None:
        """Type a line and do not wait for its effect."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def wait(self, name: str) -> str:
        """Read to a line `name: value` and return the value."""
        assert self._process.stdout is not None
        read = []
        for line in self._process.stdout:
            read.append(line)
            head, colon, value = line.partition(": ")
            if colon and head.endswith(name):  # the text before it is a prompt
                return value.strip()
        pytest.fail(f"Octave ended before it printed `{name}`:\n{''.join(read)}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        children = psutil.Process(self._process.pid).children()
        for process in children:
            process.send_signal(signal.SIGINT)

    def __enter__(self) -> Prompt:
        return self

    def __exit__(self, *_: object) -> None:
        """End Octave, and see that it ends in order."""
        self.type("exit")
        try:
            output = self._process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            self._process.kill()
            output = "Octave did not end"
        assert self._process.returncode == 0, output


@contextmanager
def serving(database_url: str, port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run a server in a separate process, so that it can be killed. The last `--listen` among its options counts."""
    command = [sys.executable, "-m", "levada_server", "serve", "--database-url", database_url]
    process = subprocess.Popen(
        [*command, "--listen", f"127.0.0.1:{port}", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def octave(server_address: str) -> Octave:
    """Octave beside a server of this test alone."""
    return Octave(server_address)


@pytest.fixture(scope="session")
def m_tests() -> Iterator[MTests]:
    """An Octave that runs tests written in M, with the toolbox and this folder on its path."""
    runner = MTests()
    yield runner
    runner.close()
