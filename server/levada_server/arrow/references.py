"""Columns of references to objects, as structs."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

REFERENCE = pa.struct(
    [
        ("id", pa.utf8()),
        ("store", pa.utf8()),
        ("path", pa.utf8()),
        ("name", pa.utf8()),
        ("size_bytes", pa.int64()),
        ("hash", pa.utf8()),
        ("file_count", pa.int64()),
        ("dtype", pa.utf8()),
        ("shape", pa.list_(pa.int64())),
    ]
)
"""The fields of an ObjectReference."""

_OPTIONS = pj.ParseOptions(explicit_schema=pa.schema(list(REFERENCE)), unexpected_field_behavior="ignore")


def references(texts: pa.Array) -> pa.StructArray:
    """Convert a column of JSON objects, each on one line as PostgreSQL writes it, to a column of references."""
    lines = "\n".join(text or "{}" for text in texts.to_pylist()).encode()
    if not len(texts):
        return pa.array([], REFERENCE)
    block = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    table = pj.read_json(pa.BufferReader(lines), block, _OPTIONS).combine_chunks()
    columns = [table.column(field.name).combine_chunks() for field in REFERENCE]
    return pa.StructArray.from_arrays(columns, fields=list(REFERENCE), mask=pc.is_null(texts))
