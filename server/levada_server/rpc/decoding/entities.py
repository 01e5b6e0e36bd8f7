"""A table of values as condition: an Arrow IPC stream → algebra, bounded before it becomes Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.errors import InvalidRequest, QueryTooDeep
from levada_server.query.algebra import EntitySet

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 128 * 2**20
"""Of all values that the codes of a dictionary stand for: a message of few bytes may stand for many."""
SLICE_ROWS = 10_000
"""Rows that become Python values at once: Arrow lets no other thread run meanwhile."""


def entity_set(serialized: bytes, count: Callable[[int, int], None]) -> EntitySet:
    """Read a table of values.

    Args:
        serialized: An Arrow IPC stream.
        count: Told the numbers of rows and columns before their values are made; refuses too many.

    Raises:
        InvalidRequest: It is no Arrow IPC stream, or has columns of a kind that holds no single values.
        QueryTooDeep: It stands for too many values.
    """
    try:
        table = pa.ipc.open_stream(serialized).read_all()
        count(table.num_rows, table.num_columns)
        for name, column in zip(table.column_names, table.columns, strict=True):
            _check_type(name, column.type)
        table.validate(full=True)
        columns = tuple(tuple(_values(column)) for column in table.columns)
    except (pa.ArrowException, OSError) as error:
        raise InvalidRequest(f"A table of values is no valid Arrow IPC stream: {error}", field="entities") from None
    return EntitySet(tuple(table.column_names), columns)


def _check_type(name: str, type_: pa.DataType) -> None:
    """Refuse types whose values may be many times as large as their memory."""
    plain = type_.storage_type if isinstance(type_, pa.BaseExtensionType) else type_
    if pa.types.is_dictionary(plain):
        plain = plain.value_type
    views = pa.types.is_string_view(plain) or pa.types.is_binary_view(plain)
    if views or pa.types.is_run_end_encoded(plain) or pa.types.is_nested(plain):
        raise InvalidRequest(
            f"The column `{name}` of a table of values is {type_}, which cannot restrict; cast it to plain values.",
            field="entities",
        )


def _values(column: pa.ChunkedArray) -> list[object]:
    """Give the values of a column; UUIDs stay, other extension types give what they store."""
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
    """Give the values of a column of codes; each is made once."""
    known = array.dictionary.to_pylist()
    values = [None if code is None else known[code] for code in array.indices.to_pylist()]
    if sum(len(value) for value in values if isinstance(value, (str, bytes))) > MAX_BYTES:
        raise QueryTooDeep(
            f"A table of values stands for more than {MAX_BYTES // 2**20} MB; insert it into a table.", limit=MAX_BYTES
        )
    return values
