"""Inserting, updating and deleting on a real database: all or nothing, and errors that name the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server import errors
from levada_server.model.table import PartIntegrity, Tier
from levada_server.operations import deletes, inserts, updates
from levada_server.operations.inserts import InsertOptions
from levada_server.query import algebra
from levada_server.query.algebra import Equalities, ExpressionText, Match, Named, Project, Restrict, TableOperand
from levada_server.storage.rows.insert_plan import BULK_ROWS
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from levada_server.storage.deletion.doomed import Doomed

SUBJECT = """
subject : int16
---
name : varchar(8)
weight = 1.5 : float32
sex = null : enum('M', 'F')
unique index (name)
"""
SESSION = """
-> Subject
session : int32
---
-> [nullable] Subject.proj(vet='subject')
"""


@pytest_asyncio.fixture
async def lab(engine: Engine) -> Engine:
    """`Subject` with two entities, `Session` below it, `Pair` that refers to `Subject` twice, a part of `Session`."""
    await make.make_table(engine, "Subject", SUBJECT)
    await make.make_table(
        engine, "Session", "-> Subject\nsession : int32\n---\n-> [nullable] Subject.proj(vet='subject')\n"
    )
    await make.make_table(engine, "Session.Trial", "-> master\ntrial : int32\n", Tier.PART)
    await make.make_table(engine, "Pair", "-> Subject.proj(a='subject')\n-> Subject.proj(b='subject')\n")
    await make.insert(engine, "Subject", [{"subject": 1, "name": "a"}, {"subject": 2, "name": "b"}])
    return engine


@pytest.mark.parametrize(
    ("record", "kind", "details"),
    [
        ({"subject": 1, "name": "c"}, errors.DuplicateEntity, {"row": "1", "key": "subject=1"}),
        ({"subject": 9, "name": "a"}, errors.DuplicateEntity, {"row": "1", "key": "name='a'"}),
        ({"subject": 8, "name": "z"}, errors.DuplicateEntity, {"row": "1", "key": "subject=8"}),
        ({"subject": 9, "name": "z" * 9}, errors.ValueOutOfRange, {"row": "1", "attribute": "name"}),
        ({"subject": 10**6, "name": "c"}, errors.ValueOutOfRange, {"row": "1", "attribute": "subject"}),
        ({"subject": None, "name": "c"}, errors.MissingAttribute, {"row": "1", "attribute": "subject"}),
        ({"subject": 9, "name": None}, errors.MissingAttribute, {"row": "1", "attribute": "name"}),
        ({"subject": 9, "name": "c", "sex": "X"}, errors.ValueOutOfRange, {"row": "1", "attribute": "sex"}),
        ({"subject": 9, "name": "a\0b"}, errors.ValueOutOfRange, {"row": "1", "attribute": "name"}),
        ({"subject": 9, "name": "c", "height": 1}, errors.UnknownAttribute, {"attribute": "height"}),
    ],
)
async def test_a_row_that_does_not_fit_is_named_and_nothing_is_inserted(
    lab: Engine, record: dict[str, object], kind: type[errors.LevadaError], details: dict[str, str]
) -> None:
    good = {"subject": 8, "name": "good"} | dict.fromkeys(record.keys() - {"subject", "name"})
    with pytest.raises(kind) as caught:
        await make.insert(lab, "Subject", [good, record])
    assert type(caught.value) is kind
    assert details.items() <= caught.value.details.items()
    assert len(await make.fetch(lab, "Subject")) == 2


async def test_text_that_is_no_number_is_named(lab: Engine) -> None:
    with pytest.raises(errors.WrongValue) as caught:
        await make.insert(lab, "Subject", [{"subject": "8", "name": "c"}, {"subject": "many", "name": "d"}])
    assert (caught.value.details["row"], caught.value.details["attribute"]) == ("1", "subject")


async def test_a_missing_parent_is_named(lab: Engine) -> None:
    with pytest.raises(errors.MissingParent) as caught:
        await make.insert(lab, "Pair", [{"a": 1, "b": 2}, {"a": 2, "b": 77}])
    assert caught.value.details["parent"] == "lab.Subject"
    assert (caught.value.details["row"], caught.value.details["key"]) == ("1", "b=77")
    assert await make.fetch(lab, "Pair") == []


@pytest.mark.parametrize("skip_duplicates", [False, True])
async def test_a_missing_parent_is_named_among_many_rows(lab: Engine, skip_duplicates: bool) -> None:
    rows = [{"subject": 1, "session": number} for number in range(BULK_ROWS)]
    with pytest.raises(errors.MissingParent) as caught:
        content = make.arrow([*rows, {"subject": 77, "session": 0}])
        await inserts.insert(lab, ME, named("Session"), InsertOptions(skip_duplicates=skip_duplicates), content)
    assert (caught.value.details["row"], caught.value.details["key"]) == (str(BULK_ROWS), "subject=77")
    assert await make.fetch(lab, "Session") == []


async def test_missing_values_take_the_default(lab: Engine) -> None:
    await make.insert(lab, "Subject", [{"subject": 3, "name": "c", "weight": None}])
    (row,) = [row for row in await make.fetch(lab, "Subject") if row["subject"] == 3]
    assert row == {"subject": 3, "name": "c", "weight": 1.5, "sex": None}


async def test_skip_duplicates_skips_by_key_alone(lab: Engine) -> None:
    count = await make.insert(
        lab, "Subject", [{"subject": 1, "name": "x"}, {"subject": 3, "name": "c"}], skip_duplicates=True
    )
    assert count == 1
    with pytest.raises(errors.DuplicateEntity):
        await make.insert(lab, "Subject", [{"subject": 4, "name": "a"}], skip_duplicates=True)


async def test_replace_updates_in_place_and_the_last_of_equal_keys_stands(lab: Engine) -> None:
    await make.insert(lab, "Session", [{"subject": 1, "session": 1}])
    await make.insert(lab, "Subject", [{"subject": 1, "name": "x"}, {"subject": 1, "name": "y"}], replace=True)
    names = {row["subject"]: row["name"] for row in await make.fetch(lab, "Subject")}
    assert names == {1: "y", 2: "b"}
    assert len(await make.fetch(lab, "Session")) == 1


async def test_auto_increment_fills_what_is_left_out(engine: Engine) -> None:
    await make.make_table(engine, "Note", "note : int32 auto_increment\n---\ntext : varchar(10)\n")
    await make.insert(engine, "Note", [{"text": "a"}, {"text": "b"}])
    await make.insert(engine, "Note", [{"note": None, "text": "c"}, {"note": 77, "text": "d"}])
    assert [(row["note"], row["text"]) for row in await make.fetch(engine, "Note")] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (77, "d"),
    ]


async def test_a_singleton_table_has_one_row(engine: Engine) -> None:
    await make.make_table(engine, "Setup", "---\nrate : float64\n")
    await make.insert(engine, "Setup", [{"rate": 1.0}])
    with pytest.raises(errors.DuplicateEntity):
        await make.insert(engine, "Setup", [{"rate": 2.0}])
    assert await make.insert(engine, "Setup", [{"rate": 2.0}], skip_duplicates=True) == 0
    await make.insert(engine, "Setup", [{"rate": 3.0}], replace=True)
    assert await make.fetch(engine, "Setup") == [{"rate": 3.0}]


async def test_computed_tables_and_their_parts_refuse_direct_inserts(lab: Engine) -> None:
    await make.make_table(lab, "Stat", "-> Session\n", Tier.COMPUTED)
    await make.make_table(lab, "Stat.Bin", "-> master\nbin : int8\n", Tier.PART)
    await make.insert(lab, "Session", [{"subject": 1, "session": 1}])
    for table, record in (("Stat", {"subject": 1, "session": 1}), ("Stat.Bin", {"subject": 1, "session": 1, "bin": 1})):
        with pytest.raises(errors.PermissionDenied, match="allow_direct_insert"):
            await make.insert(lab, table, [record])
        await make.insert(lab, table, [record], allow_direct_insert=True)


async def test_a_query_is_inserted_without_a_trip_to_the_client(lab: Engine) -> None:
    await make.make_table(lab, "Copy", "subject : int16\n---\nname : varchar(8)\n")
    source = Project(TableOperand(named("Subject")), (algebra.Keep("name"),))
    assert await inserts.insert_relation(lab, ME, named("Copy"), source, InsertOptions()) == 2
    with pytest.raises(errors.DuplicateEntity, match="subject"):
        await inserts.insert_relation(lab, ME, named("Copy"), source, InsertOptions())
    assert await inserts.insert_relation(lab, ME, named("Copy"), source, InsertOptions(skip_duplicates=True)) == 0
    with pytest.raises(errors.UnknownAttribute, match="weight"):
        await inserts.insert_relation(lab, ME, named("Copy"), TableOperand(named("Subject")), InsertOptions())
    whole = InsertOptions(replace=True, ignore_extra_fields=True)
    assert await inserts.insert_relation(lab, ME, named("Copy"), TableOperand(named("Subject")), whole) == 2
    text = Project(TableOperand(named("Subject")), (Named("name", ExpressionText("weight + 1")),))
    with pytest.raises(errors.InvalidRequest, match="name"):
        await inserts.insert_relation(lab, ME, named("Copy"), text, InsertOptions())
    with pytest.raises(errors.MissingAttribute, match="name"):
        await inserts.insert_relation(lab, ME, named("Copy"), Project(source, ()), InsertOptions())


@pytest.mark.parametrize(
    ("attribute", "expression", "kind", "words"),
    [
        ("name : varchar(3)", "concat(name, 'long')", errors.WrongValue, "`name` (varchar(3))"),
        ("weight : int8", "subject * 300", errors.ValueOutOfRange, "row (1, 300). Attribute: `weight` (int8)."),
        ("weight : int16", "subject * 70000", errors.ValueOutOfRange, "`weight` (int16)"),
        ("name : varchar(3)", "nullif(name, 'a')", errors.MissingAttribute, "attribute `name`, row (1, null)"),
    ],
)
async def test_a_query_whose_values_do_not_fit_is_refused_by_the_name_of_the_attribute(
    lab: Engine, attribute: str, expression: str, kind: type[errors.LevadaError], words: str
) -> None:
    await make.make_table(lab, "Copy", f"subject : int64\n---\n{attribute}\n")
    name = attribute.split()[0]
    source = Project(TableOperand(named("Subject")), (Named(name, ExpressionText(expression)),))
    with pytest.raises(kind) as caught:
        await inserts.insert_relation(lab, ME, named("Copy"), source, InsertOptions())
    assert caught.value.message.startswith("`lab.Copy`: ")
    assert words in caught.value.message
    assert await make.fetch(lab, "Copy") == []


async def test_a_value_that_is_too_long_for_a_key_says_so(engine: Engine) -> None:
    await make.make_table(engine, "Note", "note : varchar(60000)\n")
    text = "".join(f"{n * 7919 % 100_003:05}" for n in range(11_999))
    with pytest.raises(errors.LimitReached, match=r"`lab\.Note`: .*too long.*2,700 bytes"):
        await make.insert(engine, "Note", [{"note": text}])


async def test_an_update_changes_one_entity(lab: Engine) -> None:
    await updates.update(lab, ME, named("Subject"), {"subject": 1, "name": "new", "weight": None, "sex": "F"})
    assert (await make.fetch(lab, "Subject"))[-1] == {"subject": 1, "name": "new", "weight": 1.5, "sex": "F"}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"subject": 9, "name": "x"}, errors.NotFound),
        ({"name": "x"}, errors.InvalidRequest),
        ({"subject": 1}, errors.InvalidRequest),
        ({"subject": 1, "name": None}, errors.MissingAttribute),
        ({"subject": 1, "name": "b"}, errors.DuplicateEntity),
        ({"subject": 1, "sex": "X"}, errors.ValueOutOfRange),
        ({"subject": 1, "height": 3}, errors.UnknownAttribute),
        ({"subject": "one", "name": "x"}, errors.WrongValue),
    ],
)
async def test_an_update_that_cannot_be_changes_nothing(
    lab: Engine, row: dict[str, object], kind: type[errors.LevadaError]
) -> None:
    before = await make.fetch(lab, "Subject")
    with pytest.raises(kind):
        await updates.update(lab, ME, named("Subject"), row)
    assert await make.fetch(lab, "Subject") == before


def only(table: str, **values: object) -> Restrict:
    return Restrict(TableOperand(named(table)), Equalities(tuple(values.items())))


async def delete(
    engine: Engine, relation: algebra.Relation, integrity: PartIntegrity = PartIntegrity.ENFORCE, *, quick: bool = False
) -> Doomed:
    return await deletes.delete(engine, ME, relation, integrity, digest="", quick=quick)


@pytest_asyncio.fixture
async def filled(lab: Engine) -> Engine:
    """Sessions of subject 1, one with subject 2 as vet; trials; pairs both ways."""
    await make.insert(
        lab,
        "Session",
        [{"subject": 1, "session": 1, "vet": None}, {"subject": 1, "session": 2, "vet": 2}],
    )
    await make.insert(lab, "Session.Trial", [{"subject": 1, "session": s, "trial": t} for s in (1, 2) for t in (1, 2)])
    await make.insert(lab, "Pair", [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}])
    return lab


async def test_a_delete_cascades_through_renamed_and_converging_references(filled: Engine) -> None:
    doomed = await delete(filled, only("Subject", subject=2))
    assert {str(name.table): count for name, count in doomed.counts} == {
        "Subject": 1,
        "Pair": 2,
        "Session": 1,
        "Session.Trial": 2,
    }
    assert await make.fetch(filled, "Pair") == [{"a": 1, "b": 1}]
    assert [row["session"] for row in await make.fetch(filled, "Session")] == [1]


async def test_a_delete_runs_the_plan_that_was_confirmed_or_none(filled: Engine) -> None:
    two = only("Subject", subject=2)
    plan = await deletes.plan_delete(filled, ME, two, PartIntegrity.ENFORCE)
    assert len(await make.fetch(filled, "Pair")) == 3
    await make.insert(filled, "Pair", [{"a": 2, "b": 1}])
    with pytest.raises(errors.PlanChanged):
        await deletes.delete(
            filled, ME, only("Subject", subject=2), PartIntegrity.ENFORCE, digest=plan.digest, quick=False
        )
    assert len(await make.fetch(filled, "Pair")) == 4
    plan = await deletes.plan_delete(filled, ME, only("Subject", subject=2), PartIntegrity.ENFORCE)
    await deletes.delete(filled, ME, only("Subject", subject=2), PartIntegrity.ENFORCE, digest=plan.digest, quick=False)
    assert len(await make.fetch(filled, "Pair")) == 1


async def test_a_part_goes_only_with_its_master_row_by_row(filled: Engine) -> None:
    one_trial = only("Session.Trial", trial=1, session=1)
    with pytest.raises(errors.HasChildren, match="master"):
        await delete(filled, one_trial)
    assert len(await make.fetch(filled, "Session.Trial")) == 4
    assert len((await delete(filled, one_trial, PartIntegrity.IGNORE)).counts) == 1
    doomed = await delete(filled, only("Session.Trial", trial=2, session=1), PartIntegrity.CASCADE)
    assert {name.table: count for name, count in doomed.counts} == {"Session.Trial": 1, "Session": 1}


async def test_a_quick_delete_does_not_cascade(filled: Engine) -> None:
    with pytest.raises(errors.HasChildren, match="depend"):
        await delete(filled, only("Subject", subject=1), quick=True)
    assert (await delete(filled, only("Pair", a=1), quick=True)).counts == [(named("Pair"), 2)]


async def test_a_delete_that_restricts_nothing_is_refused(filled: Engine) -> None:
    nothing = Equalities((("sujbect", 1),))
    for condition in (
        nothing,
        algebra.AnyOf((nothing,)),
        algebra.AllOf((nothing,)),
        Match(Restrict(TableOperand(named("Session")), nothing)),
    ):
        with pytest.raises(errors.InvalidRequest, match="sujbect"):
            await delete(filled, Restrict(TableOperand(named("Subject")), condition))
    with pytest.raises(errors.InvalidRequest, match="table"):
        await delete(filled, Project(TableOperand(named("Subject")), ()))
    assert len(await make.fetch(filled, "Subject")) == 2


async def test_postgresql_is_told_of_rows_where_they_are_many_beside_those_it_knows(engine: Engine) -> None:
    await make.make_table(engine, "Number", "id : int32\n")
    count = inserts.ANALYZED_ROWS

    async def known() -> int:
        async with engine.scope.connection() as connection:
            found: int = await connection.fetchval("SELECT reltuples FROM pg_class WHERE oid = 'lab.number'::regclass")
            return found

    await make.insert(engine, "Number", [{"id": id_} for id_ in range(count)])
    assert await known() == count
    async with engine.scope.connection() as connection:
        believe = "UPDATE pg_class SET reltuples = $1 WHERE oid = 'lab.number'::regclass"
        await connection.execute(believe, 20.0 * count)
    await make.insert(engine, "Number", [{"id": id_} for id_ in range(count, 2 * count)])
    assert await known() == 20 * count
