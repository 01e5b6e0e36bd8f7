"""Change rows of job tables: one function for each step of a job's life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from levada_server.errors import UnknownJob
from levada_server.jobs.lease import Lease, WorkerSession
from levada_server.jobs.retry import lost_attempts
from levada_server.jobs.state import ERROR, NOTHING_INSERTED, SUCCESS, Standing
from levada_server.model.job_table import STATES
from levada_server.query.sql import quote_text
from levada_server.storage.jobs.tables import count_of, in_one_statement, job_keys, job_statement, restricted
from levada_server.storage.jobs.worker_sessions import check_session

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from levada_server.jobs.lease import Failure
    from levada_server.model.heading import Key
    from levada_server.model.table import Table
    from levada_server.query import sql
    from levada_server.storage.postgres.database import Connection

LEAST_URGENT = 2**31 - 1
_FILE = "jobs"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order of urgency of a table's jobs."""

    priority: int
    scheduled_time: datetime
    job_id: int


FIRST_PLACE = Place(-(2**31), datetime.min, 0)


async def most_urgent(
    connection: Connection,
    tables: Sequence[Table],
    session: UUID,
    held: Collection[UUID] | None,
    starts: Sequence[Place],
) -> list[int | None]:
    """Return for each table the priority of the most urgent job that a session could take; None if there is none.

    Args:
        connection: The connection, with or without a transaction.
        tables: The tables.
        session: The worker's session.
        held: As for `reserve`.
        starts: As for `reserve`, for each table.
    """
    looks = " UNION ALL ".join(
        job_statement(_FILE, "most_urgent", table, number=str(number)) for number, table in enumerate(tables, 1)
    )
    rows = await connection.fetch(
        looks,
        session,
        None if held is None else list(held),
        [start.priority for start in starts],
        [start.scheduled_time for start in starts],
        [start.job_id for start in starts],
        [start == FIRST_PLACE for start in starts],
    )
    found = {row["number"]: row["priority"] for row in rows}
    return [found[number] for number in range(1, len(tables) + 1)]


async def reserve(
    connection: Connection,
    table: Table,
    session: WorkerSession,
    max_jobs: int,
    restriction: sql.Select | None,
    *,
    held: Collection[UUID] | None = None,
    least_urgent: int = LEAST_URGENT,
    start: Place = FIRST_PLACE,
    except_unready: bool = False,
) -> tuple[list[Lease], Place | None]:
    """Lease the most urgent jobs of a table to a session, in one statement.

    Args:
        connection: The connection, with or without a transaction.
        table: The table.
        session: The worker's session.
        max_jobs: The most jobs to lease, ≥ 1.
        restriction: A query from the job table; only jobs whose key it has.
        held: The tokens that the session knows; its other leases are returned again. None if the worker does not say.
        least_urgent: The highest priority number of a job to lease.
        start: The place from which waiting jobs are considered. If it is not the first place, jobs of lost workers are
            not looked for.
        except_unready: Skip jobs whose `make` inserted nothing when it last ran.

    Returns:
        The leases, and the place of the first waiting job among them.

    Raises:
        UnknownWorkerSession: The session has ended.
    """
    known = None if held is None else list(held)
    before = (
        max_jobs,
        session.id,
        known,
        lost_attempts(table.retry),
        least_urgent,
        start.priority,
        start.scheduled_time,
        start.job_id,
        start == FIRST_PLACE,
        except_unready,
        session.user_id,
        session.token_id,
    )
    statement, values = restricted(_FILE, "reserve", table, restriction, *before)
    rows = await connection.fetch(statement, *values)
    if not rows:
        await check_session(connection, session)
    first = next((row for row in rows if row["waited"]), None)
    reached = None if first is None else Place(first["_priority"], first["_scheduled_time"], first["_job_id"])
    return leases_of(table, rows), reached


def leases_of(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[Lease]:  # Any: values of many columns
    """Return the leases of the jobs in some rows."""
    return [
        Lease(table.name, table.id, row["_job_id"], key, row["_lease_token"], row["_attempt"])
        for row, key in zip(rows, job_keys(table, rows), strict=True)
    ]


async def mark_started(connection: Connection, table: Table, leases: Sequence[tuple[int, UUID]]) -> None:
    """Count an attempt of jobs, by id and token, whose worker was lost after it had begun them."""
    await connection.execute(job_statement(_FILE, "mark_started", table), *_columns(leases))


def _columns(leases: Sequence[tuple[int, UUID]]) -> tuple[list[int], list[UUID]]:
    return [job_id for job_id, _ in leases], [token for _, token in leases]


@dataclass(frozen=True, slots=True)
class LockedJob:
    """The state and key of a job that is locked until the transaction ends."""

    standing: Standing
    key: Key


async def lock_jobs(connection: Connection, table: Table, job_ids: Sequence[int]) -> dict[int, LockedJob]:
    """Lock jobs until the transaction ends.

    Raises:
        UnknownJob: A job does not exist.
    """
    rows = await connection.fetch(job_statement(_FILE, "lock_jobs", table), list(job_ids))
    locked = {
        row["_job_id"]: LockedJob(
            Standing(
                row["_job_id"],
                row["_state"],
                row["_attempt"],
                row["_lease_token"],
                row["_failed_token"],
                row["_error_type"],
                row["_unready"],
            ),
            key,
        )
        for row, key in zip(rows, job_keys(table, rows), strict=True)
    }
    for job_id in job_ids:
        if job_id not in locked:
            raise UnknownJob(
                f"`{table.name}` has no job {job_id}; its key left the key source, or its parents were deleted.",
                job=job_id,
                table=table.name,
            )
    return locked


async def is_held(connection: Connection, table: Table, job_id: int, token: UUID) -> bool:
    """Return whether a lease is still its job's current one, without a lock."""
    return bool(await connection.fetchval(job_statement(_FILE, "is_held", table), job_id, token))


async def is_renewed(connection: Connection, table: Table, job_id: int, token: UUID, grace: timedelta) -> bool:
    """Return whether a worker holds a job under a lease that expired at most the grace ago."""
    return bool(await connection.fetchval(job_statement(_FILE, "is_renewed", table), job_id, token, grace))


async def absent_results(connection: Connection, table: Table, job_ids: Sequence[int]) -> list[int]:
    """Return those of some jobs whose entity the table lacks."""
    rows = await connection.fetch(job_statement(_FILE, "absent_results", table), list(job_ids))
    return [row["_job_id"] for row in rows]


class Finished(NamedTuple):
    """The record of a job whose `make` has run.

    Args:
        job_id: The job.
        duration_s: How long it ran, in seconds.
        code_version: The digest of its code; empty if it is not known.
        code_commit: The commit of its repository; empty if there is none.
        reads: How many rows it read, by table, as JSON.
        writes: How many rows it wrote, by table, as JSON.
        inputs: Its reads, as JSON; None if they cannot all be repeated.
        input_tables: The ids of the tables that these read.
        output: The output of `make`; None if there is none.
    """

    job_id: int
    duration_s: float
    code_version: str
    code_commit: str
    reads: str
    writes: str
    inputs: str | None
    input_tables: tuple[int, ...]
    output: str | None


def columns_of(jobs: Sequence[Finished]) -> list[list[str | None]]:
    """Return the columns of records, from the version of the code on, as statements take them."""
    return [
        [job.code_version or None for job in jobs],
        [job.code_commit or None for job in jobs],
        [job.reads for job in jobs],
        [job.writes for job in jobs],
        [job.inputs for job in jobs],
        ["{" + ",".join(map(str, job.input_tables)) + "}" for job in jobs],
        [job.output for job in jobs],
    ]


async def finish_jobs(connection: Connection, table: Table, jobs: Sequence[Finished]) -> None:
    """Mark locked jobs as succeeded; they keep their tokens, by which a repeated Complete is recognized."""
    await connection.execute(
        job_statement(_FILE, "finish_jobs", table),
        [job.job_id for job in jobs],
        [job.duration_s for job in jobs],
        *columns_of(jobs),
    )


async def fail_job(
    connection: Connection,
    table: Table,
    job_id: int,
    duration_s: float,
    code_version: str,
    output: str | None,
    failure: Failure,
    retry_after: timedelta | None,
) -> None:
    """Mark a locked job as failed, or let it wait for its next attempt."""
    values = (job_id, duration_s, code_version, output, failure.type, failure.message, failure.stack)
    if retry_after is None:
        await connection.execute(job_statement(_FILE, "fail_job", table), *values)
    else:
        await connection.execute(job_statement(_FILE, "postpone_job", table), *values, retry_after)


async def ask_later(connection: Connection, table: Table, job: Finished, message: str, pause: timedelta) -> None:
    """Let a locked job, whose `make` inserted nothing, wait until it is asked again."""
    values = (job.job_id, pause, job.duration_s, job.code_version, job.output, NOTHING_INSERTED, message)
    await connection.execute(job_statement(_FILE, "ask_later", table), *values)


async def ask_unready(connection: Connection, table: Table, jobs: sql.Select | None) -> int:
    """Let jobs whose `make` inserted nothing be reserved at once; return their number."""
    statement, values = restricted(_FILE, "ask_unready", table, jobs)
    return count_of(await connection.execute(statement, *values))


async def release_jobs(connection: Connection, table: Table, leases: Sequence[tuple[int, UUID]]) -> int:
    """Return jobs to the queue unchanged, by id and token; return how many were still held."""
    return count_of(await connection.execute(job_statement(_FILE, "release_jobs", table), *_columns(leases)))


async def ignore_jobs(connection: Connection, table: Table, jobs: sql.Select | None) -> int:
    """Ignore pending or failed jobs; return their number."""
    statement, values = restricted(_FILE, "ignore_jobs", table, jobs)
    return count_of(await connection.execute(statement, *values))


async def retry_jobs(connection: Connection, table: Table, states: Collection[str], jobs: sql.Select | None) -> int:
    """Set jobs of some states to pending; return their number."""
    statement, values = restricted(_FILE, "retry_jobs", table, jobs, list(states))
    return count_of(await connection.execute(statement, *values))


async def cancel_jobs(
    connection: Connection, table: Table, jobs: sql.Select | None, message: str
) -> list[tuple[Lease, UUID]]:
    """Set reserved jobs to error; return the leases that ended, each with the session that held it."""
    statement, values = restricted(_FILE, "cancel_jobs", table, jobs, message)
    rows = await connection.fetch(statement, *values)
    return list(zip(leases_of(table, rows), [row["_session_id"] for row in rows], strict=True))


async def list_jobs(
    connection: Connection, table: Table, states: Sequence[str], after: int, limit: int, jobs: sql.Select | None
) -> list[Mapping[str, Any]]:  # Any: values of many columns
    """List jobs of some states, or of all, by id, with all their columns; only jobs whose key a query has."""
    statement, values = restricted(_FILE, "list_jobs", table, jobs, after, list(states), limit)
    rows = await connection.fetch(statement, *values)
    return [{**row, **dict(key)} for row, key in zip(rows, job_keys(table, rows), strict=True)]


@dataclass(frozen=True, slots=True)
class JobCounts:
    """The numbers of a table's jobs.

    Args:
        states: By state, without the states that have none.
        unready: Pending ones whose `make` inserted nothing.
    """

    states: dict[str, int]
    unready: int


async def count_states(connection: Connection, table: Table, jobs: sql.Select | None) -> JobCounts:
    """Count the jobs of a table, as `list_jobs` does."""
    ways = {state: "count_finished" if state in (SUCCESS, ERROR) else "count_in_state" for state in STATES}
    counts = [restricted(_FILE, way, table, jobs, state=quote_text(state)) for state, way in ways.items()]
    statement, values = in_one_statement([*counts, restricted(_FILE, "count_unready", table, jobs)])
    rows = await connection.fetch(statement, *values)
    found = {row["counted"]: row["count"] for row in rows if row["count"]}
    unready = found.pop("unready", 0)
    return JobCounts(found, unready)
