"""The slice of a paper: reads kept under a name, written out with all that they depend on, and opened elsewhere."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import bagit
import pytest

import levada as lv
from levada.errors import DamagedObject, InvalidRequest, LevadaError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.moving.conftest import Lab

    Levada = Callable[..., tuple[int, Any]]

TESTS = ("levada._cli.main",)
WITH_TRIALS = {"animals.Animal": 1, "work.Session": 1, "work.Session.Trial": 4}
"""The rows of the first session."""


def exported(levada: Levada, lab: Lab, folder: Path, name: str = "paper", *more: str) -> dict[str, Any]:
    code, told = levada("export", "--slice", name, "--to", folder, "--url", lab.address, *more)
    assert code == 0, told
    return dict(told)


def counts(told: dict[str, Any]) -> dict[str, int]:
    return {one["table"]: one["rows"] for one in told["tables"]}


def test_slice_has_the_rows_read_and_all_that_they_depend_on(laptop: Lab, levada: Levada, tmp_path: Path) -> None:
    with laptop.connection as connection:
        rate = lv.FreeTable(connection, "work.Rate")
        with lv.recording("paper", connection=connection):
            rate.to_dicts()
        lv.FreeTable(connection, "animals.Litter").to_dicts()  # after the block
    told = exported(levada, laptop, tmp_path / "paper")
    assert counts(told) == {"animals.Animal": 1, "work.Session": 1, "work.Session.Trial": 4, "work.Rate": 1}
    assert told["changed"] == []


def test_slice_opens_elsewhere_with_equal_values_of_every_kind(
    laptop: Lab, bare: Lab, levada: Levada, tmp_path: Path
) -> None:
    with laptop.connection as connection, lv.recording("paper", connection=connection):
        lv.FreeTable(connection, "work.Session").to_dicts()
    wrote = exported(levada, laptop, tmp_path / "paper")
    code, told = levada("import", tmp_path / "paper", "--url", bare.address)
    assert code == 0, told
    assert counts(told) == counts(wrote)
    with laptop.connection as one, bare.connection as other:
        for name in ("animals.Animal", "work.Session.Trial"):
            here = lv.FreeTable(other, name)
            keys = here.proj().to_dicts()
            there = (lv.FreeTable(one, name) & keys).to_arrow(order_by="KEY")
            assert repr(here.to_arrow(order_by="KEY").to_pylist()) == repr(there.to_pylist())
        mine, theirs = lv.FreeTable(one, "work.Session"), lv.FreeTable(other, "work.Session")
        plain = ("day", "begun", "seen", "span", "clock", "price", "token", "facts", "kind", "raw", "value", "note")
        for name in plain:
            assert repr(theirs.to_dicts(name, order_by="KEY")) == repr(mine.to_dicts(name, order_by="KEY")), name
        assert repr(theirs.to_dicts("large", order_by="KEY")) == repr(mine.to_dicts("large", order_by="KEY"))
    again, told = levada("import", tmp_path / "paper", "--url", bare.address)
    assert (again, counts(told)) == (0, counts(wrote))


def test_archive_is_a_bag_that_others_validate(laptop: Lab, levada: Levada, tmp_path: Path) -> None:
    with laptop.connection as connection, lv.recording("paper", connection=connection):
        lv.FreeTable(connection, "work.Session").to_dicts("day")
    licence = "https://creativecommons.org/licenses/by/4.0/"
    exported(levada, laptop, tmp_path / "paper", "paper", "--author", "Anna", "--author", "Ben", "--licence", licence)
    bagit.Bag(str(tmp_path / "paper")).validate()
    crate = json.loads((tmp_path / "paper" / "data" / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    described = {entity["@id"]: entity for entity in crate["@graph"]}
    assert {"./", "work/Session.parquet", "recording.json", "levada.json"} <= described.keys()
    assert "jobs/work.Rate.parquet" not in described  # no result was read
    files = [entity for entity in crate["@graph"] if entity["@type"] == "File"]
    assert {entity["@id"] for entity in files} == {part["@id"] for part in described["./"]["hasPart"]}
    assert all(entity["encodingFormat"] for entity in files)
    assert [described[author["@id"]]["name"] for author in described["./"]["author"]] == ["Anna", "Ben"]
    assert described[described["./"]["license"]["@id"]]["@type"] == "CreativeWork"
    assert described["./"]["license"] == {"@id": licence}


def test_damaged_archive_is_refused(laptop: Lab, bare: Lab, levada: Levada, tmp_path: Path) -> None:
    with laptop.connection as connection, lv.recording("paper", connection=connection):
        len(lv.FreeTable(connection, "animals.Animal"))
    exported(levada, laptop, tmp_path / "paper")
    assert lv.open_slice(tmp_path / "paper").tables == ["animals.Animal"]
    strange = tmp_path / "paper" / "data" / "strange"
    strange.touch()
    with pytest.raises(DamagedObject, match="not on the list"):
        lv.open_slice(tmp_path / "paper")
    strange.unlink()
    with (tmp_path / "paper" / "data" / "animals" / "Animal.parquet").open("ab") as file:
        file.write(b"x")
    code, _ = levada("import", tmp_path / "paper", "--url", bare.address)
    assert code == 1
    with pytest.raises(InvalidRequest, match="not an archive"):
        lv.open_slice(tmp_path)


def test_read_that_gives_other_rows_now_is_named(laptop: Lab, levada: Levada, tmp_path: Path) -> None:
    with laptop.connection as connection:
        animals = lv.FreeTable(connection, "animals.Animal")
        with lv.recording("paper", connection=connection):
            animals.to_dicts()
            (animals & {"animal": 1}).fetch1("name")
        animals.insert1({"animal": 7})
    assert [read["changed"] for read in reads_of_all(levada, laptop)] == [True, False]
    told = exported(levada, laptop, tmp_path / "paper")
    assert len(told["changed"]) == 1
    assert told["changed"][0].startswith("the rows of animals.Animal, read at ")


def reads_of_all(levada: Levada, lab: Lab) -> list[dict[str, Any]]:
    """Return the reads of the recording `paper`; the command line prints a line for each."""
    from contextlib import redirect_stdout
    from io import StringIO

    from levada._cli import main

    with redirect_stdout(StringIO()) as written:
        assert main.main(["recordings", "show", "paper", "--url", lab.address, "--json"]) == 0
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_recording_is_gone_on_with_and_nests(laptop: Lab, levada: Levada) -> None:
    with laptop.connection as connection:
        animals, litters = lv.FreeTable(connection, "animals.Animal"), lv.FreeTable(connection, "animals.Litter")
        for _ in range(2):
            with lv.recording("paper", connection=connection):
                len(animals)
                with lv.recording("figure-1", connection=connection):
                    bool(litters)
        assert connection.recordings == []
    assert [(read["tables"], read["kind"], read["count"]) for read in reads_of_all(levada, laptop)] == [
        (["animals.Animal"], "count", 2),
        (["animals.Litter"], "exists", 2),
    ]


def test_reads_of_threads_transactions_and_processes_are_kept(
    laptop: Lab, levada: Levada, monkeypatch: pytest.MonkeyPatch
) -> None:
    with laptop.connection as connection:
        animals, litters = lv.FreeTable(connection, "animals.Animal"), lv.FreeTable(connection, "animals.Litter")
        with lv.recording("paper", connection=connection):
            thread = threading.Thread(target=animals.to_dicts)
            thread.start()
            thread.join()
            with connection.transaction:
                litters.to_dicts()
            with laptop.connection as started_within:  # as a process would that starts now
                len(lv.FreeTable(started_within, "work.Rate"))
    assert [read["tables"] for read in reads_of_all(levada, laptop)] == [
        ["animals.Animal"],
        ["animals.Litter"],
        ["work.Rate"],
    ]


def test_recording_without_reads_or_that_is_not_there_is_refused(laptop: Lab, levada: Levada, tmp_path: Path) -> None:
    with laptop.connection as connection:
        with pytest.raises(InvalidRequest, match="1 to 64 letters"), lv.recording("paper x", connection=connection):
            pass
        with lv.recording("empty", connection=connection):
            pass
    for name, words in (("empty", "no read of rows"), ("none", "no recording `none`")):
        code, told = levada("export", "--slice", name, "--to", tmp_path / name, "--url", laptop.address)
        assert code == 1
        assert words in str(told)
    assert levada("recordings", "delete", "empty", "--yes", "--url", laptop.address)[0] == 0
    assert levada("recordings", "delete", "empty", "--yes", "--url", laptop.address)[0] == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (lambda t: t["Animal"] & {"animal": 1}, {"animals.Animal": 1}),
        (lambda t: t["Animal"].proj(n="name") & {"animal": 1}, {"animals.Animal": 1}),
        (lambda t: (t["Session"] * t["Trial"]) & "trial = 2", WITH_TRIALS),
        (lambda t: t["Session"] & (t["Trial"] & "good = false"), WITH_TRIALS),
        (lambda t: t["Animal"] - t["Session"], {"animals.Animal": 2, "work.Session": 2, "work.Session.Trial": 4}),
        (lambda t: t["Session"].aggr(t["Trial"], n="count(*)") & "session = 1", WITH_TRIALS),
        (lambda t: lv.U("kind").aggr(t["Session"], n="count(*)"), {**WITH_TRIALS, "work.Session": 2}),
        (lambda t: t["Litter"], {"animals.Animal": 2, "animals.Litter": 2}),
    ],
    ids=["restricted", "projected", "joined", "semijoined", "antijoined", "aggregated", "grouped", "renamed parents"],
)  # fmt: skip
def test_slice_gives_what_the_query_gave(
    laptop: Lab,
    bare: Lab,
    levada: Levada,
    tmp_path: Path,
    query: Callable[[dict[str, lv.FreeTable]], lv.Relation],
    expected: dict[str, int],
) -> None:
    names = {"Animal": "animals.Animal", "Litter": "animals.Litter", "Session": "work.Session"}
    names["Trial"] = "work.Session.Trial"

    def asked(connection: lv.Connection) -> str:
        found = query({name: lv.FreeTable(connection, full) for name, full in names.items()})
        return repr(found.to_arrow(*found.primary_key, order_by="KEY").to_pylist())

    with laptop.connection as connection, lv.recording("paper", connection=connection):
        answer = asked(connection)
    assert counts(exported(levada, laptop, tmp_path / "paper")) == expected
    assert levada("import", tmp_path / "paper", "--url", bare.address)[0] == 0
    with bare.connection as connection:
        for name in set(names.values()) - expected.keys():
            with pytest.raises(LevadaError):
                len(lv.FreeTable(connection, name))
        if expected.keys() >= set(names.values()) - {"animals.Litter"} or len(expected) < 3:
            try:
                assert asked(connection) == answer
            except NotFound:
                assert len(expected) < 3  # the query names a table without any row that was read


def test_second_export_keeps_nothing_of_the_first(laptop: Lab, levada: Levada, tmp_path: Path) -> None:
    with laptop.connection as connection:
        for name in ("Animal", "Litter"):
            with lv.recording(name, connection=connection):
                len(lv.FreeTable(connection, f"animals.{name}") & {"animal": 1, "mother": 1})
    exported(levada, laptop, tmp_path / "out", "Litter")
    exported(levada, laptop, tmp_path / "out", "Animal")
    assert lv.open_slice(tmp_path / "out").tables == ["animals.Animal"]
    assert not (tmp_path / "out" / "data" / "animals" / "Litter.parquet").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    code, told = levada("export", "--slice", "Animal", "--to", tmp_path / "mine", "--url", laptop.address)
    assert code == 1
    assert "holds something else" in str(told)


def test_writer_adds_a_form_of_its_own(
    laptop: Lab, levada: Levada, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def write(paper, folder):\n    (folder / 'names.txt').write_text(' '.join(paper.tables))\n"
    (tmp_path / "own_forms.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with laptop.connection as connection, lv.recording("paper", connection=connection):
        len(lv.FreeTable(connection, "animals.Animal"))
    exported(levada, laptop, tmp_path / "out", "paper", "--writer", "own_forms:write")
    assert (tmp_path / "out" / "data" / "forms" / "names.txt").read_text(encoding="utf-8") == "animals.Animal"
    assert lv.open_slice(tmp_path / "out").to_dicts("animals.Animal")[0]["name"] == "Ünïcøde"
    words = ("export", "--slice", "paper", "--to", tmp_path / "other", "--writer", "own_forms:absent")
    assert levada(*words, "--url", laptop.address)[0] == 1
