"""Decode a table of values from an Arrow IPC stream; its size is checked before it becomes Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.errors import InvalidRequest, QueryTooDeep
from levada_server.query.algebra import EntitySet

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 128 * 2**20
"""The most bytes of all values that dictionary codes stand for; a small message may stand for many."""
SLICE_ROWS = 10_000
"""The number of rows that become Python values at once; Arrow lets no other thread run meanwhile."""


def entity_set(serialized: bytes, count: Callable[[int, int], None]) -> EntitySet:
    """Read a table of values.

    Args:
        serialized: An Arrow IPC stream.
        count: Called with the numbers of rows and columns before their values are made; refuses too many.

    Raises:
        InvalidRequest: It is not an Arrow IPC stream, or a column's type does not hold single values.
        QueryTooDeep: The table stands for too many values.
    """
    try:
        table = pa.ipc.open_stream(serialized).read_all()
        count(table.num_rows, table.num_columns)
        for name, column in zip(table.column_names, table.columns, strict=True):
            _check_type(name, column.type)
        table.validate(full=True)
        columns = tuple(tuple(_values(column)) for column in table.columns)
    except (pa.ArrowException, OSError) as error:
        raise InvalidRequest(f"A table of values is not a valid Arrow IPC stream: {error}", field="entities") from None
    return EntitySet(tuple(table.column_names), columns)


def _check_type(name: str, type_: pa.DataType) -> None:
    """Refuse types whose values may be many times as large as their Arrow memory."""
    plain = type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_
    if pa.types.is_dictionary(plain):
        plain = plain.value_type
    views = pa.types.is_string_view(plain) or pa.types.is_binary_view(plain)
    if views or pa.types.is_run_end_encoded(plain) or pa.types.is_nested(plain):
        raise InvalidRequest(
            f"The column `{name}` of a table of values has type {type_}, which cannot restrict; "
            "cast it to plain values.",
            field="entities",
        )


def _values(column: pa.ChunkedArray) -> list[object]:
    """Return the values of a column; UUIDs stay, other extension types become the values that they store."""
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
