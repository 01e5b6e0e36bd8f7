"""A server in a process of its own whose event loop and memory are watched."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple

HELD_S = 0.1
"""How long the event loop may compute for one message before it answers others."""
BESIDE = 3
"""How many times longer threads beside may keep it from its turn: how often they do depends on the machine's load."""


class Past(NamedTuple):
    """The longest holds of the loop, by its own thread and by threads beside, and the memory of the process."""

    computed_s: float
    held_s: float
    memory: int


class Watched:
    """A server whose event loop and memory are watched."""

    def __init__(self, database_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.watched_server", database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked, self._told = self._process.stdin, self._process.stdout
        self.address = self._told.readline().strip()

    def since_last(self) -> Past:
        """Return what the loop and the process went through since the last time."""
        self._asked.write("\n")
        self._asked.flush()
        computed_s, held_s, memory = self._told.readline().split()
        return Past(float(computed_s), float(held_s), int(memory))

    def end(self) -> None:
        self._asked.close()
        assert self._process.wait(60) == 0
        self._told.close()
