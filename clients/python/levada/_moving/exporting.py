"""Exports: schemas, tables and results of queries as files that open anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.names import class_path, parse_full_name
from levada._moving.descriptions import schemas_of, tables_of
from levada._moving.folder import Part, write_tables
from levada._tables.table import FreeTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from levada._moving.folder import Contents, WrittenTable
    from levada._net.connection import Connection
    from levada._query.relation import Relation


def parts_of(connection: Connection, names: Sequence[str], conditions: Sequence[str]) -> list[Part]:
    """Return the rows to export, parents first.

    Args:
        names: Schemas, and tables as `schema.Table`.
        conditions: The rows that meet all of these, of the only table.

    Raises:
        InvalidRequest: There are conditions, and not one table.
        NotFound: A name is unknown.
    """
    schemas = [name for name in names if "." not in name]
    chosen = [parse_full_name(name) for name in names if "." in name]
    if conditions and (schemas or len(chosen) != 1):
        raise InvalidRequest("Conditions choose rows of one table: name only that, as in lab.Session.")
    described = [connection.describe_table(name).table for name in chosen]
    tables = tables_of(connection, schemas, [table.name for table in described])
    parts = []
    for table in tables:
        rows: Relation = FreeTable(connection, class_path(table.name))
        for condition in conditions:
            rows = rows & condition
        parts.append(Part(table, rows, whole=not conditions))
    return parts


def export(
    connection: Connection,
    names: Sequence[str],
    conditions: Sequence[str],
    target: Path,
    done: Callable[[WrittenTable], None],
) -> Contents:
    """Write schemas and tables into a folder of Parquet files.

    Args:
        names: As for `parts_of`.
        conditions: As for `parts_of`.
        done: Called after each table.

    Raises:
        LevadaError: As by `parts_of` and `write_tables`.
    """
    parts = parts_of(connection, names, conditions)
    schemas = schemas_of(connection, {part.table.name.schema for part in parts})
    return write_tables(connection, parts, target, schemas=schemas, done=done)
