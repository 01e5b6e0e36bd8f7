"""`levada copy` between stores of different kinds: folders and buckets of real services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import obstore
import pytest

import levada as lv
from levada_server.storage.objects.bucket_settings import open_bucket
from tests.support.objects import BUCKETS, put_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.moving.conftest import Lab

    Levada = Callable[..., tuple[int, Any]]

LARGE = 100
"""The key of a row whose content is sent in parts to a bucket."""


def copy(levada: Levada, here: Lab, there: Lab, *schemas: str) -> dict[str, Any]:
    code, told = levada("copy", *schemas, "--to", there.address, "--yes", "--url", here.address)
    assert code == 0, told
    assert told["report"]["equal"]
    return {one["table"]: (one["inserted"], one["objects"]) for one in told["report"]["tables"]}


def exported(levada: Levada, lab: Lab, to: Path) -> dict[str, str]:
    code, told = levada("export", "animals", "work", "--to", to, "--url", lab.address)
    assert code == 0, told
    return {one["table"]: one["digest"] for one in told["tables"]}


def hashes(lab: Lab) -> list[dict[str, str | None]]:
    """Return the hashes of the content of stores, row by row."""
    stored = ("large", "trace", "video", "folder", "exact", "camera")
    with lab.connection as connection:
        rows = lv.FreeTable(connection, "work.Session").to_arrow(order_by="KEY").select(stored).to_pylist()
    return [{name: value and value["hash"] for name, value in row.items()} for row in rows]


def object_count(lab: Lab) -> int:
    """Count the files of the store `main`."""
    if "main" in lab.stores.folders:
        return sum(len(files) for _, _, files in os.walk(lab.stores.folders["main"]))
    return sum(len(page) for page in obstore.list(open_bucket(lab.stores.buckets["main"])))


@pytest.mark.parametrize("cloud", BUCKETS, indirect=True)
def test_content_is_the_same_in_a_bucket_and_in_a_folder_again(
    laptop: Lab, cloud: Lab, other: Lab, levada: Levada, tmp_path: Path
) -> None:
    for here, there in ((laptop, cloud), (cloud, other)):
        put_file(there.stores, "raw", "2026/eye.avi", b"frames")
        copied = copy(levada, here, there, "animals", "work")
        assert copied["work.Session"] == (2, 11)
        assert hashes(there) == hashes(here)
        assert copy(levada, here, there, "animals", "work")["work.Session"] == (0, 0)
    digests = [exported(levada, lab, tmp_path / f"out-{n}") for n, lab in enumerate((laptop, cloud, other))]
    assert digests[0] == digests[1] == digests[2]
    with other.connection as connection:
        row = (lv.FreeTable(connection, "work.Session") & "session = 2").fetch1()
        assert np.array_equal(row["large"], np.arange(1000) * 2)
        assert (row["folder"] / "deep/b.bin").read_bytes() == bytes(range(256))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not killed there by a signal")
@pytest.mark.parametrize("cloud", BUCKETS[:1], indirect=True)  # the client goes on in the same way with each
@pytest.mark.parametrize("way", ["to the bucket", "from the bucket"])
def test_copy_that_was_killed_goes_on(laptop: Lab, cloud: Lab, levada: Levada, tmp_path: Path, way: str) -> None:
    here, there = (laptop, cloud) if way == "to the bucket" else (cloud, laptop)
    rng = np.random.default_rng(1)
    with here.connection as connection:
        schema = lv.Schema("many", connection=connection)

        @schema
        class Frame(lv.Manual):
            definition = """
            frame : int32
            ---
            image : <blob@main>
            """

        Frame.insert([{"frame": n, "image": rng.bytes(30_000_000 if n == LARGE else 8_000)} for n in range(120)])
    before = object_count(there)
    words = ["copy", "many", "--to", there.address, "--yes", "--url", here.address]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "killed")}
    killed = 0
    for stored in (1, 40, LARGE + 1):
        process = subprocess.Popen([sys.executable, "-m", "levada", *words], env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            if object_count(there) - before >= stored:
                process.send_signal(signal.SIGKILL)
                killed += 1
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
    assert killed
    copy(levada, here, there, "many")
    with here.connection as one, there.connection as another:
        mine, theirs = (
            [row["image"]["hash"] for row in lv.FreeTable(c, "many.Frame").to_arrow(order_by="KEY").to_pylist()]
            for c in (one, another)
        )
        image = (lv.FreeTable(another, "many.Frame") & {"frame": LARGE}).fetch1("image")
    assert mine == theirs
    assert len(set(mine)) == 120
    assert len(image) == 30_000_000
