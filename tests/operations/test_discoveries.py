"""The discovery of a table's new rows: by one worker at a time, taken over after a loss, tried again after errors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import InvalidRequest, LeaseLost, LimitReached, UnknownWorkerSession
from levada_server.jobs.lease import Failure
from levada_server.jobs.limits import MAX_DISCOVERIES
from levada_server.jobs.retry import pause_of_discovery
from levada_server.model.table import Tier
from levada_server.operations import discoveries, jobs
from tests.support import make
from tests.support.make import ME, NO_TIME, named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.jobs.lease import DiscoveryLease
    from levada_server.operations.context import Engine
    from levada_server.storage.jobs.discoveries import Discovery

MINUTES = timedelta(minutes=5)
SHARE_AWAY = Failure("OSError", "the share is away", "stack")


@pytest.fixture
async def lab(engine: Engine) -> Engine:
    await make.make_table(engine, "Recording", "recording : int32\n")
    await make.make_table(engine, "Stat", "-> Recording\n", Tier.COMPUTED)
    return engine


async def reserve(
    engine: Engine, session: UUID, *, held: Sequence[UUID] | None = None, at_once: bool = False
) -> DiscoveryLease | None:
    return await discoveries.reserve(engine, ME, session, {named("Recording"): MINUTES}, held=held, at_once=at_once)


async def complete(engine: Engine, lease: DiscoveryLease | None, rows: int = 0, error: Failure | None = None) -> None:
    assert lease is not None
    await discoveries.complete(engine, ME, lease.table, lease.token, row_count=rows, duration=NO_TIME, error=error)


async def found(engine: Engine) -> Discovery:
    (discovery,) = await discoveries.listed(engine, ME, [named("Recording")], None)
    return discovery


async def pass_time(engine: Engine, span: timedelta) -> None:
    async with engine.scope.connection() as connection:
        await connection.execute(
            "UPDATE levada.discovery SET scheduled_time = scheduled_time - $1::interval, "
            "reserved_time = reserved_time - $1::interval",
            span,
        )


async def test_one_worker_at_a_time_discovers_a_table(lab: Engine) -> None:
    sessions = [await make.make_session(lab) for _ in range(8)]
    leases = await asyncio.gather(*(reserve(lab, session) for session in sessions))
    assert sum(lease is not None for lease in leases) == 1
    assert await reserve(lab, sessions[0], at_once=True) is None
    assert (await found(lab)).state == "reserved"


async def test_discovery_begins_again_after_its_interval_and_not_before(lab: Engine) -> None:
    session = await make.make_session(lab)
    await complete(lab, await reserve(lab, session), rows=3)
    assert await reserve(lab, session) is None
    await pass_time(lab, MINUTES - timedelta(seconds=30))
    assert await reserve(lab, session) is None
    assert (await found(lab)).state == "success"
    await pass_time(lab, timedelta(seconds=31))
    assert (await found(lab)).state == "pending"
    await complete(lab, await reserve(lab, session), rows=2)
    after = await found(lab)
    assert (after.row_count, after.total_row_count, after.attempt) == (2, 5, 0)


async def test_shorter_interval_of_a_new_class_counts_at_once(lab: Engine) -> None:
    session = await make.make_session(lab)
    await complete(lab, await reserve(lab, session))
    await pass_time(lab, timedelta(seconds=61))
    minute = {named("Recording"): timedelta(minutes=1)}
    assert await discoveries.reserve(lab, ME, session, minute, at_once=False) is not None


async def test_lost_worker_is_replaced_at_once_and_its_late_answer_refused(lab: Engine) -> None:
    lost, other = await make.make_session(lab), await make.make_session(lab)
    late = await reserve(lab, lost)
    assert await reserve(lab, other) is None
    await jobs.delete_session(lab, ME, lost)
    lease = await reserve(lab, other)
    assert lease is not None
    assert lease.attempt == 2
    with pytest.raises(LeaseLost, match="handed to another worker"):
        await complete(lab, late, rows=1)
    await complete(lab, lease)
    await complete(lab, lease, rows=7)  # a repeated answer changes nothing
    assert (await found(lab)).row_count == 0


async def test_lease_that_was_lost_with_its_answer_is_handed_out_again(lab: Engine) -> None:
    session, other = await make.make_session(lab), await make.make_session(lab)
    lost = await reserve(lab, session, held=[])
    assert lost is not None
    assert await reserve(lab, other, held=[], at_once=True) is None
    assert await reserve(lab, session, held=None, at_once=True) is None  # it does not say what it knows
    assert await reserve(lab, session, held=[lost.token], at_once=True) is None
    again = await reserve(lab, session, held=[])
    assert again is not None
    assert (again.attempt, again.token == lost.token) == (lost.attempt, False)
    with pytest.raises(LeaseLost):
        await complete(lab, lost)
    await complete(lab, again, rows=3)
    assert await reserve(lab, session, held=[]) is None
    assert (await found(lab)).row_count == 3


async def test_discovery_that_loses_workers_again_and_again_waits(lab: Engine) -> None:
    for _ in range(2):
        session = await make.make_session(lab)
        assert await reserve(lab, session) is not None
        await jobs.delete_session(lab, ME, session)
    session = await make.make_session(lab)
    assert await reserve(lab, session) is None
    await pass_time(lab, timedelta(seconds=11))
    assert await reserve(lab, session) is not None


async def test_error_is_shown_and_tried_again_after_a_growing_pause(lab: Engine) -> None:
    session = await make.make_session(lab)
    await complete(lab, await reserve(lab, session), error=SHARE_AWAY)
    failed = await found(lab)
    assert (failed.state, failed.error) == ("error", SHARE_AWAY)
    assert await reserve(lab, session) is None
    await pass_time(lab, timedelta(seconds=10))
    lease = await reserve(lab, session)
    assert lease is not None
    assert lease.attempt == 2
    await complete(lab, lease)
    assert (await found(lab)).error is None


async def test_person_need_not_wait_for_the_pause(lab: Engine) -> None:
    session = await make.make_session(lab)
    await complete(lab, await reserve(lab, session), error=SHARE_AWAY)
    assert await reserve(lab, session, at_once=True) is not None


def test_pause_doubles_up_to_the_interval() -> None:
    pauses = [pause_of_discovery(timedelta(minutes=1), attempt).total_seconds() for attempt in range(6)]
    assert pauses == [0, 10, 20, 40, 60, 60]


async def test_table_of_another_tier_is_refused(lab: Engine) -> None:
    session = await make.make_session(lab)
    with pytest.raises(InvalidRequest, match=r"Only manual and imported tables discover rows; `lab\.Stat` is computed"):
        await discoveries.reserve(lab, ME, session, {named("Stat"): MINUTES}, at_once=False)


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(days=400)])
async def test_interval_without_sense_is_refused(lab: Engine, interval: timedelta) -> None:
    session = await make.make_session(lab)
    with pytest.raises(InvalidRequest, match="Discoveries begin every second to every 366 days"):
        await discoveries.reserve(lab, ME, session, {named("Recording"): interval}, at_once=False)


async def test_too_many_tables_are_refused(lab: Engine) -> None:
    names = [named(f"T{number}") for number in range(MAX_DISCOVERIES + 1)]
    with pytest.raises(LimitReached, match="at most 1000 tables"):
        await discoveries.listed(lab, ME, names, None)


async def test_ended_session_gets_no_discovery(lab: Engine) -> None:
    session = await make.make_session(lab)
    await jobs.delete_session(lab, ME, session)
    with pytest.raises(UnknownWorkerSession):
        await reserve(lab, session)
