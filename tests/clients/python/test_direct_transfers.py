"""Large files between a client and a bucket without the server in between; every other way when that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._objects import direct, noted_uploads, transfer
from levada.errors import DamagedObject
from tests.support.client import hurry_transfers, see_other_disks
from tests.support.cutting_proxy import cutting
from tests.support.large_files import MIB, SIZE, big_file, declare
from tests.support.objects import EVERY_BUCKET, EVERY_STORE, stored_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from levada_server.storage.objects.storage import StoreFolders

TESTS = ("levada._objects.direct", "levada._objects.noted_uploads", "levada._objects.transfer")


@pytest.fixture(autouse=True)
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep copies and notes apart from those of other tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hurry_transfers(monkeypatch)


@EVERY_BUCKET
def test_large_files_do_not_pass_through_the_server(server_address: str, tmp_path: Path) -> None:
    file = big_file(tmp_path, name="big.bin")
    # A connection to the server is cut as soon as a small part of the file has passed.
    with (
        cutting(server_address, up_bytes=MIB, down_bytes=MIB) as proxy,
        lv.Connection(proxy.address) as connection,
    ):
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        handle = things.to_dicts()[0]["file"]
        assert handle.download(tmp_path / "out").read_bytes() == file.read_bytes()
        assert handle.read_bytes(SIZE - 7, 100) == file.read_bytes()[-7:]
        assert handle.read_bytes(1, 10 * MIB) == file.read_bytes()[1 : 1 + 10 * MIB]
        handle.verify()
        assert proxy.cuts == 0


@EVERY_BUCKET
def test_a_large_download_takes_the_memory_of_a_few_ranges(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, buffers = big_file(tmp_path, name="big.bin"), list[object]()
    real = transfer.ranges  # type: ignore[attr-defined]  # as it is imported there

    def ranges(*arguments: object) -> Iterator[bytes | memoryview]:
        for content in real(*arguments):  # type: ignore[arg-type]  # as they came
            buffers.append(content.obj if isinstance(content, memoryview) else content)
            yield content

    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        monkeypatch.setattr(direct, "_RANGE_BYTES", MIB)
        monkeypatch.setattr(transfer, "ranges", ranges)
        handle = things.to_dicts()[0]["file"]
        assert handle.download(tmp_path / "out").read_bytes() == file.read_bytes()
        assert len(buffers) == 22
        assert len(set(map(id, buffers))) <= 2 * direct.STREAMS + 1
        assert handle.read_bytes() == file.read_bytes()  # the pieces are kept until the last one is there


@EVERY_STORE
def test_every_kind_of_value_returns_as_it_was(server_address: str, tmp_path: Path) -> None:
    import numpy as np

    folder = tmp_path / "run.zarr"
    big_file(folder, name="0/0")
    big_file(folder, 1000, name="0/1")
    (folder / "empty").write_bytes(b"")
    image = np.random.default_rng(1).random((1500, 1000))
    content, file = os.urandom(9 * MIB), big_file(tmp_path)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file, "folder": folder, "data": content, "image": image})
        row = things.to_dicts()[0]
        assert row["data"] == content
        assert row["file"].download(tmp_path / "out").read_bytes() == file.read_bytes()
        assert (row["image"].shape, row["image"].dtype) == (image.shape, image.dtype)
        assert np.array_equal(row["image"].load(), image)
        copy = row["folder"].download(tmp_path / "out")
        row["folder"].verify()
    for each in ("0/0", "0/1", "empty"):
        assert (copy / each).read_bytes() == (folder / each).read_bytes()


@EVERY_BUCKET
def test_a_client_that_cannot_reach_the_store_sends_through_the_server(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = big_file(tmp_path, name="big.bin")

    def send(*_: object) -> object:
        raise ConnectionRefusedError

    with lv.Connection(server_address) as connection:
        things = declare(connection)
        monkeypatch.setattr(direct._Requests, "send", send)  # noqa: SLF001  # no firewall stands between two processes here
        monkeypatch.setattr(direct, "PATIENCE_SECONDS", 0.2)
        things.insert1({"id": 1, "file": file})
        assert things.to_dicts()[0]["file"].download(tmp_path / "out").read_bytes() == file.read_bytes()


@EVERY_BUCKET
def test_bytes_of_which_only_the_client_knows_the_hash_are_never_shared(
    server_address: str, store_folders: StoreFolders
) -> None:
    large, small = os.urandom(9 * MIB), os.urandom(1000)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert([{"id": number, "data": large} for number in range(2)])
        things.insert([{"id": 2 + number, "data": small} for number in range(2)])
        ids = things.to_arrow("data")["data"].combine_chunks().field("id").to_pylist()
        assert len({*ids[:2]}) == 2
        assert len({*ids[2:]}) == 1
        assert things.to_arrays("data")[0] == large
    assert len(stored_files(store_folders)) == 3


@EVERY_BUCKET
@pytest.mark.parametrize("size", [SIZE, 1000])
def test_an_object_that_is_lost_or_changed_in_its_store_is_told(
    server_address: str, store_folders: StoreFolders, tmp_path: Path, size: int
) -> None:
    content = big_file(tmp_path, size).read_bytes()
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": tmp_path / "a big file%.bin"})
        handle = things.to_dicts()[0]["file"]
        (stored,) = stored_files(store_folders)
        stored.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(DamagedObject, match="hash differs"):
            handle.verify()
        with pytest.raises(DamagedObject, match="hash differs"):
            handle.download(tmp_path / "out")
        stored.write_bytes(content[:-1])
        with pytest.raises(DamagedObject, match="bytes but had"):
            handle.read_bytes()
        stored.unlink()
        with pytest.raises(DamagedObject, match="lost"):
            handle.read_bytes()
    assert not list((tmp_path / "out").glob("*"))


_UPLOAD_AND_DIE = """
import os, signal, sys
from itertools import count
import levada as lv
from levada._objects import direct, local_files, transfer

address, file, parts, chunks = sys.argv[1], sys.argv[2], count(1), count(1)

def see_other_disks(*_):
    raise local_files.FileUnreachable

local_files._check = see_other_disks
put, chunk = direct.PartSender._put, transfer.FileSource.chunks

def die_after(*arguments):
    put(*arguments)
    if next(parts) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

def chunks_to_death(source, offset):
    for content in chunk(source, offset):
        yield content
        if hashed and next(chunks) == 60:
            os.kill(os.getpid(), signal.SIGKILL)

hashed = []
real = transfer._upload
transfer._upload = lambda *arguments: (hashed.append(1), real(*arguments))[1]
direct.PartSender._put = die_after
transfer.FileSource.chunks = chunks_to_death
with lv.Connection(address) as connection:
    lv.VirtualModule("lab", "lab", connection=connection).Thing.insert1({"id": 1, "file": file})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="an upload begins again there")
@EVERY_STORE
def test_a_killed_client_continues_where_it_was(
    server_address: str, store_folders: StoreFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = big_file(tmp_path, 72 * MIB, "big.bin")
    see_other_disks(monkeypatch)
    sent: list[int] = []
    real_part, real_chunk = direct.PartSender._put, transfer.zlib.crc32  # type: ignore[attr-defined]  # noqa: SLF001  # counted

    def put(self: direct.PartSender, number: int, content: bytes, md5: bytes) -> None:
        real_part(self, number, content, md5)
        sent.append(len(content))

    def crc32(content: bytes) -> int:
        sent.append(len(content))
        return int(real_chunk(content))

    with lv.Connection(server_address) as connection:
        things = declare(connection)
        command = [sys.executable, "-c", _UPLOAD_AND_DIE, server_address, str(file)]
        died = subprocess.run(command, check=False, capture_output=True, text=True)
        assert died.returncode == -9, died.stderr
        monkeypatch.setattr(direct.PartSender, "_put", put)
        monkeypatch.setattr(transfer.zlib, "crc32", crc32)  # type: ignore[attr-defined]  # see above
        things.insert1({"id": 1, "file": file})
        # Nine parts in four streams: five had arrived, and through the server what had left the machine.
        assert 0 < sum(sent) <= (4 * 8 * MIB if store_folders.buckets else 71 * MIB)
        monkeypatch.undo()
        things.to_dicts()[0]["file"].verify()
    assert len(stored_files(store_folders)) == 1


_DIE_AT_THE_COMMIT = """
import os, signal, sys
import levada as lv
from levada._objects import noted_uploads, local_files

address, attribute, place, moment = sys.argv[1:]
noted_uploads.NOTED_BYTES = 1
real = lv.Connection.call

def see_other_disks(*_):
    raise local_files.FileUnreachable

def call(connection, method, *arguments, **options):
    commits = method == "ObjectService/CommitObject"
    if commits and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(connection, method, *arguments, **options)
    if commits:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

local_files._check = see_other_disks
lv.Connection.call = call
with lv.Connection(address) as connection:
    lv.VirtualModule("lab", "lab", connection=connection).Thing.insert1({"id": 1, attribute: place})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="an upload begins again there")
@EVERY_STORE
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("attribute", ["file", "folder"])
def test_a_client_that_is_killed_at_the_commit_sends_nothing_again(
    server_address: str,
    store_folders: StoreFolders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attribute: str,
    moment: str,
) -> None:
    monkeypatch.setattr(noted_uploads, "NOTED_BYTES", 1)
    place = big_file(tmp_path, 9 * MIB, "run/big.bin")
    if attribute == "folder":
        place = place.parent
        (place / "small").write_bytes(b"small")
        (place / "zero").write_bytes(b"")
    see_other_disks(monkeypatch)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        command = [sys.executable, "-c", _DIE_AT_THE_COMMIT, server_address, attribute, str(place), moment]
        died = subprocess.run(command, check=False, capture_output=True, text=True)
        assert died.returncode == -9, died.stderr

        def send(*_: object) -> None:
            raise AssertionError("bytes were sent again")

        with monkeypatch.context() as patched:
            patched.setattr(direct.PartSender, "_put", send)
            patched.setattr(transfer, "chunk_request", send)
            things.insert1({"id": 1, attribute: place})
        things.to_dicts()[0][attribute].verify()
    assert len(stored_files(store_folders)) == (4 if attribute == "folder" else 1)
