"""Find the values that a relation mentions: in its mappings, its sets of entities, and its texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from levada_server.query.algebra import (
    Aggregate,
    EntitySet,
    Equalities,
    ExpressionText,
    Named,
    Parameter,
    Project,
    nodes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.query.algebra import Node, Relation

_WORD = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|[\w.+-]+")


def mentions(relation: Relation) -> Iterator[tuple[str | None, object]]:
    """Yield the values that a relation mentions, but no parameters.

    Each comes with the attribute that it is compared with; None in a text, where nobody looks for it.
    """
    for node in nodes(relation):
        yield from _of_node(node)


def _of_node(node: Node) -> Iterator[tuple[str | None, object]]:
    match node:
        case Equalities(entries):
            for name, value in entries:
                for one in value if isinstance(value, tuple) else (value,):
                    if not isinstance(one, Parameter):
                        yield name, one
        case EntitySet(names, columns):
            for name, column in zip(names, columns, strict=True):
                for one in column:
                    yield name, one
        case ExpressionText():
            yield from _of_text(node)
        case Project(_, items) | Aggregate(_, _, items):
            for item in items:
                if isinstance(item, Named):
                    yield from _of_text(item.expression)
        case _:
            pass


def _of_text(expression: ExpressionText) -> Iterator[tuple[None, object]]:
    for value in expression.values:
        for one in value if isinstance(value, tuple) else (value,):
            yield None, one
    for found in _WORD.finditer(expression.text):
        single, double = found[1], found[2]
        if single is not None:
            yield None, single.replace("''", "'")
        elif double is not None:
            yield None, double.replace('""', '"')
        else:
            yield None, found[0]
