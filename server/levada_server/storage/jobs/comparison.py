"""Find results whose inputs may have changed, repeat their reads, and record which differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.arrow.row_digest import digest_of
from levada_server.storage.jobs.tables import job_statement
from levada_server.storage.postgres.sql_files import statements
from levada_server.storage.rows.repeated import repeat_answers, repeat_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from levada_server.model.table import Table
    from levada_server.query.query import Query
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.rows.repeated import Run

_FILE = "staleness"
_SQL = statements(_FILE)
_LOCK = 0x7E5D
"""The first half of the key of a comparison's advisory lock; the second half is the table's id."""
LOCK_WAIT = "5s"
"""How long a comparison waits for a lock on a table that was read."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A result whose inputs are to be compared: its job, the token of its lease, and its reads as JSON."""

    job_id: int
    token: UUID
    inputs: str


async def merge_changes(connection: Connection) -> None:
    """Merge the changes of tables by transactions that are over."""
    await connection.execute(_SQL["merge_changes"])


async def take_turn(connection: Connection, table: Table) -> None:
    """Wait until no other server compares results of a table, and keep them from it until the transaction ends."""
    await connection.execute(_SQL["take_turn"], _LOCK, table.id)


async def read_horizon(connection: Connection) -> str:
    """Return the number of a transaction before which all are over.

    Later in the transaction nothing waits longer than `LOCK_WAIT` for a lock: its holder may wait for this caller.
    """
    horizon: str = await connection.fetchval(_SQL["horizon"], LOCK_WAIT)
    return horizon


async def candidates(connection: Connection, table: Table, after: int, limit: int) -> list[Candidate]:
    """Return results, by the id of their job, that have an input which may have changed since it was compared."""
    rows = await connection.fetch(job_statement(_FILE, "jobs_to_compare", table), after, limit)
    return [Candidate(row["_job_id"], row["_lease_token"], row["inputs"]) for row in rows]


async def record_comparison(
    connection: Connection, table: Table, compared: Sequence[tuple[Candidate, Collection[int]]], horizon: str
) -> None:
    """Record the ids of the tables whose reads differ, for each of some results.

    A result that another transaction is changing is left to that transaction and keeps its verdict meanwhile.

    Args:
        connection: The connection.
        table: The table of the results.
        compared: The results, with those ids.
        horizon: The horizon from before their reads were repeated.
    """
    await connection.execute(
        job_statement(_FILE, "record_comparison", table),
        [job.job_id for job, _ in compared],
        [job.token for job, _ in compared],
        ["{" + ",".join(map(str, sorted(changed))) + "}" for _, changed in compared],
        horizon,
    )


async def repeat_reads(connection: Connection, query: Query, kind: str, runs: Sequence[Run]) -> list[str]:
    """Repeat a read with different values; return the digest of each, empty if it has more rows than it may.

    Args:
        connection: The connection.
        query: The query.
        kind: `rows`, `count` or `exists`.
        runs: For each the values of its parameters, and the most rows that it may have.
    """
    if kind != "rows":
        return [str(answer) for answer in await repeat_answers(connection, query, kind, [values for values, _ in runs])]
    found = await repeat_rows(connection, query, runs)
    return ["" if rows is None else digest_of(rows, query.heading.primary_key) for rows in found]
