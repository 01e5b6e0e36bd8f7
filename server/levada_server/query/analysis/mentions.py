"""Find the values that a relation mentions: in its mappings, its sets of entities, and its expressions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, is_dataclass
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
from levada_server.query.expression import syntax
from levada_server.query.expression.computed import attribute_name, duplicate_name
from levada_server.query.expression.parser import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from levada_server.query.algebra import Node, Relation

Said = tuple[str | None, object]
"""An attribute, None if it may be any, and the value that it is compared with."""

_COMPARISONS = (syntax.Binary, syntax.Among, syntax.Between, syntax.Like)
_PLAIN = (syntax.Name, syntax.Literal, syntax.Mark)


def mentions(relation: Relation) -> Iterator[Said]:
    """Yield the values that a relation mentions, but no parameters.

    Each comes with the attribute that it is compared with, and with the attributes whose other name that is. A number
    with which nothing is compared is not a value of an attribute; a text may be one of any attribute.

    Raises:
        InvalidExpression: An expression cannot be parsed.
    """
    origins = _Origins(relation)
    for node in nodes(relation):
        for name, value in _of_node(node):
            yield from origins.of(name, value)


class _Origins:
    """The attributes that those of projections are made of."""

    def __init__(self, relation: Relation) -> None:
        self._made_of: defaultdict[str, set[str]] = defaultdict(set)
        self._computed: set[str] = set()
        for node in nodes(relation):
            for item in _named(node):
                text = item.expression.text
                if (old := attribute_name(text) or duplicate_name(text)) is not None:
                    self._made_of[item.name].add(old)
                else:
                    self._computed.add(item.name)
                    self._made_of[item.name].update(_names(_inside(parse(text).root)))

    def of(self, name: str | None, value: object) -> Iterator[Said]:
        """Yield a value with its attribute, and with the attributes that this may be; a computed text may be any."""
        found: set[str | None] = set()
        waiting = [name]
        while waiting:
            if (one := waiting.pop()) not in found:
                found.add(one)
                waiting.extend(self._made_of.get(one or "", ()))
        for one in found:
            yield one, value
        if isinstance(value, str) and not self._computed.isdisjoint(found):
            yield None, value


def _named(node: Node) -> Iterator[Named]:
    if isinstance(node, Project | Aggregate):
        yield from (item for item in node.items if isinstance(item, Named))


def _of_node(node: Node) -> Iterator[Said]:
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
        case _:
            for item in _named(node):
                yield from _of_text(item.expression)


def _of_text(expression: ExpressionText) -> Iterator[Said]:
    for operand in _apart(parse(expression.text).root):
        inside = tuple(_inside(operand))
        names = _names(inside)
        plain = isinstance(operand, _COMPARISONS) and all(isinstance(node, _PLAIN) for node in inside[1:])
        possible: list[str | None] = [*names]
        for value in _values(inside, expression.values):
            # A text in a function, or one that nothing is compared with, may be part of anything.
            for name in [None] if isinstance(value, str) and not (plain and names) else possible:
                yield name, value


def _apart(node: syntax.Node) -> Iterator[syntax.Node]:
    """Yield the conditions that AND, OR and NOT join."""
    match node:
        case syntax.Logic(_, _, operands):
            for operand in operands:
                yield from _apart(operand)
        case syntax.Unary(_, "NOT", operand):
            yield from _apart(operand)
        case _:
            yield node


def _names(inside: Iterable[object]) -> list[str]:
    return [node.name for node in inside if isinstance(node, syntax.Name)]


def _inside(value: object) -> Iterator[object]:
    """Yield a node and all nodes in it."""
    if isinstance(value, tuple):
        for one in value:
            yield from _inside(one)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from _inside(getattr(value, field.name))


def _values(inside: Sequence[object], given: Sequence[object]) -> Iterator[object]:
    for node in inside:
        match node:
            case syntax.Literal(_, value):
                yield value
            case syntax.Mark(_, index):
                one = given[index] if index < len(given) else None
                yield from one if isinstance(one, tuple) else (one,)
            case syntax.Like(_, _, syntax.Literal(_, str() as pattern)):
                yield pattern.strip("%^$").replace("\\_", "_").replace("\\%", "%")
            case _:
                pass
