"""Equally urgent jobs are leased in turn, of users, and of the tables of a user."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from levada_server.model.table import Tier
from levada_server.operations import declarations, job_refresh, jobs, users
from levada_server.permissions.roles import Role
from tests.operations.test_users import calling
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine

MANY, FEW = 60, 3
"""How many jobs the greedy tables have, and how many the modest one."""


async def declare(engine: Engine, caller: Caller, table: str) -> None:
    declaration = declarations.Declaration(named(table), Tier.COMPUTED, "-> Session\n", {}, has_make=True)
    await declarations.declare_table(engine, caller, declaration)


async def member(engine: Engine, name: str) -> Caller:
    await users.create_user(engine, ME, name, (), administrator=False)
    await users.grant_role(engine, ME, name, Role.OWNER, named("", "lab"))
    return await calling(engine, name)


async def fill(engine: Engine, table: str, priority: int | None = None) -> None:
    await job_refresh.refresh(engine, ME, named(table), None, priority=priority, delay=timedelta(0), retry_errors=False)


async def lease(engine: Engine, tables: list[str], count: int, max_jobs: int = 1) -> list[str]:
    """Lease jobs of some tables a number of times; return the tables that they are of."""
    session = await make.make_session(engine)
    found: list[str] = []
    for _ in range(count):
        leases = await jobs.reserve(
            engine, ME, session, list(map(named, tables)), max_jobs=max_jobs, wait=timedelta(0), restriction=None
        )
        found.append(leases[0].table.table)
    return found


@pytest.fixture
async def lab(engine: Engine) -> Engine:
    """A table `Session` with many entities."""
    await make.make_table(engine, "Session", "session : int32\n")
    await make.insert(engine, "Session", [{"session": i} for i in range(MANY)])
    return engine


@pytest.mark.parametrize("max_jobs", [1, 4])
async def test_many_jobs_of_a_table_do_not_keep_those_of_another_waiting(lab: Engine, max_jobs: int) -> None:
    for table in ("Greedy", "Modest"):
        await declare(lab, ME, table)
        await fill(lab, table)
    found = await lease(lab, ["Greedy", "Modest"], 2 * FEW, max_jobs)
    assert found == ["Greedy", "Modest"] * FEW


async def test_many_tables_of_a_user_do_not_keep_that_of_another_waiting(lab: Engine) -> None:
    anna, bea = await member(lab, "anna"), await member(lab, "bea")
    for caller, table in ((anna, "One"), (anna, "Two"), (anna, "Three"), (bea, "Hers")):
        await declare(lab, caller, table)
        await fill(lab, table)
    found = await lease(lab, ["One", "Two", "Three", "Hers"], 8)
    assert found == ["One", "Hers", "Two", "Hers", "Three", "Hers", "One", "Hers"]


async def test_urgency_comes_before_turns(lab: Engine) -> None:
    for table, priority in (("Urgent", 1), ("Plain", None)):
        await declare(lab, ME, table)
        await fill(lab, table, priority)
    assert await lease(lab, ["Plain", "Urgent"], 4) == ["Urgent"] * 4


async def test_a_table_that_comes_later_is_served_next(lab: Engine) -> None:
    for table in ("Greedy", "Modest"):
        await declare(lab, ME, table)
    await fill(lab, "Greedy")
    assert await lease(lab, ["Greedy", "Modest"], 5) == ["Greedy"] * 5
    await fill(lab, "Modest")
    assert await lease(lab, ["Greedy", "Modest"], 1) == ["Modest"]


async def test_a_table_that_is_named_twice_is_waited_for_once(lab: Engine) -> None:
    await declare(lab, ME, "Twice")
    session = await make.make_session(lab)
    wait = timedelta(milliseconds=200)  # longer than a look takes
    twice = [named("Twice"), named("Twice")]
    assert await jobs.reserve(lab, ME, session, twice, max_jobs=1, wait=wait, restriction=None) == []
