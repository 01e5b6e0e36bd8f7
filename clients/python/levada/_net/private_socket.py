"""Find the private socket of a server that this user runs on this machine, where no token is needed.

Whoever answers there is this user, so clients believe what it says of files on this machine.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(target: str) -> bool:
    """Return whether a target `host:port` is on this machine."""
    return target.rpartition(":")[0].strip("[]") in _LOOPBACK


def is_private(place: str) -> bool:
    """Return whether a place is a socket in a folder that only this user can enter."""
    if os.name == "nt" or not place.startswith("unix:"):
        return False
    with suppress(OSError):
        return _ours_alone(Path(place.removeprefix("unix:")).parent)
    return False


def find_private_socket(target: str) -> str | None:
    """Return the address of the socket that a server of this user has announced for its port.

    Args:
        target: `host:port`.

    Returns:
        `unix:/path`; None if there is none, or if others could have put it there.
    """
    if os.name == "nt" or not is_loopback(target):
        return None
    file = _announcements() / f"{target.rpartition(':')[2]}.json"
    try:
        if not _ours_alone(file):
            return None
        announced = json.loads(file.read_text(encoding="utf-8"))
        path = Path(str(announced["socket"]).removeprefix("unix:"))
        if announced["host"] != socket.gethostname() or not _ours_alone(path.parent):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return f"unix:{path}" if _answers(path) else None


def _announcements() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "levada" / "servers"


def _ours_alone(path: Path) -> bool:
    found = path.lstat()
    return found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o077


def _answers(path: Path) -> bool:
    """Return whether a server listens; the file of one that was killed remains."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        return True
    return False
