"""Databases that DataJoint wrote, brought here by `levada import-datajoint`."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tomllib
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

import levada as lv
from levada._cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.support.mariadb import MariaDB

TESTS = ("levada._cli.main",)


def one(table: lv.FreeTable, **key: object) -> dict[str, Any]:
    """Return the only row with a key, as it is stored."""
    before = lv.config["codecs.decode"]
    lv.config["codecs.decode"] = False
    try:
        (found,) = (table & key).to_dicts()
    finally:
        lv.config["codecs.decode"] = before
    return found


# ------------------------------------------------------------------------------------------------------- plan


def test_plan_asks_for_every_decision_and_does_nothing(
    bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB, connection: lv.Connection
) -> None:
    code, told = bring(lab_0_14.url, "--plan")
    assert code == 1
    assert not told["ready"]
    assert {question["id"] for question in told["questions"]} == {
        "foreign-key:loop.hen.hen_ibfk_1",
        "set:lab.mark.flags",
        "spelling:lab.kin.kin_ibfk_1",
        "timestamp-zone",
        "zero-date:lab.#latin.old_day",
    }
    assert len(told["problems"]) == 2
    assert all("[stores]" in problem for problem in told["problems"])
    assert "loop" not in lv.list_schemas(connection)


def test_without_a_terminal_open_decisions_are_an_error_that_lists_them(
    bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB
) -> None:
    code, told = bring(lab_0_14.url, "--yes")
    assert code == 1
    assert '"set:lab.mark.flags" = "text"' in told["message"]
    assert "'json': bring it as a JSON list of words" in told["message"]


def test_plan_shows_names_grants_and_what_stays(
    bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB, decisions: Path
) -> None:
    code, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    assert code == 0
    assert told["schemas"] == {"a-animal": "a_animal", "Upper": "upper", "lab": "lab", "loop": "loop"}
    stays = {one["place"]: one["why"] for one in told["not_brought"]}
    assert stays["lab.seen"].startswith("a view")
    assert stays["lab.Weird Col"].startswith("not a table of DataJoint")
    assert "levada grants add viewer lab anna" in told["grants"]
    assert "levada grants add editor a_animal ben" in told["grants"]
    assert "levada grants add owner upper cleo" in told["grants"]
    changes = {table["there"]: table["changes"] for table in told["tables"]}
    assert "latin1" in changes["lab.#latin"][0]
    numbers = {table["there"]: table["next_number"] for table in told["tables"]}
    assert numbers["a-animal.animal"] == 10
    order = [table["there"] for table in told["tables"]]
    assert order.index("a-animal.animal") < order.index("lab.session") < order.index("lab.session__trial")


def test_schemas_can_be_renamed_and_must_not_collide(
    bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB, decisions: Path
) -> None:
    text = decisions.read_text(encoding="utf-8")
    decisions.write_text(text + '[schemas]\n"a-animal" = "zoo"\nUpper = "zoo"\n', encoding="utf-8")
    _, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    assert "would both be called `zoo`" in told["problems"][0]
    decisions.write_text(text + '[schemas]\n"a-animal" = "zoo"\n', encoding="utf-8")
    _, told = bring(lab_0_14.url, "--plan", "--decisions", decisions)
    definitions = {table["there"]: table["definition"] for table in told["tables"]}
    assert definitions["lab.session"].startswith("-> zoo.Animal")


def test_a_schema_that_others_refer_to_must_come_along(
    bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB, decisions: Path
) -> None:
    _, told = bring(lab_0_14.url, "lab", "--plan", "--decisions", decisions)
    assert any("refers to the schema 'a-animal', which is not imported" in problem for problem in told["problems"])


def test_code_at_hand_says_how_classes_are_spelled(
    bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB, decisions: Path, tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "upper.py").write_text("class CCF(dj.Lookup):\n    pass\n", encoding="utf-8")
    _, told = bring(lab_0_14.url, "Upper", "--plan", "--decisions", decisions, "--code", tmp_path / "code")
    assert [table["table"] for table in told["tables"]] == ["upper.CCF", "upper.Types"]


# ------------------------------------------------------------------------------------------------ 0.14, MariaDB


def test_plain_types_keep_every_value(brought: Callable[[str], lv.FreeTable]) -> None:
    row = one(brought("upper.Types"), id=2**64 - 1)
    assert row["span"] == dt.timedelta(hours=30)
    assert row["clock"] == dt.timedelta(hours=12, minutes=30)
    assert row["moment"] == dt.datetime(2021, 5, 6, 7, 8, 9, 123000)
    assert row["txt"] == " spaced "
    assert row["doc"] == {"a": 1.5, "b": [1, None, "x"]}
    assert (row["y"], row["i64"], row["u24"], row["i24"]) == (1999, -(2**63), 2**24 - 1, -(2**23))
    assert (row["i8"], row["u8"], row["i16"], row["u16"]) == (-5, 250, -32768, 65535)
    assert row["long_txt"] == "long" * 1000
    other = one(brought("upper.Types"), id=1)
    assert other["span"] == dt.timedelta(hours=-1)
    assert other["txt"] == "line\nbreak\ttab"
    assert other["doc"] is None


def test_moments_of_the_sessions_zone_come_in_utc_or_as_shown(
    brought: Callable[[str], lv.FreeTable],
    bring: Callable[..., tuple[int, Any]],
    lab_0_14: MariaDB,
    decisions: Path,
) -> None:
    assert one(brought("upper.Types"), id=1)["seen"] == dt.datetime(2020, 12, 31, 22)
    text = decisions.read_text(encoding="utf-8").replace('zone" = "utc"', 'zone" = "as shown"')
    decisions.write_text(text + '[schemas]\nUpper = "shown"\n', encoding="utf-8")
    assert bring(lab_0_14.url, "Upper", "--decisions", decisions, "--yes")[0] == 0
    assert one(brought("shown.Types"), id=1)["seen"] == dt.datetime(2021, 1, 1)


def test_text_is_utf_8_whatever_its_character_set_was(brought: Callable[[str], lv.FreeTable]) -> None:
    assert one(brought("a_animal.Animal"), animal_id=7)["nick"] == 'Ünïcøde \\ "q"\N{MOUSE FACE}'
    assert one(brought("lab.Latin"), word="Größe")["old_day"] == dt.date(2001, 2, 3)


def test_days_that_do_not_exist_are_null_if_decided(brought: Callable[[str], lv.FreeTable]) -> None:
    assert one(brought("lab.Latin"), word="zero")["old_day"] is None


def test_defaults_and_comments_stay(brought: Callable[[str], lv.FreeTable]) -> None:
    text = brought("a_animal.Animal").describe()
    assert text.startswith("# one animal; quoted # hash")
    assert "nick = \"it's\" : varchar(30)  # a name: with 'colon'" in text
    table = brought("a_animal.Animal")
    table.insert1({"animal_id": 100, "species": "mouse"})
    row = one(table, animal_id=100)
    (table & "animal_id = 100").delete_quick()
    assert (row["nick"], row["sex"], row["price"], row["alive"]) == ("it's", "U", Decimal("1.50"), True)
    assert row["weight"] == 0.5


def test_numbers_go_on_where_they_were(brought: Callable[[str], lv.FreeTable]) -> None:
    table = brought("a_animal.Animal")
    table.insert1({"species": "Rat", "nick": "counted"})
    row = one(table, nick="counted")
    (table & "nick = 'counted'").delete_quick()
    assert row["animal_id"] >= 10  # 9 was deleted there


def test_floats_keep_all_their_digits(brought: Callable[[str], lv.FreeTable]) -> None:
    assert np.float32(one(brought("a_animal.Animal"), animal_id=3)["weight"]) == np.float32(0.1)
    assert one(brought("a_animal.Animal"), animal_id=5)["grams"] == 1e-300


def test_foreign_keys_come_from_the_constraints(brought: Callable[[str], lv.FreeTable]) -> None:
    assert brought("lab.Pair").parents() == ["`a_animal`.`animal`"]
    heading = brought("lab.Pair").heading
    assert {heading[name].lineage for name in ("mother", "father")} == {"a_animal.Animal.animal_id"}
    session = brought("lab.Session").describe()
    assert "-> [unique] upper.CCF" in session
    assert "unique index (token, started)" in session
    assert "index (started)" in session
    assert "[nullable]" in brought("a_animal.Animal").describe()


def test_circles_are_opened_where_somebody_decided(brought: Callable[[str], lv.FreeTable]) -> None:
    assert brought("loop.Hen").fetch1() == {"hen": 1, "egg": 7}
    assert brought("loop.Egg").parents() == ["`loop`.`hen`"]


def test_keys_take_the_spelling_of_their_parents_if_decided(brought: Callable[[str], lv.FreeTable]) -> None:
    assert brought("lab.Kin").to_dicts(order_by="name") == [
        {"name": "one", "species": "mouse"},
        {"name": "two", "species": "Rat"},
    ]


def test_sets_become_lists_if_decided(brought: Callable[[str], lv.FreeTable]) -> None:
    assert [row["flags"] for row in brought("lab.Mark").to_dicts(order_by="mark")] == [["a", "c"], []]


def test_blobs_of_both_formats_are_decoded(brought: Callable[[str], lv.FreeTable]) -> None:
    row = one(brought("lab.Blobs"), blob_id=1)
    value = row["b"]
    assert value["numbers"].dtype == np.int16
    assert value["numbers"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert value["nested"] == [1, (2.5, None), {3}]
    assert (value["when"], value["exact"], value["id"]) == (
        dt.datetime(2020, 1, 1, 1, 2, 3),
        Decimal("1.20"),
        UUID(int=5),
    )
    assert row["file"].name == "note.txt"
    assert row["file"].read_bytes() == b"inline \x00 bytes"
    other = one(brought("lab.Blobs"), blob_id=2)
    assert other["b"].shape == (100, 100)  # was compressed
    assert other["small"].tolist() == [[1.0, 2.0]]  # mYm
    assert other["raw_bytes"] == b"\x00\xff\x10"  # of no format of DataJoint
    assert one(brought("lab.Blobs"), blob_id=3)["b"] is None


def test_content_of_stores_is_copied_or_registered_in_place(brought: Callable[[str], lv.FreeTable]) -> None:
    table = brought("lab.Stored")
    row = one(table, stored_id=1)
    assert one(table, stored_id=2)["big"] == {"a": 1}
    assert row["big"].tolist() == list(range(1000))
    assert (row["doc"].name, row["doc"].read_bytes()) == ("note.txt", b"inline \x00 bytes")
    assert (row["movie"].path, row["movie"].store) == ("2020/movie.avi", "raw")
    assert row["tree"] == [(1, 2), (2, 3)]
    assert table.heading["tree"].type == "<graph: <blob>>"


def test_computed_rows_come_and_their_jobs_are_done(
    brought: Callable[[str], lv.FreeTable], connection: lv.Connection
) -> None:
    assert one(brought("lab.Rate"), session=1)["rate"] == 2.5
    assert len(brought("lab.Scan.Field")) == 2
    made: list[object] = []
    schema = lv.Schema("lab", connection=connection)
    session = schema["Session"]

    @schema
    class Scan(lv.Imported):
        definition = """
        -> Session
        ---
        depth : float32
        """

        def make(self, key: dict[str, Any]) -> None:
            made.append(key)

    assert len(session) == len(Scan())
    Scan.populate()
    assert made == []


def test_past_jobs_are_history(brought: Callable[[str], lv.FreeTable]) -> None:
    (job,) = (brought("from_datajoint.PastJob") & {"there": "lab.__rate"}).to_dicts()
    assert (job["status"], job["error_message"]) == ("error", "ValueError: no spikes")
    assert job["key"] == {"animal_id": 5, "session": 2}
    assert job["error_stack"] == "Traceback: no spikes"


def test_a_second_run_brings_what_is_new(
    brought: Callable[[str], lv.FreeTable], bring: Callable[..., tuple[int, Any]], lab_0_14: MariaDB, decisions: Path
) -> None:
    (brought("lab.Session.Trial") & "trial = 2").delete(prompt=False, part_integrity="ignore")
    brought("lab.Pair").delete_quick()
    code, told = bring(lab_0_14.url, "--decisions", decisions, "--yes")
    new = {table["table"]: table["inserted"] for table in told["report"]["tables"] if table["inserted"]}
    assert (code, new) == (0, {"lab.Session.Trial": 1, "lab.Pair": 1})


def test_a_table_that_differs_says_so_in_the_report_and_with_the_data(
    brought: Callable[[str], lv.FreeTable],
    bring: Callable[..., tuple[int, Any]],
    server: str,
    lab_0_14: MariaDB,
    decisions: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    animals, imported = brought("a_animal.Animal"), brought("from_datajoint.ImportedTable")
    before = one(imported, there="a-animal.animal")
    assert (before["name"], before["equal"], before["examples"]) == ("a_animal.Animal", True, [])
    assert before["digest_there"] == before["digest_here"]
    only_here = {**one(animals, animal_id=3), "animal_id": 8}
    animals.update1({"animal_id": 3, "nick": "changed"})
    animals.insert1(only_here)
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    words = ["import-datajoint", lab_0_14.url, "--decisions", str(decisions), "--yes", "--url", server]
    try:
        assert main.main(words) == 1
        noted = one(imported, there="a-animal.animal")
    finally:
        animals.update1({"animal_id": 3, "nick": "it's"})
        (animals & "animal_id = 8").delete(prompt=False)
    told = capsys.readouterr().out
    assert told.index("You decided:\n") < told.index("a_animal.Animal: 0 new rows")
    assert (
        "a_animal.Animal: 0 new rows, 3 rows there and 4 here, DIFFERENT: 1 row only here: inserted here, or deleted "
        "there; 1 row with other values: to have those of there, delete it here and import again; such as "
        "(animal_id=3) and (animal_id=8)\n"
    ) in told
    assert told.endswith(": 1 table different.\n")
    assert {name: noted[name] for name in ("equal", "rows_there", "rows_here", "only_there", "only_here")} == {
        "equal": False, "rows_there": 3, "rows_here": 4, "only_there": 0, "only_here": 1,
    }  # fmt: skip
    assert (noted["other_values"], noted["examples"]) == (1, ["animal_id=3", "animal_id=8"])
    assert noted["digest_there"] == before["digest_there"] != noted["digest_here"]
    assert bring(lab_0_14.url, "--decisions", decisions, "--yes")[0] == 0
    assert one(imported, there="a-animal.animal")["equal"]


def test_rows_of_parts_that_make_computed_here_are_told_as_computed(
    brought: Callable[[str], lv.FreeTable],
    server: str,
    lab_0_14: MariaDB,
    decisions: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    words = ["import-datajoint", lab_0_14.url, "--decisions", str(decisions), "--yes", "--url", server]
    added = []
    try:
        for name, attribute in (("lab.Scan.Field", "field"), ("lab.Session.Trial", "trial")):
            table = brought(name)
            row = {**table.to_dicts()[0], attribute: 77}
            table.insert1(row, allow_direct_insert=True)
            added.append(table & {attribute: 77})
        assert main.main(words) == 1
    finally:
        for rows in added:
            rows.delete(prompt=False, part_integrity="ignore")
    told = capsys.readouterr().out
    (computed,) = (line for line in told.splitlines() if line.startswith("lab.Scan.Field: "))
    (inserted,) = (line for line in told.splitlines() if line.startswith("lab.Session.Trial: "))
    assert "1 row only here: computed here, or deleted there" in computed
    assert "1 row only here: inserted here, or deleted there" in inserted


def test_written_classes_are_those_of_the_tables(
    imported_0_14: dict[str, Any],
    bring: Callable[..., tuple[int, Any]],
    lab_0_14: MariaDB,
    decisions: Path,
    connection: lv.Connection,
    tmp_path: Path,
) -> None:
    assert bring(lab_0_14.url, "--decisions", decisions, "--yes", "--classes", tmp_path)[0] == 0
    text = (tmp_path / "lab.py").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"lv": lv}
    with warnings.catch_warnings(), lv.connect(connection.address):
        warnings.simplefilter("error")  # a class that differs from its table warns
        exec(compile(text, "lab.py", "exec"), namespace)
        assert namespace["Session"].Trial.to_dicts(order_by="trial")[0]["outcome"] == "hit"


def test_a_module_of_classes_that_is_there_is_left_alone_with_a_word(
    imported_0_14: dict[str, Any],
    server: str,
    lab_0_14: MariaDB,
    decisions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    module = tmp_path / "loop.py"
    module.write_text("class Hen: ...\n", encoding="utf-8")
    words = ["--decisions", str(decisions), "--yes", "--classes", str(tmp_path), "--url", server]
    assert main.main(["import-datajoint", lab_0_14.url, *words]) == 0
    told = capsys.readouterr().out
    assert f"left {module} as it is: it lacks Egg\n" in told
    assert f"wrote {tmp_path / 'lab.py'}, for Python\nwrote {tmp_path / '+lab'}, for MATLAB\n" in told
    (tmp_path / "+lab" / "Kin.m").unlink()
    assert main.main(["import-datajoint", lab_0_14.url, *words]) == 0
    told = capsys.readouterr().out
    assert f"left {tmp_path / 'lab.py'} as it is: it has all classes\n" in told
    assert f"left the files of {tmp_path / '+lab'} as they are, and added Kin.m\n" in told
    assert f"left the files of {tmp_path / '+loop'} as they are: it has all classes\n" in told


def test_a_terminal_is_asked_for_decisions(
    server: str, lab_0_14: MariaDB, decisions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = decisions.read_text(encoding="utf-8").replace('"set:lab.*" = "json"\n', "")
    text = text.replace('"default:lab.mark.flags" = "none"\n', "") + '[schemas]\nlab = "typed_lab"\n'
    decisions.write_text(text, encoding="utf-8")
    answers = iter(["somehow", "t", "n"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setenv("LEVADA_SOURCE_PASSWORD", "")
    assert main.main(["import-datajoint", lab_0_14.url, "--decisions", str(decisions), "--url", server]) == 1
    told = capsys.readouterr().out
    assert '"set:lab.mark.flags" = "text"' in told
    # The list can be copied into the file of decisions.
    listed = tomllib.loads(told.partition("You decided:\n")[2].partition("\nThese grants")[0])
    assert listed["decisions"]["set:lab.mark.flags"] == "text"
    assert listed["schemas"] == {"lab": "typed_lab"}
    assert listed["stores"] == tomllib.loads(text)["stores"]
    assert "Write one of: text, json, leave out.\n" in told


def test_an_import_that_was_killed_goes_on(
    server: str, lab_0_14: MariaDB, decisions: Path, bring: Callable[..., tuple[int, Any]]
) -> None:
    renamed = '[schemas]\n"a-animal" = "k_animal"\nUpper = "k_upper"\nlab = "k_lab"\nloop = "k_loop"\n'
    decisions.write_text(decisions.read_text(encoding="utf-8") + renamed, encoding="utf-8")
    words = ["import-datajoint", lab_0_14.url, "--decisions", str(decisions), "--yes", "--url", server]
    with subprocess.Popen([sys.executable, "-m", "levada", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "equal on both sides" not in process.stdout.readline():
            assert process.poll() is None
        process.kill()
    code, told = bring(lab_0_14.url, "--decisions", decisions, "--yes")
    tables = told["report"]["tables"]
    assert (code, told["report"]["equal"], tables[0]["inserted"]) == (0, True, 0)


# ---------------------------------------------------------------------------------------------- 2.3, PostgreSQL


def test_types_and_defaults_of_datajoint_2_stay(brought_2: Callable[[str], lv.FreeTable]) -> None:
    table = brought_2("animal.Animal")
    animal = one(table, animal_id=2**40)
    assert (animal["sex"], animal["nick"], animal["photo"], animal["alive"]) == ("F", "", b"\x00\xff", True)
    assert animal["notes"] == {"a": [1, None]}
    other = one(table, animal_id=2)
    assert (other["token"], other["price"], other["nick"]) == (UUID(int=7), Decimal("-3.25"), "Ünï'\"\\")
    table.insert1({"animal_id": 5, "species": "rat"})
    row = one(table, animal_id=5)
    (table & "animal_id = 5").delete_quick()
    assert (row["sex"], row["nick"], row["legs"], row["price"]) == ("U", "", 0, Decimal("1.50"))


def test_tables_of_datajoint_2_keep_their_shape(brought_2: Callable[[str], lv.FreeTable]) -> None:
    assert brought_2("lab2.Setting").fetch1() == {"gain": 1.5}
    assert brought_2("lab2.Setting").primary_key == []
    assert one(brought_2("lab2.Session"), session=1)["started"] == dt.datetime(2022, 1, 1, 0, 0, 0, 5000)
    assert "unique index (started)" in brought_2("lab2.Session").describe()
    trials = brought_2("lab2.Session.Trial").to_dicts(order_by="trial")
    assert [trial["outcome"] for trial in trials] == ["hit", "miss"]


def test_hidden_columns_and_jobs_of_datajoint_2_are_history(brought_2: Callable[[str], lv.FreeTable]) -> None:
    (hidden,) = (brought_2("from_datajoint.HiddenValues") & {"there": "lab2.__rate"}).to_dicts()
    assert set(hidden["hidden"]) == {"_job_start_time", "_job_duration", "_job_version"}
    (job,) = (brought_2("from_datajoint.PastJob") & {"there": "lab2.__rate"}).to_dicts()
    assert (job["status"], job["key"]) == ("error", {"animal_id": 2, "session": 2})


def test_values_and_files_of_datajoint_2_come_whole(brought_2: Callable[[str], lv.FreeTable]) -> None:
    value = one(brought_2("lab2.Values"), value_id=1)
    assert value["inline"]["t"] == ("a", None)
    assert value["inline"]["x"].tolist() == [0, 1, 2, 3, 4]
    assert value["file"].read_bytes() == b"inline \x00 bytes"
    assert value["tree"] == [(1, 2)]
    stored = one(brought_2("lab2.Stored"), stored_id=1)
    assert stored["big"].tolist() == list(range(1000))
    assert (stored["doc"].name, stored["doc"].read_bytes()) == ("note.txt", b"inline \x00 bytes")
    assert stored["raw"] == b"hashed bytes"
    assert np.asarray(stored["trace"]).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert (stored["thing"] / "part/0.bin").read_bytes() == b"chunk"
    assert stored["movie"].path == "2020/movie.avi"


def test_lineage_is_that_of_datajoint(imported_2_3: dict[str, Any], connection: lv.Connection) -> None:
    lineage = lv.Schema("lab2", connection=connection).lineage
    assert lineage["lab2.session.other_species"] == "animal.Species.species"
    assert lineage["lab2.session__trial.animal_id"] == "animal.Animal.animal_id"
