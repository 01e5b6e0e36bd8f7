"""No error, count or row tells of rows that the caller may not read: all is as if those rows were not there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server.errors import LevadaError
from levada_server.model.table import Ownership, PartIntegrity, Tier
from levada_server.operations import deletes, inserts, job_refresh, jobs, schemas, users
from levada_server.operations.inserts import InsertOptions
from levada_server.permissions.roles import Action, Role
from levada_server.query import sql
from levada_server.query.algebra import (
    Aggregate,
    AllOf,
    AnyOf,
    Complement,
    EntitySet,
    Equalities,
    ExpressionText,
    JobOperand,
    Join,
    Keep,
    Match,
    Named,
    Project,
    Remaining,
    Restrict,
    StalenessOperand,
    TableOperand,
    Top,
    Union,
    UniversalSet,
)
from tests.operations.test_users import user
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

SUBJECT, SESSION, CAGE = (TableOperand(named(name)) for name in ("Subject", "Session", "Cage"))

FAILING = {
    "a pattern": "if(subject = 2, cast(subject AS char) REGEXP '(', subject)",
    "a pattern behind the value": "if(subject = 2, concat(cast(subject AS char), 'x') REGEXP '[', 1)",
    "a long text": (
        "if(subject = 2, char_length(replace(repeat(cast(subject AS char), 10000), '2', repeat('ab', 10000))), 1)"
    ),
}
"""Expressions that raise an error for subject 2 alone."""

NULL_INSTEAD = (
    "1 / (subject - 2)",
    "subject DIV (subject - 2)",
    "(subject + 9223372036854775805) * subject",
    "cast(repeat('9', subject * 20) AS signed)",
    "char_length(substring('text', -subject))",
    "exp(subject * 400)",
    "datediff(date_add('9999-12-30', INTERVAL subject DAY), '2000-01-01')",
)
"""Expressions that give NULL, or something else, where other databases raise errors."""


def text(expression: str) -> ExpressionText:
    """Return a text of the expression language."""
    return ExpressionText(expression)


def computed(operand: Relation, expression: str) -> Relation:
    """Return the subjects of a relation, each with a computed attribute `r`."""
    return Project(operand, (Keep("subject"), Named("r", text(expression))))


def places(operand: Relation, expression: str) -> dict[str, Relation]:
    """Return relations with an expression at each place that can reach the rows of an operand."""
    condition, other = text(expression), text(f"ifnull({expression}, 7) = 7")
    with_r, cages = computed(operand, expression), Project(CAGE, (Keep("subject"), Keep("session")))
    number, total = Named("n", text("count(*)")), Named("n", text(f"sum({expression})"))
    key, subjects = Equalities((("subject", 2),)), Project(operand, (Keep("subject"),))
    one, second = Equalities((("r", 1),)), Project(CAGE, (Keep("subject"), Named("r", text("cage"))))
    grouped = Aggregate(cages, subjects, (number,), by_name=True)
    return {
        "a condition": Restrict(operand, condition),
        "a negated condition": Restrict(operand, condition, negated=True),
        "one of several": Restrict(operand, AnyOf((condition, other))),
        "all of several": Restrict(operand, AllOf((condition, Complement(other)))),
        "before a key": Restrict(Restrict(operand, condition), key),
        "after a key": Restrict(Restrict(operand, key), condition),
        "an attribute": with_r,
        "an attribute of an attribute": computed_again(with_r),
        "a condition on an attribute": Restrict(with_r, one),
        "an attribute in a condition": Restrict(with_r, text("r > 0 OR r IS NULL")),
        "an order": Top(with_r, None, order=("r DESC",)),
        "an order with a limit": Top(with_r, 1, order=("r",)),
        "after a limit": Restrict(Top(operand, 5), condition),
        "distinct values": Restrict(UniversalSet(("r",)), Match(with_r)),
        "after distinct values": Restrict(Restrict(UniversalSet(("subject",)), Match(operand)), condition),
        "more of a key": Restrict(Join(UniversalSet(("r",)), with_r), one),
        "a group by an attribute": Aggregate(UniversalSet(("r",)), with_r, (number,)),
        "a total": Aggregate(UniversalSet(()), operand, (total,)),
        "a sum": Aggregate(cages, subjects, (total,), by_name=True),
        "a sum of an attribute": Aggregate(cages, with_r, (Named("n", text("sum(r)")),), by_name=True),
        "a condition on groups": Restrict(Aggregate(UniversalSet(("subject",)), operand, (number,)), condition),
        "a condition on what has groups": Restrict(Aggregate(subjects, cages, (number,), by_name=True), other),
        "a condition on joined groups": Restrict(Join(grouped, subjects, unchecked=True), condition),
        "a join": Restrict(Join(cages, subjects, unchecked=True), condition),
        "a join by an attribute": Join(with_r, second, unchecked=True),
        "a left join": Join(cages, with_r, left_join=True, unchecked=True),
        "after a left join": Restrict(Join(cages, with_r, left_join=True, unchecked=True), text("ifnull(r, 7) > 1")),
        "within a left join": Join(cages, Restrict(operand, other), left_join=True, unchecked=True),
        "a union": Union(with_r, Project(Restrict(with_r, one), (Keep("subject"),))),
        "after a union": Restrict(Union(subjects, subjects), condition),
        "matches": Restrict(cages, Match(Restrict(operand, condition), unchecked=True)),
        "what does not match": Restrict(cages, Match(Restrict(operand, condition), unchecked=True), negated=True),
        "matches of an attribute": Restrict(second, Match(with_r, unchecked=True)),
    }


def places_beside(operand: Relation, expression: str) -> dict[str, Relation]:
    """Return relations with an expression over rows that the caller may read, put together with those of an operand."""
    key = Equalities((("subject", 2),))
    cages = Project(CAGE, (Named("subject", text("cage")), Keep("session")))
    failing, with_r = Restrict(cages, text(expression)), computed(cages, expression)
    subjects, number = Project(operand, (Keep("subject"),)), (Named("n", text("count(*)")),)
    found: dict[str, Relation] = {}
    operands: dict[str, Relation] = {"the subjects": subjects, "a subject": Restrict(subjects, key)}
    for name, chosen in operands.items():
        match = Match(failing, unchecked=True)
        values, others = (Restrict(UniversalSet(("subject",)), Match(one)) for one in (chosen, failing))
        found |= {
            f"{name} joined": Join(chosen, failing, unchecked=True),
            f"{name} joined to": Join(failing, chosen, unchecked=True),
            f"{name} joined by an attribute": Restrict(Join(chosen, with_r, unchecked=True), text("r > 0")),
            f"{name} left joined": Join(chosen, failing, left_join=True, unchecked=True),
            f"{name} left joined to": Join(failing, chosen, left_join=True, unchecked=True),
            f"{name} that match": Restrict(chosen, match),
            f"{name} that do not match": Restrict(chosen, match, negated=True),
            f"{name} that match, or another": Restrict(chosen, AnyOf((match, Equalities((("subject", -1),))))),
            f"{name} that match one by one": Restrict(chosen, AllOf((match, Complement(match)))),
            f"{name} matched": Restrict(failing, Match(chosen, unchecked=True)),
            f"{name} not matched": Restrict(failing, Match(chosen, unchecked=True), negated=True),
            f"{name} with groups": Aggregate(chosen, failing, number, by_name=True),
            f"{name} with sums": Aggregate(chosen, with_r, (Named("n", text("sum(r)")),), by_name=True),
            f"{name} in groups": Aggregate(failing, chosen, number, by_name=True),
            f"{name} and others": Union(values, others, by_name=True),
            f"{name} after others": Union(others, values, by_name=True),
            f"{name} with more of a key": Join(Join(UniversalSet(("r",)), with_r), chosen, unchecked=True),
            f"distinct values of {name}": Restrict(
                UniversalSet(("subject",)), Match(Join(chosen, failing, unchecked=True))
            ),
            f"the first of {name}": Restrict(Top(chosen, 5), match),
        }
    return found | {f"{name}, by key": Restrict(relation, key) for name, relation in found.items()}


def computed_again(with_r: Relation) -> Relation:
    """Return a relation with an attribute computed of `r`."""
    return Project(with_r, (Remaining(), Named("s", text("ifnull(r, 3) * 2"))))


@pytest_asyncio.fixture
async def lab(engine: Engine) -> Engine:
    """Subjects of two teams with sessions, results and their jobs; cages for some subjects belong to nobody."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nteam = null : varchar(32)\nx : int64\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n---\nnote : varchar(8)\n")
    await make.make_table(engine, "Stat", "-> Session\n---\nrate : int32\n", Tier.COMPUTED)
    await make.make_table(engine, "Cage", "cage : int32\n---\nsubject : int32\nsession : int32\n")
    teams = ((1, "a"), (2, "b"), (3, None), (4, "a"))
    await make.insert(engine, "Subject", [{"subject": s, "team": team, "x": s} for s, team in teams])
    await make.insert(engine, "Session", [{"subject": s, "session": 1, "note": "n"} for s, _ in teams])
    await make.insert(engine, "Cage", [{"cage": cage, "subject": cage, "session": 1} for cage in (1, 2, 5)])
    await job_refresh.refresh(engine, ME, named("Stat"), None, priority=None, delay=make.NO_TIME, retry_errors=False)
    await make.insert(
        engine, "Stat", [{"subject": s, "session": 1, "rate": s} for s in (1, 2)], allow_direct_insert=True
    )
    await schemas.set_ownership(engine, ME, named("Subject"), Ownership("team", hidden=True))
    return engine


@pytest_asyncio.fixture
async def anna(lab: Engine) -> Caller:
    """An editor who may read the subjects 1 and 4."""
    caller = await user(lab, "anna", (Role.EDITOR, "lab"))
    await users.set_team(lab, ME, "a", ["anna"])
    await users.set_team(lab, ME, "b", [])
    return caller


async def outcome(work: Awaitable[object]) -> object:
    """Return the result of some work, or its error."""
    try:
        return await work
    except LevadaError as error:
        return type(error), error.message


async def remove_hidden(engine: Engine) -> None:
    """Delete what anna may not read."""
    for subject in (2, 3):
        relation = Restrict(SUBJECT, Equalities((("subject", subject),)))
        await deletes.delete(engine, ME, relation, PartIntegrity.ENFORCE, digest="", quick=False)


async def answers(engine: Engine, caller: Caller, relation: Relation) -> list[object]:
    """Return what a caller learns of a relation: its rows by a statement and by a stream, their number, if any."""
    readable = await (await engine.gate.open(caller)).query(Action.FETCH, relation)

    async def rows() -> object:
        return sorted((tuple(row) for row in await readable.rows(engine.scope)), key=repr)

    async def streamed() -> object:
        async with readable.batches(engine.scope.share("results")) as batches:
            return sorted(
                (tuple(row.values()) for batch in [b async for b in batches] for row in batch.to_pylist()), key=repr
            )

    return [
        await outcome(one) for one in (rows(), streamed(), readable.count(engine.scope), readable.exists(engine.scope))
    ]


async def fails(engine: Engine, caller: Caller, relation: Relation) -> bool:
    """Return whether a relation cannot be fetched, because of a row."""
    return isinstance((await answers(engine, caller, relation))[0], tuple)


OPERANDS: dict[str, Relation] = {
    "Subject": SUBJECT,
    "Session": SESSION,
    "Stat": TableOperand(named("Stat")),
    "jobs": JobOperand(named("Stat")),
    "staleness": StalenessOperand(named("Stat")),
}


@pytest.mark.parametrize("operand", OPERANDS)
async def test_no_expression_is_computed_for_hidden_rows(lab: Engine, anna: Caller, operand: str) -> None:
    asked = {
        (place, expression): relation
        for expression in (*FAILING.values(), *(NULL_INSTEAD if operand == "Session" else ()))
        for place, relation in places(OPERANDS[operand], expression).items()
    }
    pattern = FAILING["a pattern"]
    asked |= {(place, pattern): relation for place, relation in places_beside(OPERANDS[operand], pattern).items()}
    for expression in FAILING.values():
        assert await fails(lab, ME, asked["a condition", expression]), expression
    found = {case: await answers(lab, anna, relation) for case, relation in asked.items()}
    await remove_hidden(lab)
    for case, relation in asked.items():
        assert found[case] == await answers(lab, anna, relation), case


async def test_no_change_computes_an_expression_for_hidden_rows(lab: Engine, anna: Caller) -> None:
    hidden = Equalities((("subject", 2),))

    def asked(expression: str) -> dict[str, Callable[[], Awaitable[object]]]:
        found: dict[str, Callable[[], Awaitable[object]]] = {}
        for table in (SUBJECT, SESSION):
            chosen = Restrict(Restrict(table, text(expression)), hidden)
            copied = Project(chosen, (Named("cage", text("subject")), Named("session", text("1"))))
            keys = Project(Restrict(SESSION, Match(chosen)), (Keep("session"),))
            stat, cage = named("Stat"), named("Cage")
            refresh = partial(job_refresh.refresh, priority=None, delay=make.NO_TIME, retry_errors=False)
            delete = partial(deletes.delete, digest="", quick=False)
            found |= {
                f"delete {table}": partial(delete, lab, anna, chosen, PartIntegrity.ENFORCE),
                f"plan {table}": partial(deletes.plan_delete, lab, anna, chosen, PartIntegrity.ENFORCE),
                f"copy {table}": partial(inserts.insert_relation, lab, anna, cage, copied, InsertOptions()),
                f"refresh {table}": partial(refresh, lab, anna, stat, keys),
                f"ignore {table}": partial(jobs.ignore, lab, anna, stat, keys),
                f"count {table}": partial(jobs.progress, lab, anna, stat, keys),
            }
        return found

    cases = {(e, name): work for e in FAILING.values() for name, work in asked(e).items()}
    found = {case: await outcome(work()) for case, work in cases.items()}
    await remove_hidden(lab)
    for case, work in cases.items():
        assert found[case] == await outcome(work()), case


@pytest.mark.parametrize("expression", FAILING.values())
async def test_a_fetch_by_key_still_uses_the_index(lab: Engine, anna: Caller, expression: str) -> None:
    many: list[dict[str, object]] = [{"subject": 10 + i, "team": "a", "x": 0} for i in range(5_000)]
    await make.insert(lab, "Subject", many)
    await make.insert(lab, "Session", [{"subject": row["subject"], "session": 1, "note": "n"} for row in many])
    view = await lab.gate.open(anna)
    key = Equalities((("subject", 77), ("session", 1)))
    for table in (SUBJECT, SESSION):
        condition, with_r = Restrict(table, text(expression)), computed(table, expression)
        joined = Join(Restrict(TableOperand(named("Session")), text("session < 9")), condition, unchecked=True)
        number = (Named("n", text("count(*)")),)
        grouped = Restrict(Aggregate(SUBJECT, SESSION, number), text("n * subject >= 0"))
        matched = Restrict(SUBJECT, Match(condition, unchecked=True))
        left = Join(Restrict(SESSION, text("session < 9")), with_r, left_join=True, unchecked=True)
        values = EntitySet(("subject", "session"), ((77, 78), (1, 1)))
        chosen = Restrict(Restrict(condition, values), Complement(Equalities((("subject", 78),))))
        for relation in (
            table,
            condition,
            with_r,
            Restrict(with_r, text("r = 1")),
            joined,
            grouped,
            matched,
            left,
            chosen,
        ):
            statement = (await view.query(Action.FETCH, Restrict(relation, key))).query.fetch()
            async with lab.scope.connection() as connection:
                await connection.execute("ANALYZE")
                plan = [row[0] for row in await connection.fetch(f"EXPLAIN {statement.text}", *statement.values)]
            assert any("Index" in line for line in plan), plan
            assert not any("Seq Scan" in line for line in plan), plan


async def test_a_long_condition_may_be_as_long_with_hidden_rows(lab: Engine, anna: Caller) -> None:
    numbers = AnyOf(tuple(text(f"subject = {number}") for number in range(sql.MAX_VALUES // 2 + 100)))
    relation = Restrict(Restrict(SUBJECT, text(FAILING["a pattern"])), numbers)
    readable = await (await lab.gate.open(anna)).query(Action.FETCH, relation)
    statement = sql.render(readable.select)
    assert "OFFSET 0" in statement.text
    assert statement.text.count("::integer") > sql.MAX_VALUES
