"""The rules that differ from DataJoint's: each row of the page's table has a test, found by the row's first words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import pytest

import levada as lv

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "coming-from-datajoint.md"
_T = TypeVar("_T", bound="Callable[..., None]")

HERE: dict[str, str] = {}
ELSEWHERE = {
    "`time`": ("test_as_datajoint.py", "test_times_are_spans"),
    "`make`": ("test_populate.py", "test_nothing_of_a_make_that_fails_is_kept"),
    "a key source at fault": ("test_key_sources.py", "test_a_key_source_may_name_a_class_that_is_declared_later"),
    "a `make` that inserts nothing": (
        "test_unready_make.py",
        "test_it_is_told_once_and_asked_again_by_the_next_populate",
    ),
    "jobs": ("test_worker.py", "test_killed_worker_loses_nothing"),
    "stores (`blob@raw`": ("test_objects.py", "test_a_store_that_the_server_has_not_is_told_with_those_it_has"),
    "`filepath@raw`": ("test_objects.py", "test_a_file_in_its_store_is_registered_where_it_lies"),
    "`fetch1` of a `filepath@raw`": ("test_objects.py", "test_a_file_is_a_path_for_whatever_opens_one_but_not_text"),
    "deleting external files": (
        "../../operations/test_object_collection.py",
        "test_no_row_is_left_without_its_object_whoever_inserts_deletes_and_collects",
    ),
    "nested `transaction`": ("test_transactions.py", "test_an_inner_block_can_be_undone_alone"),
    "transactions that conflict": ("test_transactions.py", "test_run_transaction_repeats_what_met_a_conflict"),
}
"""Rules whose tests are in other files."""


def rule(words: str) -> Callable[[_T], _T]:
    """Name the row of the page that a test shows, by its first words."""

    def decorate(test: _T) -> _T:
        HERE[words] = test.__name__
        return test

    return decorate


def test_every_rule_of_the_page_has_a_test() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## Rules that differ")[1].split("\n\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)[2:]
    known = [*HERE, *ELSEWHERE]
    assert len(rows) == len(known)
    for row in rows:
        assert [words for words in known if row.startswith(words)], f"no test shows: {row}"
    for file, name in ELSEWHERE.values():
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert f"def {name}(" in text


@rule('`A - "x > 3"` where `x` is NULL')
def test_what_is_not_selected_is_left(lab: lv.VirtualModule) -> None:
    heavy = lab.Subject & "weight > 20"
    assert len(heavy) == 1
    assert len(lab.Subject - "weight > 20") == 2
    assert len(lab.Subject - heavy.proj()) == 2
    assert len(lab.Subject & lv.Not("weight > 20")) == 2


@rule('`A & {"x": [1, 2]}`')
def test_a_list_as_value_is_a_choice(lab: lv.VirtualModule) -> None:
    for values in ([1, 2], (1, 2), {1, 2}, np.array([1, 2]), [1, 2, 2, 99]):
        assert len(lab.Subject & {"subject_id": values}) == 2
    assert len(lab.Subject & {"subject_id": []}) == 0
    assert len(lab.Subject & {"weight": [None, 20.5]}) == 3


@rule('`A & {"nmae": "Ann"}`, no name known')
def test_a_mapping_without_a_known_name_deletes_nothing(lab: lv.VirtualModule) -> None:
    with pytest.warns(lv.LevadaWarning, match="`nmae`"):
        assert len(lab.Subject & {"nmae": "Ann"}) == 3
    for condition in ({"nmae": "Ann"}, [{"nmae": "Ann"}], lv.Not({"nmae": "Ann"}), lab.Session & {"nmae": "Ann"}):
        with pytest.raises(lv.errors.InvalidRequest, match="`nmae`"):
            (lab.Subject & condition).delete(prompt=False)
    assert len(lab.Subject()) == 3


@rule('`A.aggr(B, n="count(*)")` without a match')
def test_a_group_without_a_match_counts_nothing(lab: lv.VirtualModule) -> None:
    counted = lab.Subject.aggr(lab.Session, n="count(*)", keep_all_rows=True)
    assert counted.to_arrays("n", order_by="KEY").tolist() == [2, 1, 0]


@rule("`A & Top(3)` in a join")
def test_the_first_entities_stay_the_first_in_a_join(lab: lv.VirtualModule) -> None:
    first = lab.Subject.proj() & lv.Top(1, "KEY DESC")
    assert len(first * lab.Session) == len(lab.Session * first) == 0
    second = lab.Subject.proj() & lv.Top(1, "KEY", offset=1)
    assert (second * lab.Session).keys() == [{"subject_id": 2, "session": 1}]
    assert len(lab.Session & second) == 1


@rule("comparing text")
def test_case_counts(lab: lv.VirtualModule) -> None:
    assert len(lab.Subject & "name = 'ann'") == len(lab.Subject & {"name": "ann"}) == 0
    assert len(lab.Subject & "name LIKE 'a%'") == 0
    assert len(lab.Subject & "name ILIKE 'a%'") == 1
    assert lab.Subject.to_arrays("name", order_by="name").tolist() == ["Ann", "Bob", "nameless"]


@rule("NULL when sorting upwards")
def test_null_comes_last(lab: lv.VirtualModule) -> None:
    assert lab.Subject.to_arrays("subject_id", order_by="weight, KEY").tolist() == [1, 2, 3]
    assert lab.Subject.to_arrays("subject_id", order_by="weight DESC, KEY").tolist() == [2, 3, 1]


@rule("NaN in a float attribute")
def test_nan_is_a_value(lab: lv.VirtualModule) -> None:
    lab.Subject.insert([{"subject_id": 4, "weight": np.nan}, {"subject_id": 5, "weight": float("nan")}])
    lab.Subject.insert(pd.DataFrame({"subject_id": [6], "weight": [np.nan]}))
    assert (lab.Subject & "weight IS NULL").to_arrays("subject_id", order_by="KEY").tolist() == [2, 3, 6]
    assert (lab.Subject & {"weight": np.nan}).to_arrays("subject_id", order_by="KEY").tolist() == [4, 5]


@rule("strings in restrictions")
def test_strings_are_expressions_and_no_sql(lab: lv.VirtualModule) -> None:
    for text in ("subject_id IN (SELECT 1)", "1=1; DROP TABLE lab.subject", "pg_sleep(9) IS NULL", "name = 'x' -- y"):
        with pytest.raises(lv.errors.InvalidExpression, match=r"\^"):
            len(lab.Subject & text)
    assert len(lab.Subject()) == 3


@rule("joining on a shared name")
def test_names_must_mean_the_same(lab: lv.VirtualModule) -> None:
    with pytest.raises(lv.errors.MismatchedLineage, match=r"\.proj\(\.\.\., other_name='name'\)"):
        len(lab.Subject * lab.Session.proj(name="day"))
    assert len(lab.Subject * lab.Session.proj(other_name="day")) == 3


@rule("declaring an existing table with another definition")
def test_another_definition_warns(lab: lv.VirtualModule) -> None:
    other = type("Species", (lv.Lookup,), {"definition": "species : varchar(20)\n---\nlegs = 4 : int8"})
    with pytest.warns(lv.LevadaWarning, match="nothing was changed"):
        lab.schema(other)
    assert lab.Species.heading.names == ["species"]


@rule("schemas that refer to each other")
def test_schemas_form_no_cycle(lab: lv.VirtualModule, connection: lv.Connection) -> None:
    later = lv.Schema("later", connection=connection)

    @later
    class Score(lv.Manual):
        definition = "-> lab.Subject\n---\nscore : int8"

    circle = type("Best", (lv.Manual,), {"definition": "best : int8\n---\n-> [nullable] Score"})
    with pytest.raises(lv.errors.InvalidDefinition, match="lab → later"):
        lab.schema(circle, context={"Score": Score})
    assert "Best" not in lab.schema


@rule("an empty cell of a CSV file")
def test_an_empty_cell_is_missing(lab: lv.VirtualModule, tmp_path: Path) -> None:
    file = tmp_path / "subjects.csv"
    file.write_text("subject_id,species,name,weight\n7,,,\n", encoding="utf-8")
    lab.Subject.insert(file)
    assert (lab.Subject & "subject_id = 7").fetch1("species", "name", "weight") == (None, "nameless", None)


@rule("`validate(rows)`")
def test_validate_asks_everything_that_an_insert_would(lab: lv.VirtualModule) -> None:
    result = lab.Subject.validate([{"subject_id": 1}, {"subject_id": 8, "species": "unicorn"}, {"subject_id": 9}])
    assert [row for row, _, _ in result.errors] == [0, 1]
    assert len(lab.Subject()) == 3
