"""`python -m benchmarks.backup`: save, check and restore gigabytes of rows and objects while a client writes on."""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW_BYTES = 1 << 20
OBJECT_BYTES = 16 << 20


def main() -> int:
    """Run the commands, print how long each took, and compare what the restored server fetches."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backup", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="half as rows, half as objects (default: 2)")
    options = parser.parse_args()
    half = int(options.gigabytes * 2**29)
    with tempfile.TemporaryDirectory(prefix="levada-backup-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # for root, PostgreSQL runs as another user
        backup = folder / "backup"
        with serving(folder / "data") as address, lv.Connection(address) as connection:
            fill(connection, half // ROW_BYTES, half // OBJECT_BYTES)
            written = threading.Event()
            writer = threading.Thread(target=write_on, args=(connection, written))
            writer.start()
            timed("backup", str(backup), "--data-dir", str(folder / "data"))
            written.set()
            writer.join()
            before = digests(connection)
        timed("verify", str(backup))
        timed("restore", str(backup), "--data-dir", str(folder / "again"))
        with serving(folder / "again") as address, lv.Connection(address) as connection:
            after = digests(connection)
    print(f"tables {len(before)}, differences {sum(before[table] != after[table] for table in before)}")
    return int(before != after)


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """Run a server on a data folder for the length of the block."""
    command = [sys.executable, "-m", "levada_server", "serve", "--data-dir", str(data), "--log-level", "ERROR"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[4]
        finally:
            process.terminate()


def timed(*words: str) -> None:
    """Run a command of Levada, and print how long it took."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "levada", *words], check=True)
    print(f"levada {words[0]}: {(time.perf_counter() - began) / 60:.2f} minutes", flush=True)


def fill(connection: lv.Connection, rows: int, objects: int) -> None:
    """Declare tables and fill them with values that cannot be compressed."""
    schema = lv.Schema("filled", connection=connection)

    @schema
    class Recording(lv.Manual):
        definition = "recording : int32\n---\ntrace : <blob>"

    @schema
    class Movie(lv.Manual):
        definition = "movie : int32\n---\nframes : <blob@>"

    @schema
    class Beside(lv.Manual):
        definition = "number : int64"

    for number in range(rows):
        Recording.insert1((number, np.frombuffer(os.urandom(ROW_BYTES), np.uint8)))
    for number in range(objects):
        Movie.insert1((number, np.frombuffer(os.urandom(OBJECT_BYTES), np.uint8)))


def write_on(connection: lv.Connection, stopped: threading.Event) -> None:
    """Insert rows until told to stop."""
    beside = lv.FreeTable(connection, "filled.Beside")
    number = 0
    while not stopped.is_set():
        beside.insert1({"number": number})
        number += 1
    print(f"{number} rows were inserted during the backup", flush=True)


def digests(connection: lv.Connection) -> dict[str, str]:
    """Digest what a client fetches of each table that nobody changed meanwhile."""
    found = {}
    for name, attribute in (("Recording", "trace"), ("Movie", "frames")):
        table, hashed = lv.FreeTable(connection, f"filled.{name}"), hashlib.sha256()
        for key in table.keys(order_by="KEY"):
            hashed.update((table & key).fetch1(attribute).tobytes())
        found[name] = hashed.hexdigest()
    return found


if __name__ == "__main__":
    sys.exit(main())
