"""A MariaDB of Debian's package mariadb-server, in a folder of its own, for tests of imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MISSING = "MariaDB is not installed; `apt-get install mariadb-server` adds these tests"
_SECONDS = 120
_SUPERUSER = "root"


@dataclass(frozen=True)
class MariaDB:
    """A MariaDB that runs.

    Args:
        socket: The path of its socket, by which its superuser gets in without a password.
    """

    socket: Path

    @property
    def url(self) -> str:
        """Its address, as `levada import-datajoint` takes it."""
        return f"mysql://{_SUPERUSER}@localhost?unix_socket={self.socket}"

    def run(self, statements: str) -> None:
        """Run SQL, as the text of a dump has it."""
        subprocess.run([*self._client("mariadb"), "--binary-mode"], input=statements.encode(), check=True)

    def dump(self, databases: Sequence[str]) -> str:
        """Write databases and users as SQL."""
        command = [*self._client("mariadb-dump"), "--hex-blob", "--skip-comments", "--routines", "--databases"]
        return subprocess.run([*command, *databases], check=True, capture_output=True).stdout.decode()

    def _client(self, program: str) -> list[str]:
        return [program, f"--socket={self.socket}", f"--user={_SUPERUSER}", "--default-character-set=utf8mb4"]


def installed() -> bool:
    """Return whether its programs are here."""
    return all(map(shutil.which, ("mariadbd", "mariadb-install-db", "mariadb")))


@contextmanager
def mariadb(folder: Path, port: int = 0) -> Iterator[MariaDB]:
    """Start a MariaDB with an empty database in a folder, for the length of the block.

    Args:
        port: The port of this machine that it listens on besides its socket; 0: none.
    """
    folder.mkdir()
    socket = folder / "s"
    user = [f"--user={_SUPERUSER}"] if os.geteuid() == 0 else []
    make = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db", *user]
    make += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
    # One that starts removes the temporary tables of all others whose folder it shares.
    own = {**os.environ, "TMPDIR": str(folder)}
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=own)
    network = [f"--port={port}", "--bind-address=127.0.0.1"] if port else ["--skip-networking"]
    serve = ["mariadbd", "--no-defaults", f"--datadir={folder}/data", f"--socket={socket}", *network, *user]
    # Nothing here must outlive a crash of the machine.
    serve += ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
    serve += ["--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--pid-file=pid", "--default-time-zone=+02:00"]
    with (folder / "log").open("wb") as log, subprocess.Popen(serve, stdout=log, stderr=log, env=own) as process:
        try:
            _wait(process, socket, folder / "log")
            yield MariaDB(socket)
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    """Wait until it answers."""
    end = time.monotonic() + _SECONDS
    ping = ["mariadb-admin", f"--socket={socket}", f"--user={_SUPERUSER}", "ping"]
    while subprocess.run(ping, capture_output=True, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"MariaDB did not start: {log.read_text(errors='replace')}")
        time.sleep(0.1)
