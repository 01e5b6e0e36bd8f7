"""Insert, update and delete."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl
import pytest

import levada as lv

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_come_from_everywhere(lab: lv.VirtualModule, tmp_path: Path) -> None:
    file = tmp_path / "subjects.csv"
    file.write_text("subject_id,name,weight\n50,Csv,\n", encoding="utf-8")
    lab.Subject.insert(file)
    lab.Subject.insert(pd.DataFrame({"subject_id": [51], "name": ["Pandas"], "weight": [np.nan]}))
    lab.Subject.insert(pl.DataFrame({"subject_id": [52], "name": ["Polars"]}))
    lab.Subject.insert((lab.Subject & {"subject_id": 51}).to_arrow().set_column(0, "subject_id", [[53]]))
    lab.Subject.insert({"subject_id": i, "name": "Iterator"} for i in (54, 55))
    lab.Subject.insert(np.array([(56, "Array")], dtype=[("subject_id", int), ("name", "U10")]))
    found = (lab.Subject & "subject_id >= 50").to_dicts("subject_id", "name", "weight", order_by="KEY")
    assert [row["name"] for row in found] == ["Csv", "Pandas", "Polars", "Pandas", "Iterator", "Iterator", "Array"]
    assert {row["weight"] for row in found} == {None}


def test_a_dataframe_goes_in_as_it_came_out(lab: lv.VirtualModule) -> None:
    before = lab.Session.Trial.to_dicts(order_by="KEY")
    frame = lab.Session.Trial.to_pandas(order_by="KEY")
    lab.Session.Trial.delete(prompt=False, part_integrity="ignore")
    lab.Session.Trial.insert_dataframe(frame, chunk_size=2)
    assert lab.Session.Trial.to_dicts(order_by="KEY") == before
    plain = pd.DataFrame({"subject_id": [90], "name": ["Zoe"]})
    lab.Subject.insert_dataframe(plain)
    lab.Subject.insert_dataframe(plain.set_index("name", drop=False), index_as_pk=False, skip_duplicates=True)
    assert (lab.Subject & "subject_id = 90").fetch1("name") == "Zoe"
    with pytest.raises(lv.errors.InvalidRequest, match=r"index \(name\) and the primary key .* do not match"):
        lab.Subject.insert_dataframe(plain.set_index("name"), index_as_pk=True)
    with pytest.raises(lv.errors.InvalidRequest, match="requires a pandas DataFrame, not a list"):
        lab.Subject.insert_dataframe([(91, "Yan")])


def test_a_query_is_inserted_without_a_trip(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    schema = lv.Schema("archive", connection=connection)

    @schema
    class Name(lv.Manual):
        definition = """
        subject_id : int32
        ---
        name : varchar(40)
        """

    Name.insert(lab.Subject.proj("name"))
    with pytest.raises(lv.errors.InvalidRequest, match="chunk_size is not supported with a query"):
        Name.insert(lab.Subject.proj("name"), chunk_size=1)
    assert Name.to_dicts(order_by="KEY") == lab.Subject.to_dicts("subject_id", "name", order_by="KEY")


def test_defaults_fill_what_is_missing(lab: lv.VirtualModule) -> None:
    lab.Subject.insert([{"subject_id": 10}, {"subject_id": 11, "name": None, "weight": 3}])
    for number in (10, 11):
        assert (lab.Subject & {"subject_id": number}).fetch1("name") == "nameless"


def test_an_error_undoes_the_whole_insert_and_names_the_row(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.DuplicateError) as caught:
        lab.Subject.insert([{"subject_id": 20}, {"subject_id": 1}])
    assert caught.value.details["row"] == "1"
    with pytest.raises(lv.errors.IntegrityError, match="Subject"):
        lab.Session.insert([(1, 9, "2026-01-01"), (99, 1, "2026-01-01")])
    with pytest.raises(lv.errors.MissingAttributeError, match="day"):
        lab.Session.insert1({"subject_id": 1, "session": 9})
    with pytest.raises(lv.errors.WrongValue, match="row 1, attribute `weight`"):
        lab.Subject.insert([{"subject_id": 20}, {"subject_id": 21, "weight": "heavy"}])
    with pytest.raises(lv.errors.UnknownAttributeError, match="colour"):
        lab.Subject.insert1({"subject_id": 20, "colour": "white"})
    assert (len(lab.Subject()), len(lab.Session())) == (3, 3)


def test_an_error_among_the_rows_ends_the_call(lab: lv.VirtualModule) -> None:
    def rows() -> object:
        for number in range(100, 40_000):
            yield {"subject_id": number}
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        lab.Subject.insert(rows())
    assert len(lab.Subject()) == 3


def test_an_error_of_the_server_ends_a_long_insert(lab: lv.VirtualModule) -> None:
    rows = ({"subject_id": 1, "name": "x" * 40} for _ in range(200_000))
    with pytest.raises(lv.errors.DuplicateError):
        lab.Subject.insert(rows)
    assert len(lab.Subject()) == 3


def test_existing_rows_are_skipped_or_replaced(lab: lv.VirtualModule) -> None:
    rows = [{"subject_id": 1, "name": "Eve"}, {"subject_id": 7, "name": "New"}]
    lab.Subject.insert(rows, skip_duplicates=True)
    assert (lab.Subject & {"subject_id": 1}).fetch1("name") == "Ann"
    lab.Subject.insert(rows, replace=True)
    assert (lab.Subject & {"subject_id": 1}).fetch1("name") == "Eve"
    lab.Subject.insert1({"subject_id": 8, "colour": "white"}, ignore_extra_fields=True)
    assert len(lab.Subject()) == 5


def test_chunks_are_inserted_one_by_one(lab: lv.VirtualModule) -> None:
    frame = pd.DataFrame({"subject_id": [30, 31, 32, 1], "name": ["a"] * 4})
    for rows in (frame, frame.to_dict("records"), pl.from_pandas(frame).to_arrow(), frame.to_records(index=False)):
        with pytest.raises(lv.errors.DuplicateError, match=r"row 1.*from row 2, where this chunk begins") as caught:
            lab.Subject.insert(rows, chunk_size=2)
        assert (caught.value.details["row"], caught.value.details["first_row"]) == ("1", "2")
        assert (lab.Subject & {"name": "a"}).to_arrays("subject_id", order_by="KEY").tolist() == [30, 31]
        (lab.Subject & {"name": "a"}).delete(prompt=False)


def test_rows_can_be_tried_out(lab: lv.VirtualModule) -> None:
    rows = [
        {"subject_id": 40, "species": "mouse"},
        {"subject_id": 1},
        {"subject_id": 41, "species": "unicorn"},
        {"subject_id": "x"},
        {"subject_id": 42, "weight": "heavy"},
        {"subject_id": 43, "name": None},
        {"name": "Nobody"},
    ]
    frame = pd.DataFrame(rows[:3]).convert_dtypes()
    for some, wrong in ((rows, [1, 2, 3, 4, 6]), (frame, [1, 2]), (pl.DataFrame(rows[:3]), [1, 2])):
        result = lab.Subject.validate(some)
        assert not result
        assert [row for row, _, _ in result.errors] == wrong
        assert result.rows_checked == len(some)
    result = lab.Subject.validate(iter(rows))
    assert [attribute for _, attribute, _ in result.errors] == [None, None, "subject_id", "weight", "subject_id"]
    assert "row 2: `lab.Species` has no entity for species='unicorn'" in result.summary()
    with pytest.raises(lv.errors.InvalidRequest, match="5 of 7 rows cannot be inserted"):
        result.raise_if_invalid()
    assert len(lab.Subject()) == 3
    assert lab.Subject.validate([(50, None, "Eve", 1.5)]).is_valid
    assert lab.Subject.validate(lab.Subject.proj(..., "-name").proj(..., subject_id="subject_id")).errors
    unknown = lab.Subject.validate([{"subject_id": 60, "colour": "red"}])
    assert unknown.errors[0][:2] == (0, "colour")
    assert lab.Subject.validate([{"subject_id": 60, "colour": "red"}], ignore_extra_fields=True).summary() == (
        "1 rows can be inserted."
    )
    with lab.schema.connection.transaction:
        lab.Subject.insert1({"subject_id": 70})
        assert not lab.Subject.validate([{"subject_id": 70}])
    assert len(lab.Subject()) == 4


def test_a_csv_file_that_cannot_be_read_is_told(lab: lv.VirtualModule, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    for content, message in (
        (b"", "first line must name the attributes"),
        (b"subject_id,subject_id\n1,2\n", "each once"),
        (b"subject_id,name\n70,Zoe\n71\n", "line 3: 1 cells for 2 names"),
        (b"subject_id,name\n70,Zoe\n71,a,b\n", "line 3: 3 cells for 2 names"),
        (b"subject_id,name\n70,\xe9\n", "utf-8"),
        (b'subject_id,name\n70,"open\n', "unexpected end"),
        (b"subject_id,colour\n70,red\n", "no attribute `colour`"),
        (b"subject_id,weight\n70,heavy\n", "row 0, attribute `weight`"),
        (b"subject_id,species\n70,mouse\n71,unicorn\n", "row 1: `lab.Species` has no entity for species='unicorn'"),
    ):
        file.write_bytes(content)
        with pytest.raises(lv.LevadaError, match=re.escape(message)):
            lab.Subject.insert(file)
        assert len(lab.Subject()) == 3
    file.write_text("subject_id,species,weight\n70,,\n71,mouse,1.5\n", encoding="utf-8")
    lab.Subject.insert(str(file))
    assert (lab.Subject & {"subject_id": [70, 71]}).to_dicts("KEY", "species", "weight", order_by="KEY") == [
        {"subject_id": 70, "species": None, "weight": None},
        {"subject_id": 71, "species": "mouse", "weight": 1.5},
    ]


def test_one_row_given_as_many_is_told_apart(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.LevadaError, match="insert1"):
        lab.Subject.insert({"subject_id": 5})


def test_a_computed_table_takes_no_direct_insert(connection: lv.Connection, lab: lv.VirtualModule) -> None:
    schema = lv.Schema("analysis", connection=connection)

    @schema
    class Mean(lv.Computed):
        definition = """
        -> lab.Session
        ---
        mean : float64
        """

    row = {"subject_id": 1, "session": 1, "mean": 0.5}
    with pytest.raises(lv.errors.AccessError, match="populate"):
        Mean.insert1(row)
    Mean.insert1(row, allow_direct_insert=True)
    assert len(Mean()) == 1


def test_delete_cascades_and_counts(lab: lv.VirtualModule) -> None:
    plan = (lab.Subject & {"subject_id": 1}).delete(dry_run=True)
    assert plan.counts == {"`lab`.`session__trial`": 4, "`lab`.`session`": 2, "`lab`.`subject`": 1}
    assert "4 from lab.Session.Trial" in str(plan)
    assert len(lab.Subject()) == 3
    assert plan.confirm() == 1
    assert (len(lab.Subject()), len(lab.Session()), len(lab.Session.Trial())) == (2, 1, 0)


def test_a_plan_deletes_nothing_else(lab: lv.VirtualModule) -> None:
    plan = (lab.Subject & {"subject_id": 1}).delete(dry_run=True)
    lab.Session.insert1((1, 3, "2026-01-08"))
    with pytest.raises(lv.errors.PlanChanged):
        plan.confirm()
    assert len(lab.Subject()) == 3


def test_delete_asks_first(
    lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert lab.Session.delete() == 0
    assert "3 from lab.Session" in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert lab.Session.delete() == 3
    assert (lab.Subject & False).delete() == 0
    with lv.config.override(safemode=False):
        assert lab.Subject.delete() == 3


def test_nobody_to_ask_is_an_error(lab: lv.VirtualModule, monkeypatch: pytest.MonkeyPatch) -> None:
    def end_of_input(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end_of_input)
    with pytest.raises(lv.LevadaError, match="prompt=False"):
        lab.Session.delete()
    assert len(lab.Session()) == 3


def test_a_part_is_deleted_only_with_its_master(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.HasChildren):
        lab.Session.Trial.delete(prompt=False)
    assert (lab.Session.Trial & {"trial": 0}).delete(prompt=False, part_integrity="ignore") == 1
    (lab.Session.Trial & {"trial": 1}).delete(prompt=False, force_masters=True)
    assert (len(lab.Session()), len(lab.Session.Trial())) == (2, 0)


def test_a_quick_delete_touches_nothing_else(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.IntegrityError):
        lab.Subject.delete_quick()
    assert (lab.Subject & {"subject_id": 3}).delete_quick(get_count=True) == 1


def test_a_mapping_that_names_nothing_deletes_nothing(lab: lv.VirtualModule) -> None:
    for condition in ({"nmae": "Ann"}, [{"nmae": "Ann"}]):
        with pytest.raises(lv.errors.InvalidRequest, match="nmae"):
            (lab.Subject & condition).delete(prompt=False)
    assert len(lab.Subject()) == 3


def test_one_entity_is_updated(lab: lv.VirtualModule) -> None:
    lab.Subject.update1({"subject_id": 1, "weight": 21, "name": None})
    assert (lab.Subject & {"subject_id": 1}).fetch1("name", "weight", "species") == ("nameless", 21.0, "mouse")
    with pytest.raises(lv.errors.NotFound):
        lab.Subject.update1({"subject_id": 99, "weight": 21})
    with pytest.raises(lv.errors.InvalidRequest, match="whole key"):
        lab.Session.update1({"subject_id": 1, "day": "2026-02-01"})
    with pytest.raises(lv.errors.UnknownAttributeError, match="colour"):
        lab.Subject.update1({"subject_id": 1, "colour": "white"})
    with pytest.raises(lv.LevadaError, match="whole table"):
        (lab.Subject & {"subject_id": 1}).update1({"subject_id": 1, "weight": 21})
    with pytest.raises(lv.errors.MissingParent, match=r"`lab\.Species` has no entity for species = unicorn\. Nothing"):
        lab.Subject.update1({"subject_id": 1, "species": "unicorn"})


def test_attributes_of_every_kind_are_updated(connection: lv.Connection) -> None:
    schema = lv.Schema("kinds", connection=connection)

    @schema
    class Kind(lv.Manual):
        definition = """
        id : int32
        ---
        thing = null : <blob>
        tree = null : json
        image = null : <array float32(2,)>
        raw = null : bytes
        day = null : date
        """

    Kind.insert1([1, None, None, None, None, None])
    changes = {"thing": {"a": (1, 2)}, "tree": {"b": [1, {"c": None}]}, "raw": b"x", "day": dt.date(2026, 1, 2)}
    Kind.update1({"id": 1, "image": [1, 2], **changes})
    found = Kind.fetch1()
    assert found.pop("image").tolist() == [1, 2]
    assert found == {"id": 1, **changes}
    Kind.update1({"id": 1, "thing": None, "image": None})
    assert (Kind.fetch1("thing"), Kind.fetch1("image")) == (None, None)


def test_a_part_is_dropped_and_deleted_alone_only_by_force(lab: lv.VirtualModule) -> None:
    trial = lab.Session.Trial
    before = len(trial())
    with pytest.raises(lv.errors.HasChildren, match="part_integrity"):
        (trial & "trial = 1").delete(prompt=False)
    gone = (trial & "trial = 1").delete(force=True, prompt=False)
    assert gone > 0
    assert len(trial()) == before - gone
    for part in (trial, lv.FreeTable(trial.connection, trial.full_table_name)):
        with pytest.raises(lv.errors.HasChildren, match="or pass part_integrity='ignore'"):
            part.drop(prompt=False)
        with pytest.raises(lv.errors.InvalidRequest, match="'enforce' or 'ignore', not 'cascade'"):
            part.drop(part_integrity="cascade", prompt=False)
    trial.drop(force=True, prompt=False)
    assert not trial().is_declared
    assert lab.Session().is_declared


def test_the_first_argument_of_a_part_may_be_its_integrity(lab: lv.VirtualModule) -> None:
    trial = lab.Session.Trial
    with pytest.raises(lv.errors.HasChildren, match="part_integrity"):
        trial.delete("enforce", prompt=False)
    with pytest.raises(lv.errors.InvalidRequest, match="not 'all'"):
        trial.delete("all", prompt=False)
    assert (trial & {"trial": 0}).delete("ignore", prompt=False) == 1
    (trial & {"trial": 1}).delete("cascade", prompt=False)
    assert (len(lab.Session()), len(trial())) == (2, 0)
    for integrity in ("enforce", "cascade"):
        with pytest.raises(lv.LevadaError, match="ignore"):
            trial.drop(integrity, prompt=False)
    trial.drop("ignore", prompt=False)
    assert not trial().is_declared


def test_the_size_of_a_table_grows_with_its_rows(connection: lv.Connection) -> None:
    schema = lv.Schema("sizes", connection=connection)

    @schema
    class Text(lv.Manual):
        definition = """
        number : int32
        ---
        words : varchar(1000)
        """

    empty = Text.size_on_disk
    Text.insert((number, "x" * 1000) for number in range(200))
    assert Text().size_on_disk >= empty + 200_000
    assert schema.size_on_disk == Text.size_on_disk
