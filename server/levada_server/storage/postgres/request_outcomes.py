"""Keep the outcomes of requests with an id for some days, so that a repeated request has one effect."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import AlreadyExists
from levada_server.storage.postgres.audit import auditing, entry_values
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from levada_server.model.audit import Record
    from levada_server.model.request import Request
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.postgres.scope import Scope

_SQL = statements("outcomes")
_ONE_ROW = "(SELECT) AS here"

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


async def insert_record(connection: Connection, record: Record, content: str) -> None:
    """Store the record of a change in its transaction, by one statement.

    Args:
        connection: The connection of that transaction.
        record: The record.
        content: The outcome of its request.

    Raises:
        AlreadyExists: As by `insert_outcome`.
    """
    if record.entry is None:
        if record.request is not None:
            await insert_outcome(connection, record.request, content)
        return
    values = entry_values(record.entry)
    if record.request is None:
        await connection.execute(auditing(0, _ONE_ROW), *values)
        return
    outcome = record.request.id, record.request.method, record.request.digest, content
    try:
        await connection.execute(_insert_audited(), *outcome, *values)
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("The request was done before.") from error


@cache
def _insert_audited() -> str:
    return fill(_SQL["insert_audited"], audited=auditing(4, _ONE_ROW))


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
