"""Write the audit, where possible within the statement of the change."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.audit import Entry, Record
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.postgres.scope import Scope

_SQL = statements("audit")
_COLUMNS = "username", "token", "address", "method", "subject", "details"

MAX_PARTS = 200
"""The most parts of statements that are kept; the least recently used go first."""


def recording(statement: str, values: int, *, requested: bool, here: str | None = None) -> str:
    """Extend a statement that changes rows, so that it also stores its record.

    The entry of the audit is stored if a row was changed.

    Args:
        statement: The statement.
        values: The number of values that are bound to it; those of `recorded_values` follow.
        requested: Whether the record has a request.
        here: None if the statement changes all its rows or none, whose number is bound; the outcome of the request is
            then stored with the entry. Otherwise the rows are counted and the number is returned, and the outcome is
            stored if this source of one row has it.
    """
    marks = _marks(values, ("id", "request_method", "digest") if requested else ())
    entry_values = values + len(marks)
    outcome = ""
    if here is None:
        audited = auditing(entry_values, "changed LIMIT 1")
        if requested:
            row_count = _marks(entry_values, (*_COLUMNS, "row_count"))["row_count"]
            outcome = fill(_SQL["outcome"], source="changed LIMIT 1", row_count=row_count, **marks)
    else:
        audited = auditing(entry_values, "counted WHERE row_count > 0", row_count="row_count")
        if requested:
            outcome = fill(_SQL["outcome"], source=f"counted CROSS JOIN {here}", row_count="row_count", **marks)
    changing = statement.rstrip("; \n")
    name = "recorded" if here is None else "recorded_count"
    return fill(_SQL[name], changing=changing, audited=audited, outcome=outcome)


def recorded_values(record: Record, *, counted: bool = False) -> list[object]:
    """Return the values with which `recording` stores a record that has an entry; `counted`: it counts the rows."""
    assert record.entry is not None
    request = record.request
    before: list[object] = [] if request is None else [request.id, request.method, request.digest]
    return before + entry_values(record.entry, counted=counted)


@lru_cache(maxsize=MAX_PARTS)
def auditing(values: int, source: str, row_count: str | None = None) -> str:
    """Write the part of a statement that stores an entry.

    Args:
        values: The number of values that are bound before those of `entry_values`.
        source: A source of one row; if it has no row, nothing is stored.
        row_count: The expression of the number of rows in the source; None for that of the entry.
    """
    marks = _marks(values, (*_COLUMNS, "row_count")) | ({} if row_count is None else {"row_count": row_count})
    return fill(_SQL["audited"], source=source, **marks)


def entry_values(entry: Entry, *, counted: bool = False) -> list[object]:
    """Return the values with which `auditing` stores the entry of a change; `counted`: without the number of rows."""
    values: list[object] = [entry.username, entry.token, entry.address, entry.method, entry.subject, entry.details_text]
    return values if counted else [*values, entry.row_count]


def _marks(values: int, names: Sequence[str]) -> dict[str, str]:
    return {name: f"${position}" for position, name in enumerate(names, values + 1)}


async def insert_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Store the entries of calls that have ended."""
    await connection.execute(
        _SQL["insert"],
        [entry.time for entry in entries],
        [entry.username for entry in entries],
        [entry.token for entry in entries],
        [entry.address for entry in entries],
        [entry.method for entry in entries],
        [entry.outcome for entry in entries],
        [entry.subject for entry in entries],
        [entry.row_count for entry in entries],
        [entry.details_text for entry in entries],
    )


async def keep_audit(scope: Scope, months: int) -> None:
    """Prepare the partitions of the next month, and drop those of months that ended longer ago.

    Raises:
        Conflict: The audit stays in use; nothing has changed.
    """
    async with scope.connection() as connection:
        await connection.execute(_SQL["keep"], months)
