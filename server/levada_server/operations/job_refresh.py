"""Refresh jobs: create one for each key of the key source that the table lacks, once for all simultaneous callers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.jobs.state import ERROR
from levada_server.operations.jobs import computed_table, source_query
from levada_server.operations.request_ids import through_conflicts
from levada_server.operations.shared_refreshes import NOTHING, Refreshed
from levada_server.permissions.roles import Action
from levada_server.query.key_source import keys_of, new_keys
from levada_server.storage.jobs import job_rows
from levada_server.storage.jobs import refresh as job_refresh
from levada_server.storage.jobs.refresh import Basis

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import timedelta

    from levada_server.model.table import TableName
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

DEFAULT_PRIORITY = 5
UNCHANGED_S = 600.0
"""For how long, in seconds, a periodic refresh relies on notes of changed tables.

Changed rights, which also decide which rows the key source shows, are not noted.
"""


async def refresh(
    engine: Engine,
    caller: Caller,
    name: TableName,
    key_source: Relation | None,
    *,
    priority: int | None,
    delay: timedelta,
    retry_errors: bool,
    ask_unready: bool = False,
    periodic: bool = False,
) -> Refreshed:
    """Create a job for each key of the key source that the table lacks, and update the other jobs.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The table.
        key_source: Only these keys; None for the table's own source. Only a refresh with its own source removes jobs.
        priority: The priority of new jobs, 0 first; None for 5.
        delay: The time that new jobs wait.
        retry_errors: Set failed jobs of these keys to pending.
        ask_unready: Let jobs of these keys whose `make` inserted nothing be reserved at once.
        periodic: One of many callers asks from time to time; do nothing if a refresh was done a moment ago, or no table
            has changed since the last one.
    """
    priority = DEFAULT_PRIORITY if priority is None else priority
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.COMPUTE, name)  # others may share the refresh of this caller

    def work() -> Awaitable[Refreshed]:
        return _refresh(
            engine,
            caller,
            name,
            key_source,
            priority=priority,
            delay=delay,
            retry_errors=retry_errors,
            ask_unready=ask_unready,
        )

    if key_source is not None or retry_errors or ask_unready:
        refreshed = await through_conflicts(engine, work)
    else:
        kind = (name, priority, delay, caller.catalog_version)  # callers of different catalogs share no refresh
        if periodic and not (engine.refreshes.due(kind) and await _may_find_more(engine, kind)):
            return NOTHING
        refreshed = await engine.refreshes.share(kind, lambda: through_conflicts(engine, work))
    # The number of jobs would tell of rows that the caller may not read.
    return NOTHING if view.hides_rows(table) else refreshed


async def _may_find_more(engine: Engine, kind: object) -> bool:
    """Return whether a refresh may find anything else than the last one of its kind."""
    match engine.refreshes.last(kind):
        case (Refreshed(basis=Basis() as basis), age_s) if age_s < UNCHANGED_S:
            async with engine.scope.connection() as connection:
                return await job_refresh.changed_since(connection, basis)
        case _:
            return True


async def _refresh(
    engine: Engine,
    caller: Caller,
    name: TableName,
    key_source: Relation | None,
    *,
    priority: int,
    delay: timedelta,
    retry_errors: bool,
    ask_unready: bool,
) -> Refreshed:
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.COMPUTE, name)
    missing = (await source_query(view, table, key_source, new_keys)).select
    source = (await source_query(view, table, key_source, keys_of)).query
    wanted = source.select
    async with engine.scope.transaction() as connection:
        await job_refresh.lock_refresh(connection, table)
        basis = None
        if not (source.volatile or source.reads_jobs):
            read = {table.id, *(view.catalog.table(name).id for name in source.tables)}
            basis = Basis(frozenset(read), await job_refresh.read_horizon(connection))
        reset = await job_rows.retry_jobs(connection, table, (ERROR,), wanted) if retry_errors else 0
        reset += await job_rows.ask_unready(connection, table, wanted) if ask_unready else 0
        reset += await job_refresh.reset_deleted(connection, table)
        removed = await job_refresh.remove_present(connection, table)
        if key_source is None:
            removed += await job_refresh.remove_sourceless(connection, table, wanted)
        added = await job_refresh.add_jobs(connection, table, missing, priority, delay)
    return Refreshed(added, removed, reset, basis)
