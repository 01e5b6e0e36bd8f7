"""Objects that are copied from one store to another: rows follow, and nothing is lost, whoever else is at work."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import pytest_asyncio

from levada_server.errors import InvalidRequest, PermissionDenied, UnknownObject, UnknownStore
from levada_server.operations import schemas, updates
from levada_server.operations.objects import copies, objects, registration
from levada_server.operations.objects.objects import Staged, Target
from levada_server.storage.objects import object_files, object_lists
from tests.operations.test_object_collection import delete_all
from tests.support.make import ME, fetch, insert, make_table, named
from tests.support.objects import EVERY_STORE, age, collect, get, put, states, stored_files
from tests.support.roles import make_caller

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from levada_server.operations.objects.copies import Copied
    from levada_server.storage.objects.storage import StoreFolders


@pytest_asyncio.fixture(autouse=True)
async def tables(engine: Engine) -> None:
    await make_table(engine, "Trace", "id : int32\n---\ndata = null : <hash@main>\nfile = null : <attach@main>")
    await make_table(engine, "Whole", "id : int32\n---\nfolder = null : <object@main>\nimage = null : <npy@main>")
    await make_table(engine, "Copy", "id : int32\n---\ndata = null : <hash@raw>")


async def copy(
    engine: Engine, source: str = "main", target: str = "raw", *, schema: str = "", dry_run: bool = False
) -> list[Copied]:
    copied = copies.copy(engine, ME, source=source, target=target, schema=schema, dry_run=dry_run)
    return [some async for some in copied]


def total(copied: list[Copied]) -> tuple[int, int, int]:
    return sum(c.object_count for c in copied), sum(c.size_bytes for c in copied), sum(c.row_count for c in copied)


async def rows(engine: Engine, table: str) -> list[dict[str, dict[str, str]]]:
    """Return the references that the rows of a table hold, by attribute, in the order of their keys."""
    found = sorted(await fetch(engine, table), key=lambda row: str(row["id"]))
    return [{name: json.loads(str(value)) for name, value in row.items() if name != "id" and value} for row in found]


async def put_folder(engine: Engine, table: str, files: dict[str, bytes]) -> str:
    target = Target(named(table), "folder")
    staged = await objects.stage(engine, ME, target, key={"id": 1}, file_name="run.zarr", folder=True, hash_="")
    assert isinstance(staged, Staged)
    upload = await objects.open_upload(engine, ME, staged.upload)
    for path, content in files.items():
        await upload.rewind(path, 0)
        await upload.write(content)
        await upload.flush()
    size = sum(map(len, files.values()))
    return str((await objects.commit(engine, ME, upload.upload.id, hash_="", size_bytes=size)).id)


@EVERY_STORE
async def test_rows_follow_their_objects(engine: Engine, store_folders: StoreFolders) -> None:
    data, file = await put(engine, "Trace", "data", b"data"), await put(engine, "Trace", "file", b"file")
    folder = await put_folder(engine, "Whole", {"a": b"1", "b/c": b"22"})
    await insert(engine, "Trace", [{"id": 1, "data": str(data.id), "file": str(file.id)}, {"id": 2, "data": None}])
    await insert(engine, "Whole", [{"id": 1, "folder": folder}])
    assert total(await copy(engine, dry_run=True)) == (3, 11, 0)
    assert len(stored_files(store_folders)) == 5  # the folder has a list of its files
    assert total(await copy(engine)) == (3, 11, 3)
    (first, _), (whole,) = await rows(engine, "Trace"), await rows(engine, "Whole")
    for reference, content in ((first["data"], b"data"), (first["file"], b"file")):
        assert reference["store"] == "raw"
        assert await get(engine, UUID(reference["id"])) == content
    assert first["data"]["id"] == str(data.id)
    assert await get(engine, UUID(whole["folder"]["id"]), "b/c") == b"22"
    assert await get(engine, data.id) == b"data"
    # The originals are in quarantine, and go a day later; the copies stay.
    assert sorted(await states(engine)) == ["quarantined"] * 3 + ["whole"] * 3
    for _ in range(3):
        await age(engine)
        await collect(engine)
    assert await states(engine) == ["whole"] * 3
    assert len(stored_files(store_folders)) == 5
    assert await get(engine, data.id) == b"data"
    assert total(await copy(engine)) == (0, 0, 0)
    assert total(await copy(engine, "raw", "main")) == (3, 11, 3)
    assert await get(engine, data.id) == b"data"


async def test_an_object_that_comes_back_at_once_does_not_lose_its_bytes(engine: Engine) -> None:
    """The original of the first copy is removed while the second one lies in the same store."""
    data, file = await put(engine, "Trace", "data", b"data"), await put(engine, "Trace", "file", b"file")
    folder = await put_folder(engine, "Whole", {"a": b"1"})
    await insert(engine, "Trace", [{"id": 1, "data": str(data.id), "file": str(file.id)}])
    await insert(engine, "Whole", [{"id": 1, "folder": folder}])
    for _ in range(2):
        await copy(engine)
        await copy(engine, "raw", "main")
    for _ in range(3):
        await age(engine)
        await collect(engine)
    (row,), (whole,) = await rows(engine, "Trace"), await rows(engine, "Whole")
    assert await get(engine, UUID(row["data"]["id"])) == b"data"  # perhaps the original, which is there already
    assert await get(engine, file.id) == b"file"
    assert whole["folder"]["id"] == folder
    assert await get(engine, UUID(folder), "a") == b"1"


@EVERY_STORE
async def test_content_that_the_other_store_has_is_not_copied(engine: Engine) -> None:
    here, there = await put(engine, "Trace", "data", b"same"), await put(engine, "Copy", "data", b"same")
    await insert(engine, "Trace", [{"id": 1, "data": str(here.id)}])
    assert total(await copy(engine)) == (0, 0, 1)
    (row,) = await rows(engine, "Trace")
    assert row["data"]["id"] == str(there.id)
    for _ in range(3):
        await age(engine)
        await collect(engine)
    assert await states(engine) == ["whole"]
    assert await get(engine, there.id) == b"same"


@pytest.mark.parametrize("twin", [False, True])
async def test_attributes_take_what_lay_in_their_store(engine: Engine, twin: bool) -> None:
    """Also what rows name instead of it, because the other store had it already."""
    here = await put(engine, "Trace", "data", b"same")
    await insert(engine, "Trace", [{"id": 1, "data": str(here.id)}])
    if twin:
        await put(engine, "Copy", "data", b"same")
    for source, target in (("main", "raw"), ("raw", "main")):
        await copy(engine, source, target)
        (row,) = await rows(engine, "Trace")
        assert row["data"]["store"] == target
        id_ = row["data"]["id"]
        await updates.update(engine, ME, named("Trace"), {"id": 1, "data": id_})
        await insert(engine, "Copy", [{"id": ["main", "raw"].index(source), "data": id_}])
        for _ in range(3):
            await age(engine)
            await collect(engine)
    assert await get(engine, UUID(id_)) == b"same"


async def test_a_copy_of_one_schema_leaves_the_others_alone(engine: Engine) -> None:
    await schemas.create_schema(engine, ME, "hall", allow_existing=False)
    data, file = await put(engine, "Trace", "data", b"same"), await put(engine, "Trace", "file", b"moved")
    await put(engine, "Copy", "data", b"same")
    await insert(engine, "Trace", [{"id": 1, "data": str(data.id), "file": str(file.id)}])
    with suppress(Stopped):
        async for some in copies.copy(engine, ME, source="main", target="raw", schema="lab", dry_run=False):
            if some.object_count:  # the object has moved, and the row does not know it yet
                raise Stopped
    before = await rows(engine, "Trace"), await objects_of(engine)
    assert total(await copy(engine, schema="hall")) == (0, 0, 0)
    assert (await rows(engine, "Trace"), await objects_of(engine)) == before
    assert total(await copy(engine, schema="lab")) == (0, 0, 2)


class Stopped(Exception):
    """A copy was broken off."""


async def objects_of(engine: Engine) -> list[str]:
    async with engine.scope.connection() as connection:
        return [row[0] for row in await connection.fetch("SELECT o::text FROM levada.object o ORDER BY id")]


async def test_rows_that_come_during_a_copy_follow_only_what_was_claimed_for_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await put(engine, "Copy", "data", b"same")
    follow = object_lists.follow
    late: list[str] = []

    async def slow(*arguments: Any) -> int:  # noqa: ANN401  # as the function has them
        if not late:
            late.append(str((await put(engine, "Trace", "data", b"same")).id))
            await insert(engine, "Trace", [{"id": 1, "data": late[0]}])
        return await follow(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(object_lists, "follow", slow)
        await copy(engine)
    (row,) = await rows(engine, "Trace")
    assert row["data"]["id"] == late[0]
    await copy(engine)
    (row,) = await rows(engine, "Trace")
    assert row["data"]["id"] == str(there.id)


async def test_a_damaged_object_stays_and_is_reported(engine: Engine, store_folders: StoreFolders) -> None:
    bad, good = await put(engine, "Trace", "file", b"bad"), await put(engine, "Trace", "file", b"good")
    await insert(engine, "Trace", [{"id": 7, "file": str(bad.id)}, {"id": 8, "file": str(good.id)}])
    place = store_folders.folders["main"] / bad.path
    place.chmod(0o644)
    place.write_bytes(b"BAD")
    copied = await copy(engine)
    assert total(copied) == (1, 4, 1)
    (damage,) = [damage for some in copied for damage in some.damages]
    assert damage.reference.id == bad.id
    assert "has changed" in damage.problem
    assert [(row.table, row.attribute, json.loads(row.key)) for row in damage.rows] == [
        ("lab.Trace", "file", {"id": 7})
    ]
    assert {row["file"]["store"] for row in await rows(engine, "Trace")} == {"main", "raw"}
    assert len([f for f in stored_files(store_folders) if "staging" in f.parts]) == 0


@pytest.mark.parametrize("step", ["copy", "exchange", "follow"])
async def test_a_copy_that_is_cut_off_is_done_by_the_next(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    reference = await put(engine, "Trace", "file", b"file")
    await insert(engine, "Trace", [{"id": 1, "file": str(reference.id)}])

    class Killed(BaseException):
        """Nothing catches it, as the end of a process."""

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken, pytest.raises(Killed):
        broken.setattr(object_files if step == "copy" else object_lists, step, kill)
        await copy(engine)
    assert await get(engine, reference.id) == b"file"
    await copy(engine)
    (row,) = await rows(engine, "Trace")
    assert row["file"]["store"] == "raw"
    for _ in range(3):
        await age(engine)
        await collect(engine)
        assert await get(engine, reference.id) == b"file"
    assert await states(engine) == ["whole"]
    assert len(stored_files(store_folders)) == 1


async def test_registered_files_stay_where_they_are(engine: Engine, store_folders: StoreFolders) -> None:
    await make_table(engine, "Movie", "id : int32\n---\nfile : <filepath@main>")
    (store_folders.folders["main"] / "film").write_bytes(b"film")
    film = await registration.register(engine, ME, Target(named("Movie"), "file"), "film")
    await insert(engine, "Movie", [{"id": 1, "file": str(film.id)}])
    assert total(await copy(engine)) == (0, 0, 0)
    assert await get(engine, film.id) == b"film"


async def test_only_administrators_copy_between_two_known_stores(engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="the same"):
        await copy(engine, "main", "")
    with pytest.raises(UnknownStore):
        await copy(engine, "main", "nowhere")
    caller, _ = await make_caller(engine, "ann")
    with pytest.raises(PermissionDenied):
        await anext(copies.copy(engine, caller, source="main", target="raw", schema="", dry_run=True))


@EVERY_STORE
async def test_others_insert_delete_and_collect_meanwhile(engine: Engine, store_folders: StoreFolders) -> None:
    """Copies go back and forth; at the end each row names a whole object, and no other bytes are left."""
    chance = random.Random(1)
    contents = [f"content {i}".encode() for i in range(6)]
    ids = iter(range(1, 10_000))

    async def inserting() -> None:
        for _ in range(12):
            attribute = chance.choice(("data", "file"))
            with suppress(UnknownObject):  # it was removed between both steps, as after eight days
                reference = await put(engine, "Trace", attribute, chance.choice(contents))
                await insert(engine, "Trace", [{"id": next(ids), attribute: str(reference.id)}])

    async def deleting() -> None:
        for _ in range(2):
            await asyncio.sleep(0)
            await delete_all(engine, "Trace")

    async def copying() -> None:
        for i in range(4):
            await copy(engine, *(("main", "raw") if i % 2 == 0 else ("raw", "main")))

    async def collecting() -> None:
        for _ in range(4):
            await collect(engine)

    await asyncio.gather(inserting(), inserting(), copying(), collecting(), deleting(), copying())
    for row in await rows(engine, "Trace"):
        for value in row.values():
            assert await get(engine, UUID(value["id"])) in contents
    for _ in range(3):
        await age(engine)
        await collect(engine)
    named_ids = {v["id"] for row in await rows(engine, "Trace") for v in row.values()}
    assert len(stored_files(store_folders)) == len(await states(engine)) == len(named_ids)
