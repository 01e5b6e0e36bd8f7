"""Objects on every kind of store, and between kinds: names that file systems confuse, equal content at once, copies."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from levada_server.operations.objects import copies, downloads, objects
from levada_server.operations.objects.objects import Staged, Target
from tests.support.bucket_services import SERVICES
from tests.support.make import ME, fetch, insert, make_table, named
from tests.support.objects import EVERY_STORE, age, collect, get, put, states, stored_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders

NAMES = (
    "caf\u00e9",
    "cafe\u0301",
    "case",
    "CASE",
    "CON",
    "nul.txt",
    "aux/com1",
    "C:",
    "a:b",
    "end. ",
    " begin",
    "%2e%2e",
    "%2e%2e%2fx",
    "query?x=1#y",
    "plus+and&",
    "~",
    "$HOME",
    "*",
    "\u202etxt.exe",
    "n" * 255,
)


async def put_folder(engine: Engine, paths: Iterable[str]) -> UUID:
    """Put a folder, each of whose files contains its path."""
    target = Target(named("Trace"), "folder")
    staged = await objects.stage(engine, ME, target, key={"id": 1}, file_name="run.zarr", folder=True, hash_="")
    assert isinstance(staged, Staged)
    upload = await objects.open_upload(engine, ME, staged.upload)
    size = 0
    for path in paths:
        await upload.rewind(path, 0)
        await upload.write(path.encode())
        size += len(path.encode())
    await upload.flush()
    return (await objects.commit(engine, ME, staged.upload, hash_="", size_bytes=size)).id


@pytest.mark.skipif(sys.platform == "darwin", reason="its disks take some of these names for each other")
@EVERY_STORE
async def test_names_that_file_systems_confuse_are_kept_apart(engine: Engine) -> None:
    await make_table(engine, "Trace", "id : int32\n---\nfolder = null : <object@main>")
    id_ = await put_folder(engine, NAMES)
    listed = await downloads.list_files(engine, ME, id_)
    assert [file.path for file in listed] == sorted(NAMES, key=str.encode)
    for name in NAMES:
        assert await get(engine, id_, name) == name.encode()


@EVERY_STORE
async def test_equal_content_that_is_sent_at_once_is_one_object(engine: Engine, store_folders: StoreFolders) -> None:
    await make_table(engine, "Trace", "id : int32\n---\ndata = null : <hash@main>")
    found = await asyncio.gather(*(put(engine, "Trace", "data", b"the same") for _ in range(6)))
    assert len({reference.id for reference in found}) == 1
    assert await get(engine, found[0].id) == b"the same"
    assert len(stored_files(store_folders)) == 1
    assert await states(engine) == ["whole"]


_PAIRS = [
    pytest.param(
        f"{one} and {other}",
        marks=[
            pytest.mark.skipif(bool(SERVICES[kind].missing), reason=SERVICES[kind].missing)
            for kind in (one, other)
            if kind in SERVICES
        ],
    )
    for one, other in (("folder", "s3"), ("s3", "azure"), ("azure", "folder"))
]


@pytest.mark.parametrize("store_folders", _PAIRS, indirect=True)
async def test_objects_move_between_kinds_of_stores(engine: Engine) -> None:
    await make_table(
        engine,
        "Trace",
        "id : int32\n---\ndata = null : <hash@main>\nfile = null : <attach@main>\nfolder : <object@main>",
    )
    large = bytes(range(256)) * 40_000  # more than one part of a bucket
    data, file = await put(engine, "Trace", "data", b"data"), await put(engine, "Trace", "file", large)
    paths = ("a", "b/c", "caf\u00e9", "%2e%2e", "query?x=1#y")
    folder = await put_folder(engine, paths)
    await insert(engine, "Trace", [{"id": 1, "data": str(data.id), "file": str(file.id), "folder": str(folder)}])
    for source, target in (("main", "raw"), ("raw", "main")):
        copied = [
            some async for some in copies.copy(engine, ME, source=source, target=target, schema="", dry_run=False)
        ]
        assert not any(some.damages for some in copied)
        assert sum(some.object_count for some in copied) == 3
        for _ in range(3):  # the originals go
            await age(engine)
            await collect(engine)
        (row,) = await fetch(engine, "Trace")
        references = {name: json.loads(str(row[name])) for name in ("data", "file", "folder")}
        assert {reference["store"] for reference in references.values()} == {target}
        assert await get(engine, UUID(references["data"]["id"])) == b"data"
        assert await get(engine, UUID(references["file"]["id"])) == large
        for path in paths:
            assert await get(engine, UUID(references["folder"]["id"]), path) == path.encode()
