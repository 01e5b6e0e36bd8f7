"""How much work compiling a relation is, told before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.query.algebra import (
    Aggregate,
    AllOf,
    AnyOf,
    Complement,
    Condition,
    Constant,
    EntitySet,
    Equalities,
    ExpressionText,
    Item,
    JobOperand,
    Join,
    Match,
    Named,
    Project,
    Relation,
    Restrict,
    TableOperand,
    Top,
    Union,
    UniversalSet,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada_server.model.dependencies import Catalog

QUICK_EFFORT = 5_000
"""Attributes that operators pass on, values and words of expressions: these take about 10 ms."""

_WORD = 4
"""Characters of an expression that count as one word."""


def is_quick(relation: Relation, catalog: Catalog) -> bool:
    """Tell whether a relation is compiled in a few milliseconds; looking stops where it is not."""
    effort, operators, width = 0, 0, 1
    waiting: list[Relation | Condition] = [relation]
    while waiting:
        node = waiting.pop()
        operators += 1
        if isinstance(node, TableOperand):
            table = catalog.tables.get(node.name)
            width = max(width, len(table.heading.attributes) if table else 1)
        effort += _own_effort(node)
        if effort + operators * width > QUICK_EFFORT:
            return False
        waiting.extend(_operands(node))
    return True


def _own_effort(node: Relation | Condition) -> int:
    match node:
        case Project(_, items) | Aggregate(_, _, items):
            return sum(map(_item_effort, items))
        case UniversalSet(names):
            return len(names)
        case Equalities(entries):
            return sum(len(value) if isinstance(value, tuple) else 1 for _, value in entries)
        case EntitySet(_, columns):
            return sum(map(len, columns))
        case ExpressionText(text, values):
            lists = sum(len(value) for value in values if isinstance(value, tuple))
            return len(text) // _WORD + len(values) + lists
        case AnyOf(conditions) | AllOf(conditions):
            return len(conditions)
        case _:
            return 0


def _item_effort(item: Item) -> int:
    return 1 + (len(item.expression.text) // _WORD if isinstance(item, Named) else 0)


def _operands(node: Relation | Condition) -> Iterable[Relation | Condition]:
    match node:
        case TableOperand() | JobOperand() | UniversalSet() | Constant() | Equalities() | EntitySet():
            return ()
        case ExpressionText():
            return ()
        case Restrict(operand, condition):
            return operand, condition
        case Project(operand) | Top(operand):
            return (operand,)
        case Join(left, right) | Union(left, right) | Aggregate(left, right):
            return left, right
        case AnyOf(conditions) | AllOf(conditions):
            return conditions
        case Complement(inner):
            return (inner,)
        case Match(inner_relation):
            return (inner_relation,)
