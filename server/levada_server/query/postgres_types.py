"""How each attribute type is stored: the one table from types to PostgreSQL."""

from __future__ import annotations

from levada_server.model.types import DATETIME_DIGITS, INTEGER_RANGES, AttributeType, Kind
from levada_server.query.sql import quote_name, quote_text

_SIMPLE = {
    Kind.INT8: "smallint",
    Kind.INT16: "smallint",
    Kind.INT32: "integer",
    Kind.INT64: "bigint",
    Kind.UINT8: "smallint",
    Kind.UINT16: "integer",
    Kind.UINT32: "bigint",
    Kind.FLOAT32: "real",
    Kind.FLOAT64: "double precision",
    Kind.BOOL: "boolean",
    Kind.CHAR: "text",
    Kind.VARCHAR: "text",
    Kind.TEXT: "text",
    Kind.ENUM: "text",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.DATETIME: "timestamp",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.UUID: "uuid",
    Kind.JSON: "jsonb",
    Kind.BYTES: "bytea",
    Kind.BLOB: "bytea",
    Kind.ATTACH: "bytea",
    Kind.ARRAY: "bytea",
    Kind.OBJECT: "jsonb",
    Kind.DECIMAL: "numeric",
}

_CHECKED_INTEGERS = (Kind.INT8, Kind.UINT8, Kind.UINT16, Kind.UINT32)


def value_type(type_: AttributeType) -> str:
    """Name the type in which values are bound and compared; without lengths, so that no value is cut."""
    return _SIMPLE[type_.kind]


def wire_type(type_: AttributeType) -> str:
    """Name the type in which values are sent in bulk: one for every column of this type, stored or computed."""
    return column_type(type_) if type_.kind is Kind.DECIMAL else value_type(type_)


def column_type(type_: AttributeType) -> str:
    """Name the type of a stored column.

    Text is compared by code point whatever the database's locale. `char` is `varchar`: padding would come back.
    """
    match type_.kind:
        case Kind.DECIMAL:
            return f"numeric({type_.precision},{type_.scale})"
        case Kind.CHAR | Kind.VARCHAR:
            return f'varchar({type_.length}) COLLATE "C"'
        case Kind.TEXT | Kind.ENUM:
            return 'text COLLATE "C"'
        case Kind.DATETIME if type_.length not in (None, DATETIME_DIGITS):
            return f"timestamp({type_.length})"
        case kind:
            return _SIMPLE[kind]


def column_check(name: str, type_: AttributeType) -> str | None:
    """Write the CHECK that holds a column to its type where PostgreSQL's own is wider; None if it is not."""
    column = quote_name(name)
    match type_.kind:
        case kind if kind in _CHECKED_INTEGERS:
            low, high = INTEGER_RANGES[kind]
            return f"{column} BETWEEN {low} AND {high}"
        case Kind.ENUM:
            return f"{column} IN ({', '.join(map(quote_text, type_.labels))})"
        case Kind.ARRAY:
            return f"octet_length({column}) = {type_.item_bytes}"
        case _:
            return None
