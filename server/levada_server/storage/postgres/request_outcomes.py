"""Keep the outcomes of requests with an id for some days, so that a repeated request has one effect."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import AlreadyExists, LevadaError
from levada_server.query.sql import quote_text
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from levada_server.model.request import Request
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.postgres.scope import Scope

_SQL = statements("outcomes")

KEPT_DAYS = 2
"""The whole days for which outcomes are kept; no client repeats a request for longer."""
PREPARED_DAYS = 3
"""The number of coming days that have a partition."""
_LOCK = 0x1E7ADB
"""The key of the advisory lock under which partitions are created and dropped."""
_PREFIX = "request_outcome_"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a request: JSON text; None if the request was given up."""

    method: str
    content: str | None


async def insert_outcome(connection: Connection, request: Request, content: str) -> None:
    """Store the outcome of a request in the transaction of its change.

    Raises:
        AlreadyExists: The request was done before, or given up, so this transaction must not be committed.
    """
    try:
        await connection.execute(_SQL["insert"], request.id, request.method, content)
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("The request was done before.") from error


def recording(values: int, request: Request, content: int, source: str) -> tuple[str, list[object]]:
    """Extend a statement so that it also stores the outcome of a request, both or neither.

    Args:
        values: The number of values that are bound to the statement.
        request: The request.
        content: The outcome.
        source: A source of one row; if it has no row, nothing is stored.

    Returns:
        The text that goes before the statement, and its further values.
    """
    marks = {name: f"${values + position}" for position, name in enumerate(("id", "method", "content"), 1)}
    return fill(_SQL["recorded"], source=source, **marks) + "\n", [request.id, request.method, str(content)]


def recording_each(statement: str, values: int, request: Request) -> tuple[str, list[object]]:
    """Extend a statement that changes at most one row, as `recording` does; store an outcome only if it changes one."""
    marks = {name: f"${values + position}" for position, name in enumerate(("id", "method"), 1)}
    changing = statement.rstrip("; \n")
    return fill(_SQL["recorded_each"], changing=changing, **marks), [request.id, request.method]


async def find_outcome(scope: Scope, request: Request) -> Outcome | None:
    """Return the outcome of a request; None if none is stored."""
    async with scope.connection() as connection:
        row = await connection.fetchrow(_SQL["find"], request.id)
    return None if row is None else Outcome(row["method"], row["content"])


async def give_up(scope: Scope, request: Request) -> Outcome:
    """Prevent a request from being done later if it was not done yet; return its outcome."""
    async with scope.connection() as connection:
        await connection.execute(_SQL["give_up"], request.id, request.method)
    found = await find_outcome(scope, request)
    assert found is not None  # some call has written it
    return found


async def keep_days(scope: Scope) -> None:
    """Create the partitions of the coming days, and drop partitions of days long past.

    If others hold the table for too long, the next call does it.
    """
    today = dt.datetime.now(dt.UTC).date()
    async with scope.connection() as connection:
        present = {row["name"] for row in await connection.fetch(_SQL["partitions"])}
    wanted = {_name(day): day for day in (today + dt.timedelta(days=n) for n in range(PREPARED_DAYS))}
    oldest = _name(today - dt.timedelta(days=KEPT_DAYS))
    changes = [
        fill(
            _SQL["create_partition"],
            name=name,
            day=quote_text(str(day)),
            next_day=quote_text(str(day + dt.timedelta(days=1))),
        )
        for name, day in wanted.items()
        if name not in present
    ]
    days = [name for name in present if name.removeprefix(_PREFIX).isdecimal()]
    changes += [fill(_SQL["drop_partition"], name=name) for name in days if name < oldest]
    for change in changes:
        try:
            async with scope.transaction() as connection:
                await connection.execute("SET LOCAL lock_timeout = '2s'")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                await connection.execute(change)
        except LevadaError:
            continue  # another replica did it, or another session holds the table
    async with scope.connection() as connection:
        await connection.execute(_SQL["delete_others"], today - dt.timedelta(days=KEPT_DAYS))


def _name(day: dt.date) -> str:
    return f"{_PREFIX}{day:%Y%m%d}"
