"""Results: the Arrow stream of a relation, as it is, and in the forms of Python, NumPy, pandas and polars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada._base.config import config
from levada._base.errors import Unsupported, WrongValue
from levada._base.installation import needing
from levada._objects.fetched_handles import HANDLES, Opener
from levada._query.flattening import relation_message
from levada._values.admitted import check_schema
from levada._values.blob import decode_blob
from levada._values.codecs import decoder
from levada._values.conversions import value_kind
from levada._values.few_rows import END, only_batch
from levada._values.kinds.numbers import float_array
from levada._values.kinds.tensors import stacked_tensors
from levada._values.kinds.value_kind import storage_of
from levada._values.missing import NUMBER
from levada._values.types import AttributeType, Family, type_of_column
from levada_api.v1 import query_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    import pandas as pd
    import polars as pl

    from levada._base.display import Printer
    from levada._net.connection import Connection
    from levada._query.nodes import Node

    Array = np.ndarray[Any, Any]  # Any: an attribute's type decides


_ARROW_IPC_TAG = bytes([pb.FetchRelationResponse.ARROW_IPC_FIELD_NUMBER << 3 | 2])
_BETWEEN = ",\n "
_SHOWN = 25
"""How many entities a prompt shows."""
_FEW_ELEMENTS = 10
"""An array of more elements is shown by its type and shape."""


class Cursor:
    """Rows one after another.

    Args:
        rows: The rows, fetched as they are taken.
        as_dict: Return them as dictionaries rather than as tuples.

    Attributes:
        rowcount: -1, because nobody has counted them.
    """

    rowcount = -1

    def __init__(self, rows: Iterator[dict[str, Any]], as_dict: bool) -> None:
        self._rows: Iterator[Any] = rows if as_dict else (tuple(row.values()) for row in rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:  # noqa: ANN401  # a dictionary or a tuple
        """Return the next row; None at the end."""
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        """Return all remaining rows."""
        return list(self._rows)


class Entities(list[dict[str, Any]]):
    """Rows as dictionaries. A prompt of IPython shows the first, and of an array only its type and shape."""

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        lines = [
            f"{{{', '.join(f'{name!r}: {_short(value)}' for name, value in row.items())}}}" for row in self[:_SHOWN]
        ]
        if len(self) > _SHOWN:
            lines.append(f"… {len(self) - _SHOWN} more")
        printer.text(f"[{_BETWEEN.join(lines)}]")


def _short(value: object) -> str:
    if isinstance(value, np.ndarray) and value.size > _FEW_ELEMENTS:
        return f"<array {value.dtype} {value.shape}>"
    return repr(value)


class Result:
    """The answer to a query: batches that are read from the network on demand.

    Attributes:
        schema: The columns, with their types.

    Raises:
        LevadaError: When it is created, or while it is read.
    """

    def __init__(self, connection: Connection, node: Node) -> None:
        request = pb.FetchRelationRequest(relation=relation_message(node))
        responses = connection.receive("QueryService/FetchRelation", request, Fetched)
        pieces = (response.arrow_ipc for response in responses if response.arrow_ipc)
        first = next(pieces, b"")
        second = next(pieces, None) if first[-len(END) :] == END else b""
        self._pieces = PieceReader(_joined(first, second or b"", pieces))
        self._only = only_batch(first) if second is None else None
        if self._only is not None:
            self._reader: Any = [self._only]  # Any: batches one after the other
            self.schema = self._only.schema
            return
        # If there is only one piece, as is usual for few rows, Arrow need not ask us for its bytes.
        source = pa.py_buffer(first) if second is None else pa.PythonFile(self._pieces, "r")
        self._reader = pa.ipc.open_stream(source)
        self.schema = self._reader.schema
        check_schema(self.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches one by one; closing the iterator stops the query."""
        try:
            yield from self._reader
            self._pieces.drain()
        finally:
            self._pieces.close()

    def table(self) -> pa.Table:
        """Read all batches into one table."""
        if self._only is not None:
            return pa.Table.from_batches([self._only])
        table = self._reader.read_all()
        self._pieces.drain()
        return table

    def few(self) -> pa.Table | pa.RecordBatch:
        """Read all rows: those of few rows without the table around them."""
        return self.table() if self._only is None else self._only


def grouped(batches: Iterator[pa.RecordBatch], size_bytes: int) -> Iterator[pa.Table]:
    """Yield batches together, as tables of about a size."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= size_bytes:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)


def fetch_table(connection: Connection, node: Node) -> pa.Table:
    """Fetch all rows of a query; begin again if the server is lost midway, for nobody has seen a row yet.

    Raises:
        LevadaError: The server refuses, or stays out of reach.
    """
    return connection.until_back(lambda: Result(connection, node).table())


def _joined(
    first: bytes | memoryview, second: bytes | memoryview, others: Generator[bytes | memoryview, None, None]
) -> Generator[bytes | memoryview, None, None]:
    try:
        yield first
        yield second
        yield from others
    finally:
        others.close()


class Fetched:
    """A FetchRelationResponse that is only a piece of the stream, whose bytes stay where they arrived.

    Source: Protocol Buffers, "Encoding".
    """

    __slots__ = ("arrow_ipc",)

    def __init__(self, arrow_ipc: memoryview) -> None:
        self.arrow_ipc = arrow_ipc

    @staticmethod
    def FromString(content: bytes, /) -> Fetched | pb.FetchRelationResponse:  # as messages have it
        """Read a response."""
        if content[:1] == _ARROW_IPC_TAG:
            size = shift = 0
            start = 1
            while (octet := content[start]) & 0x80:
                size |= (octet & 0x7F) << shift
                start, shift = start + 1, shift + 7
            size |= octet << shift
            if start + 1 + size == len(content):
                return Fetched(memoryview(content)[start + 1 :])
        return pb.FetchRelationResponse.FromString(content)


class PieceReader:
    """A file made of pieces of bytes that arrive one by one."""

    closed = False

    def __init__(self, pieces: Generator[bytes | memoryview, None, None]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer only at the end; all the rest if it is negative."""
        if 0 <= size <= len(self._rest):
            taken, self._rest = self._rest[:size], self._rest[size:]
            return bytes(taken)
        parts, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(memoryview(piece))
            length += len(piece)
        surplus = max(length - size, 0) if size >= 0 else 0
        last = parts[-1]
        parts[-1], self._rest = last[: len(last) - surplus], last[len(last) - surplus :]
        return b"".join(parts)

    def drain(self) -> None:
        """Read to the end of the call, after the Arrow stream: no bytes, but the server's final metadata."""
        for _ in self._pieces:
            pass

    def close(self) -> None:
        """Cancel the call that the pieces come from."""
        self.closed = True
        self._pieces.close()


def primary_key_of(schema: pa.Schema) -> list[str]:
    """Return the names of the key of a result, in order."""
    names = (schema.metadata or {}).get(b"levada.primary_key", b"").decode()
    return names.split(",") if names else []


def to_dicts(
    table: pa.Table | pa.RecordBatch, *, squeeze: bool = False, opener: Opener = HANDLES
) -> list[dict[str, Any]]:
    """Convert rows to dictionaries of plain Python values, in the order of the heading."""
    names = table.schema.names
    if not names:
        return [{} for _ in range(table.num_rows)]
    columns = [
        python_values(table.column(index), field, squeeze=squeeze, opener=opener)
        for index, field in enumerate(table.schema)
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def python_values(
    column: pa.Array | pa.ChunkedArray, field: pa.Field, *, squeeze: bool = False, opener: Opener = HANDLES
) -> list[Any]:
    """Convert a column to Python values: the fourth column of the table of types.

    Raises:
        WrongValue: A value is damaged; the message names attribute and row.
        Unsupported: A codec is missing.
    """
    type_ = type_read(field)
    try:
        if type_.codecs:
            return _decoded(_stored_values(column, type_, squeeze=False, opener=opener), decoder(type_))
        return _stored_values(column, type_, squeeze=squeeze, opener=opener)
    except (Unsupported, WrongValue) as error:
        raise type(error)(f"Attribute `{field.name}`: {error}", error.details) from None


def type_read(field: pa.Field) -> AttributeType:
    """Return the type of a column, without its codecs if these are not to be applied."""
    type_ = type_of_column(field)
    return type_ if config["codecs.decode"] else type_.stored


def _stored_values(
    column: pa.Array | pa.ChunkedArray, type_: AttributeType, *, squeeze: bool, opener: Opener
) -> list[Any]:
    values = value_kind(type_).to_python(column, type_)
    match type_.family:
        case Family.BLOB:
            return _decoded(values, lambda blob: _squeezed(decode_blob(blob, opener.value_bytes), squeeze))
        case Family.FILE:
            return [None if value is None else opener.attachment(value) for value in values]
        case Family.OBJECT:
            objects = opener.objects(values, type_)
            return [_squeezed(value, squeeze) for value in objects] if type_.codec == "blob" else objects
        case Family.ARRAY:
            return [_squeezed(value, squeeze) for value in values]
        case _:
            return values


def to_array(column: pa.ChunkedArray, field: pa.Field, *, squeeze: bool = False, opener: Opener = HANDLES) -> Array:
    """Convert a column to an array of shape (n_rows,), or (n_rows, …) for fixed-shape arrays.

    Integers become int64 (uint64 if they are), or objects if some are missing; floats become float64 with NaN for
    missing, which an insert knows from NaN that was stored; bool stays; everything else is an array of objects with
    None for missing.
    """
    type_ = type_read(field)
    if type_.codecs:
        return _objects(python_values(column, field, opener=opener))
    # np.array copies: Arrow's memory is read-only, and people compute in place.
    if type_.integer and column.null_count == 0:
        return np.array(column.to_numpy(), dtype=type_.wide)
    if type_.floating:
        return float_array(column, type_)
    if type_.family is Family.BOOL and column.null_count == 0:
        return np.array(column.to_numpy(), dtype=np.bool_)
    if type_.dtype is not None and column.null_count == 0:
        return stacked_tensors(column, type_)
    return _objects(python_values(column, field, squeeze=squeeze, opener=opener))


def to_records(table: pa.Table, *, squeeze: bool = False, opener: Opener = HANDLES) -> np.recarray[Any, Any]:
    """Convert rows to a structured array of shape (n_rows,) with one field per attribute."""
    columns = [
        to_array(table.column(index), field, squeeze=squeeze, opener=opener) for index, field in enumerate(table.schema)
    ]
    dtype = [(n, c.dtype, c.shape[1:]) for n, c in zip(table.schema.names, columns, strict=True)]
    records = np.empty(table.num_rows, dtype=dtype)
    for name, column in zip(table.schema.names, columns, strict=True):
        records[name] = column
    return records.view(np.recarray)


def to_pandas(table: pa.Table, *, squeeze: bool = False, opener: Opener = HANDLES) -> pd.DataFrame:
    """Convert rows to a DataFrame whose index is the primary key; the type of a column depends on its attribute alone.

    Integers become int64, or Int64 if the attribute is nullable (uint64, UInt64 for uint64); floats keep their width,
    with NaN for NULL; bool becomes bool or boolean; dates and moments datetime64[us]; enums categories; the rest
    objects or text.
    """
    with needing("pandas"):
        import pandas as pd

    def column_of(column: pa.ChunkedArray, field: pa.Field) -> object:
        type_ = type_read(field)
        match "codec" if type_.codecs else type_.family:
            case Family.INTEGER if field.nullable:
                return pd.array(column.to_pylist(), dtype="UInt64" if type_.wide is np.uint64 else "Int64")
            case Family.BOOL if field.nullable:
                return pd.array(column.to_pylist(), dtype="boolean")
            case Family.FLOAT:
                return float_array(column, type_).astype(column.type.to_pandas_dtype())
            case Family.TEXT if type_.labels:
                return pd.Categorical(column.cast(pa.utf8()).to_pylist(), categories=list(type_.labels))
            case Family.PLAIN if pa.types.is_date32(column.type):
                return column.cast(pa.timestamp("us")).to_pandas().array
            case _:
                return _pandas_column(column, field, squeeze=squeeze, opener=opener)

    return _frame(table, column_of)


def to_frame(table: pa.Table, *, squeeze: bool = False, opener: Opener = HANDLES) -> pd.DataFrame:
    """Convert rows to a DataFrame as DataJoint's `fetch` returns it: with float64, and objects for dates and enums."""
    return _frame(table, lambda column, field: _pandas_column(column, field, squeeze=squeeze, opener=opener))


def _frame(table: pa.Table, column_of: Callable[[pa.ChunkedArray, pa.Field], object]) -> pd.DataFrame:
    with needing("pandas"):
        import pandas as pd

    columns = {field.name: column_of(table.column(index), field) for index, field in enumerate(table.schema)}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), columns=table.schema.names)
    key = primary_key_of(table.schema)
    return frame.set_index(key) if key else frame


def _pandas_column(column: pa.ChunkedArray, field: pa.Field, *, squeeze: bool, opener: Opener) -> Any:  # noqa: ANN401
    # Any: anything that pandas takes as a column
    import pandas as pd

    type_ = type_read(field)
    match "codec" if type_.codecs else type_.family:
        case Family.INTEGER if column.null_count:
            return pd.array(column.to_pylist(), dtype="UInt64" if type_.wide is np.uint64 else "Int64")
        case Family.BOOL if column.null_count:
            return pd.array(column.to_pylist(), dtype="boolean")
        case Family.TEXT:
            return column.cast(pa.utf8()).to_pandas().array
        case Family.MOMENT:
            return column.to_pandas().array
        case Family.ARRAY:
            return _objects(python_values(column, field, squeeze=squeeze, opener=opener))
        case _:
            return to_array(column, field, squeeze=squeeze, opener=opener)


def to_polars(table: pa.Table, *, opener: Opener = HANDLES) -> pl.DataFrame:
    """Convert rows to a polars DataFrame with the exact width of every number.

    UUIDs become text; enums polars' Enum; JSON and blobs objects; fixed-shape arrays polars' own arrays.
    """
    with needing("polars"):
        import polars as pl

    series: list[pl.Series] = []
    for index, field in enumerate(table.schema):
        column, type_ = table.column(index), type_read(field)
        match "codec" if type_.codecs else type_.family:
            case Family.UUID:
                values = [None if v is None else str(v) for v in python_values(column, field)]
                series.append(pl.Series(field.name, values, dtype=pl.String))
            case "codec" | Family.JSON | Family.BLOB | Family.FILE | Family.OBJECT:
                values = python_values(column, field, opener=opener)
                series.append(pl.Series(field.name, values, dtype=pl.Object))
            case Family.ARRAY if type_.dtype is not None and type_.dtype.kind in "fiu" and not column.null_count:
                series.append(pl.Series(field.name, stacked_tensors(column, type_)))
            case Family.ARRAY:
                series.append(pl.Series(field.name, python_values(column, field), dtype=pl.Object))
            case Family.TEXT if type_.labels:
                series.append(pl.Series(field.name, column.cast(pa.utf8()).to_pylist(), dtype=pl.Enum(type_.labels)))
            case _:
                plain = column.cast(pa.utf8()) if type_.textual else storage_of(column)
                if type_.floating:
                    plain = pc.if_else(pc.is_nan(plain), pa.scalar(NUMBER, plain.type), plain)
                series.append(pl.Series(field.name, plain))
    return pl.DataFrame(series)


def _decoded(values: Sequence[Any], decode: Callable[[Any], object]) -> list[Any]:  # Any: values of one column
    """Decode values; an error names the row."""
    decoded: list[Any] = []
    try:
        for value in values:
            decoded.append(None if value is None else decode(value))
    except WrongValue as error:
        raise WrongValue(f"row {len(decoded)} of the result: {error}", {"row": len(decoded)}) from None
    return decoded


def _objects(values: Sequence[object]) -> Array:
    # np.array would look into lists and arrays among the values and build more dimensions.
    return np.fromiter(values, dtype=object, count=len(values))


def _squeezed(value: object, squeeze: bool) -> object:
    return value.squeeze() if squeeze and isinstance(value, np.ndarray) else value
