"""Arrow IPC streams from clients → record batches: nothing is decoded before its type and its size are known.

Few bytes may stand for many: compressed buffers, columns without any bytes, dictionaries that grow. So the metadata of
each message is read first, and a message that is too large is refused while it is still small.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import InvalidOperation
from itertools import repeat
from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.admitted import check_schema
from levada_server.arrow.ipc import metadata
from levada_server.errors import InvalidRequest, LimitReached

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY_BYTES = 512 * 2**20
"""The maximum size of a record batch: twice the largest value that a server allows."""
DECODED_BYTES = 64 * 2**20
"""A compressed record batch takes at most this much once it is decoded, or `DECODED_RATIO` times its own size."""
DECODED_RATIO = 4
DICTIONARY_BYTES = 256 * 2**20
"""The maximum size of all dictionaries of a stream, once they are decoded; they are kept to its end."""
BATCH_VALUES = 64 * 2**20
"""Values of all columns of a record batch: some columns have values without any bytes."""

READ_FAULTS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, ArithmeticError, InvalidOperation,
               RecursionError)  # fmt: skip
"""The errors that Arrow, and Python's types behind it, raise for bytes that hold no valid values."""


@dataclass(slots=True)
class Allowance:
    """How much all the batches of a stream, or of several, may still take once they are decoded; None: any number.

    Args:
        bytes: Bytes of their buffers.
        values: Values of their columns.
    """

    bytes: int | None = None
    values: int | None = None

    def take(self, size: int, count: int) -> None:
        """Count a batch.

        Raises:
            LimitReached: It does not fit any more.
        """
        if self.bytes is not None:
            self.bytes -= size
            if self.bytes < 0:
                raise LimitReached("The rows take too many bytes once they are decoded; send fewer.", limit="bytes")
        if self.values is not None:
            self.values -= count
            if self.values < 0:
                raise LimitReached("The rows have too many values; send fewer.", limit="values")


@dataclass(frozen=True, slots=True)
class BatchSize:
    """The size of a record batch.

    Args:
        rows: The number of rows.
        values: The number of values of all its columns, and of the columns within these.
        bytes: The memory for its buffers, decoded and, if they differ, as they came.
        dictionary_bytes: The memory for all dictionaries that are kept with it.
    """

    rows: int
    values: int
    bytes: int
    dictionary_bytes: int


@contextmanager
def valid_stream(what: str, **details: object) -> Iterator[None]:
    """Turn whatever reading raises into one clear error.

    Args:
        what: Names the stream in the error: `The rows`.
        details: The details of the error.

    Raises:
        InvalidRequest: The stream is not valid.
    """
    try:
        yield
    except READ_FAULTS as error:
        raise InvalidRequest(f"{what} are not a valid Arrow IPC stream: {_text(error)}", **details) from None


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__


@dataclass(slots=True)
class CheckedStream:
    """An Arrow IPC stream whose types and sizes are checked before Arrow decodes what it has.

    Args:
        content: The file that it is read from; it can seek.
        nested: Columns may hold lists and structs.
        allowance: For all its batches.

    Raises:
        WrongValue: A column has a type that is not admitted.
    """

    content: pa.NativeFile
    nested: bool
    allowance: Allowance = field(default_factory=Allowance)
    _reader: pa.RecordBatchStreamReader = field(init=False)
    _dictionaries: dict[int, int] = field(init=False, default_factory=dict)
    _dictionary_bytes: int = field(init=False, default=0)
    _size: BatchSize | None = field(init=False, default=None)
    _checked: bool = field(init=False, default=False)
    _end: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Read the schema."""
        self._reader = pa.ipc.open_stream(self.content)
        check_schema(self._reader.schema, nested=self.nested)

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._reader.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the record batches, each validated.

        Raises:
            LimitReached: One would be too large.
            Exception: The stream is damaged; `valid_stream` knows them all.
        """
        while (batch := self.read()) is not None:
            yield batch

    def read(self) -> pa.RecordBatch | None:
        """Return the next record batch, validated; None at the end.

        Raises:
            LimitReached: It would be too large.
            Exception: The stream is damaged; `valid_stream` knows them all.
        """
        self.check_next()
        self._checked = False
        try:
            batch = self._reader.read_next_batch()
        except StopIteration:
            return None
        # Whatever is read from it before this may lie outside of its memory.
        batch.validate(full=True)
        return batch

    def skip(self) -> None:
        """Leave out the next record batch, which has been checked; nothing can be read any more, only checked."""
        self._checked = False
        self.content.seek(self._end)

    def check_next(self) -> BatchSize | None:
        """Check the messages up to the next record batch without decoding them.

        Returns:
            The size of the batch; None at the end, and where `read` raises an error because the stream is damaged.
        """
        if self._checked:
            return self._size
        self._size = None
        begin, first = self.content.tell(), True
        while True:
            prefix = self.content.read(metadata.PREFIX.size)
            if len(prefix) < metadata.PREFIX.size:
                break  # cut off: Arrow finds it
            mark, size = metadata.PREFIX.unpack(prefix)
            if mark == metadata.CONTINUATION and size == 0:
                break
            if mark != metadata.CONTINUATION or not 0 < size <= metadata.MAX_METADATA_BYTES:
                raise InvalidRequest("The bytes are in a form of Arrow IPC streams that is not read here.")
            message = self.content.read(size)
            try:
                kind, body_bytes = metadata.kind_and_body(message)
                if kind not in (metadata.DICTIONARY, metadata.BATCH):
                    break  # Arrow refuses it
                values = metadata.values_in(message)
            except (struct.error, IndexError):
                raise InvalidRequest("The metadata of an Arrow IPC message are damaged.") from None
            if first and values.dictionary is None and not body_bytes and values.rows <= 0:
                begin += len(prefix) + size  # Arrow need not see it
                continue
            first = False
            self._check_values(values, body_bytes)
            if values.dictionary is None:
                break
        self._end = self.content.tell()
        self.content.seek(begin)
        self._checked = True
        return self._size

    def _check_values(self, values: metadata.Values, body_bytes: int) -> None:
        """Check the values of a message whose metadata have been read, and go behind it."""
        count = sum(map(max, values.lengths, repeat(1)))
        if body_bytes > MAX_BODY_BYTES or body_bytes < 0 or count > BATCH_VALUES:
            raise LimitReached(
                f"A record batch has {body_bytes} bytes and {count} values; send batches of at most {MAX_BODY_BYTES} "
                f"bytes and {BATCH_VALUES} values.",
                limit="batch",
                value=MAX_BODY_BYTES,
            )
        start = self.content.tell()
        decoded = self._decoded_bytes(values, start, body_bytes)
        if values.compressed is not None and decoded > min(
            max(DECODED_BYTES, DECODED_RATIO * body_bytes), MAX_BODY_BYTES
        ):
            raise LimitReached(
                f"A compressed record batch of {body_bytes} bytes has {decoded} once it is decoded; send smaller "
                "batches, or leave them uncompressed.",
                limit="batch",
                value=DECODED_BYTES,
            )
        if values.dictionary is None:
            self.allowance.take(decoded, count)
            held = decoded + (0 if values.compressed is None else body_bytes)
            self._size = BatchSize(values.rows, count, held, self._dictionary_bytes)
        else:
            self._count_dictionary(values, decoded)
        self.content.seek(start + body_bytes)

    def _decoded_bytes(self, values: metadata.Values, start: int, body_bytes: int) -> int:
        """Sum what the buffers of a message take once they are decoded; each that is compressed says how much."""
        if values.compressed is None:
            return body_bytes
        total = 0
        for position, size in values.compressed:
            if size <= 0:
                continue
            if position < 0 or position + 8 > body_bytes:
                raise InvalidRequest("A buffer of an Arrow IPC message lies outside of it.")
            self.content.seek(start + position)
            (declared,) = struct.unpack("<q", self.content.read(8).ljust(8, b"\0"))
            total += size if declared < 0 else declared
        return total

    def _count_dictionary(self, values: metadata.Values, decoded: int) -> None:
        assert values.dictionary is not None
        replaced = 0 if values.delta else self._dictionaries.get(values.dictionary, 0)
        self._dictionaries[values.dictionary] = self._dictionaries.get(values.dictionary, 0) - replaced + decoded
        self._dictionary_bytes += decoded - replaced
        if self._dictionary_bytes > DICTIONARY_BYTES:
            raise LimitReached(
                f"The dictionaries of a stream take {self._dictionary_bytes} bytes, and the limit is "
                f"{DICTIONARY_BYTES}; send plain values.",
                limit="dictionaries",
                value=DICTIONARY_BYTES,
            )
        self.allowance.take(decoded, 0)
