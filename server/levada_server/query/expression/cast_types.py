"""The types that CAST, a JSON path's colon and RETURNING may name."""

from __future__ import annotations

from levada_server.errors import InvalidDefinition
from levada_server.model.kinds import Family, Kind
from levada_server.model.types import AttributeType, parse_type
from levada_server.query.expression.syntax import CastType

INT64 = AttributeType(Kind.INT64)
FLOAT64 = AttributeType(Kind.FLOAT64)
TEXT = AttributeType(Kind.TEXT)

CAST_WORDS = "signed, unsigned, int, float, decimal(p,s), char, char(n), bool, date, time, datetime, duration or uuid"
"""The types that a message suggests; every spelling of these kinds in the definition language is accepted too."""

_MYSQL = {
    "signed": CastType(INT64),
    "signed integer": CastType(INT64),
    "unsigned": CastType(INT64, low=0),
    "unsigned integer": CastType(INT64, low=0),
    "char": CastType(TEXT),
    "varchar": CastType(TEXT),
}


def cast_type(words: str, numbers: tuple[int, ...]) -> CastType | None:
    """Read a type: its words in lower case, and the numbers in brackets after them. None if it cannot be cast to."""
    if not numbers and words in _MYSQL:
        return _MYSQL[words]
    try:
        found = parse_type(f"{words}({', '.join(map(str, numbers))})" if numbers else words)
    except InvalidDefinition:
        return None
    match found.family:
        case Family.INTEGER:
            assert found.kind.traits.limits is not None
            low, high = found.kind.traits.limits
            return CastType(INT64, low=low, high=high)
        case Family.FLOAT:
            return CastType(FLOAT64)
        case Family.TEXT if found.kind is not Kind.ENUM:
            return CastType(TEXT, length=found.length)
        case Family.MOMENT:
            return CastType(AttributeType(Kind.DATETIME))
        case Family.DECIMAL if found.kind.traits.limits is not None:
            low, high = found.kind.traits.limits
            return CastType(found, low=low, high=high)
        case Family.DECIMAL | Family.BOOL | Family.DATE | Family.TIME | Family.SPAN | Family.UUID:
            return CastType(found)
        case _:
            return None
