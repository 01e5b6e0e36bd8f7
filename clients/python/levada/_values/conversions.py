"""The only table of conversions between values of each kind and columns of Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._values.kinds import binaries, moments, numbers, tensors, texts
from levada._values.kinds.value_kind import ValueKind
from levada._values.types import KINDS, Family

if TYPE_CHECKING:
    from levada._values.types import AttributeType


def _unknown(_: object, __: AttributeType) -> object:
    raise TypeError


VALUE_KINDS: dict[str, ValueKind] = {
    **{kind: numbers.INTEGERS for kind, traits in KINDS.items() if traits.family is Family.INTEGER},
    "float32": numbers.FLOAT32,
    "float64": numbers.FLOAT64,
    "bool": numbers.BOOLEANS,
    "decimal": numbers.DECIMALS,
    "char": texts.TEXTS,
    "varchar": texts.TEXTS,
    "text": texts.TEXTS,
    "enum": texts.ENUMS,
    "date": moments.DATES,
    "time": moments.TIMES,
    "datetime": moments.MOMENTS,
    "timestamp": moments.MOMENTS,
    "timestamptz": moments.ZONED_MOMENTS,
    "duration": moments.SPANS,
    "uuid": texts.UUIDS,
    "json": texts.DOCUMENTS,
    "bytes": binaries.BINARIES,
    "blob": binaries.BLOBS,
    "attach": binaries.ATTACHMENTS,
    "array": tensors.TENSORS,
    "object": binaries.OBJECTS,
}
"""A row for each of `KINDS`."""

_UNKNOWN = ValueKind(_unknown)
"""For kinds of newer servers: read as Arrow returns them, and never written."""


def value_kind(type_: AttributeType) -> ValueKind:
    """Return the row of a type."""
    return VALUE_KINDS.get(type_.kind, _UNKNOWN)
