"""Text and enums, UUIDs, and JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from levada._base.errors import WrongValue
from levada._base.text import shown
from levada._values.condition_values import plain_scalar
from levada._values.kinds.value_kind import ValueKind, are_all, decoded
from levada._values.message_encoding import plain_text
from levada._values.unstorable import Unstorable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._values.kinds.value_kind import Column
    from levada._values.types import AttributeType


def _text(value: object, _: AttributeType) -> str:
    value = plain_scalar(value)
    if isinstance(value, (bytes, bytearray, list, tuple, Set, Mapping, np.ndarray)):
        raise TypeError
    if isinstance(value, float) and math.isnan(value):
        raise TypeError
    return _valid(value if isinstance(value, str) else str(value))


def _valid(value: str) -> str:
    try:
        return plain_text(value)
    except Unstorable as problem:
        raise WrongValue(problem.told("")) from None


def _texts_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    return pa.array(values, type_.arrow) if are_all(classes, str) else None


def _cast_to_texts(column: pa.Array, type_: AttributeType) -> pa.Array | None:
    text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return column.cast(type_.arrow) if text else None


def _labels(column: Column, _: AttributeType) -> list[Any]:
    return list(column.cast(pa.utf8()).to_pylist())


def _uuid(value: object, _: AttributeType) -> bytes:
    value = plain_scalar(value)
    return (UUID(bytes=bytes(value)) if isinstance(value, (bytes, bytearray)) else UUID(str(value))).bytes


def _uuids_at_once(values: Sequence[Any], classes: set[type], type_: AttributeType) -> pa.Array | None:
    if classes != {UUID}:
        return None
    octets = [None if value is None else value.bytes for value in values]
    return pa.ExtensionArray.from_storage(type_.arrow, pa.array(octets, type_.arrow.storage_type))


def _to_uuids(column: Column, _: AttributeType) -> list[Any]:
    return decoded(column, lambda octets: UUID(bytes=octets))


def _document(value: object, _: AttributeType) -> str:
    text = _JSON.encode(plain_scalar(value))
    if "\\u0000" in text and _NUL.search(text):
        raise WrongValue("text with the character NUL within JSON, which a database cannot hold.")
    return _valid(text)


def _json_default(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic) and not isinstance(item := value.item(), np.generic):
        return item
    raise WrongValue(f"a {type(value).__name__} within JSON: {shown(value)}.")


def _to_documents(column: Column, _: AttributeType) -> list[Any]:
    return decoded(column, json.loads)


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_json_default)
_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
"""NUL as JSON writes it; after another backslash it is text."""

TEXTS = ValueKind(_text, _texts_at_once, _cast_to_texts)
ENUMS = ValueKind(_text, _texts_at_once, _cast_to_texts, _labels)
UUIDS = ValueKind(_uuid, _uuids_at_once, to_python=_to_uuids)
DOCUMENTS = ValueKind(_document, to_python=_to_documents)
