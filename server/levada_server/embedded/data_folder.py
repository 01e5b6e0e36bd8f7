"""The data folder of an embedded server: its holder, the fitness of its disk, and the place of its sockets."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from levada_server.errors import PreconditionFailed

if sys.platform != "win32":
    import fcntl
    import pwd

LOCK_NAME = "server.lock"
RECORD_LIMIT_BYTES = 4096
SOCKET_PATH_LIMIT_BYTES = 100
"""Linux allows 107 bytes and macOS 103, both including the socket's name."""

KEY_LETTERS = 16
OLD_SECONDS = 3600.0
"""An empty folder is old after this time; a server that starts fills its own within seconds."""
RECORD_SECONDS = 2.0
"""How long a holder's record may be missing: its process has just got the lock, or is about to release it."""
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"

MOUNTS = Path("/proc/self/mountinfo")
# fmt: off
NETWORK_FILE_SYSTEMS = frozenset({
    "afs", "beegfs", "ceph", "cifs", "fhgfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4",
    "orangefs", "panfs", "pvfs2", "smb2", "smb3", "smbfs", "wekafs", "fuse.ceph", "fuse.curlftpfs",
    "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs", "fuse.rclone", "fuse.s3fs",
    "fuse.seaweedfs", "fuse.sshfs",
})
# fmt: on
"""9p and virtiofs are not listed: sandboxes and virtual machines use them for their own local disk."""

SYSTEM_RUNTIME = Path("/run/user")
LINGERING_USERS = Path("/var/lib/systemd/linger")


@dataclass(frozen=True, slots=True)
class Holder:
    """The server that holds a data folder, as recorded in `server.lock` (one line of JSON).

    `connection_folder` spares clients from computing it: their environment may differ from the server's.
    """

    host: str
    boot_id: str
    pid: int
    connection_folder: str


class FolderLock:
    """The right to be the only server of a data folder; it ends with the process, however that ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the folder, leaving an empty file as a sign."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


class ClusterLock:
    """The right to be the only server of a cluster, which nobody can remove while the cluster is there."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the cluster."""
        os.close(self._descriptor)


def hold(folder: Path, connections: Path) -> FolderLock:
    """Become the only server of `folder`.

    The kernel's lock decides between servers on one machine, including containers, which share a kernel. The record in
    the file decides between machines, because a lock on a shared disk may not reach them.

    Args:
        folder: Absolute and resolved.
        connections: The folder of this server's sockets.

    Raises:
        PreconditionFailed: Another server holds the folder, a server on another machine did not release it, or it is on
            a network file system.
    """
    refuse_network_file_system(folder)
    path = folder / LOCK_NAME
    descriptor = open_lock(path)
    try:
        end = time.monotonic() + RECORD_SECONDS
        while not try_lock(descriptor):
            holder = read_holder(folder)
            if holder is not None or time.monotonic() > end:
                raise _held_here(folder, holder)
            time.sleep(0.02)
        holder, myself = read_holder(folder), _myself(connections)
        if holder is not None and holder.boot_id != myself.boot_id and holder.host != myself.host:
            raise PreconditionFailed(
                f"The data folder {folder} is held by a server on the machine {holder.host} "
                f"(process {holder.pid}). Stop it there; if that machine is gone for good, delete {path} "
                "and start again.",
                folder=folder,
                host=holder.host,
                pid=holder.pid,
            )
        record = json.dumps(asdict(myself)).encode() + b"\n"
        os.pwrite(descriptor, record, 0)
        os.ftruncate(descriptor, len(record))
        os.fsync(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return FolderLock(descriptor)


def hold_cluster(folder: Path, cluster: Path) -> ClusterLock:
    """Become the only server of the cluster of a held data folder.

    The lock is on the folder of the cluster itself, so it holds even if somebody removed the lock files.

    Raises:
        PreconditionFailed: Another server holds it.
    """
    descriptor = os.open(cluster, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
    if not try_lock(descriptor):
        os.close(descriptor)
        raise _held_here(folder, None)
    return ClusterLock(descriptor)


def read_holder(folder: Path) -> Holder | None:
    """Return the server that holds `folder`, or held it when its machine or process died; None after a clean end."""
    try:
        with (folder / LOCK_NAME).open("rb") as file:
            record = json.loads(file.read(RECORD_LIMIT_BYTES).partition(b"\n")[0])
        return Holder(str(record["host"]), str(record["boot_id"]), int(record["pid"]), str(record["connection_folder"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # Empty, or cut short by a crash while it was written.


def open_lock(path: Path) -> int:
    """Open a lock file for the folder's owner, creating it if it is missing.

    Nobody else can open it, because anyone who can read a file can lock it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Lock an open file, unless another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def refuse_network_file_system(folder: Path) -> None:
    """Refuse a folder whose disk belongs to another machine, where PostgreSQL's own guards have no effect.

    Detected only on Linux; elsewhere the record in the lock is the guard.

    Raises:
        PreconditionFailed: The folder is on a network file system.
    """
    if not MOUNTS.exists():
        return
    kind = file_system_of(folder, MOUNTS.read_text(errors="surrogateescape"))
    if kind in NETWORK_FILE_SYSTEMS:
        raise PreconditionFailed(
            f"The data folder {folder} is on a network file system ({kind}), where a database can "
            "be corrupted. Choose a folder on a local disk, or use a PostgreSQL server with --database-url.",
            folder=folder,
            file_system=kind,
        )


def file_system_of(folder: Path, mounts: str) -> str:
    """Return the type of the file system of `folder` (absolute, resolved).

    Source: proc_pid_mountinfo(5).
    """
    name, depth = "", -1
    for line in mounts.splitlines():
        fields, _, tail = line.partition(" - ")
        mounted_at = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4]))
        # A later mount on the same place hides an earlier one.
        if folder.is_relative_to(mounted_at) and len(mounted_at.parts) >= depth:
            name, depth = tail.split(" ")[0], len(mounted_at.parts)
    return name


def connection_folder(folder: Path) -> Path:
    """Create the folder for the sockets of the server of a data folder: short, and open only to our own user.

    Raises:
        PreconditionFailed: Something in its place is not ours alone.
    """
    user = os.geteuid()
    name = f"levada-{user}-{folder_key(folder)}"
    candidates = [Path(tempfile.gettempdir()), Path("/tmp")]
    if runtime := _runtime_folder(user):
        candidates.insert(0, runtime)
    for candidate in candidates:
        if len(os.fsencode(candidate / name / LONGEST_SOCKET_NAME)) < SOCKET_PATH_LIMIT_BYTES:
            break
    return private_folder(candidate / name)


def private_folder(path: Path) -> Path:
    """Create a folder that only our own user can enter, or check that an existing one is.

    Raises:
        PreconditionFailed: Something in its place is not ours alone.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        wrong = "is not a folder"
    elif found.st_uid != os.geteuid():
        wrong = f"belongs to another user (id {found.st_uid})"
    elif found.st_mode & 0o077:
        wrong = f"is open to other users (mode {stat.S_IMODE(found.st_mode):o})"
    else:
        return path
    raise PreconditionFailed(
        f"{path} must be a folder that only this user can enter, because it holds the server's sockets, but it "
        f"{wrong}. Remove it, or set TMPDIR to your own folder.",
        folder=path,
    )


def remove_sockets(folder: Path) -> None:
    """Remove a folder of sockets that nobody uses any more; it stays if something else is in it."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_socket():
                path.unlink()
        folder.rmdir()


def remove_old_folders(ours: Path) -> None:
    """Remove empty folders like ours that servers left beside it long ago."""
    name = re.compile(re.escape(ours.name[:-KEY_LETTERS]) + rf"[0-9a-f]{{{KEY_LETTERS}}}")
    for path in ours.parent.iterdir():
        with suppress(OSError):  # it is not empty, or not ours
            if name.fullmatch(path.name) and path != ours and time.time() - path.lstat().st_mtime > OLD_SECONDS:
                path.rmdir()


def folder_key(folder: Path) -> str:
    """Name a data folder in a few letters, the same for every spelling of its path."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:KEY_LETTERS]


def _runtime_folder(user: int) -> Path | None:
    """Find the user's runtime folder, if it lasts as long as the server may run."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if not folder.is_absolute():
        return None
    try:
        found = folder.stat()
        lingers = (LINGERING_USERS / pwd.getpwuid(user).pw_name).exists()
    except (OSError, KeyError):
        return None
    # systemd removes its folder when the user logs out; the server continues after that.
    stays = lingers or folder != SYSTEM_RUNTIME / str(user)
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077
    return folder if stays and private and os.access(folder, os.W_OK | os.X_OK) else None


def _myself(connections: Path) -> Holder:
    return Holder(socket.gethostname(), _boot_id(), os.getpid(), str(connections))


def _boot_id() -> str:
    """Identify the present boot of this machine, the same in all its containers."""
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _held_here(folder: Path, holder: Holder | None) -> PreconditionFailed:
    process = f"process {holder.pid} on {holder.host}" if holder else "another process"
    return PreconditionFailed(
        f"The data folder {folder} is in use by another Levada server ({process}). "
        "Connect to that server, stop it, or choose another folder.",
        folder=folder,
        host=holder and holder.host,
        pid=holder and holder.pid,
    )
