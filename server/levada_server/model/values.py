"""Single values: the Python type of each attribute type, and how other values are converted to it."""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from uuid import UUID

from levada_server.errors import ValueOutOfRange, WrongValue
from levada_server.model.kinds import Family, Kind
from levada_server.model.object_names import MAX_NAME_BYTES, attached_name
from levada_server.model.spans import MAX_DAYS, MAX_MICROSECONDS, SPELLINGS, microseconds_of, read_span, spell_span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada_server.model.types import AttributeType

MAX_INTEGER_DIGITS = 19
MAX_SHOWN_BITS = 400
"""A larger integer is not written out in messages: Python refuses to where it has thousands of digits."""
_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE_WORDS = frozenset({"0", "false", "f", "no", "n", "off"})


def coerce(value: object, type_: AttributeType) -> object:
    """Convert a value to the Python value that an attribute of this type holds.

    Text becomes a number, date, time or UUID; a number becomes text; 1 becomes True; and 0.1 becomes the nearest
    float32.

    Returns:
        int, float, bool, Decimal, str, date, time, datetime (aware only for timestamptz), timedelta, UUID, bytes, JSON
        text, or the id of an object as text.

    Raises:
        ValueOutOfRange: The value has the right kind, but the type cannot hold it, so no entity has it.
        WrongValue: The value cannot be read as a value of the type.
    """
    try:
        return _coerce(value, type_)
    except (ValueError, TypeError, InvalidOperation, OverflowError, RecursionError):
        raise WrongValue(f"{show(value)} is not a valid {type_}.") from None


def _coerce(value: object, type_: AttributeType) -> object:
    match type_.family:
        case Family.INTEGER:
            return _integer(value, type_)
        case Family.FLOAT:
            number = float(value)  # type: ignore[arg-type]  # coerce reports a refusal of float()
            return _float32(number, type_) if type_.kind is Kind.FLOAT32 else number
        case Family.BOOL:
            return _boolean(value)
        case Family.DECIMAL:
            return _decimal(value, type_) if type_.kind is Kind.DECIMAL else _integer(value, type_)
        case Family.TEXT:
            return _text(value, type_)
        case Family.DATE | Family.TIME | Family.MOMENT | Family.ZONED:
            return _moment(value, type_.family)
        case Family.SPAN:
            return _span(value)
        case Family.UUID:
            return _uuid(value)
        case Family.JSON:
            return _document(value)
        case Family.OPAQUE:
            return _opaque(value, type_)


def _document(value: object) -> str:
    """Return the text of a document. Bytes are its text itself: they keep numbers as they are written."""
    if not isinstance(value, bytes):
        return json.dumps(value, allow_nan=False)
    text = value.decode()
    json.loads(text, parse_constant=_refuse_constant)
    return text


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON.")


def _opaque(value: object, type_: AttributeType) -> object:
    match type_.kind:
        case Kind.BYTES | Kind.BLOB if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        case Kind.ATTACH if isinstance(value, (bytes, bytearray)):
            attached_name(bytes(value[: MAX_NAME_BYTES + 1]))
            return bytes(value)
        case Kind.OBJECT:
            # A row refers to an object by its id; the server knows its other properties.
            return str(UUID(value["id"] if isinstance(value, dict) else str(value)))
        case Kind.ARRAY if isinstance(value, (bytes, bytearray)) and len(value) == type_.item_bytes:
            return bytes(value)
    raise WrongValue(f"{show(value)} cannot be compared with or used as {type_} here.")


def _integer(value: object, type_: AttributeType) -> int:
    if isinstance(value, str):
        value = Decimal(value.strip())
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() > MAX_INTEGER_DIGITS:
        # As an int it could have billions of digits: the exponent decides, not the length of the text.
        raise ValueOutOfRange(f"{value} is past the range of {type_}.")
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value) or value != int(value):
            raise ValueOutOfRange(f"{value} is not a whole number, and `{type_}` holds only whole numbers.")
        value = int(value)
    if not isinstance(value, int):
        raise TypeError
    limits = type_.kind.traits.limits
    assert limits is not None
    low, high = limits
    if not low <= value <= high:
        raise ValueOutOfRange(f"{show(value)} is outside {low} … {high}, the range of {type_}.")
    return int(value)


def _float32(value: float, type_: AttributeType) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        raise ValueOutOfRange(f"{value} is past the range of {type_}.") from None


def _boolean(value: object) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word not in _TRUE_WORDS | _FALSE_WORDS:
            raise ValueError
        return word in _TRUE_WORDS
    if value in (0, 1):
        return bool(value)
    raise ValueOutOfRange(f"{show(value)} is neither true nor false.")


def _decimal(value: object, type_: AttributeType) -> Decimal:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueOutOfRange(f"{value} is not a finite number, and `{type_}` holds only finite numbers.")
    assert type_.precision is not None and type_.scale is not None
    if number.adjusted() >= type_.precision - type_.scale and number:
        raise ValueOutOfRange(f"{value} has more digits before the point than {type_}.")
    return number


def _text(value: object, type_: AttributeType) -> str:
    if isinstance(value, (bytes, bytearray, list, tuple, dict)):
        raise TypeError
    text = value if isinstance(value, str) else str(value)
    if "\0" in text:
        raise ValueOutOfRange("Text cannot hold the character NUL.")
    if type_.kind is Kind.ENUM and text not in type_.labels:
        raise ValueOutOfRange(f"{show(text)} is not one of {', '.join(map(repr, type_.labels))}.")
    if type_.length is not None and type_.kind in (Kind.CHAR, Kind.VARCHAR) and len(text) > type_.length:
        raise ValueOutOfRange(f"{show(text)} has {len(text)} characters; {type_} holds at most {type_.length}.")
    return text


def _span(value: object) -> dt.timedelta:
    match read_span(value.strip()) if isinstance(value, str) else value:
        case dt.timedelta() as span:
            pass
        case dt.time() as since_midnight:
            span = dt.datetime.combine(dt.date.min, since_midnight.replace(tzinfo=None)) - dt.datetime.min
        case _:
            raise WrongValue(f"{show(value)} is not a valid duration: use {SPELLINGS}.")
    if abs(microseconds_of(span)) > MAX_MICROSECONDS:
        raise ValueOutOfRange(f"{show(span)} is longer than {MAX_DAYS} days, the longest duration.")
    return span


def _moment(value: object, family: Family) -> object:
    if isinstance(value, str):
        value = _read_moment(value.strip(), family)
    match family, value:
        case Family.TIME, dt.time():
            return value.replace(tzinfo=None)
        case Family.TIME, dt.timedelta() if dt.timedelta(0) <= value < dt.timedelta(days=1):
            return (dt.datetime.min + value).time()
        case Family.TIME, dt.timedelta():
            raise WrongValue(
                f"{show(value)} is not a time of day, from 00:00:00 to 23:59:59.999999, as `time` holds; declare "
                "`duration` for spans of time."
            )
        case Family.DATE, dt.datetime():
            if value.time() != dt.time(0):
                raise ValueOutOfRange(f"{value} has a time of day, and `date` holds whole days.")
            return value.date()
        case Family.DATE, dt.date():
            return value
        case Family.ZONED, dt.datetime():
            return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
        case Family.MOMENT, dt.datetime():
            return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        case Family.MOMENT, dt.date():
            return dt.datetime.combine(value, dt.time(0))
        case Family.ZONED, dt.date():
            return dt.datetime.combine(value, dt.time(0), dt.UTC)
        case _:
            raise TypeError


def _read_moment(text: str, family: Family) -> object:
    if family is not Family.TIME:
        return dt.datetime.fromisoformat(text)
    span = read_span(text)
    return dt.time.fromisoformat(text) if span is None else span


def _uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    return UUID(bytes=value) if isinstance(value, bytes) else UUID(str(value))


def show_key(values: Iterable[tuple[str, object]]) -> str:
    """Return the values of a key as text for a message: `subject_id=5, name='a'`."""
    return ", ".join(f"{name}={show(value)}" for name, value in values)


def show(value: object, characters: int = 78) -> str:
    """Return a value as text for a message, cut if it is long; names of Python's classes are not part of it."""
    if isinstance(value, int) and value.bit_length() > MAX_SHOWN_BITS:
        return "a number of more than a hundred digits"
    if isinstance(value, Decimal):
        shown = str(value)
    elif isinstance(value, dt.timedelta):
        shown = repr(spell_span(value))
    else:
        shown = repr(str(value) if isinstance(value, (dt.date, dt.time, UUID)) else value)
    return shown if len(shown) <= characters else shown[: characters - 1] + "…"
