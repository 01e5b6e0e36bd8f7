"""A backup is made while others write, is checked by restoring it, and fetches identically afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest

import levada as lv
from levada_server.backup import backup, programs
from levada_server.backup.backup import back_up, end_leases, restore, verify
from levada_server.backup.manifest import MANIFEST, OBJECTS, write_manifest
from levada_server.embedded import embedded
from levada_server.errors import (
    AlreadyExists,
    DamagedObject,
    InvalidRequest,
    LevadaError,
    NotFound,
    PreconditionFailed,
    Unavailable,
)
from levada_server.storage.objects import bucket_settings
from levada_server.storage.objects.bucket_settings import BucketKind, BucketSettings
from levada_server.storage.objects.owners import OWNER
from levada_server.storage.objects.storage import StoreFolders, open_stores
from tests.conftest import served
from tests.support.objects import EVERY_BUCKET, put_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.storage.objects.store import Store

SESSION_COUNT = 12


@pytest.fixture
def empty_url(database_url: str) -> Iterator[str]:
    """A database without any table."""
    name = f"test_{uuid4().hex}"

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute(f"CREATE DATABASE {name} TEMPLATE template0"))
    yield urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))
    asyncio.run(execute(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def stores(store_folders: StoreFolders) -> dict[str, Store]:
    return open_stores(store_folders)


@pytest.fixture
def other_folders(tmp_path: Path, store_folders: StoreFolders) -> StoreFolders:
    """Empty stores of the same names."""
    folders = {name: tmp_path / "restored" / name for name in store_folders.folders}
    for folder in folders.values():
        folder.mkdir(parents=True)
    buckets = {
        name: replace(bucket, prefix=f"{bucket.prefix}-restored") for name, bucket in store_folders.buckets.items()
    }
    return replace(store_folders, folders=folders, buckets=buckets)


@pytest.fixture
def session(server_address: str, tmp_path: Path) -> Iterator[lv.Table]:
    """A table with values and objects of many kinds."""
    with lv.Connection(server_address) as connection:
        schema = lv.Schema("lab", connection=connection)

        @schema
        class Session(lv.Manual):
            definition = """
            subject : varchar(20)
            session : int32
            ---
            rate = null : float64
            trace = null : <blob>
            raw = null : <blob@>
            files = null : <object@raw>
            movie = null : filepath@raw
            """

        folder = tmp_path / "files"
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "a.bin").write_bytes(os.urandom(5000))
        (folder / "b.txt").write_text("b", encoding="utf-8")
        movies = tmp_path / "stores" / "raw"
        for n in range(SESSION_COUNT):
            (movies / f"movie_{n}.avi").write_bytes(bytes([n]) * 1000)
            row = {"subject": "öü ☃"[: n % 4], "session": n, "rate": [1 / 3, float("nan"), None][n % 3]}
            row |= {"trace": np.arange(n), "raw": {"n": np.arange(50 * n)}, "files": folder if n % 2 else None}
            Session.insert1({**row, "movie": str(movies / f"movie_{n}.avi")})
        yield Session()


async def attempts(database_url: str) -> list[str]:
    """Return the troubles of all backups so far, empty for complete ones."""
    connection = await asyncpg.connect(database_url)
    found = await connection.fetch("SELECT trouble FROM levada.backup ORDER BY end_time")
    await connection.close()
    return [row[0] for row in found]


def fetched(table: lv.Table) -> list[str]:
    """All rows as text, in which NaN is NaN; their objects are read to their ends and compared with their hashes."""
    for row in table.to_dicts():
        for value in row.values():
            if hasattr(value, "verify"):
                value.verify()
    return [repr(row) for row in table.to_arrow(order_by="KEY").to_pylist()]


async def test_a_restored_database_fetches_identically(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    stores: dict[str, Store],
    other_folders: StoreFolders,
    tmp_path: Path,
) -> None:
    before = fetched(session)
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not stop.is_set():
            session.insert1({"subject": "later", "session": len(written), "raw": {"n": np.arange(len(written))}})
            written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = await back_up(database_url, stores, tmp_path / "backups" / "first")
    finally:
        stop.set()
        await asyncio.to_thread(writer.join)
    assert written
    assert not made.damaged
    assert await attempts(database_url) == [""]
    assert await verify(tmp_path / "backups" / "first") == made
    assert await restore(tmp_path / "backups" / "first", empty_url, open_stores(other_folders), copy=False) == made

    def compare() -> None:
        with served(empty_url, stores=other_folders) as address, lv.Connection(address) as connection:
            restored = lv.FreeTable(connection, "lab.Session")
            earlier = restored & "subject <> 'later'"
            assert fetched(earlier) == before
            later = restored & "subject = 'later'"
            numbers = later.to_arrays("session").tolist()
            assert sorted(numbers) == list(range(len(numbers)))
            fetched(later)
            restored.insert1({"subject": "new", "session": 0, "raw": {"n": np.arange(7)}})

    await asyncio.to_thread(compare)


async def test_files_of_a_backup_are_for_this_user_alone(
    session: lv.Table, database_url: str, stores: dict[str, Store], tmp_path: Path
) -> None:
    await back_up(database_url, stores, tmp_path / "b")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "b").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "b", *(tmp_path / "b").rglob("*/"))}
    assert (modes, folders) == ({0o600}, {0o700})
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]  # noqa: PTH208  # it blocks briefly


async def test_damaged_objects_are_told_and_the_rest_is_saved(
    session: lv.Table, database_url: str, stores: dict[str, Store], store_folders: StoreFolders, tmp_path: Path
) -> None:
    (store_folders.folders["raw"] / "movie_1.avi").write_bytes(b"other")
    (store_folders.folders["raw"] / "movie_2.avi").unlink()
    made = await back_up(database_url, stores, tmp_path / "b")
    assert [named.path for named in made.damaged] == ["movie_1.avi", "movie_2.avi"]
    assert await attempts(database_url) == ["2 objects are not in their stores as they were stored"]
    assert len(made.objects) > SESSION_COUNT
    assert await verify(tmp_path / "b") == made


async def test_verifying_finds_what_has_changed(
    session: lv.Table, database_url: str, stores: dict[str, Store], tmp_path: Path
) -> None:
    made = await back_up(database_url, stores, tmp_path / "b")
    movie = tmp_path / "b" / OBJECTS / "raw" / "movie_3.avi"
    content = movie.read_bytes()
    movie.write_bytes(content[:-1] + b"?")
    with pytest.raises(DamagedObject, match=r"movie_3\.avi' in the store `raw` has changed"):
        await verify(tmp_path / "b")
    movie.write_bytes(content)
    text = (tmp_path / "b" / MANIFEST).read_text(encoding="utf-8")
    (digest,) = [table.sha256 for table in made.tables if table.name == "lab.session"]
    (tmp_path / "b" / MANIFEST).write_text(text.replace(digest, "0" * 64), encoding="utf-8")
    with pytest.raises(DamagedObject, match=r"These tables differ from what was saved: lab\.session\."):
        await verify(tmp_path / "b")


async def test_verifying_leaves_nothing(
    session: lv.Table,
    database_url: str,
    stores: dict[str, Store],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, folders = embedded.start, []

    def started(folder: Path) -> embedded.EmbeddedPostgres:
        running = start(folder)
        folders.append(folder)
        assert not (folder / embedded.POINTER).exists(), "the database lies elsewhere"
        return running

    await back_up(database_url, stores, tmp_path / "b")
    monkeypatch.setattr(embedded, "start", started)
    await verify(tmp_path / "b")
    (folder,) = folders
    assert folder.parent.name not in os.listdir(tempfile.gettempdir())  # noqa: PTH208  # it blocks briefly


async def test_leases_end_and_a_copy_has_no_tokens_and_sends_no_alerts(
    session: lv.Table, database_url: str, empty_url: str, stores: dict[str, Store], tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO levada.worker_session (host, pid, username, code_version, lease_duration, expire_time) "
        "VALUES ('h', 1, 'u', '', '1 day', now() + interval '1 day'); "
        "INSERT INTO levada.alert (channel, message) VALUES ('webhook', '3 jobs failed'); "
        "INSERT INTO levada.browser_code (digest, expire_time) VALUES (sha256('c'), now() + interval '1 day'); "
        "INSERT INTO levada.browser_session (digest, expire_time) VALUES (sha256('s'), now() + interval '1 day'); "
        "INSERT INTO levada.user (name) VALUES ('anna'); "
        "INSERT INTO levada.token (user_id, digest, label, scoped) SELECT id, sha256('a'), '', false FROM levada.user"
    )
    key = await connection.fetchval("SELECT secret FROM levada.signing_key")
    began = await connection.fetchval("SELECT clock_timestamp()")
    await connection.close()
    await back_up(database_url, stores, tmp_path / "b")
    await restore(tmp_path / "b", empty_url, stores, copy=True)
    connection = await asyncpg.connect(empty_url)
    for table in ("worker_session", "browser_code", "browser_session"):
        assert await connection.fetchval(f"SELECT count(*) FROM levada.{table}") == 0  # noqa: S608  # fixed names
    assert await connection.fetchval("SELECT count(*) FROM levada.token WHERE revoke_time IS NULL") == 0
    assert await connection.fetchval("SELECT count(*) FROM levada.alert") == 0
    assert await connection.fetchval("SELECT seen_time > $1 FROM levada.alert_state", began)
    assert await connection.fetchval("SELECT secret FROM levada.signing_key") != key
    await connection.close()


async def test_a_copy_does_not_write_into_the_stores_of_the_saved_database(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    store_folders: StoreFolders,
    stores: dict[str, Store],
    tmp_path: Path,
) -> None:
    before, saved = fetched(session), tmp_path / "b"
    await back_up(database_url, stores, saved)
    movie = tmp_path / "stores" / "raw" / "movie_4.avi"
    kept = movie.read_bytes()
    movie.unlink()
    with pytest.raises(PreconditionFailed, match="`raw` belongs to another database"):
        await restore(saved, empty_url, stores, copy=True)
    assert not movie.exists()
    movie.write_bytes(kept)
    await restore(saved, empty_url, stores, copy=True)

    def compare() -> None:
        with served(empty_url, stores=store_folders) as address, lv.Connection(address) as connection:
            copied = lv.FreeTable(connection, "lab.Session")
            assert fetched(copied) == before
            with pytest.raises(lv.errors.PreconditionFailed, match="`main` belongs to another database"):
                copied.insert1({"subject": "new", "session": 0, "raw": {"n": np.arange(7)}})

    await asyncio.to_thread(compare)
    session.insert1({"subject": "new", "session": 0, "raw": {"n": np.arange(7)}})


async def test_a_database_that_comes_back_has_its_stores(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    store_folders: StoreFolders,
    stores: dict[str, Store],
    tmp_path: Path,
) -> None:
    before, saved = fetched(session), tmp_path / "b"
    made = await back_up(database_url, stores, saved)
    text = (saved / MANIFEST).read_text(encoding="utf-8")
    (saved / MANIFEST).write_text(text.replace(f'"database": "{made.database}"', '"damaged": []'), encoding="utf-8")
    assert (await restore(saved, empty_url, stores, copy=False)).database is None  # of a version that knew no ids

    def compare() -> None:
        with served(empty_url, stores=store_folders) as address, lv.Connection(address) as connection:
            restored = lv.FreeTable(connection, "lab.Session")
            assert fetched(restored) == before
            restored.insert1({"subject": "new", "session": 0, "raw": {"n": np.arange(7)}})

    await asyncio.to_thread(compare)


async def test_a_database_without_an_id_is_saved(
    session: lv.Table, database_url: str, stores: dict[str, Store], tmp_path: Path
) -> None:
    """A backup before an upgrade: no server of this version has migrated the database yet."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP TABLE levada.database")
    await connection.close()
    made = await back_up(database_url, stores, tmp_path / "b")
    assert made.database is None
    assert await verify(tmp_path / "b") == made


@pytest.mark.parametrize("way", ["restored", "recovered"])
async def test_stores_without_an_owner_stay_with_the_saved_database(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    store_folders: StoreFolders,
    stores: dict[str, Store],
    tmp_path: Path,
    way: str,
) -> None:
    """The version before owners has written there, and the copy starts first."""
    made = await back_up(database_url, stores, tmp_path / "b")
    owners = [folder / OWNER for folder in store_folders.folders.values()]
    for owner in owners:
        owner.unlink()
    if way == "restored":
        await restore(tmp_path / "b", empty_url, stores, copy=True)
    else:
        await end_leases(database_url, stores, copy=True)
    assert [UUID(owner.read_text(encoding="ascii")) for owner in owners] == [made.database] * 2


@pytest.mark.parametrize("way", ["restored", "recovered"])
async def test_a_copy_needs_the_disks_with_objects(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    store_folders: StoreFolders,
    stores: dict[str, Store],
    tmp_path: Path,
    way: str,
) -> None:
    """Otherwise the copy could be the first to write on a disk that is mounted later."""
    made = await back_up(database_url, stores, tmp_path / "b")
    place = store_folders.folders[made.objects[0].store]
    place.rename(tmp_path / "disk")
    if way == "recovered":
        place.mkdir()
        stores = open_stores(store_folders)
    with pytest.raises(Unavailable, match="perhaps its disk is not mounted"):
        if way == "restored":
            await restore(tmp_path / "b", empty_url, stores, copy=True)
        else:
            await end_leases(database_url, stores, copy=True)


@pytest.mark.parametrize("way", ["restored", "recovered"])
async def test_a_bucket_without_objects_of_the_backup_may_be_down(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    stores: dict[str, Store],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    way: str,
) -> None:
    monkeypatch.setattr(bucket_settings, "_RETRIES", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = BucketSettings(BucketKind.S3, "lab", endpoint=endpoint, key_id="id", secret="secret")
    down = {**stores, **open_stores(StoreFolders(buckets={"other": settings}))}
    made = await back_up(database_url, down, tmp_path / "b")
    if way == "restored":
        assert await restore(tmp_path / "b", empty_url, down, copy=True) == made
    else:
        await end_leases(database_url, down, copy=True)


async def test_a_copy_of_an_older_backup_is_refused(
    session: lv.Table, database_url: str, empty_url: str, stores: dict[str, Store], tmp_path: Path
) -> None:
    made = await back_up(database_url, stores, tmp_path / "b")
    write_manifest(tmp_path / "b", replace(made, database=None))
    with pytest.raises(PreconditionFailed, match="make another backup"):
        await restore(tmp_path / "b", empty_url, stores, copy=True)


async def test_a_copy_that_broke_off_is_made_again(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    stores: dict[str, Store],
    other_folders: StoreFolders,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    before, others = fetched(session), open_stores(other_folders)
    await back_up(database_url, stores, tmp_path / "b")

    async def failing(*_: object) -> None:
        raise LevadaError("broken off")

    with monkeypatch.context() as patched:
        patched.setattr(programs, "load", failing)
        with pytest.raises(LevadaError, match="broken off"):
            await restore(tmp_path / "b", empty_url, others, copy=True)
    await restore(tmp_path / "b", empty_url, others, copy=True)

    def compare() -> None:
        with served(empty_url, stores=other_folders) as address, lv.Connection(address) as connection:
            copied = lv.FreeTable(connection, "lab.Session")
            assert fetched(copied) == before
            copied.insert1({"subject": "new", "session": 0, "raw": {"n": np.arange(7)}})

    await asyncio.to_thread(compare)


async def test_nothing_starts_on_a_restore_that_broke_off(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    stores: dict[str, Store],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It has the tokens and the keys of the database that was saved."""
    await back_up(database_url, stores, tmp_path / "b")

    async def failing(*_: object) -> None:
        raise LevadaError("broken off")

    monkeypatch.setattr(backup, "make_independent", failing)
    with pytest.raises(LevadaError, match="broken off"):
        await restore(tmp_path / "b", empty_url, stores, copy=True)
    with pytest.raises(PreconditionFailed, match="has not ended"):
        await end_leases(empty_url, stores, copy=True)
    command = [sys.executable, "-m", "levada_server", "serve", "--listen", "127.0.0.1:0", "--database-url", empty_url]
    done = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "A restore into this database has not ended" in done.stderr


@EVERY_BUCKET
async def test_objects_of_a_bucket_are_saved_and_restored(
    server_address: str,
    store_folders: StoreFolders,
    database_url: str,
    empty_url: str,
    other_folders: StoreFolders,
    tmp_path: Path,
) -> None:
    folder, large = tmp_path / "files", os.urandom(9 * 2**20)
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.bin").write_bytes(large)
    (folder / "b.txt").write_bytes(b"")
    movie = put_file(store_folders, "raw", "movies/1.avi", b"frames")
    with lv.Connection(server_address) as connection:

        @lv.Schema("lab", connection=connection)
        class Session(lv.Manual):
            definition = "id : int32\n---\nraw : <hash@>\nsmall : <hash@>\nfiles : <object@raw>\nmovie : filepath@raw"

        row = {"id": 1, "raw": large, "small": b"small", "files": folder, "movie": "movies/1.avi"}
        Session.insert1(row)
        before = fetched(Session())
    made = await back_up(database_url, open_stores(store_folders), tmp_path / "b")
    assert (len(made.objects), made.damaged) == (4, [])
    await verify(tmp_path / "b")
    await restore(tmp_path / "b", empty_url, open_stores(other_folders), copy=False)
    with served(empty_url, stores=other_folders) as address, lv.Connection(address) as connection:
        assert fetched(lv.VirtualModule("lab", "lab", connection=connection).Session()) == before
    movie.unlink()
    made = await back_up(database_url, open_stores(store_folders), tmp_path / "c")
    assert [lost.path for lost in made.damaged] == ["movies/1.avi"]


async def test_nothing_is_replaced(
    session: lv.Table,
    database_url: str,
    empty_url: str,
    stores: dict[str, Store],
    other_folders: StoreFolders,
    tmp_path: Path,
) -> None:
    saved = tmp_path / "b"
    await back_up(database_url, stores, saved)
    with pytest.raises(AlreadyExists, match="exists already"):
        await back_up(database_url, stores, saved)
    with pytest.raises(InvalidRequest, match="The database is not empty"):
        await restore(saved, database_url, stores, copy=False)
    with pytest.raises(PreconditionFailed, match="stores `main`, `raw`, which are not here"):
        await restore(saved, empty_url, {}, copy=False)
    other = open_stores(other_folders)
    theirs = other_folders.folders["raw"] / "movie_4.avi"
    theirs.write_bytes(b"mine")
    with pytest.raises(InvalidRequest, match=r"has another content at 'movie_4\.avi'"):
        await restore(saved, empty_url, other, copy=False)
    assert theirs.read_bytes() == b"mine"
    text = (saved / MANIFEST).read_text(encoding="utf-8")
    (saved / MANIFEST).write_text(text.replace('"migration": ', '"migration": 9'), encoding="utf-8")
    with pytest.raises(PreconditionFailed, match="Install Levada"):
        await restore(saved, empty_url, stores, copy=False)
    with pytest.raises(NotFound, match="is not a backup"):
        await verify(tmp_path)
    with pytest.raises(NotFound, match="no server has ever used it"):
        await back_up(empty_url, stores, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "tables": 3}', "\x00"])
async def test_a_damaged_description_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest):
        await verify(tmp_path)


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:s%20cret@db:5/lab?sslmode=require", "postgresql://me@db/lab?password=s+cret&connect_timeout=1"],
)
async def test_the_password_is_on_no_command_line(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[tuple[tuple[object, ...], dict[str, str]]] = []

    async def run(*arguments: object, env: dict[str, str], **_: object) -> None:
        seen.append((arguments, env))
        raise LevadaError("enough")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", run)
    with pytest.raises(LevadaError, match="enough"):
        await programs.load(url, tmp_path)
    ((arguments, environment),) = seen
    assert not [argument for argument in arguments if "cret" in str(argument)]
    assert environment["PGPASSWORD"] == "s cret"


def test_the_commands_work_with_and_without_a_running_server() -> None:
    with tempfile.TemporaryDirectory(prefix="levada-backup-") as parent:
        Path(parent).chmod(0o711)

        def levada(*arguments: str) -> str:
            command = [sys.executable, "-m", "levada_server", *arguments]
            done = subprocess.run(command, cwd=parent, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout

        serve = [sys.executable, "-m", "levada_server", "serve"]
        with subprocess.Popen(serve, cwd=parent, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            server.stdout.readline()
            running = levada("backup", "running")
            server.terminate()
        assert running.startswith("saved ")
        assert levada("backup", "stopped").startswith("saved ")
        assert levada("verify", "stopped").startswith("checked ")
        assert levada("restore", "running", "--data-dir", "new").startswith("restored ")


@pytest.mark.parametrize("database_url", ["pooled"], indirect=True)
async def test_a_backup_does_not_go_through_a_pooler(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(PreconditionFailed, match="Name PostgreSQL itself"):
        await back_up(database_url, {}, tmp_path / "backup")
