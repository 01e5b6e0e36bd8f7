"""The life of a job on a real database: each key is committed once, whatever fails."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server.errors import (
    Conflict,
    DuplicateEntity,
    InvalidRequest,
    LeaseLost,
    LimitReached,
    MakeContract,
    UnknownJob,
    UnknownWorkerSession,
)
from levada_server.jobs.lease import Failure
from levada_server.jobs.limits import MAX_JOBS
from levada_server.model.table import PartIntegrity, Tier
from levada_server.operations import alteration, deletes, job_refresh, jobs, schemas, shared_refreshes
from levada_server.operations.access.gate import Gate
from levada_server.operations.alteration import WantedTable
from levada_server.operations.completion import results
from levada_server.query.algebra import Equalities, Restrict, TableOperand
from levada_server.query.ddl import job_table_name
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.jobs.job_rows import FIRST_PLACE, Place
from levada_server.storage.jobs.notifications import PATIENCE_S, SLOW_S, Lookout
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.transactions import Transactions
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from levada_server.jobs.lease import Lease
    from levada_server.model.table import Table
    from levada_server.operations.context import Engine

SESSIONS = 20


@pytest_asyncio.fixture
async def pipeline(engine: Engine) -> Engine:
    """`Session` with 20 entities, and `Stat` with a part, computed from it."""
    await make.make_table(engine, "Session", "session : int32\n---\nrate : float64\n")
    await make.make_table(engine, "Stat", "-> Session\n---\nmean : float64\n", Tier.COMPUTED)
    await make.make_table(engine, "Stat.Bin", "-> master\nbin : int32\n---\ncount : int32\n", Tier.PART)
    await make.insert(engine, "Session", [{"session": i, "rate": i / 2} for i in range(SESSIONS)])
    await make.refresh(engine, "Stat")
    return engine


def result(lease: Lease) -> dict[str, list[dict[str, object]]]:
    key = dict(lease.key)
    return {"Stat": [{**key, "mean": 1.0}], "Stat.Bin": [{**key, "bin": 1, "count": 2}]}


async def reserve_all(engine: Engine, session: UUID) -> list[Lease]:
    found: list[Lease] = []
    while leases := await make.reserve(engine, session, "Stat", SESSIONS):
        found += leases
    return found


async def states(engine: Engine) -> dict[str, int]:
    return (await jobs.progress(engine, ME, named("Stat"), None)).states


async def test_refresh_adds_what_is_missing_and_is_idempotent(pipeline: Engine) -> None:
    assert await states(pipeline) == {"pending": SESSIONS}
    assert await make.refresh(pipeline, "Stat") == shared_refreshes.Refreshed(0, 0, 0)
    await make.insert(pipeline, "Session", [{"session": 100, "rate": 0.0}])
    assert await make.refresh(pipeline, "Stat") == shared_refreshes.Refreshed(1, 0, 0)


async def test_many_workers_reserve_each_job_once(pipeline: Engine) -> None:
    reserved: list[int] = []

    async def work() -> None:
        session = await make.make_session(pipeline)
        while leases := await make.reserve(pipeline, session, "Stat", 2):
            for lease in leases:
                reserved.append(lease.job_id)
                await make.complete(pipeline, lease, result(lease))

    await asyncio.gather(*(work() for _ in range(8)))
    assert len(reserved) == len(set(reserved)) == SESSIONS
    assert await states(pipeline) == {"success": SESSIONS}
    assert len(await make.fetch(pipeline, "Stat")) == SESSIONS
    assert len(await make.fetch(pipeline, "Stat.Bin")) == SESSIONS


async def test_complete_is_idempotent_by_token(pipeline: Engine) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    await make.complete(pipeline, lease, result(lease))
    await make.complete(pipeline, lease, result(lease))
    assert len(await make.fetch(pipeline, "Stat")) == 1


async def test_a_job_of_a_silent_worker_goes_to_another_and_its_late_result_is_refused(pipeline: Engine) -> None:
    silent, other = await make.make_session(pipeline), await make.make_session(pipeline)
    taken = await make.reserve(pipeline, silent, "Stat", SESSIONS)
    assert await make.reserve(pipeline, other, "Stat") == []
    await make.expire(pipeline, silent)
    again = await reserve_all(pipeline, other)
    assert {lease.job_id for lease in again} == {lease.job_id for lease in taken}
    assert {lease.attempt for lease in again} == {1}  # nobody knows which job of a batch had begun
    with pytest.raises(LeaseLost):
        await make.complete(pipeline, taken[0], result(taken[0]))
    assert await make.fetch(pipeline, "Stat") == []
    await make.complete(pipeline, again[0], result(again[0]))


async def test_a_late_result_that_nobody_took_over_is_welcome(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    (lease,) = await make.reserve(pipeline, session, "Stat")
    await make.expire(pipeline, session)
    await make.complete(pipeline, lease, result(lease))
    assert await states(pipeline) == {"success": 1, "pending": SESSIONS - 1}


async def test_a_renewed_session_keeps_its_jobs(pipeline: Engine) -> None:
    session, other = await make.make_session(pipeline), await make.make_session(pipeline)
    await make.reserve(pipeline, session, "Stat", SESSIONS)
    await make.expire(pipeline, session)
    await jobs.renew_sessions(pipeline, ME, {session: None})
    assert await make.reserve(pipeline, other, "Stat") == []


async def test_several_tables_may_have_nothing_to_reserve(pipeline: Engine) -> None:
    await make.make_table(pipeline, "Sum", "-> Stat\n---\nsum : float64\n", Tier.COMPUTED)
    session = await make.make_session(pipeline)
    names = [named("Sum"), named("Stat")]

    async def reserve() -> list[Lease]:
        return await jobs.reserve(pipeline, ME, session, names, max_jobs=SESSIONS, wait=timedelta(0), restriction=None)

    assert [lease.table for lease in await reserve()] == [named("Stat")] * SESSIONS
    assert await reserve() == []
    await jobs.delete_session(pipeline, ME, session)
    with pytest.raises(UnknownWorkerSession):
        await reserve()


async def test_jobs_of_an_ended_session_can_be_reserved_at_once(pipeline: Engine) -> None:
    session, other = await make.make_session(pipeline), await make.make_session(pipeline)
    await make.reserve(pipeline, session, "Stat", SESSIONS)
    await jobs.delete_session(pipeline, ME, session)
    assert len(await reserve_all(pipeline, other)) == SESSIONS
    with pytest.raises(UnknownWorkerSession):
        await make.reserve(pipeline, session, "Stat")
    with pytest.raises(UnknownWorkerSession):
        await jobs.renew_sessions(pipeline, ME, {session: None})
    with pytest.raises(UnknownWorkerSession):
        await jobs.delete_session(pipeline, ME, session)


async def test_a_failed_job_keeps_its_error_and_is_not_reserved_again(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    (lease,) = await make.reserve(pipeline, session, "Stat")
    failure = Failure("ValueError", "no spikes", "Traceback …")
    for _ in range(2):  # the second time the answer had been lost
        state = await results.fail(
            pipeline, ME, named("Stat"), lease.job_id, lease.token, failure, duration=timedelta(1), code_version="v1"
        )
        assert state == "error"
    assert len(await make.reserve(pipeline, session, "Stat", SESSIONS)) == SESSIONS - 1
    with pytest.raises(LeaseLost):
        await make.complete(pipeline, lease, result(lease))
    others = Restrict(TableOperand(named("Session")), Equalities((("session", 1_000),)))
    for source, reset in ((others, 0), (None, 1)):
        refreshed = await job_refresh.refresh(
            pipeline, ME, named("Stat"), source, priority=None, delay=timedelta(0), retry_errors=True
        )
        assert refreshed.reset == reset


async def test_a_job_that_inserts_nothing_waits_longer_each_time(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    stat = (await make.catalog(pipeline)).table(named("Stat"))
    pauses: list[timedelta] = []
    for _ in range(3):
        (lease,) = await make.reserve(pipeline, session, "Stat")
        assert lease.attempt == 1
        for _ in range(2):  # the second time the answer had been lost
            done = await results.complete(pipeline, ME, [make.completed(lease, {})])
            assert [*done.outcomes, *done.unready] == [None, lease.token]
        async with pipeline.scope.connection() as connection:
            pauses.append(
                await connection.fetchval(
                    f"SELECT _scheduled_time - clock_timestamp() AT TIME ZONE 'UTC' FROM {job_table_name(stat)} "  # noqa: S608
                    "WHERE _job_id = $1",
                    lease.job_id,
                )
            )
            await connection.execute(
                f"UPDATE {job_table_name(stat)} SET _scheduled_time = '2000-01-01' WHERE _job_id = $1",  # noqa: S608
                lease.job_id,
            )
    assert [round(pause.total_seconds(), -1) for pause in pauses] == [10, 20, 40]
    found = await jobs.progress(pipeline, ME, named("Stat"), None)
    assert (found.states, found.unready) == ({"pending": SESSIONS}, 1)
    async with asyncio.timeout(10):  # nothing was committed that tables below could depend on
        await pipeline.downstream.settled()


async def test_a_job_that_inserts_nothing_is_asked_at_once_on_request(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    (lease,) = await make.reserve(pipeline, session, "Stat")
    await make.complete(pipeline, lease, {})
    await make.make_due(pipeline, "Stat")
    others = await make.reserve(pipeline, session, "Stat", SESSIONS, except_unready=True)
    assert lease.job_id not in {other.job_id for other in others}
    assert len(others) == SESSIONS - 1
    for source, reset in ((Restrict(TableOperand(named("Session")), Equalities((("session", 1_000),))), 0), (None, 1)):
        refreshed = await job_refresh.refresh(
            pipeline, ME, named("Stat"), source, priority=None, delay=timedelta(0), retry_errors=False, ask_unready=True
        )
        assert refreshed.reset == reset
    assert [again.job_id for again in await make.reserve(pipeline, session, "Stat")] == [lease.job_id]


async def test_a_released_job_is_pending_again_and_the_try_does_not_count(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    (lease,) = await make.reserve(pipeline, session, "Stat")
    assert await jobs.release(pipeline, ME, [(named("Stat"), lease.job_id, lease.token)]) == 1
    assert await jobs.release(pipeline, ME, [(named("Stat"), lease.job_id, lease.token)]) == 0
    again = await make.reserve(pipeline, session, "Stat", SESSIONS)
    assert {other.attempt for other in again} == {1}


@pytest.mark.parametrize(
    ("inserts", "error"),
    [
        ({"Stat": [{"session": 1_000_000, "mean": 0.0}]}, Exception),
        ({"Stat.Bin": [{"session": 0, "bin": 0, "count": 0}]}, Exception),
        ({"Stat": [{"session": 0, "mean": 0.0}] * 2}, DuplicateEntity),
    ],
)
async def test_a_result_that_breaks_a_rule_leaves_nothing_behind(
    pipeline: Engine, inserts: dict[str, list[dict[str, object]]], error: type[Exception]
) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    with pytest.raises(error):
        await make.complete(pipeline, lease, inserts)
    assert await make.fetch(pipeline, "Stat") == []
    assert await make.fetch(pipeline, "Stat.Bin") == []
    assert (await states(pipeline))["reserved"] == 1


async def test_jobs_are_completed_in_a_group_and_one_by_one_when_one_of_them_fails(pipeline: Engine) -> None:
    leases = await make.reserve(pipeline, await make.make_session(pipeline), "Stat", 4)
    done = await results.complete(pipeline, ME, [make.completed(lease, result(lease)) for lease in leases[:2]])
    assert done.outcomes == (None, None)
    bad = make.completed(leases[2], {"Stat": [{"session": SESSIONS - 1, "mean": 0.0}]})
    good = make.completed(leases[3], result(leases[3]))
    outcomes = (await results.complete(pipeline, ME, [good, bad])).outcomes
    assert outcomes[0] is None
    assert isinstance(outcomes[1], MakeContract)
    assert await states(pipeline) == {"success": 3, "reserved": 1, "pending": SESSIONS - 4}
    assert len(await make.fetch(pipeline, "Stat")) == 3


async def test_jobs_without_room_for_their_rows_fail_and_others_of_the_group_do_not(pipeline: Engine) -> None:
    leases = await make.reserve(pipeline, await make.make_session(pipeline), "Stat", 2)
    pipeline.quota.schema_bytes = 1
    jobs = [make.completed(leases[0], result(leases[0])), make.completed(leases[1], {})]
    full, unready = (await results.complete(pipeline, ME, jobs)).outcomes
    assert isinstance(full, LimitReached) and unready is None


async def test_those_who_wait_for_one_table_share_its_looks(
    pipeline: Engine, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    session = await make.make_session(pipeline)
    await make.reserve(pipeline, session, "Stat", SESSIONS)
    table = await schemas.describe_table(pipeline, ME, named("Stat"))
    seen: list[str] = []
    async with pipeline.scope.connection() as watched:
        # All checks go over this one free connection, so its statements are counted.
        watched.add_query_logger(lambda query: seen.append(query.query))
    await asyncio.gather(*(pipeline.lookout.wait([table], 0.5) for _ in range(50)))
    looks = [text for text in seen if "EXISTS" in text]
    assert 1 <= len(looks) <= 3


async def test_looks_at_several_tables_wake_only_who_waits_for_one_with_jobs(engine: Engine) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    tables = [await make.make_table(engine, f"Stat{number}", "-> Session\n", Tier.COMPUTED) for number in range(3)]
    looks = Counter[str]()

    class Watched(Lookout):
        async def _look_once(self, table: Table) -> bool:
            await asyncio.sleep(0)
            looks[table.name.table] += 1
            return table == tables[0] and looks["Stat1"] >= 20

    assert isinstance(engine.scope, Database)
    lookout = Watched(engine.scope)
    others = asyncio.create_task(lookout.wait(tables[1:], 3600.0))
    await lookout.wait(tables, 3600.0)
    assert looks["Stat1"] >= 20
    assert not others.done()
    others.cancel()
    await lookout.close()


async def test_an_error_of_a_buffered_insert_names_its_line(pipeline: Engine) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    with pytest.raises(DuplicateEntity, match=r"pipeline\.py:7"):
        await make.complete(pipeline, lease, {"Stat": [{**dict(lease.key), "mean": 0.0}] * 2})


async def test_a_deleted_result_is_computed_again(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    for lease in await make.reserve(pipeline, session, "Stat", SESSIONS):
        await make.complete(pipeline, lease, result(lease))
    one = Restrict(TableOperand(named("Stat")), Equalities((("session", 3),)))
    await deletes.delete(pipeline, ME, one, PartIntegrity.ENFORCE, digest="", quick=False)
    assert await states(pipeline) == {"success": SESSIONS - 1, "pending": 1}
    (lease,) = await make.reserve(pipeline, session, "Stat", SESSIONS)
    assert dict(lease.key) == {"session": 3}


async def test_jobs_go_with_their_parents(pipeline: Engine) -> None:
    two = Restrict(TableOperand(named("Session")), Equalities((("session", (3, 4)),)))
    await deletes.delete(pipeline, ME, two, PartIntegrity.ENFORCE, digest="", quick=False)
    assert await states(pipeline) == {"pending": SESSIONS - 2}


async def test_a_job_whose_parents_were_deleted_while_it_ran_cannot_be_completed(pipeline: Engine) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    parent = Restrict(TableOperand(named("Session")), Equalities(lease.key))
    await deletes.delete(pipeline, ME, parent, PartIntegrity.ENFORCE, digest="", quick=False)
    with pytest.raises(Exception, match="Session"):
        await make.complete(pipeline, lease, result(lease))
    assert await make.fetch(pipeline, "Stat") == []


async def test_a_row_inserted_by_hand_takes_its_job_away(pipeline: Engine) -> None:
    await make.insert(pipeline, "Stat", [{"session": 5, "mean": 0.0}], allow_direct_insert=True)
    assert (await make.refresh(pipeline, "Stat")).removed == 1
    assert await states(pipeline) == {"pending": SESSIONS - 1}


async def test_refresh_beside_completing_workers_never_repends_committed_work(pipeline: Engine) -> None:
    done = asyncio.Event()

    async def refresh_for_ever() -> None:
        while not done.is_set():
            assert (await make.refresh(pipeline, "Stat")).reset == 0

    async def work() -> None:
        session = await make.make_session(pipeline)
        while leases := await make.reserve(pipeline, session, "Stat", 1):
            await make.complete(pipeline, leases[0], result(leases[0]))

    refreshing = asyncio.gather(refresh_for_ever(), refresh_for_ever())
    await asyncio.gather(*(work() for _ in range(4)))
    done.set()
    await refreshing
    assert await states(pipeline) == {"success": SESSIONS}


async def test_a_restriction_holds_under_reservation(pipeline: Engine) -> None:
    from levada_server.query.algebra import JobOperand

    wanted = Restrict(JobOperand(named("Stat")), Equalities((("session", (7, 8)),)))
    session = await make.make_session(pipeline)
    leases = await jobs.reserve(
        pipeline, ME, session, [named("Stat")], max_jobs=10, wait=timedelta(0), restriction=wanted
    )
    assert sorted(dict(lease.key)["session"] for lease in leases) == [7, 8]  # type: ignore[type-var]  # integers


async def test_a_waiting_reserve_gets_a_job_that_comes_later(engine: Engine) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    session = await make.make_session(engine)
    waiting = asyncio.create_task(
        jobs.reserve(engine, ME, session, [named("Stat")], max_jobs=1, wait=timedelta(seconds=30), restriction=None)
    )
    await make.insert(engine, "Session", [{"session": 1}])
    await make.refresh(engine, "Stat")
    assert len(await waiting) == 1


async def test_bad_requests_are_refused(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    with pytest.raises(InvalidRequest, match="no jobs"):
        await make.reserve(pipeline, session, "Session")
    with pytest.raises(LimitReached):
        await make.reserve(pipeline, session, "Stat", MAX_JOBS + 1)
    (lease,) = await make.reserve(pipeline, session, "Stat")
    with pytest.raises(UnknownJob):
        await results.fail(
            pipeline,
            ME,
            named("Stat"),
            10**9,
            lease.token,
            Failure("", "", ""),
            duration=timedelta(0),
            code_version="",
        )


async def test_a_slow_look_is_begun_where_the_last_one_found_something(pipeline: Engine) -> None:
    session = await make.make_session(pipeline)
    table = await schemas.describe_table(pipeline, ME, named("Stat"))
    first = await make.reserve(pipeline, session, "Stat", 3)
    (second,) = await make.reserve(pipeline, session, "Stat", 1)
    _, rows_ = await jobs.list_jobs(pipeline, ME, named("Stat"), (), after=0, limit=100)
    found = next(row for row in rows_ if row["_job_id"] == second.job_id)
    place = Place(found["_priority"], found["_scheduled_time"], found["_job_id"])
    await jobs.release(pipeline, ME, [(lease.table, lease.job_id, lease.token) for lease in first])
    pipeline.lookout.reached(table, place, seconds=10.0)
    taken = await make.reserve(pipeline, session, "Stat", 1)
    assert taken[0].job_id > second.job_id  # jobs that were given back before that place come later
    await make.reserve(pipeline, session, "Stat", SESSIONS)
    rest = await make.reserve(pipeline, session, "Stat", SESSIONS)
    assert {lease.job_id for lease in rest} == {lease.job_id for lease in first}
    pipeline.lookout.reached(table, place, seconds=0.0)
    assert pipeline.lookout.start(table) == FIRST_PLACE


async def test_slow_looks_count_only_when_none_between_them_is_quick(pipeline: Engine) -> None:
    table = await schemas.describe_table(pipeline, ME, named("Stat"))
    place = Place(5, datetime(2026, 1, 1), 7)
    most = PATIENCE_S * 0.9
    for seconds, trusted in ((most, False), (SLOW_S / 2, False), (most, False), (most, True), (SLOW_S / 2, False)):
        pipeline.lookout.reached(table, place, seconds=seconds)
        assert (pipeline.lookout.start(table) == place) is trusted


async def test_slow_looks_at_several_tables_find_lost_jobs_when_there_are_no_others(pipeline: Engine) -> None:
    await make.make_table(pipeline, "Spread", "-> Session\n", Tier.COMPUTED)
    lost = await make.make_session(pipeline)
    first = await make.reserve(pipeline, lost, "Stat", 2)
    await make.expire(pipeline, lost)
    table = await schemas.describe_table(pipeline, ME, named("Stat"))
    pipeline.lookout.reached(table, Place(5, datetime(2026, 1, 1), 1), seconds=10.0)
    session, both = await make.make_session(pipeline), [named("Spread"), named("Stat")]
    found: list[Lease] = []
    for _ in range(3):
        held = [lease.token for lease in found]
        found += await jobs.reserve(
            pipeline, ME, session, both, max_jobs=SESSIONS, wait=timedelta(0), restriction=None, held=held
        )
    assert [lease.job_id for lease in found[-2:]] == [lease.job_id for lease in first]
    assert len(found) == SESSIONS


async def test_a_job_is_not_completed_in_a_transaction_after_a_table_that_it_wrote_was_altered(engine: Engine) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n---\nx : int64\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": 1}])
    await make.refresh(engine, "Stat")
    (lease,) = await make.reserve(engine, await make.make_session(engine), "Stat", 1)
    await make.insert(engine, "Stat", [{"session": 1, "x": 5}], allow_direct_insert=True)
    job = make.completed(lease, {})
    assert isinstance(engine.scope, Database)
    behind = replace(
        engine, gate=Gate(CatalogCache(engine.scope), engine.gate.permissions, stored_relation)
    )  # another process
    await behind.gate.open(ME)
    wanted = WantedTable(named("Stat"), "-> Session\n---\nx : int64  # changed\n", {}, {})
    plan = await alteration.plan_alteration(engine, ME, wanted)
    await alteration.alter_table(engine, ME, wanted, plan.digest)
    async with Transactions(engine.scope.outside) as transactions:
        await transactions.begin("read_committed", read_only=False)
        transactions.scope.job_writes()[named("Stat")] += 1
        with pytest.raises(Conflict, match="altered meanwhile"):
            await results.complete_in_transaction(behind, transactions.current(), ME, job)
        await results.complete_in_transaction(engine, transactions.current(), ME, job)
        await transactions.commit()


class FailingLookout(Lookout):
    """A lookout whose connection breaks."""

    async def _look_once(self, table: Table) -> bool:
        for _ in range(3):
            await asyncio.sleep(0)
        raise ConnectionResetError(table.name)


async def test_a_look_for_jobs_that_fails_after_its_waiters_have_left_is_not_logged(pipeline: Engine) -> None:
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: unheard.append(told))
    assert isinstance(pipeline.scope, Database)
    lookout = FailingLookout(pipeline.scope)
    await lookout.wait([(await make.catalog(pipeline)).table(named("Stat"))], 0.0)
    for _ in range(6):
        await asyncio.sleep(0)
    del lookout
    gc.collect()
    await asyncio.sleep(0)
    assert not unheard
