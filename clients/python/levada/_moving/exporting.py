"""Exports: schemas, tables and results of queries as files that open anywhere."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.names import class_path, parse_full_name
from levada._moving.descriptions import next_number_of, schemas_of, tables_of
from levada._moving.digests import RowDigests, Total
from levada._moving.duckdb_file import DuckDBFile
from levada._moving.folder import Part, WrittenTable, write_tables
from levada._moving.sql_file import SqlFile
from levada._query.fetching import grouped
from levada._query.parquet import GROUP_BYTES, OBJECTS, with_files
from levada._tables.table import FreeTable
from levada._values.files import put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

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
        number = next_number_of(connection, table.name)
        parts.append(Part(table, rows, not conditions, number))
    return parts


def export(
    connection: Connection,
    names: Sequence[str],
    conditions: Sequence[str],
    target: Path,
    done: Callable[[WrittenTable], None],
) -> Sequence[WrittenTable]:
    """Write schemas and tables: a database of DuckDB, a file of SQL for PostgreSQL, or a folder of Parquet files.

    Args:
        names: As for `parts_of`.
        conditions: As for `parts_of`.
        target: Its ending says which: `.duckdb`, `.sql`, or any other for a folder.
        done: Called after each table.

    Raises:
        LevadaError: As by `parts_of` and `write_tables`.
        ModuleNotFoundError: The package duckdb is not installed.
    """
    parts = parts_of(connection, names, conditions)
    schemas = {part.table.name.schema for part in parts}
    tables: list[WrittenTable] = []

    def write_all(file: SqlFile | DuckDBFile) -> None:
        for part in parts:
            tables.append(_write_part(connection, part, file, target))
            done(tables[-1])

    def write_sql(draft: Path) -> None:
        with draft.open("w", encoding="utf-8", newline="\n") as opened:
            write_all(SqlFile(opened, schemas))

    def write_duckdb(draft: Path) -> None:
        with closing(DuckDBFile(draft, schemas)) as database:
            write_all(database)

    if target.suffix.lower() == ".sql":
        put(target, write_sql)
    elif target.suffix.lower() == ".duckdb":
        put(target, write_duckdb)
    else:
        return write_tables(connection, parts, target, schemas=schemas_of(connection, schemas), done=done).tables
    return tables


def _write_part(connection: Connection, part: Part, file: SqlFile | DuckDBFile, target: Path) -> WrittenTable:
    digests, total = RowDigests(part.rows.heading), Total()
    root = target.absolute().parent

    def groups() -> Iterator[pa.Table]:
        for group in grouped(part.rows._result().batches(), GROUP_BYTES):
            for row in digests.take(group)[1]:
                total.add_digest(row)
            yield with_files(connection, group, root, root / OBJECTS)

    file.write(part.table, groups(), whole=part.whole)
    return WrittenTable(part.table, target.name, total.count, total.text, part.whole, None)
