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


def test_limits_follow_the_order_of_a_top(lab: lv.VirtualModule) -> None:
    heaviest = lab.Subject & lv.Top(3, "subject_id DESC")
    assert heaviest.to_arrays("subject_id", limit=2).tolist() == [3, 2]
    assert heaviest.fetch("name", offset=1, limit=1).tolist() == ["Bob"]
    assert (heaviest & lv.Top(1, None)).fetch1("subject_id") == 3
    assert [row["subject_id"] for row in heaviest & lv.Top(2, None)] == [3, 2]
    assert (heaviest & lv.Top(2)).to_arrays("subject_id").tolist() == [1, 2]
    assert (heaviest & lv.Top(None, "name")).to_arrays("name").tolist() == ["Ann", "Bob", "nameless"]
    assert heaviest.proj().keys(limit=1) == [{"subject_id": 3}]
    assert len(heaviest & lv.Top(2, None)) == 2


WORDS = [
    "key", "limit", "order", "offset", "name", "self", "group", "other", "condition", "attributes", "named_attributes",
    "order_by", "format", "as_dict", "squeeze", "row", "rows", "replace", "index", "type", "value", "values", "count",
    "table", "schema", "primary_key", "heading", "desc", "asc", "by", "from", "select", "where", "user", "t1", "q",
    "keep_all_rows", "exclude_nonmatching", "semantic_check", "left", "fetch", "c", "cls", "kwargs", "args",
]  # fmt: skip


def test_attributes_may_be_called_like_the_words_of_methods(connection: lv.Connection) -> None:
    schema = lv.Schema("words", connection=connection)

    @schema
    class Word(lv.Manual):
        definition = "id : int32\nkey : int32\n---\n" + "\n".join(f"{word} : int32" for word in WORDS if word != "key")

    rows = [{"id": n, **dict.fromkeys(WORDS, n)} for n in (1, 2)]
    Word.insert(rows)
    Word.insert1({"id": 3, **dict.fromkeys(WORDS, 3)})
    (Word & {"id": 3}).delete(prompt=False)
    assert Word.fetch("KEY", "key", order_by="key DESC")[0] == [{"id": 2, "key": 2}, {"id": 1, "key": 1}]
    for word in WORDS:
        assert Word.fetch(word, order_by=f"{word} DESC").tolist() == [2, 1]
        assert Word.to_arrays(word, order_by=word, limit=1).tolist() == [1]
        assert (Word & {word: 2}).fetch1(word) == 2
        assert (Word & f"`{word}` = 1").fetch1("id") == 1
        assert (Word & (Word.c[word] == 1)).fetch1("id") == 1
        assert (Word & lv.Top(1, f"{word} DESC")).to_dicts(word) == [{word: 2}]
        assert Word.fetch(word, as_dict=True, order_by="KEY") == [{word: 1}, {word: 2}]
        assert Word.proj(**{f"new_{word}": word}).fetch(f"new_{word}", order_by="KEY").tolist() == [1, 2]
        if word not in ("id", "key"):
            totals = Word.aggr(Word.proj(other_word=word), **{word: "sum(other_word)"})
            assert totals.fetch(word, order_by="KEY").tolist() == [1, 2]
        assert (lv.U(word) & Word).to_arrays(word, order_by=word).tolist() == [1, 2]
        assert lv.U(word).aggr(Word, n="count(*)").to_dicts(order_by=word) == [{word: 1, "n": 1}, {word: 2, "n": 1}]
        if word != "key":
            assert (Word.proj() * Word.proj(word)).to_pandas(word, order_by="KEY")[word].tolist() == [1, 2]
            Word.update1({"id": 1, "key": 1, word: 1})


def test_a_misspelled_name_in_a_mapping_warns(lab: lv.VirtualModule) -> None:
    one = {"subject_id": 1}
    for mapping in ({**one, "sesion": 2}, {**one, "Session": 2}, [{**one, "sessions": 2}] * 5):
        with pytest.warns(lv.LevadaWarning, match="the relation has `session`"):
            assert len(lab.Session & mapping) == 2
        with pytest.raises(lv.errors.InvalidRequest, match="the relation has `session`"):
            (lab.Session & mapping).delete(dry_run=True)
        with pytest.raises(lv.errors.InvalidRequest, match="the relation has `session`"):
            (lab.Session & mapping).delete_quick()
    with pytest.raises(lv.errors.UnknownAttribute, match="wieght"):
        lab.Subject.update1({"subject_id": 1, "wieght": 5.0})
    assert len(lab.Session()) == 3


@pytest.mark.filterwarnings("error")
def test_names_of_other_tables_in_a_mapping_are_silent(lab: lv.VirtualModule) -> None:
    key = {"subject_id": 1, "session": 1, "trial": 0, "day": "2026-01-05", "elsewhere": 5}
    assert len(lab.Subject & key) == 1
    assert (lab.Subject & key).delete(dry_run=True).counts["`lab`.`subject`"] == 1
