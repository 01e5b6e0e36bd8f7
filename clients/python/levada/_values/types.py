"""Attribute types as the server spells them, and the Arrow types of their columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa


class Family(Enum):
    """Groups of kinds that all code outside `_values/kinds` treats alike."""

    INTEGER = "whole number"
    FLOAT = "float"
    BOOL = "bool"
    TEXT = "text"
    MOMENT = "moment"
    """A moment or a span of time, for which pandas has a type."""
    UUID = "uuid"
    JSON = "json"
    BLOB = "serialized value"
    FILE = "file"
    ARRAY = "array"
    OBJECT = "object in a store"
    PLAIN = "value"
    """Read and written as Arrow has it."""


@dataclass(frozen=True, slots=True)
class Traits:
    """The properties of a kind of types.

    Args:
        arrow: The Arrow type of a column to insert; None if it depends on the type's arguments.
        family: The group that it belongs to.
        heavy: Values may be large, so they are left out unless they are needed.
    """

    arrow: pa.DataType | None
    family: Family = Family.PLAIN
    heavy: bool = False


KINDS: dict[str, Traits] = {
    **{name: Traits(pa.type_for_alias(name), Family.INTEGER) for name in ("int8", "int16", "int32", "int64")},
    **{name: Traits(pa.type_for_alias(name), Family.INTEGER) for name in ("uint8", "uint16", "uint32", "uint64")},
    "float32": Traits(pa.float32(), Family.FLOAT),
    "float64": Traits(pa.float64(), Family.FLOAT),
    "bool": Traits(pa.bool_(), Family.BOOL),
    "decimal": Traits(None),
    # An enum is sent as plain text.
    **{name: Traits(pa.utf8(), Family.TEXT) for name in ("char", "varchar", "text", "enum")},
    "date": Traits(pa.date32()),
    "time": Traits(pa.time64("us")),
    "datetime": Traits(pa.timestamp("us"), Family.MOMENT),
    "timestamp": Traits(pa.timestamp("us"), Family.MOMENT),
    "timestamptz": Traits(pa.timestamp("us", "UTC"), Family.MOMENT),
    "duration": Traits(pa.duration("us"), Family.MOMENT),
    "uuid": Traits(pa.uuid(), Family.UUID),
    "json": Traits(pa.json_(), Family.JSON),
    "bytes": Traits(pa.binary(), heavy=True),
    "blob": Traits(pa.binary(), Family.BLOB, heavy=True),
    "attach": Traits(pa.binary(), Family.FILE, heavy=True),
    "array": Traits(None, Family.ARRAY, heavy=True),
    # The id of an object is sent.
    "object": Traits(pa.utf8(), Family.OBJECT, heavy=True),
}
"""A row for each kind, by its first word; `object` for everything that is kept in a store."""

_UNKNOWN = Traits(pa.utf8())
"""For kinds of newer servers."""

_WORD = re.compile(r"<?\s*([a-z]+[0-9]*)")
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_LABEL = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
STORED_TYPE = re.compile(r"<([a-z]+)@([A-Za-z0-9_-]*)>")
"""A type with content in a store: the codec, and the store as the server lets it be named, or nothing."""
_CODEC = re.compile(r"<\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*(.*?)\s*>", re.DOTALL)
_ARRAY = re.compile(r"<array\s+([a-z0-9]+)\s*\(([\d\s,]*)\)>")


@dataclass(frozen=True)
class AttributeType:
    """The type of an attribute.

    Args:
        spelling: As a definition spells it: `varchar(40)`, `<blob>`.
        kind: Its first word: `varchar`, `blob`, `array`; `object` for everything that is kept in a store.
        precision: All digits of a decimal.
        scale: Digits of a decimal after the point.
        dtype: Element type of an array; None for the other kinds.
        shape: Lengths of an array's dimensions.
        codec: The codec of an object: `blob`, `hash`, `attach`, `filepath`, `object` or `npy`.
        store: The store of an object; empty for the server's default store.
        codecs: Names of the codecs that convert values to this type, in the order in which they encode.
        labels: The values of an enum, in order.
    """

    spelling: str
    kind: str
    precision: int = 0
    scale: int = 0
    dtype: np.dtype[np.generic] | None = None
    shape: tuple[int, ...] = ()
    codec: str = ""
    store: str = ""
    codecs: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.spelling

    @property
    def stored(self) -> AttributeType:
        """The type without its codecs."""
        match = _CODEC.fullmatch(self.spelling.strip())
        return parse_type(match[2]).stored if match else self

    @cached_property
    def traits(self) -> Traits:
        """The properties of its kind."""
        return KINDS.get(self.kind, _UNKNOWN)

    @cached_property
    def family(self) -> Family:
        """The group of its kind."""
        return self.traits.family

    @cached_property
    def integer(self) -> bool:
        """An integer type."""
        return self.family is Family.INTEGER

    @property
    def wide(self) -> type[np.int64 | np.uint64]:
        """NumPy's type of a column of an integer type: uint64 for uint64, int64 for all others."""
        return np.uint64 if self.kind == "uint64" else np.int64

    @cached_property
    def floating(self) -> bool:
        """A floating point type."""
        return self.family is Family.FLOAT

    @cached_property
    def textual(self) -> bool:
        """A text type, including enums."""
        return self.family is Family.TEXT

    @cached_property
    def heavy(self) -> bool:
        """Values may be large."""
        return self.traits.heavy

    @cached_property
    def arrow(self) -> pa.DataType:
        """The Arrow type of a column to insert."""
        if self.traits.arrow is not None:
            return self.traits.arrow
        if self.dtype is not None:
            return pa.fixed_shape_tensor(_element_type(self.dtype), self.shape)
        return pa.decimal128(self.precision, self.scale)


@lru_cache(maxsize=4096)
def parse_type(spelling: str) -> AttributeType:
    """Read a type as the server spells it. The kind of an unknown type is its first word."""
    text = spelling.strip()
    if match := _CODEC.fullmatch(text):
        stored = parse_type(match[2])
        return replace(stored, spelling=spelling, codecs=(match[1], *stored.codecs))
    if match := _ARRAY.fullmatch(text):
        shape = tuple(int(length) for length in match[2].split(",") if length.strip())
        return AttributeType(spelling, "array", dtype=np.dtype(match[1]), shape=shape)
    if match := _DECIMAL.fullmatch(text):
        return AttributeType(spelling, "decimal", precision=int(match[1]), scale=int(match[2]))
    word = _WORD.match(text)
    kind = word[1] if word else text
    if kind == "enum":
        return AttributeType(spelling, kind, labels=tuple(_ESCAPED.sub(r"\1", label) for label in _LABEL.findall(text)))
    if match := STORED_TYPE.fullmatch(text):
        return AttributeType(spelling, "object", codec=match[1], store=match[2])
    return AttributeType(spelling, kind)


def type_of_column(field: pa.Field) -> AttributeType:
    """Return the type of a column of a result: as the server recorded it, or as its Arrow type suggests."""
    written = (field.metadata or {}).get(b"levada.type")
    if written is not None:
        return parse_type(written.decode())
    for kind, traits in KINDS.items():
        if traits.arrow is not None and field.type.equals(traits.arrow):
            plain = "text" if traits.arrow == pa.utf8() else "bytes" if traits.arrow == pa.binary() else kind
            return parse_type(plain)
    if pa.types.is_decimal(field.type):
        return parse_type(f"decimal({field.type.precision},{field.type.scale})")
    return parse_type("text" if pa.types.is_dictionary(field.type) else "unknown")


def _element_type(dtype: np.dtype[np.generic]) -> pa.DataType:
    # Arrow has no complex numbers and no tensors of single bits, so pairs of floats and bytes carry them.
    if dtype.kind == "c":
        return pa.binary(dtype.itemsize)
    return pa.uint8() if dtype.kind == "b" else pa.from_numpy_dtype(dtype)
