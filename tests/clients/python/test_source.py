"""Which server a program works with: what is set, and the folders around it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._cli import main
from levada._net import embedded
from levada._net.source import Source, find_source

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ("levada._cli.main", "levada._net.embedded")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder without settings around it."""
    for name in ("LEVADA_URL", "LEVADA_TOKEN", "DJ_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def data_folder(folder: Path) -> Path:
    """A folder that the local server of the folder would have its data in."""
    (folder / ".levada").mkdir()
    return folder / ".levada"


def test_data_are_found_in_a_folder_above(folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = folder / "project" / "notebooks"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_source() == Source(None, data_folder=data_folder, found_in=str(data_folder))
    (below / ".levada").mkdir()
    assert find_source().data_folder == below / ".levada"


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such modes")
def test_data_are_not_looked_for_above_a_folder_that_others_write(
    folder: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = folder / "shared" / "mine"
    below.mkdir(parents=True)
    (folder / "shared").chmod(0o777)
    monkeypatch.chdir(below)
    assert find_source() == Source(None, data_folder=below / ".levada")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_data_of_another_user_are_refused(folder: Path, data_folder: Path) -> None:
    os.chown(data_folder, 65534, 65534)
    with pytest.raises(lv.errors.InvalidRequest, match="belongs to another user"):
        lv.connect()


def test_a_file_that_names_a_server_counts_before_data(folder: Path, data_folder: Path) -> None:
    (folder / "levada.toml").write_text('url = "lab:1"', encoding="utf-8")
    assert find_source() == Source("lab:1", found_in=str(folder / "levada.toml"))


@pytest.mark.filterwarnings("ignore::levada.LevadaWarning")
@pytest.mark.parametrize(
    "command",
    [["worker", "hosted", "--drain"], ["run", "hosted"], ["populate", "hosted", "Any"], ["alter", "hosted"]],
    ids=lambda command: command[0],
)
def test_commands_refuse_a_host_in_their_module_as_a_script_does(
    command: list[str],
    server_address: str,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (data_folder.parent / "hosted.py").write_text(
        'import levada as lv\n\nlv.config["database.host"] = "db.lab.org"\n', encoding="utf-8"
    )
    monkeypatch.setattr(embedded, "join_or_start", lambda _: server_address)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "hosted", raising=False)
    monkeypatch.setattr(lv.config, "_values", dict(lv.config))
    assert main.main(command) == 1
    told = "config[\"database.host\"] names the database host 'db.lab.org'"
    assert told in "".join(capfd.readouterr())
    # An address that the command is given counts before.
    main.main([*command, "--url", server_address])
    assert told not in "".join(capfd.readouterr())
