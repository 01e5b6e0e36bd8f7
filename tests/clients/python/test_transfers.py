"""Transfers that break, disks that are full, and the memory that a large object takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._objects import transfer
from levada.errors import DamagedObject, LimitReached
from tests.support.client import hurry_transfers, see_other_disks
from tests.support.cutting_proxy import cutting
from tests.support.objects import stored_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.storage.objects.storage import StoreFolders

TESTS = ("levada._objects.staging", "levada._objects.transfer")

MIB = 2**20
DEFINITION = "id : int32\n---\nfile = null : <attach@raw>\nfolder = null : <object@raw>\ndata = null : <blob@>"


@pytest.fixture(autouse=True)
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the disks of stores from the client, so that every byte goes over the wire."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hurry_transfers(monkeypatch)
    see_other_disks(monkeypatch)
    nowhere = {name: {"location": str(tmp_path / "nowhere")} for name in ("main", "raw")}
    with lv.config.override(stores=nowhere):
        yield


def declare(connection: lv.Connection) -> type[lv.Manual]:
    @lv.Schema("lab", connection=connection)
    class Thing(lv.Manual):
        definition = DEFINITION

    return Thing


def big_file(folder: Path, size: int) -> Path:
    file = folder / "big.bin"
    file.write_bytes(os.urandom(size))
    return file


def test_an_upload_goes_on_after_each_cut(server_address: str, tmp_path: Path) -> None:
    file = big_file(tmp_path, 10 * MIB)
    # No connection lets the whole file pass: it arrives only because received bytes are kept.
    with cutting(server_address, up_bytes=4 * MIB) as proxy, lv.Connection(proxy.address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "file": file})
        assert proxy.cuts >= 2
        assert things.to_dicts()[0]["file"].read_bytes() == file.read_bytes()


def test_a_folder_goes_on_after_each_cut(server_address: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}").write_bytes(os.urandom(MIB // 4) if number else b"")
    with cutting(server_address, up_bytes=4 * MIB) as proxy, lv.Connection(proxy.address) as connection:
        things = declare(connection)
        things.insert1({"id": 1, "folder": folder})
        assert proxy.cuts >= 2
        copy = things.to_dicts()[0]["folder"].download(tmp_path / "out")
    assert {f.name: f.read_bytes() for f in copy.iterdir()} == {f.name: f.read_bytes() for f in folder.iterdir()}


def test_a_download_goes_on_after_each_cut(server_address: str, tmp_path: Path) -> None:
    file = big_file(tmp_path, 10 * MIB)
    with lv.Connection(server_address) as connection:
        declare(connection).insert1({"id": 1, "file": file})
    with cutting(server_address, down_bytes=4 * MIB) as proxy, lv.Connection(proxy.address) as connection:
        handle = declare(connection).to_dicts()[0]["file"]
        assert handle.download(tmp_path / "out").read_bytes() == file.read_bytes()
        assert proxy.cuts >= 2


def test_a_server_that_stays_away_is_told_in_the_end(
    server_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE_SECONDS", 0.5)
    file = big_file(tmp_path, 2 * MIB)
    # Nothing of the file gets through.
    with cutting(server_address, up_bytes=MIB // 8) as proxy, lv.Connection(proxy.address) as connection:
        things = declare(connection)
        with pytest.raises(lv.errors.LostConnectionError):
            things.insert1({"id": 1, "file": file})
    with lv.Connection(server_address) as connection:
        assert len(declare(connection)()) == 0


def test_a_file_that_changes_while_it_is_sent_is_not_kept(
    server_address: str, tmp_path: Path, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = big_file(tmp_path, 1000)
    real = transfer.upload

    def upload(*arguments: object) -> object:
        file.write_bytes(b"x" * 1000)
        return real(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr("levada._objects.staging.upload", upload)
    with lv.Connection(server_address) as connection:
        things = declare(connection)
        with pytest.raises(DamagedObject, match="row 0"):
            things.insert1({"id": 1, "file": file})
        assert len(things()) == 0
    assert stored_files(store_folders) == []


# ----------------------------------------------------------------------------------- a server of its own process


# The limit is set in the new process: gRPC's threads do not survive a fork of this one.
_SERVE_LIMITED = """
import resource, runpy, sys
file_bytes = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
runpy.run_module("levada_server", run_name="__main__")
"""


@contextmanager
def serving(
    database_url: str, stores: StoreFolders, tmp_path: Path, file_bytes: int, listen: str = "127.0.0.1:0"
) -> Iterator[tuple[int, str]]:
    """Run a server that cannot write files past a size; return its process id and address."""
    settings = tmp_path / "stores.toml"
    lines = [f'[stores.{name}]\nfolder = "{folder}"\n' for name, folder in stores.folders.items()]
    settings.write_text(f'preferred = "{stores.preferred}"\n' + "".join(lines))
    options = ["--database-url", database_url, "--stores", settings, "--listen", listen, "--data-dir", tmp_path]
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE_LIMITED, str(file_bytes), "serve", *map(str, options)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.pid, process.stdout.readline().split()[4]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_an_upload_goes_on_after_the_server_was_killed(
    database_url: str, store_folders: StoreFolders, tmp_path: Path
) -> None:
    file = big_file(tmp_path, 24 * MIB)
    with serving(database_url, store_folders, tmp_path, 2**40) as (pid, address), lv.Connection(address) as connection:
        things = declare(connection)
        with ThreadPoolExecutor(1) as pool:
            inserting = pool.submit(things.insert1, {"id": 1, "file": file})
            staging = store_folders.folders["raw"]
            while not any(file.is_file() and file.stat().st_size > 4 * MIB for file in staging.rglob("*")):
                assert not inserting.done()
            os.kill(pid, signal.SIGKILL)
            with serving(database_url, store_folders, tmp_path, 2**40, address):
                inserting.result()
                assert things.to_dicts()[0]["file"].read_bytes() == file.read_bytes()


def test_a_full_store_is_told_and_keeps_nothing(database_url: str, store_folders: StoreFolders, tmp_path: Path) -> None:
    with serving(database_url, store_folders, tmp_path, 3 * MIB) as (_, address), lv.Connection(address) as connection:
        things = declare(connection)
        with pytest.raises(LimitReached, match=r"row 0, attribute `file`.*store `raw` is full") as caught:
            things.insert1({"id": 1, "file": big_file(tmp_path, 4 * MIB)})
        assert caught.value.details["limit"] == "store"
        assert len(things()) == 0
        assert all("staging" in file.parts for file in stored_files(store_folders))
        things.insert1({"id": 1, "file": big_file(tmp_path, 2 * MIB)})
        assert len(things.to_dicts()[0]["file"].read_bytes()) == 2 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most memory that a process had")
def test_large_objects_take_little_memory_of_the_server(
    database_url: str, store_folders: StoreFolders, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(150 * MIB)
    with serving(database_url, store_folders, tmp_path, 2**40) as (pid, address), lv.Connection(address) as connection:
        things = declare(connection)
        things.insert1({"id": 0, "file": big_file(tmp_path, MIB), "data": b"warm"})
        things.to_dicts()
        before = peak_bytes(pid)
        things.insert1({"id": 1, "file": large, "data": os.urandom(70 * MIB)})
        row = (things & {"id": 1}).to_dicts()[0]
        assert len(row["data"]) == 70 * MIB
        row["file"].verify()
        assert peak_bytes(pid) - before < 48 * MIB


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process has used."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
