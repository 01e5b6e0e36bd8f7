"""Columns of UUIDs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pyarrow as pa

from levada_server.arrow.kinds.column_kind import ColumnKind, fixed_column, look_at, read_fixed, stored_in
from levada_server.model.values import coerce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.arrow.kinds.column_kind import Array, Field
    from levada_server.model.types import AttributeType

_STORAGE = pa.binary(16)
_WIRE = "V16"


def _read(field: Field, arrow: pa.DataType, _: AttributeType) -> pa.Array:
    return pa.ExtensionArray.from_storage(arrow, fixed_column(_STORAGE, field, read_fixed(field, _WIRE)))


def _write(column: pa.Array, _: AttributeType) -> Array:
    return look_at(column, np.dtype(_WIRE))


def _fit(column: pa.Array, target: pa.DataType, _: AttributeType) -> pa.Array | None:
    return stored_in(column) if column.type in (pa.uuid(), target) else None


def _from_driver(values: Sequence[object], arrow: pa.DataType, _: AttributeType) -> pa.Array:
    octets = pa.array([None if v is None else v.bytes for v in values], _STORAGE)  # type: ignore[attr-defined]  # UUIDs
    return pa.ExtensionArray.from_storage(arrow, octets)


def _to_driver(column: pa.Array) -> list[object]:
    return [None if octets is None else UUID(bytes=octets) for octets in column.to_pylist()]


def _fit_value(value: object, type_: AttributeType) -> bytes:
    uuid = coerce(value, type_)
    assert isinstance(uuid, UUID)
    return uuid.bytes


UUIDS = ColumnKind(
    pa.uuid(),
    _read,
    _write,
    _fit,
    storage=_STORAGE,
    wire=_WIRE,
    copied_by_pgpq=False,
    from_driver=_from_driver,
    to_driver=_to_driver,
    fit_value=_fit_value,
)
