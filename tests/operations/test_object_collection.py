"""Objects that no row names are collected after a while, and named objects stay, whoever is at work."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import pytest_asyncio
from blake3 import blake3

from levada_server.errors import Conflict, Unavailable, UnknownObject
from levada_server.model.table import PartIntegrity
from levada_server.operations import deletes, inserts, schemas, updates
from levada_server.operations.objects import objects, registration
from levada_server.operations.objects.claims import claim_copied
from levada_server.operations.objects.objects import Target
from levada_server.operations.transactions import open_transaction_session
from levada_server.query.algebra import TableOperand
from levada_server.storage.backup.snapshot import snapshot
from levada_server.storage.objects import object_rows
from levada_server.storage.objects.storage import ObjectStorage, StoreFolders
from levada_server.storage.postgres.database import Database
from tests.support.make import ME, fetch, insert, make_table, named
from tests.support.objects import EVERY_STORE, age, collect, get, put, put_file, stage, states, stored_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.context import Engine


@pytest_asyncio.fixture(autouse=True)
async def tables(engine: Engine) -> None:
    await make_table(engine, "Trace", "id : int32\n---\ndata = null : <hash@main>\nfile = null : <attach@raw>")
    await make_table(engine, "Copy", "id : int32\n---\ndata = null : <hash@main>")


async def delete_all(engine: Engine, table: str) -> None:
    relation = TableOperand(named(table))
    await deletes.delete(engine, ME, relation, PartIntegrity.ENFORCE, digest="", quick=True)


async def test_what_a_row_names_stays(engine: Engine, store_folders: StoreFolders) -> None:
    reference = await put(engine, "Trace", "data", b"kept")
    await insert(engine, "Trace", [{"id": 1, "data": str(reference.id)}])
    for _ in range(3):
        await age(engine)
        assert (await collect(engine)).deleted_count == 0
    assert await states(engine) == ["whole"]
    assert await get(engine, reference.id) == b"kept"


@EVERY_STORE
async def test_what_no_row_names_is_quarantined_then_removed(engine: Engine, store_folders: StoreFolders) -> None:
    kept = await put(engine, "Trace", "file", b"kept")
    gone = await put(engine, "Trace", "file", b"deleted")
    await put(engine, "Trace", "file", b"never inserted")
    await insert(engine, "Trace", [{"id": 1, "file": str(kept.id)}, {"id": 2, "file": str(gone.id)}])
    await updates.update(engine, ME, named("Trace"), {"id": 2, "file": None})
    assert (await collect(engine)).quarantined_count == 0  # somebody may still be about to insert them
    await age(engine)
    collected = await collect(engine)
    assert (collected.quarantined_count, collected.quarantined_bytes, collected.deleted_count) == (2, 21, 0)
    assert await get(engine, gone.id) == b"deleted"
    assert (await collect(engine)).deleted_count == 0
    await age(engine)
    collected = await collect(engine)
    assert (collected.quarantined_count, collected.deleted_count, collected.deleted_bytes) == (0, 2, 21)
    assert [file.read_bytes() for file in stored_files(store_folders)] == [b"kept"]
    with pytest.raises(UnknownObject):
        await get(engine, gone.id)
    # The folders of the other objects are gone as well.
    for folder in store_folders.folders.values():
        assert len([f for f in (folder / "_levada" / "attach").rglob("*") if f.is_dir()]) in (0, 2)


async def test_a_dry_run_tells_and_changes_nothing(engine: Engine, store_folders: StoreFolders) -> None:
    await put(engine, "Trace", "data", b"data")
    await age(engine)
    assert (await collect(engine, dry_run=True)).quarantined_count == 1
    assert await states(engine) == ["whole"]
    await collect(engine)
    await age(engine)
    assert (await collect(engine, dry_run=True)).deleted_count == 1
    assert await states(engine) == ["quarantined"]
    assert len(stored_files(store_folders)) == 1


@EVERY_STORE
async def test_uploads_that_nobody_finished_expire(engine: Engine, store_folders: StoreFolders) -> None:
    id_ = await stage(engine, "Trace", "file")
    assert id_ is not None
    upload = await objects.open_upload(engine, ME, id_)
    await upload.rewind("", 0)
    await upload.write(b"half")
    await upload.flush()
    assert (await collect(engine)).deleted_count == 0
    await age(engine)
    assert (await collect(engine)).deleted_count == 1
    assert stored_files(store_folders) == []
    with pytest.raises(UnknownObject):
        await objects.open_upload(engine, ME, id_)


@EVERY_STORE
async def test_a_registered_file_is_forgotten_and_stays_where_it_is(
    engine: Engine, store_folders: StoreFolders
) -> None:
    await make_table(engine, "Movie", "id : int32\n---\nfile : <filepath@raw>")
    file = put_file(store_folders, "raw", "movie.avi", b"film")
    await registration.register(engine, ME, Target(named("Movie"), "file"), "movie.avi")
    for _ in range(3):
        await age(engine)
        await collect(engine)
    assert await states(engine) == []
    assert file.read_bytes() == b"film"


@EVERY_STORE
@pytest.mark.parametrize("way", ["rows", "table", "schema", "replace"])
async def test_each_way_to_lose_a_row_lets_its_object_go(engine: Engine, store_folders: StoreFolders, way: str) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    await insert(engine, "Trace", [{"id": 1, "data": str(reference.id)}])
    match way:
        case "rows":
            await delete_all(engine, "Trace")
        case "table":
            await schemas.drop_tables(engine, ME, [named("Trace")], "")
        case "schema":
            await schemas.drop_schema(engine, ME, "lab")
        case _:
            other = await put(engine, "Copy", "data", b"other")
            await insert(engine, "Trace", [{"id": 1, "data": str(other.id)}], replace=True)
    for _ in range(2):
        await age(engine)
        await collect(engine)
    assert [file.read_bytes() for file in stored_files(store_folders)] == ([b"other"] if way == "replace" else [])


async def test_no_object_is_removed_while_a_backup_is_made(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """It may take longer than the quarantine."""
    reference = await put(engine, "Trace", "data", b"content")
    await insert(engine, "Trace", [{"id": 1, "data": str(reference.id)}])
    assert isinstance(engine.scope, Database)
    async with snapshot(engine.scope) as held:
        await delete_all(engine, "Trace")
        for _ in range(3):
            await age(engine)
            kept = await collect(engine)
        assert [named.path for named in await held.objects()] == [reference.path]
        assert await get(engine, reference.id) == b"content"
        async with engine.scope.connection() as connection:
            since = await object_rows.backup_since(connection)
        assert since is not None
        assert f"another collection is under way since {since:%Y-%m-%d %H:%M:%S} UTC" in kept.kept_because
        assert kept.kept_because in caplog.text
    done = await collect(engine)
    assert (done.deleted_count, done.kept_because) == (1, "")


async def test_a_backup_sees_what_was_given_up_before_it_could_begin(engine: Engine) -> None:
    await put(engine, "Trace", "data", b"content")
    assert isinstance(engine.scope, Database)
    database = engine.scope

    async def named_objects() -> int:
        async with snapshot(database) as held:
            return len(await held.objects())

    async with database.transaction() as connection:
        assert await object_rows.may_remove(connection)
        waiting = asyncio.create_task(named_objects())
        await until_somebody_waits(engine)
        await connection.execute("UPDATE levada.object SET state = 'doomed'")
    assert await waiting == 0


async def test_the_same_content_comes_out_of_quarantine(engine: Engine) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    await age(engine)
    await collect(engine)
    assert await states(engine) == ["quarantined"]
    assert (await put(engine, "Copy", "data", b"data")).id == reference.id
    assert await states(engine) == ["whole"]
    await age(engine)
    await collect(engine)
    await age(engine)
    # It is quarantined again, and a client that has been away for long names it only by its id.
    await insert(engine, "Trace", [{"id": 1, "data": str(reference.id)}])
    await collect(engine)
    assert await get(engine, reference.id) == b"data"


async def test_a_row_written_by_hand_keeps_its_object_too(engine: Engine) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    await age(engine)
    await collect(engine)
    async with engine.scope.connection() as connection:
        await connection.execute("INSERT INTO lab.trace (id, data) VALUES (1, $1)", reference.to_json())
    await age(engine)
    assert (await collect(engine)).deleted_count == 0
    assert await states(engine) == ["whole"]


async def test_a_row_cannot_name_what_is_being_removed(engine: Engine, store_folders: StoreFolders) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    async with engine.scope.connection() as connection:
        await connection.execute("UPDATE levada.object SET state = 'doomed'")
    with pytest.raises(UnknownObject, match="row 0"):
        await insert(engine, "Trace", [{"id": 1, "data": str(reference.id)}])
    with pytest.raises(UnknownObject):
        trace = await schemas.describe_table(engine, ME, named("Trace"))
        await claim_copied(engine, trace, [str(reference.id)])
    again = await put(engine, "Trace", "data", b"data")
    assert again.id != reference.id
    await insert(engine, "Trace", [{"id": 1, "data": str(again.id)}])
    # The next collector removes the remains of a killed one.
    assert (await collect(engine)).deleted_count == 1
    assert await get(engine, again.id) == b"data"
    assert len(stored_files(store_folders)) == 1


async def test_a_claim_that_comes_first_wins_over_a_collection(engine: Engine) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    await age(engine)
    await collect(engine)
    await age(engine)
    async with engine.scope.transaction() as connection:
        # A claim does the same before its commit: the collection finds the object doomed, and waits for its lock.
        await connection.execute(
            "UPDATE levada.object SET state = 'whole', quarantine_time = NULL, expire_time = now() + interval '7 days'"
        )
        collecting = asyncio.create_task(collect(engine))
        await until_somebody_waits(engine)
    assert (await collecting).deleted_count == 0
    assert await get(engine, reference.id) == b"data"


async def until_somebody_waits(engine: Engine) -> None:
    waiting = 0
    while not waiting:
        async with engine.scope.connection() as connection:
            waiting = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )


async def test_a_row_that_is_not_committed_yet_keeps_its_object(engine: Engine) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    await age(engine)
    await collect(engine)
    async with open_transaction_session(engine) as session:
        await session.transactions.begin("repeatable_read", read_only=False)
        await insert(session.engine, "Trace", [{"id": 1, "data": str(reference.id)}])
        await collect(engine)
        await session.transactions.commit()
    await age(engine)
    await collect(engine)
    assert await states(engine) == ["whole"]
    assert await get(engine, reference.id) == b"data"


async def test_rows_copied_within_the_database_keep_their_objects(engine: Engine) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    await insert(engine, "Trace", [{"id": 1, "data": str(reference.id)}, {"id": 2, "data": None}])
    await age(engine)
    source = TableOperand(named("Trace"))
    options = inserts.InsertOptions(ignore_extra_fields=True)
    async with open_transaction_session(engine) as session:
        await session.transactions.begin("repeatable_read", read_only=False)
        assert await inserts.insert_relation(session.engine, ME, named("Copy"), source, options) == 2
        await delete_all(engine, "Trace")
        await collect(engine)  # sees neither the deleted rows nor the coming ones
        await session.transactions.commit()
    assert await states(engine) == ["whole"]
    assert [row["id"] for row in await fetch(engine, "Copy")] == [1, 2]
    assert await get(engine, reference.id) == b"data"


async def test_a_store_that_is_away_is_tried_again(
    engine: Engine, store_folders: StoreFolders, database_url: str
) -> None:
    await put(engine, "Trace", "data", b"data")
    await age(engine)
    await collect(engine)
    await age(engine)
    storage = engine.objects
    away = ObjectStorage(database_url, StoreFolders({"raw": store_folders.folders["raw"]}, "raw"))
    object.__setattr__(engine, "objects", away)
    assert (await collect(engine)).deleted_count == 0
    await away.close()
    object.__setattr__(engine, "objects", storage)
    assert await states(engine) == ["doomed"]
    assert (await collect(engine)).deleted_count == 1
    assert stored_files(store_folders) == []


async def test_a_disk_that_is_away_when_the_server_starts_is_noticed(
    engine: Engine, store_folders: StoreFolders, database_url: str
) -> None:
    reference = await put(engine, "Trace", "data", b"data")
    (folder,) = (place for place in store_folders.folders.values() if list(place.iterdir()))
    disk = folder.rename(folder.with_name("disk"))
    folder.mkdir()  # on which it was mounted
    storage, started = engine.objects, ObjectStorage(database_url, store_folders)
    object.__setattr__(engine, "objects", started)
    for _ in range(2):
        with pytest.raises(Unavailable, match="perhaps its disk is not mounted"):
            await stage(engine, "Trace", "data")
        with pytest.raises(Unavailable, match="perhaps its disk is not mounted"):
            await get(engine, reference.id)
        await age(engine)
        assert (await collect(engine)).deleted_count == 0
    assert list(folder.iterdir()) == []
    assert await states(engine) == ["doomed"]  # its bytes are still there, and no upload left a record
    folder.rmdir()
    disk.rename(folder)
    assert (await collect(engine)).deleted_count == 1
    await started.close()
    object.__setattr__(engine, "objects", storage)
    assert stored_files(store_folders) == []


class _Calendar:
    """Lets time pass only while no transaction with claimed objects is under way, because none lasts for days."""

    def __init__(self) -> None:
        self._under_way = 0
        self._due = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def today(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._due)
            self._under_way += 1
        try:
            yield
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    async def pass_days(self, engine: Engine) -> None:
        async with self._changed:
            self._due += 1
            await self._changed.wait_for(lambda: not self._under_way)
            await age(engine)
            self._due -= 1
            self._changed.notify_all()


@EVERY_STORE
async def test_no_row_is_left_without_its_object_whoever_inserts_deletes_and_collects(
    engine: Engine, store_folders: StoreFolders
) -> None:
    calendar, chance = _Calendar(), random.Random(7)
    contents = [bytes([n]) * 100 for n in range(3)]
    removed = 0

    async def write(worker: int) -> None:
        for step in count():
            if step >= 12 and removed:  # otherwise nothing was tried
                return
            assert step < 1000
            content = chance.choice(contents)
            async with calendar.today():
                reference = await put(engine, "Trace", "data", content)
                number = worker * 1000 + step
                if chance.random() < 0.8:
                    await insert(engine, "Trace", [{"id": number, "data": str(reference.id)}])
                    assert await get(engine, reference.id) == content
            if chance.random() < 0.6:
                with suppress(Conflict):  # somebody else deletes the same rows
                    await delete_all(engine, "Trace")

    async def tidy(writers: asyncio.Future[list[None]]) -> None:
        nonlocal removed
        while not writers.done():
            await calendar.pass_days(engine)
            removed += (await collect(engine)).deleted_count

    writers = asyncio.ensure_future(asyncio.gather(*map(write, range(4))))
    await asyncio.gather(writers, tidy(writers), tidy(writers))
    for row in await fetch(engine, "Trace"):
        reference = objects_id(row["data"])
        assert blake3(await get(engine, reference)).hexdigest() in {blake3(c).hexdigest() for c in contents}
    await delete_all(engine, "Trace")
    for _ in range(2):
        await age(engine)
        await collect(engine)
    assert stored_files(store_folders) == []
    assert await states(engine) == []


def objects_id(stored: object) -> UUID:
    assert isinstance(stored, str)
    return UUID(json.loads(stored)["id"])
