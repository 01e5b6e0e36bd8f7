"""Defaults of attributes: read from the definition, checked against the type, and spelled in one way."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from uuid import UUID

from levada_server.errors import InvalidDefinition, WrongValue
from levada_server.model.heading import Default
from levada_server.model.kinds import NUMBERS, TIMES
from levada_server.model.spans import spell_span
from levada_server.model.types import AttributeType, unquote
from levada_server.model.values import coerce

MAX_NUMBER_CHARACTERS = 100

NULL = Default("null")
CURRENT_TIMESTAMP = Default("CURRENT_TIMESTAMP")

_CURRENT = re.compile(r"current_timestamp(?:\([0-6]?\))?|now\([0-6]?\)", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?|nan|inf|infinity)", re.IGNORECASE | re.ASCII)
_EXACT = Context(prec=2 * MAX_NUMBER_CHARACTERS)


def parse_default(text: str, quoted: bool, type_: AttributeType) -> Default:
    """Read a default from its spelling in a definition.

    Equal values yield equal defaults, however they are spelled: `5`, `+5` and `"5"` for an integer.

    Args:
        text: Not blank; with its quotes if it is quoted.

    Raises:
        InvalidDefinition: The type has no such value. The caller, who knows the line, adds it.
    """
    if not quoted and text.lower() == "null":
        return NULL
    if not quoted and _CURRENT.fullmatch(text):
        if type_.family in TIMES and not type_.client_codecs:
            return CURRENT_TIMESTAMP
        raise InvalidDefinition(f"`{type_}` holds no time", expected=f"a value of {type_}, or quotes around a text")
    if not type_.kind.traits.keyable or type_.client_codecs:
        raise InvalidDefinition(f"`{type_}` has no default but null", expected="null, or no default")
    value = unquote(text) if quoted else text
    if type_.family in NUMBERS and not (len(value) <= MAX_NUMBER_CHARACTERS and _NUMBER.fullmatch(value.strip())):
        # Python accepts more as numbers: `1_000`, digits of other scripts, a million digits.
        raise InvalidDefinition("this default is not a number", expected=f"a value of {type_}")
    try:
        held = coerce(value, type_)
        # A float32 keeps its short spelling: 0.1, not 0.10000000149011612.
        return _spelled_float(value) if isinstance(held, float) else _spelled(held, type_)
    except WrongValue as error:
        raise InvalidDefinition(error.message.removesuffix("."), expected=f"a value of {type_}") from None


def _spelled(value: object, type_: AttributeType) -> Default:
    match value:
        case bool():
            return Default(str(value).lower())
        case int():
            return Default(str(value))
        case Decimal():
            return _spelled_decimal(value, type_)
        case datetime():
            return Default(value.isoformat(sep=" "), quoted=True)
        case date() | time():
            return Default(value.isoformat(), quoted=True)
        case timedelta():
            return Default(spell_span(value), quoted=True)
        case str() | UUID():
            return Default(str(value), quoted=True)
        case _:
            raise AssertionError(f"{type_} has values that no default can spell")


def _spelled_float(text: str) -> Default:
    value = float(text)
    if math.isfinite(value):
        return Default(repr(value).removesuffix(".0"))
    if any(character.isdigit() for character in text):
        raise WrongValue(f"{text} is past the range of a float64")
    return Default("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity", quoted=True)


def _spelled_decimal(value: Decimal, type_: AttributeType) -> Default:
    assert type_.scale is not None
    exact = value.quantize(Decimal(1).scaleb(-type_.scale), context=_EXACT)
    if exact != value:
        raise WrongValue(f"{value} has more than {type_.scale} digits after the point")
    return Default(format(exact, "f"))
