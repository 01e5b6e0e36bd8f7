"""Tables as a database of DuckDB."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from levada._base.installation import needing
from levada._base.names import class_path
from levada._moving.sql_tables import DUCKDB, comments, create_table, plain_column, quoted, table_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from levada_api.v1 import schema_pb2


class DuckDBFile:
    """Writes tables, parents first.

    Raises:
        ModuleNotFoundError: The package duckdb is not installed.
    """

    def __init__(self, file: Path, schemas: Collection[str]) -> None:
        with needing("duckdb"):
            duckdb = import_module("duckdb")
        self._database: Any = duckdb.connect(str(file))  # Any: duckdb may be missing
        self._present: set[str] = set()
        for name in sorted(schemas):
            self._database.execute(f"CREATE SCHEMA {quoted(name)}")

    def write(self, table: schema_pb2.Table, groups: Iterator[pa.Table], *, whole: bool) -> None:
        """Write a table with its rows.

        Args:
            whole: They are all its rows, so that foreign keys of others may lead there.
        """
        self._database.execute(create_table(table, DUCKDB, self._present))
        for comment in comments(table):
            self._database.execute(comment)
        for group in groups:
            columns = {field.name: plain_column(group.column(field.name), field) for field in group.schema}
            self._database.register("arriving_rows", pa.table(columns))
            # The names are quoted.
            self._database.execute(f"INSERT INTO {table_name(table.name)} SELECT * FROM arriving_rows")  # noqa: S608
            self._database.unregister("arriving_rows")
        if whole:
            self._present.add(class_path(table.name))

    def close(self) -> None:
        """Finish the file."""
        self._database.close()
