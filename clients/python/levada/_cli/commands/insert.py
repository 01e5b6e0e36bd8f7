"""The command `levada insert`: the rows of a file into a table."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from levada._base.errors import InvalidRequest, LevadaError
from levada._base.text import plural
from levada._cli.commands.query import format_of
from levada._cli.output import print_json
from levada._tables.table import FreeTable
from levada._tables.validation import validate
from levada._values.row_files import CsvLines, JsonLines, Lines
from levada_api.v1 import row_service_pb2

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from levada._net.connection import Connection

_PLACE = re.compile(r"^`[^`]+`, row \d+[:,] ")
"""The beginning of a message about a row, which the place in the file replaces."""
_OPTIONS = {"skip_duplicates=True": "--skip-duplicates", "ignore_extra_fields=True": "--ignore-extra-fields"}
"""The arguments in Python's messages, as the command line has them."""
_BATCH_ROWS = 65_536
"""How many rows of a Parquet file are in memory at once."""


@dataclass(frozen=True)
class _Fault:
    """A row that cannot be inserted.

    Args:
        place: The line of the file, or the number of the row in Parquet, from 1; None for all rows.
        attribute: The attribute at fault.
        message: The reason.
    """

    place: int | None
    attribute: str | None
    message: str


def insert(connection: Connection, options: argparse.Namespace) -> int:
    """Insert the rows of a file, or let the server check them."""
    table = FreeTable(connection, options.table)
    form = format_of(options.file, options.format, None)
    source = _Source(table, options.file, form)
    checked = options.dry_run
    faults, count = _check(table, source, options) if checked else _insert(table, source, options)
    if options.json:
        errors = [{"line": fault.place, "attribute": fault.attribute, "message": fault.message} for fault in faults]
        inserted = 0 if checked or faults else count
        print_json({"table": options.table, "rows": count, "inserted": inserted, "errors": errors})
    else:
        for fault in faults:
            place = f", {source.word} {fault.place}" if fault.place is not None else ""
            print(f"{options.file}{place}: {fault.message}", file=sys.stderr)
        print(_summary(count, faults, checked=checked, table=options.table), file=sys.stderr if faults else None)
    return 1 if faults else 0


class _Source:
    """A file with rows.

    Attributes:
        word: How messages count in it.
    """

    def __init__(self, table: FreeTable, file: Path, form: str) -> None:
        self._table = table
        self._file = file
        self._form = form
        self.lines: Lines | None = None
        self.word = "row" if form == "parquet" else "line"
        if form == "table":
            raise InvalidRequest(f"{file} is not a file of rows; levada insert reads CSV, Parquet, and JSON lines.")

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows of a Parquet file, read some at a time."""
        try:
            parquet = pq.ParquetFile(self._file if str(self._file) != "-" else io.BytesIO(sys.stdin.buffer.read()))
            return pa.RecordBatchReader.from_batches(parquet.schema_arrow, parquet.iter_batches(_BATCH_ROWS))
        except pa.ArrowInvalid as error:
            raise InvalidRequest(f"{self._file} is not a Parquet file: {error}") from None

    def rows(self) -> Lines:
        """Return the rows of a file of text."""
        kind = CsvLines if self._form == "csv" else JsonLines
        source = sys.stdin if str(self._file) == "-" else self._file
        self.lines = kind(source, str(self._file), self._table.heading)
        return self.lines

    @property
    def is_binary(self) -> bool:
        """Whether it has batches instead of lines."""
        return self._form == "parquet"

    def fault(self, row: int | None, attribute: str | None, message: str) -> _Fault:
        """Describe the fault of a row by its place in the file.

        Args:
            row: Its number from 0; None for all rows.
        """
        for word, option in _OPTIONS.items():
            message = message.replace(word, option)
        if row is None:
            return _Fault(None, attribute, message)
        numbers = self.lines.numbers if self.lines is not None else range(1, row + 2)
        place = numbers[row] if row < len(numbers) else row + 1
        return _Fault(place, attribute, _PLACE.sub("", message))


def _insert(table: FreeTable, source: _Source, options: argparse.Namespace) -> tuple[list[_Fault], int]:
    choices = {
        "skip_duplicates": options.skip_duplicates,
        "replace": options.replace,
        "ignore_extra_fields": options.ignore_extra_fields,
    }
    first = 0
    try:
        if not source.is_binary:
            rows = source.rows()
            table.insert(rows, **choices)
            return [], len(rows.numbers)
        with table.connection.transaction:
            for batch in source.reader():
                table.insert(batch, **choices)
                first += batch.num_rows
        return [], first
    except LevadaError as error:
        row = error.details.get("row")
        if row is None:
            return [source.fault(None, error.details.get("attribute"), str(error))], 0
        return [source.fault(first + int(row), error.details.get("attribute"), str(error))], first + int(row) + 1


def _check(table: FreeTable, source: _Source, options: argparse.Namespace) -> tuple[list[_Fault], int]:
    rows = source.reader() if source.is_binary else source.rows()
    choices = row_service_pb2.InsertOptions(
        skip_duplicates=options.skip_duplicates,
        replace=options.replace,
        ignore_extra_fields=options.ignore_extra_fields,
    )
    found = validate(table, rows, choices)
    return [source.fault(*error) for error in found.errors], found.rows_checked


def _summary(count: int, faults: list[_Fault], *, checked: bool, table: str) -> str:
    if not checked:
        return f"inserted {plural(count, 'row')} into {table}" if not faults else f"nothing was inserted into {table}"
    if not faults:
        return f"{plural(count, 'row')} can be inserted into {table}"
    return f"{len(faults)} of {plural(count, 'row')} cannot be inserted into {table}; nothing was inserted"
