"""Attempts of a job: which ones count, when the next one comes, and when no more follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from levada_server.errors import InvalidRequest, LeaseLost
from levada_server.jobs.lease import Failure
from levada_server.jobs.retry import LOST_ATTEMPTS
from levada_server.model.table import DEFAULT_RETRY, RetryPolicy, Tier
from levada_server.operations import job_refresh, jobs
from levada_server.operations.completion import results
from levada_server.query.algebra import Equalities, JobOperand, Restrict
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from levada_server.jobs.lease import Lease
    from levada_server.operations.context import Engine

SESSIONS = 4
FAILURE = Failure("ValueError", "no spikes", "Traceback …")


async def computed(engine: Engine, retry: RetryPolicy = DEFAULT_RETRY) -> Engine:
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED, retry=retry)
    await make.insert(engine, "Session", [{"session": i} for i in range(SESSIONS)])
    await make.refresh(engine, "Stat")
    return engine


@pytest_asyncio.fixture
async def pipeline(engine: Engine) -> Engine:
    """`Session` with 4 entities, and `Stat` computed from it."""
    return await computed(engine)


async def rows_of(engine: Engine) -> list[Mapping[str, Any]]:
    return (await jobs.list_jobs(engine, ME, named("Stat"), (), after=0, limit=100))[1]


async def fail(engine: Engine, lease: Lease) -> str:
    return await results.fail(
        engine,
        ME,
        named("Stat"),
        lease.job_id,
        lease.token,
        FAILURE,
        duration=timedelta(seconds=2),
        code_version="git:abc",
    )


async def lose(engine: Engine, session: UUID, *started: Lease) -> None:
    """Let a worker die: its supervisor ends the session."""
    await jobs.delete_session(engine, ME, session, [(lease.table, lease.job_id, lease.token) for lease in started])


async def test_an_error_of_make_is_final_where_the_table_says_nothing(pipeline: Engine) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    assert await fail(pipeline, lease) == "error"


async def test_a_failed_job_waits_longer_after_each_try_and_is_an_error_after_the_last(engine: Engine) -> None:
    await computed(engine, RetryPolicy(max_attempts=3, delay=timedelta(seconds=100)))
    session = await make.make_session(engine)
    (lease,) = await make.reserve(engine, session, "Stat")
    await make.reserve(engine, session, "Stat", SESSIONS)  # the others are out of the way
    for attempt, pause in ((1, 100), (2, 200)):
        assert lease.attempt == attempt
        for _ in range(2):  # the second time the answer had been lost
            assert await fail(engine, lease) == "pending"
        with pytest.raises(LeaseLost):
            await make.complete(engine, lease, {"Stat": [dict(lease.key)]})
        assert await make.reserve(engine, session, "Stat") == []
        row = (await rows_of(engine))[0]
        waits = row["_scheduled_time"] - datetime.now(UTC).replace(tzinfo=None)
        assert timedelta(seconds=pause - 30) < waits <= timedelta(seconds=pause)
        assert (row["_error_type"], row["_attempt"]) == ("ValueError", attempt)
        await make.make_due(engine, "Stat")
        (lease,) = await make.reserve(engine, session, "Stat")
    assert await fail(engine, lease) == "error"


async def test_an_error_keeps_all_that_is_known_of_it(pipeline: Engine) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    await fail(pipeline, lease)
    row = (await rows_of(pipeline))[0]
    kept = ("session", "_error_type", "_error_message", "_error_stack", "_host", "_username", "_code_version")
    assert [row[name] for name in kept] == [0, "ValueError", "no spikes", "Traceback …", "host", "user", "git:abc"]
    assert row["_duration"] == 2.0


async def test_a_job_that_kills_workers_stops_at_the_limit(pipeline: Engine) -> None:
    for attempt in range(1, LOST_ATTEMPTS + 1):
        session = await make.make_session(pipeline)
        (killer,) = await make.reserve(pipeline, session, "Stat")
        assert (killer.job_id, killer.attempt) == (1, attempt)
        await lose(pipeline, session)
    session = await make.make_session(pipeline)
    assert len(await make.reserve(pipeline, session, "Stat", SESSIONS)) == SESSIONS - 1
    row = (await rows_of(pipeline))[0]
    assert (row["_state"], row["_error_type"]) == ("error", "WorkerLost")
    assert "5 times" in row["_error_message"]


async def test_a_late_result_of_a_job_that_was_given_up_is_welcome(engine: Engine) -> None:
    await computed(engine, RetryPolicy(max_attempts=1))
    session = await make.make_session(engine)
    (lease,) = await make.reserve(engine, session, "Stat")
    await make.expire(engine, session)
    await make.reserve(engine, await make.make_session(engine), "Stat")
    assert (await rows_of(engine))[0]["_error_type"] == "WorkerLost"
    await make.complete(engine, lease, {"Stat": [dict(lease.key)]})
    row = (await rows_of(engine))[0]
    assert (row["_state"], row["_error_type"]) == ("success", None)


async def test_the_loss_of_a_batch_counts_for_none_of_it_and_its_jobs_come_back_one_by_one(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    batch = await make.reserve(pipeline, session, "Stat", SESSIONS)
    assert {lease.attempt for lease in batch} == {1}
    await lose(pipeline, session)
    other = await make.make_session(pipeline)
    for _ in range(SESSIONS):
        (lease,) = await make.reserve(pipeline, other, "Stat", SESSIONS)
        assert lease.attempt == 1
    await lose(pipeline, other)  # now each was alone, so each is known to have been begun
    again = await make.reserve(pipeline, await make.make_session(pipeline), "Stat", SESSIONS)
    assert [lease.attempt for lease in again] == [2] * SESSIONS


async def test_the_loss_of_a_batch_counts_for_the_job_that_is_known_to_have_started(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    batch = await make.reserve(pipeline, session, "Stat", SESSIONS)
    await lose(pipeline, session, batch[1])
    other = await make.make_session(pipeline)
    leases = [(await make.reserve(pipeline, other, "Stat"))[0] for _ in range(SESSIONS)]
    assert [lease.attempt for lease in leases] == [1, 2, 1, 1]


async def test_leases_whose_answer_was_lost_are_handed_out_again(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    known = await make.reserve(pipeline, session, "Stat", 1)
    lost = await make.reserve(pipeline, session, "Stat", 2)

    async def reserve(held: list[UUID] | None) -> list[Lease]:
        return await make.reserve(pipeline, session, "Stat", SESSIONS, held=held)

    again = await reserve([lease.token for lease in known])
    assert {lease.job_id for lease in lost} < {lease.job_id for lease in again}
    assert {lease.attempt for lease in again} == {1}
    assert await reserve(None) == []
    assert await reserve([lease.token for lease in (*known, *again)]) == []


async def test_the_most_urgent_table_is_served_first(pipeline: Engine) -> None:
    await make.make_table(pipeline, "Other", "-> Session\n", Tier.COMPUTED)
    await job_refresh.refresh(pipeline, ME, named("Other"), None, priority=1, delay=timedelta(0), retry_errors=False)
    session = await make.make_session(pipeline)
    seen: list[str] = []
    for _ in range(2):
        leases = await jobs.reserve(
            pipeline,
            ME,
            session,
            [named("Stat"), named("Other")],
            max_jobs=SESSIONS,
            wait=timedelta(0),
            restriction=None,
        )
        seen += {lease.table.table for lease in leases}
    assert seen == ["Other", "Stat"]


async def test_people_ignore_and_retry_jobs(pipeline: Engine) -> None:
    one = Restrict(JobOperand(named("Stat")), Equalities((("session", 1),)))
    assert await jobs.ignore(pipeline, ME, named("Stat"), one) == 1
    assert await jobs.ignore(pipeline, ME, named("Stat"), one) == 0
    leases = await make.reserve(pipeline, await make.make_session(pipeline), "Stat", SESSIONS)
    assert len(leases) == SESSIONS - 1
    await fail(pipeline, leases[0])
    assert await jobs.retry(pipeline, ME, named("Stat"), None) == 1  # the failed one alone
    assert await jobs.retry(pipeline, ME, named("Stat"), one) == 1
    assert [row["_attempt"] for row in await rows_of(pipeline)] == [0, 0, 1, 1]


async def test_a_cancelled_job_is_an_error_at_once_and_its_holder_is_told(pipeline: Engine) -> None:
    session, other = await make.make_session(pipeline), await make.make_session(pipeline)
    leases = await make.reserve(pipeline, session, "Stat", 2)
    one = Restrict(JobOperand(named("Stat")), Equalities(leases[0].key))
    assert await jobs.cancel(pipeline, ME, named("Stat"), one) == 1
    assert await jobs.cancel(pipeline, ME, named("Stat"), one) == 0
    (told,) = (await jobs.renew_sessions(pipeline, ME, {session: None}))[1]
    assert pipeline.signer.read_lease(told).token == leases[0].token
    assert (await jobs.renew_sessions(pipeline, ME, {other: None}))[1] == []
    with pytest.raises(LeaseLost, match="cancelled"):
        await make.complete(pipeline, leases[0], {"Stat": [dict(leases[0].key)]})
    with pytest.raises(LeaseLost, match="cancelled"):
        await fail(pipeline, leases[0])
    assert await make.fetch(pipeline, "Stat") == []
    row = (await rows_of(pipeline))[0]
    assert (row["_state"], row["_error_type"], row["_error_message"]) == (
        "error",
        "JobCancelled",
        "Cancelled by tester.",
    )
    await make.complete(pipeline, leases[1], {"Stat": [dict(leases[1].key)]})


async def test_pages_of_jobs_follow_their_ids(pipeline: Engine) -> None:
    _, first = await jobs.list_jobs(pipeline, ME, named("Stat"), (), after=0, limit=3)
    _, rest = await jobs.list_jobs(pipeline, ME, named("Stat"), ("pending",), after=first[-1]["_job_id"], limit=3)
    assert [row["session"] for row in (*first, *rest)] == list(range(SESSIONS))
    assert (await jobs.list_jobs(pipeline, ME, named("Stat"), ("error",), after=0, limit=3))[1] == []


@pytest.mark.parametrize(
    "policy",
    [RetryPolicy(max_attempts=0), RetryPolicy(max_attempts=1_001), RetryPolicy(delay=timedelta(days=2))],
)
async def test_a_policy_out_of_bounds_is_refused(pipeline: Engine, policy: RetryPolicy) -> None:
    with pytest.raises(InvalidRequest):
        await make.make_table(pipeline, "Other", "-> Session\n", Tier.COMPUTED, retry=policy)


async def test_a_policy_follows_the_class(pipeline: Engine) -> None:
    policy = RetryPolicy(7, timedelta(seconds=1.5))
    assert (await make.make_table(pipeline, "Stat", "-> Session\n", Tier.COMPUTED, retry=policy)).retry == policy


async def test_a_lease_that_nobody_signed_is_refused(pipeline: Engine) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    from levada_server.jobs.signing import lease_content

    signed = pipeline.signer.lease(lease_content(lease))
    assert pipeline.signer.read_lease(signed).key == {"session": "0"}
    for forged in ("", "x", str(uuid4()), signed[:-4] + "AAAA", signed[1:]):
        with pytest.raises(InvalidRequest, match="lease_token"):
            pipeline.signer.read_lease(forged)
