"""Decisions as the plan takes them: misfits, lone answers, and tables that are here already."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.mariadb import MariaDB

    Bring = Callable[..., tuple[int, Any]]

TESTS = ("levada._cli.main", "levada._from_datajoint.existing", "levada._from_datajoint.misfits")


def with_lines(decisions: Path, section: str, *lines: str) -> Path:
    """Add lines to a section of a file of decisions."""
    text = decisions.read_text(encoding="utf-8")
    added = "\n".join(["", f"[{section}]", *lines, ""])
    text = text.replace(f"\n[{section}]\n", added) if f"\n[{section}]\n" in text else text + added
    decisions.write_text(text, encoding="utf-8")
    return decisions


@pytest.mark.parametrize(
    ("section", "line", "named"),
    [
        ("decisions", '"sett:lab.mark.flags" = "text"', "'sett:lab.mark.flags' in [decisions]"),
        ("decisions", '"set:lab.mrak.*" = "text"', "'set:lab.mrak.*' in [decisions]"),
        ("decisions", '"timestamp_zone" = "utc"', "'timestamp_zone' in [decisions]"),
        ("schemas", '"a_animal" = "zoo"', "'a_animal' in [schemas]"),
        ("attributes", '"lab.session.beginn" = "begin"', "'lab.session.beginn' in [attributes]"),
        ("stores", 'extra = { folder = "/", to = "main" }', "'extra' in [stores]"),
    ],
)
def test_a_decision_that_fits_nothing_keeps_the_import_from_running(
    bring: Bring, lab_0_14: MariaDB, decisions: Path, section: str, line: str, named: str
) -> None:
    code, told = bring(lab_0_14.url, "--plan", "--decisions", with_lines(decisions, section, line))
    assert code == 1
    assert told["problems"] == [f"These fit nothing in the database: {named}. Correct them in the file of decisions."]


def test_a_decision_that_nothing_asked_for_is_listed(bring: Bring, lab_0_14: MariaDB, decisions: Path) -> None:
    with_lines(decisions, "decisions", '"nul:lab.mark.flags" = "strip"')
    code, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    assert (code, told["needless"]) == (0, ["nul:lab.mark.flags"])


def test_a_file_that_has_sections_already_gets_their_lines_without_headings(
    bring: Bring, lab_0_14: MariaDB, tmp_path: Path
) -> None:
    file = tmp_path / "decisions.toml"
    file.write_text('[decisions]\n"set:lab.*" = "json"\n', encoding="utf-8")
    message = bring(lab_0_14.url, "--yes", "--decisions", file)[1]["message"]
    assert "\n[stores]\n" in message
    assert "\n# under [decisions], which your file has:\n" in message
    file.write_text('[decisions]\n"set:lab.*" = "json"\n[decisions]\n', encoding="utf-8")
    message = bring(lab_0_14.url, "--yes", "--decisions", file)[1]["message"]
    assert "is not TOML" in message
    assert message.endswith(" It can have each section once, with all its lines.")


def test_a_store_that_no_schema_names_is_listed(bring: Bring, lab_0_14: MariaDB, decisions: Path) -> None:
    with_lines(decisions, "stores", 'extra = { folder = "/", to = "main" }')
    assert "'extra' in [stores]" in bring(lab_0_14.url, "Upper", "--plan", "--decisions", decisions)[1]["needless"]


def test_decisions_about_other_schemas_of_the_database_do_no_harm(
    bring: Bring, lab_0_14: MariaDB, decisions: Path
) -> None:
    with_lines(decisions, "schemas", '"a-animal" = "zoo"')
    assert bring(lab_0_14.url, "Upper", "--plan", "--decisions", decisions)[1]["problems"] == []


def test_names_and_stores_are_among_the_decisions(bring: Bring, lab_0_14: MariaDB, decisions: Path) -> None:
    with_lines(decisions, "schemas", 'Upper = "high"')
    with_lines(decisions, "attributes", '"Upper.types.id" = "number"')
    _, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    assert told["decided"]["schemas"] == {"Upper": "high"}
    assert told["decided"]["attributes"] == {"Upper.types.id": "number"}
    assert set(told["decided"]["stores"]) == {"ext", "raw"}


def test_a_wrong_answer_to_a_question_that_may_not_come_up_is_refused(
    bring: Bring, lab_0_14: MariaDB, decisions: Path
) -> None:
    with_lines(decisions, "decisions", '"undecodable:lab.blobs.b" = "byte"')
    code, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    assert (code, "it can be 'bytes'" in told["message"]) == (1, True)


def test_stores_to_fill_stand_in_the_lines_of_the_missing_decisions(bring: Bring, lab_0_14: MariaDB) -> None:
    _, told = bring(lab_0_14.url, "--yes")
    message = told["message"]
    wanted = tomllib.loads(message[message.index("\n[stores]") :])
    assert wanted["stores"]["ext"] == {"folder": "…", "to": "main"}
    assert wanted["decisions"]["set:lab.mark.flags"] == "text"


def test_a_default_that_only_an_answer_makes_impossible_is_told_so(bring: Bring, lab_0_14: MariaDB) -> None:
    lab_0_14.run(
        "DROP DATABASE IF EXISTS days; CREATE DATABASE days; SET sql_mode = ''; USE days; CREATE TABLE `day` "
        "(n int NOT NULL, d date NOT NULL DEFAULT '2000-01-01', PRIMARY KEY (n)); INSERT INTO day VALUES (1, 0);"
    )
    try:
        _, told = bring(lab_0_14.url, "days", "--plan")
    finally:
        lab_0_14.run("DROP DATABASE days;")
    assert [one["id"] for one in told["questions"]] == ["zero-date:days.day.d"]  # it loses days, so it is asked


@pytest.mark.usefixtures("imported_0_14")
def test_a_table_here_with_another_definition_stops_the_import_before_it_writes(
    bring: Bring, lab_0_14: MariaDB, decisions: Path, connection: lv.Connection
) -> None:
    text = decisions.read_text(encoding="utf-8")
    text = text.replace('"set:lab.*" = "json"', '"set:lab.*" = "text"')
    text = text.replace('"default:lab.mark.flags" = "none"\n', "")
    decisions.write_text(text + '[schemas]\nloop = "loop_again"\n', encoding="utf-8")
    code, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    assert code == 1
    (problem,) = told["problems"]
    assert problem.startswith("`lab.Mark` exists here with another definition.")
    assert 'write "set:lab.mark.flags" = "json" under [decisions]' in problem
    assert told["present"]["lab.Mark"] == 2
    assert bring(lab_0_14.url, "--yes", "--decisions", decisions)[0] == 1
    assert "loop_again" not in lv.list_schemas(connection)


@pytest.mark.usefixtures("imported_0_14")
def test_a_table_that_an_earlier_import_made_otherwise_asks_for_its_decisions(
    bring: Bring, lab_0_14: MariaDB, decisions: Path
) -> None:
    with_lines(decisions, "attributes", '"lab.mark.flags" = "signs"')
    (problem,) = bring(lab_0_14.url, "--plan", "--decisions", decisions)[1]["problems"]
    assert problem.startswith("`lab.Mark` exists here with another definition.")
    assert "An earlier import made it: repeat its decisions and names in the file of decisions" in problem


@pytest.mark.usefixtures("imported_0_14")
def test_a_schema_that_an_earlier_import_named_otherwise_is_told(
    bring: Bring, lab_0_14: MariaDB, decisions: Path, connection: lv.Connection
) -> None:
    with_lines(decisions, "schemas", 'loop = "taken"')
    lv.Schema("taken", connection=connection)
    _, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    named = "An earlier import brought the schema 'loop' as `loop`; this one brings it as `taken` too."
    assert named in told["changes"]

    schema = lv.Schema("taken", connection=connection)

    @schema
    class Hen(lv.Manual):
        definition = """
        other : int32
        """

    _, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    schema.drop(prompt=False)
    assert Hen.__name__ in told["problems"][0]
    assert 'An earlier import made it `loop.Hen`: write "loop" = "loop" under [schemas]' in told["problems"][0]


@pytest.mark.usefixtures("imported_0_14")
def test_a_repeated_import_leaves_the_jobs_of_a_table_alone(
    bring: Bring, lab_0_14: MariaDB, decisions: Path, connection: lv.Connection
) -> None:
    schema = lv.Schema("lab", connection=connection)
    session = schema["Session"]

    @schema
    class Scan(lv.Imported):
        definition = """
        -> Session
        ---
        depth : float32
        """

        def make(self, key: dict[str, Any]) -> None: ...

    assert bring(lab_0_14.url, "--decisions", decisions, "--yes")[0] == 0
    assert len(session) == len(Scan())
    assert Scan().jobs is not None


def test_a_plan_for_people_says_what_is_here_and_who_may_do_what(
    imported_0_14: dict[str, Any],
    lab_0_14: MariaDB,
    decisions: Path,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    assert main.main(["import-datajoint", lab_0_14.url, "--plan", "--decisions", str(decisions), "--url", server]) == 0
    told = capsys.readouterr().out
    count = len(imported_0_14["tables"])
    assert f"come, in this order; {count} tables with" in told
    assert "users add anna" in told
    assert "users add root" not in told


def test_a_plan_for_people_ends_with_the_lines_to_write(
    bring: Bring, lab_0_14: MariaDB, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    assert main.main(["import-datajoint", lab_0_14.url, "--plan", "--url", server]) == 1
    told = capsys.readouterr().out
    wanted = tomllib.loads(told[told.index("\n[stores]") :])
    assert set(wanted["stores"]) == {"ext", "raw"}
    assert set(wanted["decisions"]) == {one["id"] for one in bring(lab_0_14.url, "--plan")[1]["questions"]}
