"""Read when the jobs of a table finished, and which of them workers hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.jobs.state import ERROR, SUCCESS
from levada_server.query.ddl import job_table_name
from levada_server.query.sql import quote_text
from levada_server.storage.jobs.tables import in_one_statement, job_keys, job_statement, restricted
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from levada_server.model.heading import Key
    from levada_server.model.table import Table
    from levada_server.query import sql
    from levada_server.storage.postgres.database import Connection

_FILE = "jobs"
_SQL = statements(_FILE)


@dataclass(frozen=True, slots=True)
class Queue:
    """The work that a table has: how many of its jobs a worker could take now, and how many workers hold."""

    waiting: int
    running: int


@dataclass(frozen=True, slots=True)
class FinishedJobs:
    """The jobs of one state that finished within a period.

    Args:
        state: The state.
        start_time: When the period begins.
        count: How many.
        first_time: When the first of them finished.
        median_s: How long `make` ran, in the middle, in seconds; None if it is not known of any.
        longest_s: How long the longest ran.
        now: The end of the last period, by the database's clock.
    """

    state: str
    start_time: datetime
    count: int
    first_time: datetime
    median_s: float | None
    longest_s: float | None
    now: datetime


async def count_queue(connection: Connection, table: Table) -> Queue:
    """Count the work that a table has."""
    row = await connection.fetchrow(job_statement(_FILE, "count_queue", table))
    assert row is not None
    return Queue(**row)


async def finished_jobs(
    connection: Connection, table: Table, jobs: sql.Select | None, span: timedelta, period: timedelta, most: int
) -> list[FinishedJobs]:
    """Count the last finished jobs of a table by period and state; only jobs whose key a query has.

    Args:
        connection: The connection, in a transaction: the periods end where it began.
        table: The table.
        jobs: The query; None for all jobs.
        span: How far back.
        period: The length of a period.
        most: The most jobs of either state to read.
    """
    states = (quote_text(state) for state in (SUCCESS, ERROR))
    counts = [restricted(_FILE, "finished_jobs", table, jobs, span, period, most, state=state) for state in states]
    statement, values = in_one_statement(counts)
    return [FinishedJobs(**row) for row in await connection.fetch(statement, *values)]


async def recent_rate(
    connection: Connection, table: Table, jobs: sql.Select | None, span: timedelta, most: int
) -> float:
    """Return how many jobs finish per second, by the last of them within a span; 0 if fewer than 2 did."""
    statement, values = restricted(_FILE, "recent_rate", table, jobs, span, most)
    row = await connection.fetchrow(statement, *values)
    assert row is not None
    return row["count"] / row["seconds"] if row["count"] > 1 and row["seconds"] > 0 else 0.0


async def environments(
    connection: Connection, table: Table, jobs: sql.Select | None, after: int, limit: int
) -> list[tuple[int, str]]:
    """Return ids, after one, and contents of the environments of jobs; only of jobs whose key a query has."""
    statement, values = restricted(_FILE, "environments", table, jobs, after, limit)
    return [(row["id"], row["content"]) for row in await connection.fetch(statement, *values)]


@dataclass(frozen=True, slots=True)
class HeldJobs:
    """The jobs of a table that a worker holds: their number, and the time and key of the one reserved first."""

    table: Table
    count: int
    reserved_time: datetime
    key: Key


async def tables_held(connection: Connection, tables: Sequence[Table]) -> list[Table]:
    """Return the tables, among some, whose jobs a worker holds."""
    numbers = await connection.fetch(_SQL["held_tables"], [job_table_name(table) for table in tables])
    return [tables[row["number"]] for row in numbers]


async def held_jobs(connection: Connection, table: Table, jobs: sql.Select | None) -> dict[UUID, HeldJobs]:
    """Return the jobs of a table that workers hold, by session; only jobs whose key a query has."""
    statement, values = restricted(_FILE, "held_jobs", table, jobs)
    rows = await connection.fetch(statement, *values)
    return {
        row["session_id"]: HeldJobs(table, row["count"], row["reserved_time"], key)
        for row, key in zip(rows, job_keys(table, rows), strict=True)
    }
