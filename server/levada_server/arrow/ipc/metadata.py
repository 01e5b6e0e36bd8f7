"""The metadata of a message in an Arrow IPC stream: the few fields of its FlatBuffer that are read here.

Source: Arrow columnar format, "Encapsulated message format", `Message.fbs`; FlatBuffers, "Internals".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Octets: TypeAlias = "bytes | bytearray | memoryview"

PREFIX = struct.Struct("<Ii")
"""The bytes before the metadata of a message: a mark, and the metadata's size."""
CONTINUATION = 0xFFFFFFFF
MAX_METADATA_BYTES = 2**24
"""The maximum size of a message's metadata; a stream with a larger one is not read."""
DICTIONARY, BATCH = 2, 3
"""Kinds of messages that have values."""

_MESSAGE_KIND, _MESSAGE_HEADER, _MESSAGE_BODY = 1, 2, 3
_BATCH_ROWS, _BATCH_NODES, _BATCH_BUFFERS, _BATCH_COMPRESSION = 0, 1, 2, 3
_DICTIONARY_ID, _DICTIONARY_BATCH, _DICTIONARY_DELTA = 0, 1, 2
_PAIR_BYTES = 16
"""Nodes are pairs of a length and a count of nulls, buffers of a position and a size; int64 all."""


@dataclass(frozen=True, slots=True)
class Values:
    """The values in a message.

    Args:
        rows: The number of rows, as the message says.
        lengths: The length of every column, and of every column within one.
        compressed: Position and size in the message's body of each buffer, if the buffers are compressed; else None.
        dictionary: The id of the dictionary that they are; None: they are a record batch.
        delta: They are appended to the dictionary.
    """

    rows: int
    lengths: tuple[int, ...]
    compressed: tuple[tuple[int, int], ...] | None
    dictionary: int | None = None
    delta: bool = False


def kind_and_body(message: Octets) -> tuple[int, int]:
    """Return the kind of a message, and the size of its body.

    Raises:
        struct.error: The metadata are damaged.
    """
    root = _root(message)
    return _number(message, root, _MESSAGE_KIND, "<B"), _number(message, root, _MESSAGE_BODY, "<q")


def has_rows(message: Octets) -> bool:
    """Return whether a message is a record batch with rows.

    Raises:
        struct.error: The metadata are damaged.
    """
    root = _root(message)
    if _number(message, root, _MESSAGE_KIND, "<B") != BATCH:
        return False
    table = _reference(message, root, _MESSAGE_HEADER)
    if table is None:
        raise struct.error
    return _number(message, table, _BATCH_ROWS, "<q") > 0


def values_in(message: Octets) -> Values:
    """Return what a dictionary or a record batch has.

    Raises:
        struct.error: The metadata are damaged.
    """
    root = _root(message)
    table = _reference(message, root, _MESSAGE_HEADER)
    if table is None:
        raise struct.error
    if _number(message, root, _MESSAGE_KIND, "<B") == BATCH:
        return _batch(message, table)
    batch = _reference(message, table, _DICTIONARY_BATCH)
    if batch is None:
        raise struct.error
    values = _batch(message, batch)
    return Values(
        values.rows,
        values.lengths,
        values.compressed,
        dictionary=_number(message, table, _DICTIONARY_ID, "<q"),
        delta=bool(_number(message, table, _DICTIONARY_DELTA, "<B")),
    )


def _batch(message: Octets, table: int) -> Values:
    nodes = _pairs(message, table, _BATCH_NODES)
    compressed = None
    if _reference(message, table, _BATCH_COMPRESSION) is not None:
        buffers = _pairs(message, table, _BATCH_BUFFERS)
        compressed = tuple(zip(buffers[::2], buffers[1::2], strict=True))
    return Values(_number(message, table, _BATCH_ROWS, "<q"), nodes[::2], compressed)


def _root(message: Octets) -> int:
    return int(struct.unpack_from("<I", message)[0])


def _place(message: Octets, table: int, number: int) -> int | None:
    """Find a field of a table; None if it is missing."""
    vtable = table - struct.unpack_from("<i", message, table)[0]
    entry = 4 + 2 * number
    if vtable < 0:
        raise struct.error
    (vtable_bytes,) = struct.unpack_from("<H", message, vtable)
    (place,) = struct.unpack_from("<H", message, vtable + entry) if entry < vtable_bytes else (0,)
    return table + place if place else None


def _number(message: Octets, table: int, number: int, form: str) -> int:
    """Read an integer; 0 if it is missing."""
    place = _place(message, table, number)
    return 0 if place is None else int(struct.unpack_from(form, message, place)[0])


def _reference(message: Octets, table: int, number: int) -> int | None:
    """Find what a field refers to; None if it is missing."""
    place = _place(message, table, number)
    return None if place is None else place + int(struct.unpack_from("<I", message, place)[0])


def _pairs(message: Octets, table: int, number: int) -> tuple[int, ...]:
    """Read a vector of pairs of int64, one number after the other; none if it is missing."""
    start = _reference(message, table, number)
    if start is None:
        return ()
    (count,) = struct.unpack_from("<I", message, start)
    if start + 4 + count * _PAIR_BYTES > len(message):
        raise struct.error
    return struct.unpack_from(f"<{2 * count}q", message, start + 4)
