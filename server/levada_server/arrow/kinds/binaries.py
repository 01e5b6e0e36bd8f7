"""Columns of bytes: plain bytes, serialized values, and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.kinds.column_kind import ColumnKind, converted, is_binary, read_binaries, write_binaries
from levada_server.errors import WrongValue
from levada_server.model.object_names import MAX_NAME_BYTES, attached_name

if TYPE_CHECKING:
    from levada_server.arrow.kinds.column_kind import Field
    from levada_server.model.types import AttributeType


def _read(field: Field, _: pa.DataType, __: AttributeType) -> pa.Array:
    return read_binaries(field)


def _fit(column: pa.Array, target: pa.DataType, _: AttributeType) -> pa.Array | None:
    return converted(column, target) if is_binary(column.type) else None


def _fit_attachments(column: pa.Array, target: pa.DataType, type_: AttributeType) -> pa.Array | None:
    fitted = _fit(column, target, type_)
    return fitted if fitted is not None and all(map(_is_attachment, column)) else None


def _is_attachment(value: pa.Scalar) -> bool:
    """Return whether a value is a file name, NUL and content; the content, which may be large, is not copied."""
    content = value.as_buffer()
    if content is None:
        return True
    try:
        attached_name(bytes(memoryview(content)[: MAX_NAME_BYTES + 1]))
    except WrongValue:
        return False
    return True


def _refuse_value(_: object, __: AttributeType) -> object:
    raise WrongValue("A <blob> must be the bytes of a serialized value.")


BINARIES = ColumnKind(pa.binary(), _read, write_binaries, _fit)
BLOBS = ColumnKind(pa.binary(), _read, write_binaries, _fit, fit_value=_refuse_value)
ATTACHMENTS = ColumnKind(pa.binary(), _read, write_binaries, _fit_attachments)
