"""Settings: a mapping that takes DataJoint's files, variables and names."""

from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._base.config import Config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder in an empty home, and no variable of DataJoint."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("DJ_HOST", "DJ_LOG_LEVEL", "DJ_PASS", "DJ_PORT", "DJ_USER"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path


def test_unknown_names_are_kept(folder: Path) -> None:
    config = Config()
    config["custom"] = {"root": "/data"}
    config["lab.rig"] = 3
    assert (config["custom"]["root"], config["lab.rig"], config.get("nothing")) == ("/data", 3, None)
    del config["lab.rig"]
    with pytest.raises(KeyError, match="rig"):
        config["lab.rig"]


def test_the_files_and_variables_of_datajoint_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "home" / ".datajoint_config.json").write_text('{"display.limit": 5, "safemode": false}')
    (folder / "dj_local_conf.json").write_text(
        '{"display.limit": 7, "custom": {"a": 1}, "enable_python_native_blobs": true}'
    )
    monkeypatch.setenv("DJ_USER", "ann")
    config = Config()
    with pytest.warns(lv.LevadaWarning, match=r"have no effect here: database.user, enable_python_native_blobs"):
        config.adopt()
    assert (config["display.limit"], config["safemode"], config["custom"]) == (7, False, {"a": 1})
    assert config["database.user"] == "ann"


def test_a_damaged_file_is_left_out_with_a_warning(folder: Path) -> None:
    (folder / "dj_local_conf.json").write_text("{")
    with pytest.warns(lv.LevadaWarning, match="dj_local_conf.json are ignored"):
        Config().adopt()
    (folder / "dj_local_conf.json").write_text("[1]")
    with pytest.raises(lv.errors.InvalidRequest, match="does not contain a JSON object"):
        Config().load()


def test_a_setting_that_does_nothing_is_kept_with_a_warning(folder: Path) -> None:
    config = Config()
    with pytest.warns(lv.LevadaWarning, match="nothing is kept on this machine"):
        config["query_cache"] = "cache"
    assert config["query_cache"] == "cache"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config["query_cache"] = "cache"
        config["stores"] = {"raw": {"protocol": "file", "location": "/data"}}
        config["safemode"] = False


def test_a_host_in_the_settings_is_named_with_its_place(folder: Path) -> None:
    config = Config()
    assert config.datajoint_host() is None
    with pytest.warns(lv.LevadaWarning, match="LEVADA_URL"):
        config["database.host"] = "db.lab.org"
    assert config.datajoint_host() == ("db.lab.org", 'config["database.host"]')


def test_settings_are_saved_and_loaded(folder: Path) -> None:
    config = Config()
    config["display.limit"] = 3
    config.save_local()
    config.save_global()
    assert json.loads((folder / "home" / ".datajoint_config.json").read_text())["display.limit"] == 3
    other = Config()
    other.load()
    assert dict(other) == dict(config)


def test_the_log_level_is_that_of_the_logger(folder: Path) -> None:
    before = lv.logger.level
    try:
        Config()["loglevel"] = "debug"
        assert lv.logger.level == logging.DEBUG
    finally:
        lv.logger.setLevel(before)


def test_override_ends_with_its_block(folder: Path) -> None:
    config = Config()
    with config(display__limit=2):
        assert config["display.limit"] == 2
    assert config["display.limit"] == 12


def test_settings_are_attributes_too(folder: Path) -> None:
    config = Config()
    config.display.limit = 4
    config.safemode = False
    assert (config["display.limit"], config["safemode"], config.display.width) == (4, False, 14)
    for name in ("nothing", "_nothing"):
        with pytest.raises(AttributeError, match="nothing"):
            getattr(config, name)
    with pytest.raises(AttributeError, match=r"`display.nothing`"):
        config.display.nothing  # noqa: B018
