"""Folders of files are registered in bulk: listed in order, read, and recorded, with a reason for each that is left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import InvalidRequest, LevadaError
from levada_server.operations.objects import registration
from levada_server.operations.objects.objects import Target
from tests.support.make import ME, insert, make_table, named
from tests.support.objects import EVERY_STORE, get, put, put_file

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.storage import StoreFolders

TARGET = Target(named("Movie"), "file")
FILES = ["2026/a/1", "2026/a/2", "2026/a-b", "2026/a.b", "2026/z", "shared/é", "shared/ü"]


@pytest.fixture
def store_folders(store_folders: StoreFolders) -> StoreFolders:
    """Stores; the schema `lab` may register files of some folders."""
    for path in [*FILES, "other/1", "top"]:
        put_file(store_folders, "raw", path, path.encode())
    return replace(store_folders, registrable={"raw": {"lab": ("shared", "2026", "2026/a")}})


@pytest.fixture(autouse=True)
async def table(engine: Engine) -> None:
    await make_table(engine, "Movie", "id : int32\n---\nfile : <filepath@raw>\ncopy = null : <attach@raw>")


async def listed(engine: Engine, prefix: str = "", after: str = "") -> tuple[list[str], int]:
    found = [some async for some in registration.list_files(engine, ME, TARGET, prefix, after)]
    return [file.path for some in found for file in some.files], sum(some.skipped_count for some in found)


@EVERY_STORE
async def test_files_are_listed_in_the_order_of_their_paths(engine: Engine, store_folders: StoreFolders) -> None:
    expected = sorted(FILES, key=str.encode)
    assert await listed(engine) == (expected, 0)
    for place, path in enumerate(expected):  # a list that broke resumes after any path
        assert await listed(engine, after=path) == (expected[place + 1 :], 0)
    assert await listed(engine, "2026/a") == (["2026/a/1", "2026/a/2"], 0)
    assert await listed(engine, "2026/nothing") == ([], 0)
    for prefix in ("other", "_levada", "../raw", "sha"):
        with pytest.raises(InvalidRequest):
            await listed(engine, prefix)


async def test_links_and_names_that_no_path_has_are_counted(engine: Engine, store_folders: StoreFolders) -> None:
    folder = store_folders.folders["raw"] / "shared"
    (folder / "link").symlink_to(folder / "é")
    (folder / "round").symlink_to(folder)
    (folder / "back\\slash").write_bytes(b"")
    (folder / "line\nbreak").write_bytes(b"")
    assert await listed(engine, "shared") == (["shared/é", "shared/ü"], 4)


@EVERY_STORE
async def test_the_servers_own_files_are_not_listed(engine: Engine) -> None:
    await put(engine, "Movie", "copy", b"ours")
    engine.objects._registrable = {"raw": {"lab": ("",)}}  # noqa: SLF001  # as if configured so
    paths, _ = await listed(engine)
    assert paths == sorted([*FILES, "other/1", "top"], key=str.encode)


@EVERY_STORE
async def test_files_are_registered_with_a_reason_for_each_that_is_not(engine: Engine) -> None:
    paths = ["2026/z", "2026/none", "../z", "other/1", "shared/ü"]
    outcomes = await registration.register_files(engine, ME, TARGET, paths)
    told = [outcome.message if isinstance(outcome, LevadaError) else outcome.path for outcome in outcomes]
    assert (told[0], told[4]) == ("2026/z", "shared/ü")
    assert "has no file '2026/none'" in told[1]
    assert "without `.` and `..`" in told[2]
    assert "may not register 'other/1'" in told[3]
    first = outcomes[0]
    assert not isinstance(first, LevadaError)
    await insert(engine, "Movie", [{"id": 1, "file": str(first.id)}])
    assert await get(engine, first.id) == b"2026/z"
    with pytest.raises(InvalidRequest, match="too many"):
        await registration.register_files(engine, ME, TARGET, ["x"] * 1_001)
    assert await registration.register_files(engine, ME, TARGET, []) == []
