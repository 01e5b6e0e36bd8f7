"""Show when the jobs of a table finished and how long they took, and which workers compute what."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.jobs.state import ERROR, SUCCESS
from levada_server.operations.jobs import computed_table, jobs_in_reach
from levada_server.permissions.roles import Action
from levada_server.storage.jobs import activity, worker_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from levada_server.model.table import TableName
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.jobs.activity import FinishedJobs, HeldJobs
    from levada_server.storage.jobs.worker_sessions import LivingSession

DEFAULT_SPAN = timedelta(days=1)
MIN_SPAN = timedelta(minutes=1)
MAX_SPAN = timedelta(days=366)
MAX_FINISHED = 50_000
"""The most finished jobs of either state that a history reads."""
RATE_JOBS = 1_000
"""The finished jobs by which the present rate is judged."""


@dataclass(frozen=True, slots=True)
class Period:
    """The jobs that finished within a period, and the median and longest duration of successes, in seconds."""

    start_time: datetime
    success_count: int
    error_count: int
    median_s: float | None
    longest_s: float | None


@dataclass(frozen=True, slots=True)
class History:
    """When the jobs of a table finished.

    Args:
        periods: The periods in which one did, the earliest first.
        start_time: From when on the counts are whole; None if nothing finished.
        end_time: When they were counted; None if nothing finished.
        jobs_per_second: How many finish per second now; 0 if that is not known.
    """

    periods: list[Period]
    start_time: datetime | None
    end_time: datetime | None
    jobs_per_second: float


async def history(
    engine: Engine, caller: Caller, name: TableName, span: timedelta | None, period_count: int
) -> History:
    """Return how many jobs of a table finished when, and how long they took; bounded work for a table of any size.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The table.
        span: How far back; None for a day.
        period_count: Into how many periods to divide it, ≥ 1.

    Raises:
        InvalidRequest: The table has no jobs, or the span is too short or too long.
    """
    span = DEFAULT_SPAN if span is None else span
    if not MIN_SPAN <= span <= MAX_SPAN:
        raise InvalidRequest("A history reaches back from 1 minute to 366 days.", field="span")
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.FETCH, name)
    view.note_read(table.name.schema, table.name)
    jobs = await jobs_in_reach(view, table, None)
    length = span / period_count
    async with engine.scope.transaction(read_only=True) as connection:
        finished = await activity.finished_jobs(connection, table, jobs, span, length, MAX_FINISHED)
        rate = await activity.recent_rate(connection, table, jobs, span, RATE_JOBS)
    return arranged(finished, span, rate, most=MAX_FINISHED)


def arranged(finished: Sequence[FinishedJobs], span: timedelta, rate: float, *, most: int) -> History:
    """Arrange counts of finished jobs by time; what is not whole, because only the last `most` were read, is said."""
    if not finished:
        return History([], None, None, rate)
    now = finished[0].now
    whole = now - span
    for state in (SUCCESS, ERROR):
        of_state = [found for found in finished if found.state == state]
        if sum(found.count for found in of_state) >= most:
            whole = max(whole, min(found.first_time for found in of_state))
    by_period = {(found.start_time, found.state): found for found in finished}
    periods = []
    for start in sorted({found.start_time for found in finished}):
        succeeded, failed = by_period.get((start, SUCCESS)), by_period.get((start, ERROR))
        periods.append(
            Period(
                start,
                succeeded.count if succeeded else 0,
                failed.count if failed else 0,
                succeeded.median_s if succeeded else None,
                succeeded.longest_s if succeeded else None,
            )
        )
    return History(periods, whole, now, rate)


async def list_environments(
    engine: Engine, caller: Caller, name: TableName, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """Return the ids, after one, and the contents of the environments in which jobs of a table were computed.

    Raises:
        InvalidRequest: The table has no jobs.
    """
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.FETCH, name)
    view.note_read(table.name.schema, table.name)
    jobs = await jobs_in_reach(view, table, None)
    async with engine.scope.transaction(read_only=True) as connection:
        return await activity.environments(connection, table, jobs, after, limit)


@dataclass(frozen=True, slots=True)
class WorkerActivity:
    """A worker that is alive, and the jobs that it holds, by table."""

    session: LivingSession
    held: list[HeldJobs] = field(default_factory=list)


async def list_workers(engine: Engine, caller: Caller) -> list[WorkerActivity]:
    """Return the workers that the caller may see, by host, process and session, with the jobs that they hold.

    These are the caller's own (those of a token with scopes if it has some), and others that hold jobs of tables that
    the caller may fetch from; all for an administrator.
    """
    view = await engine.gate.open(caller)
    computed = [t for t in view.seen.tables.values() if t.has_make and view.may(Action.FETCH, t)]
    async with engine.scope.transaction(read_only=True) as connection:
        workers = {s.id: WorkerActivity(s) for s in await worker_sessions.living_sessions(connection)}
        for table in await activity.tables_held(connection, computed):
            jobs = await jobs_in_reach(view, table, None)
            for session, held in (await activity.held_jobs(connection, table, jobs)).items():
                if session in workers:
                    workers[session].held.append(held)
                    view.note_read(table.name.schema, table.name)
    identity = caller.identity

    def is_own(session: LivingSession) -> bool:
        return session.user_id == identity.user_id and identity.confined_to in (None, session.token_id)

    return [w for w in workers.values() if view.rights.administers or is_own(w.session) or w.held]
