"""Tables as a file of SQL, which any PostgreSQL reads: `psql -f lab.sql`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from levada._base.names import class_path
from levada._moving.sql_tables import POSTGRESQL, comments, create_table, plain_column, quoted, table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from levada_api.v1 import schema_pb2

_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))


class SqlFile:
    """Writes tables, parents first."""

    def __init__(self, file: IO[str], schemas: Collection[str]) -> None:
        self._file = file
        self._present: set[str] = set()
        file.write("-- Written by levada export; load it into an empty database: psql -1 -f THIS_FILE\n")
        file.write("SET standard_conforming_strings = on;\nSET intervalstyle = postgres;\nSET datestyle = ISO;\n")
        file.writelines(f"CREATE SCHEMA {quoted(name)};\n" for name in sorted(schemas))

    def write(self, table: schema_pb2.Table, groups: Iterator[pa.Table], *, whole: bool) -> None:
        """Write a table with its rows.

        Args:
            whole: They are all its rows, so that foreign keys of others may lead there.
        """
        file = self._file
        file.write(f"\n{create_table(table, POSTGRESQL, self._present)};\n")
        file.writelines(f"{comment};\n" for comment in comments(table))
        columns = ", ".join(quoted(one.name) for one in table.heading.attributes)
        file.write(f"COPY {table_name(table.name)} ({columns}) FROM stdin;\n")
        for group in groups:
            cells = [_cells(plain_column(group.column(f.name), f), f) for f in group.schema]
            file.writelines("\t".join(row) + "\n" for row in zip(*cells, strict=True))
        file.write("\\.\n")
        if whole:
            self._present.add(class_path(table.name))


def _cells(column: pa.ChunkedArray, field: pa.Field) -> list[str]:
    """Return the values of a column as the text form of COPY has them."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return _each(column, lambda value: f"\\\\x{value.hex()}")
    if pa.types.is_fixed_size_list(column.type):
        return _each(column, _array)
    if pa.types.is_duration(column.type):
        return _each(column.cast(pa.int64()), lambda count: f"{count} microseconds")
    texts = column.cast(pa.utf8())
    for character, escape in _ESCAPES if pa.types.is_string(column.type) else ():
        texts = pc.replace_substring(texts, character, escape)
    return ["\\N" if value is None else value for value in texts.to_pylist()]


def _each(column: pa.ChunkedArray, write: Callable[..., str]) -> list[str]:
    return ["\\N" if value is None else write(value) for value in column.to_pylist()]


def _array(values: list[object]) -> str:
    parts = [f'"\\\\\\\\x{value.hex()}"' if isinstance(value, bytes) else str(value) for value in values]
    return f"{{{','.join(parts)}}}"
