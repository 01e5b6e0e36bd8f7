"""Results that are computed again: which there are, where their rows are, and the records of their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from levada_server.query.ddl import qualified
from levada_server.query.sql import quote_name
from levada_server.storage.jobs.job_rows import columns_of, leases_of
from levada_server.storage.jobs.tables import job_statement, restricted
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.jobs.lease import Lease
    from levada_server.model.table import Table
    from levada_server.query import sql
    from levada_server.storage.jobs.job_rows import Finished
    from levada_server.storage.postgres.database import Connection

_FILE = "staleness"


async def results_to_lease(
    connection: Connection, table: Table, results: sql.Select | None, after: int, limit: int
) -> list[Lease]:
    """Return new leases on results of jobs, by the id of the job; only those whose key a query has."""
    statement, values = restricted(_FILE, "results_to_lease", table, results, after, limit)
    leases = leases_of(table, await connection.fetch(statement, *values))
    return [lease._replace(token=uuid4(), replaces=lease.token) for lease in leases]


async def places_of_rows(
    connection: Connection, table: Table, target: Table, key: Sequence[str], job_ids: Sequence[int]
) -> list[str]:
    """Lock the rows that jobs made of a table or a part of it; return where they are now.

    Args:
        connection: In the transaction that replaces them.
        table: The table of the jobs.
        target: The table, or the part.
        key: The attributes of the target that hold the job's key, in the key's order.
        job_ids: The jobs.
    """
    pairs = zip(key, table.job_key, strict=True)
    same = " AND ".join(f"t.{quote_name(own)} = j.{quote_name(name)}" for own, name in pairs) or "TRUE"
    statement = job_statement(_FILE, "places_of_rows", table, target=qualified(target.name), same_key=same)
    return [row["place"] for row in await connection.fetch(statement, list(job_ids))]


async def delete_rows(connection: Connection, target: Table, places: Sequence[str]) -> None:
    """Delete those of some rows that are still where they were, because nothing was put over them.

    Raises:
        HasChildren: Other rows depend on one.
    """
    if places:
        statement = fill(statements(_FILE)["delete_rows"], target=qualified(target.name))
        await connection.execute(statement, list(places))


async def renew_results(
    connection: Connection, table: Table, jobs: Sequence[tuple[UUID, UUID | None, Finished]]
) -> None:
    """Store the records of jobs that were computed again, under new tokens; their inputs are yet to be compared."""
    finished = [record for _, _, record in jobs]
    await connection.execute(
        job_statement(_FILE, "renew_results", table),
        [record.job_id for record in finished],
        [token for token, _, _ in jobs],
        [record.duration_s for record in finished],
        *columns_of(finished),
        [session for _, session, _ in jobs],
    )
