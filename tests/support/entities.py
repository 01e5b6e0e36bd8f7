"""The oracle's form of a relation: attributes and rows, and the equality and order of values."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from levada_server.errors import InvalidRequest, MismatchedLineage
from levada_server.model.kinds import MOMENTS, NUMBERS, Family, Kind
from levada_server.model.spans import span_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.model.heading import Heading
    from levada_server.model.types import AttributeType

Row: TypeAlias = tuple[object, ...]
"""One value per attribute, in heading order; JSON as its text."""

Entity: TypeAlias = "dict[str, object]"
"""The same row, by name."""

_FAMILIES = (
    frozenset(kind for kind in Kind if kind.traits.family in NUMBERS),
    frozenset(kind for kind in Kind if kind.traits.family is Family.TEXT),
    frozenset(kind for kind in Kind if kind.traits.family in MOMENTS),
    frozenset({Kind.JSON, Kind.OBJECT}),
    frozenset(kind for kind in Kind if kind.traits.family is Family.OPAQUE) - {Kind.OBJECT},
)
"""Kinds whose values can be compared with each other; any other kind only with itself."""


@dataclass(frozen=True, slots=True)
class Entities:
    """A relation as attributes and rows.

    Args:
        heading: Its attributes.
        rows: Its rows.
        order: Names by which the rows are sorted, and whether in descending order.
        places: For each row its place in that order, equal for rows that it does not tell apart; empty without an
            order. It also holds after the names of the order have gone.
    """

    heading: Heading
    rows: tuple[Row, ...]
    order: tuple[tuple[str, bool], ...] = ()
    places: tuple[int, ...] = ()

    def __iter__(self) -> Iterator[Entity]:
        """Go through the entities by name."""
        return (dict(zip(self.heading.names, row, strict=True)) for row in self.rows)


class Ambiguous(Exception):
    """The rules allow several answers."""


def seen(value: object, type_: AttributeType) -> tuple[object, ...]:
    """Return the form of a value for comparison: equal values have equal forms, and the forms have the values' order.

    NULL is last and NaN before it; NaN equals NaN and 0.0 equals -0.0. Text is ordered by code point. A date is its
    midnight, and a moment without a zone is in UTC.
    """
    if value is None:
        return (2,)
    if isinstance(value, float) and math.isnan(value):
        return (1,)
    if type_.kind in (Kind.JSON, Kind.OBJECT):
        assert isinstance(value, str)
        return (0, json.dumps(json.loads(value), sort_keys=True))
    if isinstance(value, dt.datetime):
        return (0, value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value)
    if isinstance(value, dt.date):
        return (0, dt.datetime.combine(value, dt.time()))
    return (0, value)


def read(value: object, type_: AttributeType) -> object:
    """Return a value as the server returns it, from the driver, which reads spans of time as microseconds."""
    return span_of(value) if type_.kind is Kind.DURATION and isinstance(value, int) else value


def has_unique_keys(entities: Entities) -> bool:
    """Return whether the keys of all rows differ: only in a union of relations with NULL in a key of U do some not."""
    heading = entities.heading
    keys = [tuple(seen(entity[name], heading[name].type) for name in heading.primary_key) for entity in entities]
    return len(set(keys)) == len(keys)


def same(left: object, right: object, type_: AttributeType) -> bool:
    """Return whether two values are equal; NULL equals nothing."""
    return left is not None and right is not None and seen(left, type_) == seen(right, type_)


def _comparable(left: AttributeType, right: AttributeType) -> bool:
    return left.kind is right.kind or any(left.kind in f and right.kind in f for f in _FAMILIES)


def shared_names(left: Heading, right: Heading, *, unchecked: bool = False, by_name: bool = False) -> list[str]:
    """Return the names on which two relations match: common names with the same origin, or of the key of a side."""
    names = [name for name in left.names if name in right.names]
    for name in names:
        one_origin = left[name].origin is not None and left[name].origin == right[name].origin
        allowed = left[name].primary_key or right[name].primary_key if by_name else one_origin
        if not unchecked and not allowed:
            raise MismatchedLineage(f"`{name}` means two things.")
        if not _comparable(left[name].type, right[name].type):
            raise InvalidRequest(f"`{name}` has two types.")
    return names
