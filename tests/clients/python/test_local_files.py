"""Large files between a client and a folder on its machine, and through the server when the client sees other disks."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

import levada as lv
from levada._objects import local_files, taking_over, transfer
from levada._objects.transfer import FileSource
from levada.errors import DamagedObject, LimitReached
from levada_api.v1 import object_pb2, schema_pb2
from levada_api.v1 import object_service_pb2 as pb
from levada_server.storage.objects.folder_store import FolderStore
from levada_server.storage.objects.store import LocalFile
from tests.support.client import hurry_transfers, see_other_disks
from tests.support.cutting_proxy import cutting
from tests.support.large_files import MIB, SIZE, big_file, declare
from tests.support.objects import stored_files
from tests.support.private_address import private_address
from tests.support.small_disk import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._objects.direct import Source
    from levada_server.storage.objects.storage import StoreFolders

TESTS = (
    "levada._objects.direct",
    "levada._objects.local_files",
    "levada._objects.taking_over",
    "levada._objects.transfer",
)


@pytest.fixture(autouse=True)
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let handles ask the server, instead of looking for the folder of the store themselves."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hurry_transfers(monkeypatch)
    with lv.config.override(stores={name: {"location": str(tmp_path / "nowhere")} for name in ("main", "raw")}):
        yield


@contextmanager
def little_by_grpc(address: str) -> Iterator[lv.Connection]:
    """Connect by a proxy that cuts each connection by which a small part of a file has passed; none is cut."""
    with (
        cutting(address, up_bytes=MIB, down_bytes=MIB, place=private_address()) as proxy,
        lv.Connection(proxy.address) as connection,
    ):
        yield connection
        assert proxy.cuts == 0


def begin(connection: lv.Connection, source: FileSource) -> tuple[str, object_pb2.LocalFile]:
    """Begin an upload; return its id and the file that the server offers."""
    name = schema_pb2.TableName(schema="lab", table="Thing")
    request = pb.StageObjectRequest(name=name, attribute="file", file_name="a.bin")
    staged = connection.call("ObjectService/StageObject", request, pb.StageObjectResponse)
    assert staged.part_bytes
    parts = pb.BeginPartsRequest(upload_id=staged.upload_id, size_bytes=source.size, hash=transfer.hash_of(source))
    return staged.upload_id, connection.call("ObjectService/BeginParts", parts, pb.BeginPartsResponse).file


def write(connection: lv.Connection, file: object_pb2.LocalFile, source: Source) -> None:
    local_files.write_local(connection, file, source, transfer.progress_of("", source.size, shown=False))


def commit(connection: lv.Connection, id_: str, source: FileSource) -> object_pb2.ObjectReference:
    request = pb.CommitObjectRequest(upload_id=id_, size_bytes=source.size, hash=transfer.hash_of(source))
    return connection.call("ObjectService/CommitObject", request, pb.CommitObjectResponse).object


def test_large_files_do_not_pass_through_the_server(
    server_address: str, store_folders: StoreFolders, tmp_path: Path
) -> None:
    file, folder, data = big_file(tmp_path), tmp_path / "run.zarr", os.urandom(9 * MIB)
    big_file(folder, name="0/0")
    big_file(folder, 1000, name="0/1")
    with little_by_grpc(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file, "folder": folder, "data": data})
        things.insert1({"id": 2, "data": data})  # the server has read its bytes, so they are shared
        row = things.to_dicts()[0]
        assert row["data"] == data
        handle = row["file"]
        assert handle.download(tmp_path / "out").read_bytes() == file.read_bytes()
        assert handle.read_bytes(1, 10 * MIB) == file.read_bytes()[1 : 1 + 10 * MIB]
        handle.verify()
        copy = row["folder"].download(tmp_path / "out")
        for each in ("0/0", "0/1"):
            assert (copy / each).read_bytes() == (folder / each).read_bytes()
    stored = stored_files(store_folders)
    assert len(stored) == 5
    assert [one for one in stored if isinstance(one, Path) and one.stat().st_mode & 0o222] == [
        one for one in stored if one.parts[-1].endswith(".files")
    ]


def test_a_client_that_sees_other_disks_sends_and_reads_through_the_server(
    server_address: str, store_folders: StoreFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_other_disks(monkeypatch)
    file = big_file(tmp_path)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        assert things.to_dicts()[0]["file"].download(tmp_path / "out").read_bytes() == file.read_bytes()
        assert connection.direct_again == 0.0  # a bucket is still asked at once
    assert len(stored_files(store_folders)) == 1


@pytest.mark.parametrize("way", ["tcp", "socket that others can reach"])
def test_a_server_that_may_be_somebody_elses_names_no_file(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    file, mine = big_file(tmp_path), big_file(tmp_path, 1000, "mine")
    content = mine.read_bytes()

    def lie(*_: object) -> LocalFile:
        with mine.open("rb") as opened:
            return LocalFile(str(mine), _stamp(opened.fileno()))

    monkeypatch.setattr(FolderStore, "local_write", lie)
    monkeypatch.setattr(FolderStore, "local_read", lie)
    place = None if way == "tcp" else private_address()
    if place is not None:
        Path(place.removeprefix("unix:")).parent.chmod(0o755)
    with cutting(server_address, place=place) as proxy, lv.Connection(proxy.address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        assert mine.read_bytes() == content
        assert things.to_dicts()[0]["file"].read_bytes() == file.read_bytes()


@pytest.mark.parametrize("flaw", ["gone", "link", "other", "locked"])
def test_a_file_is_used_only_if_it_is_the_servers(server_address: str, tmp_path: Path, flaw: str) -> None:
    source = FileSource(big_file(tmp_path), "", SIZE)
    with lv.Connection(server_address) as connection:
        declare(connection)
        _, file = begin(connection, source)
        place, other = Path(file.path), tmp_path / "other"
        other.write_bytes(b"")
        with place.open("rb") as opened:
            match flaw:
                case "gone":
                    place.unlink()
                case "link":
                    place.unlink()
                    place.symlink_to(other)
                case "other":
                    place.unlink()
                    place.write_bytes(b"")
                case _:
                    fcntl.flock(opened, fcntl.LOCK_EX)
            with pytest.raises(local_files.FileUnreachable):
                write(connection, file, source)
        assert other.read_bytes() == b""


def test_bytes_that_differ_are_found_at_the_commit(
    server_address: str, store_folders: StoreFolders, tmp_path: Path
) -> None:
    source = FileSource(big_file(tmp_path), "", SIZE)
    with lv.Connection(server_address) as connection:
        declare(connection)
        id_, file = begin(connection, source)
        write(connection, file, source)
        with Path(file.path).open("r+b") as opened:
            opened.seek(SIZE // 2)
            opened.write(b"damaged")
        with pytest.raises(DamagedObject, match="arrived"):
            commit(connection, id_, source)
    assert stored_files(store_folders) == []


@pytest.mark.parametrize("second", ["symbolic", "hard"])
def test_a_file_with_a_second_name_is_not_published(
    server_address: str, store_folders: StoreFolders, tmp_path: Path, second: str
) -> None:
    source = FileSource(big_file(tmp_path), "", SIZE)
    with lv.Connection(server_address) as connection:
        declare(connection)
        id_, file = begin(connection, source)
        place = Path(file.path)
        place.unlink()
        if second == "hard":
            place.hardlink_to(source.file)
        else:
            place.symlink_to(source.file)
        with pytest.raises(DamagedObject, match="link"):
            commit(connection, id_, source)
    assert stored_files(store_folders) == []
    assert source.file.stat().st_size == SIZE


def test_a_commit_waits_for_the_writer_and_nobody_writes_after_it(server_address: str, tmp_path: Path) -> None:
    source = FileSource(big_file(tmp_path), "", SIZE)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        id_, file = begin(connection, source)
        write(connection, file, source)
        with Path(file.path).open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            with pytest.raises(lv.errors.LostConnectionError, match="still writes"):
                connection.call(
                    "ObjectService/CommitObject",
                    pb.CommitObjectRequest(upload_id=id_, size_bytes=SIZE),
                    pb.CommitObjectResponse,
                    patience=0,
                )
        late = os.open(file.path, os.O_RDWR)  # a program that opened it before
        file.stamp = _stamp(late)
        things.insert1({"id": 1, "file": {"id": commit(connection, id_, source).id}})
        with pytest.raises(local_files.FileUnreachable):
            write(connection, file, source)
        os.close(late)
        things.to_dicts()[0]["file"].verify()


def _stamp(descriptor: int) -> str:
    found = os.fstat(descriptor)
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def test_an_upload_that_is_swept_while_a_client_writes_begins_again(
    server_address: str, store_folders: StoreFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, swept, real = big_file(tmp_path), list[str](), local_files._copy  # noqa: SLF001  # between its steps

    def copy(source: FileSource, descriptor: int, at: int) -> Iterator[int]:
        for count in real(source, descriptor, at):
            yield count
            if not swept:
                (upload,) = (store_folders.folders["raw"] / "_levada/staging").iterdir()
                swept.append(upload.name)
                FolderStore("raw", store_folders.folders["raw"]).discard(UUID(hex=upload.name))

    monkeypatch.setattr(local_files, "_copy", copy)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        things.to_dicts()[0]["file"].verify()
    assert swept
    assert len(stored_files(store_folders)) == 1


def test_an_object_can_be_removed_while_a_client_reads_it(
    server_address: str, store_folders: StoreFolders, tmp_path: Path
) -> None:
    file = big_file(tmp_path)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        handle = things.to_dicts()[0]["file"]
        chunks = transfer.download(connection, handle.id, "")
        first = next(chunks)
        (stored,) = stored_files(store_folders)
        stored.unlink()
        assert first + b"".join(chunks) == file.read_bytes()
        with pytest.raises(DamagedObject, match="lost"):
            handle.read_bytes()


def test_a_full_disk_is_told_as_the_store_is_full(
    server_address: str, store_folders: StoreFolders, tmp_path: Path
) -> None:
    file = big_file(tmp_path)
    with small_disk(store_folders.folders["raw"], 16) as mounted, lv.Connection(server_address) as connection:
        if not mounted:
            pytest.skip("mounting a disk is not allowed here")
        things = declare(connection)
        with pytest.raises(LimitReached, match="full") as caught:
            things.insert1({"id": 1, "file": file})
        assert caught.value.details["limit"] == "store"
        assert len(things) == 0


_WRITE_AND_DIE = """
import os, signal, sys
import levada as lv
from levada._objects import local_files

address, file = sys.argv[1:]
real = local_files._copy

def copy_to_death(source, descriptor, at):
    for count in real(source, descriptor, at):
        at += count
        if at >= 0.85 * source.size:
            os.kill(os.getpid(), signal.SIGKILL)
        yield count

local_files._copy = copy_to_death
with lv.Connection(address) as connection:
    lv.VirtualModule("lab", "lab", connection=connection).Thing.insert1({"id": 1, "file": file})
"""


@pytest.mark.parametrize("goes_on", ["itself", "through the server"])
def test_a_killed_client_continues_where_it_was(
    server_address: str,
    store_folders: StoreFolders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    goes_on: str,
) -> None:
    file, written, real = big_file(tmp_path, 72 * MIB), list[int](), local_files._copy  # noqa: SLF001  # counted
    real_chunks = FileSource.chunks

    def copy(source: FileSource, descriptor: int, at: int) -> Iterator[int]:
        for count in real(source, descriptor, at):
            written.append(count)
            yield count

    def chunks(source: FileSource, offset: int) -> Iterator[bytes]:
        for content in real_chunks(source, offset):
            written.append(len(content))
            yield content

    monkeypatch.setattr(local_files, "_copy", copy)
    monkeypatch.setattr(FileSource, "chunks", chunks)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        command = [sys.executable, "-c", _WRITE_AND_DIE, server_address, str(file)]
        died = subprocess.run(command, check=False, capture_output=True, text=True)
        assert died.returncode == -9, died.stderr
        if goes_on != "itself":
            see_other_disks(monkeypatch)
        things.insert1({"id": 1, "file": file})
        assert sum(written) == 8 * MIB
        monkeypatch.undo()
        things.to_dicts()[0]["file"].verify()
    assert len(stored_files(store_folders)) == 1


def test_bytes_of_a_disk_that_cannot_share_them_are_written(server_address: str, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as other, lv.Connection(server_address) as connection:
        things = declare(connection)
        with small_disk(Path(other), 32):
            file = big_file(Path(other))
            things.insert1({"id": 1, "file": file})
            assert things.to_dicts()[0]["file"].read_bytes() == file.read_bytes()


def test_files_of_a_folder_are_hashed_once(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, read, real = big_file(tmp_path, name="run.zarr/0"), list[int](), FileSource.read

    def counted(source: FileSource, offset: int, length: int) -> bytes:
        content = real(source, offset, length)
        read.append(len(content))
        return content

    monkeypatch.setattr(FileSource, "read", counted)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "folder": file.parent})
        assert sum(read) == SIZE
        things.to_dicts()[0]["folder"].verify()


def test_a_file_of_another_server_is_read_by_one_call(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, calls, real = FileSource(big_file(tmp_path), "", SIZE), list[int](), transfer.download
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": source.file})
        stored = things.to_dicts()[0]["file"]

        def counted(connection: lv.Connection, id_: str, path: str, offset: int = 0) -> Iterator[bytes]:
            calls.append(offset)
            return real(connection, id_, path, offset)

        monkeypatch.setattr(taking_over, "download", counted)
        id_, file = begin(connection, source)
        write(connection, file, taking_over.StoredSource(connection, stored.id, "", SIZE, stored.hash))
        assert commit(connection, id_, source).hash == stored.hash
    assert calls == [0]
