"""Objects in stores: each type in and out, in place and from afar, in transactions, jobs and updates."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from blake3 import blake3

import levada as lv
from levada._objects.handles import StoredFolder
from levada._objects.transfer import download_file
from levada.errors import (
    DamagedObject,
    DuplicateEntity,
    InvalidRequest,
    LimitReached,
    NotFound,
    UnknownObject,
    UnknownStore,
    WrongValue,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.storage.objects.storage import StoreFolders

TESTS = ("levada._objects.handles", "levada._objects.transfer")
ODD_NAME = "Übung №3 — 測定 (a b).tar.gz"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture(params=["seen", "far"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Whether this machine sees the disk of the stores, or reaches them only through the server."""
    nowhere = {name: {"location": str(tmp_path / "nowhere")} for name in ("main", "raw")}
    with lv.config.override(stores=nowhere if request.param == "far" else {}):
        yield request.param


@pytest.fixture
def schema(connection: lv.Connection) -> lv.Schema:
    return lv.Schema("lab", connection=connection)


@pytest.fixture
def recordings(schema: lv.Schema) -> type[lv.Manual]:
    @schema
    class Recording(lv.Manual):
        definition = """
        subject : varchar(40)
        session : int16
        ---
        trace = null : <blob@>
        raw = null : <hash@raw>
        notes = null : <attach@raw>
        folder = null : <object@raw>
        image = null : <npy@>
        movie = null : filepath@raw
        """

    return Recording


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def make_folder(root: Path) -> Path:
    write(root / "meta.json", b"{}")
    write(root / "data" / "0.0", os.urandom(3000))
    write(root / "data" / "deep" / "empty", b"")
    write(root / "data" / ODD_NAME, b"odd")
    write(root / "  line\u2028end\x85 ", b"odder")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def only(table: type[lv.Manual], attribute: str) -> Any:  # noqa: ANN401  # a value of any type
    return table.to_dicts(attribute)[-1][attribute]


# ------------------------------------------------------------------------------------------------- the types


def test_values_come_back_as_values(recordings: type[lv.Manual], place: str) -> None:
    value = {"rate": 30_000.0, "units": [np.arange(5), "ä", None]}
    recordings.insert1({"subject": "a", "session": 1, "trace": value, "raw": b"\0\1\2"})
    recordings.insert1({"subject": "a", "session": 2, "raw": b""})
    recordings.insert1({"subject": "a", "session": 3, "trace": np.eye(3)})
    first, second, third = recordings.to_dicts(order_by="session")
    np.testing.assert_equal(first["trace"], value)
    assert (first["raw"], second["raw"], second["trace"]) == (b"\0\1\2", b"", None)
    assert np.array_equal(third["trace"], np.eye(3))
    traces = recordings.fetch("trace", order_by="session")
    assert traces.shape == (3,)
    assert traces[1] is None
    assert np.array_equal((recordings & {"session": 3}).fetch1("trace"), np.eye(3))
    assert recordings.to_pandas()["raw"].tolist() == [b"\0\1\2", b"", None]


def test_equal_values_are_stored_once(recordings: type[lv.Manual], store_folders: StoreFolders) -> None:
    recordings.insert([{"subject": "a", "session": n, "raw": b"same" * 1000} for n in range(8)])
    files = [file for file in (store_folders.folders["raw"] / "_levada" / "hash").rglob("*") if file.is_file()]
    assert len(files) == 1
    references = recordings.to_arrow("raw")["raw"].combine_chunks().field("id").unique()
    assert len(references) == 1


@pytest.mark.parametrize("content", [b"", b"some text", os.urandom(2_500_000)], ids=["empty", "small", "large"])
def test_an_attached_file_comes_back(recordings: type[lv.Manual], place: str, tmp_path: Path, content: bytes) -> None:
    recordings.insert1({"subject": "a", "session": 1, "notes": write(tmp_path / "in" / ODD_NAME, content)})
    handle = only(recordings, "notes")
    assert (handle.name, handle.size, handle.store, handle.read_bytes()) == (ODD_NAME, len(content), "raw", content)
    assert handle.read_bytes(3, 5) == content[3:8]
    with handle.open() as file:
        assert file.read() == content
        assert file.seek(-min(4, len(content)), os.SEEK_END) == max(len(content) - 4, 0)
        assert file.read() == content[-4:]
    assert Path(handle).read_bytes() == content
    assert Path(handle).name == ODD_NAME
    assert (handle.local_path is not None) == (place == "seen")
    copy = handle.download(tmp_path / "out")
    assert copy == handle.download(tmp_path / "out") == tmp_path / "out" / ODD_NAME
    assert copy.read_bytes() == content
    handle.verify()


def test_the_older_fetch_gives_paths(recordings: type[lv.Manual], place: str, tmp_path: Path) -> None:
    write(tmp_path / "stores" / "raw" / "movies" / "m.avi", b"film")
    key = {"subject": "a", "session": 1}
    recordings.insert1({**key, "notes": write(tmp_path / "n.txt", b"text"), "movie": "movies/m.avi"})
    out = str(tmp_path / "out")
    (notes,), (movie,) = recordings.fetch("notes", "movie", download_path=out)
    assert notes == str(Path(out) / "n.txt")
    assert Path(notes).read_bytes() == b"text"
    assert isinstance(movie, str)
    assert Path(movie).read_bytes() == b"film"
    assert Path(movie).is_relative_to(tmp_path / "stores") == (place == "seen")
    assert (recordings & key).fetch1("notes", download_path=out) == notes


def test_a_folder_comes_back_whole(recordings: type[lv.Manual], place: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "rec.zarr")
    recordings.insert1({"subject": "a", "session": 1, "folder": folder})
    handle = only(recordings, "folder")
    assert (handle.name, handle.file_count) == ("rec.zarr", 5)
    assert handle.size == sum(map(len, contents(folder).values()))
    assert [file.member for file in handle.files()] == sorted(contents(folder), key=str.encode)
    assert (handle / "data/0.0").read_bytes(10, 20) == contents(folder)["data/0.0"][10:30]
    assert Path(handle / f"data/{ODD_NAME}").read_bytes() == b"odd"
    assert contents(Path(handle)) == contents(folder)
    copy = handle.download(tmp_path / "out")
    assert copy == handle.download(tmp_path / "out") == tmp_path / "out" / "rec.zarr"
    assert contents(copy) == contents(folder)
    handle.verify()
    with pytest.raises(NotFound, match="no file"):
        handle / "data"


def test_an_object_lies_at_a_path_made_from_its_key(recordings: type[lv.Manual], tmp_path: Path) -> None:
    recordings.insert1({"subject": "../ä/b", "session": 3, "folder": write(tmp_path / "x.tar.gz", b"x")})
    handle = only(recordings, "folder")
    assert handle.path.startswith("_levada/object/lab/recording/subject=..%2F%C3%A4%2Fb/session=3/folder_")
    assert handle.path.endswith(".tar.gz")
    assert handle.read_bytes() == b"x"
    recordings.insert1({"subject": "b", "session": 3, "folder": b"bytes"})
    assert (recordings & {"subject": "b"}).fetch1("folder").read_bytes() == b"bytes"


ARRAYS = {
    "float": np.linspace(0, 1, 10_000).reshape(100, 100),
    "fortran": np.asfortranarray(np.arange(12, dtype=">i4").reshape(3, 4)),
    "sliced": np.arange(100)[::7],
    "scalar": np.array(5.0),
    "empty": np.zeros((0, 3), np.float32),
    "times": np.array(["2026-01-01", "NaT"], "datetime64[us]"),
    "text": np.array(["a", "ßß"]),
    "fields": np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    "complex": np.array([1 + 2j, np.nan]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_known_before_it_is_read(recordings: type[lv.Manual], place: str, name: str) -> None:
    array = ARRAYS[name]
    recordings.insert1({"subject": "a", "session": 1, "image": array})
    handle = only(recordings, "image")
    assert (handle.shape, handle.dtype, handle.ndim) == (array.shape, array.dtype, array.ndim)
    np.testing.assert_array_equal(handle.load(), array)
    np.testing.assert_array_equal(np.asarray(handle), array)
    np.testing.assert_array_equal(handle[...], array)
    assert isinstance(handle.load(mmap_mode="r"), np.memmap) or not array.size or not array.ndim


def test_a_file_of_an_array_goes_in_as_it_is(recordings: type[lv.Manual], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6))
    recordings.insert1({"subject": "a", "session": 1, "image": tmp_path / "a.npy"})
    assert only(recordings, "image")[2:4].tolist() == [2, 3]
    np.save(tmp_path / "pickled.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(WrongValue, match=r"row 0, attribute `image`.*Python objects"):
        recordings.insert1({"subject": "b", "session": 1, "image": tmp_path / "pickled.npy"})
    for wrong in (b"\x93NUMPY", b"no array", (tmp_path / "a.npy").read_bytes()[:-1]):
        with pytest.raises(WrongValue, match="array"):
            recordings.insert1({"subject": "b", "session": 1, "image": write(tmp_path / "w.npy", wrong)})
    wrong_values = [([None, {}], "Python objects"), ("text", "path of a"), (np.ma.masked_equal([1, 2], 2), "masked")]
    for value, told in wrong_values:
        with pytest.raises(WrongValue, match=told):
            recordings.insert1({"subject": "b", "session": 1, "image": value})
    recordings.insert1({"subject": "b", "session": 1, "image": np.load(tmp_path / "a.npy", mmap_mode="r")[::2]})
    assert only(recordings, "image").load().tolist() == [0, 2, 4]
    assert len(recordings()) == 2


def test_a_file_in_its_store_is_registered_where_it_lies(
    recordings: type[lv.Manual], place: str, tmp_path: Path
) -> None:
    movie = write(tmp_path / "stores" / "raw" / "2026" / ODD_NAME, b"film" * 1000)
    recordings.insert1({"subject": "a", "session": 1, "movie": f"2026/{ODD_NAME}"})
    if place == "seen":
        recordings.insert1({"subject": "a", "session": 2, "movie": movie})
    else:
        with pytest.raises(InvalidRequest, match=r"does not see.*config\['stores'\]"):
            recordings.insert1({"subject": "a", "session": 2, "movie": movie})
    handle = only(recordings, "movie")
    assert (handle.name, handle.path, handle.size) == (ODD_NAME, f"2026/{ODD_NAME}", 4000)
    assert (Path(handle) == movie) == (place == "seen")
    assert Path(handle).read_bytes() == b"film" * 1000
    assert not list((tmp_path / "stores" / "raw").glob("_levada/**/*.gz"))
    with pytest.raises(InvalidRequest, match="is not in the store"):
        recordings.insert1({"subject": "a", "session": 3, "movie": write(tmp_path / "elsewhere.avi", b"")})


def test_a_file_is_a_path_for_whatever_opens_one_but_not_text(
    recordings: type[lv.Manual], tmp_path: Path, cache: Path
) -> None:
    write(tmp_path / "stores" / "raw" / "m.avi", b"film")
    recordings.insert1({"subject": "a", "session": 1, "movie": "m.avi"})
    handle = recordings.fetch1("movie")
    assert not isinstance(handle, str)
    assert "m.avi" in str(handle)
    assert not Path(str(handle)).exists()
    with open(handle, "rb") as opened:  # noqa: PTH123  # what old code writes
        assert opened.read() == b"film"
    assert Path(os.fspath(handle)).read_bytes() == Path(handle).read_bytes() == b"film"


def test_a_file_that_was_changed_is_told(recordings: type[lv.Manual], tmp_path: Path, cache: Path) -> None:
    movie = write(tmp_path / "stores" / "raw" / "m.avi", b"film")
    recordings.insert1({"subject": "a", "session": 1, "movie": "m.avi"})
    handle = only(recordings, "movie")
    handle.verify()
    movie.write_bytes(b"edit")
    with pytest.raises(DamagedObject, match="hash differs"):
        handle.verify()
    with lv.config.override(stores={"raw": {"location": "/nowhere"}}), pytest.raises(DamagedObject):
        os.fspath(handle)
    assert not [file for file in cache.rglob("*") if file.is_file()]
    movie.write_bytes(b"longer film")
    assert handle.local_path is None
    with pytest.raises(DamagedObject, match="11 bytes but had 4"):
        handle.read_bytes()
    movie.unlink()
    with pytest.raises(DamagedObject, match="lost"):
        handle.read_bytes()


def test_a_folder_that_was_changed_is_told(recordings: type[lv.Manual], tmp_path: Path) -> None:
    recordings.insert1({"subject": "a", "session": 1, "folder": make_folder(tmp_path / "rec")})
    handle = only(recordings, "folder")
    file = Path(handle) / "meta.json"
    file.chmod(0o600)
    file.write_bytes(b"[]")
    with pytest.raises(DamagedObject):
        handle.verify()
    file.unlink()
    with pytest.raises(DamagedObject, match="no file"):
        handle.verify()
    listing = Path(f"{os.fspath(handle)}.files")
    listing.chmod(0o600)
    listing.write_bytes(listing.read_bytes().replace(b" 3000 ", b" 3001 "))
    with pytest.raises(DamagedObject, match="list of the files"):
        handle.files()
    listing.unlink()
    with pytest.raises(DamagedObject, match="lost"):
        handle.files()


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "a//b", "a\x00b", ".."])
def test_a_list_of_files_that_leads_out_of_the_folder_is_refused(
    connection: lv.Connection, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    listed = f"{'0' * 64} 1 {path}\n".encode()
    monkeypatch.setattr("levada._objects.handles.download", lambda *_: iter([listed]))
    hash_ = blake3(listed).hexdigest()
    folder = StoredFolder("an-id", "object", "main", "place", "rec", 1, hash_, connection, file_count=1)
    with pytest.raises(WrongValue, match="not a valid file name"):
        folder.files()


# --------------------------------------------------------------------------------------- rows that name objects


def test_a_row_can_name_the_object_of_another(
    schema: lv.Schema, recordings: type[lv.Manual], tmp_path: Path, store_folders: StoreFolders
) -> None:
    recordings.insert1({"subject": "a", "session": 1, "notes": write(tmp_path / "n.txt", b"n"), "image": np.eye(2)})
    stored = sorted(store_folders.folders["raw"].rglob("*"))
    recordings.insert([{**row, "session": 2} for row in recordings.to_dicts()])
    recordings.insert(recordings().to_arrow().drop_columns("session").append_column("session", pa.array([3, 4])))
    assert sorted(store_folders.folders["raw"].rglob("*")) == stored
    assert len({row["notes"].id for row in recordings.to_dicts()}) == 1

    @schema
    class Copy(lv.Manual):
        definition = "subject : varchar(40)\nsession : int16\n---\nnotes = null : <attach@raw>\n"

    Copy.insert(recordings().proj("notes"))
    assert {row["notes"].read_bytes() for row in Copy.to_dicts()} == {b"n"}
    assert pickle.loads(pickle.dumps(only(Copy, "notes"))).read_bytes() == b"n"

    @schema
    class Other(lv.Manual):
        definition = "subject : varchar(40)\nsession : int16\n---\nnotes = null : <attach@main>\n"

    with pytest.raises(InvalidRequest, match="<attach@raw> in the query"):
        Other.insert(recordings().proj("notes"))
    Other.insert([(row["subject"], row["session"], row["notes"]) for row in Copy.to_dicts()])
    assert (only(Other, "notes").store, only(Other, "notes").read_bytes()) == ("main", b"n")


def test_update_changes_and_clears_an_object(recordings: type[lv.Manual], tmp_path: Path) -> None:
    key = {"subject": "a", "session": 1}
    recordings.insert1({**key, "trace": [1], "notes": write(tmp_path / "n.txt", b"n")})
    recordings.update1({**key, "trace": [2], "image": np.eye(2), "folder": make_folder(tmp_path / "f")})
    row = recordings.to_dicts()[0]
    assert (row["trace"], row["image"].shape, row["folder"].file_count, row["notes"].read_bytes()) == (
        [2],
        (2, 2),
        5,
        b"n",
    )
    recordings.update1({**key, "trace": None, "notes": None})
    assert [recordings.to_dicts()[0][name] for name in ("trace", "notes")] == [None, None]


def test_a_transaction_keeps_or_undoes_rows_with_objects(
    connection: lv.Connection, recordings: type[lv.Manual]
) -> None:
    with connection.transaction():
        assert len(recordings()) == 0  # from here on the transaction sees one moment
        recordings.insert1({"subject": "a", "session": 1, "trace": "kept"})
        recordings.update1({"subject": "a", "session": 1, "raw": b"raw"})
        assert only(recordings, "trace") == "kept"
    with pytest.raises(ZeroDivisionError), connection.transaction():
        recordings.insert1({"subject": "a", "session": 2, "trace": "lost"})
        raise ZeroDivisionError
    assert [(row["trace"], row["raw"]) for row in recordings.to_dicts()] == [("kept", b"raw")]


def test_make_inserts_objects_into_itself_and_its_parts(
    schema: lv.Schema, recordings: type[lv.Manual], tmp_path: Path
) -> None:
    files = tmp_path / "made"

    @schema
    class Spectrum(lv.Computed):
        definition = """
        -> recordings
        ---
        power : <npy@>
        report : <attach@raw>
        """

        class Band(lv.Part):
            definition = "-> master\nband : int16\n---\nvalues : <blob@raw>"

        def make(self, key: dict[str, Any]) -> None:
            trace = (recordings & key).fetch1("trace")
            report = write(files / f"{key['session']}.txt", f"report {key['session']}".encode())
            self.insert1({**key, "power": np.abs(np.fft.rfft(trace)), "report": report})
            for band in range(2):
                self.Band.insert1({**key, "band": band, "values": trace * band})

    recordings.insert([{"subject": "a", "session": n, "trace": np.arange(8.0) * n} for n in range(4)])
    Spectrum.populate()
    rows = Spectrum.to_dicts(order_by="session")
    assert [row["report"].read_bytes() for row in rows] == [f"report {n}".encode() for n in range(4)]
    assert [row["power"].shape for row in rows] == [(5,)] * 4
    assert np.array_equal((Spectrum.Band & {"session": 3, "band": 1}).fetch1("values"), np.arange(8.0) * 3)
    assert len(Spectrum.Band()) == 8


# ------------------------------------------------------------------------------------------- what cannot be right


def test_a_store_that_the_server_has_not_is_told_with_those_it_has(
    schema: lv.Schema, recordings: type[lv.Manual]
) -> None:
    with pytest.raises(UnknownStore, match=r"attribute `file`.*no store `tape`; it has `main`, `raw`.*stores\.toml"):

        @schema
        class Bad(lv.Manual):
            definition = "a : int8\n---\nfile = null : <attach@tape>\n"

    assert "Bad" not in str(schema.list_tables())
    type.__setattr__(recordings, "definition", recordings.definition + "    more = null : blob@tape\n")
    with pytest.raises(UnknownStore, match="`tape`"):
        recordings.alter(prompt=False)


def test_objects_can_be_indexed(schema: lv.Schema, recordings: type[lv.Manual], tmp_path: Path) -> None:
    @schema
    class Indexed(lv.Manual):
        definition = """
        id : int32
        ---
        movie : filepath@raw
        raw : <hash@>
        index (movie, id)
        unique index (movie)
        unique index (raw)
        """

    write(tmp_path / "stores" / "raw" / "a", b"a")
    write(tmp_path / "stores" / "raw" / "b", b"b")
    Indexed.insert([(1, "a", b"1"), (2, "b", b"2")])
    for row in ((3, "a", b"3"), (3, "c", b"1")):
        write(tmp_path / "stores" / "raw" / "c", b"c")
        with pytest.raises(DuplicateEntity):
            Indexed.insert1(row)
    assert "unique index (movie)" in Indexed.describe()


def test_many_rows_of_all_ways_name_objects(recordings: type[lv.Manual], tmp_path: Path) -> None:
    recordings.insert1({"subject": "a", "session": 0, "notes": write(tmp_path / "n.txt", b"n")})
    handle = only(recordings, "notes")
    rows = [{"subject": "a", "session": n, "notes": handle if n % 7 else None} for n in range(700)]
    recordings.insert(rows, skip_duplicates=True)
    recordings.insert(rows, replace=True)
    recordings.insert([{**row, "subject": "b"} for row in rows])
    assert len(recordings()) == 1400
    assert {row["notes"] and row["notes"].id for row in recordings.to_dicts("notes")} == {None, handle.id}
    assert recordings.to_arrow("notes")["notes"].null_count == 200
    assert recordings.head(2)[1]["notes"] == handle


def test_wrong_values_name_their_row_and_leave_nothing(
    recordings: type[lv.Manual], tmp_path: Path, store_folders: StoreFolders
) -> None:
    folder = make_folder(tmp_path / "links")
    (folder / "away").symlink_to(tmp_path)
    wrong: list[tuple[str, object, str]] = [
        ("raw", "text", "takes bytes"),
        ("notes", tmp_path / "none.txt", "no file"),
        ("notes", tmp_path, "no file"),
        ("notes", 5, "takes a path"),
        ("folder", folder, "link to a folder"),
        ("folder", tmp_path / "none", "no file"),
        ("trace", lambda: 0, "cannot be stored"),
        ("movie", 5, "takes a path"),
    ]
    for attribute, value, message in wrong:
        with pytest.raises(WrongValue, match=rf"row 1, attribute `{attribute}`.*{message}"):
            recordings.insert([{"subject": "a", "session": 1}, {"subject": "b", "session": 1, attribute: value}])
    assert len(recordings()) == 0
    assert not [file for store in store_folders.folders.values() for file in store.rglob("*") if file.is_file()]


def test_an_object_that_never_was_cannot_be_named(recordings: type[lv.Manual]) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    row: dict[str, Any] = {"subject": "a", "session": 1}
    for column in (pa.array([{"id": nobody}]), pa.array([{"id": nobody, "path": "/etc/passwd"}])):
        table = pa.table({"subject": ["a"], "session": [1], "notes": column})
        with pytest.raises(UnknownObject, match="row 0, attribute `notes`"):
            recordings.insert(table)
    for column in (pa.array([{"id": "no id"}]), pa.array([{"path": "a"}]), pa.array([{"id": None}])):
        with pytest.raises(WrongValue):
            recordings.insert(pa.table({"subject": ["a"], "session": [1], "notes": column}))
    recordings.insert1({**row, "raw": b"raw"})
    given = recordings.to_arrow("raw")["raw"]
    with pytest.raises(WrongValue, match=r"is a <hash@raw>, but the attribute takes <attach@raw>"):
        recordings.insert(pa.table({"subject": ["b"], "session": [1], "notes": given}))
    assert len(recordings()) == 1


def test_what_a_row_says_of_its_object_comes_from_the_server(recordings: type[lv.Manual]) -> None:
    recordings.insert1({"subject": "a", "session": 1, "raw": b"raw"})
    reference = recordings.to_arrow("raw")["raw"][0].as_py()
    forged = {**reference, "path": "../../etc/passwd", "size_bytes": 1, "hash": "0" * 64}
    recordings.insert(pa.table({"subject": ["b"], "session": [1], "raw": pa.array([forged])}))
    assert (recordings & {"subject": "b"}).to_arrow("raw")["raw"][0].as_py() == reference


def test_a_value_too_large_for_a_row_goes_into_a_store(schema: lv.Schema, recordings: type[lv.Manual]) -> None:
    large = np.random.default_rng(0).integers(0, 256, 65 * 2**20, np.uint8)

    @schema
    class Inline(lv.Manual):
        definition = "subject : varchar(40)\n---\ntrace : <blob>\n"

    with pytest.raises(LimitReached, match="<blob@store>"):
        Inline.insert1({"subject": "a", "trace": large})
    recordings.insert1({"subject": "a", "session": 1, "trace": large})
    assert np.array_equal(only(recordings, "trace"), large)


@pytest.mark.parametrize("value", ["/dev/zero", "x" * 10_000, "nothing", "a\0b"], ids=["device", "long", "none", "nul"])
@pytest.mark.parametrize("attribute", ["notes", "folder", "movie", "image"])
def test_what_is_not_a_file_is_refused_with_its_row(recordings: type[lv.Manual], attribute: str, value: str) -> None:
    with pytest.raises(lv.errors.LevadaError, match=f"row 0, attribute `{attribute}`") as caught:
        recordings.insert1({"subject": "a", "session": 1, attribute: value})
    assert len(str(caught.value)) < 12_000
    assert len(recordings()) == 0


def test_names_that_differ_by_case_are_kept_apart_where_the_disk_can(
    recordings: type[lv.Manual], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    contents = {"Film": b"1", "film": b"2", "caf\u00e9": b"3", "cafe\u0301": b"4"}
    for name, content in contents.items():
        write(folder / name, content)
    recordings.insert1({"subject": "a", "session": 1, "folder": folder})
    handle = recordings.fetch1("folder")
    copy = handle.download(tmp_path / "copy")
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == contents

    def on_another_disk(*arguments: Any) -> None:  # noqa: ANN401  # as `download_file` has them
        """Write a file that both cases of its name lead to."""
        download_file(*arguments)
        other = arguments[3].with_name(arguments[3].name.lower())
        if not other.exists():
            other.hardlink_to(arguments[3])

    monkeypatch.setattr("levada._objects.handles.download_file", on_another_disk)
    with pytest.raises(InvalidRequest, match="does not distinguish the case"):
        handle.download(tmp_path / "other")
    assert not list((tmp_path / "other").iterdir())


def test_keys_that_differ_by_case_have_paths_of_their_own(recordings: type[lv.Manual], tmp_path: Path) -> None:
    for subject in ("Ann", "ann", "../ann", "C:\\ann", "CON", "caf\u00e9", "cafe\u0301", "x" * 40):
        recordings.insert1({"subject": subject, "session": 1, "folder": write(tmp_path / "a.txt", subject.encode())})
    rows = recordings.to_dicts()
    paths = [row["folder"].path for row in rows]
    assert len({path.casefold() for path in paths}) == len(rows) == 8
    assert all(".." not in path.split("/") and "\\" not in path and path.isascii() for path in paths)
    assert {row["folder"].read_bytes().decode() for row in rows} == {row["subject"] for row in rows}
