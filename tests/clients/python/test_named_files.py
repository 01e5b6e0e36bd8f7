"""Files on this machine that a server names: a private one is not taken for an object."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from blake3 import blake3

import levada as lv
from levada._objects.handles import StoredFile, StoredFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = ("levada._objects.handles", "levada._objects.named_files")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files have no bits for others there")
SECRET = b"a key"
LISTED = b"%s 1 a\n" % (b"0" * 64)


@pytest.fixture
def folder(connection: lv.Connection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that others may enter; a server of another user says that it is its store `main`."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # the default may be in a folder that others cannot enter
        made = Path(name).resolve()
        made.chmod(0o755)
        monkeypatch.setattr(connection, "store_folder", lambda _: made)
        monkeypatch.setattr(lv.Connection, "is_private", False)
        yield made


def named(connection: lv.Connection, path: str) -> StoredFile:
    return StoredFile("an-id", "filepath", "main", path, "key", len(SECRET), "", connection)


def write(place: Path, bits: int) -> Path:
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(SECRET)
    place.chmod(bits)
    return place


def test_a_server_of_another_user_names_only_files_that_others_may_read(
    connection: lv.Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(folder / "lab" / "key", 0o644)
    place.parent.chmod(0o755)
    assert named(connection, "lab/key").local_path == place
    (folder / "link").symlink_to("lab/key")
    assert named(connection, "link").local_path == folder / "link"
    place.parent.chmod(0o700)
    for path in ("lab/key", "link", f"../{folder.name}/lab/key", str(place)):
        assert named(connection, path).local_path is None
    place.parent.chmod(0o755)
    place.chmod(0o600)
    assert named(connection, "lab/key").local_path is None
    assert named(connection, "link").local_path is None
    with lv.config.override(stores={"main": {"location": str(folder)}}):
        assert named(connection, "lab/key").local_path == place
    monkeypatch.setattr(lv.Connection, "is_private", True)
    assert named(connection, "lab/key").local_path == place


def test_a_server_of_another_user_names_only_folders_beside_their_list(connection: lv.Connection, folder: Path) -> None:
    write(folder / "home" / "key", 0o600).parent.chmod(0o755)
    write(folder / "run" / "a", 0o644)
    (folder / "run.files").write_bytes(LISTED)
    (folder / "home.files").write_bytes(b"")

    def place(path: str) -> Path | None:
        hash_ = blake3(LISTED).hexdigest()
        return StoredFolder("an-id", "object", "main", path, path, 1, hash_, connection, file_count=1).local_path

    assert place("run") == folder / "run"
    assert place("home") is None
    assert place(".") is None
    assert place("") is None
