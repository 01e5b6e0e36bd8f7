"""Complete jobs with few rows by one statement, which also inserts the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.storage.catalog.stored_catalog import current
from levada_server.storage.jobs.job_rows import columns_of
from levada_server.storage.jobs.tables import job_keys, job_statement, key_names
from levada_server.storage.postgres.audit import auditing, entry_values
from levada_server.storage.postgres.failures import committed_alone
from levada_server.storage.rows.bound_rows import bound_rows
from levada_server.storage.rows.inserts import insert_statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.audit import Entry
    from levada_server.model.dependencies import Basis
    from levada_server.model.heading import Key
    from levada_server.model.table import Table
    from levada_server.storage.jobs.job_rows import Finished
    from levada_server.storage.postgres.database import Connection


async def complete_jobs(
    connection: Connection,
    table: Table,
    tokens: Sequence[UUID],
    jobs: Sequence[Finished],
    inserts: Sequence[tuple[Table, Columns]],
    basis: Basis,
    entry: Entry,
) -> list[Key] | None:
    """Insert rows and mark their jobs as succeeded, if all jobs are still held under their tokens.

    Args:
        connection: The connection, outside a transaction; the statement is one.
        table: The table that is computed.
        tokens: The tokens of the jobs' leases.
        jobs: The jobs, each once.
        inserts: The inserts, each of few rows.
        basis: The tables that the statement relies on.
        entry: The entry of the audit, which the same statement stores.

    Returns:
        The keys of the jobs. None if nothing was done: a job is not held any more, or a table was altered meanwhile.

    Raises:
        OutcomeUnknown: The connection broke meanwhile.
    """
    values: list[object] = [
        [job.job_id for job in jobs],
        tokens,
        [job.duration_s for job in jobs],
        *columns_of(jobs),
        basis.version,
    ]
    parts = []
    for number, (target, columns) in enumerate(inserts):
        source = f"{bound_rows(columns.attributes, before=len(values))} CROSS JOIN ready"
        parts.append(f", inserted{number} AS ({insert_statement(target, columns.attributes, source)})")
        values += columns.values([attribute.name for attribute in columns.attributes])
    parts.append(f", audited AS ({auditing(len(values), 'ready')})")
    values += entry_values(entry)
    statement = job_statement(
        "jobs",
        "complete_jobs",
        table,
        here=current("$11::bigint", basis),
        inserts="".join(parts),
        key=", ".join(f"j.{name}" for name in key_names(table)) or "true",
    )
    with committed_alone():
        rows = await connection.fetch(statement, *values)
    return job_keys(table, rows) if rows else None
