"""Tables as SQL has them outside of Levada: names, types, keys and comments for PostgreSQL and DuckDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from levada._base.names import class_path, stored_name
from levada._values.kinds.value_kind import storage_of
from levada._values.types import AttributeType, Family, parse_type, type_of_column

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from levada_api.v1 import schema_pb2


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words of a database.

    Args:
        types: Its types, by the kinds of Levada; arguments are kept for those in `sized`.
        sized: Kinds whose arguments stay.
        crosses_schemas: Foreign keys may lead into other schemas.
    """

    types: dict[str, str]
    sized: frozenset[str]
    crosses_schemas: bool


POSTGRESQL = Dialect(
    {
        **{"int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint"},
        **{"uint8": "smallint", "uint16": "integer", "uint32": "bigint", "uint64": "numeric(20)"},
        **{"float32": "real", "float64": "double precision", "bool": "boolean", "decimal": "numeric"},
        **{"char": "varchar", "varchar": "varchar", "enum": "text", "date": "date", "time": "time"},
        **{"datetime": "timestamp", "timestamp": "timestamp", "timestamptz": "timestamptz", "duration": "interval"},
        **{"uuid": "uuid", "json": "jsonb", "bytes": "bytea", "blob": "bytea", "attach": "bytea"},
        **{"text": "text", "object": "text"},
    },
    frozenset({"char", "varchar", "decimal"}),
    crosses_schemas=True,
)
DUCKDB = Dialect(
    {
        **{"int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"},
        **{"uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT"},
        **{"float32": "FLOAT", "float64": "DOUBLE", "bool": "BOOLEAN", "decimal": "DECIMAL"},
        **{"date": "DATE", "time": "TIME", "datetime": "TIMESTAMP", "timestamp": "TIMESTAMP"},
        **{"timestamptz": "TIMESTAMPTZ", "duration": "INTERVAL", "uuid": "UUID", "json": "JSON"},
        **{"bytes": "BLOB", "blob": "BLOB", "attach": "BLOB"},
        **{"char": "TEXT", "varchar": "TEXT", "text": "TEXT", "enum": "TEXT", "object": "TEXT"},
    },
    frozenset({"decimal"}),
    crosses_schemas=False,
)
_ELEMENTS = {"f2": "float32", "f4": "float32", "f8": "float64", "b1": "bool", "c8": "bytes", "c16": "bytes"}


def quoted(name: str) -> str:
    """Write a name."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Write a text. A backslash means itself, as the standard has it."""
    return "'" + value.replace("'", "''") + "'"


def table_name(name: schema_pb2.TableName) -> str:
    """Write the name of a table: a part of `Session` is `session__trial`."""
    return f"{quoted(name.schema)}.{quoted(stored_name(name.table))}"


def create_table(table: schema_pb2.Table, dialect: Dialect, present: Collection[str]) -> str:
    """Write the statement that makes a table with its keys.

    Args:
        present: The full names of the tables that are there with all their rows, to which foreign keys may lead.
    """
    lines = [
        f"{quoted(one.name)} {type_name(parse_type(one.type), dialect)}{'' if one.nullable else ' NOT NULL'}"
        for one in table.heading.attributes
    ]
    key = [one.name for one in table.heading.attributes if one.primary_key]
    if key:
        lines.append(f"PRIMARY KEY ({_names(key)})")
    lines += [
        f"UNIQUE ({_names(list(index.expressions))})"
        for index in table.indexes
        if index.unique and all(name in {one.name for one in table.heading.attributes} for name in index.expressions)
    ]
    for foreign in table.foreign_keys:
        pairs = list(foreign.attributes)
        child = [pair.child for pair in pairs]
        if foreign.unique and child != key:
            lines.append(f"UNIQUE ({_names(child)})")
        near = dialect.crosses_schemas or foreign.parent.schema == table.name.schema
        if pairs and near and class_path(foreign.parent) in present:
            parent = f"{table_name(foreign.parent)} ({_names([pair.parent for pair in pairs])})"
            lines.append(f"FOREIGN KEY ({_names(child)}) REFERENCES {parent}")
    return f"CREATE TABLE {table_name(table.name)} (\n  " + ",\n  ".join(lines) + "\n)"


def comments(table: schema_pb2.Table) -> Iterator[str]:
    """Write the statements that comment on a table, and on its columns with their type in Levada."""
    name = table_name(table.name)
    parents = [class_path(key.parent) for key in table.foreign_keys]
    about = [table.comment, f"refers to {', '.join(parents)}" if parents else ""]
    if any(about):
        yield f"COMMENT ON TABLE {name} IS {text('; '.join(filter(None, about)))}"
    for one in table.heading.attributes:
        words = [one.comment, f"({one.type})"]
        yield f"COMMENT ON COLUMN {name}.{quoted(one.name)} IS {text(' '.join(filter(None, words)))}"


def type_name(type_: AttributeType, dialect: Dialect) -> str:
    """Write the type of a column."""
    if type_.dtype is not None:
        word = type_.dtype.str[1:]
        kind = _ELEMENTS.get(word, f"{'u' * (word[0] == 'u')}int{8 * type_.dtype.itemsize}")
        return f"{dialect.types[kind]}[]"
    word = dialect.types[type_.kind]
    _, bracket, arguments = type_.stored.spelling.partition("(")
    return f"{word}{bracket}{arguments}" if type_.kind in dialect.sized and bracket else word


def plain_column(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Return a column as other programs know it: UUIDs and labels as text, files by their paths, tensors as lists."""
    type_ = type_of_column(field)
    if type_.family is Family.OBJECT:
        return pa.chunked_array([pa.array([one and one["file"] for one in column.to_pylist()], pa.utf8())])
    if type_.family is Family.UUID:
        return pa.chunked_array([pa.array([one and str(one) for one in column.to_pylist()], pa.utf8())])
    column = storage_of(column)
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if type_.dtype is not None and type_.dtype.kind == "b":
        return column.cast(pa.list_(pa.bool_(), column.type.list_size))
    if type_.dtype is not None and type_.dtype.str[1:] == "f2":  # neither has floats of two bytes
        return column.cast(pa.list_(pa.float32(), column.type.list_size))
    return column


def _names(names: list[str]) -> str:
    return ", ".join(map(quoted, names))
