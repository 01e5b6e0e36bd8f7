"""Typed operands: a piece of SQL with its type, or a constant that takes its type from its context."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from levada_server.errors import InvalidExpression
from levada_server.model.kinds import Family, Kind, Traits
from levada_server.model.spans import MAX_MICROSECONDS
from levada_server.model.types import AttributeType
from levada_server.model.values import show
from levada_server.query import sql
from levada_server.query.expression.mistakes import mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from levada_server.errors import LevadaError
    from levada_server.query.expression import syntax
    from levada_server.query.sql import Expression

MAX_SQL_NODES = 50_000
"""The size of one expression, written out: BETWEEN and IN repeat their operand, and nesting would multiply it."""

LARGEST_DOUBLE = 1.7976931348623157e308
LARGEST_INTEGER = 2**63 - 1
MAX_DECIMAL_DIGITS = 38


TYPES = {
    Family.INTEGER: AttributeType(Kind.INT64),
    Family.FLOAT: AttributeType(Kind.FLOAT64),
    Family.BOOL: AttributeType(Kind.BOOL),
    Family.TEXT: AttributeType(Kind.TEXT),
    Family.DATE: AttributeType(Kind.DATE),
    Family.TIME: AttributeType(Kind.TIME),
    Family.MOMENT: AttributeType(Kind.DATETIME),
    Family.ZONED: AttributeType(Kind.TIMESTAMPTZ),
    Family.SPAN: AttributeType(Kind.DURATION),
    Family.UUID: AttributeType(Kind.UUID),
    Family.JSON: AttributeType(Kind.JSON),
}
"""The type of results in each family."""


def decimal_type(scale: int) -> AttributeType:
    """Return the type of a computed decimal."""
    return AttributeType(Kind.DECIMAL, precision=MAX_DECIMAL_DIGITS, scale=scale)


def computed_type(type_: AttributeType) -> AttributeType:
    """Return the type in which values of a type are computed."""
    if type_.kind is Kind.DECIMAL:
        return type_
    return decimal_type(0) if type_.family is Family.DECIMAL else TYPES.get(type_.family, type_)


@dataclass(frozen=True, slots=True)
class Extent:
    """Bounds on the absolute value of a number, known from its type; a number safely within them needs no guard.

    Args:
        smallest: The smallest of all values except 0.
        largest: The largest of all finite values; exact for integers.
    """

    smallest: float
    largest: float


ANY_FLOAT = Extent(5e-324, LARGEST_DOUBLE)
ANY_FLOAT32 = Extent(1e-46, 4e38)
ANY_INTEGER = Extent(1, 2**63)
ANY_SPAN = Extent(1, MAX_MICROSECONDS)


def extent_of(type_: AttributeType) -> Extent:
    """Bound the values of an attribute of a type."""
    match type_.kind:
        case Kind(traits=Traits(limits=(low, high))):
            return Extent(1, max(-low, high))
        case Kind.FLOAT32:
            return ANY_FLOAT32
        case Kind.DURATION:
            return ANY_SPAN
        case Kind(traits=Traits(family=Family.DECIMAL)):
            assert type_.precision is not None and type_.scale is not None
            return Extent(10.0**-type_.scale, 10 ** (type_.precision - type_.scale))
        case Kind(traits=Traits(family=Family.BOOL)):
            return Extent(1, 1)
        case _:
            return ANY_FLOAT


Scalar: TypeAlias = bool | int | float | Decimal | str | dt.date | dt.time | dt.datetime | dt.timedelta | UUID | bytes
Value: TypeAlias = Scalar | list[object] | tuple[object, ...] | dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Constant:
    """A value from the text or the request.

    Args:
        written: It is in the text, where a number with a point can be a decimal as well as a float.
    """

    position: int
    value: Value
    written: bool = True


@dataclass(frozen=True, slots=True)
class Typed:
    """A piece of SQL, of PostgreSQL's type for `type`.

    Args:
        extent: The bounds of a number.
        weight: The number of nodes of the SQL when written out.
        json: The JSON value that this text comes from. Such a text becomes a number, a date and so on if its context
            needs one.
        volatile: It has another value each time it is computed, so its SQL must not be repeated.
    """

    position: int
    sql: Expression
    type: AttributeType
    family: Family
    extent: Extent = ANY_FLOAT
    weight: int = 1
    json: Expression | None = None
    volatile: bool = False


Operand: TypeAlias = Constant | Typed


@dataclass(frozen=True, slots=True)
class Scope:
    """The meaning of names in an expression.

    Args:
        columns: SQL and type of each attribute.
        aggregates: Aggregate functions may be used.
        aggregate_filter: Rows that count in aggregates; None for all.
        grouped: With `aggregates`: attributes that may be used outside of aggregate functions.
    """

    columns: Mapping[str, tuple[Expression, AttributeType]]
    aggregates: bool = False
    aggregate_filter: Expression | None = None
    grouped: Container[str] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """The context of an expression being typed: its text, its names, and whether it is inside an aggregate function."""

    text: str
    scope: Scope
    values: tuple[Value, ...]
    operand_in: Callable[[syntax.Node, Site], Operand]
    aggregated: bool = False

    def operand(self, node: syntax.Node) -> Operand:
        """Type a node of the tree."""
        return self.operand_in(node, self)

    def refusal(
        self,
        position: int,
        problem: str,
        expected: str = "",
        kind: type[LevadaError] = InvalidExpression,
        **details: object,
    ) -> LevadaError:
        """Build an error that points at a position in the text."""
        return mistake(kind, self.text, position, problem, expected, **details)

    def typed(
        self,
        position: int,
        expression: Expression,
        family: Family,
        *parts: Typed,
        type_: AttributeType | None = None,
        extent: Extent = ANY_FLOAT,
    ) -> Typed:
        """Combine operands into a new one.

        Args:
            parts: The operands in `expression`, each as often as it occurs there.
            type_: Set if it differs from the usual type of `family`.
        """
        weight = 2 + sum(part.weight for part in parts)
        if weight > MAX_SQL_NODES:
            raise self.refusal(position, "the expression is too large once its repeated parts are written out")
        volatile = any(part.volatile for part in parts)
        return Typed(position, expression, type_ or TYPES[family], family, extent, weight, volatile=volatile)


def shown(operand: Operand) -> str:
    """Describe an operand."""
    if isinstance(operand, Typed):
        word = str(operand.type)
        return f"a {word}" if word[:1] not in "aeiou" else f"an {word}"
    return "NULL" if operand.value is None else show(operand.value, 40)


def function(name: str, *arguments: Expression) -> sql.Call:
    """Call one of our own functions."""
    return sql.Call(f"levada_functions.{name}", arguments)


def exact_text(expression: Expression) -> Expression:
    """Compare text by code point, as columns do."""
    return sql.Test(expression, 'COLLATE "C"')
