"""A gate at which computations in other processes wait until a test lets them go on."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "LEVADA_TEST_GATE"
"""Names the gate's socket in the environment of those who wait."""
TIMEOUT = 60.0


class Gate:
    """A socket; who waits connects to it, says something, and reads until the gate lets go. A context."""

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
        """Wait until one more waits; give what it says."""
        connection, _ = self._listener.accept()
        connection.settimeout(TIMEOUT)
        self._waiting.append(connection)
        return connection.recv(1000).decode()

    def open(self) -> None:
        """Let all go on that have arrived."""
        for connection in self._waiting:
            connection.close()
        self._waiting.clear()


def wait_at_gate(path: str, words: str) -> None:
    """Wait until the gate lets go, or its test has ended."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(words.encode())
        connection.recv(1)
