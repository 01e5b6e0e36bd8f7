"""Values in conditions and keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from levada._base.errors import warn
from levada._values.message_encoding import encode_value
from levada._values.tabular import is_missing_scalar, listed, without_dimensions

if TYPE_CHECKING:
    from levada_api.v1 import value_pb2 as pb


def encode_condition_value(value: object, path: str) -> pb.Value:
    """Build the message of a value that an attribute is compared with.

    Scalars of NumPy, pandas and Arrow are converted to plain values; a list, tuple, set, array, or column of pandas,
    polars or Arrow is a list of them.

    Raises:
        WrongValue: As in `encode_value`.
    """
    if type(value) in (int, str, bool):
        return encode_value(value, path)
    if (items := listed(value)) is not None:
        value = items
    if isinstance(value, (list, tuple, Set)) and not isinstance(value, np.generic):
        return encode_value([plain_scalar(item) for item in value], path)
    return encode_value(plain_scalar(value), path)


def plain_scalar(value: object) -> object:
    """Convert a scalar of NumPy or pandas, or an array without dimensions, to a plain Python value.

    NaT, NA and NaN that stands for NULL become None; nanoseconds are rounded to microseconds, with a warning.
    """
    value = without_dimensions(value)
    if isinstance(value, pa.Scalar):
        value = value.as_py()
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            return None
        days = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
        return value.astype("datetime64[D]").item() if days else _rounded(value, value.astype("datetime64[us]"))
    if isinstance(value, np.timedelta64):
        return None if np.isnat(value) else _rounded(value, value.astype("timedelta64[us]"))
    if is_missing_scalar(value):
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dt.datetime) and hasattr(value, "to_pydatetime"):
        whole: dt.datetime = value.to_pydatetime(warn=False)
        nanosecond: int = value.nanosecond  # type: ignore[attr-defined]  # pandas has it
        if nanosecond:
            _warn_of_rounding()
        return (whole + dt.timedelta(microseconds=1)).replace(fold=whole.fold) if nanosecond >= 500 else whole
    if isinstance(value, dt.timedelta) and hasattr(value, "to_pytimedelta"):
        span: np.timedelta64 = value.to_numpy()  # type: ignore[attr-defined]  # pandas has it
        return _rounded(span, span.astype("timedelta64[us]"))
    return value


def counts_nanoseconds(type_: pa.DataType) -> bool:
    """Return whether columns of Arrow hold moments, times of day or spans as nanoseconds."""
    return type_ in (pa.time64("ns"), pa.duration("ns")) or bool(pa.types.is_timestamp(type_) and type_.unit == "ns")


def rounded_column(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Round times that count nanoseconds to microseconds, with a warning if that changes any."""
    nanoseconds = column.cast(pa.int64()).fill_null(0).to_numpy()
    counts = nanoseconds // 1000 + (nanoseconds % 1000 >= 500)
    if (nanoseconds % 1000).any():
        _warn_of_rounding()
    if pa.types.is_timestamp(column.type):
        unit = pa.timestamp("us", column.type.tz)
    else:
        unit = pa.time64("us") if pa.types.is_time64(column.type) else pa.duration("us")
    return pa.array(counts, pa.int64(), mask=np.array(column.is_null())).cast(unit)


def _warn_of_rounding() -> None:
    warn("Nanoseconds were rounded: dates and times count microseconds here.")


def _rounded(value: Any, whole: Any) -> object:  # noqa: ANN401  # both datetime64 or both timedelta64
    """Return a moment or span as Python's, rounded to microseconds; `whole` is the last of these before it."""
    if whole != value:
        _warn_of_rounding()
        whole += value - whole >= np.timedelta64(500, "ns")
    return whole.item()
