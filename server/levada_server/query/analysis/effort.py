"""Estimate the work of compiling a relation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.query.algebra import (
    Aggregate,
    AllOf,
    AnyOf,
    EntitySet,
    Equalities,
    ExpressionText,
    Named,
    Project,
    TableOperand,
    UniversalSet,
    nodes,
)

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.query.algebra import Item, Node, Relation

QUICK_EFFORT = 5_000
"""The number of attributes passed on by operators, values and words of expressions that compile in about 10 ms."""

_WORD = 4
"""The number of characters of an expression that count as one word."""


def is_quick(relation: Relation, catalog: Catalog) -> bool:
    """Return whether compiling a relation takes a few milliseconds; stop counting once it takes more."""
    effort, width = 0, 1
    for operators, node in enumerate(nodes(relation), 1):
        if isinstance(node, TableOperand):
            table = catalog.tables.get(node.name)
            width = max(width, len(table.heading.attributes) if table else 1)
        effort += _own_effort(node)
        if effort + operators * width > QUICK_EFFORT:
            return False
    return True


def _own_effort(node: Node) -> int:
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
