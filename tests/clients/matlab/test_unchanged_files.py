"""Files of a folder that nobody changes: both clients find the same ones."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

import levada as lv
from tests.clients.matlab.m_tests import TestFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.matlab.m_tests import MTests

PATTERNS = ("*", "*.h5", "?.h5", "[ab].h5", "[!a].h5", "a.h5", "a+(b).h5", "mäuse*", ".*", "*.H5", "[a.h5")
A_MOMENT = 1e-6
"""Minutes; any file is older once somebody asks."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of files, links, folders and a pipe."""
    for path in ("a.h5", "b.h5", "c.txt", "deep/er/a.h5", "deep/a+(b).h5", "mäuse 🐭.h5", ".hidden", "[a.h5"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"content")
    (tmp_path / "empty").mkdir()
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    (tmp_path / "again.h5").symlink_to(tmp_path / "a.h5")
    (tmp_path / "gone.h5").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.h5")
    return tmp_path


def found(m_tests: MTests, folder: Path, minutes: float, pattern: str) -> list[str]:
    """Return the files that MATLAB finds."""
    answer = m_tests.run("unchangedFilesOf", "files", place=str(folder), minutes=minutes, pattern=pattern)
    return list(answer)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_both_clients_find_the_same_files(tree: Path, m_tests: MTests, pattern: str) -> None:
    expected = sorted(map(str, lv.unchanged_files(tree, minutes=0, pattern=pattern)))
    assert found(m_tests, tree, 0, pattern) == expected


def test_files_that_change_or_come_from_the_future_are_left_out(tree: Path, m_tests: MTests) -> None:
    later = time.time() + 3600
    os.utime(tree / "a.h5", (later, later))
    expected = sorted(map(str, lv.unchanged_files(tree, minutes=A_MOMENT, pattern="*.h5")))
    assert str(tree / "b.h5") in expected
    assert found(m_tests, tree, A_MOMENT, "*.h5") == expected
    long_ago = time.time() - 3600
    os.utime(tree / "b.h5", (long_ago, long_ago))  # which is itself a change
    assert list(lv.unchanged_files(tree, minutes=20)) == []
    assert found(m_tests, tree, 20, "*") == []


def test_the_folder_itself_may_be_a_link(tree: Path, m_tests: MTests) -> None:
    (tree / "share").symlink_to(tree / "deep")
    assert found(m_tests, tree / "share", 0, "a.h5") == [str(tree / "share" / "er" / "a.h5")]


def test_folders_that_are_away_and_wrong_minutes_are_errors(tree: Path, m_tests: MTests) -> None:
    with pytest.raises(TestFailed, match="levada:NotFound: There is no folder"):
        found(m_tests, tree / "share", 0, "*")
    with pytest.raises(TestFailed, match=r"levada:PreconditionFailed: .*a\.h5 cannot be read"):
        found(m_tests, tree / "a.h5", 0, "*")
    with pytest.raises(TestFailed, match="levada:InvalidRequest: Minutes is a number, 0 or more"):
        found(m_tests, tree, -1, "*")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_an_unreadable_folder_is_told_beside_the_files_of_the_others(tree: Path, m_tests: MTests) -> None:
    closed = tree / "deep"
    closed.chmod(0)
    try:
        with pytest.raises(TestFailed, match=r"levada:PreconditionFailed: .*deep cannot be read: Permission denied"):
            found(m_tests, tree, 0, "*")
        assert m_tests.run("unchangedFilesOf", "unread", place=str(tree)) == [str(closed)]
    finally:
        closed.chmod(0o700)
