"""Map each kind of attribute type to its type in PostgreSQL, by one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.kinds import Kind
from levada_server.model.spans import MAX_MICROSECONDS
from levada_server.model.types import DATETIME_DIGITS, AttributeType
from levada_server.query.sql import quote_name, quote_text

if TYPE_CHECKING:
    from collections.abc import Callable

_COLLATED = ' COLLATE "C"'
"""The collation of text columns: by code point, in any locale of the database."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """The way in which PostgreSQL stores the values of a kind.

    Args:
        name: The type without lengths and digits.
        column: Writes the type of a column if it has more than the name.
        check: Writes the CHECK of a column if PostgreSQL's type is wider than the attribute's.
        exact_wire: Whether values are sent in bulk in the type of the column, because their digits must match it.
        now: The expression of the current time.
    """

    name: str
    column: Callable[[AttributeType], str] | None = None
    check: Callable[[str, AttributeType], str] | None = None
    exact_wire: bool = False
    now: str = "(now() AT TIME ZONE 'UTC')"


def _decimal(type_: AttributeType) -> str:
    return f"numeric({type_.precision},{type_.scale})"


def _varchar(type_: AttributeType) -> str:
    # `char` is `varchar` too, because PostgreSQL's `char` would return padding.
    return f"varchar({type_.length}){_COLLATED}"


def _text(_: AttributeType) -> str:
    return f"text{_COLLATED}"


def _datetime(type_: AttributeType) -> str:
    return "timestamp" if type_.length in (None, DATETIME_DIGITS) else f"timestamp({type_.length})"


def _within_limits(column: str, type_: AttributeType) -> str:
    limits = type_.kind.traits.limits
    assert limits is not None
    return f"{column} BETWEEN {limits[0]} AND {limits[1]}"


def _within_longest(column: str, _: AttributeType) -> str:
    return f"{column} BETWEEN {-MAX_MICROSECONDS} AND {MAX_MICROSECONDS}"


def _one_of_labels(column: str, type_: AttributeType) -> str:
    return f"{column} IN ({', '.join(map(quote_text, type_.labels))})"


def _of_array_size(column: str, type_: AttributeType) -> str:
    return f"octet_length({column}) = {type_.item_bytes}"


STORED: dict[Kind, _Stored] = {
    # PostgreSQL has no one-byte and no unsigned integers.
    Kind.INT8: _Stored("smallint", check=_within_limits),
    Kind.INT16: _Stored("smallint"),
    Kind.INT32: _Stored("integer"),
    Kind.INT64: _Stored("bigint"),
    Kind.UINT8: _Stored("smallint", check=_within_limits),
    Kind.UINT16: _Stored("integer", check=_within_limits),
    Kind.UINT32: _Stored("bigint", check=_within_limits),
    Kind.UINT64: _Stored("numeric", lambda _: "numeric(20,0)", _within_limits, exact_wire=True),
    Kind.FLOAT32: _Stored("real"),
    Kind.FLOAT64: _Stored("double precision"),
    Kind.BOOL: _Stored("boolean"),
    Kind.DECIMAL: _Stored("numeric", _decimal, exact_wire=True),
    Kind.CHAR: _Stored("text", _varchar),
    Kind.VARCHAR: _Stored("text", _varchar),
    Kind.TEXT: _Stored("text", _text),
    Kind.ENUM: _Stored("text", _text, _one_of_labels),
    Kind.DATE: _Stored("date", now="(now() AT TIME ZONE 'UTC')::date"),
    Kind.TIME: _Stored("time", now="(now() AT TIME ZONE 'UTC')::time"),
    Kind.DATETIME: _Stored("timestamp", _datetime),
    Kind.TIMESTAMP: _Stored("timestamp"),
    Kind.TIMESTAMPTZ: _Stored("timestamptz", now="now()"),
    # In microseconds: an interval has months, and days, which have no fixed length.
    Kind.DURATION: _Stored("bigint", check=_within_longest),
    Kind.UUID: _Stored("uuid"),
    Kind.JSON: _Stored("jsonb"),
    Kind.BYTES: _Stored("bytea"),
    Kind.BLOB: _Stored("bytea"),
    Kind.ATTACH: _Stored("bytea"),
    Kind.ARRAY: _Stored("bytea", check=_of_array_size),
    Kind.OBJECT: _Stored("jsonb"),
}
"""The types in PostgreSQL, one row for each kind."""


def value_type(type_: AttributeType) -> str:
    """Return the type in which values are bound and compared, without lengths, so that no value is cut."""
    return STORED[type_.kind].name


def wire_type(type_: AttributeType) -> str:
    """Return the type in which values are sent in bulk, the same for stored and computed columns of a type."""
    return column_type(type_) if STORED[type_.kind].exact_wire else value_type(type_)


def column_type(type_: AttributeType) -> str:
    """Return the type of a stored column."""
    stored = STORED[type_.kind]
    return stored.name if stored.column is None else stored.column(type_)


def column_check(name: str, type_: AttributeType) -> str | None:
    """Write the CHECK that limits a column to its type; None if PostgreSQL's own type is not wider."""
    check = STORED[type_.kind].check
    return None if check is None else check(quote_name(name), type_)


def current_time(type_: AttributeType) -> str:
    """Write the current time, in UTC, as a value of a type that holds times."""
    return STORED[type_.kind].now
