"""Rows that clients send wait in the spool, in bounds; a full spool is reported, and no file is left."""

from __future__ import annotations

import os
import resource
import time
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import LimitReached
from levada_server.storage.postgres.spool import ARRIVAL_BYTES, LEFT_S, PREFIX, Spooled, SpoolSpace

if TYPE_CHECKING:
    from pathlib import Path

PIECE = bytes(2**20)
PIECES = 2 * ARRIVAL_BYTES // len(PIECE)


def test_few_bytes_take_no_space_and_many_take_theirs(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path)
    with Spooled(space) as content:
        for number in range(PIECES):
            assert content.write(PIECE) == len(PIECE)
            written = (number + 1) * len(PIECE)
            assert space.used_bytes == (written if written > ARRIVAL_BYTES else 0)
        content.seek(0)
        assert content.write(b"first") == 5
        assert space.used_bytes == PIECES * len(PIECE)
        content.seek(0)
        assert content.read(6) == b"first\0"
        assert len(content.read()) == PIECES * len(PIECE) - 6
    assert space.used_bytes == 0
    assert not list(tmp_path.iterdir())


def test_an_insert_that_the_spool_cannot_take_is_refused(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path, limit_bytes=ARRIVAL_BYTES + len(PIECE))
    with Spooled(space) as first, Spooled(space) as second:
        for _ in range(ARRIVAL_BYTES // len(PIECE) + 1):
            first.write(PIECE)
        with pytest.raises(LimitReached, match="may now take 9 MB of its 9 MB"):
            for _ in range(PIECES):
                second.write(PIECE)
    assert space.used_bytes == 0


def test_a_full_disk_is_told_as_the_spool(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ARRIVAL_BYTES + len(PIECE), before[1]))
    try:
        with Spooled(space) as content, pytest.raises(LimitReached, match="The spool is full: the server's disk"):
            for _ in range(PIECES):
                content.write(PIECE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert space.used_bytes == 0


def test_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    left, young, other = (tmp_path / name for name in (f"{PREFIX}old", f"{PREFIX}young", "levada-0-1"))
    for path in (left, young, other):
        path.touch()
    past = time.time() - 2 * LEFT_S
    for path in (left, other):
        os.utime(path, (past, past))
    SpoolSpace(tmp_path).remove_leftovers()
    assert not left.exists()
    assert young.exists()
    assert other.exists()


def test_few_bytes_go_to_disk_where_many_clients_take_the_memory(tmp_path: Path) -> None:
    space = SpoolSpace(tmp_path, memory_bytes=3 * len(PIECE))
    with Spooled(space) as first, Spooled(space) as second:
        first.write(PIECE * 2)
        second.write(PIECE)
        assert space.used_bytes == 0
        second.write(PIECE)
        assert space.used_bytes == 2 * len(PIECE)
        first.write(PIECE)  # what the second one had
        assert space.used_bytes == 2 * len(PIECE)
        second.seek(0)
        assert second.read() == PIECE * 2
    assert (space.used_bytes, space.memory_bytes) == (0, 3 * len(PIECE))


def test_no_user_fills_the_spool() -> None:
    space = SpoolSpace(limit_bytes=80)
    greedy, other, third = (space.of_user(number) for number in (1, 2, 3))
    assert greedy.take(40)
    assert greedy.take(30)  # all but the reserve
    assert not greedy.take(1)
    assert other.take(5)  # half of what is left
    assert not other.take(1)
    assert third.take(2)
    assert not third.take(1)
    assert space.take(3)  # the server's own may have all
    assert not space.take(1)
    for taker, size in ((greedy, 70), (third, 2), (space, 3)):
        taker.give_back(size)
    assert other.take(65)
    assert not other.take(1)
    other.give_back(70)
    assert space.used_bytes == 0


def test_a_refused_insert_names_the_part_of_its_user(tmp_path: Path) -> None:
    whole = SpoolSpace(tmp_path, limit_bytes=2 * ARRIVAL_BYTES)
    for space, part in ((whole.of_user(1), 14), (whole, 16)):
        with Spooled(space) as content, pytest.raises(LimitReached, match=f"take {part} MB of its 16 MB") as caught:
            for _ in range(PIECES + 1):
                content.write(PIECE)
        assert caught.value.details == {"limit": "spool", "value": str(part * len(PIECE))}
