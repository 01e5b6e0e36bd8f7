"""Keep the outcomes of requests with an id for some days, so that a repeated request has one effect."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import AlreadyExists
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from levada_server.model.request import Request
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.postgres.scope import Scope

_SQL = statements("outcomes")

KEPT_DAYS = 2
"""The whole days for which outcomes are kept; no client repeats a request for longer."""
DELETED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a request: JSON text; None if the request was given up."""

    method: str
    digest: bytes
    content: str | None


async def insert_outcome(connection: Connection, request: Request, content: str) -> None:
    """Store the outcome of a request in the transaction of its change.

    Raises:
        AlreadyExists: The request was done before, or given up, so this transaction must not be committed.
    """
    try:
        await connection.execute(_SQL["insert"], request.id, request.method, request.digest, content)
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("The request was done before.") from error


def recording(statement: str, values: int, source: str) -> str:
    """Extend a statement so that it also stores the outcome of a request, both or neither.

    Args:
        statement: The statement.
        values: The number of values that are bound to it; those of `recorded_values` follow.
        source: A source of one row; if it has no row, nothing is stored.
    """
    marks = {name: f"${values + position}" for position, name in enumerate(("id", "method", "digest", "content"), 1)}
    return f"{fill(_SQL['recorded'], source=source, **marks)}\n{statement}"


def recorded_values(request: Request, content: int) -> list[object]:
    """Return the values with which `recording` stores the outcome of a request."""
    return [request.id, request.method, request.digest, str(content)]


def recording_each(statement: str, values: int, request: Request) -> tuple[str, list[object]]:
    """Extend a statement that changes at most one row, as `recording` does; store an outcome only if it changes one."""
    marks = {name: f"${values + position}" for position, name in enumerate(("id", "method", "digest"), 1)}
    changing = statement.rstrip("; \n")
    return fill(_SQL["recorded_each"], changing=changing, **marks), [request.id, request.method, request.digest]


async def find_outcome(scope: Scope, request: Request) -> Outcome | None:
    """Return the outcome of a request; None if none is stored."""
    async with scope.connection() as connection:
        row = await connection.fetchrow(_SQL["find"], request.id)
    return None if row is None else Outcome(row["method"], row["digest"], row["content"])


async def give_up(scope: Scope, request: Request) -> Outcome:
    """Prevent a request from being done later if it was not done yet; return its outcome."""
    async with scope.connection() as connection:
        await connection.execute(_SQL["give_up"], request.id, request.method)
    found = await find_outcome(scope, request)
    assert found is not None  # some call has written it
    return found


async def forget_past_days(scope: Scope) -> None:
    """Delete the outcomes of days long past, a few at a time, so that no statement holds many rows for long."""
    oldest = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=KEPT_DAYS)
    while True:
        async with scope.connection() as connection:
            tag = await connection.execute(_SQL["delete_before"], oldest, DELETED_AT_ONCE)
        if int(tag.rsplit(" ", 1)[1]) < DELETED_AT_ONCE:
            return
