"""Expressions over tables, answered by a server."""

from __future__ import annotations

import pandas as pd
import pytest

import levada as lv


def names(relation: lv.Relation) -> list[str]:
    return sorted(relation.to_arrays("name").tolist())


def test_operators_work_on_classes_and_instances(lab: lv.VirtualModule) -> None:
    for subject, session in ((lab.Subject, lab.Session), (lab.Subject(), lab.Session())):
        assert names(subject & {"subject_id": 1}) == ["Ann"]
        assert names(subject & session) == ["Ann", "Bob"]
        assert names(subject - session) == ["nameless"]
        assert len(subject * session) == 3
        assert len(subject) == 3
        assert {"subject_id": 3} in subject


def test_equal_expressions_are_equal(lab: lv.VirtualModule) -> None:
    subject = lab.Subject()
    assert subject == lab.Subject
    assert lab.Subject == subject
    assert (subject & {"subject_id": 1}) == (lab.Subject & {"subject_id": 1})
    assert (subject & {"subject_id": 1}) != (lab.Subject & {"subject_id": 2})
    assert subject * lab.Session == lab.Subject * lab.Session()
    assert subject * lab.Session != lab.Session * subject
    assert subject != lab.Session
    assert subject != 3
    shared = subject.proj()
    assert shared - shared == lab.Subject.proj() - lab.Subject.proj()
    assert len({subject, lab.Subject(), subject & True, lab.Session()}) == 3
    with lv.Connection(lab.schema.connection.address) as other:
        assert lv.FreeTable(other, "lab.Subject") != lv.FreeTable(lab.schema.connection, "lab.Subject")


def test_a_restricted_table_stays_a_table(lab: lv.VirtualModule) -> None:
    restricted = lab.Subject & {"subject_id": 1}
    assert isinstance(restricted, lab.Subject)
    assert restricted.full_table_name == "`lab`.`subject`"
    assert len(lab.Subject()) == 3


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (True, [1, 2, 3]),
        (False, []),
        ({}, [1, 2, 3]),
        ({"name": "Ann", "unknown": 5}, [1]),
        ({"weight": None}, [2, 3]),
        ({"subject_id": [1, 3]}, [1, 3]),
        ([{"subject_id": 1}, {"name": "Bob"}], [1, 2]),
        ([], []),
        (lv.AndList([{"subject_id": [1, 2]}, {"name": "Bob"}]), [2]),
        (lv.AndList(), [1, 2, 3]),
        (lv.Not({"name": "Ann"}), [2, 3]),
        (pd.DataFrame({"subject_id": [1, 2], "name": ["Ann", "x"]}), [1]),
        ([{"subject_id": i, "name": "Bob"} for i in range(500)], [2]),
        ("subject_id > 1", [2, 3]),
        ("name = 'Ann' or weight is null", [1, 2, 3]),
        (lv.Top(2, "subject_id DESC"), [2, 3]),
        (lv.AndList([lv.Top(2, "KEY"), {"name": "Ann"}]), [1]),
    ],
)
def test_conditions_of_every_kind(lab: lv.VirtualModule, condition: object, expected: list[int]) -> None:
    assert sorted(lab.Subject.restrict(condition).to_arrays("subject_id").tolist()) == expected
    if not isinstance(condition, lv.Top) and not (isinstance(condition, list) and lv.Top in map(type, condition)):
        rest = set(range(1, 4)) - set(expected)
        assert set((lab.Subject - condition).to_arrays("subject_id").tolist()) == rest


def test_an_iterator_is_read_once(lab: lv.VirtualModule) -> None:
    restricted = lab.Subject & ({"subject_id": i} for i in (1, 2))
    assert len(restricted) == len(restricted.to_dicts()) == 2


def test_a_mapping_without_a_known_name_warns(lab: lv.VirtualModule) -> None:
    with pytest.warns(lv.LevadaWarning, match="nmae") as warnings:
        assert len((lab.Subject & {"nmae": "Ann"}).to_dicts()) == 3
    assert warnings[0].filename == __file__


def test_projection_keeps_renames_duplicates_and_computes(lab: lv.VirtualModule) -> None:
    assert lab.Subject.proj().heading.names == ["subject_id"]
    assert lab.Subject.proj("name").heading.names == ["subject_id", "name"]
    assert lab.Subject.proj(..., "-weight").heading.names == ["subject_id", "species", "name"]
    renamed = lab.Subject.proj(animal="subject_id", label="(name)")
    assert renamed.primary_key == ["animal"]
    computed = lab.Subject.proj(double="weight * 2") & {"subject_id": 1}
    assert computed.fetch1("double") == 41


def test_aggregation_counts_nothing_as_zero(lab: lv.VirtualModule) -> None:
    counted = lab.Subject.aggr(lab.Session, n="count(*)")
    assert counted.to_arrays("n", order_by="KEY").tolist() == [2, 1, 0]
    assert len(lab.Subject.aggr(lab.Session, n="count(*)", exclude_nonmatching=True)) == 2
    assert len(lab.Subject.aggr(lab.Session, n="count(*)", keep_all_rows=False)) == 2


def test_universal_sets_group_and_list(lab: lv.VirtualModule) -> None:
    assert sorted((lv.U("correct") & lab.Session.Trial).to_arrays("correct").tolist()) == [False, True]
    assert lv.U("correct").aggr(lab.Session.Trial, n="count(*)").to_arrays("n").tolist() == [2, 2]
    assert lv.U().aggr(lab.Subject, n="count(*)").fetch1("n") == 3
    with pytest.raises(lv.LevadaError, match="U alone"):
        lv.U("name").to_dicts()


def test_joins(lab: lv.VirtualModule) -> None:
    joined = lab.Session * lab.Subject
    assert joined.primary_key == ["subject_id", "session"]
    assert lab.Session.extend(lab.Subject).heading.names == joined.heading.names
    assert len(lab.Subject.proj().join(lab.Species)) == 6
    assert len(lab.Subject @ lab.Session) == 3


def test_union(lab: lv.VirtualModule) -> None:
    both = (lab.Subject & {"subject_id": 1}).proj() + (lab.Subject & {"subject_id": [1, 2]}).proj("name")
    assert len(both) == 2


def test_truth_stops_at_the_first_row(lab: lv.VirtualModule) -> None:
    assert lab.Subject()
    assert not lab.Subject & {"subject_id": 99}
    assert lab.Subject, "a class is true, as any class"


def test_a_name_that_is_none_is_an_error_on_first_use(lab: lv.VirtualModule) -> None:
    relation = lab.Subject.proj("nmae")
    with pytest.raises(lv.errors.UnknownAttributeError, match="nmae"):
        relation.to_dicts()


def test_relations_of_two_servers_do_not_mix(
    server_address: str, connection: lv.Connection, lab: lv.VirtualModule
) -> None:
    with lv.Connection(server_address) as other:
        theirs = lv.FreeTable(other, "lab.Session")
        for mixed in (lambda: lab.Subject * theirs, lambda: lab.Subject & theirs, lambda: lab.Subject & [theirs]):
            with pytest.raises(lv.LevadaError, match="Two servers"):
                mixed()


def test_a_preview_shows_the_first_rows_and_the_key(lab: lv.VirtualModule) -> None:
    text = repr(lab.Session.Trial())
    assert text.splitlines()[0].split() == ["*subject_id", "*session", "*trial", "correct"]
    assert "(Total: 4)" in text
    with lv.config.override(display__limit=2):
        text = repr(lab.Session.Trial())
        assert text.count("True") + text.count("False") == 2
        assert "..." in text
        assert "(Total: 4)" in text
    html = (lab.Subject & {"subject_id": 1})._repr_html_()
    assert 'class="key"' in html
    assert "<td>Ann</td>" in html


def test_a_preview_escapes_what_people_wrote(lab: lv.VirtualModule) -> None:
    lab.Subject.insert1({"subject_id": 9, "name": "<script>"})
    assert "<script>" not in lab.Subject()._repr_html_()


def test_a_preview_tells_an_error_instead_of_raising(lab: lv.VirtualModule) -> None:
    assert "nmae" in repr(lab.Subject.proj("nmae"))
