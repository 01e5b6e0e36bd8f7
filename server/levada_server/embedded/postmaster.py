"""The processes of a cluster: found by their working folder, whatever became of the files that name them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from levada_server.embedded.cluster import CLUSTER

if TYPE_CHECKING:
    from levada_server.embedded.postgres_programs import Programs

PID_FILE = f"{CLUSTER}/postmaster.pid"
PROCESSES = Path("/proc")
STOP_SECONDS = 60
END_SECONDS = 30
POLL_SECONDS = 0.02

_FIND = """
for process in "$1"/[0-9]*; do
    if [ "$process/cwd" -ef "$2" ]; then
        case "$(readlink "$process/exe")" in */postgres*) echo "${process##*/}" ;; esac
    fi
done
"""
"""Prints the ids of the PostgreSQL processes that work in a folder."""


def processes(home: Path, programs: Programs) -> list[int] | None:
    """Return the ids of the processes of the cluster of a home; None if the system gives no answer (macOS).

    Asked as their user, since root in a container may not inspect other users' processes.
    """
    if not (PROCESSES / "self").exists():
        return None
    arguments = ("-c", _FIND, "sh", str(PROCESSES), CLUSTER)
    answer = programs.run("/bin/sh", *arguments, within=home, seconds=END_SECONDS)
    return [int(number) for number in answer.stdout.split() if number.isdecimal()]


def postmasters(home: Path, programs: Programs) -> list[int]:
    """Return the ids of the postmasters of a cluster: one, or none.

    If the system gives no answer, postmaster.pid is trusted.
    """
    found = processes(home, programs)
    if found is None:
        named = named_postmaster(home)
        return [] if named is None else [named]
    return [process for process in found if not _title(process).startswith(b"postgres: ")]


def named_postmaster(home: Path) -> int | None:
    """Return the process that postmaster.pid names, which may be dead or another program; None without a name."""
    try:
        number = (home / PID_FILE).read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return None
    return int(number) if number.isdecimal() else None


def stop(home: Path, programs: Programs) -> None:
    """Ask the postmaster of a cluster, if there is one, to stop, and wait a while for it."""
    running = postmasters(home, programs)
    if not running:
        return
    if named_postmaster(home) in running:
        arguments = ("--silent", "--wait", f"--timeout={STOP_SECONDS}", "--mode=fast", "-D", CLUSTER)
        programs.run("pg_ctl", "stop", *arguments, within=home, seconds=STOP_SECONDS + END_SECONDS)
        return
    # Its file is gone, or names another process. SIGINT is what pg_ctl sends.
    kill = ("-c", 'kill -INT "$@"', "sh", *map(str, running))
    programs.run("/bin/sh", *kill, within=home, seconds=END_SECONDS)
    deadline = time.monotonic() + STOP_SECONDS
    while postmasters(home, programs) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _title(process: int) -> bytes:
    """Return the command line of a process, which a child of the postmaster begins with `postgres: `."""
    try:
        return (PROCESSES / str(process) / "cmdline").read_bytes()
    except OSError:
        return b"postgres: "  # it has just ended
