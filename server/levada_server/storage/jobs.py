"""The job tables: what each move of a job's life does to its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import UnknownJob, UnknownWorkerSession
from levada_server.jobs.lease import Lease
from levada_server.query import sql
from levada_server.query.ddl import job_table_name, qualified
from levada_server.query.sql import quote_name
from levada_server.storage.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from levada_server.jobs.lease import Failure, Worker
    from levada_server.model.table import Table
    from levada_server.storage.database import Connection

_SQL = statements("jobs")
_REFRESH_LOCK = 0x10B5
"""First half of the key of the advisory lock of a refresh; the second is the table's id."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """What a locked job looks like."""

    state: str
    lease_token: UUID | None
    key: tuple[tuple[str, object], ...]


async def create_session(connection: Connection, worker: Worker, lease_duration: timedelta, code_version: str) -> UUID:
    """Begin a worker session; forget those that are long dead."""
    await connection.execute(_SQL["prune_sessions"])
    session: UUID = await connection.fetchval(
        _SQL["create_session"], worker.host, worker.process, worker.user, code_version, lease_duration
    )
    return session


async def renew_sessions(connection: Connection, sessions: Sequence[UUID]) -> datetime:
    """Renew sessions; give the time, by the database's clock, at which the first of them expires.

    Raises:
        UnknownWorkerSession: One has ended.
    """
    rows = await connection.fetch(_SQL["renew_sessions"], list(sessions))
    missing = set(sessions) - {row["id"] for row in rows}
    if missing:
        raise _unknown_session(min(missing))
    earliest: datetime = min(row["expire_time"] for row in rows)
    return earliest


def _unknown_session(session: UUID) -> UnknownWorkerSession:
    return UnknownWorkerSession(
        f"There is no worker session {session}, or it has ended; begin a new one.", worker_session=session
    )


async def delete_session(connection: Connection, session: UUID) -> None:
    """End a session: what it holds can be taken over at once."""
    if await connection.fetchval(_SQL["delete_session"], session) is None:
        raise _unknown_session(session)


async def lock_refresh(connection: Connection, table: Table) -> None:
    """Make other refreshes of a table wait for this transaction."""
    await connection.execute(_SQL["lock_refresh"], _REFRESH_LOCK, table.id)


async def add_jobs(connection: Connection, table: Table, missing: sql.Select, priority: int, delay: timedelta) -> int:
    """Add jobs for the keys that `missing` selects; give their number."""
    inner = sql.render(missing, before=(priority, delay))
    key = _names(table)
    statement = fill(
        _SQL["add_jobs" if key else "add_single_job"],
        jobs=job_table_name(table),
        key=", ".join(key),
        missing=inner.text,
    )
    return _count(await connection.execute(statement, *inner.values))


async def reset_deleted(connection: Connection, table: Table) -> int:
    """Make finished jobs pending again whose result is gone; give their number."""
    return await _mend(connection, table, "lock_deleted", "reset_deleted")


async def remove_present(connection: Connection, table: Table) -> int:
    """Remove waiting jobs whose result is there; give their number."""
    return await _mend(connection, table, "lock_present", "remove_present")


async def remove_sourceless(connection: Connection, table: Table, source: sql.Select) -> int:
    """Remove jobs whose key the key source has no more; give their number."""
    return await _mend(connection, table, "lock_sourceless", "remove_sourceless", source)


async def _mend(connection: Connection, table: Table, lock: str, change: str, source: sql.Select | None = None) -> int:
    names = {"jobs": job_table_name(table), "table": qualified(table.name), "same": _same_key(table), "source": ""}
    values: tuple[object, ...] = ()
    if source is not None:
        inner = sql.render(source)
        names["source"], values = inner.text, inner.values
    job_ids = [row["_job_id"] for row in await connection.fetch(fill(_SQL[lock], **names), *values)]
    if not job_ids:
        return 0
    if source is not None:
        inner = sql.render(source, before=(job_ids,))
        names["source"], values = inner.text, inner.values
    return _count(await connection.execute(fill(_SQL[change], **names), *(values or (job_ids,))))


async def retry_failed(connection: Connection, table: Table, source: sql.Select) -> int:
    """Make failed jobs pending again whose key a query has; give their number."""
    inner = sql.render(source)
    statement = fill(_SQL["retry_failed"], jobs=job_table_name(table), source=inner.text, same=_same_key(table))
    return _count(await connection.execute(statement, *inner.values))


async def reserve(
    connection: Connection, table: Table, session: UUID, max_jobs: int, restriction: sql.Select | None
) -> list[Lease]:
    """Lease the most urgent jobs of a table to a session.

    Args:
        connection: In a transaction.
        table: The table.
        session: The worker's session.
        max_jobs: At most this many, ≥ 1.
        restriction: Only jobs whose key this query has; it selects from the job table.

    Raises:
        UnknownWorkerSession: The session has ended.
    """
    holder = await connection.fetchrow(_SQL["session_holder"], session)
    if holder is None:
        raise _unknown_session(session)
    values: tuple[object, ...] = (max_jobs, session, holder["host"], holder["pid"], holder["username"])
    condition = "TRUE"
    if restriction is not None:
        inner = sql.render(restriction, before=values)
        condition, values = f"EXISTS (SELECT FROM ({inner.text}) AS t WHERE {_same_key(table)})", inner.values
    statement = fill(
        _SQL["reserve"], jobs=job_table_name(table), restriction=condition, key_and_comma=_key_and_comma(table)
    )
    rows = await connection.fetch(statement, *values)
    names = table.heading.primary_key
    return [
        Lease(
            table=table.name,
            job_id=row["_job_id"],
            key=tuple((name, row[name]) for name in names),
            token=row["_lease_token"],
            attempt=row["_attempt"],
        )
        for row in rows
    ]


async def lock_job(connection: Connection, table: Table, job_id: int) -> JobRow:
    """Lock a job until the transaction ends.

    Raises:
        UnknownJob: There is none.
    """
    statement = fill(_SQL["lock_job"], jobs=job_table_name(table), key_and_comma=_key_and_comma(table))
    row = await connection.fetchrow(statement, job_id)
    if row is None:
        raise UnknownJob(
            f"`{table.name}` has no job {job_id}; its key left the key source, or its parents were deleted.",
            job=job_id,
            table=table.name,
        )
    key = tuple((name, row[name]) for name in table.heading.primary_key)
    return JobRow(row["_state"], row["_lease_token"], key)


async def key_present(connection: Connection, table: Table, job_id: int) -> bool:
    """Tell whether the table has the entity of a job."""
    statement = fill(
        _SQL["key_present"], table=qualified(table.name), jobs=job_table_name(table), same=_same_key(table)
    )
    return bool(await connection.fetchval(statement, job_id))


async def finish_job(connection: Connection, table: Table, job_id: int, duration_s: float, code_version: str) -> None:
    """Mark a locked job as succeeded. It keeps its token: a repeated Complete is recognized by it."""
    await connection.execute(fill(_SQL["finish_job"], jobs=job_table_name(table)), job_id, duration_s, code_version)


async def fail_job(
    connection: Connection, table: Table, job_id: int, duration_s: float, code_version: str, failure: Failure
) -> None:
    """Mark a locked job as failed."""
    await connection.execute(
        fill(_SQL["fail_job"], jobs=job_table_name(table)),
        job_id,
        duration_s,
        code_version,
        failure.type,
        failure.message,
        failure.stack,
    )


async def release_job(connection: Connection, table: Table, job_id: int, token: UUID) -> bool:
    """Give a job back untouched; tell whether it was still held under this token."""
    statement = fill(_SQL["release_job"], jobs=job_table_name(table))
    return _count(await connection.execute(statement, job_id, token)) == 1


async def count_states(connection: Connection, table: Table) -> dict[str, int]:
    """Count the jobs of a table by state."""
    rows = await connection.fetch(fill(_SQL["count_states"], jobs=job_table_name(table)))
    return {row["_state"]: row["count"] for row in rows}


def _names(table: Table) -> list[str]:
    return [quote_name(name) for name in table.heading.primary_key]


def _key_and_comma(table: Table) -> str:
    return "".join(f"{name}, " for name in _names(table))


def _same_key(table: Table) -> str:
    return " AND ".join(f"t.{name} = j.{name}" for name in _names(table)) or "TRUE"


def _count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[1])
