"""Folders of files are registered in place, again and again, by Python and by the command."""

from __future__ import annotations

import json
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._cli import main
from levada._tables.file_registration import PathPattern
from levada.errors import InvalidRequest
from tests.support.objects import EVERY_STORE, put_file

TESTS = ("levada._cli.main", "levada._tables.file_registration")

if TYPE_CHECKING:
    from levada_server.storage.objects.storage import StoreFolders


@pytest.fixture
def movies(connection: lv.Connection) -> type[lv.Manual]:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Movie(lv.Manual):
        definition = """
        subject : varchar(40)
        session : int16
        ---
        file : <filepath@raw>
        rig = null : varchar(10)
        """

    return Movie


def write(store_folders: StoreFolders, *paths: str) -> None:
    for path in paths:
        put_file(store_folders, "raw", path, path.encode())


PATTERN = "2026/{subject}/{session}_*.avi"


@EVERY_STORE
def test_a_registration_goes_on_where_it_was_cut_off(movies: type[lv.Manual], store_folders: StoreFolders) -> None:
    write(store_folders, "2026/ann/1_top.avi", "2026/ann/2_top.avi", "2026/ben/1_side.avi", "2026/notes.txt")
    planned = movies.register_files(PATTERN, folder="2026", dry_run=True)
    assert (planned.registered, planned.unmatched, len(movies())) == (3, 1, 0)
    assert planned.problems == ["2026/notes.txt: it does not fit the pattern."]
    done = movies.register_files(PATTERN, folder="2026", values={"rig": "left"})
    assert (done.registered, done.existing, done.failed) == (3, 0, 0)
    row = (movies & {"subject": "ben"}).fetch1()
    assert (row["session"], row["rig"]) == (1, "left")
    assert Path((movies & {"subject": "ben"}).to_dicts()[0]["file"]).read_bytes() == b"2026/ben/1_side.avi"
    (movies & "session = 2").delete(prompt=False)
    write(store_folders, "2026/cay/9_top.avi")
    again = movies.register_files(PATTERN, folder="2026")
    assert (again.registered, again.existing) == (2, 2)
    assert len(movies()) == 4


def test_files_of_one_key_and_wrong_values_are_reported(movies: type[lv.Manual], store_folders: StoreFolders) -> None:
    write(store_folders, "2026/ann/1_a.avi", "2026/ann/1_b.avi", "2026/ann/first_a.avi", "2026/ann/99999_a.avi")
    with pytest.raises(lv.errors.LevadaError, match="99999"):
        movies.register_files(PATTERN)
    (store_folders.folders["raw"] / "2026/ann/99999_a.avi").unlink()
    done = movies.register_files(PATTERN)
    assert (done.registered, done.failed) == (1, 2)
    assert done.problems == [
        "2026/ann/1_b.avi: 2026/ann/1_a.avi has the same key subject=ann, session=1.",
        "2026/ann/first_a.avi: 'first' is not a whole number, which `session` takes.",
    ]
    again = movies.register_files(PATTERN)
    assert (again.existing, again.failed) == (1, 2)
    write(store_folders, "2026/ann/01_z.avi")  # before the others, and of the same key
    later = movies.register_files(PATTERN)
    assert "2026/ann/01_z.avi: the entity subject=ann, session=1 exists, with 2026/ann/1_a.avi." in later.problems


def test_a_path_must_say_the_whole_key(movies: type[lv.Manual]) -> None:
    for pattern, why in (
        ("2026/{subject}.avi", "says nothing of session"),
        ("{subject}/{session}/{weight}", "`weight`|weight, which the table lacks"),
        (None, "must say which entity"),
    ):
        with pytest.raises(InvalidRequest, match=why):
            movies.register_files(pattern)
    with pytest.raises(InvalidRequest, match="the table has `file`"):
        movies.register_files(PATTERN, attribute="rig")


def test_patterns() -> None:
    assert PathPattern("{a}/{b}_*.{c}").values("x/y_z.avi") == {"a": "x", "b": "y", "c": "avi"}
    assert PathPattern("{a*}").values("x/y\nz") == {"a": "x/y\nz"}
    assert PathPattern("**/{a}.avi").values("x/y/z.avi") == {"a": "z"}
    assert PathPattern("{a}/{a}.avi").values("x/x.avi") == {"a": "x"}
    assert PathPattern("{a}/{a}.avi").values("x/y.avi") is None
    assert PathPattern("x.avi").values("xxavi") is None
    assert PathPattern("{a}.avi").values("x/y.avi") is None


def test_a_path_of_windows_is_written_with_slashes(movies: type[lv.Manual], store_folders: StoreFolders) -> None:
    write(store_folders, "2026/ann/1.avi")
    movies.insert1(("ann", 1, PureWindowsPath("2026\\ann\\1.avi"), None))
    assert movies.to_dicts()[0]["file"].path == "2026/ann/1.avi"
    with pytest.raises(InvalidRequest, match="backslash"):
        movies.insert1(("ann", 2, "2026\\ann\\1.avi", None))


def test_the_command_shows_its_plan_and_registers(
    movies: type[lv.Manual],
    store_folders: StoreFolders,
    server_address: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    write(store_folders, "2026/ann/1_a.avi", "2026/ann/2_a.avi", "2026/ann/x_a.avi")
    words = ["objects", "register", "lab.Movie", PATTERN, "--folder", "2026", "--set", "rig=left"]
    assert main.main([*words, "--dry-run"]) == 1
    told = capsys.readouterr().out
    assert "2 files would be registered (32 B)" in told
    assert "1 failed" in told
    assert len(movies()) == 0
    assert main.main([*words, "--yes", "--json"]) == 1
    told_json = json.loads(capsys.readouterr().out)
    assert (told_json["registered"], told_json["failed"], told_json["dry_run"]) == (2, 1, False)
    assert set(movies.to_arrays("rig")) == {"left"}
    (store_folders.folders["raw"] / "2026/ann/x_a.avi").unlink()
    assert main.main([*words, "--yes"]) == 0
    assert "2 have rows already" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main.main(["objects", "register", "lab.Movie", PATTERN, "--set", "rig"])


def test_objects_are_listed_verified_copied_and_measured(
    movies: type[lv.Manual],
    store_folders: StoreFolders,
    server_address: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LEVADA_URL", server_address)
    schema = lv.Schema("lab", connection=movies.connection)

    @schema
    class Trace(lv.Manual):
        definition = "id : int32\n---\ndata : <hash@main>"

    Trace.insert([(1, b"first"), (2, b"second")])
    write(store_folders, "2026/ann/1_a.avi")
    movies.register_files(PATTERN)
    assert main.main(["objects", "list", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(entry["tables"][0] for entry in listed) == ["lab.Movie", "lab.Trace", "lab.Trace"]
    assert main.main(["objects", "list", "--store", "raw"]) == 0
    assert "2026/ann/1_a.avi" in capsys.readouterr().out
    assert main.main(["objects", "verify"]) == 0
    assert "3 objects read (27 B), 0 damaged" in capsys.readouterr().out
    write(store_folders, "2026/ann/1_a.avi")
    (store_folders.folders["raw"] / "2026/ann/1_a.avi").write_bytes(b"2026/ann/1_b.avi")
    assert main.main(["objects", "verify", "--json"]) == 1
    (damage,) = json.loads(capsys.readouterr().out)["damages"]
    assert damage["rows"] == [{"table": "lab.Movie", "attribute": "file", "key": {"subject": "ann", "session": 1}}]
    assert main.main(["objects", "verify"]) == 1
    assert "  lab.Movie, file: subject=ann, session=1" in capsys.readouterr().out
    assert main.main(["objects", "copy", "main", "raw", "--dry-run"]) == 0
    assert "2 objects would be copied (11 B)" in capsys.readouterr().out
    assert main.main(["objects", "copy", "main", "raw"]) == 0
    assert "2 objects copied (11 B), 2 rows changed" in capsys.readouterr().out
    assert set(Trace.to_arrow("data")["data"].combine_chunks().field("store").to_pylist()) == {"raw"}
    assert sorted(Trace.to_arrays("data")) == [b"first", b"second"]
    assert main.main(["objects", "usage"]) == 0
    assert "measured: " in capsys.readouterr().out


def test_files_of_a_store_are_discovered_once_nobody_changes_them(
    movies: type[lv.Manual], store_folders: StoreFolders
) -> None:
    write(store_folders, "2026/ann/1.avi", "2026/ann/notes.txt", "2025/ann/1.avi")
    assert list(movies.unchanged_files("2026", pattern="*.avi")) == []  # they have just changed
    assert list(movies.unchanged_files("2026", minutes=0, pattern="*.avi")) == ["2026/ann/1.avi"]
    assert sorted(movies.unchanged_files(minutes=0, pattern="*.avi")) == ["2025/ann/1.avi", "2026/ann/1.avi"]
    (path,) = movies.unchanged_files("2026", minutes=0, pattern="*.avi")
    movies.insert1({"subject": "ann", "session": 1, "file": path})
    assert len(movies()) == 1
    with pytest.raises(InvalidRequest, match="minutes is 0 or more"):
        list(movies.unchanged_files(minutes=-1))
