"""A store belongs to one database: another one only reads it, and removes nothing there."""

from __future__ import annotations

import errno
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import pytest

from levada_server.errors import PreconditionFailed, Unavailable
from levada_server.operations.objects import copies, objects, registration
from levada_server.operations.objects.objects import Target
from levada_server.storage.objects import object_rows, storage
from levada_server.storage.objects.owners import OWNER
from levada_server.storage.objects.storage import open_stores
from tests.conftest import cloned, opened_engine
from tests.support.make import ME, insert, make_table, named
from tests.support.objects import EVERY_STORE, age, collect, get, put, put_file, stage, states, stored_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders

DEFINITION = "id : int32\n---\ndata = null : <hash@main>\nfile = null : <attach@main>"


@asynccontextmanager
async def another(stores: StoreFolders) -> AsyncIterator[Engine]:
    """Make the parts of a server of another database on the same stores, with an empty table."""
    with cloned() as url:
        connection = await asyncpg.connect(url)
        await connection.execute("UPDATE levada.database SET id = gen_random_uuid()")
        await connection.close()
        async with opened_engine(url, stores) as opened:
            await make_table(opened, "Trace", DEFINITION)
            yield opened


async def begin(engine: Engine) -> UUID:
    """Begin an upload, and send some of its bytes."""
    id_ = await stage(engine, "Trace", "file")
    assert id_ is not None
    upload = await objects.open_upload(engine, ME, id_)
    await upload.rewind("", 0)
    await upload.write(b"bytes")
    await upload.flush()
    return id_


async def copied_rows(source: Engine, target: Engine) -> None:
    """Copy the records of objects to another database, as a restored backup has them."""
    async with source.scope.connection() as connection:
        rows = await connection.fetch("SELECT o::text AS o FROM levada.object o")
    async with target.scope.connection() as connection:
        for row in rows:
            await connection.execute("INSERT INTO levada.object SELECT ($1::text::levada.object).*", row["o"])


@EVERY_STORE
async def test_a_collection_spares_the_uploads_of_another_database(engine: Engine, store_folders: StoreFolders) -> None:
    await make_table(engine, "Trace", DEFINITION)
    id_ = await begin(engine)
    async with another(store_folders) as stranger:
        await collect(stranger)
    assert (await objects.commit(engine, ME, id_, hash_="", size_bytes=5)).id == id_
    assert await get(engine, id_) == b"bytes"


@EVERY_STORE
async def test_a_copy_of_a_database_reads_its_objects_and_removes_none(
    engine: Engine, store_folders: StoreFolders
) -> None:
    await make_table(engine, "Trace", DEFINITION)
    whole, under_way = await put(engine, "Trace", "file", b"whole"), await begin(engine)
    await insert(engine, "Trace", [{"id": 1, "file": str(whole.id)}])
    async with another(store_folders) as stranger:
        await copied_rows(engine, stranger)
        assert await get(stranger, whole.id) == b"whole"
        for _ in range(3):
            await age(stranger)
            await collect(stranger)
        assert await states(stranger) == ["doomed"] * 2  # until the store is its own
        with pytest.raises(PreconditionFailed, match="belongs to another database, so this one only reads it"):
            await put(stranger, "Trace", "data", b"new")
        with pytest.raises(PreconditionFailed, match="belongs to another"):
            await anext(copies.copy(stranger, ME, source="raw", target="main", schema="", dry_run=False))
    assert (await objects.commit(engine, ME, under_way, hash_="", size_bytes=5)).id == under_way
    assert await get(engine, whole.id) == b"whole"


async def test_an_upload_of_another_database_is_not_committed(engine: Engine, store_folders: StoreFolders) -> None:
    await make_table(engine, "Trace", DEFINITION)
    id_ = await begin(engine)
    async with another(store_folders) as stranger:
        await copied_rows(engine, stranger)
        with pytest.raises(PreconditionFailed, match="belongs to another database"):
            await objects.commit(stranger, ME, id_, hash_="", size_bytes=5)


async def test_a_store_that_refuses_is_asked_again_after_a_while(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_table(engine, "Trace", DEFINITION)
    await put(engine, "Trace", "data", b"old")
    asked = 0
    async with another(store_folders) as stranger:
        store = stranger.objects.stores["main"]
        claim = store.claim

        def counting(database: UUID) -> UUID:
            nonlocal asked
            asked += 1
            return claim(database)

        monkeypatch.setattr(store, "claim", counting)
        for pause, times in ((0.0, 1), (0.0, 2), (600.0, 3), (600.0, 3)):
            monkeypatch.setattr(storage, "REFUSED_S", pause)
            with pytest.raises(PreconditionFailed, match=r"another database.* asks the store again after \d+ s\.$"):
                await stranger.objects.own("main")
            assert asked == times


@EVERY_STORE
async def test_a_server_looks_at_its_stores(
    engine: Engine, store_folders: StoreFolders, caplog: pytest.LogCaptureFixture
) -> None:
    """The version before owners has written into one of them."""
    put_file(store_folders, "main", "_levada/attach/00/old", b"old")
    await engine.objects.look()
    assert caplog.text == ""
    async with another(store_folders) as stranger:
        for _ in range(2):
            await stranger.objects.look()
        assert caplog.text.count("nothing can be stored in a store: The store `main` belongs to another database") == 1
        assert "raw" not in caplog.text
    for name, owned in (("main", True), ("raw", False)):
        assert open_stores(store_folders)[name].is_used() is owned


async def test_a_store_that_is_away_is_looked_at_again(
    engine: Engine, store_folders: StoreFolders, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file(store_folders, "main", "_levada/attach/00/old", b"old")

    def away() -> bool:
        raise Unavailable("It does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(engine.objects.stores["main"], "is_used", away)
        await engine.objects.look()
    assert "the store main cannot be looked at yet: It does not answer." in caplog.text
    await engine.objects.look()
    assert (store_folders.folders["main"] / OWNER).exists()


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "empty"])
async def test_a_store_whose_disk_is_not_mounted_is_looked_at_again(
    engine: Engine,
    database_url: str,
    store_folders: StoreFolders,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    gone: bool,
) -> None:
    """The version before owners has written there."""
    await make_table(engine, "Trace", DEFINITION)
    await put(engine, "Trace", "data", b"old")
    place, disk = store_folders.folders["main"], tmp_path / "disk"
    (place / OWNER).unlink()
    place.rename(disk)
    place.mkdir()
    async with opened_engine(database_url, store_folders) as started:
        if gone:
            place.rmdir()
        await started.objects.look()
        assert "the store main cannot be looked at yet: " in caplog.text
        assert gone or list(place.iterdir()) == []
        disk.rename(place)
        await started.objects.look()
    assert (place / OWNER).exists()


async def test_a_disk_that_is_read_only_is_looked_at_once(
    engine: Engine, store_folders: StoreFolders, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    put_file(store_folders, "main", "_levada/attach/00/old", b"old")
    monkeypatch.setattr(engine.objects.stores["main"], "claim", refuse)
    for _ in range(2):
        await engine.objects.look()
    assert caplog.text.count("Read-only file system") == 1


@EVERY_STORE
async def test_a_store_whose_database_is_gone_belongs_to_the_next(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "REFUSED_S", 0.0)
    await make_table(engine, "Trace", DEFINITION)
    await put(engine, "Trace", "data", b"old")
    async with another(store_folders) as stranger:
        with pytest.raises(PreconditionFailed, match=f"remove the file {OWNER} from the store"):
            await put(stranger, "Trace", "data", b"new")
        if store_folders.folders:
            (store_folders.folders["main"] / OWNER).unlink()
        else:
            put_file(store_folders, "main", OWNER, b"").unlink()
        new = await put(stranger, "Trace", "data", b"new")
        assert await get(stranger, new.id) == b"new"


@EVERY_STORE
def test_the_first_claim_counts(store_folders: StoreFolders) -> None:
    stores = open_stores(store_folders), open_stores(store_folders)
    one, other = UUID(int=1), UUID(int=2)
    assert [stores[i]["main"].claim(database) for i, database in ((0, one), (1, other), (0, other), (1, one))] == [
        one
    ] * 4
    assert stored_files(store_folders) == []


@EVERY_STORE
async def test_a_damaged_owner_is_told(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "REFUSED_S", 0.0)
    await make_table(engine, "Trace", DEFINITION)
    put_file(store_folders, "main", OWNER, b"\xff")
    with pytest.raises(PreconditionFailed, match="is damaged"):
        await put(engine, "Trace", "data", b"new")
    async with engine.scope.connection() as connection:
        database = await object_rows.database_id(connection)
    put_file(store_folders, "main", OWNER, f"{database}\n".encode())  # as editors write it
    await put(engine, "Trace", "data", b"new")


def test_a_claim_on_a_disk_without_links(store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    for database in (UUID(int=1), UUID(int=2)):
        assert open_stores(store_folders)["main"].claim(database) == UUID(int=1)
    assert [file.name for file in (store_folders.folders["main"] / OWNER).parent.iterdir()] == ["database"]


async def test_a_store_that_is_only_read_is_not_written(engine: Engine, store_folders: StoreFolders) -> None:
    """Disks with recordings are often read-only."""
    await collect(engine)
    assert list(store_folders.folders["raw"].iterdir()) == []


async def test_registered_files_are_forgotten_wherever_they_are(engine: Engine, store_folders: StoreFolders) -> None:
    await make_table(engine, "Movie", "id : int32\n---\nfile : <filepath@raw>")
    movie = put_file(store_folders, "raw", "movie.avi", b"film")
    await registration.register(engine, ME, Target(named("Movie"), "file"), "movie.avi")
    for _ in range(3):
        await age(engine)
        await collect(engine)
    assert await states(engine) == []
    assert list(store_folders.folders["raw"].iterdir()) == [movie]
    await registration.register(engine, ME, Target(named("Movie"), "file"), "movie.avi")
    put_file(store_folders, "raw", OWNER, str(UUID(int=1)).encode())
    for _ in range(3):
        await age(engine)
        await collect(engine)
    assert await states(engine) == []
