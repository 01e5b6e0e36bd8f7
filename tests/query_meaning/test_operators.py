"""Results of operators that differ from plain SQL, by hand on a small laboratory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import (
    InvalidExpression,
    InvalidRequest,
    LevadaError,
    MismatchedLineage,
    QueryTooDeep,
    UnknownAttribute,
    UnknownTable,
    WrongValue,
)
from levada_server.query import sql
from levada_server.query.algebra import Aggregate, EntitySet, ExpressionText, Keep, Match, Named, Union
from levada_server.query.compile import compile_relation
from tests.support.lab import lab
from tests.support.notation import All, Not, Query, U, as_condition, as_items, entities, table

if TYPE_CHECKING:
    from tests.support.pipeline_in_postgres import Postgres

User, Subject, Session, Trial = table("User"), table("Subject"), table("Session"), table("Session.Trial")
Rig, Mating, Settings = table("Rig"), table("Mating"), table("Settings")

Called = Subject.proj("name", mating="subject_id")
"""Subjects whose key has the name of another key."""


def by_name(operand: Query, group: Query) -> Query:
    """Count the entities of a group that match by name."""
    counted = as_items((), {"n": "count(*)"})
    return Query(Aggregate(operand.relation, group.relation, counted, by_name=True))


ROWS: list[tuple[str, Query, list[tuple[object, ...]]]] = [
    ("count is 0 where no row matches", Session.aggr(Trial, n="count(*)"), [(1, 1, 2), (1, 2, 0), (2, 1, 1)]),
    (
        "computed attribute is NULL where a left join has no match",
        Subject.proj("username").extend((User & "username = 'bob'").proj(known="1")),
        [(1, "ann", None), (2, None, None), (3, "ann", None)],
    ),
    (
        "computed attribute of one side of a union is NULL in the other",
        (Subject & "subject_id = 1").proj(old="1") + (Subject & "subject_id = 2").proj(new="ifnull(weight, 0)"),
        [(1, 1, None), (2, None, 0.0)],
    ),
    (
        "attributes of the operand stand beside aggregates",
        Subject.aggr(Session, n="subject_id + count(*)", heavy="weight > 20 and count(*) > 0"),
        [(1, 3, True), (2, 3, None), (3, 3, False)],
    ),
    ("U() gives one row for no rows", U().aggr(Rig, n="count(*)"), [(0,)]),
    ("U() gives one row without aggregates", U().aggr(Subject, one="1"), [(1,)]),
    ("U() gives one row without attributes", U().aggr(Subject), [()]),
    ("NULL is one of the values of U", U("username") & Subject, [("ann",), (None,)]),
    ("U renames", U("username").aggr(Subject, n="count(*)", who="username"), [("ann", 2), (None, 1)]),
    (
        "NULL in a key of U matches nothing",
        (U("username") & Subject).aggr(Subject, n="count(*)"),
        [("ann", 2), (None, 0)],
    ),
    ("singleton keeps its row for an empty group", Settings.aggr(Rig, n="count(*)"), [(0,)]),
    ("no singleton, no row", (Settings & False).aggr(Rig, n="count(*)"), []),
    ("no entity without attributes, no row", (U() & Rig).aggr(Subject, n="count(*)"), []),
    ("an entity without attributes counts 0", (U() & Subject).aggr(Rig, n="count(*)"), [(0,)]),
    (
        "group by a computed attribute",
        Subject.proj(heavy="weight > 10").aggr(Session, "heavy", n="count(*)"),
        [(1, True, 2), (2, None, 1), (3, True, 0)],
    ),
    (
        "U groups by a computed attribute",
        U("even").aggr(Subject.proj(even="subject_id % 2 = 0"), n="count(*)"),
        [(True, 1), (False, 2)],
    ),
    ("U promotes an attribute to the key", (U("username") * Subject).proj(), [(1, "ann"), (2, None), (3, "ann")]),
    ("U promotes on either side", (Subject * U("subject_id", "username")).proj(), [(1, "ann"), (2, None), (3, "ann")]),
    ("U promotes within a limit", (Subject.top(1, "KEY DESC") * U("name")).proj(), [(3, "Nala")]),
    (
        "computed names may begin with _",
        Subject.proj(_matched="name", _order_1="weight > 10").aggr(Session.proj(_n="session"), "_matched", _n="max(_n)")
        & "_n > 1",
        [(1, "Tiger", 2)],
    ),
    ("an order by a name with _", Subject.proj(_name="name").top(1, "_name").proj("_name"), [(2, "Leo")]),
    (
        "aggregation duplicates an attribute",
        Subject.aggr(Session, name_copy="(name)", n="count(*)"),
        [(1, "Tiger", 2), (2, "Leo", 1), (3, "Nala", 0)],
    ),
    (
        "join by a renamed reference",
        (Mating - {"father": None}).proj(subject_id="father") * Subject.proj("name"),
        [(1, 1, "Tiger")],
    ),
    ("NULL matches no entity", Mating - Subject.proj(father="subject_id"), [(2, 3, None)]),
    ("NULL does not hold, and NaN is large", Subject - "weight > 10", [(2, "Leo", None, None)]),
    ("complement of NULL", (Subject & Not("weight > 10")).proj(), [(2,)]),
    ("NaN equals NaN", (Subject & {"weight": float("nan")}).proj(), [(3,)]),
    ("text is brought to a number", (Subject & {"subject_id": "2"}).proj(), [(2,)]),
    ("no entity has a value outside of the type", (Subject & {"subject_id": 2.5}).proj(), []),
    ("a list is any of its values", (Subject & {"subject_id": (1, None, 2**40)}).proj(), [(1,)]),
    ("NULL in a list", (Subject & {"username": (None, "bob")}).proj(), [(2,)]),
    ("an empty list is nothing", (Subject & []).proj(), []),
    ("an empty AndList is everything", (Subject & All()).proj(), [(1,), (2,), (3,)]),
    ("unknown names are ignored", (Subject & {"session": 5}).proj(), [(1,), (2,), (3,)]),
    ("part of a JSON value", (Session & {"meta.rig": "a"}).proj(), [(1, 1)]),
    ("no part of a JSON value", (Session & {"meta.rig": None}).proj(), [(1, 2), (2, 1)]),
    ("list of parts", (Session & {"meta.rig": ("a", None)}).proj(), [(1, 1), (1, 2), (2, 1)]),
    ("empty list of parts", (Session & {"meta.depth": ()}).proj(), []),
    (
        "parts in a table of values",
        (Session & EntitySet(("subject_id", "meta.depth"), ((1, 2), (3, 3)))).proj(),
        [(1, 1)],
    ),
    (
        "NULL in a table of values is NULL",
        (Subject & entities(subject_id=(1, 2, 3), username=("ann", None, None))).proj(),
        [(1,), (2,)],
    ),
    ("with no name shared, no row of an empty query matches", Subject.proj() & Rig, []),
    ("with no name shared, any row matches", Subject.proj() - Settings, []),
    ("NULL is first descending, then NaN", Subject.top(2, "weight DESC").proj(), [(2,), (3,)]),
    ("a condition after Top filters the top", Subject.proj().top(2, "KEY DESC") & "subject_id < 3", [(2,)]),
    ("a join keeps the Top of its operand", Subject.proj().top(1, "KEY DESC") * Session.proj(), []),
    ("a limit takes the order of its operand", Subject.top(None, "weight DESC").top(1).proj(), [(2,)]),
    ("an order outlives its attribute", Subject.top(3, "weight DESC").proj().top(2), [(2,), (3,)]),
    ("an order outlives a condition", (Subject.top(None, "KEY DESC") & "subject_id < 3").top(1).proj(), [(2,)]),
    ("another order is asked of what the first one left", Subject.top(2, "KEY DESC").top(1, "KEY").proj(), [(2,)]),
    ("a limit of 0", Subject.proj().top(0), []),
    ("a key matches by name", Called.join(Mating.proj(), by_name=True), [(1, "Tiger"), (2, "Leo")]),
    ("a key restricts by name", Mating.proj() & Match(Called.relation, by_name=True), [(1,), (2,)]),
    (
        "keys unite by name",
        Query(Union(Called.relation, Mating.proj("father").relation, by_name=True)),
        [(1, "Tiger", 1), (2, "Leo", None), (3, "Nala", None)],
    ),
    ("a group by name may lack a part of the key", by_name(Session, Subject), [(1, 1, 1), (1, 2, 1), (2, 1, 1)]),
    ("a group by name may lack a key", by_name(Session, Settings), [(1, 1, 1), (1, 2, 1), (2, 1, 1)]),
    (
        "a coarser group has no match in some entities",
        by_name(Session, Subject & "subject_id = 2"),
        [(1, 1, 0), (1, 2, 0), (2, 1, 1)],
    ),
]


def test_names_that_match_by_coincidence_are_told_with_their_origins() -> None:
    for query in (
        Called.join(Mating.proj(), by_name=True).join(Called.proj(), by_name=True),
        Called & Match(Mating.relation, by_name=True),
        by_name(Called, Mating),
        Query(Union(Called.relation, Mating.proj().relation, by_name=True)),
    ):
        (notice,) = compile_relation(query.relation, lab().catalog()).notices
        assert "`mating` matches by its name alone" in notice
        assert "on the left it comes from lab.Subject.subject_id, on the right from lab.Mating.mating." in notice
    assert compile_relation((Subject * Session).relation, lab().catalog()).notices == ()
    unchecked = Called.join(Mating, unchecked=True, by_name=True)
    assert compile_relation(unchecked.relation, lab().catalog()).notices == ()


def test_rows(postgres: Postgres) -> None:
    with postgres.holding(lab()) as held:
        found = {words: (sorted(held.fetch(query.relation)[1], key=str)) for words, query, _ in ROWS}
    assert found == {words: sorted(rows, key=str) for words, _, rows in ROWS}


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        (Subject * Rig, MismatchedLineage, "`name`"),
        (Subject & Rig.proj("name"), MismatchedLineage, "`name`"),
        (Subject.aggr(Rig.proj("name"), n="count(*)"), InvalidRequest, "subject_id"),
        (Subject.proj("unknown"), UnknownAttribute, "unknown"),
        (Subject.proj(..., "-subject_id"), InvalidRequest, "primary key"),
        (Subject.proj("-name"), InvalidRequest, "..."),
        (Subject.proj(weight="name", other="name"), InvalidRequest, "twice"),
        (Subject.proj("name", weight="name", n="weight", name="weight"), InvalidRequest, "twice"),
        (Subject.proj("weight", weight="name"), InvalidRequest, "two attributes"),
        (Subject.aggr(Session, name="count(*)").proj(subject_id="name"), InvalidRequest, "two attributes"),
        (Subject.aggr(Session, subject_id="count(*)"), InvalidRequest, "two attributes"),
        (Subject.aggr(Session, Bad="count(*)"), InvalidRequest, "attribute name"),
        (Subject.aggr(Session, n="date"), InvalidExpression, "differ"),
        (Subject.proj(n="count(*)"), InvalidExpression, "aggregate function"),
        (Subject & "unknown > 1", UnknownAttribute, "unknown"),
        (Subject & {"weight": "heavy"}, WrongValue, "weight"),
        (Session & {"date": "never"}, WrongValue, "date"),
        (Trial & {"trace": b""}, InvalidRequest, "trace"),
        (Subject & {"name.first": "x"}, InvalidExpression, "parts"),
        (Subject + Session, InvalidRequest, "same key"),
        (Subject + Subject, InvalidRequest, "secondary attribute"),
        (Subject.proj(subject="subject_id") + Mating.proj(subject="mating"), MismatchedLineage, "subject"),
        (Subject.join(Session, left=True), InvalidRequest, "whole key"),
        (Subject.extend(Session), InvalidRequest, "whole key"),
        (Subject.proj(username="weight").join(User, unchecked=True), InvalidRequest, "cannot be compared"),
        (Subject & Match(User.proj(subject_id="username").relation, unchecked=True), InvalidRequest, "be compared"),
        (Subject.join(Rig, by_name=True), MismatchedLineage, "`name`, but it belongs to the key of neither"),
        (Subject & Match(Rig.relation, by_name=True), MismatchedLineage, "the key of neither"),
        (by_name(Subject, Rig), MismatchedLineage, "the key of neither"),
        (U("name"), InvalidRequest, "U("),
        (U("name") * U("name"), InvalidRequest, "U("),
        (U("unknown") * Subject, UnknownAttribute, "unknown"),
        (Subject * U("name", "name"), InvalidRequest, "twice"),
        (U("name") - Subject, InvalidRequest, "U("),
        (U("unknown") & Subject, UnknownAttribute, "unknown"),
        (U("name", "name") & Subject, InvalidRequest, "twice"),
        (U("name").aggr(Subject, "weight"), UnknownAttribute, "weight"),
        (Subject.top(1, "unknown DESC"), UnknownAttribute, "unknown"),
        (Subject.top(1, "name sideways"), InvalidRequest, "is not an order"),
        (table("Nothing"), UnknownTable, "Nothing"),
    ],
)
def test_refusals(query: Query, error: type[LevadaError], words: str) -> None:
    pipeline = lab()
    with pytest.raises(error, match=f"(?i).*{re.escape(words)}"):
        compile_relation(query.relation, pipeline.catalog())
    if not issubclass(error, InvalidExpression):
        with pytest.raises(LevadaError):
            pipeline.oracle.evaluate(query.relation)


def test_a_result_cannot_have_one_name_twice() -> None:
    count = ExpressionText("count(*)")
    for items in ((Named("n", count), Named("n", count)), (Keep("weight"), Named("weight", count))):
        with pytest.raises(InvalidRequest, match=r"`(n|weight)`"):
            compile_relation(Aggregate(Subject.relation, Session.relation, items), lab().catalog())


def test_expressions_of_expressions_are_bounded() -> None:
    doubled = Subject.proj(x0="weight")
    for i in range(40):
        doubled = doubled.proj(f"x{i}", **{f"x{i + 1}": f"x{i} + x{i}"})
    with pytest.raises(QueryTooDeep, match="parts"):
        compile_relation(doubled.relation, lab().catalog())


def test_shared_conditions_are_bounded() -> None:
    condition: object = "weight > 1"
    for _ in range(40):
        condition = as_condition([condition, condition])
    with pytest.raises(QueryTooDeep, match="parts"):
        compile_relation((Subject & condition).relation, lab().catalog())


def test_shared_relations_are_bounded() -> None:
    query = Subject.proj()
    for _ in range(40):
        query = query * query
    with pytest.raises(QueryTooDeep, match="operators"):
        compile_relation(query.relation, lab().catalog())


def test_expressions_that_grow_by_their_names_are_bounded() -> None:
    query = Subject.proj(x="weight + weight")
    for _ in range(20):
        query = query.proj(x="x + x")
    with pytest.raises(QueryTooDeep, match="parts if every name"):
        compile_relation(query.relation, lab().catalog())


def test_values_are_bounded() -> None:
    values = sql.Operation("AND", tuple(sql.Value(True, "boolean") for _ in range(sql.MAX_VALUES + 1)))
    with pytest.raises(QueryTooDeep, match="values"):
        sql.render(sql.Select((), None, where=(values,)))


def test_many_mappings_are_one_table_of_values() -> None:
    mappings = [{"subject_id": i, "name": "x"} for i in range(50_000)]
    statement = compile_relation((Subject & mappings).relation, lab().catalog()).fetch()
    assert [len(value) for value in statement.values if isinstance(value, list)] == [50_000, 50_000]


@pytest.mark.parametrize(
    "condition",
    [
        {"unknown": 1},
        [{"unknown": 1}],
        [{"unknown": i} for i in range(10)],
        Not({"unknown": 1}),
        All({"subject_id": 1}, {"unknown": 1}),
        entities(unknown=(1, 2)),
        Session & {"unknown": 1},
    ],
)
def test_a_mapping_that_restricts_nothing_is_told_of_and_refused_for_a_delete(condition: object) -> None:
    catalog = lab().catalog()
    restricted = (Subject & condition).relation
    assert "`unknown`" in compile_relation(restricted, catalog).warnings[0]
    with pytest.raises(InvalidRequest, match="`unknown`"):
        compile_relation(restricted, catalog, strict=True)


def test_conditions_with_a_known_name_are_not_told_of() -> None:
    query = compile_relation(
        (Subject & [{"subject_id": 1, "unknown": 1}, {}, "1 = 1"]).relation, lab().catalog(), strict=True
    )
    assert query.warnings == ()
