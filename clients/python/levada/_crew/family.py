"""The family of a process, itself and its children at any depth: one group, which ends as one."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")


def lead() -> None:
    """Make this process the leader of a group, to which whatever it starts belongs."""
    if hasattr(os, "setpgid"):  # not on Windows
        with suppress(OSError):  # it leads a session
            os.setpgid(0, 0)


def kill(leader: int) -> None:
    """Kill a process and its children at any depth, on Linux also children that left its group."""
    if not hasattr(os, "killpg"):  # Windows
        return
    family = [leader, *_descendants(leader)]
    with suppress(OSError):  # it has ended, or does not lead yet
        os.killpg(leader, signal.SIGKILL)
    for process in family:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)


def kill_rest(leader: int) -> None:
    """Kill what is left of the group of a process that has ended."""
    if hasattr(os, "killpg"):  # not on Windows
        with suppress(OSError):
            os.killpg(leader, signal.SIGKILL)


def _descendants(process: int) -> list[int]:
    """Return the processes below one; none where the system does not list them as Linux does."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for path in _PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The name of the program, in parentheses, may have spaces and parentheses of its own.
            parent = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
            children[parent].append(int(path.parent.name))
    found = list(children[process])
    for child in found:
        found += children[child]
    return found
