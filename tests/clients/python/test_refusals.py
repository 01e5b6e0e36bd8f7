"""Each reason to refuse a table or query has its class and words, and a refusal changes nothing.

Limits are in `test_bounds.py`; lost servers, and transactions out of time, in `test_transactions.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import levada as lv
from levada.errors import (
    AlreadyExists,
    Conflict,
    DuplicateEntity,
    HasChildren,
    InvalidDefinition,
    InvalidExpression,
    InvalidRequest,
    MismatchedLineage,
    MissingAttribute,
    MissingParent,
    NotFound,
    PermissionDenied,
    PlanChanged,
    PreconditionFailed,
    QueryTooDeep,
    TableExists,
    UnknownAttribute,
    UnknownSchema,
    UnknownTable,
    ValueOutOfRange,
    WrongValue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Lab = Any  # a module made by the fixture


def _declared(lab: Lab, name: str, definition: str, tier: type[lv.Table] = lv.Manual) -> None:
    lab.schema(type(name, (tier,), {"definition": definition}), context=vars(lab))


def _connection(lab: Lab) -> lv.Connection:
    connection: lv.Connection = lab.schema.connection
    return connection


def _module(lab: Lab, name: str) -> lv.VirtualModule:
    return lv.VirtualModule(name, name, connection=_connection(lab))


def _altered(lab: Lab, definition: str) -> None:
    was = lab.Subject.definition
    try:
        lab.Subject.definition = definition
        lab.Subject.alter(prompt=False)
    finally:
        lab.Subject.definition = was


def _deleted_by_an_old_plan(lab: Lab) -> None:
    some = lab.Session & {"subject_id": 1}
    plan = some.delete(dry_run=True)
    lab.Session.insert1((1, 9, "2026-01-09"))
    try:
        plan.confirm()
    finally:
        (lab.Session & {"session": 9}).delete(prompt=False)


def _in_conflict(lab: Lab) -> None:
    with lv.Connection(lab.schema.connection.address) as other:
        theirs = lv.FreeTable(other, "lab.Subject")
        with lab.schema.transaction():
            len(lab.Subject())
            theirs.update1({"subject_id": 1, "weight": 20.5})
            lab.Subject.update1({"subject_id": 1, "weight": 21})


def _deep(lab: Lab) -> None:
    query: lv.Relation = lab.Subject()
    for _ in range(200):
        query = query.proj(...)
    len(query)


def _computed(lab: Lab) -> None:
    _declared(lab, "Score", "-> Subject\n---\nscore : int32", lv.Computed)
    try:
        lv.FreeTable(lab.schema.connection, "lab.Score").insert1((1, 5))
    finally:
        lv.FreeTable(lab.schema.connection, "lab.Score").drop(prompt=False)


SUBJECT = "subject_id : int32\n---\n-> [nullable] Species\nname = 'nameless' : varchar(40)\n"

REFUSED: list[tuple[str, type[lv.LevadaError], Callable[[Lab], object], str]] = [
    ("INVALID_REQUEST", InvalidRequest, lambda lab: lab.Subject & None, "cannot be restricted by None"),
    ("INVALID_REQUEST", InvalidRequest, lambda lab: (lab.Subject & {"x": 1}).delete(), "select every row"),
    ("INVALID_REQUEST", InvalidRequest, lambda lab: _altered(lab, "name : varchar(40)\n"), "primary key"),
    ("INVALID_REQUEST", InvalidRequest, lambda lab: (lab.Subject + lab.Session).fetch(), "same key on both sides"),
    ("INVALID_REQUEST", InvalidRequest, lambda lab: lab.Subject.join(lab.Session, left=True).fetch(), "is missing"),
    ("INVALID_REQUEST", InvalidRequest, lambda lab: lab.Subject.proj("-subject_id").fetch(), "cannot be dropped"),
    ("INVALID_DEFINITION", InvalidDefinition, lambda lab: _declared(lab, "Room", "room : int33"), "line 1, column 8"),
    ("INVALID_DEFINITION", InvalidDefinition, lambda lab: _altered(lab, SUBJECT + "x\n"), "line 5, column 2"),
    ("INVALID_EXPRESSION", InvalidExpression, lambda lab: len(lab.Subject & "weight >"), "expected an attribute"),
    ("INVALID_EXPRESSION", InvalidExpression, lambda lab: len(lab.Subject & "sleep(9) = 0"), "no function `sleep`"),
    ("UNKNOWN_ATTRIBUTE", UnknownAttribute, lambda lab: len(lab.Subject & "wieght > 1"), "no attribute `wieght`"),
    ("UNKNOWN_ATTRIBUTE", UnknownAttribute, lambda lab: lab.Subject.insert1({"subject_id": 9, "x": 1}), "row 0.*`x`"),
    ("MISSING_ATTRIBUTE", MissingAttribute, lambda lab: lab.Session.insert1({"subject_id": 1, "session": 5}), "`day`"),
    ("WRONG_VALUE", WrongValue, lambda lab: lab.Session.insert([(1, 7, "2026-01-01"), (1, 8, "soon")]), "row 1.*`day`"),
    ("WRONG_VALUE", WrongValue, lambda lab: len(lab.Session & {"day": "soon"}), "`day`.*'soon' is not a valid date"),
    ("VALUE_OUT_OF_RANGE", ValueOutOfRange, lambda lab: lab.Session.insert1((1, 40_000, "2026-01-01")), "int16"),
    ("MISMATCHED_LINEAGE", MismatchedLineage, lambda lab: len(lab.Subject * lab.Session.proj(name="day")), "proj"),
    ("QUERY_TOO_DEEP", QueryTooDeep, _deep, "more than 100 deep"),
    ("PERMISSION_DENIED", PermissionDenied, _computed, "allow_direct_insert=True"),
    ("NOT_FOUND", NotFound, lambda lab: lab.Subject.update1({"subject_id": 99, "weight": 1}), "subject_id=99"),
    (
        "UNKNOWN_SCHEMA",
        UnknownSchema,
        lambda lab: _module(lab, "nowhere"),
        "no schema `nowhere`",
    ),
    ("UNKNOWN_TABLE", UnknownTable, lambda lab: lv.FreeTable(lab.schema.connection, "lab.Nobody").heading, "`Nobody`"),
    ("UNKNOWN_TABLE", UnknownTable, lambda lab: _declared(lab, "Room", "room : int8\n---\n-> Nobody"), "line 3"),
    ("ALREADY_EXISTS", AlreadyExists, lambda lab: lab.schema.rename("pictures"), "pictures"),
    ("DUPLICATE_ENTITY", DuplicateEntity, lambda lab: lab.Subject.insert([{"subject_id": i} for i in (8, 1)]), "row 1"),
    (
        "TABLE_EXISTS",
        TableExists,
        lambda lab: _declared(lab, "Subject", SUBJECT, lv.Lookup),
        "exists as a manual table",
    ),
    (
        "PRECONDITION_FAILED",
        PreconditionFailed,
        lambda lab: lab.schema.connection.commit_transaction(),
        "no transaction",
    ),
    ("MISSING_PARENT", MissingParent, lambda lab: lab.Session.insert1((9, 1, "2026-01-01")), "`lab.Subject` has no"),
    ("HAS_CHILDREN", HasChildren, lambda lab: (lab.Subject & {"subject_id": 1}).delete_quick(), "depend on these"),
    ("HAS_CHILDREN", HasChildren, lambda lab: (lab.Session.Trial & "trial = 1").delete(prompt=False), "its master"),
    ("HAS_CHILDREN", HasChildren, lambda lab: lab.Subject.drop_quick(), "depends on"),
    ("PLAN_CHANGED", PlanChanged, _deleted_by_an_old_plan, "has changed since the plan"),
    ("CONFLICT", Conflict, _in_conflict, "repeat the whole transaction"),
]


def _state(lab: Lab) -> dict[str, object]:
    tables = {table.full_table_name: (table.describe(), table.to_dicts(order_by="KEY")) for table in lab.schema}
    return {"schemas": lv.list_schemas(lab.schema.connection), **tables}


def test_every_refusal_has_its_reason_and_changes_nothing(lab: Lab, connection: lv.Connection) -> None:
    lv.Schema("pictures", connection=connection)
    before = _state(lab)
    wrong = []
    for reason, kind, act, words in REFUSED:
        with pytest.raises(kind, match=words) as caught:
            act(lab)
        if caught.value.reason != reason or "psql" in str(caught.value) or "SELECT" in str(caught.value):
            wrong.append((reason, caught.value.reason, str(caught.value)))
        assert _state(lab) == before, reason
    assert not wrong
