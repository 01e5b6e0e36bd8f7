"""The supervisor of the embedded PostgreSQL: creates its cluster in a data folder, starts and stops it.

The contents of a data folder:

    server.lock         who holds the folder; empty after a clean end
    postgres.lock       locked by every process of the PostgreSQL that runs, and by the initdb that makes it
    postgres/           the cluster, a plain one: PostgreSQL's own tools work on it
    log/                its log of the last seven days, and of its last start
    .gitignore          keeps all of it out of repositories
    levada.conf, pg_hba.conf, pg_ident.conf     written at every start; to tune, use ALTER SYSTEM
    postgres.location   if PostgreSQL's user cannot enter the folder: where the rest is
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from levada_server.embedded import cluster, data_folder, postgres_programs, postmaster
from levada_server.embedded.cluster import CLUSTER, DATABASE, LOGS, PORT, ROLE
from levada_server.embedded.postmaster import END_SECONDS, PID_FILE, POLL_SECONDS
from levada_server.errors import NotFound, PreconditionFailed, Unavailable, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.embedded.postgres_programs import Account, Programs

POINTER = "postgres.location"
CLUSTERS = "clusters"
START_LOG = f"{LOGS}/start.log"
SOCKET_LOCK = f".s.PGSQL.{PORT}.lock"

START_SECONDS = 300
"""Includes replaying the log after a crash."""

TAIL_BYTES = 4096

POINTER_TEXT = """\
# PostgreSQL does not run as root but as the user {account}, who cannot enter this folder.
# The database of this folder is therefore in the following one; keep the two together.
{home}
"""


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A PostgreSQL that runs for the server of one data folder.

    It is not a child of the server's process and outlives it; `stop`, or the next `start`, ends it.

    Attributes:
        dsn: The address of the database, for asyncpg and libpq; only the user of this process can connect.
    """

    dsn: str
    _home: Path
    _sockets: Path
    _programs: Programs
    _held: ExitStack
    _stopped: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def revive(self) -> bool:
        """Start PostgreSQL again if it has ended; return whether it had.

        Raises:
            Unavailable: It did not start; the message quotes its log.
        """
        try:
            with self._turn:
                if self._stopped.is_set() or postmaster.postmasters(self._home, self._programs):
                    return False
                lock = _end(self._home, self._programs)
                try:
                    _forget_dead_postmaster(self._home, self._sockets, self._programs)
                    _launch(self._home, self._programs, lock)
                finally:
                    os.close(lock)
                return True
        except OSError as error:
            raise Unavailable(f"PostgreSQL could not be started again: {error}.") from error

    def stop(self) -> None:
        """Stop PostgreSQL and release the data folder. A second call does nothing.

        Raises:
            Unavailable: It did not stop in time; the next `start` on the folder tries again.
        """
        try:
            with self._turn:
                self._stopped.set()
                self._held.close()
        except OSError as error:
            raise Unavailable(f"PostgreSQL could not be stopped: {error}.") from error


def start(folder: Path) -> EmbeddedPostgres:
    """Start PostgreSQL in a data folder, created on first use, and become the folder's only server.

    A PostgreSQL left running by an earlier server is stopped first, so that it starts with the settings, programs and
    sockets of this one.

    Raises:
        PreconditionFailed: The folder is held by another server, is unfit, or has another version of PostgreSQL.
        Unavailable: PostgreSQL did not start; the message quotes its log.
        Unsupported: This is Windows.
    """
    if sys.platform == "win32":
        raise Unsupported("The embedded PostgreSQL needs Linux or macOS. Use a PostgreSQL server with --database-url.")
    try:
        # PostgreSQL's user must pass through a folder of root; the contents have their own permissions.
        folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        return _start(folder.resolve())
    except OSError as error:
        place = f" ({error.filename})" if error.filename not in (None, str(folder)) else ""
        reason = f"{(error.strerror or str(error)).lower()}{place}"
        raise PreconditionFailed(f"The data folder {folder} cannot be used: {reason}.", folder=folder) from error


@contextmanager
def reached(folder: Path) -> Iterator[str]:
    """Yield the address of the database of a data folder, which runs for a server or else for this block.

    Raises:
        NotFound: The folder has no database.
        PreconditionFailed, Unavailable, Unsupported: As by `start`.
    """
    if not (folder / CLUSTER).exists() and not (folder / POINTER).exists():
        raise NotFound(f"There is no database in {folder}.", folder=folder)
    try:
        postgres = start(folder)
    except PreconditionFailed as error:
        if "pid" not in error.details:
            raise
        yield _running_dsn(folder.resolve())
        return
    try:
        yield postgres.dsn
    finally:
        postgres.stop()


def _running_dsn(folder: Path) -> str:
    home = _pointed_home(folder) or folder
    account = postgres_programs.account_for(home / CLUSTER)
    if not account.ourselves:
        return _dsn(_socket_folder(home, account))
    holder = data_folder.read_holder(folder)
    if holder is None:
        raise Unavailable(f"The server of {folder} has just ended; try again.", folder=folder)
    return _dsn(Path(holder.connection_folder))


def _dsn(sockets: Path) -> str:
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(sockets), safe='/')}&port={PORT}"


def _start(folder: Path) -> EmbeddedPostgres:
    connections = data_folder.connection_folder(folder)
    with ExitStack() as held:
        held.callback(data_folder.hold(folder, connections).release)
        data_folder.remove_old_folders(connections)
        home = _pointed_home(folder)
        account = postgres_programs.account_for((home or folder) / CLUSTER)
        programs = postgres_programs.find_programs(account)
        home = home or _home(folder, account)
        if home != folder:  # Two copies of a data folder point to the same home.
            held.callback(data_folder.hold(home, connections).release)
        cluster.check(home, account)
        if (home / CLUSTER).exists():
            held.callback(data_folder.hold_cluster(folder, home / CLUSTER).release)
        # Only now: until the cluster is held, the sockets may be those of a server that runs without its lock files.
        held.callback(data_folder.remove_sockets, connections)
        sockets = connections if account.ourselves else _socket_folder(home, account)
        if sockets != connections:
            held.callback(data_folder.remove_sockets, sockets)
            data_folder.remove_old_folders(sockets)
        lock = _end(home, programs)
        try:
            _forget_dead_postmaster(home, sockets, programs)
            if not (home / CLUSTER).exists():
                cluster.make(home, programs, lock)
                held.callback(data_folder.hold_cluster(folder, home / CLUSTER).release)
            if home != folder:
                cluster.write(folder / POINTER, POINTER_TEXT.format(account=account.name, home=home))
            cluster.configure(home, account, sockets)
            held.callback(lambda: os.close(_end(home, programs)))
            _launch(home, programs, lock)
        finally:
            os.close(lock)  # The lock itself continues, shared by PostgreSQL's processes.
        return EmbeddedPostgres(_dsn(sockets), home, sockets, programs, held.pop_all())


def _pointed_home(folder: Path) -> Path | None:
    """Read where the database of a folder of root is, if it is not in the folder itself."""
    pointer = folder / POINTER
    if not pointer.exists():
        return None
    home = Path(pointer.read_text().strip().rpartition("\n")[2])
    if os.geteuid() != 0:
        wrong = "and belongs to root. Start the server as root, or choose another folder."
    elif home.parent != postgres_programs.root_folder(CLUSTERS):
        wrong = f"which is not in {postgres_programs.root_folder(CLUSTERS)}. Correct the path in {pointer}."
    elif not (home / CLUSTER).exists():
        wrong = f"which is gone. Put it back; to start with an empty database instead, delete {pointer}."
    else:
        return home
    raise PreconditionFailed(f"The database of the folder {folder} is in {home}, {wrong}", folder=folder)


def _home(folder: Path, account: Account) -> Path:
    """Choose the place of a database: its folder, or root's state if PostgreSQL's user cannot enter that."""
    if (folder / CLUSTER).exists() or postgres_programs.can_enter(account, folder):
        return folder
    home = Path(tempfile.mkdtemp(prefix=f"{folder.name[:40]}-", dir=postgres_programs.root_folder(CLUSTERS)))
    home.chmod(0o711)
    return home


def _socket_folder(home: Path, account: Account) -> Path:
    """Create a folder for the socket of a PostgreSQL of another user, who must not enter the server's own."""
    sockets = postgres_programs.root_folder("sockets") / data_folder.folder_key(home)
    sockets.mkdir(mode=0o700, exist_ok=True)
    os.chown(sockets, account.uid, account.gid, follow_symlinks=False)
    return sockets


def _launch(home: Path, programs: Programs, lock: int) -> None:
    """Start the cluster and wait until it answers.

    Paths are relative to the home, because pg_ctl passes them to a shell.
    """
    (home / START_LOG).unlink(missing_ok=True)
    arguments = ("--silent", "--wait", f"--timeout={START_SECONDS}", "-D", CLUSTER, "-l", START_LOG)
    limit = START_SECONDS + END_SECONDS
    answer = programs.run("pg_ctl", "start", *arguments, within=home, seconds=limit, lock=lock)
    if answer.returncode == 0:
        return
    logs = sorted((home / LOGS).iterdir(), key=lambda log: log.stat().st_mtime)
    words = "".join(_tail(log) for log in logs[-2:]) or answer.stdout
    raise Unavailable(
        f"PostgreSQL did not start on {home / CLUSTER}. The end of its log: {cluster.quoted(words)}",
        folder=home,
    )


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace")


def _end(home: Path, programs: Programs) -> int:
    """Stop the PostgreSQL of a home, if one runs, and take the lock that its processes share.

    Its processes are found by their folder. The lock covers processes that this system does not show, such as processes
    in other containers, and an initdb that outlived the server that began it. Neither is ever stale.

    Returns:
        The open file with the lock, which the caller must close.

    Raises:
        Unavailable: Processes of it still run.
    """
    lock = data_folder.open_lock(home / "postgres.lock")
    try:
        free = data_folder.try_lock(lock)
        postmaster.stop(home, programs)
        # The processes of a killed postmaster end by themselves, and so does an initdb.
        deadline = time.monotonic() + END_SECONDS
        while not ((free := free or data_folder.try_lock(lock)) and not postmaster.processes(home, programs)):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Processes of the PostgreSQL in {home} still run. Wait for them or end them, then start again.",
                    folder=home,
                )
            time.sleep(POLL_SECONDS)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _forget_dead_postmaster(home: Path, sockets: Path, programs: Programs) -> None:
    """Remove the process ids that a killed postmaster left behind.

    PostgreSQL trusts them as long as a process has that id: an unrelated one, as ids soon recur in a container, or the
    dead one, if the first process of a container does not reap the dead.
    """
    if not postmaster.postmasters(home, programs):
        (home / PID_FILE).unlink(missing_ok=True)
        (sockets / SOCKET_LOCK).unlink(missing_ok=True)
