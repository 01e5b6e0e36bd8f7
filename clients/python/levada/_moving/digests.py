"""Digests of rows, equal on both sides if all values are: of any order, and independent of how a driver spells them."""

from __future__ import annotations

import datetime as dt
import math
import struct
from dataclasses import dataclass
from decimal import Context, Decimal
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from levada._objects.handles import StoredArray, StoredObject
from levada._values.attached import AttachedFile
from levada._values.kinds.value_kind import storage_of
from levada._values.types import Family, type_of_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from levada._values.heading import Heading

_BYTES = 16
_MODULUS = 2 ** (8 * _BYTES)
_EXACT = Context(prec=1_000)
"""Rounds no number of a database; Python's own context rounds to 28 digits."""
_DAY_BITS = 32
"""The size of a date, and of no other moment."""


@dataclass(frozen=True, slots=True)
class StoredPath:
    """A file that stays where it is, in its store.

    Args:
        path: Within the store.
        size: In bytes.
    """

    path: str
    size: int


@dataclass(slots=True)
class Total:
    """The digest of rows, in any order.

    Args:
        count: How many rows there are.
        sum: The sum of their digests.
    """

    count: int = 0
    sum: int = 0

    def add(self, rows: Sequence[bytes]) -> None:
        """Add rows, by their digests."""
        self.count += len(rows)
        self.sum = (self.sum + sum([int.from_bytes(row, "big") for row in rows])) % _MODULUS

    def add_digest(self, row: bytes) -> None:
        """Add a row, by its digest."""
        self.count += 1
        self.sum = (self.sum + int.from_bytes(row, "big")) % _MODULUS

    @property
    def text(self) -> str:
        """The digest in hexadecimal digits."""
        return f"{self.sum:0{2 * _BYTES}x}"


def digest(tokens: Iterable[bytes]) -> bytes:
    """Return the digest of some tokens in their order."""
    return blake2b(b"".join([b"%d:%b" % (len(token), token) for token in tokens]), digest_size=_BYTES).digest()


def token(value: Any, *, float32: bool = False, json: bool = False) -> bytes:  # noqa: ANN401  # whatever a row holds
    """Return bytes that are equal for equal values of the same kind.

    Args:
        float32: The attribute has four bytes, so the value is rounded to them first.
        json: In JSON 1.0 and 1 are the same number.
    """
    plain = _PLAIN.get(type(value))
    if plain is not None:
        return plain(value)
    if type(value) is float and not json:
        return _float(float(np.float32(value)) if float32 else value)
    match value:
        case float():
            if json and value.is_integer():
                return b"i%d" % int(value)
            return _float(float(np.float32(value)) if float32 else value)
        case dict() | list() | tuple() | set() | frozenset() | np.ndarray() | np.generic():
            return _compound(value, json=json)
        case StoredArray():
            return _array(np.asarray(value))
        case AttachedFile() | StoredPath() | Path() | StoredObject():
            return _file(value)
        case complex():
            return b"c" + struct.pack("<dd", value.real, value.imag)
        case _ if hasattr(value, "tocsc"):
            sparse = value.tocsc()
            return b"p" + digest([token(sparse.shape), *map(_array, (sparse.data, sparse.indices, sparse.indptr))])
        case _:
            return repr(value).encode()


def _moment(value: dt.datetime) -> bytes:
    return b"z" + value.astimezone(dt.UTC).isoformat().encode() if value.tzinfo else b"d" + value.isoformat().encode()


_PLAIN: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"-",
    bool: lambda value: b"B%d" % value,
    int: lambda value: b"i%d" % value,
    str: lambda value: b"s" + value.encode(errors="surrogatepass"),
    bytes: lambda value: b"b" + value,
    Decimal: lambda value: b"n" + str(_EXACT.plus(_EXACT.normalize(value))).encode(),
    dt.timedelta: lambda value: b"t%d" % (value // dt.timedelta(microseconds=1)),
    dt.datetime: _moment,
    dt.date: lambda value: b"d" + value.isoformat().encode(),
    dt.time: lambda value: b"d" + value.isoformat().encode(),
    UUID: lambda value: b"u" + value.bytes,
}
"""Values that most rows hold, which are found by their exact type because this is quick."""


def _compound(value: Any, *, json: bool) -> bytes:  # noqa: ANN401  # as in token
    match value:
        case dict():
            # jsonb has an order of its own.
            items = sorted(value.items()) if json else value.items()
            return b"D" + digest(token(part, json=json) for item in items for part in item)
        case list() | tuple():
            return type(value).__name__.encode() + digest(token(item, json=json) for item in value)
        case set() | frozenset():
            return b"S" + digest(sorted(token(item) for item in value))
        case np.ndarray():
            return _array(value)
        case _:
            return b"g" + _array(np.asarray(value))


def _file(value: AttachedFile | StoredPath | Path | StoredObject) -> bytes:
    """Return the token of a file or folder, by what is in it; of one that stays in its place, by its path and size."""
    if isinstance(value, AttachedFile):
        return b"f" + digest([value.name.encode(), value.content])
    if isinstance(value, StoredPath):
        return b"o" + digest([value.path.encode(), b"%d" % value.size])
    if isinstance(value, StoredObject) and value.codec == "filepath":
        return _file(StoredPath(value.path, value.size))
    if isinstance(value, StoredObject) and value.codec == "attach":
        return _file(AttachedFile(value.name, Path(value).read_bytes()))
    root = Path(value)
    if not root.is_dir():
        return b"F" + root.read_bytes()
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return b"T" + digest(part for path in files for part in (str(path.relative_to(root)).encode(), path.read_bytes()))


def _array(array: np.ndarray[Any, Any]) -> bytes:
    shape = repr(array.shape).encode()
    if array.dtype.names is not None:
        return b"R" + digest(
            [shape, *(part for name in array.dtype.names for part in (name.encode(), _array(array[name])))]
        )
    if array.dtype.hasobject:
        return b"O" + digest([shape, *(token(item) for item in array.ravel(order="C"))])
    plain = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if plain.dtype.kind == "U":
        return b"U" + digest([shape, *(str(item).encode() for item in plain.ravel(order="C"))])
    return b"A" + digest([shape, plain.dtype.str.encode(), np.ascontiguousarray(plain).tobytes()])


def _float(value: float) -> bytes:
    # No two NaNs differ, and neither do 0.0 and -0.0 for a database.
    return b"nan" if math.isnan(value) else struct.pack("<d", value + 0.0)


def tokens(values: Sequence[Any], *, float32: bool = False, json: bool = False) -> list[bytes]:
    """Return the tokens of the values of a column: those of `token`, more quickly."""
    kinds = set(map(type, values))
    if kinds == {float} and not json:
        return _floats(values, float32=float32)
    nullable = type(None) in kinds
    kinds.discard(type(None))
    plain = _PLAIN.get(kinds.pop()) if len(kinds) == 1 else None
    if plain is None:
        return [token(value, float32=float32, json=json) for value in values]
    return [b"-" if value is None else plain(value) for value in values] if nullable else list(map(plain, values))


def _floats(values: Sequence[float], *, float32: bool) -> list[bytes]:
    numbers = np.array(values, "<f8")
    if float32:
        numbers = numbers.astype("<f4").astype("<f8")
    packed = (numbers + 0.0).tobytes()
    found = [packed[start : start + 8] for start in range(0, len(packed), 8)]
    for place in np.flatnonzero(np.isnan(numbers)).tolist():
        found[place] = b"nan"
    return found


class RowDigests:
    """The digests of rows as they travel, with nothing decoded: equal for equal stored values.

    Content of stores is compared by its hash, whatever store and path it has; a registered file by its path, too.

    Args:
        heading: The attributes, which have one order on both sides.
    """

    def __init__(self, heading: Heading) -> None:
        self._names = heading.names
        self._key = heading.primary_key

    def take(self, batch: pa.RecordBatch | pa.Table) -> tuple[list[bytes], list[bytes]]:
        """Return the digests of the keys of some rows, and of the whole rows."""
        columns = {name: _column_tokens(batch, name) for name in self._names}
        if not columns:
            return [digest(())] * batch.num_rows, [digest(())] * batch.num_rows
        rows = [digest(row) for row in zip(*columns.values(), strict=True)]
        if not self._key:
            return [digest(())] * batch.num_rows, rows
        return [digest(key) for key in zip(*(columns[name] for name in self._key), strict=True)], rows


def _column_tokens(batch: pa.RecordBatch | pa.Table, name: str) -> list[bytes]:
    field, column = batch.schema.field(name), batch.column(name)
    type_ = type_of_column(field)
    if type_.family is Family.OBJECT:
        return [_reference(value, type_.codec) for value in column.to_pylist()]
    column = storage_of(column)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_fixed_size_list(column.type):
        return [_elements(value) for value in column]
    if pa.types.is_temporal(column.type):
        # Python has no days before the year 1, and no microseconds of PostgreSQL's last years.
        column = column.cast(pa.int32() if column.type.bit_width == _DAY_BITS else pa.int64())
    return tokens(column.to_pylist())


def _reference(value: Mapping[str, Any] | None, codec: str) -> bytes:
    if value is None:
        return token(None)
    where = value["path"] if codec == "filepath" else ""
    folder = value["file_count"] is not None
    return b"h" + digest([value["hash"].encode(), value["name"].encode(), where.encode(), b"%d" % folder])


def _elements(value: pa.Scalar) -> bytes:
    """Return the token of an array, by the bytes of its elements."""
    if not value.is_valid:
        return token(None)
    elements = value.values
    width = elements.type.byte_width
    content = memoryview(elements.buffers()[1])[elements.offset * width : (elements.offset + len(elements)) * width]
    return b"a" + bytes(content)
