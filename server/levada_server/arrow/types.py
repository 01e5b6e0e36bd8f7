"""The only table of how Arrow columns hold the values of each kind of attribute type."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.kinds import binaries, decimals, documents, moments, numbers, tensors, texts, uuids
from levada_server.model.kinds import Kind

if TYPE_CHECKING:
    from levada_server.arrow.kinds.column_kind import ColumnKind
    from levada_server.model.heading import Heading
    from levada_server.model.types import AttributeType

MAX_SCHEMAS = 1_000
"""The most schemas of results that are kept; the least recently used go first."""

COLUMN_KINDS: dict[Kind, ColumnKind] = {
    # PostgreSQL has no integers of one byte, and none without a sign.
    Kind.INT8: numbers.integers(pa.int8(), ">i2"),
    Kind.INT16: numbers.integers(pa.int16(), ">i2"),
    Kind.INT32: numbers.integers(pa.int32(), ">i4"),
    Kind.INT64: numbers.integers(pa.int64(), ">i8"),
    Kind.UINT8: numbers.integers(pa.uint8(), ">i2"),
    Kind.UINT16: numbers.integers(pa.uint16(), ">i4"),
    Kind.UINT32: numbers.integers(pa.uint32(), ">i8"),
    Kind.UINT64: decimals.UNSIGNED,
    Kind.FLOAT32: numbers.floats(pa.float32(), ">f4"),
    Kind.FLOAT64: numbers.floats(pa.float64(), ">f8"),
    Kind.BOOL: numbers.BOOLEANS,
    Kind.DECIMAL: decimals.DECIMALS,
    Kind.CHAR: texts.TEXTS,
    Kind.VARCHAR: texts.TEXTS,
    Kind.TEXT: texts.TEXTS,
    Kind.ENUM: texts.ENUMS,
    Kind.DATE: moments.DATES,
    Kind.TIME: moments.TIMES,
    Kind.DATETIME: moments.MOMENTS,
    Kind.TIMESTAMP: moments.MOMENTS,
    Kind.TIMESTAMPTZ: moments.ZONED_MOMENTS,
    Kind.DURATION: moments.SPANS,
    Kind.UUID: uuids.UUIDS,
    Kind.JSON: documents.DOCUMENTS,
    Kind.BYTES: binaries.BINARIES,
    Kind.BLOB: binaries.BLOBS,
    Kind.ATTACH: binaries.ATTACHMENTS,
    Kind.ARRAY: tensors.TENSORS,
    Kind.OBJECT: documents.REFERENCES,
}
"""One row for each kind."""


def arrow_type(type_: AttributeType) -> pa.DataType:
    """Return the Arrow type of an attribute's column."""
    arrow = COLUMN_KINDS[type_.kind].arrow
    return arrow if isinstance(arrow, pa.DataType) else arrow(type_)


def storage_type(type_: AttributeType) -> pa.DataType:
    """Return the Arrow type of an attribute's column on its way into PostgreSQL: text as text, bytes as bytes."""
    return COLUMN_KINDS[type_.kind].storage or arrow_type(type_)


@lru_cache(maxsize=MAX_SCHEMAS)
def arrow_schema(heading: Heading) -> pa.Schema:
    """Return the schema of a relation's stream.

    Metadata: `levada.primary_key` of the schema has the key's names, separated by commas; `levada.type` of each field
        has the type as a definition spells it.
    """
    fields = [
        pa.field(
            attribute.name,
            arrow_type(attribute.type),
            nullable=attribute.nullable,
            metadata={"levada.type": str(attribute.type)},
        )
        for attribute in heading
    ]
    return pa.schema(fields, metadata={"levada.primary_key": ",".join(heading.primary_key)})
