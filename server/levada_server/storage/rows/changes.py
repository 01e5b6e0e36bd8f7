"""Run statements that change rows, count the rows, and find the row that makes one fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from levada_server.arrow.ipc.documents import wrong_document
from levada_server.storage.postgres.failures import committed_alone
from levada_server.storage.rows.violations import find_refusal, find_violation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.errors import LevadaError
    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_REFUSALS = (
    asyncpg.DataError,
    asyncpg.CheckViolationError,
    asyncpg.NotNullViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""The errors that PostgreSQL raises for values that do not fit."""
VIOLATIONS = (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError)
"""The errors that it raises for violated keys, whose row is searched for."""


async def change(
    connection: Connection, table: Table, columns: Columns | None, work: Callable[[], Awaitable[str]]
) -> int:
    """Change rows and count them; if a constraint or a document refuses one, find it among `columns`.

    Args:
        connection: The connection, with or without a transaction; a failure leaves it usable.
        table: The table to change.
        columns: The rows; None if they are not known here.
        work: Changes the rows, and returns PostgreSQL's command tag.

    Raises:
        DuplicateEntity: A key, or another unique combination of values, exists.
        MissingParent: A parent does not exist.
        WrongValue: PostgreSQL refuses a document or another value.
        OutcomeUnknown: There is no transaction, and the connection broke during the change.
        LevadaError: PostgreSQL refuses a value for another reason.
    """
    try:
        return await attempt(connection, table, columns, work)
    except VIOLATIONS as error:
        raise await find_violation(connection, table, columns, error) from error


async def change_and_record(
    connection: Connection,
    table: Table,
    columns: Columns | None,
    statement: str,
    values: Sequence[object],
    row_count: int | None,
) -> int:
    """Change rows, as `change` does, by a statement of `recording`, which also stores the record.

    Args:
        connection: The connection.
        table: The table to change.
        columns: The rows; None if they are not known here.
        statement: The statement.
        values: Its values.
        row_count: How many rows it changes, if it changes any; None if it counts them.
    """

    async def counted() -> str:
        return f"CHANGED {await connection.fetchval(statement, *values)}"

    if row_count is None:
        return await change(connection, table, columns, counted)
    return row_count * await change(connection, table, columns, lambda: connection.execute(statement, *values))


async def attempt(
    connection: Connection, table: Table, columns: Columns | None, work: Callable[[], Awaitable[str]]
) -> int:
    """Change rows as `change` does, but raise PostgreSQL's error for a violated key; the connection stays usable."""
    try:
        if connection.is_in_transaction():
            async with connection.transaction():  # a savepoint
                tag = await work()
        else:
            with committed_alone():
                tag = await work()
    except _REFUSALS as error:
        refusal: LevadaError | None = None
        if isinstance(error, asyncpg.DataError) and columns is not None:
            refusal = wrong_document(table, columns)
        refusal = refusal or await find_refusal(connection, table, error)
        if refusal is None:
            raise
        raise refusal from error
    return int(tag.rsplit(" ", 1)[1])
