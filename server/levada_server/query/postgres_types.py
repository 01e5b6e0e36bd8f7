"""How each kind of attribute types is stored: the one table from types to PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.kinds import Kind
from levada_server.model.types import DATETIME_DIGITS, AttributeType
from levada_server.query.sql import quote_name, quote_text

if TYPE_CHECKING:
    from collections.abc import Callable

_COLLATED = ' COLLATE "C"'
"""Text is compared by code point whatever the database's locale."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """How PostgreSQL stores the values of a kind.

    Args:
        name: The type without lengths and digits.
        column: Writes the type of a column where it has more than the name.
        check: Writes the CHECK on a column where PostgreSQL's type is wider than ours.
        exact_wire: Values are sent in bulk in the type of the column: their digits must be its own.
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
    # `char` is `varchar` too: padding would come back.
    return f"varchar({type_.length}){_COLLATED}"


def _text(_: AttributeType) -> str:
    return f"text{_COLLATED}"


def _datetime(type_: AttributeType) -> str:
    return "timestamp" if type_.length in (None, DATETIME_DIGITS) else f"timestamp({type_.length})"


def _within_limits(column: str, type_: AttributeType) -> str:
    limits = type_.kind.traits.limits
    assert limits is not None
    return f"{column} BETWEEN {limits[0]} AND {limits[1]}"


def _one_of_labels(column: str, type_: AttributeType) -> str:
    return f"{column} IN ({', '.join(map(quote_text, type_.labels))})"


def _of_array_size(column: str, type_: AttributeType) -> str:
    return f"octet_length({column}) = {type_.item_bytes}"


STORED: dict[Kind, _Stored] = {
    # PostgreSQL has no integers of one byte, and none without a sign.
    Kind.INT8: _Stored("smallint", check=_within_limits),
    Kind.INT16: _Stored("smallint"),
    Kind.INT32: _Stored("integer"),
    Kind.INT64: _Stored("bigint"),
    Kind.UINT8: _Stored("smallint", check=_within_limits),
    Kind.UINT16: _Stored("integer", check=_within_limits),
    Kind.UINT32: _Stored("bigint", check=_within_limits),
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
    Kind.UUID: _Stored("uuid"),
    Kind.JSON: _Stored("jsonb"),
    Kind.BYTES: _Stored("bytea"),
    Kind.BLOB: _Stored("bytea"),
    Kind.ATTACH: _Stored("bytea"),
    Kind.ARRAY: _Stored("bytea", check=_of_array_size),
    Kind.OBJECT: _Stored("jsonb"),
}
"""A row for each kind."""


def value_type(type_: AttributeType) -> str:
    """Name the type in which values are bound and compared; without lengths, so that no value is cut."""
    return STORED[type_.kind].name


def wire_type(type_: AttributeType) -> str:
    """Name the type in which values are sent in bulk: one for every column of this type, stored or computed."""
    return column_type(type_) if STORED[type_.kind].exact_wire else value_type(type_)


def column_type(type_: AttributeType) -> str:
    """Name the type of a stored column."""
    stored = STORED[type_.kind]
    return stored.name if stored.column is None else stored.column(type_)


def column_check(name: str, type_: AttributeType) -> str | None:
    """Write the CHECK that holds a column to its type where PostgreSQL's own is wider; None if it is not."""
    check = STORED[type_.kind].check
    return None if check is None else check(quote_name(name), type_)


def current_time(type_: AttributeType) -> str:
    """Write the current time, in UTC, as a value of a type that holds times."""
    return STORED[type_.kind].now
