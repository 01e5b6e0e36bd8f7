"""Find results whose inputs may have changed, repeat their reads, and record which differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from levada_server.arrow.ipc.batches import record_batch
from levada_server.arrow.row_digest import RowDigest
from levada_server.arrow.types import arrow_schema
from levada_server.storage.jobs.tables import job_statement
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from levada_server.model.table import Table
    from levada_server.query.query import Query
    from levada_server.storage.postgres.database import Connection

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


async def repeat_reads(
    connection: Connection, query: Query, kind: str, runs: Sequence[tuple[tuple[object, ...], int]]
) -> list[str]:
    """Repeat a read with different values; return the digest of each, empty if it has more rows than it may.

    Args:
        connection: The connection.
        query: The query.
        kind: `rows`, `count` or `exists`.
        runs: For each the values of its parameters, and the most rows that it may have.
    """
    repeated = query.repeated(kind)
    columns = [[values[number] for values, _ in runs] for number in repeated.parameters]
    most = [limit + 1 for _, limit in runs]
    rows = await connection.fetch(repeated.text, list(range(len(runs))), most, *columns, *repeated.shared)
    if kind != "rows":
        answers = {row[0]: str(row[1]) for row in rows}
        return [answers[number] for number in range(len(runs))]
    heading, schema = query.heading, arrow_schema(query.heading)
    digests = [RowDigest(heading.primary_key).text()] * len(runs)
    ordered = sorted(rows, key=itemgetter(0))
    whole = record_batch([tuple(row)[1:] for row in ordered], heading, schema) if ordered else None
    begin = 0
    for number, group in groupby(ordered, key=itemgetter(0)):
        count = sum(1 for _ in group)
        digest = RowDigest(heading.primary_key)
        assert whole is not None
        digest.take(whole.slice(begin, count))
        digests[number] = digest.text() if count < most[number] else ""
        begin += count
    return digests
