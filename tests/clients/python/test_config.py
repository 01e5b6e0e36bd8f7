"""Settings: a mapping that takes DataJoint's files, variables and names."""

from __future__ import annotations

import json
import logging
import os
import warnings
from pathlib import Path

import pytest

import levada as lv
from levada._base.config import Config, NamedHost


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
    (folder / "dj_local_conf.json").write_text('{"display.limit": 7, "custom": {"a": 1}, "query_cache": "here"}')
    monkeypatch.setenv("DJ_USER", "ann")
    config = Config()
    with pytest.warns(lv.LevadaWarning, match=r"have no effect here: database.user, query_cache"):
        config.adopt()
    assert (config["display.limit"], config["safemode"], config["custom"]) == (7, False, {"a": 1})
    assert config["database.user"] == "ann"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
def test_files_of_a_folder_in_which_others_write_are_left_out(folder: Path) -> None:
    for name in ("dj_local_conf.json", "datajoint.json"):
        (folder / name).write_text('{"stores": {"raw": {"location": "/"}}, "database.host": "elsewhere"}')
    folder.chmod(0o777)
    config = Config()
    with pytest.warns(lv.LevadaWarning, match=r"\.json is not used, .* run `chmod go-w ") as told:
        config.adopt()
    assert len(told) == 2
    assert (config["stores"], config["database.host"]) == ({}, None)
    folder.chmod(0o755)
    with pytest.warns(lv.LevadaWarning, match="have no effect here"):
        config.adopt()
    assert config["stores"] == {"raw": {"location": "/"}}


def test_a_damaged_file_is_left_out_with_a_warning(folder: Path) -> None:
    (folder / "dj_local_conf.json").write_text("{")
    with pytest.warns(lv.LevadaWarning, match="dj_local_conf.json are ignored"):
        Config().adopt()
    (folder / "dj_local_conf.json").write_text("[1]")
    with pytest.raises(lv.errors.InvalidRequest, match="does not contain a JSON object"):
        Config().load()


def test_a_setting_that_does_nothing_is_kept_with_a_warning(folder: Path) -> None:
    config = Config()
    with pytest.warns(lv.LevadaWarning, match="every fetch asks the server"):
        config["query_cache"] = "cache"
    assert config["query_cache"] == "cache"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config["query_cache"] = "cache"
        config["query_cache"] = "other"  # it was said once
        config["stores"] = {"raw": {"protocol": "file", "location": "/data"}}
        config["safemode"] = False


def test_a_host_in_the_settings_is_named_with_its_place(folder: Path) -> None:
    config = Config()
    assert config.datajoint_host() is None
    with pytest.warns(lv.LevadaWarning, match="LEVADA_URL"):
        config["database.host"] = "db.lab.org"
    place, removal = 'config["database.host"]', "delete the line that sets it"
    assert config.datajoint_host() == NamedHost("db.lab.org", place, removal)
    config["database.host"] = None
    assert config.datajoint_host() is None


def test_a_host_in_the_file_of_the_user_is_named_with_that_file(folder: Path) -> None:
    (folder / "home" / ".datajoint_config.json").write_text('{"database.host": "db.lab.org"}')
    config = Config()
    with pytest.warns(lv.LevadaWarning, match=r"database\.host"):
        config.adopt()
    named = config.datajoint_host()
    assert named is not None
    assert (named.host, named.place) == ("db.lab.org", "~/.datajoint_config.json")
    assert "move the file away" in named.removal
    with pytest.warns(lv.LevadaWarning, match=r"database\.host"):
        config["database.host"] = "other.lab.org"
    assert config.datajoint_host() == NamedHost(
        "other.lab.org", 'config["database.host"]', "delete the line that sets it"
    )


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


def test_the_file_of_version_2_has_sections(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"display": {"limit": 4}, "stores": {"raw": {"location": "/mnt/raw"}}, "custom": {"display": {"x": 1}}}
    (folder / "datajoint.json").write_text(json.dumps(content))
    config = Config()
    config.adopt()
    assert (config["display.limit"], config.display.limit, config["custom"]) == (4, 4, {"display": {"x": 1}})
    assert config.get_store_spec("raw") == {"location": "/mnt/raw"}
    with pytest.raises(lv.errors.InvalidRequest, match="nothing about the store 'other'"):
        config.get_store_spec("other")
    (folder / "datajoint.json").write_text('{"database": {"host": "db.lab.org"}}')
    named = config.datajoint_host()
    assert named is not None
    assert (named.host, named.place) == ("db.lab.org", "datajoint.json")
    monkeypatch.setenv("DJ_IGNORE_CONFIG_FILE", "true")
    ignoring = Config()
    ignoring.adopt()
    assert ignoring["display.limit"] == 12


def test_saving_can_name_the_file(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = Config()
    with caplog.at_level(logging.INFO, logger="levada"):
        config.save("settings.json")
        config.save_local(verbose=True)
        config.save_global(verbose=True)
    assert [record.getMessage() for record in caplog.records] == [
        "The settings were saved in dj_local_conf.json.",
        f"The settings were saved in {Path('~/.datajoint_config.json')}.",
    ]


def test_values_of_defaults_are_not_shared(folder: Path) -> None:
    Config()["stores"]["raw"] = {}
    Config()["provenance.source"]["a"] = 1
    assert (Config()["stores"], Config()["provenance.source"]) == ({}, {})


def test_new_jobs_have_the_priority_of_the_settings(connection: lv.Connection) -> None:
    schema = lv.Schema("prioritized", connection=connection)

    @schema
    class Number(lv.Lookup):
        definition = "number : int"
        contents = ((1,), (2,))

    @schema
    class Square(lv.Computed):
        definition = """
        -> Number
        ---
        square : int
        """

        def make(self, key: dict[str, int]) -> None:
            self.insert1({**key, "square": key["number"] ** 2})

    with lv.config.override(jobs__default_priority=7, jobs__auto_refresh=False):
        Square.jobs.refresh({"number": 1})
        assert Square.jobs.fetch("priority").tolist() == [7]
        assert Square.populate(reserve_jobs=True)["success_count"] == 1
        assert Square.populate(reserve_jobs=True, refresh=True)["success_count"] == 1
    Square.delete(prompt=False)
    with lv.config.override(jobs__auto_refresh=False):
        assert Square.populate()["success_count"] == 2  # without `reserve_jobs` it computes whatever is missing


def test_schemas_declare_tables_according_to_the_settings(connection: lv.Connection) -> None:
    with lv.config.override(database__create_tables=False):
        schema = lv.Schema("undeclared", connection=connection)
        declaring = lv.Schema("undeclared", connection=connection, create_tables=True)
    assert (schema.create_tables, declaring.create_tables) == (False, True)
    assert lv.Schema("undeclared", connection=connection).create_tables


def test_attachments_are_downloaded_into_the_folder_of_the_settings(folder: Path, connection: lv.Connection) -> None:
    schema = lv.Schema("attached", connection=connection)

    @schema
    class Note(lv.Manual):
        definition = """
        note : int
        ---
        file : <attach>
        """

    (folder / "note.txt").write_text("calm")
    Note.insert1((1, folder / "note.txt"))
    with lv.config.override(download_path=str(folder / "downloads")):
        for path in (Note.fetch1("file"), Note.fetch("file")[0]):
            assert Path(path).parent == folder / "downloads"
    assert Path(Note.fetch1("file", download_path=str(folder / "other"))).parent == folder / "other"


def test_a_setting_of_the_display_has_its_type(folder: Path) -> None:
    config = Config()
    with pytest.raises(lv.errors.InvalidRequest, match=r"`display.limit` is of type int, as 12, not 'many'"):
        config["display.limit"] = "many"
    assert config["display.limit"] == 12


def test_a_slip_in_a_setting_is_doubted(folder: Path) -> None:
    with pytest.warns(lv.LevadaWarning, match=r"Did you mean `display.limit`\?"):
        Config()["display.limt"] = 5
