"""Attachments in rows: files in, handles and paths out, and names that lead nowhere else."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import levada as lv
from levada.errors import InvalidRequest, LimitReached, MissingAttribute, WrongValue

NAMES = ("notes.txt", "Protokoll für Übung №3 — 測定.pdf", "no extension", ".hidden", "a" * 251 + ".bin")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def notes(connection: lv.Connection) -> type[lv.Manual]:
    @lv.Schema("lab", connection=connection)
    class Note(lv.Manual):
        definition = """
        note : int32
        ---
        file = null : <attach>
        """

    return Note


def write(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def test_a_file_comes_back_with_its_name_and_bytes(notes: type[lv.Manual], tmp_path: Path) -> None:
    contents = [name.encode() * count for count, name in enumerate(NAMES)]  # the first is empty
    files = [write(tmp_path, name, content) for name, content in zip(NAMES, contents, strict=True)]
    notes.insert([{"note": 0, "file": str(files[0])}, *({"note": n, "file": files[n]} for n in range(1, len(NAMES)))])
    notes.insert1({"note": 99})
    handles = notes.to_dicts("file", order_by="note")
    assert handles.pop()["file"] is None
    for row, name, content in zip(handles, NAMES, contents, strict=True):
        handle = row["file"]
        assert (handle.name, handle.size, handle.read_bytes()) == (name, len(content), content)
        assert handle.open().read() == content
        assert Path(handle).name == name
        assert Path(os.fspath(handle)).read_bytes() == content
    assert handles[1]["file"].read_bytes(4, 6) == contents[1][4:10]


def test_a_handle_goes_into_another_row(notes: type[lv.Manual], tmp_path: Path) -> None:
    notes.insert1((1, write(tmp_path, "a.txt", b"a")))
    notes.insert([{**row, "note": 2} for row in notes.to_dicts()])
    assert (notes & {"note": 2}).to_dicts()[0]["file"].read_bytes() == b"a"
    notes.insert(pa.table({"note": [3], "file": (notes & {"note": 1}).to_arrow("file")["file"]}))
    assert (notes & {"note": 3}).to_dicts()[0]["file"].name == "a.txt"


def test_the_older_fetch_gives_paths(notes: type[lv.Manual], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    notes.insert([(1, write(tmp_path, "a.txt", b"one")), (2, write(tmp_path, "b.txt", b"two"))])
    first, second = notes.fetch("file", order_by="note")
    assert (first, second) == ("a.txt", "b.txt")
    assert Path(first).read_bytes() == b"one"
    there = str(tmp_path / "there")
    path = (notes & {"note": 1}).fetch1("file", download_path=there)
    assert isinstance(path, str)
    assert path == str(Path(there) / "a.txt")
    assert notes.fetch(as_dict=True, download_path=there)[1]["file"] == str(Path(there) / "b.txt")
    assert notes.fetch(download_path=there)["file"].tolist()[0] == path


def test_another_file_of_the_name_is_left_alone(notes: type[lv.Manual], tmp_path: Path) -> None:
    notes.insert1((1, write(tmp_path, "a.txt", b"mine")))
    folder = tmp_path / "out"
    folder.mkdir()
    write(folder, "a.txt", b"theirs")
    handle = notes.to_dicts()[0]["file"]
    assert handle.download(folder) == handle.download(folder) == folder / "a_0001.txt"
    assert (folder / "a.txt").read_bytes() == b"theirs"
    assert sorted(p.name for p in folder.iterdir()) == ["a.txt", "a_0001.txt"]


def test_update_changes_and_clears_an_attachment(notes: type[lv.Manual], tmp_path: Path) -> None:
    notes.insert1((1, write(tmp_path, "a.txt", b"a")))
    notes.update1({"note": 1, "file": write(tmp_path, "b.txt", b"b")})
    assert notes.to_dicts()[0]["file"].name == "b.txt"
    notes.update1({"note": 1, "file": None})
    assert notes.to_dicts()[0]["file"] is None


@pytest.mark.parametrize("value", ["no/such/file.txt", ".", b"bytes", 5, ["a.txt"], "x" * 5_000, Path("x" * 5_000)])
def test_what_is_no_file_is_refused(notes: type[lv.Manual], value: object) -> None:
    with pytest.raises(WrongValue, match="row 0, attribute `file`"):
        notes.insert1((1, value))


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"no end of the name",
        b"\0content",
        b"../../etc/passwd\0x",
        b"/etc/passwd\0x",
        b"..\0x",
        b"a\\b\0x",
        b"a\nb\0x",
        b"\xff\xfe\0x",
        b"n" * 256 + b"\0x",
    ],
)
def test_the_server_refuses_names_that_lead_elsewhere(notes: type[lv.Manual], stored: bytes) -> None:
    for column in (pa.array([stored]), pa.array([stored], pa.large_binary())):
        table = pa.table({"note": [1], "file": column})
        with pytest.raises(WrongValue, match="row 0"):
            notes.insert(table.replace_schema_metadata(None).cast(_typed(table.schema)))
    assert len(notes()) == 0


def _typed(schema: pa.Schema) -> pa.Schema:
    """Mark the column as one that holds stored attachments, so that this client sends it as it is."""
    return schema.set(1, schema.field(1).with_metadata({"levada.type": "<attach>"}))


def test_too_large_a_file_is_refused_with_the_way_out(notes: type[lv.Manual], tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(LimitReached, match="<attach@store>"):
        notes.insert1((1, large))


def test_an_attachment_can_be_no_key_and_not_be_compared(connection: lv.Connection, notes: type[lv.Manual]) -> None:
    with pytest.raises(InvalidRequest, match="primary key"):

        @lv.Schema("lab", connection=connection)
        class Bad(lv.Manual):
            definition = "file : <attach>"

    with pytest.raises(InvalidRequest):
        len(notes & {"file": "a.txt"})
    assert len(notes & "file is null") == 0
    with pytest.raises(MissingAttribute):
        notes.insert1({"file": None})


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_copies_of_files_are_closed_to_other_users(notes: type[lv.Manual], tmp_path: Path, cache: Path) -> None:
    notes.insert1((1, write(tmp_path, "a.txt", b"a")))
    copy = Path(os.fspath(notes.to_dicts("file")[0]["file"]))
    assert copy.is_relative_to(cache / "levada")
    assert stat.S_IMODE((cache / "levada").stat().st_mode) == 0o700
