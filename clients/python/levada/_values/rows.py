"""Rows in any form, as Arrow record batches typed by the table's heading."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from levada._base.errors import InvalidRequest, UnknownAttribute
from levada._base.text import meant
from levada._values.attached import AttachedFile
from levada._values.columns import Place, arrow_column
from levada._values.condition_values import counts_nanoseconds, rounded_column
from levada._values.dataframes import numpy_column, pandas_column, polars_column
from levada._values.files import is_file
from levada._values.heading import arrow_schema
from levada._values.ipc_writer import IpcWriter
from levada._values.kinds.value_kind import storage_of
from levada._values.missing import is_unknown_nan
from levada._values.row_files import csv_rows
from levada._values.tabular import (
    DataFrame,
    is_pandas,
    is_polars,
    is_structured,
    is_tabular,
    named_index_as_columns,
    to_arrow_table,
    without_dimensions,
)
from levada._values.types import Family, type_of_column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from levada._values.heading import Attribute, Heading

_BATCH_ROWS = 16_384
_COLUMN_BATCH_ROWS = 65_536
_BATCH_BYTES = 16 * 2**20
"""A batch is cut at this many rows, more if they come as columns, or at the bytes; one row may exceed these."""
PIECE_BYTES = 2**20
"""Bytes of an Arrow stream that go into one message."""


@dataclass(frozen=True)
class Rows:
    """Rows to insert.

    Args:
        schema: Columns in the order of the heading; some may be missing.
        batches: Built as they are taken; taking them may raise an error about a row.
        whole: The only batch, if it is known that there are no others.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    whole: pa.RecordBatch | None = None

    def table(self) -> pa.Table:
        """Return all batches as one table."""
        return pa.Table.from_batches(list(self.batches), self.schema)

    def ipc_pieces(self, compression: str | None = None) -> Iterator[bytes]:
        """Write the batches as one Arrow IPC stream, piece by piece.

        Args:
            compression: How to compress large batches, by Arrow's name; None for not at all.
        """
        pending = _Pending()
        writer = IpcWriter(pending, self.schema, compression)
        for batch in self.batches:
            writer.write(batch)
            yield from pending.take()
        writer.close()
        yield from pending.take()


class Stager(Protocol):
    """Puts the values of an attribute into its store and returns their ids."""

    def stage(
        self,
        values: Sequence[object],
        attribute: Attribute,
        first_row: int,
        *,
        key: Callable[[int], Mapping[str, object]],
    ) -> list[str | None]:
        """Put them there; `key` returns the key of a row by its number."""
        ...


def read_rows(
    rows: object, heading: Heading, table: str, *, ignore_extra_fields: bool, stager: Stager | None = None
) -> Rows:
    """Convert rows of any form to the columns of a table.

    Args:
        rows: Mappings, sequences in heading order, records, an iterable of any of these, a structured array, a
            DataFrame of pandas or polars, an Arrow table, batch or reader, or the path of a CSV file with a header.
        table: The table's name, for errors.
        stager: Puts values into stores.

    Raises:
        InvalidRequest: They have none of these forms.
        UnknownAttribute: A field is not an attribute, unless `ignore_extra_fields`.
        WrongValue: A value does not fit its attribute; raised here or while the batches are taken.
    """
    reader = _Reader(heading, table, ignore_extra_fields, stager)
    if isinstance(rows, Mapping):
        raise InvalidRequest(f"insert takes many rows; one mapping is one row: {table}.insert1({{…}}).")
    if isinstance(rows, (str, os.PathLike)):
        return reader.from_rows(csv_rows(Path(rows), heading))
    if is_pandas(rows):
        return reader.from_pandas(rows)
    if is_polars(rows):
        return reader.from_polars(rows)
    if is_structured(rows):
        return reader.from_structured(rows)
    if is_tabular(rows):
        return reader.from_arrow(to_arrow_table(rows))
    rows = without_dimensions(rows)
    if isinstance(rows, Iterable):
        return reader.from_rows(iter(rows))
    raise InvalidRequest(f"{table}: a {type(rows).__name__} contains no rows to insert.")


def read_keys(rows: object, heading: Heading, table: str) -> pa.Table | None:
    """Convert the primary keys of rows to columns that can restrict; return None if a row leaves part of its key out.

    Args:
        rows: Rows as `read_rows` takes them, except a file; an iterator is used up.
        table: The table's name, for errors.

    Raises:
        LevadaError: As in `read_rows`.
    """
    reader = _Reader(heading, table, False, None)
    if is_tabular(rows):
        found = to_arrow_table(rows)
        columns: Mapping[str, Any] = {name: found.column(name).to_pylist() for name in found.schema.names}
    else:
        columns = reader._as_columns(list(rows), 0)  # type: ignore[call-overload]  # an iterable, as said above
    if not columns.keys() >= set(heading.primary_key) or any(None in columns[name] for name in heading.primary_key):
        return None
    place = Place(table)
    arrays = [storage_of(arrow_column(columns[name], heading[name], place)) for name in heading.primary_key]
    return pa.Table.from_arrays(arrays, names=heading.primary_key)


@dataclass(frozen=True)
class _Reader:
    heading: Heading
    table: str
    ignore_extra_fields: bool
    stager: Stager | None

    def _place(self, columns: Mapping[str, Any], first_row: int = 0) -> Place:
        """Return the place of some columns; the values may be anything that returns a row's value by its number."""

        def key(row: int) -> dict[str, object]:
            values = {name: columns[name][row] for name in self.heading.primary_key if name in columns}
            return {name: value.as_py() if isinstance(value, pa.Scalar) else value for name, value in values.items()}

        stage = None if self.stager is None else partial(self.stager.stage, key=key)
        return Place(self.table, first_row, stage, key)

    def from_rows(self, rows: Iterator[object]) -> Rows:
        """Read rows one by one; no more are held at once than fit a batch."""
        first = self._chunk(rows, 0, nan_is_missing=False)
        after = next(rows, _END)
        if after is not _END:
            return Rows(self.heading.arrow, self._batches(first, chain([after], rows), self._attributes))
        # One batch: attributes missing in all rows are left out, so the server knows that they are missing, unless all
        # attributes are missing, and all get their default.
        attributes = [a for a in self._attributes if a.name in first.columns or not first.columns]
        if not first.row_count:
            return Rows(self._schema(attributes), iter(()))
        batch = self._batch(first, attributes, 0)
        return Rows(batch.schema, iter([batch]), batch)

    @property
    def _attributes(self) -> list[Attribute]:
        return list(self.heading.attributes.values())

    def _batches(
        self, first: _Chunk, rows: Iterator[object], attributes: Sequence[Attribute]
    ) -> Iterator[pa.RecordBatch]:
        count, chunk = 0, first
        while chunk.row_count:
            yield self._batch(chunk, attributes, count)
            count += chunk.row_count
            chunk = self._chunk(rows, count, nan_is_missing=chunk.nan_is_missing)

    def _batch(self, chunk: _Chunk, attributes: Sequence[Attribute], first_row: int) -> pa.RecordBatch:
        place = self._place(chunk.columns, first_row)
        missing = [None] * chunk.row_count
        columns = [arrow_column(chunk.columns.get(a.name, missing), a, place) for a in attributes]
        return _record_batch(columns, self._schema(attributes), chunk.row_count)

    def _schema(self, attributes: Sequence[Attribute]) -> pa.Schema:
        return self.heading.arrow if len(attributes) == len(self.heading) else arrow_schema(attributes)

    def _chunk(self, rows: Iterator[object], first_row: int, *, nan_is_missing: bool) -> _Chunk:
        """Take enough rows for a batch, and convert them to columns.

        Args:
            nan_is_missing: In earlier rows NaN was written for missing values.
        """
        heavy = self.heading.heavy
        if not heavy:
            taken = list(islice(rows, _BATCH_ROWS))
        else:
            taken, weight = [], 0
            for row in islice(rows, _BATCH_ROWS):
                taken.append(row)
                fields = row if isinstance(row, dict) else self._fields(row, first_row + len(taken) - 1)
                weight += sum(map(_byte_count, map(fields.get, heavy)))
                if weight >= _BATCH_BYTES:
                    break
        return _Chunk(len(taken), *self._with_missing(self._as_columns(taken, first_row), nan_is_missing))

    def _with_missing(
        self, columns: Mapping[str, Sequence[object]], nan_is_missing: bool
    ) -> tuple[Mapping[str, Sequence[object]], bool]:
        """Replace NaN by None where it cannot be a value, as pandas writes it for a missing text or whole number.

        Rows that use NaN so also use it so among floats; without such a sign NaN is a value there.

        Returns:
            The columns, and whether NaN is missing among floats too.
        """
        read: dict[str, Sequence[object]] = {}
        optional = [a for a in self._attributes if a.name in columns and (a.nullable or a.default is not None)]
        for attribute in optional:
            type_, values = attribute.parsed_type, columns[attribute.name]
            if type_.floating or type_.codecs or type_.heavy or not _holds_nan(values):
                continue
            read[attribute.name] = [None if is_unknown_nan(value) else value for value in values]
            nan_is_missing = True
        for attribute in optional if nan_is_missing else ():
            if attribute.parsed_type.floating and attribute.nullable:
                values = columns[attribute.name]
                read[attribute.name] = [None if is_unknown_nan(value) else value for value in values]
        return {**columns, **read}, nan_is_missing

    def _as_columns(self, rows: list[Any], first_row: int) -> Mapping[str, Sequence[object]]:
        # Usually all rows are alike, and there may be millions: then no code of ours runs for each of them.
        classes = set(map(type, rows))
        if classes <= {tuple, list} and set(map(len, rows)) == {len(self.heading)}:
            return {name: list(map(itemgetter(index), rows)) for index, name in enumerate(self.heading.names)}
        names: set[Any] = set().union(*rows) if classes == {dict} else set()
        if not names or not names <= self.heading.attributes.keys():
            rows = [self._fields(row, number) for number, row in enumerate(rows, first_row)]
            names = set().union(*rows) & self.heading.attributes.keys()
        return {name: _field(rows, name) for name in names}

    def _fields(self, row: object, number: int) -> Mapping[str, object]:
        """Read one row as a mapping from names to values.

        Raises:
            InvalidRequest: It is not a row.
            UnknownAttribute: A field is not an attribute.
        """
        fields = row if isinstance(row, dict) else self._as_mapping(row, number)
        if not fields.keys() <= self.heading.attributes.keys():
            self._check_names([name for name in fields if name not in self.heading], number)
        return fields

    def _as_mapping(self, row: object, number: int) -> Mapping[str, object]:
        row = without_dimensions(row)
        if isinstance(row, np.void):
            row = {name: row[name] for name in row.dtype.names} if row.dtype.names else row.item()
        elif type(row).__name__ == "Series" and hasattr(row, "to_dict"):
            row = row.to_dict()
        if isinstance(row, Mapping):
            return row
        if isinstance(row, (list, tuple, np.ndarray)):
            if len(row) != len(self.heading):
                nested = any(isinstance(value, (Mapping, tuple)) for value in row)
                raise InvalidRequest(
                    f"`{self.table}`, row {number}: {len(row)} values for {len(self.heading)} attributes "
                    f"({', '.join(self.heading.names)}).{' A list of rows goes to `insert`.' if nested else ''}",
                    {"table": self.table, "row": number},
                )
            return dict(zip(self.heading.names, row, strict=True))
        raise InvalidRequest(
            f"`{self.table}`, row {number}: a row is a mapping or a sequence in the order of the heading, "
            f"not a {type(row).__name__}.",
            {"table": self.table, "row": number},
        )

    def _check_names(self, unknown: Sequence[object], row: int | None = None) -> None:
        if unknown and not self.ignore_extra_fields:
            where = f"`{self.table}`" if row is None else f"`{self.table}`, row {row}"
            raise UnknownAttribute(
                f"{where}: there is no attribute {', '.join(f'`{name}`' for name in unknown)}; "
                f"{meant(str(unknown[0]), self.heading.names)}. Pass ignore_extra_fields=True to insert the rest.",
                {"table": self.table, "attribute": str(unknown[0]), **({} if row is None else {"row": row})},
            )

    def _check_unique(self, names: Sequence[object]) -> None:
        for name in names:
            if names.count(name) > 1:
                raise InvalidRequest(f"`{self.table}`: two columns of the rows are called `{name}`.")

    def from_structured(self, array: np.ndarray[Any, Any]) -> Rows:
        """Read a structured array."""
        flat = array.reshape(-1)
        return self._from_frame({name: flat[name] for name in array.dtype.names or ()}, numpy_column, len(flat))

    def from_pandas(self, frame: DataFrame) -> Rows:
        """Read a DataFrame. NaN is missing if the attribute is nullable, and otherwise stays NaN."""
        frame = named_index_as_columns(frame)
        self._check_unique(list(frame.columns))
        return self._from_frame({name: frame[name] for name in frame.columns}, pandas_column, len(frame))

    def from_polars(self, frame: DataFrame) -> Rows:
        """Read a DataFrame. NaN is missing if the attribute is nullable, and otherwise stays NaN."""
        return self._from_frame({name: frame[name] for name in frame.columns}, polars_column, len(frame))

    def _from_frame(
        self, columns: Mapping[str, Any], convert: Callable[[Any, Attribute, Place], pa.Array], row_count: int
    ) -> Rows:
        self._check_names([name for name in columns if name not in self.heading])
        if not row_count:
            return self.from_rows(iter(()))
        attributes = [a for a in self._attributes if a.name in columns]
        place = self._place({name: _positional(column) for name, column in columns.items()})
        arrays = [convert(columns[a.name], a, place) for a in attributes]
        if arrays:  # which may have several chunks each
            whole = pa.Table.from_arrays(arrays, schema=self._schema(attributes))
        else:
            whole = pa.Table.from_batches([_record_batch((), self._schema(()), row_count)])
        return Rows(whole.schema, _cut(whole))

    def from_arrow(self, table: pa.Table) -> Rows:
        """Read an Arrow table. The server casts its columns; only conversions that it cannot know are done here."""
        self._check_names([name for name in table.schema.names if name not in self.heading])
        self._check_unique(table.schema.names)
        attributes = [a for a in self.heading.attributes.values() if a.name in table.schema.names]
        place = self._place({name: table.column(name) for name in table.schema.names})
        arrays = [self._fitted(table.column(a.name), table.schema.field(a.name), a, place) for a in attributes]
        fitted = pa.Table.from_arrays(arrays, names=[a.name for a in attributes])
        return Rows(fitted.schema, _cut(fitted) if table.num_rows else iter(()))

    def _fitted(self, column: pa.ChunkedArray, field: pa.Field, attribute: Attribute, place: Place) -> pa.ChunkedArray:
        family = attribute.parsed_type.family
        if attribute.parsed_type.codecs and type_of_column(field).codecs != attribute.parsed_type.codecs:
            return pa.chunked_array([arrow_column(column.to_pylist(), attribute, place)])
        binary = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
        stored = type_of_column(field).family is Family.BLOB if family is Family.BLOB else binary
        nested = pa.types.is_nested(column.type) and not isinstance(column.type, pa.BaseExtensionType)
        plain = family in (Family.JSON, Family.ARRAY) and nested
        if (family in (Family.BLOB, Family.FILE) and not stored) or plain or (family is Family.OBJECT and not nested):
            return pa.chunked_array([arrow_column(column.to_pylist(), attribute, place)])
        return pa.chunked_array([rounded_column(column)]) if counts_nanoseconds(column.type) else column


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some rows as columns, without the columns that no row has.

    Args:
        nan_is_missing: They have NaN for missing values.
    """

    row_count: int
    columns: Mapping[str, Sequence[object]]
    nan_is_missing: bool


def _holds_nan(values: Sequence[object]) -> bool:
    """Return whether there is NaN among values of an attribute that cannot hold it, or NaT."""
    classes = set(map(type, values))
    if any(class_.__name__ == "NaTType" for class_ in classes):
        return True
    return any(issubclass(class_, (float, np.floating)) for class_ in classes) and any(map(is_unknown_nan, values))


def _positional(column: Any) -> Any:  # noqa: ANN401  # a column of pandas, polars or NumPy
    """Return a column whose `[number]` is the value of a row."""
    return getattr(column, "iloc", column)


_END = object()


class _Pending:
    """A file that keeps its content until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._buffer = bytearray()

    def write(self, piece: bytes) -> int:
        self._buffer += piece
        return len(piece)

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """The content stays until it is taken."""

    def take(self) -> Iterator[bytes]:
        """Return the new content since the last time, in pieces of limited size."""
        buffer, self._buffer = memoryview(self._buffer), bytearray()
        for start in range(0, len(buffer), PIECE_BYTES):
            yield bytes(buffer[start : start + PIECE_BYTES])


def _cut(table: pa.Table) -> Iterator[pa.RecordBatch]:
    row_bytes = table.nbytes // max(table.num_rows, 1) + 1
    return iter(table.to_batches(max_chunksize=max(min(_COLUMN_BATCH_ROWS, _BATCH_BYTES // row_bytes), 1)))


def _record_batch(columns: Sequence[pa.Array], schema: pa.Schema, row_count: int) -> pa.RecordBatch:
    if not columns:
        # A batch without columns still has a number of rows: the only row of a singleton table.
        return pa.RecordBatch.from_struct_array(pa.array([{}] * row_count, pa.struct([])))
    return pa.RecordBatch.from_arrays(list(columns), schema=schema)


def _field(rows: list[Any], name: str) -> list[object]:
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _byte_count(value: object) -> int:
    match value:
        case dict() | list() | None:
            return 0
        case str() | bytes() | bytearray():
            return len(value)
        case Path():
            return value.stat().st_size if is_file(value) else 0
        case AttachedFile():
            return value.size
        case _:
            return int(getattr(value, "nbytes", 0))
