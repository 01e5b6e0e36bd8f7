"""When jobs finished, how long they took, and which workers compute what; in the reach of the caller alone."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server.errors import InvalidRequest
from levada_server.jobs.lease import Failure, Worker
from levada_server.jobs.state import ERROR, SUCCESS
from levada_server.model.table import Ownership, TableName, Tier
from levada_server.operations import job_activity, jobs, schemas, users
from levada_server.operations.completion import results
from levada_server.operations.job_activity import arranged
from levada_server.permissions.roles import Role
from levada_server.query.ddl import job_table_name
from levada_server.storage.jobs.activity import FinishedJobs
from tests.support import make
from tests.support.make import ME, named
from tests.support.roles import make_caller

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def pipeline(engine: Engine) -> Engine:
    """`Session` with six entities, and the jobs of `Stat`, computed from it."""
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": i} for i in range(6)])
    await make.refresh(engine, "Stat")
    return engine


async def finish(engine: Engine, successes: int, failures: int) -> None:
    """Let jobs succeed, and others fail."""
    session = await make.make_session(engine)
    for number in range(successes + failures):
        (lease,) = await make.reserve(engine, session, "Stat")
        if number < successes:
            await make.complete(engine, lease, {"Stat": [dict(lease.key)]})
        else:
            failure, second = Failure("E", "m", "s"), timedelta(seconds=1)
            await results.fail(
                engine, ME, named("Stat"), lease.job_id, lease.token, failure, duration=second, code_version=""
            )


async def shift(engine: Engine, state: str, age: timedelta) -> None:
    """Let all jobs of a state have finished a while ago."""
    jobs_of = job_table_name((await make.catalog(engine)).table(named("Stat")))
    async with engine.scope.connection() as connection:
        statement = f"UPDATE {jobs_of} SET _finished_time = _finished_time - $1::interval WHERE _state = $2"  # noqa: S608
        await connection.execute(statement, age, state)


async def test_finished_jobs_are_counted_by_period(pipeline: Engine) -> None:
    await finish(pipeline, successes=3, failures=1)
    await shift(pipeline, SUCCESS, timedelta(minutes=90))
    found = await job_activity.history(pipeline, ME, named("Stat"), 4 * HOUR, 4)
    assert [(p.success_count, p.error_count, p.median_s, p.longest_s) for p in found.periods] == [
        (3, 0, 1.0, 1.0),
        (0, 1, None, None),
    ]
    assert found.start_time is not None and found.end_time is not None
    assert [found.end_time - p.start_time for p in found.periods] == [2 * HOUR, HOUR]
    assert found.end_time - found.start_time == 4 * HOUR
    assert 0 < found.jobs_per_second < 4 / 5400
    recent = await job_activity.history(pipeline, ME, named("Stat"), HOUR, 4)
    assert [(p.success_count, p.error_count) for p in recent.periods] == [(0, 1)]
    assert recent.jobs_per_second == 0


async def test_a_table_without_finished_jobs_has_an_empty_history(pipeline: Engine) -> None:
    found = await job_activity.history(pipeline, ME, named("Stat"), None, 60)
    assert (found.periods, found.start_time, found.jobs_per_second) == ([], None, 0)


@pytest.mark.parametrize("span", [timedelta(seconds=59), timedelta(days=367)])
async def test_a_history_has_a_sensible_span(pipeline: Engine, span: timedelta) -> None:
    with pytest.raises(InvalidRequest, match="1 minute to 366 days"):
        await job_activity.history(pipeline, ME, named("Stat"), span, 60)


async def test_a_table_that_people_fill_has_no_history(pipeline: Engine) -> None:
    with pytest.raises(InvalidRequest, match="has no jobs"):
        await job_activity.history(pipeline, ME, named("Session"), None, 60)


def test_a_history_says_from_when_on_it_is_whole() -> None:
    now = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    finished = [
        FinishedJobs(SUCCESS, now - HOUR, 3, now - HOUR / 2, 1.0, 2.0, now),
        FinishedJobs(ERROR, now - HOUR, 1, now - HOUR, 1.0, 2.0, now),
    ]
    assert arranged(finished, 4 * HOUR, 0.0, most=3).start_time == now - HOUR / 2
    assert arranged(finished, 4 * HOUR, 0.0, most=4).start_time == now - 4 * HOUR


async def test_workers_are_listed_with_their_jobs_and_memory(pipeline: Engine) -> None:
    busy, idle, dead = [await make.make_session(pipeline) for _ in range(3)]
    leases = await make.reserve(pipeline, busy, "Stat", 2)
    await jobs.renew_sessions(pipeline, ME, {busy: 5_000_000, idle: None})
    await jobs.renew_sessions(pipeline, ME, {busy: None})  # does not say it again
    await make.expire(pipeline, dead)
    found = {w.session.id: w for w in await job_activity.list_workers(pipeline, ME)}
    assert set(found) == {busy, idle}
    (held,) = found[busy].held
    assert (held.table.name, held.count, held.key) == (named("Stat"), 2, leases[0].key)
    assert (found[busy].session.memory_bytes, found[busy].session.worker) == (5_000_000, Worker("host", 1, "user"))
    assert (found[idle].session.memory_bytes, found[idle].held) == (None, [])


async def workers(engine: Engine, caller: Caller) -> dict[str, int]:
    """Return the number of jobs that a caller sees, by host of the worker."""
    found = await job_activity.list_workers(engine, caller)
    return {worker.session.worker.host: sum(held.count for held in worker.held) for worker in found}


async def test_callers_see_their_own_workers_and_others_on_their_tables(pipeline: Engine) -> None:
    ann, _ = await make_caller(pipeline, "ann")
    bob, _ = await make_caller(pipeline, "bob")
    await users.grant_role(pipeline, ME, "ann", Role.VIEWER, TableName("lab", "Stat"))
    for caller, host in ((ME, "lab"), (ann, "ann"), (bob, "bob")):
        session, _ = await jobs.create_session(pipeline, caller, Worker(host, 1, "u"), None, "")
        if caller is ME:
            await make.reserve(pipeline, session, "Stat", 3)
    assert await workers(pipeline, ME) == {"ann": 0, "bob": 0, "lab": 3}
    assert await workers(pipeline, ann) == {"ann": 0, "lab": 3}
    assert await workers(pipeline, bob) == {"bob": 0}


async def test_jobs_of_other_teams_are_neither_shown_nor_counted(engine: Engine) -> None:
    await make.make_table(engine, "Session", "session : int32\n---\nteam : varchar(20)\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await schemas.set_ownership(engine, ME, named("Session"), Ownership("team", hidden=True))
    await make.insert(engine, "Session", [{"session": i, "team": "owls" if i < 2 else "cats"} for i in range(5)])
    await make.refresh(engine, "Stat")
    ann, _ = await make_caller(engine, "ann")
    await users.set_team(engine, ME, "owls", ("ann",))
    await users.grant_role(engine, ME, "ann", Role.VIEWER, TableName("lab", ""))
    session = await make.make_session(engine)
    assert len(await make.reserve(engine, session, "Stat", 5)) == 5
    assert await workers(engine, ann) == {"host": 2}
    jobs_of = job_table_name((await make.catalog(engine)).table(named("Stat")))
    async with engine.scope.connection() as connection:
        await connection.execute(
            f"UPDATE {jobs_of} SET _state = 'success', _duration = 1, "  # noqa: S608
            "_finished_time = clock_timestamp() AT TIME ZONE 'UTC' - interval '1 minute'"
        )
    seen = await job_activity.history(engine, ann, named("Stat"), None, 1)
    assert [p.success_count for p in seen.periods] == [2]
