"""Attribute types and Arrow types: one table, and the schema that a heading has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.references import REFERENCE
from levada_server.model.kinds import Kind

if TYPE_CHECKING:
    from levada_server.model.heading import Heading
    from levada_server.model.types import AttributeType

_SIMPLE: dict[Kind, pa.DataType] = {
    Kind.INT8: pa.int8(),
    Kind.INT16: pa.int16(),
    Kind.INT32: pa.int32(),
    Kind.INT64: pa.int64(),
    Kind.UINT8: pa.uint8(),
    Kind.UINT16: pa.uint16(),
    Kind.UINT32: pa.uint32(),
    Kind.FLOAT32: pa.float32(),
    Kind.FLOAT64: pa.float64(),
    Kind.BOOL: pa.bool_(),
    Kind.CHAR: pa.utf8(),
    Kind.VARCHAR: pa.utf8(),
    Kind.TEXT: pa.utf8(),
    Kind.ENUM: pa.dictionary(pa.int32(), pa.utf8()),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.DATETIME: pa.timestamp("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    Kind.UUID: pa.uuid(),
    Kind.JSON: pa.json_(),
    Kind.BYTES: pa.binary(),
    Kind.BLOB: pa.binary(),
    Kind.ATTACH: pa.binary(),
    Kind.OBJECT: REFERENCE,
}

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""Years 1 to 9999, which is what Python holds; in days from 1970-01-01."""
DAY_US = 86_400 * 10**6
_MOMENTS = (FIRST_DAY * DAY_US, (LAST_DAY + 1) * DAY_US - 1)
BOUNDS: dict[Kind, tuple[int, int]] = {
    Kind.DATE: (FIRST_DAY, LAST_DAY),
    Kind.TIME: (0, DAY_US - 1),
    Kind.DATETIME: _MOMENTS,
    Kind.TIMESTAMP: _MOMENTS,
    Kind.TIMESTAMPTZ: _MOMENTS,
}
"""First and last value of dates and times, as Arrow counts them."""


def arrow_type(type_: AttributeType) -> pa.DataType:
    """Give the Arrow type of an attribute's column."""
    match type_.kind:
        case Kind.DECIMAL:
            return pa.decimal128(type_.precision, type_.scale)
        case Kind.ARRAY:
            return pa.fixed_shape_tensor(_element_type(type_.dtype), type_.shape)
        case kind:
            return _SIMPLE[kind]


def storage_type(type_: AttributeType) -> pa.DataType:
    """Give the Arrow type in which a column is on its way into PostgreSQL: text as text, bytes as bytes."""
    match type_.kind:
        case Kind.ENUM | Kind.JSON | Kind.OBJECT:
            return pa.utf8()
        case Kind.UUID:
            return pa.binary(16)
        case Kind.ARRAY:
            return pa.binary()
        case _:
            return arrow_type(type_)


def _element_type(dtype: str) -> pa.DataType:
    # Arrow has no complex numbers and no tensors of single bits: pairs of floats and bytes carry those.
    match dtype:
        case "complex64" | "complex128":
            return pa.binary(8 if dtype == "complex64" else 16)
        case "bool":
            return pa.uint8()
        case _:
            return pa.type_for_alias(dtype.replace("float16", "halffloat"))


def arrow_schema(heading: Heading) -> pa.Schema:
    """Give the schema of a relation's stream.

    Metadata: `levada.primary_key` of the schema has the key's names, separated by commas; `levada.type` of each field
    the type as a definition spells it.
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
