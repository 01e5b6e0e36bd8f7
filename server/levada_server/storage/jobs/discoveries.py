"""Change and read the discoveries of tables: who looks for their new rows, and how that ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.jobs.lease import DiscoveryLease, Failure, Worker
from levada_server.jobs.retry import pause_of_discovery
from levada_server.storage.jobs.worker_sessions import check_session
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from levada_server.jobs.lease import WorkerSession
    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_SQL = statements("discoveries")


@dataclass(frozen=True, slots=True)
class Discovery:
    """The discovery of a table; the fields are those of the message of this name."""

    table: Table
    state: str
    attempt: int
    scheduled_time: datetime
    reserved_time: datetime
    finished_time: datetime | None
    duration: timedelta | None
    row_count: int
    total_row_count: int
    worker: Worker
    error: Failure | None


@dataclass(frozen=True, slots=True)
class HeldDiscovery:
    """A locked discovery: its state, the number of its attempt, its interval, and the token of its lease.

    The last two are who has it: the user, and the user's token.
    """

    state: str
    attempt: int
    period: timedelta
    lease_token: UUID
    user_id: int | None
    token_id: UUID | None


async def due(
    connection: Connection,
    tables: Sequence[Table],
    intervals: Sequence[timedelta],
    session: WorkerSession,
    *,
    held: Collection[UUID] | None,
    at_once: bool,
) -> list[int]:
    """Return the numbers of the tables whose discovery may begin, the longest overdue first.

    Args:
        connection: The connection.
        tables: The tables.
        intervals: How often each discovers.
        session: The worker's session.
        held: The tokens that the session knows; its other leases may begin again. None if the worker does not say.
        at_once: Whether a discovery may begin before it is due, if nobody is at it.
    """
    known = None if held is None else list(held)
    found = await connection.fetch(_SQL["due"], [table.id for table in tables], intervals, at_once, session.id, known)
    return [row["number"] - 1 for row in found]


async def reserve(
    connection: Connection,
    table: Table,
    interval: timedelta,
    session: WorkerSession,
    *,
    held: Collection[UUID] | None,
    at_once: bool,
) -> DiscoveryLease | None:
    """Lease the discovery of a table in a transaction; None if another was quicker.

    Raises:
        UnknownWorkerSession: The session has ended.
    """
    await connection.execute(_SQL["add"], table.id)
    attempts = await connection.fetchval(_SQL["lock"], table.id, session.id)
    if attempts is None or not await due(connection, [table], [interval], session, held=held, at_once=at_once):
        return None
    pause = pause_of_discovery(interval, attempts)
    values = (table.id, session.id, session.user_id, interval, pause, attempts, session.token_id)
    row = await connection.fetchrow(_SQL["reserve"], *values)
    if row is None:  # the session ended meanwhile
        await check_session(connection, session)
        return None
    return DiscoveryLease(table.name, row["lease_token"], row["attempt"])


async def lock(connection: Connection, table: Table) -> HeldDiscovery | None:
    """Lock the discovery of a table, and return it; None if it never began."""
    row = await connection.fetchrow(_SQL["held"], table.id)
    return None if row is None or row["lease_token"] is None else HeldDiscovery(**row)


async def complete(connection: Connection, table: Table, duration: timedelta, row_count: int) -> None:
    """Record that a discovery succeeded."""
    await connection.execute(_SQL["complete"], table.id, duration, row_count)


async def fail(
    connection: Connection, table: Table, duration: timedelta, row_count: int, pause: timedelta, error: Failure
) -> None:
    """Record that a discovery failed, and is to begin again after a pause."""
    await connection.execute(_SQL["fail"], table.id, duration, row_count, pause, error.type, error.message, error.stack)


async def read(connection: Connection, tables: Sequence[Table]) -> list[Discovery]:
    """Return the discoveries of some tables that began at least once, in the order of the tables."""
    rows = {row["table_id"]: row for row in await connection.fetch(_SQL["list"], [table.id for table in tables])}
    return [
        Discovery(
            table,
            row["state"],
            row["attempt"],
            row["scheduled_time"],
            row["reserved_time"],
            row["finished_time"],
            row["duration"],
            row["row_count"],
            row["total_row_count"],
            Worker(row["host"], row["pid"], row["username"]),
            None if row["error_type"] is None else Failure(row["error_type"], row["error_message"], row["error_stack"]),
        )
        for table in tables
        if (row := rows.get(table.id)) is not None
    ]
