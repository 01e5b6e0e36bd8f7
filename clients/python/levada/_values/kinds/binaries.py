"""Bytes: plain ones, serialized values, and files; and objects, whose bytes are kept in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from levada._base.errors import WrongValue
from levada._values.attached import encode_attachment
from levada._values.blob import encode_blob
from levada._values.condition_values import plain_scalar
from levada._values.kinds.value_kind import ValueKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._values.types import AttributeType


def _bytes(value: object, _: AttributeType) -> bytes:
    value = plain_scalar(value)
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError
    return bytes(value)


def _bytes_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if classes == {bytes} else None


def _blob(value: object, _: AttributeType) -> bytes:
    return encode_blob(value, "")


def _attachment(value: object, _: AttributeType) -> bytes:
    return encode_attachment(value)


def _object(_: object, type_: AttributeType) -> object:
    raise WrongValue(f"A {type_} is put into its store by the server of its table, and there is no server here.")


# The fetched form of blobs, attachments and objects depends on the reader: `_query.fetching` converts them.
BINARIES = ValueKind(_bytes, _bytes_at_once)
BLOBS = ValueKind(_blob)
ATTACHMENTS = ValueKind(_attachment)
OBJECTS = ValueKind(_object)
