"""How PostgreSQL sends values of fixed width in its binary format: the one table, for both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from levada_server.arrow.types import DAY_US
from levada_server.model.kinds import Kind

if TYPE_CHECKING:
    import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"  # Any: of the dimensions and the type that the code beside it says

WIRE_TYPES: dict[Kind, str] = {
    # PostgreSQL has no integers of one byte, and none without a sign.
    Kind.INT8: ">i2",
    Kind.INT16: ">i2",
    Kind.INT32: ">i4",
    Kind.INT64: ">i8",
    Kind.UINT8: ">i2",
    Kind.UINT16: ">i4",
    Kind.UINT32: ">i8",
    Kind.FLOAT32: ">f4",
    Kind.FLOAT64: ">f8",
    Kind.BOOL: "u1",
    Kind.DATE: ">i4",
    Kind.TIME: ">i8",
    Kind.DATETIME: ">i8",
    Kind.TIMESTAMP: ">i8",
    Kind.TIMESTAMPTZ: ">i8",
    Kind.UUID: "V16",
}
"""NumPy's name for the bytes of each kind."""

_EPOCH_DAYS = 10_957
EPOCHS: dict[Kind, int] = {
    Kind.DATE: _EPOCH_DAYS,
    Kind.TIME: 0,
    Kind.DATETIME: _EPOCH_DAYS * DAY_US,
    Kind.TIMESTAMP: _EPOCH_DAYS * DAY_US,
    Kind.TIMESTAMPTZ: _EPOCH_DAYS * DAY_US,
}
"""From 1970-01-01, where Arrow counts from, to 2000-01-01, where PostgreSQL does; in days or microseconds."""

JSONB_VERSION = b"\x01"
"""Stands before the text of a jsonb value."""
