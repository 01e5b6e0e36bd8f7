"""Rows that belong to teams: who may change them, who may read them, and what a cascade may take."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import asyncpg
import pytest

from levada_server.errors import (
    DuplicateEntity,
    InvalidRequest,
    MissingParent,
    NotFound,
    PermissionDenied,
    UnknownAttribute,
    WrongValue,
)
from levada_server.jobs.lease import Worker
from levada_server.model.table import Ownership, PartIntegrity, Tier
from levada_server.operations import (
    alteration,
    declarations,
    deletes,
    erasure,
    inserts,
    job_refresh,
    jobs,
    queries,
    schemas,
    updates,
    users,
)
from levada_server.operations.inserts import InsertOptions
from levada_server.permissions.roles import Action, Role
from levada_server.query.algebra import (
    Aggregate,
    Equalities,
    ExpressionText,
    JobOperand,
    Join,
    Keep,
    Match,
    Named,
    Project,
    Restrict,
    TableOperand,
    Top,
    Union,
    UniversalSet,
)
from levada_server.query.ddl import job_table_name
from levada_server.storage.postgres.sql_files import fill
from tests.operations.test_users import calling, refusal
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

SUBJECT, SESSION = TableOperand(named("Subject")), TableOperand(named("Session"))
TEAM_A, TEAM_B = {"anna", "adam"}, {"bea"}


async def member(engine: Engine, name: str, *roles: Role) -> Caller:
    """Add a user with roles on the schema, and return the user as a caller."""
    await users.create_user(engine, ME, name, (), administrator=False)
    for role in roles:
        await users.grant_role(engine, ME, name, role, named("", "lab"))
    return await calling(engine, name)


@pytest.fixture
async def callers(engine: Engine) -> dict[str, Caller]:
    """Subjects of two teams, with sessions, parts and a table that is computed; and callers by name."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nteam : varchar(32)\nname = '' : varchar(8)\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n---\nnote = '' : varchar(8)\n")
    await make.make_table(engine, "Session.Trial", "-> master\ntrial : int32\n", Tier.PART)
    await make.make_table(engine, "Stat", "-> Session\n---\nrate : int32\n", Tier.COMPUTED)
    await make.make_table(engine, "Loan", "loan : int32\n---\n-> Subject\n")
    made = {
        "anna": await member(engine, "anna", Role.EDITOR),
        "adam": await member(engine, "adam", Role.EDITOR),
        "bea": await member(engine, "bea", Role.EDITOR),
        "boss": await member(engine, "boss", Role.OWNER),
        "lone": await member(engine, "lone", Role.EDITOR),
        "both": await member(engine, "both", Role.EDITOR),
        "robot": await member(engine, "robot", Role.WORKER),
    }
    await users.set_team(engine, ME, "a", ["anna", "adam", "both"])
    await users.set_team(engine, ME, "b", ["bea", "both"])
    await make.insert(engine, "Subject", [{"subject": 1, "team": "a"}, {"subject": 2, "team": "b"}])
    await make.insert(engine, "Session", [{"subject": 1, "session": 1}, {"subject": 2, "session": 1}])
    await make.insert(engine, "Session.Trial", [{"subject": s, "session": 1, "trial": 1} for s in (1, 2)])
    return made


async def own(engine: Engine, *, hidden: bool = False) -> None:
    """Let the subjects belong to their teams."""
    await schemas.set_ownership(engine, ME, named("Subject"), Ownership("team", hidden))


async def put(engine: Engine, caller: Caller, table: str, *rows: dict[str, object], **options: bool) -> int:
    """Insert rows as a caller."""
    return await inserts.insert(engine, caller, named(table), InsertOptions(**options), make.arrow(rows))


async def rows(engine: Engine, caller: Caller, relation: Relation) -> list[tuple[object, ...]]:
    """Return the rows of a relation as a caller fetches them."""
    readable = await (await engine.gate.open(caller)).query(Action.FETCH, relation)
    return sorted(tuple(row) for row in await readable.rows(engine.scope))


def of(table: TableOperand, subject: int) -> Relation:
    """Restrict a table to a subject."""
    return Restrict(table, Equalities((("subject", subject),)))


async def delete(engine: Engine, caller: Caller, relation: Relation) -> dict[str, int]:
    """Delete a relation as a caller; return the counts by table."""
    done = await deletes.delete(engine, caller, relation, PartIntegrity.ENFORCE, digest="", quick=False)
    return {name.table: count for name, count in done.counts}


async def test_a_row_gets_the_team_of_whoever_inserts_it(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine)
    await put(engine, callers["anna"], "Subject", {"subject": 3}, {"subject": 4})
    await put(engine, callers["both"], "Subject", {"subject": 5, "team": "b"})
    many: list[dict[str, object]] = [{"subject": 100 + i} for i in range(600)]  # by COPY
    assert await put(engine, callers["bea"], "Subject", *many) == 600
    found = {subject: team for subject, team, _ in await rows(engine, ME, SUBJECT)}
    assert (found[3], found[4], found[5], found[100], found[699]) == ("a", "a", "b", "b", "b")


@pytest.mark.parametrize("count", [1, 600])
async def test_nobody_inserts_rows_for_another_team(engine: Engine, callers: dict[str, Caller], count: int) -> None:
    await own(engine)
    new: list[dict[str, object]] = [{"subject": 1000 + i, "team": "b"} for i in range(count)]
    kind, text = await refusal(put(engine, callers["anna"], "Subject", *new))
    assert kind is PermissionDenied and "team b" in text
    kind, text = await refusal(put(engine, callers["both"], "Subject", {"subject": 7, "team": "c"}))
    assert kind is PermissionDenied
    kind, text = await refusal(put(engine, callers["lone"], "Subject", {"subject": 7, "team": "a"}))
    assert kind is PermissionDenied
    below: list[dict[str, object]] = [{"subject": 2, "session": 1000 + i} for i in range(count)]
    kind, text = await refusal(put(engine, callers["anna"], "Session", *below))
    assert kind is PermissionDenied and "team b" in text and "subject=2" in text
    kind, _ = await refusal(put(engine, callers["anna"], "Session.Trial", {"subject": 2, "session": 1, "trial": 9}))
    assert kind is PermissionDenied
    assert await put(engine, callers["boss"], "Subject", {"subject": 8, "team": "b"}) == 1
    assert len(await rows(engine, ME, SUBJECT)) == 3


async def test_whoever_is_in_several_teams_or_none_names_the_team(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine)
    for name in ("both", "lone"):
        _, text = await refusal(put(engine, callers[name], "Subject", {"subject": 7}))
        assert "`team`" in text


async def test_a_missing_parent_is_missing(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine)
    kind, _ = await refusal(put(engine, callers["anna"], "Session", {"subject": 77, "session": 1}))
    assert kind is MissingParent


@pytest.mark.parametrize("hidden", [False, True])
async def test_only_its_team_changes_a_row(engine: Engine, callers: dict[str, Caller], hidden: bool) -> None:
    await own(engine, hidden=hidden)
    anna, adam = callers["anna"], callers["adam"]
    await updates.update(engine, adam, named("Subject"), {"subject": 1, "name": "x"})
    await updates.update(engine, adam, named("Session"), {"subject": 1, "session": 1, "note": "x"})
    for table, row in (
        ("Subject", {"subject": 2, "name": "x"}),
        ("Session", {"subject": 2, "session": 1, "note": "x"}),
    ):
        kind, text = await refusal(updates.update(engine, anna, named(table), row))
        assert kind is (NotFound if hidden else PermissionDenied)
        assert ("team b" in text) is not hidden
    for table, row in (
        ("Subject", {"subject": 2, "team": "a", "name": "x"}),
        ("Session", {"subject": 2, "session": 1, "note": "x"}),
    ):
        kind, text = await refusal(put(engine, anna, table, row, replace=True))
        assert ("team b" in text) is not hidden
    assert await put(engine, anna, "Subject", {"subject": 1, "team": "a", "name": "y"}, replace=True) == 1
    assert await rows(engine, ME, SUBJECT) == [(1, "a", "y"), (2, "b", "")]
    assert await rows(engine, ME, SESSION) == [(1, 1, "x"), (2, 1, "")]


async def test_rows_are_handed_over(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine)
    await updates.update(engine, callers["anna"], named("Subject"), {"subject": 1, "team": "b"})
    kind, _ = await refusal(
        updates.update(engine, callers["anna"], named("Session"), {"subject": 1, "session": 1, "note": "x"})
    )
    assert kind is PermissionDenied
    await updates.update(engine, callers["bea"], named("Session"), {"subject": 1, "session": 1, "note": "x"})
    kind, _ = await refusal(updates.update(engine, callers["bea"], named("Subject"), {"subject": 1, "team": "nobody"}))
    assert kind is WrongValue
    await updates.update(engine, callers["boss"], named("Subject"), {"subject": 1, "team": "a"})
    await users.set_team(engine, ME, "a", ["adam"])  # anna leaves, and the rows stay with the team
    kind, _ = await refusal(delete(engine, callers["anna"], of(SUBJECT, 1)))
    assert kind is PermissionDenied
    await updates.update(engine, callers["adam"], named("Subject"), {"subject": 1, "name": "z"})


async def test_a_relation_is_inserted_for_ones_own_team(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine)

    async def copied(subject: int) -> int:
        source = Project(of(SUBJECT, subject), (Keep("subject"), Named("session", ExpressionText("9"))))
        return await inserts.insert_relation(engine, callers["anna"], named("Session"), source, InsertOptions())

    assert await copied(1) == 1
    kind, text = await refusal(copied(2))
    assert kind is PermissionDenied and "team b" in text
    moved = Project(of(SUBJECT, 2), (Named("subject", ExpressionText("subject + 10")), Keep("team")))
    kind, _ = await refusal(inserts.insert_relation(engine, callers["anna"], named("Subject"), moved, InsertOptions()))
    assert kind is not None


@pytest.mark.parametrize("hidden", [False, True])
async def test_a_relation_that_replaces_rows_leaves_those_of_others(
    engine: Engine, callers: dict[str, Caller], hidden: bool
) -> None:
    await own(engine, hidden=hidden)
    await make.make_table(engine, "Change", "subject : int32\n---\nteam : varchar(32)\nname : varchar(8)\n")
    changes = TableOperand(named("Change"))
    await make.insert(
        engine,
        "Change",
        [{"subject": 1, "team": "a", "name": "x"}, {"subject": 2, "team": "a", "name": "x"}],
    )

    async def replace(subject: int) -> int:
        return await inserts.insert_relation(
            engine, callers["anna"], named("Subject"), of(changes, subject), InsertOptions(replace=True)
        )

    assert await replace(1) == 1
    kind, text = await refusal(replace(2))
    assert kind is (DuplicateEntity if hidden else PermissionDenied)
    assert ("team b" in text) != hidden
    assert await rows(engine, callers["boss"], SUBJECT) == [(1, "a", "x"), (2, "b", "")]


@pytest.mark.parametrize("hidden", [False, True])
async def test_a_cascade_does_not_take_rows_of_others(engine: Engine, callers: dict[str, Caller], hidden: bool) -> None:
    # Adam's loans name subjects of both teams; sessions of b depend on subjects of b.
    await make.make_table(engine, "Cage", "cage : int32\n")
    await make.make_table(engine, "Kept", "kept : int32\n---\nteam : varchar(32)\n-> Cage\n")
    await make.insert(engine, "Cage", [{"cage": 1}, {"cage": 2}])
    await make.insert(
        engine,
        "Kept",
        [{"kept": 1, "team": "a", "cage": 1}, {"kept": 2, "team": "b", "cage": 2}, {"kept": 3, "team": "b", "cage": 2}],
    )
    await schemas.set_ownership(engine, ME, named("Kept"), Ownership("team", hidden))
    cage = TableOperand(named("Cage"))
    first, second = (Restrict(cage, Equalities((("cage", number),))) for number in (1, 2))
    for work in (
        delete(engine, callers["anna"], second),
        deletes.plan_delete(engine, callers["anna"], second, PartIntegrity.ENFORCE),
        deletes.plan_delete(engine, callers["anna"], cage, PartIntegrity.CASCADE),
    ):
        kind, text = await refusal(work)
        assert kind is PermissionDenied
        if hidden:
            assert "rows elsewhere depend on these" in text
            assert not re.search("Kept|team b|2 rows", text)
        else:
            assert "2 rows of `lab.Kept` of the team b" in text
    assert await delete(engine, callers["anna"], first) == {"Kept": 1, "Cage": 1}
    assert await delete(engine, callers["boss"], second) == {"Kept": 2, "Cage": 1}


async def test_a_delete_of_ones_own_takes_all_that_belongs_with_it(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine)
    assert await delete(engine, callers["anna"], of(SUBJECT, 1)) == {"Session.Trial": 1, "Session": 1, "Subject": 1}
    for relation in (of(SUBJECT, 2), of(SESSION, 2), SUBJECT):
        kind, text = await refusal(delete(engine, callers["anna"], relation))
        assert kind is PermissionDenied and "team b" in text


async def test_the_owner_of_a_table_below_erases_no_rows_of_other_teams(
    engine: Engine, callers: dict[str, Caller]
) -> None:
    await own(engine)
    eve = await member(engine, "eve", Role.VIEWER)
    for table in ("Session", "Stat"):
        await users.grant_role(engine, ME, "eve", Role.OWNER, named(table))
    await users.set_team(engine, ME, "a", ["anna", "adam", "both", "eve"])

    def erased(subject: int) -> Awaitable[erasure.Erased]:
        return erasure.erase(engine, eve, of(SESSION, subject), PartIntegrity.ENFORCE, digest="")

    kind, text = await refusal(erased(2))
    assert kind is PermissionDenied and "team b" in text
    assert {name.table: count for name, count in (await erased(1)).counts} == {"Session.Trial": 1, "Session": 1}


async def test_many_tables_are_deleted_by_the_same_rule(
    engine: Engine, callers: dict[str, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("levada_server.storage.deletion.deletion.MAX_TABLES_AT_ONCE", 1)
    await own(engine)
    kind, text = await refusal(delete(engine, callers["anna"], of(SUBJECT, 2)))
    assert kind is PermissionDenied and "team b" in text
    assert await delete(engine, callers["anna"], of(SUBJECT, 1)) == {"Session.Trial": 1, "Session": 1, "Subject": 1}


async def test_a_worker_of_no_team_computes_for_all_where_rows_are_not_hidden(
    engine: Engine, callers: dict[str, Caller]
) -> None:
    await own(engine)
    assert await computed(engine, callers["robot"]) == [1, 2]
    found = TableOperand(named("Stat"))
    kind, _ = await refusal(delete(engine, callers["anna"], of(found, 2)))
    assert kind is PermissionDenied  # the result belongs to the team of its key
    assert await delete(engine, callers["bea"], of(found, 2)) == {"Stat": 1}


async def computed(engine: Engine, caller: Caller) -> list[int]:
    """Reserve and complete all jobs that a caller may; return their subjects."""
    await job_refresh.refresh(
        engine, caller, named("Stat"), None, priority=None, delay=make.NO_TIME, retry_errors=False
    )
    session, _ = await jobs.create_session(engine, caller, Worker("here", 1, "me"), None, "")
    leases = await jobs.reserve(
        engine, caller, session, [named("Stat")], max_jobs=10, wait=make.NO_TIME, restriction=None
    )
    for lease in leases:
        await make.complete(engine, lease, {"Stat": [dict(lease.key) | {"rate": 1}]}, caller)
    return sorted(int(str(dict(lease.key)["subject"])) for lease in leases)


async def test_workers_get_the_jobs_of_their_teams_where_rows_are_hidden(
    engine: Engine, callers: dict[str, Caller]
) -> None:
    await own(engine, hidden=True)
    await make.make_table(engine, "Other", "-> Session\n", Tier.COMPUTED)
    anna, robot = callers["anna"], callers["robot"]
    assert await computed(engine, robot) == []
    assert (await jobs.list_jobs(engine, anna, named("Stat"), (), after=0, limit=10))[1][0]["subject"] == 1
    told = await jobs.progress(engine, anna, named("Stat"), None)
    assert (told.total, told.remaining, sum(told.states.values())) == (1, 1, 1)
    assert await jobs.ignore(engine, anna, named("Stat"), None) == 1
    assert await jobs.retry(engine, anna, named("Stat"), JobOperand(named("Stat"))) == 1
    session, _ = await jobs.create_session(engine, anna, Worker("here", 1, "me"), None, "")
    stat = (await engine.gate.open(ME)).catalog.tables[named("Stat")]  # whose most urgent job is another team's
    async with engine.scope.connection() as connection:
        await connection.execute(fill("UPDATE {jobs} SET _priority = 0 WHERE subject = 2", jobs=job_table_name(stat)))
    leases = await jobs.reserve(
        engine, anna, session, [named("Stat"), named("Other")], max_jobs=5, wait=make.NO_TIME, restriction=None
    )
    assert [dict(lease.key)["subject"] for lease in leases] == [1]
    assert await computed(engine, callers["bea"]) == [2]


def reads(table: TableOperand | JobOperand) -> dict[str, Relation]:
    """Return relations that read a table in each of the ways that the algebra has."""
    keys, subjects = Project(table, (Keep("subject"),)), Project(SUBJECT, (Keep("subject"),))
    number = (Named("n", ExpressionText("count(*)")),)
    return {
        "table": table,
        "restricted": Restrict(table, Equalities((("subject", 2),))),
        "negated": Restrict(table, Equalities((("subject", 1),)), negated=True),
        "by another": Restrict(subjects, Match(keys)),
        "not by another": Restrict(keys, Match(Restrict(subjects, Equalities((("subject", 1),)))), negated=True),
        "projected": keys,
        "joined": Join(keys, subjects),
        "united": Union(keys, keys),
        "top": Top(table, 5),
        "distinct": Restrict(UniversalSet(("subject",)), Match(keys)),
        "aggregated": Aggregate(subjects, keys, number),
        "by group": Aggregate(UniversalSet(("subject",)), keys, number),
    }


@pytest.mark.parametrize("table", ["Subject", "Session", "Session.Trial", "Stat"])
async def test_no_relation_shows_hidden_rows(engine: Engine, callers: dict[str, Caller], table: str) -> None:
    await job_refresh.refresh(engine, ME, named("Stat"), None, priority=None, delay=make.NO_TIME, retry_errors=False)
    operands: list[TableOperand | JobOperand] = [
        TableOperand(named(table)),
        *([JobOperand(named("Stat"))] if table == "Stat" else []),
    ]
    for operand in operands[-1:]:
        assert all([await rows(engine, ME, relation) for relation in reads(operand).values()])
    await own(engine, hidden=True)
    for operand in operands:
        for name, relation in reads(operand).items():
            shown = await rows(engine, callers["anna"], relation)
            assert all(row[0] == 1 for row in shown), (name, shown)
            assert await rows(engine, callers["lone"], relation) == [], name
            readable = await (await engine.gate.open(callers["anna"])).query(Action.FETCH, relation)
            assert await readable.count(engine.scope) == len(shown), name
            assert await readable.exists(engine.scope) is bool(shown), name
            with pytest.raises(PermissionDenied):
                await queries.explain(engine, callers["anna"], readable, analyze=False)
            assert len(await rows(engine, callers["both"], relation)) == len(await rows(engine, ME, relation))


async def test_plans_are_not_shared_between_teams(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine, hidden=True)
    for name, wanted in (("anna", [1]), ("bea", [2]), ("boss", [1, 2]), ("anna", [1])):
        assert [row[0] for row in await rows(engine, callers[name], SUBJECT)] == wanted


async def test_only_owners_say_to_whom_rows_belong(engine: Engine, callers: dict[str, Caller]) -> None:
    rule = Ownership("team")
    kind, _ = await refusal(schemas.set_ownership(engine, callers["anna"], named("Subject"), rule))
    assert kind is PermissionDenied
    table = await schemas.set_ownership(engine, callers["boss"], named("Subject"), rule)
    assert table.ownership == rule
    for name, rule_, error in (
        ("Subject", Ownership("absent"), UnknownAttribute),
        ("Subject", Ownership("subject"), InvalidRequest),
        ("Stat", Ownership("rate"), InvalidRequest),
        ("Session.Trial", Ownership("trial"), InvalidRequest),
    ):
        kind, _ = await refusal(schemas.set_ownership(engine, callers["boss"], named(name), rule_))
        assert kind is error
    await schemas.set_ownership(engine, callers["boss"], named("Subject"), None)
    assert await delete(engine, callers["anna"], of(SESSION, 2)) == {"Session.Trial": 1, "Session": 1}


async def test_an_editor_cannot_drop_the_attribute_that_names_the_team(
    engine: Engine, callers: dict[str, Caller]
) -> None:
    await own(engine)
    for definition in (
        "subject : int32\n---\nname = '' : varchar(8)\n",
        "subject : int32\n---\nteam : int32\nname = '' : varchar(8)\n",
    ):
        wanted = alteration.WantedTable(named("Subject"), definition, {})
        kind, _ = await refusal(alteration.alter_table(engine, callers["anna"], wanted, ""))
        assert kind is InvalidRequest
    renamed = "subject : int32\n---\ngroup_name : varchar(32)\nname = '' : varchar(8)\n"
    wanted = alteration.WantedTable(named("Subject"), renamed, {}, {"group_name": "team"})
    altered = await alteration.alter_table(engine, callers["anna"], wanted, "")
    assert altered.table.ownership == Ownership("group_name")
    kind, _ = await refusal(delete(engine, callers["anna"], of(SUBJECT, 2)))
    assert kind is PermissionDenied


KEPT = "name = '' : varchar(8)\n"
SUBJECTS = f"subject : int32\n---\nteam : varchar(32)\n{KEPT}"
SESSIONS = "-> Subject\nsession : int32\n---\nnote = '' : varchar(8)\n"
LOSSES = {
    "an attribute": ("Subject", SUBJECTS.replace(KEPT, "")),
    "an attribute below": ("Session", SESSIONS.replace("note = '' : varchar(8)\n", "")),
}
TESTS_OF_ROWS = {
    "a shorter type": ("Subject", SUBJECTS.replace("varchar(8)", "varchar(4)")),
    "another type": ("Subject", SUBJECTS.replace("'' : varchar(8)", "0 : int32")),
    "a unique index": ("Subject", SUBJECTS + "unique index (name)\n"),
    "an index": ("Subject", SUBJECTS + "index (name)\n"),
    "an index on an expression": ("Subject", SUBJECTS + "index ((if(name = 'secret', name REGEXP '(', 0)))\n"),
    "a reference": ("Subject", SUBJECTS.replace(KEPT, "-> Named\n")),
    "an attribute without a default": ("Subject", SUBJECTS + "age : int32\n"),
    "a shorter type below": ("Session", SESSIONS.replace("varchar(8)", "varchar(4)")),
    "a unique index below": ("Session", SESSIONS + "unique index (note)\n"),
}


def alter(engine: Engine, caller: Caller, table: str, definition: str) -> Awaitable[alteration.Altered]:
    """Alter a table without a plan."""
    return alteration.alter_table(engine, caller, alteration.WantedTable(named(table), definition, {}), "")


async def secrets(engine: Engine) -> None:
    """Let the rows of the team b hold what others must not learn."""
    await updates.update(engine, ME, named("Subject"), {"subject": 2, "name": "secret"})
    await updates.update(engine, ME, named("Session"), {"subject": 2, "session": 1, "note": "secret"})
    await put(engine, ME, "Subject", {"subject": 3, "team": "b", "name": "secret"})
    await put(engine, ME, "Session", {"subject": 3, "session": 1, "note": "secret"})


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("change", LOSSES)
async def test_no_alteration_loses_values_of_other_teams(
    engine: Engine, callers: dict[str, Caller], change: str, hidden: bool
) -> None:
    await own(engine, hidden=hidden)
    table, definition = LOSSES[change]
    wanted = alteration.WantedTable(named(table), definition, {})
    for work in (
        alteration.plan_alteration(engine, callers["anna"], wanted),
        alter(engine, callers["anna"], table, definition),
    ):
        kind, text = await refusal(work)
        assert kind is PermissionDenied and "rows of other teams" in text
    await delete(engine, callers["bea"], of(SUBJECT, 2))
    assert (await alter(engine, callers["anna"], table, definition)).table.name == named(table)


@pytest.mark.parametrize("change", LOSSES)
async def test_who_reaches_all_rows_alters_as_before(engine: Engine, callers: dict[str, Caller], change: str) -> None:
    await own(engine, hidden=True)
    assert (await alter(engine, callers["boss"], *LOSSES[change])).table.name == named(LOSSES[change][0])


@pytest.mark.parametrize("change", TESTS_OF_ROWS)
async def test_no_outcome_of_an_alteration_tells_of_hidden_rows(
    engine: Engine, callers: dict[str, Caller], change: str
) -> None:
    table, definition = TESTS_OF_ROWS[change]
    await make.make_table(engine, "Named", "name : varchar(8)\n")
    await own(engine, hidden=True)
    harmless = await refusal(alter(engine, callers["anna"], table, definition))
    await secrets(engine)
    assert await refusal(alter(engine, callers["anna"], table, definition)) == harmless
    assert harmless[0] is PermissionDenied


async def test_what_no_row_prevents_is_altered_by_every_editor(engine: Engine, callers: dict[str, Caller]) -> None:
    await own(engine, hidden=True)
    await secrets(engine)
    definition = SUBJECTS.replace("name = ''", "name = 'x'") + "age = null : int32\n"
    assert "age" in (await alter(engine, callers["anna"], "Subject", definition)).table.heading


async def test_an_editor_does_not_decide_to_whom_rows_below_belong(engine: Engine, callers: dict[str, Caller]) -> None:
    await make.make_table(engine, "Own", "-> Subject\n---\nteam : varchar(32)\n")
    await make.make_table(engine, "Pair", "-> Subject\n-> Own\nnumber : int32\n")
    await make.insert(engine, "Own", [{"subject": subject, "team": "a"} for subject in (1, 2)])
    await make.insert(engine, "Pair", [{"subject": subject, "number": 1} for subject in (1, 2)])
    await own(engine, hidden=True)
    await schemas.set_ownership(engine, ME, named("Own"), Ownership("team", hidden=True))
    kind, text = await refusal(alter(engine, callers["anna"], "Pair", "# pairs\n-> Own\n-> Subject\nnumber : int32\n"))
    assert kind is PermissionDenied and "belong" in text
    assert await rows(engine, callers["anna"], TableOperand(named("Pair"))) == [(1, 1)]
    assert (await alter(engine, callers["anna"], "Pair", "# pairs\n-> Subject\n-> Own\nnumber : int32\n")).table.comment


@pytest.mark.parametrize("hidden", [False, True])
async def test_a_drop_takes_no_rows_of_other_teams(engine: Engine, callers: dict[str, Caller], hidden: bool) -> None:
    await own(engine, hidden=hidden)
    eve = await member(engine, "eve", Role.VIEWER)
    await users.set_team(engine, ME, "a", ["eve"])
    for table in ("Session", "Stat"):
        await users.grant_role(engine, ME, "eve", Role.OWNER, named(table))
    for work in (
        schemas.plan_drop(engine, eve, [named("Session")]),
        schemas.drop_tables(engine, eve, [named("Session")], ""),
    ):
        kind, text = await refusal(work)
        assert kind is PermissionDenied
        assert ("1 row of `lab.Session` of the team b" in text) is not hidden
    await delete(engine, callers["bea"], of(SESSION, 2))
    assert len(await schemas.drop_tables(engine, eve, [named("Session")], "")) == 3


async def notes(engine: Engine) -> None:
    """Make another schema, with a note on the subject of the team b."""
    await schemas.create_schema(engine, ME, "other", allow_existing=False)
    declaration = declarations.Declaration(
        named("Note", "other"), Tier.MANUAL, "-> lab.Subject\n", {"lab.Subject": named("Subject")}, has_make=False
    )
    await declarations.declare_table(engine, ME, declaration)
    await inserts.insert(engine, ME, named("Note", "other"), InsertOptions(), make.arrow([{"subject": 2}]))


@pytest.mark.parametrize("hidden", [False, True])
async def test_a_schema_is_not_dropped_with_rows_of_other_teams(
    engine: Engine, callers: dict[str, Caller], hidden: bool
) -> None:
    await own(engine, hidden=hidden)
    await notes(engine)
    await users.grant_role(engine, ME, "anna", Role.OWNER, named("", "other"))
    kind, _ = await refusal(schemas.drop_schema(engine, callers["anna"], "other"))
    assert kind is PermissionDenied
    await delete(engine, ME, Restrict(TableOperand(named("Note", "other")), Equalities(())))
    assert await schemas.drop_schema(engine, callers["anna"], "other") == 1


@pytest.mark.parametrize("change", ["alter", "drop"])
async def test_who_has_read_a_table_can_insert_before_it_is_changed(
    engine: Engine, callers: dict[str, Caller], database_url: str, change: str
) -> None:
    await own(engine, hidden=True)
    await delete(engine, ME, of(SUBJECT, 2))
    await users.grant_role(engine, ME, "anna", Role.OWNER, named("Session"))
    await users.grant_role(engine, ME, "anna", Role.OWNER, named("Stat"))
    work: Awaitable[object] = (
        alter(engine, callers["anna"], "Session", "-> Subject\nsession : int32\n")
        if change == "alter"
        else schemas.drop_tables(engine, callers["anna"], [named("Session")], "")
    )
    reading = await asyncpg.connect(database_url)
    try:
        transaction = reading.transaction()
        await transaction.start()
        await reading.fetch("SELECT FROM lab.session")
        changing = asyncio.ensure_future(work)
        while not (changing.done() or await reading.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            pass  # until it waits for the table
        await reading.execute("INSERT INTO lab.session (subject, session) VALUES (1, 2)")
        await transaction.commit()
        await changing
    finally:
        await reading.close()


@pytest.mark.parametrize("change", ["alter", "drop", "drop the schema"])
async def test_a_refused_change_of_a_table_waits_for_nobody(
    engine: Engine, callers: dict[str, Caller], database_url: str, change: str
) -> None:
    await own(engine, hidden=True)
    await notes(engine)
    anna = callers["anna"]
    for name in (named("Session"), named("Stat"), named("", "other")):
        await users.grant_role(engine, ME, "anna", Role.OWNER, name)
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "alter": lambda: alter(engine, anna, "Session", "-> Subject\nsession : int32\n"),
        "drop": lambda: schemas.drop_tables(engine, anna, [named("Session")], ""),
        "drop the schema": lambda: schemas.drop_schema(engine, anna, "other"),
    }
    reading = await asyncpg.connect(database_url)
    try:
        transaction = reading.transaction()
        await transaction.start()
        await reading.execute("LOCK TABLE lab.session, other.note IN ACCESS SHARE MODE")
        changing = asyncio.ensure_future(refusal(works[change]()))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = ANY($1::regclass[]::oid[])"
        while not changing.done():
            assert not await reading.fetchval(waiting, ["lab.session", "other.note"])
        assert changing.result()[0] is PermissionDenied
    finally:
        await reading.close()


@pytest.mark.parametrize("pair", [(1, 2), (2, 1)])
async def test_neither_cascade_nor_drop_takes_a_row_that_names_a_hidden_row(
    engine: Engine, callers: dict[str, Caller], pair: tuple[int, int]
) -> None:
    await make.make_table(engine, "Pair", "-> Subject\n-> Subject.proj(second='subject')\n")
    await own(engine, hidden=True)
    await make.insert(engine, "Pair", [dict(zip(("subject", "second"), pair, strict=True))])
    eve = await member(engine, "eve", Role.VIEWER)
    await users.grant_role(engine, ME, "eve", Role.OWNER, named("Pair"))
    await users.set_team(engine, ME, "a", ["anna", "adam", "both", "eve"])
    told = [
        await refusal(work)
        for work in (
            delete(engine, callers["anna"], of(SUBJECT, 1)),
            deletes.plan_delete(engine, callers["anna"], of(SUBJECT, 1), PartIntegrity.CASCADE),
            schemas.plan_drop(engine, eve, [named("Pair")]),
        )
    ]
    assert {kind for kind, _ in told} == {PermissionDenied}
    assert not [text for _, text in told[:2] if re.search("Pair|team b", text)]
    assert len(await rows(engine, callers["boss"], TableOperand(named("Pair")))) == 1


async def test_a_row_that_names_several_hidden_rows_is_shown_to_who_reaches_all(
    engine: Engine, callers: dict[str, Caller]
) -> None:
    references = "-> Subject\n-> Subject.proj(second='subject')\n"
    await make.make_table(engine, "Pair", f"{references}---\nnote = '' : varchar(8)\n")
    await make.make_table(engine, "Pairing", references, Tier.COMPUTED)
    await own(engine, hidden=True)
    pairs = [{"subject": a, "second": b} for a in (1, 2) for b in (1, 2)]
    await make.insert(engine, "Pair", pairs)
    await make.insert(engine, "Pairing", pairs[:3], allow_direct_insert=True)
    await make.refresh(engine, "Pairing")
    for table, expected in (("Pair", 1), ("Pairing", 1)):
        assert len(await rows(engine, callers["anna"], TableOperand(named(table)))) == expected
        assert len(await rows(engine, callers["both"], TableOperand(named(table)))) > expected
    jobs_of = {name: await rows(engine, callers[name], JobOperand(named("Pairing"))) for name in ("anna", "both")}
    assert [len(found) for found in jobs_of.values()] == [0, 1]
    told: list[list[tuple[type, str]]] = []
    for second in (2, 9):
        row: dict[str, object] = {"subject": 1, "second": second}
        told.append([await refusal(put(engine, callers["anna"], "Pair", row, replace=one)) for one in (False, True)])
    assert [(kind, text.replace("2", "9")) for kind, text in told[0]] == told[1]
    assert {kind for kind, _ in told[0]} == {MissingParent}
    assert await put(engine, callers["both"], "Pair", {"subject": 1, "second": 2, "note": "n"}, replace=True) == 1
