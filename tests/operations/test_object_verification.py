"""Administrators list objects, read them from end to end, and see how much they take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import LimitReached, UnknownStore
from levada_server.operations.objects import registration, verification
from levada_server.operations.objects import usage as operation
from levada_server.operations.objects.objects import Target
from levada_server.operations.objects.verification import NOBODY
from levada_server.storage.objects import usage
from levada_server.storage.postgres.database import Database
from tests.support.make import ME, insert, make_table, named
from tests.support.objects import EVERY_STORE, put, put_file, stored_files
from tests.support.roles import make_caller

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.operations.context import Engine
    from levada_server.operations.objects.verification import Damage
    from levada_server.storage.objects.storage import StoreFolders
    from tests.support.objects import StoredFile


async def verify(engine: Engine, store: str = "", after: UUID = NOBODY) -> tuple[int, list[Damage]]:
    found = [some async for some in verification.verify(engine, ME, store=store, schema="", after=after)]
    return sum(some.object_count for some in found), [damage for some in found for damage in some.damages]


def file_at(store_folders: StoreFolders, path: str) -> StoredFile:
    return next(
        file for file in stored_files(store_folders) if file.parts[-path.count("/") - 1 :] == tuple(path.split("/"))
    )


@EVERY_STORE
async def test_each_damage_is_reported_with_the_rows_that_have_it(engine: Engine, store_folders: StoreFolders) -> None:
    definition = "id : int32\nday : date\n---\nfile = null : <attach@main>\nmovie = null : <filepath@raw>"
    await make_table(engine, "Trace", definition)
    put_file(store_folders, "raw", "film", b"film")
    film = await registration.register(engine, ME, Target(named("Trace"), "movie"), "film")
    kept, lost, changed = [await put(engine, "Trace", "file", content) for content in (b"kept", b"lost", b"seen")]
    for number, reference in enumerate((kept, lost, changed)):
        row = {"id": number, "day": "2026-01-02", "file": str(reference.id), "movie": None}
        await insert(engine, "Trace", [row | ({"movie": str(film.id)} if number == 2 else {})])
    assert await verify(engine) == (4, [])
    file_at(store_folders, lost.path).unlink()
    file_at(store_folders, changed.path).chmod(0o644)
    file_at(store_folders, changed.path).write_bytes(b"SEEN")  # of the same size
    put_file(store_folders, "raw", "film", b"another film")
    count, damages = await verify(engine)
    assert count == 4
    assert {damage.reference.id: damage.problem.rpartition("` ")[2] for damage in damages} == {
        lost.id: "is missing.",
        changed.id: "has changed.",
        film.id: "has changed.",
    }
    named_by = {
        damage.reference.id: [(row.attribute, json.loads(row.key)) for row in damage.rows] for damage in damages
    }
    assert named_by[lost.id] == [("file", {"id": 1, "day": "2026-01-02"})]
    assert named_by[film.id] == [("movie", {"id": 2, "day": "2026-01-02"})]
    assert [damage.reference.id for damage in (await verify(engine, "raw"))[1]] == [film.id]
    last = max(reference.id for reference in (kept, lost, changed, film))
    assert await verify(engine, after=last) == (0, [])  # as after a call that broke
    with pytest.raises(UnknownStore):
        await verify(engine, "nowhere")


async def test_objects_are_listed_page_by_page(engine: Engine) -> None:
    await make_table(engine, "Trace", "id : int32\n---\nfile = null : <attach@main>")
    references = [await put(engine, "Trace", "file", bytes([i])) for i in range(5)]
    await insert(engine, "Trace", [{"id": 1, "file": str(references[0].id)}])
    found, after = [], NOBODY
    while page := await verification.list_objects(engine, ME, store="main", schema="lab", after=after, count=2):
        assert len(page) <= 2
        found += page
        after = page[-1].stored.reference.id
    assert [listed.stored.reference for listed in found] == sorted(references, key=lambda reference: reference.id)
    assert {listed.stored.reference.id: listed.tables for listed in found if listed.tables} == {
        references[0].id: ("lab.Trace",)
    }
    for store, schema in (("raw", ""), ("", "other")):
        assert await verification.list_objects(engine, ME, store=store, schema=schema, after=NOBODY, count=9) == []


async def test_usage_is_measured_by_schema_and_user_for_the_limit_of_a_schema(
    engine: Engine, database_url: str, store_folders: StoreFolders
) -> None:
    await make_table(engine, "Trace", "id : int32\n---\nfile = null : <attach@main>\nmovie = null : <filepath@raw>")
    (store_folders.folders["raw"] / "film").write_bytes(bytes(10_000))
    await registration.register(engine, ME, Target(named("Trace"), "movie"), "film")  # it takes no space of ours
    ann, _ = await make_caller(engine, "ann")
    database = await Database.connect(database_url)
    try:
        assert await operation.list_usage(engine, ME, offset=0, count=10) == []
        await put(engine, "Trace", "file", bytes(2**20))
        reference = await put(engine, "Trace", "file", bytes(1_000))
        async with engine.objects.connection() as connection:
            await connection.execute(
                "INSERT INTO levada.object_user (object_id, user_id, token_id) VALUES ($1, $2, $3)",
                reference.id,
                ann.identity.user_id,
                ann.identity.token_id,
            )
        assert await usage.measure(database)
        assert not await usage.measure(database)  # another process has just done so
        found = await operation.list_usage(engine, ME, offset=0, count=10)
        assert [(each.schema, each.user, each.object_count, each.size_bytes) for each in found] == [
            ("lab", "", 2, 2**20 + 1_000),
            ("lab", "ann", 1, 1_000),
        ]
        engine.quota.schema_bytes = 2**20
        with pytest.raises(LimitReached, match="rows and objects"):
            await put(engine, "Trace", "file", b"more")
    finally:
        await database.close()
