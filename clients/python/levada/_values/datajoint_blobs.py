"""Blobs that DataJoint wrote, from Python (`dj0`) or MATLAB (`mYm`), as Python values; they are only read.

A blob is `mYm` or `dj0` and NUL, then one value: a code of one byte and its content. Integers are little-endian. Larger
blobs are compressed: `ZL123` and NUL, the length, and the content compressed by zlib.

Source: the sources of mYm (`mym.cpp`) and of DataJoint for Python (`blob.py`), which define the format.
"""

from __future__ import annotations

import datetime as dt
import math
import zlib
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from levada._base.errors import WrongValue

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]  # Any: of every dtype

_COMPRESSED = b"ZL123\0"
HEADERS = (b"mYm\0", b"dj0\0", _COMPRESSED)
"""The prefixes of these blobs."""

_MAX_BYTES = 2**31 - 1
_MAX_DEPTH = 100
_MAX_DIMENSIONS = 32
_LEAST_ITEM = 2
"""The size of the shortest value, not counting a length of four bytes before it."""

_CHAR, _OBJECTS = 4, 5
_UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as")
_DTYPES = {
    3: "?", 6: "<f8", 7: "<f4", 8: "<i1", 9: "<u1", 10: "<i2", 11: "<u2", 12: "<i4", 13: "<u4", 14: "<i8", 15: "<u8",
    **{65_536 + code: f"<M8[{unit}]" for code, unit in enumerate(_UNITS)},
}  # fmt: skip
"""NumPy's names for MATLAB's classes, and for the moments that DataJoint added."""


def decode_datajoint_blob(blob: bytes, limit_bytes: int = _MAX_BYTES) -> Any:  # noqa: ANN401  # whatever was stored
    """Read a DataJoint blob.

    Values from MATLAB are read as `values.md` says, except that a number is a 1-by-1 array.

    Raises:
        WrongValue: It is damaged, or contains a MATLAB function or object.
    """
    blob = _decompressed(blob, limit_bytes)
    try:
        return _Reader(blob, "<u8").read_all()
    except WrongValue as error:
        # 32-bit MATLAB wrote 32-bit lengths.
        try:
            return _Reader(blob, "<u4").read_all()
        except WrongValue:
            raise error from None


def _decompressed(blob: bytes, limit_bytes: int) -> bytes:
    if not blob.startswith(_COMPRESSED):
        return blob
    start = len(_COMPRESSED) + 8
    length = int.from_bytes(blob[len(_COMPRESSED) : start], "little")
    if length > limit_bytes:
        raise WrongValue(f"The blob stands for {length} bytes; at most {limit_bytes} are read.")
    try:
        raw = zlib.decompressobj().decompress(blob[start:], length + 1)
    except zlib.error:
        raise WrongValue("The blob is damaged: it cannot be decompressed.") from None
    if len(raw) != length:
        raise WrongValue(f"The blob is damaged: it claims to take {length} bytes, but does not.")
    return raw


class _Reader:
    """Reads one blob from its beginning to its end.

    Args:
        blob: Decompressed.
        length_type: The type of lengths and counts.
    """

    def __init__(self, blob: bytes, length_type: str) -> None:
        self._blob = blob
        self._length_type = length_type
        self._position = 4
        self._depth = 0
        self._read_kind: dict[int, Callable[[], Any]] = {  # Any: whatever was stored
            ord("A"): self._array,
            ord("P"): self._sparse,
            ord("S"): self._structs,
            ord("C"): self._cells,
            ord("F"): self._records,
            ord("d"): lambda: Decimal(self._text()),
            ord("t"): self._moment,
            ord("u"): lambda: UUID(bytes=self._take(16)),
            0x01: lambda: tuple(self._items()),
            0x02: self._items,
            0x03: lambda: set(self._items()),
            0x04: self._mapping,
            0x05: self._text,
            0x06: lambda: self._take(self._length()),
            0x0A: lambda: int.from_bytes(self._take(self._number("<u2")), "little", signed=True),
            0x0B: lambda: self._take(1) != b"\0",
            0x0C: lambda: complex(self._elements("<c16", 1)[0]),
            0x0D: lambda: float(self._elements("<f8", 1)[0]),
            0xFF: lambda: None,
        }

    def read_all(self) -> Any:  # noqa: ANN401  # whatever was stored
        """Read the value, which must fill the whole blob."""
        try:
            value = self._value()
        except (ValueError, TypeError, OverflowError, InvalidOperation, MemoryError) as error:
            raise WrongValue(f"The blob of DataJoint is damaged: {error}.") from None
        if self._position != len(self._blob):
            raise WrongValue("The blob of DataJoint is damaged: something follows its end.")
        return value

    def _value(self) -> Any:  # noqa: ANN401  # whatever was stored
        code = self._take(1)[0]
        read = self._read_kind.get(code)
        if read is None:
            raise WrongValue(f"The blob of DataJoint holds a value of the code {code:#04x}, which is unknown.")
        if self._depth == _MAX_DEPTH:
            raise WrongValue(f"The blob of DataJoint is nested deeper than {_MAX_DEPTH} levels.")
        self._depth += 1
        value = read()
        self._depth -= 1
        return value

    # --------------------------------------------------------------------------------------------- pieces

    def _take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._blob):
            raise WrongValue("The blob of DataJoint is damaged: it ends too early.")
        taken = self._blob[self._position : end]
        self._position = end
        return taken

    def _elements(self, dtype: str, count: int) -> Array:
        return np.frombuffer(self._take(np.dtype(dtype).itemsize * count), dtype)

    def _number(self, dtype: str) -> int:
        return int(self._elements(dtype, 1)[0])

    def _length(self) -> int:
        return self._number(self._length_type)

    def _name(self) -> str:
        end = self._blob.find(b"\0", self._position)
        if end < 0:
            raise WrongValue("The blob of DataJoint is damaged: the name of a field is not terminated.")
        name = self._take(end - self._position).decode()
        self._position += 1
        return name

    def _shape(self) -> tuple[int, ...]:
        count = self._length()
        if count > _MAX_DIMENSIONS:
            raise WrongValue(f"The blob of DataJoint is damaged: an array of {count} dimensions.")
        shape = tuple(self._length() for _ in range(count))
        if math.prod(shape) > _MAX_BYTES:
            raise WrongValue(f"The blob of DataJoint is damaged: an array of shape {shape}.")
        return shape

    def _sized(self) -> Any:  # noqa: ANN401  # whatever was stored
        """Read a value that follows its length."""
        size = self._length()
        start = self._position
        value = self._value()
        if self._position - start != size:
            raise WrongValue("The blob of DataJoint is damaged: a value does not have its stated length.")
        return value

    def _many(self, count: int) -> list[Any]:
        if count * (_LEAST_ITEM + 4) > len(self._blob):
            raise WrongValue(f"The blob of DataJoint is damaged: it cannot hold {count} values.")
        return [self._sized() for _ in range(count)]

    def _objects(self, shape: tuple[int, ...]) -> Array:
        values = self._many(math.prod(shape))
        return np.fromiter(values, dtype=object, count=len(values)).reshape(shape, order="F")

    # ---------------------------------------------------------------------------------------------- kinds

    def _items(self) -> list[Any]:
        return self._many(self._length())

    def _mapping(self) -> dict[Any, Any]:
        values = self._many(2 * self._length())
        return dict(zip(values[::2], values[1::2], strict=True))

    def _text(self) -> str:
        return self._take(self._length()).decode()

    def _array(self) -> Array | str:
        shape = self._shape()
        code, imaginary = self._number("<u4"), self._number("<u4")
        if code == _CHAR:
            return self._chars(shape)
        if code == _OBJECTS:
            return self._objects(shape)
        return self._numbers(code, bool(imaginary), math.prod(shape)).reshape(shape, order="F")

    def _numbers(self, code: int, imaginary: bool, count: int) -> Array:
        if code not in _DTYPES:
            raise WrongValue(f"The blob of DataJoint holds an array of MATLAB's class {code}, which cannot be read.")
        dtype = np.dtype(_DTYPES[code])
        real = self._elements(_DTYPES[code], count)
        if not imaginary:
            return real.astype(dtype.newbyteorder("="))
        numbers = np.empty(count, np.complex64 if dtype == np.float32 else np.complex128)
        numbers.real, numbers.imag = real, self._elements(_DTYPES[code], count)
        return numbers

    def _chars(self, shape: tuple[int, ...]) -> Array | str:
        """Read text: a row is a str, several rows an array with one text for each."""
        units = self._elements("<u2", math.prod(shape)).reshape(shape, order="F")
        if len(shape) < 2 or shape[0] == 1 or not units.size:
            return units.tobytes().decode("utf-16-le")
        rows = units.reshape(shape[0], -1, order="F")
        return np.array([[row.tobytes().decode("utf-16-le")] for row in rows])

    def _cells(self) -> Array:
        return self._objects(self._shape())

    def _structs(self) -> Array | dict[str, Any]:
        shape = self._shape()
        names = self._field_names()
        count = math.prod(shape)
        values = self._many(count * len(names))
        if count == 1 and len(shape) == 2:
            return dict(zip(names, values, strict=True))
        structs = np.empty(shape, dtype=[(name, object) for name in names])
        for index, name in enumerate(names):
            field = np.fromiter(values[index :: len(names)], dtype=object, count=count)
            structs[name] = field.reshape(shape, order="F")
        return structs

    def _field_names(self) -> list[str]:
        count = self._number("<u4")
        if count > len(self._blob) - self._position:
            raise WrongValue(f"The blob of DataJoint is damaged: it cannot hold {count} fields.")
        names = [self._name() for _ in range(count)]
        if len(set(names)) != count or "" in names:
            raise WrongValue("The blob of DataJoint is damaged: its fields lack names, or a name occurs twice.")
        return names

    def _records(self) -> Array:
        names = self._field_names()
        fields = [np.asarray(self._value()) for _ in names]
        if not fields:
            return np.empty((), dtype=[])
        shape = fields[0].shape
        records = np.empty(shape, dtype=[(name, field.dtype) for name, field in zip(names, fields, strict=True)])
        for name, field in zip(names, fields, strict=True):
            if field.shape != shape:
                raise WrongValue("The blob of DataJoint is damaged: the fields of an array differ in shape.")
            records[name] = field
        return records

    def _sparse(self) -> Any:  # noqa: ANN401  # SciPy has no types
        row_count, column_count, room = self._length(), self._length(), self._length()
        code, imaginary = self._number("<u4"), self._number("<u4")
        starts = self._elements(self._length_type, column_count + 1).astype(np.int64)
        rows = self._elements(self._length_type, room).astype(np.int64)
        elements = self._numbers(code, bool(imaginary), room)
        used = int(starts[-1])
        if used > room or starts[0] or (np.diff(starts) < 0).any() or (used and rows[:used].max() >= row_count):
            raise WrongValue("The blob of DataJoint is damaged: the parts of a sparse matrix do not match.")
        try:
            from scipy import sparse
        except ImportError:
            raise WrongValue("The blob holds a sparse matrix; `pip install scipy` to read it.") from None
        return sparse.csc_array((elements[:used], rows[:used], starts), shape=(row_count, column_count))

    def _moment(self) -> dt.date | dt.time | dt.datetime:
        """Read a day and a time of day, written as decimal digits: 20260131 and 235959999999; -1: none."""
        day, clock = self._number("<i4"), self._number("<i8")
        date = dt.date(day // 10_000, day // 100 % 100, day % 100) if day >= 0 else None
        if clock < 0:
            if date is None:
                raise WrongValue("The blob of DataJoint is damaged: a moment without day and time.")
            return date
        whole, microseconds = divmod(clock, 10**6)
        time = dt.time(whole // 10_000 % 100, whole // 100 % 100, whole % 100, microseconds)
        return time if date is None else dt.datetime.combine(date, time)
