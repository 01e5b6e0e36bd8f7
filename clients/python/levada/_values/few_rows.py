"""Few rows as bytes of Arrow, and back: without the streams of Arrow, whose making takes longer than the rows."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from levada._values.admitted import check_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

END = b"\xff\xff\xff\xff\0\0\0\0"
"""The last bytes of an Arrow IPC stream, though they may also occur elsewhere."""
_PREFIX = b"\xff\xff\xff\xff"
"""The first bytes of a message of such a stream; the length of its description follows in as many."""
_DESCRIBED_BYTES = 2**14
"""The largest description of columns that is kept."""


def stream_of(schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> bytes:
    """Return rows as one Arrow IPC stream."""
    if schema.names and len(batches) > 1:  # each batch has a cost; batches without columns cannot be combined
        batches = pa.Table.from_batches(batches, schema).combine_chunks().to_batches()
    if not any(map(_has_dictionary, schema.types)):
        # Without dictionaries a stream is only a sequence of messages.
        return b"".join([schema.serialize(), *(batch.serialize() for batch in batches), END])
    content = pa.BufferOutputStream()
    with pa.ipc.new_stream(content, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    stream: bytes = content.getvalue().to_pybytes()
    return stream


def only_batch(stream: bytes | memoryview) -> pa.RecordBatch | None:
    """Read an Arrow IPC stream that has one batch and no dictionaries; return None if it has another form.

    Raises:
        WrongValue: A column has a type that is not read.
    """
    begin = _message_end(stream, 0)
    if not 0 < begin <= min(_DESCRIBED_BYTES, len(stream)):
        return None
    schema = _described(bytes(stream[:begin]))
    if schema is None or stream[begin:] == END:
        return None
    rest = pa.BufferReader(pa.py_buffer(stream).slice(begin))
    message = pa.ipc.read_message(rest)
    return pa.ipc.read_record_batch(message, schema) if rest.read() == END else None


def _message_end(stream: bytes | memoryview, begin: int) -> int:
    """Return where the description of a message ends; 0 if there is none."""
    if stream[begin : begin + 4] != _PREFIX:
        return 0
    return begin + 8 + int.from_bytes(stream[begin + 4 : begin + 8], "little")


@lru_cache(maxsize=1_000)
def _described(description: bytes) -> pa.Schema | None:
    """Read the columns of a stream; return None if their values are kept in dictionaries, which are messages too.

    Raises:
        WrongValue: A column has a type that is not read.
    """
    schema = pa.ipc.read_schema(pa.py_buffer(description))
    check_schema(schema)
    return None if any(map(_has_dictionary, schema.types)) else schema


@lru_cache(maxsize=1_000)
def _has_dictionary(arrow: pa.DataType) -> bool:
    if isinstance(arrow, pa.BaseExtensionType):
        return _has_dictionary(arrow.storage_type)
    if pa.types.is_dictionary(arrow):
        return True
    return any(_has_dictionary(arrow.field(index).type) for index in range(arrow.num_fields))
