"""A PgBouncer of Debian's package pgbouncer in transaction mode, before the PostgreSQL of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = "PgBouncer is not installed; `apt-get install pgbouncer` adds these tests"
_SECONDS = 60
_PORT = 6432
_SETTINGS = """\
[databases]
* = host={host} port={port}

[pgbouncer]
unix_socket_dir = {folder}
unix_socket_mode = 0777
listen_port = {own_port}
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {sessions}
max_client_conn = 1000
"""


def program() -> str | None:
    """Return the path of PgBouncer; None if it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


@contextmanager
def pgbouncer(url: str, *, sessions: int = 20, mode: str = "transaction", settings: str = "") -> Iterator[str]:
    """Start a PgBouncer for the length of the block, and yield the address of a database behind it.

    Args:
        url: The address of the database, on a socket of this machine.
        sessions: How many sessions of PostgreSQL all clients share.
        mode: When a client gives its session back: after each `transaction`, or at the end of its `session`.
        settings: More lines of its file.
    """
    parts = urlsplit(url)
    place = parse_qs(parts.query)
    host, port = place["host"][0], place.get("port", ["5432"])[0]
    found = program()
    assert found is not None
    # A name short enough for a socket. The private one of PostgreSQL lets in its owner alone.
    folder = Path(tempfile.mkdtemp(prefix="lv-"))
    owner = Path(host).stat().st_uid
    file = folder / "pgbouncer.ini"
    file.write_text(
        _SETTINGS.format(host=host, port=port, folder=folder, own_port=_PORT, mode=mode, sessions=sessions) + settings,
        encoding="utf-8",
    )
    (folder / "users").write_text(f'"{parts.username}" ""\n', encoding="utf-8")
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner, -1)
    user = [f"--user={pwd.getpwuid(owner).pw_name}"] if os.geteuid() == 0 else []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, "--quiet", *user, str(file)], stdout=log, stderr=log)
    try:
        _wait(process, folder / f".s.PGSQL.{_PORT}", folder / "log")
        yield urlunsplit(parts._replace(query=f"host={folder}&port={_PORT}"))
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _wait(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    """Wait until it answers."""
    end = time.monotonic() + _SECONDS
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"PgBouncer did not start: {log.read_text(errors='replace')}") from None
            else:
                return
        time.sleep(0.05)
