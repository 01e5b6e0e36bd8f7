"""Columns of Python values as Arrow arrays of their attributes' types; an error names the row and the attribute."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from levada._attached import encode_attachment
from levada._errors import LevadaError, ValueOutOfRange, WrongValue
from levada._tabular import is_missing_scalar
from levada._values import encode_blob, plain_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada._heading import Attribute
    from levada._types import AttributeType

_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE_WORDS = frozenset({"0", "false", "f", "no", "n", "off"})
_SHOWN = 80
"""Letters of a wrong value that an error shows."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands, for errors.

    Args:
        table: The table's name.
        first_row: Number of the column's first row within its insert, from 0.
    """

    table: str
    first_row: int = 0


def arrow_column(values: Sequence[object], attribute: Attribute, place: Place) -> pa.Array:
    """Turn values into an Arrow array of an attribute's type; None, NaT and NA become null.

    Raises:
        WrongValue: A value is none of the type.
        ValueOutOfRange: The type cannot hold it.
    """
    type_ = attribute.parsed_type
    if _plain(values, type_):
        try:
            return pa.array(values, type_.arrow)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass  # some value needs a conversion, or is wrong: find out which
    converted = [_converted(value, attribute, type_, place, index) for index, value in enumerate(values)]
    if type_.dtype is not None:
        return _tensor_column(converted, type_, type_.dtype)
    if isinstance(type_.arrow, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(type_.arrow, pa.array(converted, type_.arrow.storage_type))
    return pa.array(converted, type_.arrow)


def _plain(values: Sequence[object], type_: AttributeType) -> bool:
    """Tell whether Arrow's own conversion does what is meant here, or refuses."""
    match type_.kind:
        case "float64":
            return True
        case "bytes":
            return all(v is None or isinstance(v, bytes) for v in values)
        case "date":
            return all(v is None or type(v) is dt.date for v in values)
        case "datetime" | "timestamp":
            return all(v is None or (type(v) is dt.datetime and v.tzinfo is None) for v in values)
        case "time":
            return all(v is None or (type(v) is dt.time and v.tzinfo is None) for v in values)
        case _ if type_.textual:
            return all(v is None or type(v) is str for v in values)
        case _:
            # Arrow would cut off the fraction of a float without a word.
            return type_.integer and all(v is None or isinstance(v, (int, np.integer)) for v in values)


def _converted(value: object, attribute: Attribute, type_: AttributeType, place: Place, index: int) -> object:
    if value is None or is_missing_scalar(value):
        return None
    row = place.first_row + index
    where = f"`{place.table}`, row {row}, attribute `{attribute.name}`"
    details = {"table": place.table, "attribute": attribute.name, "row": row}
    try:
        if type_.kind == "blob":
            return encode_blob(value, where)
        if type_.kind == "attach":
            return encode_attachment(value)
        return _convert(plain_scalar(value), type_)
    except LevadaError as error:
        text = str(error) if str(error).startswith(where) else f"{where}: {error}"
        raise type(error)(text, details) from None
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        raise WrongValue(f"{where}: {_shown(value)} is no {type_}.", details) from None


def _convert(value: object, type_: AttributeType) -> object:
    """Bring one value to what Arrow takes for the type. Every failure but a LevadaError means: no value of the type."""
    match type_.kind:
        case _ if type_.integer:
            return _integer(value, type_)
        case "float64":
            return float(value)  # type: ignore[arg-type]  # what float() refuses is told by the caller
        case "float32":
            return _float32(float(value))  # type: ignore[arg-type]  # as above
        case "bool":
            return _boolean(value)
        case "decimal":
            return _decimal(value, type_)
        case _ if type_.textual:
            return _text(value)
        case "date" | "time" | "datetime" | "timestamp" | "timestamptz":
            return _moment(_read_moment(value, type_) if isinstance(value, str) else value, type_)
        case "uuid":
            return (UUID(bytes=bytes(value)) if isinstance(value, (bytes, bytearray)) else UUID(str(value))).bytes
        case "json":
            return json.dumps(value, allow_nan=False, default=_json_default)
        case "bytes" if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        case "array":
            return _array(value, type_)
        case "object":
            raise WrongValue(f"A {type_} cannot be inserted by this version.")
        case _:
            raise TypeError


def _integer(value: object, type_: AttributeType) -> int:
    if isinstance(value, str):
        value = Decimal(value.strip())
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value) or value != int(value):
            raise ValueOutOfRange(f"{value} is no whole number, and {type_} holds only those.")
        value = int(value)
    if not isinstance(value, int):
        raise TypeError
    limits = np.iinfo(type_.kind)
    if not limits.min <= value <= limits.max:
        raise ValueOutOfRange(f"{value} is outside {limits.min} … {limits.max}, the range of {type_}.")
    return int(value)


def _float32(value: float) -> float:
    if math.isfinite(value) and abs(value) > float(np.finfo(np.float32).max):
        raise ValueOutOfRange(f"{value} is past the range of float32.")
    return value


def _boolean(value: object) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word not in _TRUE_WORDS | _FALSE_WORDS:
            raise ValueError
        return word in _TRUE_WORDS
    if value not in (0, 1):
        raise ValueOutOfRange(f"{_shown(value)} is neither true nor false.")
    return bool(value)


def _decimal(value: object, type_: AttributeType) -> Decimal:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueOutOfRange(f"{value} is no finite number, and {type_} holds only those.")
    if number and number.adjusted() >= type_.precision - type_.scale:
        raise ValueOutOfRange(f"{value} has more digits before the point than {type_}.")
    rounded = number.quantize(Decimal(1).scaleb(-type_.scale), rounding=ROUND_HALF_UP)
    if len(rounded.as_tuple().digits) > type_.precision:
        raise ValueOutOfRange(f"{value} has more digits than {type_}.")
    return rounded


def _text(value: object) -> str:
    if isinstance(value, (bytes, bytearray, list, tuple, Set, Mapping, np.ndarray)):
        raise TypeError
    if isinstance(value, float) and math.isnan(value):
        raise TypeError
    return str(value)


def _moment(value: object, type_: AttributeType) -> object:
    match type_.kind, value:
        case "time", dt.time():
            return value.replace(tzinfo=None)
        case "time", dt.timedelta() if dt.timedelta(0) <= value < dt.timedelta(days=1):
            return (dt.datetime.min + value).time()
        case "date", dt.datetime():
            if value.time() != dt.time(0):
                raise ValueOutOfRange(f"{value} is a moment within a day, and a date is a whole day.")
            return value.date()
        case "date", dt.date():
            return value
        case "timestamptz", dt.datetime():
            return value.astimezone(dt.timezone.utc) if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)
        case "datetime" | "timestamp", dt.datetime():
            return value.astimezone(dt.timezone.utc).replace(tzinfo=None) if value.tzinfo else value
        case "datetime" | "timestamp", dt.date():
            return dt.datetime.combine(value, dt.time(0))
        case "timestamptz", dt.date():
            return dt.datetime.combine(value, dt.time(0), dt.timezone.utc)
        case _:
            raise TypeError


def _read_moment(text: str, type_: AttributeType) -> object:
    # Python 3.10 reads neither `Z` nor fractions of other than three or six digits.
    text = text.strip()
    text = text.removesuffix("Z") + ("+00:00" if text.endswith("Z") else "")
    head, point, tail = text.partition(".")
    if point:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        text = f"{head}.{tail[:digits][:6]:0<6}{tail[digits:]}"
    if type_.kind == "time":
        return dt.time.fromisoformat(text)
    return dt.datetime.fromisoformat(text)


def _json_default(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise WrongValue(f"a {type(value).__name__} within JSON: {_shown(value)}.")


def _array(value: object, type_: AttributeType) -> np.ndarray[Any, Any]:  # Any: the attribute's dtype
    assert type_.dtype is not None
    array = np.asarray(value)
    if array.shape != type_.shape:
        raise WrongValue(f"An array of shape {array.shape}, and {type_} takes {type_.shape}.")
    if array.dtype == type_.dtype:
        return array
    if not np.can_cast(array.dtype, type_.dtype, casting="same_kind"):
        # Whole numbers and text given as lists may still fit; a loss must not pass.
        converted = array.astype(type_.dtype)
        if not np.array_equal(converted, array):
            raise WrongValue(f"An array of {array.dtype} does not fit into {type_} without loss.")
        return converted
    if array.dtype.kind in "iu" and array.size and not _in_range(array, type_.dtype):
        raise ValueOutOfRange(f"An element is outside the range of {type_.dtype}.")
    return array.astype(type_.dtype)


def _in_range(array: np.ndarray[Any, Any], dtype: np.dtype[np.generic]) -> bool:  # Any: integers of any width
    if dtype.kind not in "iu":
        return True
    limits = np.iinfo(dtype.name)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def _tensor_column(arrays: Sequence[object], type_: AttributeType, dtype: np.dtype[np.generic]) -> pa.Array:
    """Lay arrays of one shape side by side; a missing one takes zeros under its null."""
    stacked = np.zeros((len(arrays), *type_.shape), dtype.newbyteorder("<"))
    for index, array in enumerate(arrays):
        if array is not None:
            stacked[index] = array
    storage = type_.arrow.storage_type
    flat = pa.Array.from_buffers(storage.value_type, len(arrays) * storage.list_size, [None, pa.py_buffer(stacked)])
    mask = pa.array([array is None for array in arrays], pa.bool_())
    return pa.ExtensionArray.from_storage(type_.arrow, pa.FixedSizeListArray.from_arrays(flat, type=storage, mask=mask))


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
