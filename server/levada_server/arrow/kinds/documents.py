"""Columns that PostgreSQL stores as jsonb: documents, and references to objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.kinds.column_kind import ColumnKind, Field, converted, is_text, read_texts, stored_in
from levada_server.arrow.references import REFERENCE, references

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.types import AttributeType

_VERSION = pa.scalar(b"\x01", pa.large_binary())
"""The version byte before the text of a jsonb value."""
_NOTHING = pa.scalar(b"", pa.large_binary())


def _read_documents(field: Field, arrow: pa.DataType, _: AttributeType) -> pa.Array:
    return pa.ExtensionArray.from_storage(arrow, _read_texts(field))


def _read_references(field: Field, _: pa.DataType, __: AttributeType) -> pa.Array:
    return references(_read_texts(field))


def _read_texts(field: Field) -> pa.Array:
    # The first byte is the version of the format; the text follows.
    return read_texts(Field(field.octets, field.begins + (field.lengths >= 0), np.maximum(field.lengths - 1, -1)))


def _write(column: pa.Array, _: AttributeType) -> pa.Array:
    return pc.binary_join_element_wise(_VERSION, column.cast(pa.large_binary()), _NOTHING)


def _documents_from_driver(values: Sequence[object], arrow: pa.DataType, _: AttributeType) -> pa.Array:
    return pa.ExtensionArray.from_storage(arrow, pa.array(values, pa.utf8()))


def _references_from_driver(values: Sequence[object], _: pa.DataType, __: AttributeType) -> pa.Array:
    return references(pa.array(values, pa.utf8()))


def _fit_documents(column: pa.Array, target: pa.DataType, _: AttributeType) -> pa.Array | None:
    text = isinstance(column.type, pa.JsonType) or is_text(column.type)
    return converted(stored_in(column), target) if text else None


def _fit_references(_: pa.Array, __: pa.DataType, ___: AttributeType) -> None:
    """Return None, so that values are fitted one by one: a client sends only the id of an object."""


DOCUMENTS = ColumnKind(
    pa.json_(),
    _read_documents,
    _write,
    _fit_documents,
    storage=pa.utf8(),
    copied_by_pgpq=False,
    from_driver=_documents_from_driver,
)
REFERENCES = ColumnKind(
    REFERENCE,
    _read_references,
    _write,
    _fit_references,
    storage=pa.utf8(),
    copied_by_pgpq=False,
    from_driver=_references_from_driver,
)
