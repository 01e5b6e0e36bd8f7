"""The query algebra: one frozen node per operator and per kind of condition, as clients send them.

A node holds names, text and values; nothing is checked against tables yet. `headings.py` has each operator's rule for
its attributes, `operators.py` its rule for SQL, and `analysis/` folds over all nodes of a relation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.model.table import TableName


@dataclass(frozen=True, slots=True)
class ExpressionText:
    """A text of the expression language; `values` replace its marks `?`, in order."""

    text: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class TableOperand:
    """A table."""

    name: TableName


@dataclass(frozen=True, slots=True)
class JobOperand:
    """The jobs of an auto-populated table."""

    name: TableName


@dataclass(frozen=True, slots=True)
class StalenessOperand:
    """Whether the results of an auto-populated table are still true.

    Args:
        name: The table.
        codes: Pairs of a table and the digest of the code that would compute it now.
        known_only: Answer by what is known of the inputs. Otherwise inputs that may have changed are compared first.
    """

    name: TableName
    codes: tuple[tuple[TableName, str], ...] = ()
    known_only: bool = False


@dataclass(frozen=True, slots=True)
class Restrict:
    """`operand & condition`; negated, `operand - condition`."""

    operand: Relation
    condition: Condition
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """An attribute to keep."""

    name: str


@dataclass(frozen=True, slots=True)
class Drop:
    """A secondary attribute that `Remaining` drops."""

    name: str


@dataclass(frozen=True, slots=True)
class Remaining:
    """All attributes that no other item names."""


@dataclass(frozen=True, slots=True)
class Named:
    """A rename (`old`), a duplicate (`(old)`) or a computed attribute (any other expression)."""

    name: str
    expression: ExpressionText


Item: TypeAlias = Keep | Drop | Remaining | Named


@dataclass(frozen=True, slots=True)
class Project:
    """`operand.proj(…)`."""

    operand: Relation
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """`left * right`; `left_join` keeps entities of `left` without a match."""

    left: Relation
    right: Relation
    left_join: bool = False
    unchecked: bool = False
    extend: bool = False
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`operand.aggr(group, …)`."""

    operand: Relation
    group: Relation
    items: tuple[Item, ...]
    matching_only: bool = False
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Union:
    """`left + right`."""

    left: Relation
    right: Relation
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class UniversalSet:
    """`U(…)`: all possible entities with these attributes."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Top:
    """The first entities in an order; each term of `order` is `name`, `name DESC`, `KEY` or `KEY DESC`."""

    operand: Relation
    limit: int | None = None
    order: tuple[str, ...] = ()
    offset: int = 0


Relation: TypeAlias = (
    TableOperand | JobOperand | StalenessOperand | Restrict | Project | Join | Aggregate | Union | UniversalSet | Top
)


@dataclass(frozen=True, slots=True)
class Constant:
    """All entities, or none."""

    holds: bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that may be replaced by another of its kind when the query is repeated.

    Args:
        number: Its number among the relation's parameters.
        value: Its current value: neither None nor a tuple.
    """

    number: int
    value: object


@dataclass(frozen=True, slots=True)
class Equalities:
    """Names and values that must all be equal; None means NULL, a tuple any of its elements."""

    entries: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All hold."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Complement:
    """It does not hold; NULL counts as not holding."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Match:
    """The entity agrees with some entity of a relation on the attributes they share."""

    relation: Relation
    unchecked: bool = False
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class EntitySet:
    """The entity agrees with some row of these columns; None means NULL."""

    names: tuple[str, ...]
    columns: tuple[tuple[object, ...], ...]


Condition: TypeAlias = Constant | Equalities | AnyOf | AllOf | Complement | Match | ExpressionText | EntitySet

Node: TypeAlias = Relation | Condition


def children(node: Node) -> tuple[Node, ...]:
    """Return the relations and conditions right below a node."""
    match node:
        case (
            TableOperand()
            | JobOperand()
            | StalenessOperand()
            | UniversalSet()
            | Constant()
            | Equalities()
            | EntitySet()
            | ExpressionText()
        ):
            return ()
        case Restrict(operand, condition):
            return operand, condition
        case Project(operand) | Top(operand):
            return (operand,)
        case Join(left, right) | Union(left, right) | Aggregate(left, right):
            return left, right
        case AnyOf(conditions) | AllOf(conditions):
            return conditions
        case Complement(condition):
            return (condition,)
        case Match(relation):
            return (relation,)


def nodes(relation: Relation) -> Iterator[Node]:
    """Yield all nodes of a relation, each before those below it; a shared one as often as it is used."""
    waiting: list[Node] = [relation]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))
