"""Columns of dates, times and spans of time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from levada_server.arrow.kinds.column_kind import (
    ColumnKind,
    check_within,
    converted,
    fixed_column,
    look_at,
    plain_values,
    read_fixed,
)
from levada_server.model.spans import MAX_MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.arrow.kinds.column_kind import Array, Field
    from levada_server.model.types import AttributeType

_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""Years 1 to 9999, the range of Python, in days from 1970-01-01."""
_DAY_US = 86_400 * 10**6
_EPOCH_DAYS = 10_957
"""The time from 1970-01-01, Arrow's epoch, to 2000-01-01, PostgreSQL's epoch."""


def _kind(arrow: pa.DataType, wire: str, bounds: tuple[int, int], epoch: int) -> ColumnKind:
    """Return the column kind of dates or times.

    Args:
        arrow: Arrow's type.
        wire: NumPy's name for the bytes in COPY.
        bounds: The first and the last value, in Arrow's units.
        epoch: The time from Arrow's epoch to PostgreSQL's, in days or microseconds.
    """
    return ColumnKind(
        arrow,
        partial(_read, wire=wire, bounds=bounds, epoch=epoch),
        partial(_write, wire=wire, epoch=epoch),
        partial(_fit, bounds=bounds),
        wire=wire,
    )


def _read(
    field: Field, arrow: pa.DataType, type_: AttributeType, *, wire: str, bounds: tuple[int, int], epoch: int
) -> pa.Array:
    """Read dates or times; infinite ones become the first and the last that Python has, as in the driver."""
    values = read_fixed(field, wire)
    # Infinity is the largest number of the wire type, -infinity the smallest; `time` has neither.
    limits = np.iinfo(values.dtype)
    past, future = values == limits.min, values == limits.max
    values[past | future] = 0
    values += epoch
    values[past], values[future] = bounds
    values[field.lengths < 0] = 0
    check_within(values, bounds, type_)
    return fixed_column(arrow, field, values)


def _write(column: pa.Array, _: AttributeType, *, wire: str, epoch: int) -> Array:
    return (look_at(column, np.dtype(wire).newbyteorder("=")) - epoch).astype(wire)


def _fit(column: pa.Array, target: pa.DataType, _: AttributeType, *, bounds: tuple[int, int]) -> pa.Array | None:
    if not _differ_by_unit(column.type, target):
        return None
    column = converted(column, target)
    counted = pc.min_max(column.cast(pa.int32() if pa.types.is_date32(target) else pa.int64()))
    low, high = counted["min"].as_py(), counted["max"].as_py()
    return column if low is None or bounds[0] <= low <= high <= bounds[1] else None


def _differ_by_unit(given: pa.DataType, target: pa.DataType) -> bool:
    """Return whether a cast changes only the unit; Arrow refuses such a cast if it would lose a fraction.

    Casts between other kinds of time, and from text, lose zones and fractions silently.
    """
    if pa.types.is_timestamp(given) and pa.types.is_timestamp(target):
        return (given.tz is None) == (target.tz is None)
    return bool(
        given == target
        or (pa.types.is_time(given) and pa.types.is_time(target))
        or (pa.types.is_duration(given) and pa.types.is_duration(target))
    )


def _span_column(values: Sequence[object], arrow: pa.DataType, _: AttributeType) -> pa.Array:
    return pa.array(values, pa.int64()).cast(arrow)


def _span_values(column: pa.Array) -> list[object]:
    return plain_values(column.cast(pa.int64()))


_MOMENT_BOUNDS = (_FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)

DATES = _kind(pa.date32(), ">i4", (_FIRST_DAY, _LAST_DAY), _EPOCH_DAYS)
TIMES = _kind(pa.time64("us"), ">i8", (0, _DAY_US - 1), 0)
MOMENTS = _kind(pa.timestamp("us"), ">i8", _MOMENT_BOUNDS, _EPOCH_DAYS * _DAY_US)
ZONED_MOMENTS = _kind(pa.timestamp("us", "UTC"), ">i8", _MOMENT_BOUNDS, _EPOCH_DAYS * _DAY_US)
_COUNTS = _kind(pa.duration("us"), ">i8", (-MAX_MICROSECONDS, MAX_MICROSECONDS), 0)
SPANS = replace(_COUNTS, copied_by_pgpq=False, from_driver=_span_column, to_driver=_span_values, to_python=plain_values)
"""Spans of time: PostgreSQL has them as whole numbers, which pgpq would write as intervals."""
