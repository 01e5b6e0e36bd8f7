"""Entities whose files are written straight into their store, and stored objects as file systems."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import zarr

import levada as lv
from levada.errors import InvalidRequest
from tests.support.objects import EVERY_STORE, stored_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from levada_server.storage.objects.storage import StoreFolders

TESTS = ("levada._objects.staged_object",)
pytestmark = EVERY_STORE


@pytest.fixture(autouse=True)
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reach the stores only through the server."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    nowhere = {name: {"location": str(tmp_path / "nowhere")} for name in ("main", "raw")}
    with lv.config.override(stores=nowhere):
        yield


@pytest.fixture
def recordings(connection: lv.Connection) -> type[lv.Manual]:
    schema = lv.Schema("lab", connection=connection)

    @schema
    class Recording(lv.Manual):
        definition = """
        subject : varchar(40)
        session : int16
        ---
        folder = null : <object@raw>
        image = null : <npy@>
        """

    return Recording


KEY = {"subject": "a", "session": 1}


def test_a_zarr_array_goes_straight_into_its_store(recordings: type[lv.Manual], store_folders: StoreFolders) -> None:
    values = np.arange(60.0).reshape(6, 10)
    with recordings.staged_insert1 as staged:
        staged.rec.update(KEY)
        array: Any = zarr.open(staged.store("folder", ".zarr"), mode="w", shape=(6, 10), chunks=(2, 5), dtype="f8")
        array[:] = values
        array[0, 0] = -1.0  # reads its chunk again, and replaces it
        assert array[0, 1] == 1
        assert not recordings()
        assert stored_files(store_folders)
    values[0, 0] = -1
    handle = (recordings & KEY).fetch1("folder")
    assert (handle.name, handle.file_count) == ("folder.zarr", 7)
    again: Any = zarr.open(handle.fsmap, mode="r")
    assert np.array_equal(again[:], values)
    handle.verify()
    with pytest.raises(Exception, match=r"do not change|read.only"):
        zarr.open_array(handle.fsmap, mode="r+")[0, 0] = 5


def test_files_of_a_staged_folder_are_replaced_and_removed(recordings: type[lv.Manual]) -> None:
    with recordings.staged_insert1 as staged:
        staged.rec.update(KEY)
        files = staged.store("folder")
        for name, content in (("a", b"1"), ("b/c", b"22"), ("b/d", b"333"), ("a", b"4444")):
            files[name] = content
        assert sorted(files) == ["a", "b/c", "b/d"]
        assert (files["a"], files["b/d"]) == (b"4444", b"333")
        del files["b/c"]
        with pytest.raises(KeyError):
            files["b/c"]
    handle = (recordings & KEY).fetch1("folder")
    assert dict(handle.fsmap) == {"a": b"4444", "b/d": b"333"}
    assert handle.fs.cat_file("folder/b/d", start=1) == b"33"
    assert handle.fs.find("folder") == ["folder/a", "folder/b/d"]
    assert [entry["type"] for entry in handle.fs.ls("folder")] == ["file", "directory"]
    with handle.fs.open("folder/a") as file:
        file.seek(2)
        assert file.read() == b"44"
    assert pickle.loads(pickle.dumps(handle)).id == handle.id


def test_hdf5_is_written_and_read_in_place(recordings: type[lv.Manual]) -> None:
    values = np.random.default_rng(1).normal(size=(50, 20))
    with recordings.staged_insert1 as staged:
        staged.rec.update(KEY)
        with staged.open("folder", ".h5", "w+b") as target, h5py.File(target, "w") as file:
            file.create_dataset("x/values", data=values, chunks=(10, 20), compression="gzip")
    handle = (recordings & KEY).fetch1("folder")
    assert handle.name == "folder.h5"
    with handle.open() as opened, h5py.File(opened, "r") as file:
        assert np.array_equal(file["x/values"][20:30], values[20:30])


def test_a_file_goes_into_its_store_while_it_is_written(
    recordings: type[lv.Manual], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levada._objects.staged_object._SENT_BYTES", 2**20)
    content = np.random.default_rng(2).bytes(5 * 2**20 + 7)
    with recordings.staged_insert1 as staged:
        staged.rec.update(KEY)
        with staged.open("folder", ".dat") as file:
            for start in range(0, len(content), 300_000):
                file.write(content[start : start + 300_000])
            assert file.tell() == len(content)
            with pytest.raises(OSError, match="'w\\+b'"):
                file.seek(5)
    handle = (recordings & KEY).fetch1("folder")
    assert handle.read_bytes() == content
    with handle.open() as file:  # on and on, with larger parts ahead
        assert b"".join(iter(lambda: file.read(100_000), b"")) == content


def test_a_staged_insert_that_fails_inserts_nothing(recordings: type[lv.Manual]) -> None:
    with pytest.raises(ZeroDivisionError), recordings.staged_insert1 as staged:
        staged.rec.update(KEY)
        staged.open("folder").close()
        raise ZeroDivisionError
    with recordings.staged_insert1 as staged:
        with pytest.raises(InvalidRequest, match="Set the key in `rec` before the file of `folder`: subject, session"):
            staged.store("folder")
        staged.rec.update(subject="a", session=2)
        with pytest.raises(lv.errors.UnknownAttribute, match="no attribute `movies`"):
            staged.store("movies")
        with pytest.raises(InvalidRequest, match="`image` is <npy@>; only an attribute of type <object"):
            staged.open("image")
        with staged.open("folder", ".txt", "w") as file:
            file.write("text")
        with pytest.raises(InvalidRequest, match="is a file already"):
            staged.store("folder")
        with pytest.raises(InvalidRequest, match="'w\\+b'"):
            staged.open("folder", mode="a")
    assert recordings.fetch("session").tolist() == [2]
    assert recordings.fetch1("folder").read_bytes() == b"text"


def test_a_make_stages_its_files(recordings: type[lv.Manual]) -> None:
    @lv.Schema("lab", connection=recordings.connection)
    class Copied(lv.Computed):
        definition = """
        -> Recording
        ---
        copy : <object@>
        """

        def make(self, key: dict[str, Any]) -> None:
            with self.staged_insert1 as staged:
                staged.rec.update(key)
                with staged.open("copy", ".txt", "w") as file:
                    file.write("made")

    recordings.insert1(KEY)
    Copied.populate()
    assert Copied.fetch1("copy").read_bytes() == b"made"


@pytest.mark.parametrize("order", ["C", "F"])
def test_slices_of_an_array_read_only_their_rows(
    recordings: type[lv.Manual],
    monkeypatch: pytest.MonkeyPatch,
    order: Any,  # noqa: ANN401  # NumPy's literal
) -> None:
    values = np.asarray(np.arange(12_000.0).reshape(40, 30, 10), order=order)
    recordings.insert1({**KEY, "image": values})
    array = recordings.fetch1("image")
    read: list[int] = []
    plain = type(array).read_bytes

    def counted(self: Any, offset: int = 0, length: int | None = None) -> bytes:  # noqa: ANN401  # a handle
        content: bytes = plain(self, offset, length)
        read.append(len(content))
        return content

    monkeypatch.setattr(type(array), "read_bytes", counted)
    for index in (
        np.s_[3],
        np.s_[-1],
        np.s_[5:9],
        np.s_[30:5:-4],
        np.s_[::-1],
        np.s_[39:40, 2],
        np.s_[2, :, 3],
        np.s_[:, 1:3, ::-2],
        np.s_[7:7],
        np.s_[..., 1],
        np.s_[[3, 1]],
        np.s_[values > 5],
        np.s_[:, [1, 2]],
    ):
        assert np.array_equal(array[index], values[index]), index
    with pytest.raises(IndexError):
        array[40]
    read.clear()
    _ = array[3:5] if order == "C" else array[:, :, 3:5]
    whole = values.nbytes
    assert sum(read) < whole / 3 if order == "F" else sum(read) < whole / 15
