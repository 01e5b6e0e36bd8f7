"""Whoever names a hidden row as a parent gets the answer for one that is not there."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import MissingParent, PermissionDenied
from levada_server.jobs.lease import Worker
from levada_server.model.table import Ownership, Tier
from levada_server.operations import alteration, inserts, job_refresh, jobs, row_checks, schemas, updates, users
from levada_server.operations.inserts import InsertOptions
from levada_server.permissions.roles import Role
from levada_server.query.algebra import ExpressionText, Restrict, TableOperand
from levada_server.storage.postgres.scope import OpenTransaction
from tests.operations.test_ownership import member, put, rows
from tests.operations.test_users import refusal
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine

HIDDEN, ABSENT, OWN = 2, 3, 1
"""The subjects: of another team, of nobody because there is none, and of the caller's team."""
TABLES = {
    "secondary": ("loan : int32\n---\n-> Subject\n", "subject"),
    "renamed": ("loan : int32\n---\n-> Subject.proj(animal='subject')\n", "animal"),
    "nullable": ("loan : int32\n---\n-> [nullable] Subject\n", "subject"),
    "unique": ("loan : int32\n---\n-> [unique] Subject\n", "subject"),
    "primary": ("loan : int32\n-> Subject\n", "subject"),
    "of several": ("loan : int32\n-> Subject.proj(own='subject')\n---\n-> Subject\n", "subject"),
    "with a team of its own": ("loan : int32\n-> Subject\n---\nteam : varchar(32)\n", "subject"),
    "of a chain": ("loan : int32\n---\n-> Session\n", "subject"),
}
WAYS: dict[str, dict[str, bool]] = {
    "plain": {},
    "skipping": {"skip_duplicates": True},
    "replacing": {"replace": True},
    "ignoring": {"ignore_extra_fields": True},
}


@pytest.fixture
async def anna(engine: Engine) -> Caller:
    """Return an editor of the team a, to whom the subject of the team b is hidden, and its session."""
    await make.make_table(engine, "Subject", "subject : int32\n---\nteam : varchar(32)\n")
    await make.make_table(engine, "Session", "-> Subject\nsession : int32\n")
    caller = await member(engine, "anna", Role.EDITOR)
    await member(engine, "bea", Role.EDITOR)
    await users.set_team(engine, ME, "a", ["anna"])
    await users.set_team(engine, ME, "b", ["bea"])
    await make.insert(engine, "Subject", [{"subject": OWN, "team": "a"}, {"subject": HIDDEN, "team": "b"}])
    await make.insert(engine, "Session", [{"subject": subject, "session": 1} for subject in (OWN, HIDDEN)])
    await schemas.set_ownership(engine, ME, named("Subject"), Ownership("team", hidden=True))
    return caller


async def told(work: Callable[[int], Awaitable[object]]) -> tuple[type, str]:
    """Return the answer about the hidden subject, after it was found equal to that about the absent one."""
    answers = [await refusal(work(subject)) for subject in (HIDDEN, ABSENT)]
    plain = [(kind, re.sub(r"\b[23]\b", "N", text)) for kind, text in answers]
    assert plain[0] == plain[1]
    return answers[0]


def loan(number: int, attribute: str, subject: int, definition: str) -> dict[str, object]:
    """Return a row that names a subject, and has whatever else its table asks for."""
    more = {"session": 1} if "Session" in definition else {}
    more |= {"own": OWN} if "own=" in definition else {}
    team = {"team": "a"} if "team" in definition else {}
    return {"loan": number, attribute: subject, **more, **team}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [1, 600])
@pytest.mark.parametrize("table", TABLES)
async def test_a_hidden_parent_is_as_an_absent_one(
    engine: Engine, anna: Caller, table: str, count: int, way: str
) -> None:
    definition, attribute = TABLES[table]
    await make.make_table(engine, "Loan", definition)
    if "team" in definition:
        await schemas.set_ownership(engine, ME, named("Loan"), Ownership("team"))
    extra = {"more": 1} if way == "ignoring" else {}

    async def lend(subject: int, *, first: int = 10) -> int:
        fine = [loan(first + number, attribute, OWN, definition) for number in range(count)]
        new = [*fine, loan(first + count, attribute, subject, definition)]
        if "unique" in table:
            new = new[-1:]
        return await put(engine, anna, "Loan", *({**row, **extra} for row in new), **WAYS[way])

    kind, _ = await told(lend)
    assert kind is MissingParent
    assert await rows(engine, ME, TableOperand(named("Loan"))) == []
    assert await lend(OWN)


async def test_updates_name_no_hidden_parent(engine: Engine, anna: Caller) -> None:
    definition = "loan : int32\n---\n-> [nullable] Session\nnote = '' : varchar(8)\n"
    await make.make_table(engine, "Loan", definition)
    await make.insert(engine, "Loan", [{"loan": 1, "subject": OWN, "session": 1}])
    await make.insert(engine, "Loan", [{"loan": 2, "subject": HIDDEN, "session": 1}])

    async def change(number: int, **changes: object) -> None:
        await updates.update(engine, anna, named("Loan"), {"loan": number, **changes})

    assert (await told(lambda subject: change(1, subject=subject)))[0] is MissingParent
    await change(2, note="x")
    await change(2, subject=HIDDEN)  # as it is
    row: dict[str, object] = {"loan": 2, "subject": HIDDEN, "session": 1, "note": "y"}
    assert await put(engine, anna, "Loan", row, replace=True) == 1
    assert await put(engine, anna, "Loan", row, skip_duplicates=True) == 0
    await change(2, subject=None)
    assert (await told(lambda subject: change(2, subject=subject)))[0] is MissingParent
    assert (await told(lambda subject: change(2, subject=subject, note="z")))[0] is MissingParent
    await change(2, subject=OWN, note="z")


@pytest.mark.parametrize("table", ["by its key", "by itself"])
async def test_own_rows_are_skipped_in_a_table_that_hides_others(engine: Engine, anna: Caller, table: str) -> None:
    """Although they name what is hidden since; and no answer tells of rows that are hidden."""
    common: dict[str, object]
    others: dict[str, object]
    if table == "by its key":
        await make.make_table(engine, "Loan", "-> Subject.proj(own='subject')\nloan : int32\n---\n-> Subject\n")
        common, others = {"own": OWN}, {"own": HIDDEN}
    else:
        await make.make_table(engine, "Loan", "loan : int32\n---\n-> Subject\nteam : varchar(32)\n")
        await schemas.set_ownership(engine, ME, named("Loan"), Ownership("team", hidden=True))
        common, others = {"team": "a"}, {"team": "b"}
    own = {"loan": 1, "subject": HIDDEN, **common}
    await make.insert(engine, "Loan", [own, {"loan": 2, "subject": HIDDEN, **others}])
    assert len(await rows(engine, anna, TableOperand(named("Loan")))) == 1
    assert await put(engine, anna, "Loan", own, skip_duplicates=True) == 0
    assert await put(engine, anna, "Loan", *[own] * 600, skip_duplicates=True) == 0
    chosen = Restrict(TableOperand(named("Loan")), ExpressionText("loan = 1"))
    options = InsertOptions(skip_duplicates=True)
    assert await inserts.insert_relation(engine, anna, named("Loan"), chosen, options) == 0

    async def lend(subject: int) -> int:
        return await put(engine, anna, "Loan", {"loan": 2, "subject": subject, **common}, skip_duplicates=True)

    assert (await told(lend))[0] is MissingParent


async def test_copies_trials_and_transactions_name_no_hidden_parent(engine: Engine, anna: Caller) -> None:
    await make.make_table(engine, "Loan", TABLES["secondary"][0])
    await make.make_table(engine, "Guess", "loan : int32\n---\nsubject : int32\n")
    await make.insert(engine, "Guess", [{"loan": subject, "subject": subject} for subject in (OWN, HIDDEN, ABSENT)])

    async def copied(subject: int) -> int:
        chosen = Restrict(TableOperand(named("Guess")), ExpressionText(f"subject = {subject}"))
        return await inserts.insert_relation(engine, anna, named("Loan"), chosen, InsertOptions())

    assert (await told(copied))[0] is MissingParent
    assert await copied(OWN) == 1
    content = [{"loan": number, "subject": number} for number in (OWN + 10, HIDDEN, ABSENT)]
    content[0]["subject"] = OWN
    faults = await row_checks.check_rows(engine, anna, named("Loan"), InsertOptions(), make.arrow(content).getvalue())
    assert [(fault.row, type(fault.error)) for fault in faults] == [(1, MissingParent), (2, MissingParent)]
    async with engine.scope.transaction() as connection:
        staged = replace(engine, scope=OpenTransaction(connection, engine.scope.outside))
        for subject in (HIDDEN, ABSENT):
            kind, _ = await refusal(put(staged, anna, "Loan", {"loan": 50, "subject": subject}))
            assert kind is MissingParent
        assert await put(staged, anna, "Loan", {"loan": 50, "subject": OWN}) == 1


async def test_results_of_jobs_name_no_hidden_parent(engine: Engine, anna: Caller) -> None:
    await make.make_table(engine, "Stat", "-> Session\n---\n-> Subject.proj(other='subject')\n", Tier.COMPUTED)
    await make.make_table(engine, "Stat.Pair", "-> master\n-> Subject.proj(second='subject')\n", Tier.PART)
    await job_refresh.refresh(engine, anna, named("Stat"), None, priority=None, delay=make.NO_TIME, retry_errors=False)
    session, _ = await jobs.create_session(engine, anna, Worker("here", 1, "me"), None, "")
    (lease,) = await jobs.reserve(
        engine, anna, session, [named("Stat")], max_jobs=5, wait=make.NO_TIME, restriction=None
    )
    key = dict(lease.key)

    async def result(other: int, second: int, **stray: int) -> None:
        row = {**key, "other": OWN}
        more = [] if not stray else [{**row, **stray}]
        await make.complete(
            engine, lease, {"Stat": [{**key, "other": other}, *more], "Stat.Pair": [{**key, "second": second}]}, anna
        )

    assert (await told(lambda subject: result(subject, OWN)))[0] is MissingParent
    assert (await told(lambda subject: result(OWN, subject)))[0] is MissingParent
    assert (await told(lambda subject: result(OWN, OWN, subject=subject)))[0] is MissingParent
    await result(OWN, OWN)
    assert len(await rows(engine, ME, TableOperand(named("Stat.Pair")))) == 1


async def test_no_alteration_tells_which_rows_are_hidden(engine: Engine, anna: Caller) -> None:
    await make.make_table(engine, "Guess", "guess : int32\n---\nsubject = null : int32\n")

    async def alter(definition: str) -> None:
        wanted = alteration.WantedTable(named("Guess"), definition, {})
        await alteration.alter_table(engine, anna, wanted, "")

    async def guessed(subject: int) -> None:
        await put(engine, anna, "Guess", {"guess": 1, "subject": subject}, replace=True)
        await alter("guess : int32\n---\n-> [nullable] Subject\n")

    assert (await told(guessed))[0] is PermissionDenied
    await alter("guess : int32\n---\nsubject = null : int32\n-> [nullable] Subject.proj(animal='subject')\n")
