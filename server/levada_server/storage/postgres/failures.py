"""Translate errors of PostgreSQL and its driver into domain errors, by one table of SQLSTATEs.

PostgreSQL's own words go to the log, under the logger `levada.postgresql`. Messages to clients are Levada's own; from
PostgreSQL's structured fields they name the attribute, and the values of the key or row.
"""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import (
    AlreadyExists,
    Cancelled,
    Conflict,
    DeadlineExceeded,
    DuplicateEntity,
    HasChildren,
    InvalidDefinition,
    InvalidExpression,
    LevadaError,
    LimitReached,
    MissingAttribute,
    OutcomeUnknown,
    PermissionDenied,
    PreconditionFailed,
    Unavailable,
    Unsupported,
    ValueOutOfRange,
    WrongValue,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOG = logging.getLogger("levada.postgresql")

LOST_CONNECTION = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""The errors that a statement may raise when its connection breaks, which leaves unknown whether it was done."""

_CONNECTION_ERRORS = (ConnectionError, TimeoutError, ssl.SSLError, socket.gaierror)
_CONNECTION_ERRNOS = frozenset(
    {errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.ENETUNREACH, errno.ENOTCONN}
)
_CLOSED = re.compile(r"\bclos(?:ed|ing)\b")
"""A word in the message about a closed connection or pool; the driver's other interface errors are internal errors."""
_KEY_IN_DETAIL = re.compile(r"\)=\((.*)\)", re.DOTALL)
"""The form in which PostgreSQL writes a key in every language: `Key (a, b)=(1, 2) already exists.`"""
_ROW_IN_DETAIL = re.compile(r"\((.*)\)", re.DOTALL)
"""The form in which PostgreSQL writes a row in every language: `Failing row contains (1, null).`"""


@dataclass(frozen=True, slots=True)
class State:
    """The meaning of a SQLSTATE for a client.

    Args:
        states: A SQLSTATE, or the common beginning of several.
        error: The domain error.
        sentence: A message of the problem and what to do, without its place.
        when: A condition on the error, if other errors share its SQLSTATE; by default always true.
    """

    states: str
    error: type[LevadaError]
    sentence: str
    when: Callable[[asyncpg.PostgresError], bool] = lambda _: True


def _plan_is_old(error: asyncpg.PostgresError) -> bool:
    return isinstance(error, asyncpg.InvalidCachedStatementError)


def _was_cancelled(error: asyncpg.PostgresError) -> bool:
    """Return whether somebody cancelled the statement in the database, which only the English text shows."""
    return "user request" in (error.message or "")


_ALTERED = "The table was altered meanwhile; repeat."
_DROPPED = (
    "A table was dropped meanwhile; repeat. If that changes nothing, it was dropped in PostgreSQL itself, and the "
    "catalog still lists it."
)
"""Statements name tables of the catalog alone, so the one that is gone may be one that the caller did not name."""
_CHARACTER = "A text has a character that PostgreSQL cannot store, such as NUL; leave it out."

STATES: tuple[State, ...] = (
    State("08", Unavailable, "The connection to PostgreSQL broke; try again."),
    State("0A000", Conflict, _ALTERED, _plan_is_old),
    State("0A", Unsupported, "PostgreSQL does not support this."),
    State("22", WrongValue, "A value does not fit its type; change it."),
    State("22001", WrongValue, "A text is longer than its attribute allows; shorten it."),
    State("22003", ValueOutOfRange, "A number is past the range of its type."),
    State("22008", ValueOutOfRange, "A date or time is past the range of its type."),
    State("2200H", LimitReached, "The numbers of an auto-increment attribute are used up; widen its type."),
    State("22012", WrongValue, "A number was divided by zero, which has no result."),
    State("2201B", InvalidExpression, "The pattern of a REGEXP is not a valid regular expression; correct it."),
    State("22021", WrongValue, _CHARACTER),
    State("22P05", WrongValue, _CHARACTER),
    State("22P02", WrongValue, "A text cannot be read as a value of its type; change it."),
    State("23001", HasChildren, "Entities elsewhere depend on these; delete those first."),
    State("23502", MissingAttribute, "A required attribute has no value; give it one."),
    State("23503", HasChildren, "Entities elsewhere depend on these; delete those first."),
    State("23505", DuplicateEntity, "An entity with this key exists."),
    State("23514", ValueOutOfRange, "A value is outside what its attribute allows."),
    State("23P01", PreconditionFailed, "An entity exists that excludes this one; change one of them."),
    State("25006", PreconditionFailed, "This transaction is read-only; begin one that may write."),
    State("25P02", PreconditionFailed, "An earlier failure ended this transaction; roll it back and begin another."),
    State("25P03", LimitReached, "The transaction was idle for too long and was rolled back; begin another."),
    State("25P04", LimitReached, "The transaction was open for too long and was rolled back; begin another."),
    State("28", PermissionDenied, "PostgreSQL refused the server's credentials; the server's log has the details."),
    State(
        "2BP01",
        HasChildren,
        "An object that is not in the catalog, such as a view, depends on this; drop it in PostgreSQL first. The "
        "server's log names it.",
    ),
    State("3F000", Conflict, _DROPPED),
    State("40", Conflict, "A concurrent transaction conflicts with this one; repeat the whole transaction."),
    State("40003", OutcomeUnknown, "It is unknown whether the change was made; check for it, then repeat it."),
    State("42501", PermissionDenied, "PostgreSQL does not let the server do this; the server's log has the details."),
    State("42701", AlreadyExists, "The attribute exists in PostgreSQL, but not in the catalog; choose another name."),
    State("42703", Conflict, _ALTERED),
    State("42804", Conflict, _ALTERED),
    State("42883", Conflict, _ALTERED),
    State("42P01", Conflict, _DROPPED),
    State("42P06", AlreadyExists, "The schema exists in PostgreSQL, but not in the catalog; choose another name."),
    State("42P07", AlreadyExists, "The table exists in PostgreSQL, but not in the catalog."),
    State("42P10", Conflict, _ALTERED),
    State("42P17", InvalidDefinition, "An index can hold only expressions whose value never changes."),
    State("53", LimitReached, "PostgreSQL is out of resources; try again later, or ask for less."),
    State("53100", LimitReached, "PostgreSQL's disk is full; free some space there, then repeat."),
    State(
        "53200",
        LimitReached,
        "PostgreSQL is out of memory. If this changes thousands of tables at once, raise its "
        "`max_locks_per_transaction`; otherwise try again later.",
    ),
    State("53300", LimitReached, "PostgreSQL accepts no more connections; try again later."),
    State("54", LimitReached, "The statement is past PostgreSQL's limits; ask for less at once."),
    State(
        "54011",
        LimitReached,
        "PostgreSQL takes at most 1664 attributes in a query and 1600 in a table; name fewer.",
    ),
    State(
        "54000",
        LimitReached,
        "A row or a value is too long for PostgreSQL; a key or an index takes at most about 2,700 bytes. Shorten it.",
    ),
    State(
        "54L01",
        LimitReached,
        "A text that an expression makes, as by replace or concat, would have more than 16,777,216 bytes; make it "
        "shorter.",
    ),
    State("55000", PreconditionFailed, "PostgreSQL is not in the state that this needs; the server's log says why."),
    State("55006", Conflict, "Another session uses this; repeat."),
    State("55P03", Conflict, "Another transaction holds a lock; repeat."),
    State(
        "57014",
        Cancelled,
        "The statement was cancelled in the database; repeat it if you still need it.",
        _was_cancelled,
    ),
    State("57014", DeadlineExceeded, "The statement ran out of time; ask for less at once."),
    State("57P", Unavailable, "PostgreSQL is stopping or starting; try again."),
    State("P0001", PreconditionFailed, "A trigger of the database refused this; the server's log says why."),
)
"""The longest listed prefix of a SQLSTATE decides, and among equal ones the first that applies.

An unlisted SQLSTATE is a fault of the server or the machine; so are 58 (system errors) and XX (internal errors).
"""


def translate(error: asyncpg.PostgresError, about: object = None) -> LevadaError | None:
    """Return the domain error of a PostgreSQL error, whose words go to the log; None if it is an internal error.

    Args:
        error: The error that the driver raised.
        about: The table, for the message.
    """
    found = [row for row in STATES if (error.sqlstate or "").startswith(row.states) and row.when(error)]
    if not found:
        return None
    row = max(found, key=lambda row: len(row.states))
    _log(error, row.error)
    where = f"`{about}`: " if about else ""
    return row.error(
        f"{where}{row.sentence}{_place(error)}", constraint=error.constraint_name, attribute=error.column_name
    )


@contextmanager
def translated() -> Iterator[None]:
    """Translate errors that the driver raises inside the block into domain errors."""
    try:
        yield
    except asyncpg.PostgresError as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, RuntimeError, OSError) as error:
        # A RuntimeError is the event loop's, of a socket that has been closed while rows were copied.
        if isinstance(error, (asyncpg.InterfaceError, RuntimeError)) and not _CLOSED.search(str(error)):
            raise
        if isinstance(error, OSError) and not _of_connection(error):
            raise
        raise _out_of_reach(error) from error


@contextmanager
def out_of_reach() -> Iterator[None]:
    """Turn what connecting raises inside into domain errors: every error of the system is the connection's there."""
    try:
        with translated():
            yield
    except OSError as error:
        raise _out_of_reach(error) from error


@contextmanager
def committed_alone() -> Iterator[None]:
    """Run a statement that is a transaction of its own.

    Raises:
        OutcomeUnknown: The connection broke meanwhile, and the statement may have been committed.
    """
    try:
        yield
    except asyncpg.InterfaceError:  # nothing was sent
        raise
    except LOST_CONNECTION as error:
        if isinstance(error, OSError) and not _of_connection(error):
            raise
        _LOG.warning("lost within a change: %s", str(error) or type(error).__name__)
        raise OutcomeUnknown(
            "The connection to PostgreSQL broke during a change; check whether the change was made, then repeat it."
        ) from error


def _of_connection(error: OSError) -> bool:
    """Return whether an error of the system is of a connection; others are of files."""
    return isinstance(error, _CONNECTION_ERRORS) or error.errno in _CONNECTION_ERRNOS


def _out_of_reach(error: Exception) -> Unavailable:
    _LOG.warning("out of reach: %s", str(error) or type(error).__name__)
    return Unavailable("PostgreSQL is out of reach; try again.")


def is_told_by_a_call(record: logging.LogRecord) -> bool:
    """Return whether a line of asyncio's log tells of a lost connection, about which a call tells too.

    The driver forgets to look at the future of a COPY whose connection is lost while it sends rows.
    """
    return record.exc_info is not None and isinstance(record.exc_info[1], asyncpg.ConnectionDoesNotExistError)


def key_values(error: asyncpg.PostgresError) -> str | None:
    """Return the values of the key that a constraint refused, as PostgreSQL writes them; None if it names none."""
    found = _KEY_IN_DETAIL.search(error.detail or "")
    return None if found is None else found[1]


def _place(error: asyncpg.PostgresError) -> str:
    """Return the attribute and the values of the key or row that PostgreSQL's fields name."""
    named = [f"attribute `{error.column_name}`"] if error.column_name else []
    match error:
        case asyncpg.NotNullViolationError() | asyncpg.CheckViolationError():
            row = _ROW_IN_DETAIL.search(error.detail or "")
            named += [f"row ({row[1]})"] if row else []
        case asyncpg.IntegrityConstraintViolationError() if (key := key_values(error)) is not None:
            named.append(f"key ({key})")
        case _:
            pass
    return f" Refused: {', '.join(named)}." if named else ""


def _log(error: asyncpg.PostgresError, kind: type[LevadaError]) -> None:
    """Log PostgreSQL's message, without the values of rows in the detail of a violated constraint."""
    details = {
        "sqlstate": error.sqlstate,
        "schema": error.schema_name,
        "table": error.table_name,
        "column": error.column_name,
        "type": error.data_type_name,
        "constraint": error.constraint_name,
        "detail": None if isinstance(error, asyncpg.IntegrityConstraintViolationError) else error.detail,
        "hint": error.hint,
    }
    details = {name: value for name, value in details.items() if value}
    level = logging.WARNING if issubclass(kind, (Unavailable, LimitReached, PermissionDenied)) else logging.INFO
    _LOG.log(level, "%s %s", error.args[0], details, extra={"details": details})
