"""What PostgreSQL raises, as domain errors: one table from SQLSTATE."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    DuplicateEntity,
    HasChildren,
    InvalidDefinition,
    LevadaError,
    LimitReached,
    MissingAttribute,
    PermissionDenied,
    PreconditionFailed,
    Unavailable,
    UnknownSchema,
    UnknownTable,
    Unsupported,
    ValueOutOfRange,
    WrongValue,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_BY_STATE: tuple[tuple[str, type[LevadaError], str], ...] = (
    ("22003", ValueOutOfRange, "A number is past the range of its type."),
    ("22", WrongValue, "A value does not fit its type."),
    ("23502", MissingAttribute, "A required attribute has no value."),
    ("23503", HasChildren, "Entities elsewhere depend on these."),
    ("23505", DuplicateEntity, "An entity with this key exists."),
    ("23514", ValueOutOfRange, "A value is outside what its attribute allows."),
    ("25006", PreconditionFailed, "This transaction only reads; begin one that may change things."),
    ("28", PermissionDenied, "PostgreSQL refused the server's credentials."),
    ("3F000", UnknownSchema, "The schema is gone."),
    ("40", Conflict, "A concurrent transaction got in the way; repeat the whole transaction."),
    ("42703", Conflict, "The table was altered meanwhile; repeat."),
    ("42501", PermissionDenied, "PostgreSQL does not let the server do this."),
    ("42P17", InvalidDefinition, "An index takes only expressions whose value never changes."),
    ("42P01", UnknownTable, "The table is gone."),
    ("42P07", AlreadyExists, "The table exists in PostgreSQL, but not in the catalog."),
    ("42P06", AlreadyExists, "The schema exists in PostgreSQL, but not in the catalog; choose another name."),
    ("53", LimitReached, "PostgreSQL is out of resources."),
    ("54", LimitReached, "The statement is past PostgreSQL's limits."),
    ("55P03", Conflict, "Another transaction holds a lock; repeat."),
    ("57014", DeadlineExceeded, "The statement ran out of time."),
    ("57P", Unavailable, "PostgreSQL is stopping or starting; try again."),
    ("08", Unavailable, "The connection to PostgreSQL broke; try again."),
    ("0A", Unsupported, "PostgreSQL does not do this."),
)
"""The longest prefix of a SQLSTATE that is listed decides. What is not listed is a fault of ours."""


def translate(error: asyncpg.PostgresError) -> LevadaError | None:
    """Give the domain error of a PostgreSQL error; None if it is a fault of ours."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):  # it shares its SQLSTATE with what cannot be done at all
        return Conflict("The table was altered meanwhile; repeat.")
    state = error.sqlstate or ""
    found = [row for row in _BY_STATE if state.startswith(row[0])]
    if not found:
        return None
    _, kind, sentence = max(found, key=lambda row: len(row[0]))
    return kind(f"{sentence} PostgreSQL says: {error}", constraint=error.constraint_name)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises inside into domain errors."""
    try:
        yield
    except asyncpg.PostgresError as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error
    except (asyncpg.InterfaceError, OSError, asyncio.TimeoutError) as error:
        raise Unavailable(f"PostgreSQL is out of reach; try again. The driver says: {error}") from error
