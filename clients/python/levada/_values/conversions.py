"""Single Python values as what Arrow takes for an attribute's type."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping, Set
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from levada._base.errors import ValueOutOfRange, WrongValue
from levada._values.attached import encode_attachment
from levada._values.blob import encode_blob
from levada._values.condition_values import plain_scalar
from levada._values.message_encoding import plain_text
from levada._values.unstorable import Unstorable

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada._values.types import AttributeType

    Array = np.ndarray[Any, Any]  # Any: of every dtype

_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE_WORDS = frozenset({"0", "false", "f", "no", "n", "off"})
_EXACT = Context(prec=100)
_MAX_INTEGER_DIGITS = 19
_FINER = ("ns", "ps", "fs", "as")
_SHOWN = 80
"""Letters of a wrong value that an error shows."""


def converter(type_: AttributeType) -> Callable[[object], object]:
    """Give the function that brings one value, not None, to what Arrow takes for a type.

    Every failure of it but a LevadaError means: no value of the type. The message of a WrongValue begins with the
    path to what is wrong within the value.
    """
    match type_.kind:
        case "blob":
            return lambda value: encode_blob(value, "")
        case "attach":
            return encode_attachment
        case "json":
            return _write_json
        case "array":
            return lambda value: fixed_array(value, type_)
        case _ if type_.temporal:
            return lambda value: _convert(_in_microseconds(value, type_), type_)
        case _:
            return lambda value: _convert(plain_scalar(value), type_)


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
        case _ if type_.temporal:
            return _moment(_read_moment(value, type_) if isinstance(value, str) else value, type_)
        case "uuid":
            return (UUID(bytes=bytes(value)) if isinstance(value, (bytes, bytearray)) else UUID(str(value))).bytes
        case "bytes" if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        case "object":
            raise WrongValue(f"A {type_} is put into its store by the server of its table, and there is none here.")
        case _:
            raise TypeError


def _integer(value: object, type_: AttributeType) -> int:
    if isinstance(value, str):
        value = Decimal(value.strip())
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() > _MAX_INTEGER_DIGITS:
        # As an int it would have as many digits as its exponent says, whatever the length of its text.
        raise ValueOutOfRange(f"{shown(value)} is past the range of {type_}.")
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
        raise ValueOutOfRange(f"{shown(value)} is neither true nor false.")
    return bool(value)


def _decimal(value: object, type_: AttributeType) -> Decimal:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueOutOfRange(f"{value} is no finite number, and {type_} holds only those.")
    if number and number.adjusted() >= type_.precision - type_.scale:
        raise ValueOutOfRange(f"{value} has more digits before the point than {type_}.")
    rounded = number.quantize(Decimal(1).scaleb(-type_.scale), ROUND_HALF_UP, _EXACT)
    if len(rounded.as_tuple().digits) > type_.precision:
        raise ValueOutOfRange(f"{value} has more digits than {type_}.")
    return rounded


def _text(value: object) -> str:
    if isinstance(value, (bytes, bytearray, list, tuple, Set, Mapping, np.ndarray)):
        raise TypeError
    if isinstance(value, float) and math.isnan(value):
        raise TypeError
    return _valid(value) if isinstance(value, str) else str(value)


def _valid(value: str) -> str:
    try:
        return plain_text(value)
    except Unstorable as problem:
        raise WrongValue(problem.told("")) from None


def _in_microseconds(value: object, type_: AttributeType) -> object:
    """Turn a moment of NumPy or pandas into Python's, which count microseconds."""
    finer = getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0)
    if isinstance(value, np.datetime64):
        finer = np.datetime_data(value.dtype)[0] in _FINER and value.astype("datetime64[us]") != value
    if finer:
        raise ValueOutOfRange(f"{value} has nanoseconds, and {type_} counts microseconds; round it.")
    return plain_scalar(value)


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
            return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
        case "datetime" | "timestamp", dt.datetime():
            return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        case "datetime" | "timestamp", dt.date():
            return dt.datetime.combine(value, dt.time(0))
        case "timestamptz", dt.date():
            return dt.datetime.combine(value, dt.time(0), dt.UTC)
        case _:
            raise TypeError


def _read_moment(text: str, type_: AttributeType) -> object:
    text = text.strip()
    if type_.kind == "time":
        return dt.time.fromisoformat(text)
    return dt.datetime.fromisoformat(text)


def _write_json(value: object) -> str:
    text = _JSON.encode(plain_scalar(value))
    if "\\u0000" in text and _NUL.search(text):
        raise WrongValue("text with the character NUL within JSON, which a database cannot hold.")
    return _valid(text)


def _json_default(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise WrongValue(f"a {type(value).__name__} within JSON: {shown(value)}.")


def fixed_array(value: object, type_: AttributeType) -> Array:
    """Bring an array, or nested lists, to the dtype of an `<array>`.

    Raises:
        WrongValue: It has another shape, or elements that the dtype holds none of.
        ValueOutOfRange: An element does not fit into the dtype.
    """
    assert type_.dtype is not None
    if isinstance(value, np.ma.MaskedArray):
        raise WrongValue("A masked array; fill in what it masks, by .filled(…).")
    array = np.asarray(value)
    if array.shape != type_.shape:
        raise WrongValue(f"An array of shape {array.shape}, and {type_} takes {type_.shape}.")
    if array.dtype == type_.dtype:
        return array
    if array.dtype.kind == "c" and type_.dtype.kind != "c":
        raise WrongValue(f"An array of {array.dtype}, and {type_} has no imaginary part.")
    if array.dtype.kind in "iu" and not _in_range(array, type_.dtype):
        raise ValueOutOfRange(f"An element is outside the range of {type_.dtype}.")
    with np.errstate(invalid="ignore", over="ignore"):
        converted = array.astype(type_.dtype)
    if array.dtype.kind in "fc" and type_.dtype.kind in "fc":
        # A narrower float is rounded, but must not become infinite.
        if (np.isfinite(array) & ~np.isfinite(converted)).any():
            raise ValueOutOfRange(f"An element is outside the range of {type_.dtype}.")
    elif not np.array_equal(converted, array):
        raise WrongValue(f"An array of {array.dtype} does not fit into {type_} without loss.")
    return converted


def _in_range(array: Array, dtype: np.dtype[np.generic]) -> bool:
    if dtype.kind not in "iu" or not array.size:
        return True
    limits = np.iinfo(dtype.name)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def shown(value: object) -> str:
    """Write a value for a message."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_json_default)
_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
"""NUL as JSON writes it; with another backslash before it, it is text."""
