"""Files are registered in place only in the folders that the configuration gives to a schema."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import InvalidRequest, NotFound
from levada_server.operations.objects import registration
from levada_server.operations.objects.objects import Target
from levada_server.storage.objects.storage import ObjectStorage, StoreFolders
from tests.support.make import ME, make_table, named

if TYPE_CHECKING:
    from pathlib import Path

    from levada_server.operations.context import Engine


@pytest.fixture
def store_folders(tmp_path: Path) -> StoreFolders:
    """One store. The schema `lab` has two of its folders."""
    folder = tmp_path / "raw"
    for place in ("lab", "lab/deep", "laboratory", "other", "shared", "_levada/lab"):
        (folder / place).mkdir(parents=True)
        (folder / place / "film").write_bytes(place.encode())
    (folder / "film").write_bytes(b"root")
    registrable = {"raw": {"lab": ("lab",), "theirs": ("other",), "*": ("shared",)}}
    return StoreFolders({"raw": folder}, "raw", registrable=registrable)


@pytest.fixture(autouse=True)
async def table(engine: Engine) -> None:
    await make_table(engine, "Movie", "id : int32\n---\nfile : <filepath@raw>")


async def register(engine: Engine, path: str) -> str:
    return (await registration.register(engine, ME, Target(named("Movie"), "file"), path)).path


@pytest.mark.parametrize("path", ["lab/film", "lab/deep/film", "shared/film"])
async def test_a_schema_registers_files_of_its_folders(engine: Engine, path: str) -> None:
    assert await register(engine, path) == path


@pytest.mark.parametrize("path", ["film", "other/film", "laboratory/film", "Lab/film", "lab"])
async def test_other_folders_are_refused_with_the_ones_it_has(engine: Engine, path: str) -> None:
    if path == "lab":  # a folder is not a file
        with pytest.raises(NotFound):
            await register(engine, path)
        return
    with pytest.raises(InvalidRequest, match="its folders there: 'lab', 'shared'") as caught:
        await register(engine, path)
    assert "[stores.raw.register]" in caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "_levada",
        "_LEVADA",
        "_Levada",
        "_leva\u200dda",
        "_leva\u034fda",
        "_levada\ufe0f",
        "\u3164_levada",
        "_leva\U000e0100da",
        "_levada.",
        "_levada ",
        "\uff3flevada",
        "_levad\uff21",
    ],
)
async def test_no_spelling_of_the_folder_of_the_server_is_registered_or_listed(tmp_path: Path, name: str) -> None:
    """Some file systems find it by each of these."""
    folder = tmp_path / "store"
    (folder / name).mkdir(parents=True)
    (folder / name / "film").write_bytes(b"ours")
    (folder / "lab" / name).mkdir(parents=True)
    (folder / "lab" / name / "film").write_bytes(b"theirs")
    storage = ObjectStorage("", StoreFolders({"raw": folder}, registrable={"raw": {"*": ("",)}}))
    with pytest.raises(InvalidRequest, match="belong to the server"):
        storage.check_registrable("raw", "lab", f"{name}/film")
    storage.check_registrable("raw", "lab", f"lab/{name}/film")
    assert [file.path for file in storage.store("raw").scan("", "")] == [f"lab/{name}/film"]


async def test_a_link_counts_where_it_leads(engine: Engine, store_folders: StoreFolders) -> None:
    folder = store_folders.folders["raw"]
    (folder / "lab" / "theirs").symlink_to(folder / "other")
    (folder / "lab" / "managed").symlink_to(folder / "_levada")
    (folder / "other" / "ours").symlink_to(folder / "lab")
    (folder / "lab" / "near").symlink_to("deep")
    for path, why in (
        ("lab/theirs/film", "may not register 'other/film'"),
        ("lab/managed/lab/film", "belong to the server"),
        ("other/ours/film", "may not register"),
        ("_levada/lab/film", "belong to the server"),
    ):
        with pytest.raises(InvalidRequest, match=why):
            await register(engine, path)
    assert await register(engine, "lab/near/film") == "lab/deep/film"


HOSTILE = {
    "../film": "without `.` and `..`",
    "lab/../other/film": "without `.` and `..`",
    "lab/./film": "without `.` and `..`",
    "/etc/passwd": "names no file",
    "lab//film": "names no file",
    "lab/": "names no file",
    "": "names no file",
    "lab\\film": "has a slash, a backslash",
    "C:\\lab\\film": "has a slash, a backslash",
    "\\\\server\\share\\film": "has a slash, a backslash",
    "lab/fi\x00lm": "control character",
    "lab/fi\nlm": "control character",
    "lab/\ud800": "not valid Unicode",
    "lab/" + "x" * 10_000: "more than 2000 bytes",
    "lab/" + "x" * 256: "at most 255",
}


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
async def test_a_hostile_path_is_refused_with_the_reason(engine: Engine, path: str) -> None:
    with pytest.raises(InvalidRequest, match=HOSTILE[path]):
        await register(engine, path)


async def test_what_is_not_a_file_is_not_there(engine: Engine, store_folders: StoreFolders) -> None:
    lab = store_folders.folders["raw"] / "lab"
    os.mkfifo(lab / "pipe")
    (lab / "zero").symlink_to("/dev/zero")
    with pytest.raises(NotFound):
        await register(engine, "lab/pipe")
    with pytest.raises(InvalidRequest, match="leads out of the store"):
        await register(engine, "lab/zero")
    for name in ("CON", "NUL", "aux.txt", "COM1"):  # devices of Windows, and files here
        with pytest.raises(NotFound):
            await register(engine, f"lab/{name}")
        (lab / name).write_bytes(b"plain")
        assert await register(engine, f"lab/{name}") == f"lab/{name}"


async def test_names_that_look_alike_are_different_files(engine: Engine, store_folders: StoreFolders) -> None:
    """Both cases of a letter, and both Unicode spellings of an accent, as on the disk."""
    lab = store_folders.folders["raw"] / "lab"
    names = ["Film", "FILM", "caf\u00e9", "cafe\u0301"]
    for name in names:
        (lab / name).write_bytes(name.encode())
    found = [await registration.register(engine, ME, Target(named("Movie"), "file"), f"lab/{name}") for name in names]
    assert [reference.path for reference in found] == [f"lab/{name}" for name in names]
    assert len({reference.hash for reference in found}) == 4
