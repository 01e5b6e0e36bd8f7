"""Checks of the data folder, and of the file with tokens: rights, what a killed server left, and disk space."""

from __future__ import annotations

import json
import os
import shutil
import stat
from typing import TYPE_CHECKING

from levada._base.text import size_text
from levada._cli.health.finding import OK, PROBLEM, WARNING, Finding
from levada._net import embedded
from levada._net.credentials import credentials_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL_BYTES = 200 * 2**20
_LOW_BYTES = 2 * 2**30
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check_folder(folder: Path) -> Iterator[Finding]:
    """Check the data folder of a local server."""
    if not folder.is_dir():
        yield Finding("data", OK, f"there is no {folder} yet; the first program that declares a schema makes it")
        yield _space(folder.parent)
        return
    yield _writable(folder)
    yield from _left_behind(folder)
    yield _space(folder)


def check_credentials() -> Iterator[Finding]:
    """Check the rights of the file with tokens."""
    file = credentials_file()
    if os.name == "nt" or not file.exists():
        return
    mode = file.stat().st_mode
    if mode & _OTHERS:
        message = f"others can read {file}, which holds tokens"
        yield Finding("tokens", PROBLEM, message, f"chmod 600 {file}", lambda: file.chmod(0o600))
    else:
        yield Finding("tokens", OK, f"kept in {file}, for you alone")


def _writable(folder: Path) -> Finding:
    found = folder.stat()
    if os.name != "nt" and found.st_uid != os.geteuid():
        return Finding("data", PROBLEM, f"{folder} belongs to another user", "work in a folder of your own")
    if not os.access(folder, os.W_OK | os.X_OK):
        message = f"{folder} is read-only"
        return Finding("data", PROBLEM, message, f"chmod u+rwx {folder}", lambda: folder.chmod(found.st_mode | 0o700))
    if os.name != "nt" and found.st_mode & _OTHERS_WRITE:
        message = f"others can write in {folder}"
        return Finding("data", PROBLEM, message, f"chmod go-w {folder}", lambda: _close(folder, found.st_mode))
    return Finding("data", OK, str(folder))


def _close(folder: Path, mode: int) -> None:
    folder.chmod(stat.S_IMODE(mode) & ~_OTHERS_WRITE)


def _left_behind(folder: Path) -> Iterator[Finding]:
    """Look for the announcement of a server that was killed."""
    file = folder / "server.json"
    if not file.exists():
        yield Finding("local server", OK, "does not run now; the next program starts it")
        return
    if (found := embedded.running(folder)) is not None:
        yield Finding("local server", OK, f"runs, process {found.pid}")
        return
    try:
        pid = int(json.loads(file.read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        pid = 0
    if pid and embedded.is_alive(pid):
        message = f"process {pid}, which {file} names, does not answer"
        yield Finding("local server", PROBLEM, message, f"look at {folder / 'server.log'}, or stop it: levada stop")
    else:
        message = f"{file} was left behind by a server that has ended"
        yield Finding("local server", WARNING, message, f"rm {file}", lambda: file.unlink(missing_ok=True))


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    message = f"{size_text(free)} free where {folder} is"
    if free < _FULL_BYTES:
        return Finding("disk", PROBLEM, message, "make room: PostgreSQL stops when the disk is full")
    return Finding("disk", WARNING if free < _LOW_BYTES else OK, message)
