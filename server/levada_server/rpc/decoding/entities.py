"""Decode a table of values from an Arrow IPC stream; its size is checked before it becomes Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.ipc.reading import READ_FAULTS, CheckedStream, valid_stream
from levada_server.errors import QueryTooDeep, ValueOutOfRange
from levada_server.query.algebra import EntitySet

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_server.arrow.ipc.reading import Allowance

MAX_BYTES = 128 * 2**20
"""The maximum size of all tables of values of a relation, and of the values that the codes of one column stand for."""
SLICE_ROWS = 10_000
"""The number of rows that become Python values at once; Arrow lets no other thread run meanwhile."""


def entity_set(serialized: bytes, count: Callable[[int, int], None], allowance: Allowance) -> EntitySet:
    """Read a table of values.

    Args:
        serialized: An Arrow IPC stream.
        count: Called with the numbers of rows and columns before their values are made; refuses too many.
        allowance: For all tables of values of a relation.

    Raises:
        InvalidRequest: It is not an Arrow IPC stream, or two columns have one name.
        WrongValue: A column's type does not hold single values.
        QueryTooDeep: The table stands for too many values.
        LimitReached: It takes too much memory once it is decoded.
    """
    with valid_stream("The bytes of a table of values", field="entities"):
        stream = CheckedStream(pa.BufferReader(serialized), nested=False, allowance=allowance)
        table = pa.Table.from_batches(stream.batches(), stream.schema)
        count(table.num_rows, table.num_columns)
        names = tuple(table.column_names)
        columns = tuple(tuple(_values(name, column)) for name, column in zip(names, table.columns, strict=True))
    return EntitySet(names, columns)


def _values(name: str, column: pa.ChunkedArray) -> list[object]:
    """Return the values of a column; UUIDs stay, other extension types become the values that they store.

    Raises:
        ValueOutOfRange: Python has no such value: a moment past the year 9999, a broken decimal.
    """
    try:
        return _python_values(column)
    except READ_FAULTS as error:
        raise ValueOutOfRange(
            f"The column `{name}` of a table of values has a {column.type} that cannot be read: {error}.",
            attribute=name,
            field="entities",
        ) from None


def _python_values(column: pa.ChunkedArray) -> list[object]:
    values: list[object] = []
    for chunk in column.chunks:
        stored = chunk.storage if isinstance(chunk, pa.ExtensionArray) and chunk.type != pa.uuid() else chunk
        if isinstance(stored, pa.DictionaryArray):
            values += _decoded(stored)
        else:
            for start in range(0, len(stored), SLICE_ROWS):
                values += stored.slice(start, SLICE_ROWS).to_pylist()
    return values


def _decoded(array: pa.DictionaryArray) -> list[object]:
    """Return the values of a column of dictionary codes; each is made once."""
    known = array.dictionary.to_pylist()
    values = [None if code is None else known[code] for code in array.indices.to_pylist()]
    if sum(len(value) for value in values if isinstance(value, (str, bytes))) > MAX_BYTES:
        raise QueryTooDeep(
            f"A table of values stands for more than {MAX_BYTES // 2**20} MB; insert it into a table.", limit=MAX_BYTES
        )
    return values
