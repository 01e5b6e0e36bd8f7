"""Findings of `levada check-code` in code that was written for DataJoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from levada._cli import main

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ("levada._cli.main",)

CODE = '''\
import datajoint as dj
from datajoint.external import ExternalTable
from datajoint import admin

schema = dj.schema("lab")
dj.config["database.host"] = "db.example.org"


@schema
class Session(dj.Manual):
    definition = """
    session : int
    """


dj.kill()
print(schema.external["raw"], Session.tier_regexp, Session().make_sql())
rows = dj.conn().query("SELECT 1")
admin.set_password("x")
other.external
'''


def found(path: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[int, str]]:
    main.main(["check-code", str(path), "--json"])
    places = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(place["advice"] for place in places)
    return [(place["line"], place["name"]) for place in places]


def test_every_place_that_must_change_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pipeline.py"
    file.write_text(CODE, encoding="utf-8")
    assert found(file, capsys) == [
        (1, "datajoint"),
        (2, "ExternalTable"),
        (2, "datajoint.external"),
        (3, "datajoint"),
        (6, "dj.config['database.host']"),
        (16, "dj.kill"),
        (17, "Session().make_sql"),
        (17, "Session.tier_regexp"),
        (17, "schema.external"),
        (18, "dj.conn().query"),
        (19, "admin.set_password"),
    ]


def test_code_that_runs_as_it_is_has_no_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.py").write_text("import levada as dj\n\nschema = dj.schema('lab')\n", encoding="utf-8")
    (tmp_path / "a.py").write_text("import levada as dj\n\ntable = dj.FreeTable('lab.Session')\n", encoding="utf-8")
    assert main.main(["check-code", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "2 files: 0 places to change\n"


@pytest.mark.parametrize("line", ["import levada.as_datajoint", "from levada import as_datajoint"])
def test_code_that_has_taken_the_advice_has_no_imports_to_change(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "alone.py").write_text(f"{line}\nimport datajoint as dj\ndj.kill()\n", encoding="utf-8")
    (tmp_path / "late.py").write_text(f"import datajoint as dj\n{line}\n", encoding="utf-8")
    (tmp_path / "package" / "deep").mkdir(parents=True)
    (tmp_path / "package" / "__init__.py").write_text(f"{line}\n", encoding="utf-8")
    (tmp_path / "package" / "deep" / "lab.py").write_text("from datajoint import Manual\n", encoding="utf-8")
    assert found(tmp_path, capsys) == [(3, "dj.kill"), (1, "datajoint")]


def test_a_file_that_python_cannot_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.py").write_text("import datajoint\nprint 5\n", encoding="utf-8")
    assert main.main(["check-code", str(tmp_path)]) == 1
    assert "old.py:2: old.py: Python cannot read it" in capsys.readouterr().out


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["check-code", str(tmp_path / "nowhere")]) == 1
    assert "There is no file or folder" in capsys.readouterr().err
