"""A gate at which computations in other processes wait until a test lets them go on."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "LEVADA_TEST_GATE"
"""The environment variable that names the gate's socket to the waiting processes."""
TIMEOUT = 60.0


class Gate:
    """A socket at which processes wait: each connects, sends a text, and reads until the gate opens. A context."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(128)
        self._listener.settimeout(TIMEOUT)
        self._waiting: list[socket.socket] = []

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._listener.close()

    def arrived(self) -> str:
        """Wait until one more process waits; return its text."""
        connection, _ = self._listener.accept()
        connection.settimeout(TIMEOUT)
        self._waiting.append(connection)
        return connection.recv(1000).decode()

    def open(self) -> None:
        """Let all waiting processes go on."""
        for connection in self._waiting:
            connection.close()
        self._waiting.clear()


def wait_at_gate(path: str, words: str) -> None:
    """Wait until the gate opens, or its test has ended."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(words.encode())
        connection.recv(1)
