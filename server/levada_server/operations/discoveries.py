"""Lease, finish and list the discoveries of tables: the search for their new rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, LeaseLost, LimitReached, NotFound
from levada_server.jobs.lease import Failure
from levada_server.jobs.limits import MAX_DISCOVERIES
from levada_server.jobs.retry import pause_of_discovery
from levada_server.jobs.state import RESERVED
from levada_server.model.table import Tier
from levada_server.permissions.roles import Action
from levada_server.storage.jobs import discoveries
from levada_server.storage.jobs.worker_sessions import check_session

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from levada_server.jobs.lease import DiscoveryLease
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.jobs.discoveries import Discovery

MIN_INTERVAL = timedelta(seconds=1)
MAX_INTERVAL = timedelta(days=366)
_DISCOVERING = (Tier.MANUAL, Tier.IMPORTED)


async def reserve(
    engine: Engine,
    caller: Caller,
    session: UUID,
    intervals: Mapping[TableName, timedelta],
    *,
    held: Collection[UUID] | None = None,
    at_once: bool,
) -> DiscoveryLease | None:
    """Lease the discovery of one of some tables, the longest overdue one; None if none may begin.

    Args:
        engine: The parts to work with.
        caller: The caller, who may insert into the tables.
        session: The worker's session.
        intervals: The time from the begin of one discovery of each table to the next.
        held: The tokens that the worker knows; another lease of its session is returned again. None if the worker does
            not say.
        at_once: Whether it may begin before it is due, if nobody is at it.

    Raises:
        InvalidRequest: There is no table, one is neither manual nor imported, or an interval is too short or too long.
        LimitReached: There are too many tables.
        UnknownWorkerSession: The session has ended.
    """
    if not intervals:
        raise InvalidRequest("Name the tables whose discovery to lease.", field="tables")
    _check_count(len(intervals))
    if wrong := [span for span in intervals.values() if not MIN_INTERVAL <= span <= MAX_INTERVAL]:
        raise InvalidRequest(
            f"Discoveries begin every second to every 366 days, not every {wrong[0].total_seconds():g} s.",
            field="interval",
        )
    view = await engine.gate.open(caller)
    tables = [_discovering_table(view, name) for name in intervals]
    spans = list(intervals.values())
    worker_session = caller.worker_session(session)
    async with engine.scope.share("leases").transaction() as connection:
        await check_session(connection, worker_session)
        for n in await discoveries.due(connection, tables, spans, worker_session, held=held, at_once=at_once):
            lease = await discoveries.reserve(
                connection, tables[n], spans[n], worker_session, held=held, at_once=at_once
            )
            if lease is not None:
                return lease
    return None


async def complete(
    engine: Engine,
    caller: Caller,
    name: TableName,
    token: UUID,
    *,
    row_count: int,
    duration: timedelta,
    error: Failure | None,
) -> None:
    """Record how a discovery ended; a repetition changes nothing.

    Raises:
        LeaseLost: Another worker has it, or had it since.
        NotFound: It is the lease of another token.
    """
    view = await engine.gate.open(caller)
    table = _discovering_table(view, name)
    async with engine.scope.share("leases").transaction() as connection:
        held = await discoveries.lock(connection, table)
        if held is None or held.lease_token != token:
            raise LeaseLost(
                f"The discovery of `{name}` was handed to another worker; its rows are inserted, and the other one "
                "says how it ended.",
                table=name,
            )
        if (held.user_id, held.token_id) != (caller.identity.user_id, caller.identity.token_id):
            raise NotFound("There is no such lease of yours.")
        if held.state != RESERVED:
            return
        if error is None:
            await discoveries.complete(connection, table, duration, row_count)
        else:
            pause = max(pause_of_discovery(held.period, held.attempt), MIN_INTERVAL)
            await discoveries.fail(connection, table, duration, row_count, pause, error)


async def listed(engine: Engine, caller: Caller, names: Sequence[TableName], schema: str | None) -> list[Discovery]:
    """Return the discoveries of some tables, or of those of a schema from which the caller may fetch.

    Counts and errors tell of all rows, so they are left out for tables that hide rows from the caller.
    """
    _check_count(len(names))
    view = await engine.gate.open(caller)
    if schema is None:
        tables = [view.table(Action.FETCH, name) for name in dict.fromkeys(names)]
    else:
        view.seen.check_schema(schema)
        fetched = (t for t in view.seen.tables.values() if t.name.schema == schema and view.may(Action.FETCH, t))
        tables = sorted(fetched, key=lambda table: table.name.table)
    async with engine.scope.transaction(read_only=True) as connection:
        found = await discoveries.read(connection, tables)
    return [_without_rows(discovery) if view.hides_rows(discovery.table) else discovery for discovery in found]


def _without_rows(discovery: Discovery) -> Discovery:
    error = discovery.error
    hidden = None if error is None else Failure(error.type, "It may tell of rows that you may not read.", "")
    return replace(discovery, row_count=0, total_row_count=0, error=hidden)


def _check_count(count: int) -> None:
    if count > MAX_DISCOVERIES:
        raise LimitReached(
            f"A request names at most {MAX_DISCOVERIES} tables, not {count}.",
            limit="discoveries",
            value=MAX_DISCOVERIES,
        )


def _discovering_table(view: View, name: TableName) -> Table:
    """Return a table whose rows the caller may discover: whoever may insert them."""
    table = view.insertable(name, replace=False).table
    if table.tier not in _DISCOVERING:
        raise InvalidRequest(
            f"Only manual and imported tables discover rows; `{table.name}` is {table.tier.value}.", table=table.name
        )
    return table
