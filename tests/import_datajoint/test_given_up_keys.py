"""Foreign keys that are given up leave the type of their columns as it was."""

from __future__ import annotations

from levada._from_datajoint.decisions import Decisions
from levada._from_datajoint.facts import MYSQL, Column, Database, ForeignKey, Place, StoredTable, Strays
from levada._from_datajoint.planning import make_plan
from levada._from_datajoint.stored_types import Way

TESTS = (
    "levada._from_datajoint.decisions",
    "levada._from_datajoint.facts",
    "levada._from_datajoint.planning",
    "levada._from_datajoint.stored_types",
)


def test_a_column_has_the_type_of_the_first_parent_that_has_one() -> None:
    places = [Place("lab", name) for name in ("subject", "session", "scan")]
    keys = [ForeignKey(f"to_{place.table}", ("uid",), place, ("uid",)) for place in places]
    comments = (":uuid:whose", "", "of this scan")
    tables = tuple(
        StoredTable(
            place,
            False,
            "",
            (Column("uid", "binary(16)", False, comment=comment),),
            ("uid",),
            (keys[number - 1],) if number else (),
        )
        for number, (place, comment) in enumerate(zip(places, comments, strict=True))
    )
    strays = {(place, key.name): Strays(orphans=1) for place, key in zip(places[1:], keys, strict=False)}
    decisions = Decisions(answers={"orphans:*": "plain"})
    plan = make_plan(Database(MYSQL, "", "", ("lab",), tables, strays=strays), decisions, {}, {})
    assert (plan.problems, plan.questions) == ((), ())
    planned = plan.by_place()
    for table, comment in zip(map(planned.__getitem__, places), ("whose", "", "of this scan"), strict=True):
        (column,) = table.columns
        assert (column.type, column.way, column.comment, table.keys) == ("uuid", Way.UUID, comment, ())


def test_a_circle_without_a_type_ends() -> None:
    key = ForeignKey("to_itself", ("uid",), Place("lab", "hen"), ("uid",))
    table = StoredTable(key.parent, False, "", (Column("uid", "binary(16)", False),), ("uid",), (key,))
    decisions = Decisions(answers={"foreign-key:*": "plain", "type:*": "hex"})
    plan = make_plan(Database(MYSQL, "", "", ("lab",), (table,)), decisions, {}, {})
    assert [column.type for column in plan.tables[0].columns] == ["text"]
