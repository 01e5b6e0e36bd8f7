"""Reserve, renew and release jobs, count progress, and let people ignore, retry, cancel and list jobs."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from levada_server.errors import InvalidRequest, LimitReached, NotFound, PermissionDenied
from levada_server.jobs.lease import Environment, Lease, Worker, check_lease_duration
from levada_server.jobs.limits import MAX_JOBS, MAX_SESSIONS, MAX_WAIT
from levada_server.jobs.signing import lease_content
from levada_server.jobs.state import ERROR, IGNORED
from levada_server.model.staleness import STALE, staleness_heading
from levada_server.operations.audit import entry
from levada_server.operations.request_ids import record
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action
from levada_server.query.algebra import Equalities, JobOperand, Match, Restrict, StalenessOperand, TableOperand
from levada_server.query.key_source import has_row_for_key, keys_of, remaining_keys
from levada_server.storage.jobs import job_rows, worker_sessions
from levada_server.storage.jobs.job_rows import FIRST_PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from levada_server.jobs.lease import WorkerSession
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.access.reading import Readable
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation
    from levada_server.query.sql import Select
    from levada_server.storage.jobs.job_rows import Place
    from levada_server.storage.postgres.database import Connection

LeaseName = tuple["TableName", int, "UUID"]
"""The table, job and token of a lease."""


async def create_session(
    engine: Engine,
    caller: Caller,
    worker: Worker,
    lease_duration: timedelta | None,
    code_version: str,
    environment: Environment | None = None,
) -> tuple[UUID, timedelta]:
    """Begin a worker session; return its id and the length of its leases."""
    engine.gate.rights(caller)
    duration = check_lease_duration(lease_duration)
    async with engine.scope.share("leases").transaction() as connection:
        identity = caller.identity
        session = await worker_sessions.create_session(
            connection, worker, duration, code_version, identity.user_id, identity.token_id, environment
        )
    return session, duration


async def renew_sessions(
    engine: Engine, caller: Caller, sessions: Mapping[UUID, int | None]
) -> tuple[datetime, list[str]]:
    """Renew all leases that some sessions hold.

    Args:
        engine: The parts to work with.
        caller: The caller.
        sessions: The sessions, each with the private memory of its process in bytes; None if that is not known.

    Returns:
        The time when the first lease expires, by the server's clock, and the tokens of the sessions' cancelled leases.

    Raises:
        UnknownWorkerSession: A session has ended.
    """
    if not 1 <= len(sessions) <= MAX_SESSIONS:
        raise LimitReached(
            f"A renewal must name 1 to {MAX_SESSIONS} sessions, not {len(sessions)}.",
            limit="sessions",
            value=MAX_SESSIONS,
        )
    identity = caller.identity
    async with engine.scope.share("leases").transaction() as connection:
        expires = await worker_sessions.renew_sessions(connection, sessions, identity.user_id, identity.token_id)
        cancelled = await worker_sessions.cancelled_leases(connection, list(sessions))
    signer = engine.signer.of(None)
    return expires, [engine.signer.lease(signer.read_lease(token)) for token in cancelled]


async def delete_session(engine: Engine, caller: Caller, session: UUID, started: Sequence[LeaseName] = ()) -> None:
    """End a session, so that others can take over its jobs at once.

    Args:
        engine: The parts to work with.
        caller: The caller.
        session: The session.
        started: Its leases whose computation had begun, as far as known. Those on tables that are gone, or that the
            caller may not compute any more, do not count.

    Raises:
        UnknownWorkerSession: The session has already ended.
    """
    view = await engine.gate.open(caller)
    tables = []
    for name, leases in _by_name(started).items():
        with suppress(NotFound, PermissionDenied, InvalidRequest):
            tables.append((computed_table(view, Action.COMPUTE, name), leases))
    tables.sort(key=_in_order)
    async with engine.scope.share("leases").transaction() as connection:
        for table, leases in tables:
            await job_rows.mark_started(connection, table, leases)
        await worker_sessions.delete_session(connection, caller.worker_session(session))


def computed_table(view: View, action: Action, name: TableName) -> Table:
    """Return a table that has jobs.

    Raises:
        InvalidRequest: The table has no jobs.
    """
    table = view.table(action, name)
    if not table.has_make:
        raise _without_jobs(table)
    return table


async def source_query(
    view: View,
    table: Table,
    key_source: Relation | None,
    made: Callable[[Relation, Table], Relation],
    *,
    shown: bool = False,
) -> Readable:
    """Compile a relation made of some keys, read by the caller, or of a table's own key source, read by its definer.

    Args:
        view: The view of the caller.
        table: The table.
        key_source: The keys; None for the table's own source.
        made: Makes the relation of the source and the table.
        shown: As for `View.of_source`.

    Raises:
        LevadaError: As by `View.query` or `View.of_source`.
    """
    if key_source is None:
        return await view.of_source(table, made, shown=shown)
    return await view.query(Action.FETCH, made(key_source, table))


def _without_jobs(table: Table) -> InvalidRequest:
    return InvalidRequest(
        f"`{table.name}` has no jobs: it is {table.tier.value}"
        + (", but its class has no make." if table.tier.auto_populated else "."),
        table=table.name,
    )


async def reserve(
    engine: Engine,
    caller: Caller,
    session: UUID,
    names: Sequence[TableName],
    *,
    max_jobs: int,
    wait: timedelta,
    restriction: Relation | None,
    held: Collection[UUID] | None = None,
    except_unready: bool = False,
) -> list[Lease]:
    """Lease the most urgent jobs of one of some tables; wait for a job if asked to.

    Args:
        engine: The parts to work with.
        caller: The caller.
        session: The worker's session.
        names: The tables; equally urgent jobs are leased of users, and of their tables, in turn.
        max_jobs: The most jobs to lease; 0 stands for 1.
        wait: How long to wait for a job.
        restriction: Only jobs in this relation over the job table; only with one table.
        held: The tokens that the worker knows; other leases of its session are returned again. None if the worker does
            not say.
        except_unready: Skip jobs whose `make` inserted nothing when it last ran.

    Raises:
        InvalidRequest: There is no table, a table has no jobs, or there is a restriction with several tables.
        PreconditionFailed: Who declared the key source of a table may not read it any more.
        LimitReached: There are too many jobs, or the wait is too long.
        UnknownWorkerSession: The session has ended.
    """
    if not 0 <= max_jobs <= MAX_JOBS:
        raise LimitReached(f"A reserve can lease 1 to {MAX_JOBS} jobs.", limit="jobs", value=MAX_JOBS)
    if wait > MAX_WAIT:
        raise LimitReached(f"A reserve can wait at most {MAX_WAIT.seconds} s.", limit="wait", value=MAX_WAIT.seconds)
    worker_session = caller.worker_session(session)
    deadline = asyncio.get_running_loop().time() + wait.total_seconds()
    while True:  # while it waits, the caller may lose the right
        view = await engine.gate.open(caller)
        tables = [computed_table(view, Action.COMPUTE, name) for name in dict.fromkeys(names)]
        if not tables or (restriction is not None and len(tables) > 1):
            raise InvalidRequest("Name the tables to reserve from; with a restriction, name one table.", field="names")
        for table in tables:
            view.check_source(table)
        chosen = {table.name: await jobs_in_reach(view, table, restriction) for table in tables}
        taking = _Taking(worker_session, max(max_jobs, 1), chosen, held, except_unready)
        leases = await taking.one_table(engine, tables[0]) if len(tables) == 1 else await taking.any(engine, tables)
        left = deadline - asyncio.get_running_loop().time()
        if leases or left <= 0:
            for lease in leases:
                view.note_read(lease.table.schema, lease.table)
            caller.traces.row_count += len(leases)
            return leases
        await engine.lookout.wait(tables, left)


@dataclass(frozen=True, slots=True)
class _Taking:
    """The arguments of a reserve; see `reserve`. The restriction is one for each table."""

    session: WorkerSession
    max_jobs: int
    restrictions: Mapping[TableName, Select | None]
    held: Collection[UUID] | None
    except_unready: bool

    async def one_table(
        self, engine: Engine, table: Table, least_urgent: int = job_rows.LEAST_URGENT, seconds: float = 0.0
    ) -> list[Lease]:
        """Lease jobs of a table by one statement, which is a transaction.

        Args:
            engine: The parts to work with.
            table: The table.
            least_urgent: The highest priority number of a job to lease.
            seconds: The time that it took to find a job to lease.
        """
        start = engine.lookout.start(table) if self.restrictions[table.name] is None else FIRST_PLACE
        held = self.held
        if held is not None and not engine.lookout.wants_held(self.session.id):
            held = None
        leases = await self._look(engine, table, least_urgent, start, held, seconds)
        if not leases and (start != FIRST_PLACE or held is not self.held):
            leases = await self._look(engine, table, least_urgent, FIRST_PLACE, self.held, seconds)
        if leases:
            engine.lookout.took_turn(table)
        return leases

    async def _look(
        self,
        engine: Engine,
        table: Table,
        least_urgent: int,
        start: Place,
        held: Collection[UUID] | None,
        seconds: float,
    ) -> list[Lease]:
        began = time.monotonic()
        async with engine.scope.connection() as connection:
            leases, reached = await job_rows.reserve(
                connection,
                table,
                self.session,
                self.max_jobs,
                self.restrictions[table.name],
                held=held,
                least_urgent=least_urgent,
                start=start,
                except_unready=self.except_unready,
            )
        if self.restrictions[table.name] is None and start == FIRST_PLACE:
            engine.lookout.reached(table, reached, seconds + time.monotonic() - began)
        return leases

    async def any(self, engine: Engine, tables: Sequence[Table]) -> list[Lease]:
        """Lease jobs of the table that has the most urgent one, and none less urgent than the next table's.

        Among equally urgent ones it is the turn of the user, and then of the table, whose jobs this process has leased
        least recently: many jobs of one table, or many tables of one user, do not keep the others waiting.
        """
        starts = [engine.lookout.start(table) for table in tables]
        leases = []
        if any(start != FIRST_PLACE for start in starts):
            leases = await self._most_urgent(engine, tables, starts, None)
        return leases or await self._most_urgent(engine, tables, [FIRST_PLACE] * len(tables), self.held)

    async def _most_urgent(
        self, engine: Engine, tables: Sequence[Table], starts: Sequence[Place], held: Collection[UUID] | None
    ) -> list[Lease]:
        began = time.monotonic()
        async with engine.scope.connection() as connection:
            priorities = await job_rows.most_urgent(connection, tables, self.session.id, held, starts)
        seconds = (time.monotonic() - began) / len(tables)
        found = sorted(
            (priority, engine.lookout.last_turns(table), number)
            for number, (table, priority) in enumerate(zip(tables, priorities, strict=True))
            if priority is not None
        )
        if not found:
            async with engine.scope.connection() as connection:
                await worker_sessions.check_session(connection, self.session)
        for (_, _, number), (limit, _, _) in zip(found, (*found[1:], (job_rows.LEAST_URGENT, (0, 0), 0)), strict=False):
            if leases := await self.one_table(engine, tables[number], limit, seconds):
                return leases
        for *_, number in found:  # the most urgent jobs of these may be out of the caller's reach, and others within it
            if self.restrictions[tables[number].name] is not None and (
                leases := await self.one_table(engine, tables[number], seconds=seconds)
            ):
                return leases
        return []


async def release(engine: Engine, caller: Caller, leases: Sequence[LeaseName]) -> int:
    """Return jobs to the queue unchanged; return how many were still held."""
    if len(leases) > MAX_JOBS:
        raise LimitReached(f"At most {MAX_JOBS} jobs can be released at once.", limit="jobs", value=MAX_JOBS)
    view = await engine.gate.open(caller)
    tables = [(computed_table(view, Action.COMPUTE, name), held) for name, held in _by_name(leases).items()]
    tables.sort(key=_in_order)
    async with engine.scope.share("leases").transaction() as connection:
        return sum([await job_rows.release_jobs(connection, table, held) for table, held in tables])


def _by_name(leases: Sequence[LeaseName]) -> dict[TableName, list[tuple[int, UUID]]]:
    """Group leases by their table."""
    found: defaultdict[TableName, list[tuple[int, UUID]]] = defaultdict(list)
    for name, job_id, token in leases:
        found[name].append((job_id, token))
    return found


def _in_order(held: tuple[Table, object]) -> int:
    """Return the place of a table and its leases in the order in which rows are locked."""
    return held[0].id


# ---------------------------------------------------------------------------------------- jobs managed by people


async def ignore(engine: Engine, caller: Caller, name: TableName, jobs: Relation | None) -> int:
    """Ignore pending or failed jobs, all or only jobs in a relation; return their number."""
    table, selected = await _selected(engine, caller, name, jobs)
    async with engine.scope.transaction() as connection:
        count = await job_rows.ignore_jobs(connection, table, selected)
        await _record(engine, connection, caller, table, count)
    return count


async def retry(engine: Engine, caller: Caller, name: TableName, jobs: Relation | None) -> int:
    """Set failed jobs to pending, or failed and ignored jobs in a relation; return their number."""
    table, selected = await _selected(engine, caller, name, jobs)
    async with engine.scope.transaction() as connection:
        states = (ERROR,) if jobs is None else (ERROR, IGNORED)
        count = await job_rows.retry_jobs(connection, table, states, selected)
        await _record(engine, connection, caller, table, count)
    return count


async def cancel(engine: Engine, caller: Caller, name: TableName, jobs: Relation | None) -> int:
    """Set reserved jobs to error, all or only jobs in a relation; return their number.

    The server refuses their results from now on, and reports them to their holders with the next renewal.
    """
    table, selected = await _selected(engine, caller, name, jobs)
    async with engine.scope.transaction() as connection:
        cancelled = await job_rows.cancel_jobs(connection, table, selected, f"Cancelled by {caller.identity.user}.")
        if cancelled:
            signer = engine.signer.of(None)  # the holder may be another token
            tokens = [(session, signer.lease(lease_content(lease))) for lease, session in cancelled]
            await worker_sessions.add_cancelled_leases(connection, tokens)
        await _record(engine, connection, caller, table, len(cancelled))
    return len(cancelled)


async def _record(engine: Engine, connection: Connection, caller: Caller, table: Table, count: int) -> None:
    await record(engine, connection, caller, entry(caller, table.name, count) if count else None)


async def _selected(
    engine: Engine, caller: Caller, name: TableName, jobs: Relation | None
) -> tuple[Table, Select | None]:
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.MANAGE_JOBS, name)
    return table, await jobs_in_reach(view, table, None if jobs is None else keys_of(jobs, table))


async def jobs_in_reach(view: View, table: Table, jobs: Relation | None) -> Select | None:
    """Return a query for the jobs in a relation, or of a table, that the caller may reach; None for all jobs."""
    if view.hides_rows(table):
        whole = JobOperand(table.name)
        jobs = whole if jobs is None else Restrict(whole, Match(jobs, unchecked=True))
    return None if jobs is None else (await view.query(Action.FETCH, jobs)).select


async def list_jobs(
    engine: Engine, caller: Caller, name: TableName, states: Sequence[str], *, after: int, limit: int
) -> tuple[Table, list[Mapping[str, Any]]]:  # Any: values of many columns
    """List jobs of a table by id, with the columns of their rows.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The table.
        states: Only jobs in these states; empty for all.
        after: Only jobs with a greater id.
        limit: The most jobs to list.
    """
    view = await engine.gate.open(caller)
    table = computed_table(view, Action.FETCH, name)
    view.note_read(table.name.schema, table.name)
    jobs = await jobs_in_reach(view, table, None)
    async with engine.scope.connection() as connection:
        rows = await job_rows.list_jobs(connection, table, states, after, limit, jobs)
    caller.traces.row_count += len(rows)
    shown = {str(name) for name in view.seen.tables}
    return table, [
        {**row, "_reads": _seen(shown, row["_reads"]), "_writes": _seen(shown, row["_writes"])} for row in rows
    ]


def _seen(shown: Collection[str], trace: str | None) -> dict[str, Any]:  # Any: what a job recorded of a table
    """Return what a job recorded of the tables that it read or wrote, as far as the caller may see them."""
    return {name: told for name, told in json.loads(trace or "{}").items() if name in shown}


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a table: the number of keys of its source, of keys it lacks, and of jobs by state.

    `unready` is the number of pending jobs whose `make` inserted nothing, `stale` that of stale results; None if they
    were not counted.
    """

    table: TableName
    total: int
    remaining: int
    states: dict[str, int]
    unready: int
    stale: int | None = None


async def progress(
    engine: Engine, caller: Caller, name: TableName, key_source: Relation | None, *, count_stale: bool = False
) -> Progress:
    """Count the keys that a table has to compute and the keys it lacks, of its own key source or of some keys.

    A table whose class has no `make` has no jobs, but keys that it lacks.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The table.
        key_source: The keys; None for the table's own source.
        count_stale: Whether to count stale results too, of all keys.

    Raises:
        InvalidRequest: The table is not auto-populated, or has no key source.
    """
    view = await engine.gate.open(caller)
    return await _progress(engine, view, _populated(view, name), key_source, count_stale=count_stale)


async def watched_progress(engine: Engine, caller: Caller, name: TableName) -> Progress:
    """Count as `progress` does, but at most once a second for all who watch and may see the same rows.

    Raises:
        InvalidRequest: As by `progress`.
    """
    view = await engine.gate.open(caller)
    table = _populated(view, name)
    kind = ("progress", table.id, view.version, view.insight)
    return await engine.refreshes.recent(kind, lambda: _progress(engine, view, table, None, count_stale=False))


def _populated(view: View, name: TableName) -> Table:
    table = view.table(Action.FETCH, name)
    if not table.tier.auto_populated:
        raise _without_jobs(table)
    return table


async def _progress(
    engine: Engine, view: View, table: Table, key_source: Relation | None, *, count_stale: bool
) -> Progress:
    total = (await source_query(view, table, key_source, keys_of, shown=True)).query.count()
    # A million rows are counted sooner than looked for among a million keys.
    as_rows = key_source is None and has_row_for_key(table) and not _hides_rows(view, table)
    if as_rows:
        counted = (await view.query(Action.FETCH, TableOperand(table.name))).query.count()
    else:
        counted = (await source_query(view, table, key_source, remaining_keys, shown=True)).query.count()
    jobs = await jobs_in_reach(view, table, None) if table.has_make else None
    stale = await _count_stale(engine, view, table) if count_stale and table.has_make else None
    async with engine.scope.transaction(read_only=True, isolation="repeatable_read") as connection:
        keys = await connection.fetchval(total.text, *total.values)
        count = await connection.fetchval(counted.text, *counted.values)
        counts = await job_rows.count_states(connection, table, jobs)
    remaining = max(keys - count, 0) if as_rows else count
    return Progress(table.name, keys, remaining, counts.states, counts.unready, stale)


def _hides_rows(view: View, table: Table) -> bool:
    """Return whether the caller may not reach all rows of a table or of its parents."""
    parents = (view.catalog.tables.get(key.parent) for key in table.foreign_keys if key.primary_key)
    return any(one is None or view.hides_rows(one) for one in (table, *parents))


async def _count_stale(engine: Engine, view: View, table: Table) -> int:
    verdicts = StalenessOperand(table.name)
    await compare_inputs(engine, view, verdicts)
    *_, state, _ = staleness_heading(table).names
    readable = await view.query(Action.FETCH, Restrict(verdicts, Equalities(((state, STALE),))))
    return await readable.count(engine.scope)
