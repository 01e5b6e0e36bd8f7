"""The pipe between PostgreSQL and a reader: nothing is lost or reordered, on either path."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import LimitReached
from levada_server.storage.postgres.spool import MEMORY_BYTES, Left, Pipe, SpoolSpace

if TYPE_CHECKING:
    from pathlib import Path


PIECE = bytes(2**17)
IN_MEMORY = MEMORY_BYTES // len(PIECE)


@pytest.mark.parametrize("seed", range(6))
async def test_all_bytes_come_in_order_however_the_reader_keeps_up(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    monkeypatch.setattr("levada_server.storage.postgres.spool.MEMORY_BYTES", 10_000)
    # Sometimes so little that the writer has to wait for the reader again.
    space = SpoolSpace(tmp_path, limit_bytes=rng.choice([0, 50_000, 2**30]))
    pipe = Pipe(space)
    sent = [rng.randbytes(rng.choice([1, 100, 20_000])) for _ in range(300)]

    async def write() -> None:
        for number, piece in enumerate(sent):
            await pipe.put(piece)
            if number == 100:
                pipe.hurry()
        pipe.end()

    task = asyncio.create_task(write())
    got = bytearray()
    while pieces := await pipe.get(rng.choice([1, 5000, 10**6])):
        got += b"".join(pieces)
        for _ in range(rng.choice([0, 0, 1, 40])):
            await asyncio.sleep(0)
    await task
    await pipe.close()
    assert got == b"".join(sent)
    assert space.used_bytes == 0


async def test_a_writer_that_is_hurried_needs_no_reader(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path)
    pipe = Pipe(space)
    pipe.hurry()
    for _ in range(100):
        await pipe.put(PIECE)
    assert pipe.spooled_bytes == space.used_bytes == (100 - IN_MEMORY) * len(PIECE)
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # the file has no name: nobody can open it, and it ends with the process
    await pipe.close()
    assert space.used_bytes == 0


async def test_one_piece_goes_to_disk_at_a_time(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path)
    pipes = [Pipe(space) for _ in range(2)]
    for pipe in pipes:
        pipe.hurry()
        for _ in range(IN_MEMORY):
            await pipe.put(PIECE)
    async with space.turn:
        writing = [asyncio.create_task(pipe.put(PIECE)) for pipe in pipes]
        for _ in range(3):
            await asyncio.sleep(0)
        assert [pipe.spooled_bytes for pipe in pipes] == [0, 0]
    await asyncio.gather(*writing)
    assert [pipe.spooled_bytes for pipe in pipes] == [len(PIECE)] * 2
    for pipe in pipes:
        await pipe.close()


async def test_a_reader_that_catches_up_frees_the_disk(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path)
    pipe = Pipe(space)
    pipe.hurry()
    for _ in range(3):
        for _ in range(50):
            await pipe.put(PIECE)
        size = 0
        while size < 50 * len(PIECE):
            size += sum(map(len, await pipe.get(1)))
        assert space.used_bytes == 0
    await pipe.close()


async def test_a_writer_waits_no_longer_than_its_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("levada_server.storage.postgres.spool.PATIENCE_S", 0.01)
    pipe = Pipe(SpoolSpace(tmp_path))
    for _ in range(IN_MEMORY + 3):
        await pipe.put(PIECE)
    assert pipe.spooled_bytes == 3 * len(PIECE)
    await pipe.close()


@pytest.mark.parametrize("space", [None, SpoolSpace(limit_bytes=0)])
async def test_without_space_the_writer_waits_for_the_reader(space: SpoolSpace | None) -> None:
    pipe = Pipe(space)
    pipe.hurry()
    for _ in range(IN_MEMORY):
        await pipe.put(PIECE)
    task = asyncio.create_task(pipe.put(b"last"))
    await asyncio.sleep(0)
    assert not task.done()
    await pipe.get(1)
    await task
    pipe.leave()
    with pytest.raises(Left):
        await pipe.put(b"more")


async def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    pipe = Pipe(SpoolSpace(tmp_path / "missing"))
    pipe.hurry()
    with pytest.raises(LimitReached, match="disk"):
        for _ in range(IN_MEMORY + 1):
            await pipe.put(PIECE)
    await pipe.close()
