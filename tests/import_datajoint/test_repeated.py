"""Imports that are repeated after values there, answers or rights have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada._base.errors import InvalidRequest, PermissionDenied
from levada._from_datajoint import existing
from levada._from_datajoint.bringing import Bringer
from levada._from_datajoint.decisions import Decisions
from levada._from_datajoint.facts import MYSQL, Column, Database, Place, StoredTable
from levada._from_datajoint.planning import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from levada._from_datajoint.bringing import Brought
    from levada._from_datajoint.plan import PlannedTable
    from tests.support.mariadb import MariaDB

    Bring = Callable[..., tuple[int, Any]]

TESTS = (
    "levada._base.errors",
    "levada._from_datajoint.bringing",
    "levada._from_datajoint.decisions",
    "levada._from_datajoint.existing",
    "levada._from_datajoint.facts",
    "levada._from_datajoint.plan",
    "levada._from_datajoint.planning",
)
FIRST = """
DROP DATABASE IF EXISTS later; CREATE DATABASE later; USE later; SET sql_mode = '';
CREATE TABLE `day` (n int NOT NULL, d date NOT NULL, PRIMARY KEY (n)); INSERT INTO day VALUES (1, 0);
CREATE TABLE `flag` (n int NOT NULL, f tinyint(1) NOT NULL, PRIMARY KEY (n)); INSERT INTO flag VALUES (1, 1);
CREATE TABLE `moment` (n int NOT NULL, seen timestamp NOT NULL DEFAULT '2020-01-01', PRIMARY KEY (n));
"""


@pytest.fixture
def later(lab_0_14: MariaDB) -> Iterator[MariaDB]:
    """The laboratory with one more schema, for the length of a test."""
    try:
        lab_0_14.run(FIRST)
        yield lab_0_14
    finally:
        lab_0_14.run("DROP DATABASE later;")


@pytest.fixture
def decide(tmp_path: Path) -> Callable[..., Path]:
    """Write decisions about the schema, with a name here, and with others if they are given."""

    def write(name: str, **others: str) -> Path:
        file = tmp_path / "decisions.toml"
        answers = {"timestamp-zone": "utc", "zero-date:later.day.d": "null", **others}
        lines = [f'"{id_}" = "{answer}"' for id_, answer in answers.items()]
        file.write_text("\n".join(["[schemas]", f'later = "{name}"', "[decisions]", *lines, ""]), encoding="utf-8")
        return file

    return write


def test_a_table_here_may_have_room_for_values_that_are_gone_there(
    bring: Bring, later: MariaDB, decide: Callable[..., Path]
) -> None:
    file = decide("later_room")
    code, told = bring(later.url, "later", "--yes", "--decisions", file)
    assert "report" in told, told
    assert code == 0
    later.run("USE later; UPDATE day SET d = '2020-01-01';")
    code, told = bring(later.url, "later", "--plan", "--decisions", file)
    assert (code, told["problems"]) == (0, [])
    (day,) = (table for table in told["tables"] if table["there"] == "later.day")
    assert "d = null : date" in day["definition"]
    assert "The table here has room for values that are gone there, and stays as it is." in day["changes"]
    code, told = bring(later.url, "later", "--yes", "--decisions", file)
    assert [(one["table"], one["other_values"]) for one in told["report"]["tables"] if one["other_values"]] == [
        ("later_room.Day", 1)
    ]


def test_values_that_a_table_here_cannot_hold_are_told_so(
    bring: Bring, later: MariaDB, decide: Callable[..., Path]
) -> None:
    file = decide("later_less")
    assert bring(later.url, "later", "--yes", "--decisions", file)[0] == 0
    later.run("USE later; INSERT INTO flag VALUES (2, 2);")
    (problem,) = bring(later.url, "later", "--plan", "--decisions", file)[1]["problems"]
    assert problem.startswith("`later_less.Flag` exists here with another definition.")
    assert "which it cannot hold: mend these there, or alter the table with `levada alter`." in problem
    assert "repeat its decisions" not in problem


def test_moments_must_come_as_they_came_before(bring: Bring, later: MariaDB, decide: Callable[..., Path]) -> None:
    later.run("USE later; INSERT INTO moment VALUES (1, '2020-01-01');")
    assert bring(later.url, "later", "--yes", "--decisions", decide("later_zone"))[0] == 0
    other = decide("later_zone", **{"timestamp-zone": "as shown"})
    code, told = bring(later.url, "later", "--yes", "--decisions", other)
    assert code == 1
    differs, moments = told["message"].splitlines()
    assert 'It was made by other decisions: write "timestamp-zone" = "utc" under [decisions]' in differs
    assert "brought the moments of `later_zone.Moment` 'utc', and this one would bring others 'as shown'" in moments
    assert 'write "timestamp-zone" = "utc" under [decisions]' in moments


def test_moments_that_are_gone_here_say_nothing_about_those_to_come(
    bring: Bring,
    later: MariaDB,
    decide: Callable[..., Path],
    connection: lv.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bring_rows = Bringer.bring

    def stop(self: Bringer, table: PlannedTable) -> Brought:
        brought = bring_rows(self, table)
        if table.name == "later_again.Moment":
            raise lv.LevadaError("stopped")
        return brought

    later.run("USE later; INSERT INTO moment VALUES (1, '2020-01-01');")
    assert bring(later.url, "later", "--yes", "--decisions", decide("later_again"))[0] == 0
    lv.Schema("later_again", connection=connection).drop(prompt=False)
    other = decide("later_again", **{"timestamp-zone": "as shown"})
    with monkeypatch.context() as patched:
        patched.setattr(Bringer, "bring", stop)
        assert bring(later.url, "later", "--yes", "--decisions", other)[1]["message"] == "stopped"
    code, told = bring(later.url, "later", "--yes", "--decisions", other)
    assert (code, told["report"]["equal"]) == (0, True)


def test_an_import_that_stopped_at_its_first_row_is_an_earlier_one(
    bring: Bring, later: MariaDB, decide: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise lv.LevadaError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(Bringer, "bring", stop)
        assert bring(later.url, "later", "--yes", "--decisions", decide("later_stop"))[1]["message"] == "stopped"
    file = decide("later_stop")
    with file.open("a", encoding="utf-8") as opened:
        opened.write('[attributes]\n"later.flag.f" = "g"\n')
    (problem,) = bring(later.url, "later", "--plan", "--decisions", file)[1]["problems"]
    assert "An earlier import made it: repeat its decisions and names" in problem


def test_a_wrong_answer_about_the_zone_is_refused_and_a_needless_one_listed() -> None:
    table = StoredTable(Place("lab", "seen"), False, "", (Column("seen", "timestamp", False),), ("seen",))
    database = Database(MYSQL, "", "", ("lab",), (table,))
    assert make_plan(database, Decisions(answers={"timestamp-zone": "as shown"}), {}, {}).needless == (
        "timestamp-zone",
    )
    with pytest.raises(InvalidRequest, match="it can be 'utc' or 'as shown'"):
        make_plan(database, Decisions(answers={"timestamp-zone": "utd"}), {}, {})


def test_a_right_that_is_missing_is_not_a_difference(
    connection: lv.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = StoredTable(Place("lab_right", "seen"), False, "", (Column("n", "int", False),), ("n",))
    facts, decisions = Database(MYSQL, "", "", ("lab_right",), (table,)), Decisions()
    plan = make_plan(facts, decisions, {}, {})
    schema = lv.Schema("lab_right", connection=connection)

    @schema
    class Seen(lv.Manual):
        definition = "n : int32"

    call: Any = connection.call

    def refused(method: str, *words: object) -> object:
        if method == "SchemaService/PlanAlteration":
            raise PermissionDenied("You may not.")
        return call(method, *words)

    monkeypatch.setattr(connection, "call", refused)
    with pytest.raises(PermissionDenied):
        existing.compared(plan, connection, "", facts, decisions, lambda other, with_: make_plan(other, with_, {}, {}))
    assert Seen.__name__ == "Seen"
