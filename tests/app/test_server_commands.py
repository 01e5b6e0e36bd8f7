"""The server's command line: what it refuses, and how it says so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from levada_server.cli import main
from levada_server.data_place import found_data_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("listen", "advice"),
    [
        ("127.0.0.1", "use HOST:PORT, such as 127.0.0.1:50051"),
        ("lab.example.org:", "such as lab.example.org:50051"),
        ("::1", "such as [::1]:50051"),
        ("[::1]", "such as [::1]:50051"),
        ("127.0.0.1:70000", "has no port"),
    ],
)
def test_an_address_without_a_port_is_refused(listen: str, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--listen", listen])
    assert ended.value.code == 2
    assert advice in capsys.readouterr().err


def test_a_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--stores", str(tmp_path / "nofile.toml")]) == 1
    assert capsys.readouterr().err == (
        f"levada serve: {tmp_path}/nofile.toml cannot be read: no such file or directory.\n"
    )
    (tmp_path / "bad.toml").write_text("[", encoding="utf-8")
    assert main(["serve", "--stores", str(tmp_path / "bad.toml")]) == 1
    assert "is not valid TOML" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()  # root may write into folders that are read-only
    assert main(["serve", "--data-dir", str(tmp_path / "file" / "data")]) == 1
    assert capsys.readouterr().err == (
        f"levada serve: The data folder {tmp_path}/file/data cannot be used: not a directory.\n"
    )


def test_data_are_found_in_a_folder_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "project" / "notebooks"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert str(found_data_folder()) == ".levada"
    (tmp_path / "project" / ".levada").mkdir()
    assert found_data_folder() == tmp_path / "project" / ".levada"
    (below / ".levada").mkdir()
    assert str(found_data_folder()) == ".levada"
    (below / ".levada").rmdir()
    (tmp_path / "project").chmod(0o777)  # others could have put it there
    assert str(found_data_folder()) == ".levada"
    if os.geteuid() == 0:
        (tmp_path / "project").chmod(0o755)
        os.chown(tmp_path / "project" / ".levada", 65534, 65534)
        assert str(found_data_folder()) == ".levada"
