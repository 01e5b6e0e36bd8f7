"""`python -m benchmarks.objects`: objects in each kind of store.

Large files go up and down, a client is killed near the end of an upload and another goes on, and many objects are
collected.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import obstore
from blake3 import blake3

import levada as lv
from benchmarks.client import bare_target
from levada_server.embedded import embedded
from levada_server.storage.objects.bucket_settings import open_bucket
from tests.support.bucket_services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from levada_server.storage.objects.bucket_settings import BucketSettings

CHUNK_BYTES = 4 * 2**20
ROUNDS = 2
STORES = ("folder", *SERVICES)
DEFINITION = "id : int32\n---\nfile : <attach@>"
KILLED_AT = 0.9
"""The share of a file that has left the client when it is killed."""
INSERT = """
import sys
import levada as lv
import pytest
from tests.support.client import see_other_disks

with (
    pytest.MonkeyPatch.context() as patched,
    lv.config.override(stores={"main": {"location": "/nowhere"}}),
    lv.Connection(sys.argv[1]) as connection,
):
    see_other_disks(patched)
    lv.VirtualModule("bench", "bench", connection=connection).Thing.insert1({"id": 1, "file": sys.argv[2]})
"""
"""A client of another machine, which sends a file."""


def main() -> int:
    """Run the measurements and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.objects", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="the size of the file (default: 2)")
    parser.add_argument("--store", action="append", choices=STORES, help="default: all")
    parser.add_argument(
        "--collect", type=int, default=100_000, help="how many objects to list and collect (default: 100000)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="levada-objects-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # for root, PostgreSQL runs as another user
        source = folder / "source.bin"
        with source.open("wb") as file:
            for _ in range(int(options.gigabytes * 256)):
                file.write(os.urandom(CHUNK_BYTES))
        for store in options.store or STORES:
            if store in SERVICES and (missing := SERVICES[store].missing):
                print(f"{store}: left out. {missing}")
                continue
            with bucket(store, folder) as settings:
                transfers(store, settings, folder / store, source)
                resumption(store, settings, folder / f"{store}-resumed", source)
                if options.collect:
                    collection(store, settings, folder / f"{store}-many", options.collect)
    return 0


@contextmanager
def bucket(store: str, folder: Path) -> Iterator[BucketSettings | None]:
    """Serve the bucket of a kind of store; None for folders."""
    place = folder / f"{store}-service"
    place.mkdir()
    if store == "folder":
        yield None
    else:
        with SERVICES[store].serve(place) as settings:
            yield settings


@contextmanager
def serving(data: Path, settings: BucketSettings | None) -> Iterator[tuple[int, str]]:
    """Run a server with one store; yield its process id and its address."""
    data.mkdir()
    lines = ["[stores.main]"]
    if settings is None:
        (data / "main").mkdir()
        lines.append(f'folder = "{data / "main"}"')
    else:
        keys = {"kind": settings.kind.value, "bucket": settings.bucket, "prefix": data.name}
        keys |= {name: getattr(settings, name) for name in ("endpoint", "secret", "key_id", "account")}
        lines += [f'{key} = "{value}"' for key, value in keys.items() if value]
    file = data / "stores.toml"
    file.write_text('preferred = "main"\n' + "\n".join(lines) + "\n", encoding="utf-8")
    file.chmod(0o600)
    command = [sys.executable, "-m", "levada_server", "serve", "--data-dir", str(data), "--listen", "127.0.0.1:0"]
    with subprocess.Popen([*command, "--log-level", "ERROR"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline().split()[4]
        finally:
            process.terminate()


def transfers(store: str, settings: BucketSettings | None, data: Path, source: Path) -> None:
    """Send and read a file, and compare with a plain copy with a checksum."""
    size = source.stat().st_size
    with (
        serving(data, settings) as (pid, address),
        counting(address, data) as (near, counted),
        lv.config.override(stores={"main": {"location": "/nowhere"}}, download_path=str(data)),
        lv.Connection(near) as connection,
    ):
        things = declare(connection)
        small = data / "small.bin"
        small.write_bytes(bytes(10 * 2**20))
        things.insert1({"id": 0, "file": small})
        (things & {"id": 0}).to_dicts()[0]["file"].verify()

        def measured(direction: str, actions: Sequence[Callable[[], Any]]) -> None:
            plains, times, growths = [], [], []
            counted.up = counted.down = 0
            for action in actions:  # they take turns, so that other work on the machine slows both
                settle(data / "settled.bin", size)
                plains.append(timed_here(lambda: plain_copy(direction, settings, source, data / "plain.bin")))
                (data / "plain.bin").unlink(missing_ok=True)
                shutil.rmtree(data / "out", ignore_errors=True)
                settle(data / "settled.bin", size)
                client, server = reset_peak("self"), reset_peak(pid)
                times.append(timed_here(action))
                growths.append(((peak("self") - client) / 2**20, (peak(pid) - server) / 2**20))
            (plain, plain_busy), (taken, busy) = (map(min, zip(*each, strict=True)) for each in (plains, times))
            growth = tuple(map(max, zip(*growths, strict=True)))
            share = 100 * (counted.up + counted.down) / (size * len(actions))
            gigabytes = size / 1e9
            print(
                f"{store} {direction}: {size / taken / 1e6:.0f} MB/s, {plain / taken:.2f} of a checked copy "
                f"({size / plain / 1e6:.0f} MB/s); {busy / gigabytes:.2f} s of the client's processor for a gigabyte "
                f"(the copy {plain_busy / gigabytes:.2f}); memory + {growth[0]:.0f} MB in the client, "
                f"+ {growth[1]:.0f} MB in the server; {share:.3f} % of the bytes passed through the server",
                flush=True,
            )

        def upload(id_: int) -> None:
            things.insert1({"id": id_, "file": source})

        def download(handle: Any) -> None:  # Any: the class of handles is private
            handle.download(data / "out", progress=False)

        measured("up", [partial(upload, id_) for id_ in range(1, 1 + ROUNDS)])
        handle = (things & {"id": 1}).to_dicts()[0]["file"]
        # The same file each time, as the copy reads the same: the system may keep its bytes in memory.
        measured("down", [partial(download, handle)] * ROUNDS)


def resumption(store: str, settings: BucketSettings | None, data: Path, source: Path) -> None:
    """Kill a client that has sent most of a file, let another insert the same row, and count what is sent again."""
    size = source.stat().st_size
    with ExitStack() as stack:
        counted: Counted | None = None
        if settings is not None:
            parts = urlsplit(settings.endpoint)
            near, counted = stack.enter_context(counting_tcp(parts.hostname or "", parts.port or 0))
            settings = replace(settings, endpoint=parts._replace(netloc=near).geturl())
        _, address = stack.enter_context(serving(data, settings))
        near, passed = stack.enter_context(counting(address, data))
        counted = counted or passed  # files in a folder of the server pass through it
        with lv.Connection(near) as connection:
            declare(connection)
        command = [sys.executable, "-c", INSERT, near, str(source)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(data / "cache")}
        with subprocess.Popen(command, env=environment) as client:
            while counted.up < KILLED_AT * size:
                if client.poll() is not None:
                    raise RuntimeError(f"the client ended with {client.returncode} before it was killed")
                time.sleep(0.001)
            client.kill()
        before, counted.up = counted.up, 0
        taken = timed(lambda: subprocess.run(command, env=environment, check=True))
        with lv.Connection(near) as connection:
            things = lv.VirtualModule("bench", "bench", connection=connection).Thing
            things.to_dicts()[0]["file"].verify()
    print(
        f"{store}: killed when {before / 1e6:.0f} of {size / 1e6:.0f} MB were sent; the next client sent "
        f"{counted.up / 1e6:.0f} MB in {taken:.1f} s, so {(before + counted.up - size) / 2**20:.1f} MiB twice",
        flush=True,
    )


def settle(place: Path, size: int) -> None:
    """Write what waits for the disk, and let the system have memory for a file: virtual machines are slow to give it.

    Without this a copy into memory that the machine has used before takes a third of the time of one that came first.
    """
    os.sync()
    content = os.urandom(CHUNK_BYTES)
    with place.open("wb") as file:
        for _ in range(size // CHUNK_BYTES):
            file.write(content)
    place.unlink()


def plain_copy(direction: str, settings: BucketSettings | None, source: Path, target: Path) -> None:
    """Copy a file to, or from, the store by its own tool, and compute its checksum."""
    hasher = blake3()
    if settings is None:
        with source.open("rb") as read, target.open("wb") as written:
            while chunk := read.read(CHUNK_BYTES):
                hasher.update(chunk)
                written.write(chunk)
            written.flush()
            os.fsync(written.fileno())
        return
    opened = open_bucket(settings)
    if direction == "up":
        with source.open("rb") as read:
            while chunk := read.read(CHUNK_BYTES):
                hasher.update(chunk)
        obstore.put(opened, "plain.bin", source, chunk_size=8 * 2**20, max_concurrency=4)
        return
    with target.open("wb") as written:
        for piece in obstore.get(opened, "plain.bin").stream(min_chunk_size=CHUNK_BYTES):
            hasher.update(piece)
            written.write(piece)


def collection(store: str, settings: BucketSettings | None, data: Path, count: int) -> None:
    """Let a server list, measure and collect many objects that no row names."""
    with serving(data, settings) as (pid, address), lv.Connection(address) as connection:
        declare(connection)
        filled = timed(lambda: fill(settings, data, count))
        print(f"{store}: {count} objects made in {filled:.0f} s", flush=True)

        def measured(work: str, command: str) -> None:
            before = reset_peak(pid)
            taken, client = run_command(command, address)
            growth = (peak(pid) - before) / 2**20
            print(
                f"{store} {work}: {count} objects in {taken:.1f} s; {client / 2**20:.0f} MB in the client, "
                f"memory + {growth:.0f} MB in the server",
                flush=True,
            )

        measured("list", "list")
        measured("usage", "usage")
        measured("quarantine", "collect")
        asyncio.run(execute(data, "UPDATE levada.object SET quarantine_time = now() - interval '8 days'"))
        measured("removal", "collect")
        left = asyncio.run(execute(data, "SELECT count(*) FROM levada.object"))
        print(f"{store}: {left} objects left", flush=True)


def fill(settings: BucketSettings | None, data: Path, count: int) -> None:
    """Make objects that no row names, a week old."""
    paths = [f"_levada/attach/{n % 256:02x}/{n:08x}/a" for n in range(count)]
    if settings is None:
        for path in paths:
            place = data / "main" / path
            place.parent.mkdir(parents=True)
            place.write_bytes(b"x")
    else:
        asyncio.run(put_all(settings, data.name, paths))
    asyncio.run(
        execute(
            data,
            "INSERT INTO levada.object (id, schema_id, codec, store, path, name, folder, state, size_bytes, hash,"
            " expire_time) SELECT gen_random_uuid(), (SELECT min(id) FROM levada.schema), 'attach', 'main', path, 'a',"
            " false, 'whole', 1, '', now() - interval '1 day' FROM unnest($1::text[]) AS path",
            paths,
        )
    )


async def put_all(settings: BucketSettings, prefix: str, paths: list[str]) -> None:
    """Put a byte at each path."""
    opened, turns = open_bucket(settings), asyncio.Semaphore(32)

    async def put(path: str) -> None:
        async with turns:
            await obstore.put_async(opened, f"{prefix}/{path}", b"x")

    await asyncio.gather(*map(put, paths))


# A process of its own, because a child counts the memory that its parent had when it began.
_MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def run_command(word: str, address: str) -> tuple[float, int]:
    """Run a command for objects; return its seconds, and the most memory that it used, in bytes."""
    command = [sys.executable, "-m", "levada", "objects", word, "--url", address]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _MEASURED, *command], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, int(done.stdout) * 1024


async def execute(data: Path, statement: str, *arguments: Any) -> Any:
    """Run a statement in the database of a data folder, and return its first value."""
    with embedded.reached(data) as url:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement, *arguments, timeout=600)
        finally:
            await connection.close()


def declare(connection: lv.Connection) -> type[lv.Manual]:
    """Declare a table of files."""

    @lv.Schema("bench", connection=connection)
    class Thing(lv.Manual):
        definition = DEFINITION

    return Thing


def timed(action: Callable[[], Any]) -> float:
    """Return the seconds that an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def timed_here(action: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that an action takes, and those of this process's processor time."""
    began = time.process_time()
    taken = timed(action)
    return taken, time.process_time() - began


def reset_peak(pid: int | str) -> int:
    """Forget the most memory that a process has used, and return what it uses now, in bytes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak(pid)


def peak(pid: int | str) -> int:
    """Return the most memory that a process has used since, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


@dataclass
class Counted:
    """The bytes that passed from clients to a server, and back."""

    up: int = 0
    down: int = 0


@contextmanager
def counting(address: str, data: Path) -> Iterator[tuple[str, Counted]]:
    """Pass connections on to a server, and count the bytes; yield the address and the count.

    The address is a private socket, as clients of the server's own user find it: these may be offered files.
    """
    target = bare_target(address).removeprefix("unix:")
    near = data / "near"
    near.mkdir(mode=0o700)

    def connect() -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.connect(target)
        return server

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(near / "socket"))
        with passing_on(listener, connect) as counted:
            yield f"unix:{near / 'socket'}", counted


@contextmanager
def counting_tcp(host: str, port: int) -> Iterator[tuple[str, Counted]]:
    """Pass connections on to a service at a port; yield the address that stands for it, and the count."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        passing_on(listener, partial(socket.create_connection, (host, port))) as counted,
    ):
        yield f"127.0.0.1:{listener.getsockname()[1]}", counted


@contextmanager
def passing_on(listener: socket.socket, connect: Callable[[], socket.socket]) -> Iterator[Counted]:
    """Pass on what comes to a socket for the length of the block; yield the count of bytes."""
    counted, lock = Counted(), threading.Lock()

    def pass_on(source: socket.socket, sink: socket.socket, direction: str) -> None:
        with suppress(OSError):
            while content := source.recv(2**18):
                with lock:
                    setattr(counted, direction, getattr(counted, direction) + len(content))
                sink.sendall(content)
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = connect()
                for one in ((client, server, "up"), (server, client, "down")):
                    threading.Thread(target=pass_on, args=one, daemon=True).start()

    listener.listen()
    threading.Thread(target=accept, daemon=True).start()
    yield counted
    listener.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    sys.exit(main())
