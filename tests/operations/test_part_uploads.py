"""Files that clients send to a bucket themselves: begun once, complete or gone, whenever somebody stops."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import http.client
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio
from blake3 import blake3

from levada_server.errors import DamagedObject, InvalidRequest, UnknownObject
from levada_server.operations.objects import collection, holds, objects, part_uploads
from levada_server.operations.objects.objects import Staged, Target
from levada_server.storage.objects import object_rows
from tests.support.make import ME, make_table, named
from tests.support.objects import EVERY_BUCKET, EVERY_STORE, age, collect, get, put, states, stored_files

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders

CONTENT = os.urandom(9 * 2**20)
HASH = blake3(CONTENT).hexdigest()
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@pytest_asyncio.fixture(autouse=True)
async def tables(engine: Engine) -> None:
    await make_table(engine, "Trace", "id : int32\n---\ndata = null : <hash@main>\nimage = null : <npy@main>")


async def stage(engine: Engine, attribute: str = "data") -> UUID:
    target = Target(named("Trace"), attribute)
    staged = await objects.stage(engine, ME, target, key={}, file_name="", folder=False, hash_=HASH)
    assert isinstance(staged, Staged)
    return staged.upload


async def begin(engine: Engine, upload: UUID, content: bytes = CONTENT) -> part_uploads.Begun:
    hash_ = blake3(content).hexdigest()
    begun = await objects.begin_parts(engine, ME, upload, "", size_bytes=len(content), hash_=hash_)
    assert isinstance(begun, part_uploads.Begun)
    return begun


async def send(engine: Engine, upload: UUID, *numbers: int, content: bytes = CONTENT) -> None:
    """Send some parts as a client does."""
    size = part_uploads.part_bytes(len(content))
    pieces = [content[(number - 1) * size : number * size] for number in numbers]
    wanted = [(n, hashlib.md5(p, usedforsecurity=False).digest()) for n, p in zip(numbers, pieces, strict=True)]
    for request, piece in zip(await objects.sign_parts(engine, ME, upload, "", wanted=wanted), pieces, strict=True):
        parts = urlsplit(request.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        connection.request(request.method, f"{parts.path}?{parts.query}", piece, dict(request.headers))
        assert connection.getresponse().status in (200, 201)
        connection.close()


async def commit(engine: Engine, upload: UUID, content: bytes = CONTENT) -> UUID:
    hash_ = blake3(content).hexdigest()
    return (await objects.commit(engine, ME, upload, hash_=hash_, size_bytes=len(content))).id


@EVERY_BUCKET
async def test_a_file_that_begins_twice_at_once_is_one(engine: Engine, store_folders: StoreFolders) -> None:
    upload = await stage(engine)
    begun = await asyncio.gather(*(begin(engine, upload) for _ in range(4)))
    assert {(one.part_bytes, tuple(one.arrived)) for one in begun} == {(part_uploads.PART_BYTES, ())}
    await send(engine, upload, 2)
    assert (await begin(engine, upload)).arrived == [2]
    await send(engine, upload, 1)
    assert await get(engine, await commit(engine, upload)) == CONTENT
    assert await commit(engine, upload) == upload  # its answer may have been lost
    assert len(stored_files(store_folders)) == 1
    parts = engine.objects.store("main").part_uploads
    assert parts is not None
    assert list(parts.begun(LATER)) == []


@EVERY_BUCKET
async def test_a_commit_needs_every_part(engine: Engine, store_folders: StoreFolders) -> None:
    upload = await stage(engine)
    await begin(engine, upload)
    await send(engine, upload, 1)
    with pytest.raises(DamagedObject, match="1 of 2 parts arrived whole"):
        await commit(engine, upload)
    assert await states(engine) == []
    assert stored_files(store_folders) == []
    with pytest.raises(UnknownObject):
        await begin(engine, upload)


@EVERY_BUCKET
async def test_an_array_that_a_client_sent_has_a_header(engine: Engine) -> None:
    upload = await stage(engine, "image")
    await begin(engine, upload)
    await send(engine, upload, 1, 2)
    with pytest.raises(InvalidRequest, match="not an array"):
        await commit(engine, upload)
    assert await states(engine) == []


async def complete(engine: Engine, upload: UUID) -> None:
    """Complete the files that the client sent, as a commit does first."""
    held = await holds.take(engine, upload)
    async with holds.renewed(engine, held):
        await part_uploads.complete(engine, held, engine.objects.stores["main"], ())


@EVERY_BUCKET
async def test_a_late_commit_completes_nothing(engine: Engine, store_folders: StoreFolders) -> None:
    upload = await stage(engine)
    await begin(engine, upload)
    await send(engine, upload, 1, 2)
    held = await holds.take(engine, upload)
    async with engine.scope.connection() as connection:
        await connection.execute("UPDATE levada.object SET holder = gen_random_uuid()")
    with pytest.raises(UnknownObject, match="another call commits it"):
        await part_uploads.complete(engine, held, engine.objects.stores["main"], ())
    assert [file for file in stored_files(store_folders) if "staging" not in file.parts] == []


@EVERY_BUCKET
async def test_a_server_killed_during_a_commit_has_lost_nothing(engine: Engine, store_folders: StoreFolders) -> None:
    upload = await stage(engine)
    await begin(engine, upload)
    await send(engine, upload, 1, 2)
    await complete(engine, upload)  # then it was killed, and so was the client, which asks what has arrived
    assert (await begin(engine, upload)).arrived == [1, 2]
    assert await get(engine, await commit(engine, upload)) == CONTENT
    # If nobody asks again, nothing remains.
    second = await stage(engine)
    await begin(engine, second)
    await send(engine, second, 1, 2)
    await complete(engine, second)
    await age(engine)
    await collect(engine)
    assert await states(engine) == ["quarantined"]
    await collect(engine)
    assert [len(file.read_bytes()) for file in stored_files(store_folders)] == [len(CONTENT)]


@EVERY_BUCKET
async def test_a_server_killed_before_it_records_a_file_in_parts_has_lost_nothing(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await stage(engine)
    await begin(engine, upload)
    await send(engine, upload, 1, 2)

    async def kill(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(object_rows, "commit_upload", kill)
        with pytest.raises(asyncio.CancelledError):
            await commit(engine, upload)
    assert (await begin(engine, upload)).arrived == [1, 2]
    assert await get(engine, await commit(engine, upload)) == CONTENT
    assert len(stored_files(store_folders)) == 1


@EVERY_BUCKET
async def test_parts_that_nobody_finished_are_given_up(engine: Engine, store_folders: StoreFolders) -> None:
    upload = await stage(engine)
    await begin(engine, upload)
    await send(engine, upload, 1)
    await age(engine)
    assert (await collect(engine)).deleted_count == 1
    assert stored_files(store_folders) == []
    parts = engine.objects.store("main").part_uploads
    assert parts is not None
    assert list(parts.begun(LATER)) == []
    with pytest.raises(UnknownObject):
        await objects.sign_parts(engine, ME, upload, "", wanted=[(2, bytes(16))])


@EVERY_STORE
async def test_bytes_without_a_record_are_swept(
    engine: Engine, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stray, held = engine.objects.store("main"), uuid4(), await stage(engine)
    done = await put(engine, "Trace", "data", b"done")
    for late in (stray, done.id):  # a thread of a call that was cancelled goes on
        store.begin(late, folder=False)
        store.rewind(late, "", 0)
        store.write(late, "", 0, b"late")
    opened = await objects.open_upload(engine, ME, held)
    await opened.rewind("", 0)
    await opened.write(b"held")
    await opened.flush()
    if store.part_uploads is not None:
        await begin(engine, held)
        strange = store.part_uploads.begin(stray, "_levada/hash/00/stray")
        await collect(engine)
        if begun := list(store.part_uploads.begun(LATER)):
            assert strange in {token for _, token in begun}  # somebody may be about to record it
        monkeypatch.setattr(collection, "_ABANDONED", -dt.timedelta(days=1))
    await collect(engine)
    assert sorted(file.read_bytes() for file in stored_files(store_folders)) == [b"done", b"held"]
    assert await get(engine, done.id) == b"done"
    if store.part_uploads is not None:
        async with engine.objects.connection() as connection:
            (sent,) = await object_rows.read_sent_files(connection, held)
        assert {token for _, token in store.part_uploads.begun(LATER)} <= {sent.token}


async def test_what_is_no_file_in_parts_is_refused(engine: Engine) -> None:
    upload = await stage(engine)
    with pytest.raises(InvalidRequest, match="takes no parts"):
        await begin(engine, upload)
    with pytest.raises(InvalidRequest, match="takes no parts"):
        await objects.sign_parts(engine, ME, upload, "", wanted=[])


@pytest.mark.parametrize("store_folders", ["s3"], indirect=True)
async def test_wrong_parts_are_refused(engine: Engine) -> None:
    upload = await stage(engine)
    with pytest.raises(InvalidRequest, match="has not begun"):
        await objects.sign_parts(engine, ME, upload, "", wanted=[(1, bytes(16))])
    for size in (0, part_uploads.PART_BYTES, part_uploads.MAX_FILE_BYTES + 1):
        with pytest.raises(InvalidRequest, match="can be sent in parts"):
            await objects.begin_parts(engine, ME, upload, "", size_bytes=size, hash_=HASH)
    for path in ("a", "../a"):
        with pytest.raises(InvalidRequest):
            await objects.begin_parts(engine, ME, upload, path, size_bytes=len(CONTENT), hash_=HASH)
    await begin(engine, upload)
    with pytest.raises(InvalidRequest, match="another size or hash"):
        await begin(engine, upload, CONTENT + b"more")
    for number, md5 in ((0, bytes(16)), (3, bytes(16)), (1, bytes(15))):
        with pytest.raises(InvalidRequest, match="number from 1 to 2"):
            await objects.sign_parts(engine, ME, upload, "", wanted=[(number, md5)])
    with pytest.raises(InvalidRequest, match="At most 100"):
        await objects.sign_parts(engine, ME, upload, "", wanted=[(1, bytes(16))] * 101)


def test_parts_of_any_file_are_few_enough_for_s3() -> None:
    for size in (part_uploads.PART_BYTES + 1, 80 * 2**30, 80 * 2**30 + 1, part_uploads.MAX_FILE_BYTES):
        part = part_uploads.part_bytes(size)
        assert part % 2**20 == 0
        assert -(-size // part) <= 10_000
