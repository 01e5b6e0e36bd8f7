"""The syntax tree of an expression: names and functions are not looked up yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from decimal import Decimal

    from levada_server.model.types import AttributeType

# `position` is the offset to which an error about the node points.


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in the text: int, Decimal (a point or an exponent), text, True, False, or None for NULL."""

    position: int
    value: int | Decimal | str | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark `?`; `index` counts them from 0."""

    position: int
    index: int


@dataclass(frozen=True, slots=True)
class Name:
    """An attribute."""

    position: int
    name: str


@dataclass(frozen=True, slots=True)
class CastType:
    """The target of a cast.

    Args:
        type: Type of the result.
        length: Text is cut to this many characters.
        low: The smallest integer of the target.
        high: The largest integer of the target.
    """

    type: AttributeType
    length: int | None = None
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """A part of a JSON value.

    Args:
        steps: Keys, and indices as decimal text.
        form: `scalar` (`attr.a.b`, json_value: text, JSON's null is NULL), `json` (`->`) or `text` (`->>`).
        target: The type after a colon or RETURNING.
    """

    position: int
    operand: Node
    steps: tuple[str, ...]
    form: str
    target: CastType | None = None


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `NOT x`."""

    position: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two operands; `==` has become `=`, `!=` is `<>`, and words are in upper case."""

    position: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """Two or more operands joined by AND, or by OR."""

    position: int
    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """`x [NOT] BETWEEN low AND high`."""

    position: int
    operand: Node
    low: Node
    high: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Among:
    """`x [NOT] IN (…)`; `items` is a single mark for `x IN ?`."""

    position: int
    operand: Node
    items: tuple[Node, ...] | Mark
    negated: bool


@dataclass(frozen=True, slots=True)
class Like:
    """`x [NOT] LIKE pattern`; `word` is `like`, `ilike`, which ignores case, or `regexp`."""

    position: int
    operand: Node
    pattern: Node
    negated: bool
    word: str


@dataclass(frozen=True, slots=True)
class Is:
    """`x IS [NOT] NULL`, TRUE or FALSE."""

    position: int
    operand: Node
    test: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """CASE; with a subject, each branch begins with a value to compare it with."""

    position: int
    subject: Node | None
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Convert:
    """`CAST(x AS type)`."""

    position: int
    operand: Node
    target: CastType


@dataclass(frozen=True, slots=True)
class Interval:
    """`INTERVAL amount unit`."""

    position: int
    amount: Node
    unit: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function.

    Args:
        name: In lower case.
        star: The argument is `*`.
        order: Terms of ORDER BY, with whether each is descending.
        separator: Text between the items of group_concat.
        ends: The ends at which trim removes: `both`, `leading` or `trailing`.
    """

    position: int
    name: str
    arguments: tuple[Node, ...]
    star: bool = False
    distinct: bool = False
    order: tuple[tuple[Node, bool], ...] = ()
    separator: str | None = None
    ends: str = "both"


Node: TypeAlias = (
    Literal
    | Mark
    | Name
    | Path
    | Unary
    | Binary
    | Logic
    | Between
    | Among
    | Like
    | Is
    | Choice
    | Convert
    | Interval
    | Call
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole expression and the number of its marks."""

    root: Node
    marks: int
