"""Altering on a real database keeps rows and lineage, and leaves the rest as if the table were declared anew."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from levada_server import errors
from levada_server.model.heading import Heading
from levada_server.model.table import Table, TableName, Tier
from levada_server.operations import alteration, declarations, schemas
from levada_server.operations.alteration import WantedTable
from levada_server.storage.catalog import table_alteration
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection

SUBJECT = """# an animal
subject_id : int16  # ear tag
---
name = 'nameless' : varchar(40)
weight = null : float64  # g
sex : enum('M', 'F')
index (name, weight)
index ((weight * 2))
"""
ROWS = [
    {"subject_id": 1, "name": "Ann", "weight": 20.5, "sex": "F"},
    {"subject_id": 2, "name": "Bob", "weight": None, "sex": "M"},
]


CASES = [
    pytest.param(SUBJECT.replace("# an animal\n", "# a mouse\n"), {}, id="comment of the table"),
    pytest.param("subject_id : int16\n", {}, id="all attributes dropped"),
    pytest.param(SUBJECT + "age = null : int8  # weeks\nborn = '2020-01-01' : date\n", {}, id="attributes added"),
    pytest.param(SUBJECT.replace("weight", "mass"), {"mass": "weight"}, id="attribute renamed"),
    pytest.param(SUBJECT.replace("subject_id", "mouse_id"), {"mouse_id": "subject_id"}, id="key renamed"),
    pytest.param(
        "subject_id : int16\n---\nsex = 'none' : varchar(40)\nname : enum('M', 'F')\nweight = null : float64\n",
        {"sex": "name", "name": "sex"},
        id="two change places",
    ),
    pytest.param(SUBJECT.replace("= null : float64", "= null : decimal(6,2)"), {}, id="float to decimal"),
    pytest.param(
        SUBJECT.replace("= null : float64", "= null : text").replace("weight * 2", "concat(weight, name)"),
        {},
        id="float to text",
    ),
    pytest.param(SUBJECT.replace("varchar(40)", "text"), {}, id="varchar to text"),
    pytest.param(SUBJECT.replace("'M', 'F'", "'M', 'F', 'U'"), {}, id="enum widened"),
    pytest.param(SUBJECT.replace("'nameless'", "null"), {}, id="nullable"),
    pytest.param(SUBJECT.replace("'nameless'", "'Eve'"), {}, id="another default"),
    pytest.param(SUBJECT.replace("name = 'nameless' :", "name :"), {}, id="no default"),
    pytest.param(SUBJECT.replace("# g", "# grams").replace("ear tag", "tag"), {}, id="comments"),
    pytest.param(SUBJECT + "unique index (name)\nindex (sex)\n", {}, id="indexes added"),
    pytest.param(SUBJECT.replace("index (name, weight)\n", ""), {}, id="index moves up"),
    pytest.param(
        "# an animal\nsubject_id : int16  # ear tag\n---\nname = 'nameless' : varchar(40)\n"
        "weight = null : float64  # g\nindex ((weight * 2))\nindex (name, weight)\n",
        {},
        id="an attribute goes, and indexes change places",
    ),
    pytest.param(SUBJECT + "-> [nullable] Species\n", {}, id="reference added"),
    pytest.param(
        SUBJECT + "-> [nullable, unique] Species.proj(strain='species')\n-> [nullable] Species\n",
        {},
        id="references added",
    ),
    pytest.param(
        "subject_id : int16\n---\nsex : enum('M', 'F')\nweight = null : float64\nname = 'nameless' : varchar(40)\n",
        {},
        id="another order",
    ),
]
"""Other definitions of `SUBJECT`, with the old name of each renamed attribute."""


async def alter(engine: Engine, table: str, definition: str, renames: Mapping[str, str] | None = None) -> Table:
    """Alter a table of `lab` as planned."""
    wanted = WantedTable(named(table), definition, {}, renames or {})
    plan = await alteration.plan_alteration(engine, ME, wanted)
    return (await alteration.alter_table(engine, ME, wanted, plan.digest)).table


async def make_subjects(engine: Engine) -> Table:
    """Declare `lab.Subject` with two entities."""
    await make.make_table(engine, "Species", "species : varchar(20)\n", Tier.LOOKUP)
    await make.insert(engine, "Species", [{"species": "mouse"}])
    table = await make.make_table(engine, "Subject", SUBJECT)
    await make.insert(engine, "Subject", ROWS)
    return table


async def declared_anew(engine: Engine, definition: str, schema: str = "fresh") -> Table:
    """Declare `Subject` in a separate schema."""
    await schemas.create_schema(engine, ME, schema, allow_existing=False)
    declaration = declarations.Declaration(
        TableName(schema, "Subject"), Tier.MANUAL, definition, {"Species": named("Species")}
    )
    return (await declarations.declare_table(engine, ME, declaration)).table


def without_ids(table: Table) -> Table:
    """Return a table without its schema and ids, as its definition makes it."""
    heading = Heading(tuple(replace(a, origin=None) for a in table.heading))
    return replace(table, id=0, name=TableName("", table.name.table), heading=heading)


async def in_postgres(connection: Connection, table: Table) -> list[tuple[object, ...]]:
    """List columns, constraints and indexes of a stored table, without its schema and its id."""
    rows = await connection.fetch(
        """
        WITH stored AS (SELECT to_regclass($1) AS id)
        SELECT 'column', attname::text, format_type(atttypid, atttypmod), attnotnull::text,
               pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
        FROM stored, pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = stored.id AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT contype::text, CASE WHEN contype <> 'c' THEN conname END, pg_get_constraintdef(c.oid), '', '', ''
        FROM stored, pg_constraint c WHERE conrelid = stored.id AND contype <> 'n'
        UNION ALL
        SELECT 'index', i.relname, pg_get_indexdef(i.oid), '', '', ''
        FROM stored, pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = stored.id
        UNION ALL
        SELECT 'comment', obj_description(stored.id), '', '', '', '' FROM stored
        """,
        f"{table.name.schema}.{table.name.stored}",
    )
    shown = [
        tuple(
            value and re.sub(rf"\b(t(?={table.id}_)){table.id}|\b(lab|fresh\d*)\.", r"\1", value)
            for value in row.values()
        )
        for row in rows
    ]
    return sorted(shown, key=str)


@pytest.mark.parametrize(("definition", "renames"), CASES)
async def test_an_altered_table_equals_one_declared_anew(
    engine: Engine, connection: Connection, definition: str, renames: dict[str, str]
) -> None:
    before = await make_subjects(engine)
    altered = await alter(engine, "Subject", definition, renames)
    fresh = await declared_anew(engine, definition)
    assert without_ids(altered) == without_ids(fresh)
    assert altered.id == before.id
    assert await in_postgres(connection, altered) == await in_postgres(connection, fresh)
    assert len(await make.fetch(engine, "Subject")) == len(ROWS)
    assert (await alteration.plan_alteration(engine, ME, WantedTable(named("Subject"), definition, {}))).changes == ()


@pytest.mark.parametrize("seed", range(3))
async def test_any_definition_can_follow_any_other(engine: Engine, connection: Connection, seed: int) -> None:
    await make.make_table(engine, "Species", "species : varchar(20)\n", Tier.LOOKUP)
    await make.make_table(engine, "Subject", SUBJECT)
    definitions = [str(case.values[0]) for case in CASES if "subject_id" in str(case.values[0])]
    for step, definition in enumerate(random.Random(seed).sample(definitions, 8)):
        altered = await alter(engine, "Subject", definition)
        fresh = await declared_anew(engine, definition, f"fresh{step}")
        assert without_ids(altered) == without_ids(fresh)
        assert await in_postgres(connection, altered) == await in_postgres(connection, fresh)


async def test_back_and_forth_gives_the_first_table(engine: Engine, connection: Connection) -> None:
    before = await make_subjects(engine)
    stored = await in_postgres(connection, before)
    other = "subject_id : int16\n---\n-> [nullable, unique] Species\ntitle = 'x' : text\nindex (title)\n"
    await alter(engine, "Subject", other, {"title": "name"})
    await alter(engine, "Subject", other.replace("[nullable, unique]", "[nullable]"))
    await connection.execute("DELETE FROM lab.subject")  # `sex` comes back without a default
    after = await alter(engine, "Subject", SUBJECT, {"name": "title"})
    assert after == before
    assert await in_postgres(connection, after) == stored


async def test_rows_keep_their_values(engine: Engine) -> None:
    await make_subjects(engine)
    definition = """
    mouse : int16
    ---
    litter = null : int32
    label : text
    alive = true : bool
    weight = null : decimal(6,1)
    """
    await alter(engine, "Subject", definition, {"mouse": "subject_id", "label": "name"})
    await make.insert(engine, "Subject", [{"mouse": 3, "label": "Eve", "alive": False, "litter": 7}])
    assert [{k: str(v) for k, v in row.items()} for row in await make.fetch(engine, "Subject")] == [
        {"mouse": "1", "label": "Ann", "weight": "20.5", "alive": "True", "litter": "None"},
        {"mouse": "2", "label": "Bob", "weight": "None", "alive": "True", "litter": "None"},
        {"mouse": "3", "label": "Eve", "weight": "None", "alive": "False", "litter": "7"},
    ]


@pytest.mark.parametrize(
    ("definition", "error", "words"),
    [
        (SUBJECT.replace("= null : float64", "= null : int32"), errors.WrongValue, ["weight", "20.5"]),
        (SUBJECT.replace("varchar(40)", "varchar(2)").replace("'nameless'", "'x'"), errors.WrongValue, ["name"]),
        (SUBJECT.replace("varchar(40)", "int32").replace("'nameless'", "0"), errors.WrongValue, ["name", "Ann"]),
        (
            SUBJECT.replace("varchar(40)", "date").replace("'nameless'", "'2020-01-01'"),
            errors.WrongValue,
            ["name", "Ann"],
        ),
        (SUBJECT.replace("varchar(40)", "decimal(5,2)").replace("'nameless'", "0"), errors.WrongValue, ["Ann"]),
        (SUBJECT.replace("'M', 'F'", "'M', 'U'"), errors.ValueOutOfRange, ["sex"]),
        (SUBJECT.replace("= null : float64", "= 1 : float64"), errors.MissingAttribute, ["weight"]),
        (SUBJECT + "age : int8\n", errors.MissingAttribute, ["age", "default"]),
        (SUBJECT + "-> Species\n", errors.MissingAttribute, ["species"]),
        (SUBJECT + "species = 'rat' : varchar(20)\n-> Species\n", errors.MissingParent, ["Species", "parent", "(rat)"]),
        (SUBJECT + "lab = 'x' : text\nunique index (lab)\n", errors.DuplicateEntity, ["(lab)", "(x)"]),
    ],
)
async def test_what_the_rows_do_not_allow_is_named_and_changes_nothing(
    engine: Engine, connection: Connection, definition: str, error: type[errors.LevadaError], words: list[str]
) -> None:
    before = await make_subjects(engine)
    stored = await in_postgres(connection, before)
    with pytest.raises(error) as caught:
        await alter(engine, "Subject", definition.replace("# an animal", "# changed too"))
    message = str(caught.value)
    assert [word for word in ["lab.Subject", *words] if word not in message] == []
    assert [word for word in ["DETAIL", "relation", "constraint", "syntax"] if word in message] == []
    assert await schemas.describe_table(engine, ME, named("Subject")) == before
    assert await in_postgres(connection, before) == stored


async def test_a_value_past_the_range_of_the_new_type_is_shown_whatever_its_attribute_is_called(
    engine: Engine, connection: Connection
) -> None:
    """`found` is a variable of the language that searches for the value."""
    await make.make_table(engine, "Reading", "reading : int32\n---\nfound = null : int64\n")
    await make.insert(engine, "Reading", [{"reading": n, "found": n * 10_000} for n in range(10)])
    with pytest.raises(errors.ValueOutOfRange, match=r"lab\.Reading.*`found`.*value 40000 does not fit"):
        await alter(engine, "Reading", "reading : int32\n---\nfound = null : int16\n")
    assert await connection.fetchval("SELECT count(*) FROM pg_proc WHERE proname = 'levada_find_misfit'") == 0


async def test_a_view_that_somebody_made_holds_an_attribute(engine: Engine, connection: Connection) -> None:
    await make_subjects(engine)
    await connection.execute("CREATE VIEW lab.beside AS SELECT sex FROM lab.subject")
    with pytest.raises(errors.HasChildren, match=r"lab\.Subject.*drop the attribute `sex.*view"):
        await alter(engine, "Subject", "subject_id : int16\n")


async def test_lineage_and_jobs_survive_the_renames_of_a_key_and_its_tables(
    engine: Engine, connection: Connection
) -> None:
    await make_subjects(engine)
    await make.make_table(engine, "Stat", "-> Subject\n---\nmean : float64\n", Tier.COMPUTED)
    await make.refresh(engine, "Stat")
    [lease] = await make.reserve(engine, await make.make_session(engine), "Stat")
    await alter(engine, "Subject", SUBJECT.replace("subject_id", "mouse"), {"mouse": "subject_id"})
    stat = await schemas.describe_table(engine, ME, named("Stat"))
    assert stat.heading.primary_key == ("subject_id",)
    assert stat.foreign_keys[0].columns == (("subject_id", "mouse"),)
    subject = await schemas.describe_table(engine, ME, named("Subject"))
    assert stat.heading["subject_id"].origin == subject.heading["mouse"].origin

    definition = "-> Subject\n---\nmean : float64\n"
    wanted = WantedTable(named("Stat"), definition, {}, {"mouse": "subject_id"}, "Statistics", Tier.IMPORTED)
    stat = (await alteration.alter_table(engine, ME, wanted, "")).table
    assert (stat.name, stat.tier, stat.heading.primary_key) == (named("Statistics"), Tier.IMPORTED, ("mouse",))
    lease = lease._replace(table=named("Statistics"))
    await make.complete(engine, lease, {"Statistics": [{"mouse": lease.key[0][1], "mean": 1.0}]})
    assert (await make.refresh(engine, "Statistics")).added == 0
    assert await connection.fetch("SELECT mouse FROM lab.statistics")


async def test_a_master_takes_its_parts_along(engine: Engine, connection: Connection) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Session.Trial", "-> master\ntrial : int32\n", Tier.PART)
    await make.make_table(engine, "SessionNote", "-> Session\n")
    wanted = WantedTable(named("Session"), "session : int32\n", {}, new_name="Recording")
    assert (await alteration.alter_table(engine, ME, wanted, "")).table.name == named("Recording")
    tables = await schemas.list_tables(engine, ME, "lab")
    assert {t.name.table for t in tables} == {"Recording", "Recording.Trial", "SessionNote"}
    assert (await make.insert(engine, "Recording", [{"session": 1}])) == 1
    assert (await make.insert(engine, "Recording.Trial", [{"session": 1, "trial": 1}])) == 1
    assert await connection.fetchval("SELECT count(*) FROM lab.recording__trial") == 1
    part = WantedTable(named("Recording.Trial"), "-> master\ntrial : int32\n", {}, new_name="Recording.Event")
    assert (await alteration.alter_table(engine, ME, part, "")).table.name == named("Recording.Event")


@pytest.mark.parametrize(
    ("new_name", "error"),
    [
        ("Species", errors.AlreadyExists),
        ("species", errors.InvalidRequest),
        ("Species.Subject", errors.InvalidRequest),
        ("X" * 64, errors.InvalidRequest),
    ],
)
async def test_a_name_that_cannot_be_is_refused(engine: Engine, new_name: str, error: type[errors.LevadaError]) -> None:
    await make_subjects(engine)
    with pytest.raises(error):
        await alteration.plan_alteration(engine, ME, WantedTable(named("Subject"), SUBJECT, {}, new_name=new_name))


async def test_a_table_cannot_come_to_depend_on_itself(engine: Engine) -> None:
    await make_subjects(engine)
    await make.make_table(engine, "Session", "-> Subject\n")
    with pytest.raises(errors.InvalidRequest, match=r"lab\.Session.*depends on it"):
        await alter(engine, "Subject", SUBJECT + "-> [nullable] Session.proj(last='subject_id')\n")


async def test_an_index_that_the_new_type_does_not_allow_is_refused_in_the_plan(engine: Engine) -> None:
    await make_subjects(engine)
    wanted = WantedTable(named("Subject"), SUBJECT.replace("= null : float64", "= null : text"), {})
    with pytest.raises(errors.InvalidExpression, match="weight"):
        await alteration.plan_alteration(engine, ME, wanted)


async def test_only_the_plan_that_was_confirmed_is_run(engine: Engine) -> None:
    await make_subjects(engine)
    wanted = WantedTable(named("Subject"), SUBJECT + "age = null : int8\n", {})
    plan = await alteration.plan_alteration(engine, ME, wanted)
    assert plan.changes == ("add the attribute `age = null : int8`",)
    await alter(engine, "Subject", SUBJECT + "born = null : date\n")
    with pytest.raises(errors.PlanChanged):
        await alteration.alter_table(engine, ME, wanted, plan.digest)


async def test_definitions_keep_a_history(engine: Engine, connection: Connection) -> None:
    table = await make_subjects(engine)
    other = SUBJECT + "age = null : int8\n"
    await alter(engine, "Subject", other)
    await alter(engine, "Subject", other)  # no change, no entry
    history = await connection.fetch(
        "SELECT definition FROM levada.definition_history WHERE table_id = $1 ORDER BY id", table.id
    )
    assert [row["definition"] for row in history] == [SUBJECT, other]


async def test_a_reader_is_not_kept_waiting_and_neither_is_the_alteration(
    engine: Engine, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_alteration, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(alteration, "PAUSE_S", 0.0)
    await make_subjects(engine)
    async with connection.transaction():
        await connection.fetch("SELECT FROM lab.subject")  # holds its lock as long as the transaction lasts
        altering = asyncio.create_task(alter(engine, "Subject", SUBJECT + "age = null : int8\n"))
        while not altering.done():
            # A reader behind a waiting alteration waits too, and goes on when the alteration gives up.
            assert len(await asyncio.wait_for(make.fetch(engine, "Subject"), timeout=5)) == len(ROWS)
        with pytest.raises(errors.Conflict, match="use the tables"):
            altering.result()
    altered = await alter(engine, "Subject", SUBJECT + "age = null : int8\n")
    assert "age" in altered.heading


async def test_an_alteration_waits_for_a_reader_that_ends(
    engine: Engine, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = asyncio.Event()
    limit = table_alteration.limit_lock_wait
    attempts = []

    async def limit_and_count(of: Connection) -> None:
        await limit(of)
        attempts.append(of)
        if len(attempts) > 1:
            refused.set()

    monkeypatch.setattr(table_alteration, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(table_alteration, "limit_lock_wait", limit_and_count)
    await make_subjects(engine)
    async with connection.transaction():
        await connection.fetch("SELECT FROM lab.subject")
        altering = asyncio.create_task(alter(engine, "Subject", SUBJECT + "age = null : int8\n"))
        await refused.wait()
    assert "age" in (await altering).heading


async def test_plans_of_the_old_table_are_forgotten(engine: Engine) -> None:
    await make_subjects(engine)
    for _ in range(3):
        await make.fetch(engine, "Subject")
    await alter(engine, "Subject", SUBJECT.replace("= null : float64", "= null : decimal(6,2)"))
    async with engine.scope.transaction() as held:
        assert len(await held.fetch("SELECT * FROM lab.subject")) == len(ROWS)
    assert len(await make.fetch(engine, "Subject")) == len(ROWS)


async def test_a_schema_is_renamed_with_all_that_refers_to_it(engine: Engine, connection: Connection) -> None:
    await make_subjects(engine)
    await make.make_table(engine, "Session", "-> Subject\n")
    renamed = await alteration.rename_schema(engine, ME, "lab", "colony")
    assert (renamed.name, renamed.table_count) == ("colony", 3)
    session = await schemas.describe_table(engine, ME, TableName("colony", "Session"))
    assert session.foreign_keys[0].parent == TableName("colony", "Subject")
    origin = session.heading["subject_id"].origin
    assert origin is not None
    assert origin.label == "colony.Subject.subject_id"
    assert await connection.fetchval("SELECT count(*) FROM colony.subject") == len(ROWS)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("nothing", "colony", errors.UnknownSchema),
        ("lab", "other", errors.AlreadyExists),
        ("lab", "theirs", errors.AlreadyExists),
        ("lab", "pg_mine", errors.InvalidRequest),
    ],
)
async def test_a_schema_that_cannot_be_renamed_so(
    engine: Engine, connection: Connection, old: str, new: str, error: type[errors.LevadaError]
) -> None:
    await connection.execute("CREATE SCHEMA theirs")
    for name in ("lab", "other"):
        await schemas.create_schema(engine, ME, name, allow_existing=False)
    with pytest.raises(error):
        await alteration.rename_schema(engine, ME, old, new)
