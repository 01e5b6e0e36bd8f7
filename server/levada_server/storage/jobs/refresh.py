"""Update a job table from its key source and its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.query import sql
from levada_server.storage.jobs.tables import count_of, job_statement, key_names
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from datetime import timedelta

    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_FILE = "job_refresh"
_SQL = statements(_FILE)
_REFRESH_LOCK = 0x10B5
"""The first half of the key of a refresh's advisory lock; the second half is the table's id."""


async def lock_refresh(connection: Connection, table: Table) -> None:
    """Lock a table against other refreshes until this transaction ends."""
    await connection.execute(job_statement(_FILE, "lock_refresh", table), _REFRESH_LOCK, table.id)


@dataclass(frozen=True, slots=True)
class Basis:
    """The state that a refresh has seen: tables, by their ids, with all that transactions before a horizon did."""

    table_ids: frozenset[int]
    horizon: str


async def read_horizon(connection: Connection) -> str:
    """Return the horizon of what follows in this transaction."""
    horizon: str = await connection.fetchval(_SQL["horizon"])
    return horizon


async def changed_since(connection: Connection, basis: Basis) -> bool:
    """Return whether a table may have other rows than a refresh has seen, or another definition."""
    changed: bool = await connection.fetchval(_SQL["changed_since"], list(basis.table_ids), basis.horizon)
    return changed


async def add_jobs(connection: Connection, table: Table, missing: sql.Select, priority: int, delay: timedelta) -> int:
    """Add jobs for the keys that `missing` selects; return their number."""
    inner = sql.render(missing, before=(priority, delay))
    key = key_names(table)
    name = "add_jobs" if key else "add_single_job"
    statement = job_statement(_FILE, name, table, key=", ".join(key), missing=inner.text)
    return count_of(await connection.execute(statement, *inner.values))


async def reset_deleted(connection: Connection, table: Table) -> int:
    """Set finished jobs whose result is gone to pending; return their number."""
    return await _mend(connection, table, "lock_deleted", "reset_deleted")


async def remove_present(connection: Connection, table: Table) -> int:
    """Remove waiting jobs whose result exists; return their number."""
    return await _mend(connection, table, "lock_present", "remove_present")


async def remove_sourceless(connection: Connection, table: Table, source: sql.Select) -> int:
    """Remove jobs whose key is no longer in the key source; return their number."""
    return await _mend(connection, table, "lock_sourceless", "remove_sourceless", source)


async def _mend(connection: Connection, table: Table, lock: str, change: str, source: sql.Select | None = None) -> int:
    text, values = _with_source(lock, table, source)
    job_ids = [row["_job_id"] for row in await connection.fetch(text, *values)]
    if not job_ids:
        return 0
    text, values = _with_source(change, table, source, job_ids)
    return count_of(await connection.execute(text, *values))


def _with_source(name: str, table: Table, source: sql.Select | None, *before: object) -> tuple[str, tuple[object, ...]]:
    if source is None:
        return job_statement(_FILE, name, table), before
    inner = sql.render(source, before=before)
    return job_statement(_FILE, name, table, source=inner.text), inner.values
