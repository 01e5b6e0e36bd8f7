"""Values in conditions and keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

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
    if (items := listed(value)) is not None:
        value = items
    if isinstance(value, (list, tuple, Set)) and not isinstance(value, np.generic):
        return encode_value([plain_scalar(item) for item in value], path)
    return encode_value(plain_scalar(value), path)


def plain_scalar(value: object) -> object:
    """Convert a scalar of NumPy or pandas, or an array without dimensions, to a plain Python value.

    NaT, NA and NaN that stands for NULL become None.
    """
    value = without_dimensions(value)
    if isinstance(value, pa.Scalar):
        value = value.as_py()
    if isinstance(value, np.datetime64):
        if np.isnat(value):
            return None
        days = np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D")
        return value.astype("datetime64[D]" if days else "datetime64[us]").item()
    if isinstance(value, np.timedelta64):
        return None if np.isnat(value) else value.astype("timedelta64[us]").item()
    if is_missing_scalar(value):
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dt.datetime) and type(value) is not dt.datetime and hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value
