"""The files of an archive: what is not as it was written, or leads out of it, is found before anything is read."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from levada._moving.archive import DATA, check_bag, write_bag
from levada._moving.folder import CONTENTS, read_contents
from levada.errors import DamagedObject, InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ("levada._moving.folder",)
MANIFEST = "manifest-sha256.txt"
ODD = "a\x0b\x1c\u2028b %0A.txt"
"""A name with characters that Python takes for the ends of lines."""


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    folder = tmp_path / "bag"
    (folder / DATA).mkdir(parents=True)
    for name in ("rows.parquet", ODD):
        (folder / DATA / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    write_bag(folder, description="a bag")
    return folder


def listed(bag: Path, line: bytes) -> None:
    """Add a line to the list of files, and the list to the list of lists."""
    with (bag / MANIFEST).open("ab") as manifest:
        manifest.write(line + b"\n")
    digest = sha256((bag / MANIFEST).read_bytes()).hexdigest()
    tags = bag / f"tag{MANIFEST}"
    others = [one for one in tags.read_text().splitlines() if not one.endswith(MANIFEST)]
    tags.write_text("\n".join([*others, f"{digest}  {MANIFEST}"]) + "\n")


def test_whole_archive_is_one(bag: Path) -> None:
    check_bag(bag)


@pytest.mark.parametrize(
    "line",
    [
        b"abc",
        b"\xff\xfe  x",
        b"%s  ../secret",
        b"%s  /etc/hostname",
        b"%s  data/link",
        b"%s  data/circle",
        b"%s  data/a\x00b",
    ],
)
def test_list_that_leads_out_or_is_none_is_damage(bag: Path, tmp_path: Path, line: bytes) -> None:
    (bag / DATA / "link").symlink_to(tmp_path / "secret")
    (bag / DATA / "circle").symlink_to(bag / DATA / "circle")
    listed(bag, line.replace(b"%s", sha256(b"secret").hexdigest().encode()))
    with pytest.raises(DamagedObject):
        check_bag(bag)


def test_file_that_is_changed_missing_or_strange_is_damage(bag: Path) -> None:
    rows = bag / DATA / "rows.parquet"
    rows.write_text("other")
    with pytest.raises(DamagedObject, match="other bytes"):
        check_bag(bag)
    rows.unlink()
    with pytest.raises(DamagedObject, match="missing"):
        check_bag(bag)
    rows.write_text("rows.parquet")
    (bag / DATA / "more").touch()
    with pytest.raises(DamagedObject, match="not on the list"):
        check_bag(bag)


def test_folder_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="not an archive"):
        check_bag(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "{",
        "[" * 100_000,
        '{"form": 1, "complete": true}',
        '{"form": 1, "complete": true, "tables": [1]}',
    ],
)
def test_list_of_contents_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CONTENTS).write_text(text)
    with pytest.raises(InvalidRequest):
        read_contents(tmp_path)
