"""Declaring, describing and dropping on a real database: one transaction each, nothing left behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from levada_server import errors
from levada_server.model.description import describe
from levada_server.model.table import TableName, Tier
from levada_server.operations import alteration, declarations, inserts, queries, schemas
from levada_server.query.algebra import Equalities, ExpressionText, Restrict, TableOperand
from levada_server.query.ddl import index_name
from levada_server.storage.catalog import stored_catalog
from levada_server.storage.catalog.stored_catalog import read_catalog
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    import asyncpg

    from levada_server.operations.context import Engine

EVERY_TYPE = """# a table of every type
tiny : int8
small : int16
---
word : int32
wide : int64
utiny : uint8
usmall : uint16
uword : uint32
single : float32
double : float64
yes : bool
money : decimal(10,2)
letters : char(3)
name = 'a:b#c' : varchar(20)  # with a default
essay = null : text
sex : enum('M', 'F')
day = '2020-01-01' : date
clock : time
moment = CURRENT_TIMESTAMP : datetime
coarse : datetime(3)
stamp = CURRENT_TIMESTAMP : timestamp
zoned = CURRENT_TIMESTAMP : timestamptz
id : uuid
tree = null : json
raw = null : bytes
anything = null : <blob>
image = null : <array float32(2, 3)>
index (word, wide)
unique index (name)
index ((word + 1))
index (tree.a[0].b:int32, tree.c)
"""


async def test_a_described_table_declares_the_same_table(engine: Engine) -> None:
    table = await make.make_table(engine, "Everything", EVERY_TYPE)
    again = declarations.Declaration(named("Everything"), Tier.MANUAL, describe(table), {})
    declared = await declarations.declare_table(engine, ME, again)
    assert (declared.created, declared.differences) == (False, ())


async def test_a_reference_across_schemas_is_read_as_it_is_described(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    await schemas.create_schema(engine, ME, "other", allow_existing=False)
    name = TableName("other", "Session")
    declaration = declarations.Declaration(name, Tier.MANUAL, "-> lab.Subject\nsession : int32\n", {})
    table = (await declarations.declare_table(engine, ME, declaration)).table
    assert (
        table.heading["subject"].origin
        == (await schemas.describe_table(engine, ME, named("Subject"))).heading["subject"].origin
    )
    with pytest.raises(errors.HasChildren, match=r"other\.Session"):
        await schemas.drop_schema(engine, ME, "lab")


async def test_a_part_of_json_is_indexed(engine: Engine) -> None:
    table = await make.make_table(engine, "Car", "car : int32\n---\nabout : json\nunique index (about.plate)\n")
    count = inserts.ANALYZED_ROWS
    await make.insert(engine, "Car", [{"car": i, "about": f'{{"plate": "P{i}"}}'} for i in range(count)])
    with pytest.raises(errors.DuplicateEntity, match=r"unique combination.*\(about\.plate\) = P7\. Nothing"):
        await make.insert(engine, "Car", [{"car": count, "about": '{"plate": "P7"}'}])
    for condition in (ExpressionText("about.plate = 'P7'"), Equalities((("about.plate", "P7"),))):
        query = await make.query(engine, Restrict(TableOperand(table.name), condition))
        plan, _ = await queries.explain(engine, ME, query, analyze=False)
        assert index_name(table, 0) in plan
        assert await query.count(engine.scope) == 1


async def _declare(engine: Engine, schema: str, table: str, definition: str) -> None:
    await schemas.create_schema(engine, ME, schema, allow_existing=True)
    await declarations.declare_table(
        engine, ME, declarations.Declaration(TableName(schema, table), Tier.MANUAL, definition, {})
    )


async def test_schemas_form_no_cycle(engine: Engine) -> None:
    await _declare(engine, "animals", "Subject", "subject : int32\n")
    await _declare(engine, "sessions", "Session", "-> animals.Subject\nsession : int32\n")
    await _declare(engine, "units", "Unit", "-> sessions.Session\nunit : int32\n")
    await _declare(engine, "units", "Score", "-> animals.Subject\n")
    with pytest.raises(errors.InvalidDefinition) as caught:
        await _declare(engine, "animals", "Best", "best : int32\n---\n-> [nullable] units.Unit\n")
    assert caught.value.details["line"] == "3"
    assert "-> [nullable] units.Unit" in caught.value.message
    assert "animals → units: `units.Score` refers to `animals.Subject`" in caught.value.message
    with pytest.raises(errors.InvalidDefinition, match=r"`sessions\.Session`, which depends on it"):
        await alteration.plan_alteration(
            engine,
            ME,
            alteration.WantedTable(
                TableName("animals", "Subject"),
                "subject : int32\n---\n-> [nullable] sessions.Session.proj(s='subject')\n",
                {},
            ),
        )
    assert [table.name.table for table in await schemas.list_tables(engine, ME, "animals")] == ["Subject"]
    # The blocking reference is gone, so the way is free.
    await schemas.drop_schema(engine, ME, "units")
    await _declare(engine, "units", "Unit", "unit : int32\n")
    await _declare(engine, "animals", "Best", "best : int32\n---\n-> [nullable] units.Unit\n")


async def test_another_definition_changes_nothing_and_tells_the_difference(engine: Engine) -> None:
    table = await make.make_table(engine, "Subject", "subject : int32\n---\nname : varchar(8)\n")
    other = declarations.Declaration(named("Subject"), Tier.MANUAL, "subject : int32\n---\nname : varchar(9)\n", {})
    declared = await declarations.declare_table(engine, ME, other)
    assert any("name" in line for line in declared.differences)
    assert declared.table == table


@pytest.mark.parametrize(
    ("definition", "error"),
    [
        ("subject : int33\n", errors.InvalidDefinition),
        ("subject : int32\n---\n-> Nobody\n", errors.UnknownTable),
        ("subject : int32\nindex ((subject + nobody))\n", errors.UnknownAttribute),
        ("subject : int32\nindex ((subject); DROP TABLE levada.table)\n", errors.InvalidRequest),
        ("subject : int32\nindex ((now()))\n", errors.InvalidDefinition),
    ],
)
async def test_a_definition_that_cannot_be_leaves_nothing_behind(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record], definition: str, error: type[errors.LevadaError]
) -> None:
    await schemas.create_schema(engine, ME, "lab", allow_existing=False)
    with pytest.raises(error):
        await make.make_table(engine, "Subject", definition)
    assert await schemas.list_tables(engine, ME, "lab") == []
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'lab'") == 0


async def test_declaring_at_once_creates_once(engine: Engine) -> None:
    await schemas.create_schema(engine, ME, "lab", allow_existing=False)
    declaration = declarations.Declaration(named("Subject"), Tier.MANUAL, "subject : int32\n", {})
    declared = await asyncio.gather(*(declarations.declare_table(engine, ME, declaration) for _ in range(5)))
    assert sorted(one.created for one in declared) == [False] * 4 + [True]


async def test_a_table_keeps_its_tier(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n")
    with pytest.raises(errors.TableExists, match="manual") as caught:
        await make.make_table(engine, "Subject", "subject : int32\n", Tier.LOOKUP)
    assert caught.value.details == {"table": "lab.Subject"}


async def test_a_part_refers_to_its_master_and_goes_with_it(engine: Engine) -> None:
    with pytest.raises(errors.UnknownTable):
        await make.make_table(engine, "Session.Trial", "-> master\ntrial : int32\n", Tier.PART)
    await make.make_table(engine, "Session", "session : int32\n")
    with pytest.raises(errors.InvalidDefinition, match="master"):
        await make.make_table(engine, "Session.Trial", "trial : int32\n", Tier.PART)
    await make.make_table(engine, "Session.Trial", "-> master\ntrial : int32\n", Tier.PART)
    with pytest.raises(errors.HasChildren, match=r"master|part"):
        await schemas.drop_tables(engine, ME, [named("Session.Trial")], "")
    part = await schemas.plan_drop(engine, ME, [named("Session.Trial")], ignore_masters=True)
    assert part.tables == ((named("Session.Trial"), 0),)
    plan = await schemas.plan_drop(engine, ME, [named("Session")])
    assert plan.tables == ((named("Session.Trial"), 0), (named("Session"), 0))
    assert await schemas.drop_tables(engine, ME, [named("Session")], plan.digest) == (
        named("Session.Trial"),
        named("Session"),
    )


async def test_a_drop_takes_no_part_of_a_master_that_stays(engine: Engine) -> None:
    await make.make_table(engine, "Site", "site : int32\n")
    await make.make_table(engine, "Profile", "profile : int32\n")
    await make.make_table(engine, "Profile.Site", "-> master\n-> Site\n", Tier.PART)
    with pytest.raises(errors.HasChildren, match=r"Profile\.Site.*part of .*Profile.*stays"):
        await schemas.plan_drop(engine, ME, [named("Site")])
    with pytest.raises(errors.HasChildren, match=r"Profile\.Site.*part of .*Profile.*stays"):
        await schemas.drop_tables(engine, ME, [named("Site")], "")
    dropped = await schemas.drop_tables(engine, ME, [named("Site"), named("Profile")], "")
    assert set(dropped) == {named("Profile.Site"), named("Profile"), named("Site")}


async def test_a_drop_runs_the_plan_that_was_confirmed_or_none(engine: Engine) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    plan = await schemas.plan_drop(engine, ME, [named("Session")])
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    with pytest.raises(errors.PlanChanged):
        await schemas.drop_tables(engine, ME, [named("Session")], plan.digest)
    assert len(await schemas.list_tables(engine, ME, "lab")) == 2


@pytest.mark.parametrize("name", ["", "Lab", "1lab", "la-b", "pg_lab", "levada", "information_schema", "x" * 64])
async def test_a_bad_schema_name_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        await schemas.create_schema(engine, ME, name, allow_existing=True)


async def test_a_schema_that_levada_did_not_make_is_left_alone(
    engine: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    await connection.execute("CREATE SCHEMA theirs")
    with pytest.raises(errors.AlreadyExists, match="did not create"):
        await schemas.create_schema(engine, ME, "theirs", allow_existing=True)
    with pytest.raises(errors.UnknownSchema):
        await schemas.drop_schema(engine, ME, "theirs")


async def test_declarations_and_drops_leave_the_catalog_as_it_would_be_read(engine: Engine) -> None:
    await make.make_table(engine, "Subject", "subject : int32\n---\nname = '' : varchar(8)\nindex (name)\n")
    await make.make_table(
        engine, "Session", "-> Subject\nday : date\n---\n-> [nullable] Subject.proj(other='subject')\n"
    )
    await make.make_table(engine, "Stats", "-> Session\n---\nmean : float64\n", Tier.COMPUTED)
    await make.make_table(engine, "Stats.Unit", "-> master\nunit : int32\n", Tier.PART)
    async with engine.scope.connection() as connection:
        assert await engine.gate.known() == await read_catalog(connection)
    assert len(await schemas.drop_tables(engine, ME, [named("Session")], "")) == 3
    async with engine.scope.connection() as connection:
        read = await read_catalog(connection)
    assert await engine.gate.known() == read
    assert named("Subject") in read.tables
    assert named("Stats") not in read.tables


async def test_a_drop_reads_no_other_table_of_the_catalog(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    monkeypatch.delattr(stored_catalog, "read_catalog")
    await schemas.drop_tables(engine, ME, [named("Session")], "")
    await make.make_table(engine, "Session", "session : int32\n")


async def test_the_next_number_only_rises_and_passes_stored_ones(engine: Engine) -> None:
    await make.make_table(engine, "Counted", "counted : uint8 auto_increment\n---\nx : int32\n")
    name = named("Counted")
    assert await schemas.raise_next_number(engine, ME, name, 10) == 10
    assert await schemas.raise_next_number(engine, ME, name, 3) == 10
    await make.insert(engine, "Counted", [{"x": 1}])
    assert await schemas.raise_next_number(engine, ME, name, 1) == 11
    await make.insert(engine, "Counted", [{"counted": 200, "x": 2}])
    assert await schemas.raise_next_number(engine, ME, name, 1) == 201
    with pytest.raises(errors.ValueOutOfRange):
        await schemas.raise_next_number(engine, ME, name, 256)
    with pytest.raises(errors.InvalidRequest, match="at least 1"):
        await schemas.raise_next_number(engine, ME, name, 0)


async def test_a_table_that_counts_nothing_has_no_next_number(engine: Engine) -> None:
    await make.make_table(engine, "Plain", "plain : int32\n")
    with pytest.raises(errors.InvalidRequest, match="auto_increment"):
        await schemas.raise_next_number(engine, ME, named("Plain"), 5)
