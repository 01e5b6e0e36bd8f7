"""The digest of the rows of a read, taken from the Arrow batches in which they travel."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PLACES = frozenset({"store", "path"})
"""The place of an object, which changes nothing of its content."""
HELD_BYTES = 4 * 2**20
"""Rows up to this size are brought into the order of their key first; more are digested as they come."""


class RowDigest:
    """The digest of rows: equal for equal values, whatever the batches and, up to a size, the order of the rows.

    Each column has hashes of its own: which values there are, how long each is, and their bytes. The hash is quick, not
    secure: it finds changes, and nobody gains by hiding one in their own results.

    Args:
        key: The names of the attributes by which no two rows agree.
    """

    def __init__(self, key: Sequence[str]) -> None:
        self._key = key
        self._held: list[pa.RecordBatch] | None = []
        self._held_bytes = 0
        self._count = 0
        self._hashes: list[xxhash.xxh3_128] = []

    def take(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch."""
        self._count += batch.num_rows
        if self._held is None:
            self._hash(batch)
            return
        self._held.append(batch)
        self._held_bytes += batch.get_total_buffer_size()
        if self._held_bytes > HELD_BYTES:
            held, self._held = self._held, None
            for earlier in held:
                self._hash(earlier)

    def text(self) -> str:
        """Return the digest of all rows."""
        if self._held:
            batch = self._held[0] if len(self._held) == 1 else pa.concat_batches(self._held)
            parts = [xxhash.xxh3_128_digest(content) for content in _all_contents(_ordered(batch, self._key))]
        else:
            parts = [part.digest() for part in self._hashes]
        return f"{self._count} {xxhash.xxh3_128_hexdigest(b''.join(parts))}"

    def _hash(self, batch: pa.RecordBatch) -> None:
        for number, content in enumerate(_all_contents(batch)):
            if number == len(self._hashes):
                self._hashes.append(xxhash.xxh3_128())
            self._hashes[number].update(content)


def digest_of(rows: pa.RecordBatch, key: Sequence[str]) -> str:
    """Return the digest of rows that are one batch."""
    digest = RowDigest(key)
    if rows.num_rows:
        digest.take(rows)
    return digest.text()


def _all_contents(batch: pa.RecordBatch) -> Iterator[memoryview | bytes]:
    for nullable, column in zip(_nullable(batch.schema), batch.columns, strict=True):
        yield from _contents(column, nullable=nullable)


@lru_cache(maxsize=1_000)
def _nullable(schema: pa.Schema) -> tuple[bool, ...]:
    return tuple(field.nullable for field in schema)


def _ordered(batch: pa.RecordBatch, key: Sequence[str]) -> pa.RecordBatch:
    """Return the rows in the order of their key, in which they mostly are already."""
    if batch.num_rows < 2 or not key:
        return batch
    columns = [_comparable(batch.column(name)) for name in key]
    first = columns[0]
    if isinstance(first, np.ndarray) and bool(np.all(first[:-1] < first[1:])):
        return batch
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    if all(before < after for before, after in pairwise(rows)):
        return batch
    return batch.take(pa.array(sorted(range(len(rows)), key=rows.__getitem__)))


def _comparable(column: pa.Array) -> np.ndarray[Any, Any] | pa.Array:
    """Return a column as NumPy has it if it holds numbers, which are compared quickly."""
    column = _storage(column)
    return column.to_numpy() if pa.types.is_integer(column.type) else column


def _storage(column: pa.Array) -> pa.Array:
    """Return a column without what only names its type."""
    if isinstance(column, pa.ExtensionArray):
        return _storage(column.storage)
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode()
    return column


def _contents(column: pa.Array, *, nullable: bool) -> Iterator[memoryview | bytes]:
    """Yield the contents of a column, always the same number of them for its type."""
    form, width = _form(column.type)
    if form == "storage":
        column = _storage(column)
        form, width = _form(column.type)
    if nullable:
        if column.null_count:  # a place without a value may hold any bytes
            yield pc.is_valid(column).cast(pa.uint8()).to_numpy().data
            column = column.drop_null()
        else:
            yield b"\1" * len(column)
    match form:
        case "struct":
            for number in range(width):
                if column.type.field(number).name in _PLACES:
                    continue
                yield from _contents(column.field(number), nullable=True)
        case "list":
            yield from _contents(column.flatten(), nullable=False)
        case "lists":
            yield pc.list_value_length(column).to_numpy().data
            yield from _contents(column.flatten(), nullable=True)
        case "boolean":
            yield column.cast(pa.uint8()).to_numpy().data
        case "text":
            yield from _texts(column, np.int32)
        case "large text":
            yield from _texts(column, np.int64)
        case _:
            begin = column.offset * width
            yield memoryview(column.buffers()[1] or b"")[begin : begin + len(column) * width]


@cache
def _form(kind: pa.DataType) -> tuple[str, int]:
    """Return how a type lays out its values, and how many fields or bytes each has."""
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_dictionary(kind):
        return "storage", 0
    if pa.types.is_struct(kind):
        return "struct", kind.num_fields
    if pa.types.is_fixed_size_list(kind):
        return "list", 0
    if pa.types.is_list(kind):
        return "lists", 0
    if pa.types.is_boolean(kind):
        return "boolean", 0
    if pa.types.is_binary(kind) or pa.types.is_string(kind):
        return "text", 0
    if pa.types.is_large_binary(kind) or pa.types.is_large_string(kind):
        return "large text", 0
    return "fixed", kind.byte_width


def _texts(column: pa.Array, offset: type[np.int32 | np.int64]) -> Iterator[memoryview]:
    """Yield the lengths of texts, and their bytes."""
    if not len(column):
        yield from (memoryview(b""), memoryview(b""))
        return
    _, offsets, content = column.buffers()
    ends: np.ndarray[Any, Any] = np.frombuffer(offsets, offset)[column.offset : column.offset + len(column) + 1]
    yield (ends[1:] - ends[:-1]).data
    yield memoryview(content or b"")[int(ends[0]) : int(ends[-1])]
