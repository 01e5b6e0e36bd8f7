"""Random relations over a small pipeline, and conditions on them.

A relation is grown from its operands up, and the oracle evaluates the operands at each step. So it is possible to
choose existing names and values that occur, and most restrictions keep some rows and drop others.

Chance is a `random.Random`: a seeded one makes thousands of relations in seconds, hypothesis's own can be shrunk.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from levada_server.errors import LevadaError
from levada_server.model.kinds import Family, Kind
from levada_server.model.spans import spell_span
from levada_server.query.algebra import (
    Aggregate,
    AllOf,
    AnyOf,
    Complement,
    Condition,
    Constant,
    Drop,
    EntitySet,
    Equalities,
    ExpressionText,
    Item,
    Join,
    Keep,
    Match,
    Named,
    Project,
    Relation,
    Remaining,
    Restrict,
    TableOperand,
    Top,
    Union,
    UniversalSet,
)
from tests.support.entities import Ambiguous, Entities, shared_names
from tests.support.expressions import random_aggregate, random_computed, random_predicate
from tests.support.oracle_operators import Computed, determines
from tests.support.pipelines import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from hypothesis.strategies import SearchStrategy

    from levada_server.model.heading import Heading
    from tests.support.oracle import Oracle
    from tests.support.oracle_operators import Aggregated

MAX_DEPTH = 6
MAX_ROWS = 150
"""The most rows of an intermediate result; relations with more are not made."""
MAX_PAIRS = 2_000
"""The most pairs of rows that a join compares."""

_OPERATORS = (
    *("restrict", "restrict", "restrict", "project", "project", "join", "join", "join", "left", "aggregate"),
    *("aggregate", "distinct", "promote", "total", "union", "union", "top", "top"),
)
_RESULTS = ("x", "y", "z", "v", "w")
"""Names of computed attributes; few, so that they meet."""


def chances() -> SearchStrategy[Random]:
    """Draw chance."""
    return st.randoms(use_true_random=False)


# ------------------------------------------------------------------------------------------------- conditions


def random_condition(
    chance: Random, oracle: Oracle, entities: Entities, depth: int = 2, *, wild: bool = False
) -> Condition:
    """Make a condition on a relation; a wild one may break rules."""
    kinds = ["mapping", "mapping", "list", "text", "text", "entities", "constant"]
    kinds += ["any", "all", "not", "query", "query", "query"] if depth > 0 else []
    match chance.choice(kinds):
        case "mapping":
            return _mapping(chance, entities, wild=wild)
        case "list":
            return _list(chance, entities, wild=wild)
        case "text":
            return random_predicate(chance, entities)
        case "entities":
            return _entity_set(chance, entities)
        case "constant":
            return chance.choice((Constant(True), Constant(False), AnyOf(()), AllOf(()), Match(UniversalSet(()))))
        case "query":
            unchecked = chance.randint(0, 7) > (3 if wild else 6)
            relation = random_relation(chance, oracle, depth - 1, wild=wild)
            by_name = chance.choice((False, False, True))
            if not wild:
                relation = matching(chance, oracle, relation, entities.heading, unchecked=unchecked, by_name=by_name)
            return Match(relation, unchecked, by_name)
        case "not":
            return Complement(random_condition(chance, oracle, entities, depth - 1, wild=wild))
        case kind:
            inner = [
                random_condition(chance, oracle, entities, depth - 1, wild=wild) for _ in range(chance.randint(1, 3))
            ]
            return AnyOf(tuple(inner)) if kind == "any" else AllOf(tuple(inner))


def _mapping(chance: Random, entities: Entities, *, wild: bool) -> Equalities:
    """Make a mapping of up to two names, known or unknown; a tuple stands for any of its values."""
    names = (*entities.heading.names, "unknown")
    entries: list[tuple[str, object]] = []
    for name in chance.sample(names, chance.randint(0, min(2, len(names)))):
        form = chance.randint(0, 7)
        if form == 7 and name in entities.heading and entities.heading[name].type.kind is Kind.JSON:
            parts = [chance.choice((1, 2, "x", "1", None)) for _ in range(chance.randint(0, 3))]
            entries.append((f"{name}.part", parts[0] if len(parts) == 1 else tuple(parts)))
        elif form == 6:
            entries.append((name, tuple(_compared(chance, entities, name) for _ in range(chance.randint(0, 3)))))
        elif form >= 4 and wild:
            entries.append((name, chance.choice(("no value", b"\0", [1], {"a": 1}, dt.date(2024, 1, 1)))))
        else:
            entries.append((name, _compared(chance, entities, name)))
    return Equalities(tuple(entries))


def _list(chance: Random, entities: Entities, *, wild: bool) -> AnyOf:
    """Make alternatives that are mappings with the same names."""
    first = _mapping(chance, entities, wild=wild)
    names = [name for name, _ in first.entries]
    others = [
        Equalities(tuple((name, _compared(chance, entities, name.partition(".")[0])) for name in names))
        for _ in range(chance.randint(0, 5))
    ]
    return AnyOf((first, *others))


def _entity_set(chance: Random, entities: Entities) -> EntitySet:
    names = _sample(chance, (*entities.heading.names, "unknown"), 2)
    rows = range(chance.randint(0, 4))
    return EntitySet(names, tuple(tuple(_compared(chance, entities, name) for _ in rows) for name in names))


def _compared(chance: Random, entities: Entities, name: str) -> object:
    """Make a value to compare an attribute with: one that occurs, one of its type, or one spelled otherwise."""
    if name not in entities.heading:
        return chance.choice((1, "a", None))
    kind = entities.heading[name].type.kind
    if not kind.traits.comparable:
        return None
    present = [entity[name] for entity in entities]
    value = chance.choice([*present, *present, *values_of(entities.heading[name].type)[:3], None])
    if kind is Kind.JSON:
        return None if value is None else json.loads(str(value))
    if chance.randint(0, 3) < 3 or value is None:
        return value
    if kind.traits.family is Family.INTEGER:
        return chance.choice((str(value), float(str(value)), 1.0, 0.5, True, 2**70))
    if kind.traits.family is Family.TEXT:
        return chance.choice((1, "much too long for most"))
    if kind is Kind.FLOAT32:
        return 0.1
    if isinstance(value, dt.timedelta):
        return spell_span(value)
    return value if kind is Kind.BYTES else str(value)


# -------------------------------------------------------------------------------------------------- relations


def random_relation(chance: Random, oracle: Oracle, depth: int = MAX_DEPTH, *, wild: bool = False) -> Relation:
    """Make a relation with a limited number of operators on a path; a wild one may break rules."""
    if depth <= 0 or chance.randint(0, 9) == 9:
        return TableOperand(chance.choice(tuple(oracle.tables)))
    operand = random_relation(chance, oracle, depth - 1, wild=wild)
    if not _valid(oracle, operand):
        return operand
    entities = oracle.evaluate(operand)
    operator = chance.choice(_OPERATORS)
    match operator:
        case "restrict":
            condition = random_condition(chance, oracle, entities, wild=wild)
            grown: Relation = Restrict(operand, condition, chance.choice((False, True)))
        case "project":
            grown = Project(operand, _items(chance, entities, entities, random_computed, wild=wild))
        case "distinct":
            grown = Restrict(UniversalSet(_names(chance, entities.heading, wild=wild)), Match(operand))
        case "promote":
            grown = Join(UniversalSet(_names(chance, entities.heading, wild=wild)), operand)
        case "total":
            names = _names(chance, entities.heading, wild=wild)
            grown = Aggregate(UniversalSet(names), operand, _named(chance, entities, random_aggregate, names))
        case "top":
            grown = _top(chance, operand, entities.heading, wild=wild)
        case _:
            other = random_relation(chance, oracle, chance.randint(0, min(depth - 1, 2)), wild=wild)
            if not _valid(oracle, other):
                return other
            match operator:
                case "aggregate":
                    grown = _aggregate(chance, oracle, operand, other, wild=wild)
                case "union":
                    grown = _union(chance, oracle, operand, other, wild=wild)
                case _:
                    grown = _join(chance, oracle, operand, other, left_join=operator == "left", wild=wild)
    if not _wanted(oracle, grown, wild=wild):
        return operand
    # A relation without rows tests little, so few of them grow further.
    empty = _valid(oracle, grown) and not oracle.evaluate(grown).rows
    return operand if empty and chance.randint(0, 3) else grown


def _valid(oracle: Oracle, relation: Relation) -> bool:
    try:
        oracle.evaluate(relation)
    except LevadaError:
        return False
    return True


def _wanted(oracle: Oracle, relation: Relation, *, wild: bool) -> bool:
    """Return whether a relation is fit for tests: small, with one right answer, and valid unless wild."""
    try:
        return len(oracle.evaluate(relation).rows) <= MAX_ROWS
    except Ambiguous:
        return False
    except LevadaError:
        return wild


def _heading(oracle: Oracle, relation: Relation) -> Heading:
    return oracle.evaluate(relation).heading


def _large(oracle: Oracle, left: Relation, right: Relation) -> bool:
    return len(oracle.evaluate(left).rows) * len(oracle.evaluate(right).rows) > MAX_PAIRS


def _sample(chance: Random, names: Sequence[str], most: int) -> tuple[str, ...]:
    return tuple(chance.sample(names, chance.randint(0, min(most, len(names)))))


def _names(chance: Random, heading: Heading, *, wild: bool) -> tuple[str, ...]:
    """Choose names for U."""
    if wild and chance.randint(0, 1):
        return tuple(chance.choice((*heading.names, "unknown")) for _ in range(chance.randint(0, 3)))
    return _sample(chance, heading.names, 3)


def matching(
    chance: Random, oracle: Oracle, relation: Relation, heading: Heading, *, unchecked: bool, by_name: bool = False
) -> Relation:
    """Rename or leave out the attributes of a relation that would not match those of a heading."""
    own = _heading(oracle, relation)
    fresh = (name for name in (f"m{i}" for i in count()) if name not in own and name not in heading)
    items: list[Item] = []
    for name in own.names:
        if name in heading and not _match(own, heading, name, unchecked=unchecked, by_name=by_name):
            if name in own.secondary and chance.randint(0, 1):
                items.append(Drop(name))
            else:
                items.append(Named(next(fresh), ExpressionText(name)))
    return Project(relation, (Remaining(), *items)) if items else relation


def _match(left: Heading, right: Heading, name: str, *, unchecked: bool, by_name: bool) -> bool:
    try:
        shared_names(replace(left, attributes=(left[name],)), right, unchecked=unchecked, by_name=by_name)
    except LevadaError:
        return False
    return True


def _items(
    chance: Random,
    operand: Entities,
    inside: Entities,
    expression: Callable[[Random, Entities], Computed] | Callable[[Random, Entities], Aggregated],
    *,
    wild: bool,
) -> tuple[Item, ...]:
    """Choose the attributes that a projection or aggregation keeps, leaves out, renames, duplicates and computes.

    Args:
        inside: The relation over which the expressions are evaluated.
    """
    heading = operand.heading
    items: list[Item] = []
    remaining = chance.choice((False, True))
    if remaining:
        items.append(Remaining())
    for name in (*heading.names, "unknown") if wild else heading.names:
        match chance.randint(0, 9):
            case 9:
                new = chance.choice((f"{name[:40]}_new", f"{name[:40]}_new", *heading.names[:2]))
                items.append(Named(new, ExpressionText(name)))
            case 8:
                items.append(Named(f"{name[:40]}_copy", ExpressionText(f"({name})")))
            case 7:
                items.append(Keep(name))
            case 6 if wild or (remaining and name in heading.secondary):
                items.append(Drop(name))
    items += _named(chance, inside, expression, heading.names)
    return tuple(chance.sample(items, len(items))) if wild else tuple(items)


def _named(
    chance: Random,
    inside: Entities,
    expression: Callable[[Random, Entities], Computed] | Callable[[Random, Entities], Aggregated],
    taken: Sequence[str],
) -> tuple[Item, ...]:
    names = [name for name in _sample(chance, _RESULTS, 2) if name not in taken]
    return tuple(Named(name, expression(chance, inside)) for name in names)


def _join(chance: Random, oracle: Oracle, left: Relation, right: Relation, *, left_join: bool, wild: bool) -> Relation:
    unchecked = chance.randint(0, 7) > (3 if wild else 6)
    by_name = chance.choice((False, False, True))
    if not wild:
        right = matching(chance, oracle, right, _heading(oracle, left), unchecked=unchecked, by_name=by_name)
    if _large(oracle, left, right):
        return left
    if left_join and not determines(_heading(oracle, left), _heading(oracle, right)) and not wild:
        left, right = right, left
        left_join = determines(_heading(oracle, left), _heading(oracle, right))
    elif not left_join and chance.randint(0, 1):
        left, right = right, left
    extend = left_join and chance.choice((False, True))
    return Join(left, right, left_join=left_join, unchecked=unchecked, extend=extend, by_name=by_name)


def _aggregate(chance: Random, oracle: Oracle, operand: Relation, group: Relation, *, wild: bool) -> Relation:
    heading = _heading(oracle, operand)
    by_name = chance.choice((False, False, True))
    if not wild:
        group = matching(chance, oracle, group, heading, unchecked=False, by_name=by_name)
        if not by_name and not determines(_heading(oracle, group), heading):
            if _large(oracle, operand, group):
                return operand
            group = Join(Project(operand, ()), group)
            if not _wanted(oracle, group, wild=False):
                return operand
    if _large(oracle, operand, group) or (by_name and _have_other_types(heading, _heading(oracle, group))):
        return operand
    items = _items(chance, oracle.evaluate(operand), oracle.evaluate(group), random_aggregate, wild=wild)
    return Aggregate(operand, group, items, chance.choice((False, True)), by_name)


def _have_other_types(left: Heading, right: Heading) -> bool:
    """Return whether a shared name has two types; an expression then has the type of one of them."""
    return any(left[name].type != right[name].type for name in left.names if name in right)


def _union(chance: Random, oracle: Oracle, left: Relation, other: Relation, *, wild: bool) -> Relation:
    """Unite a relation with one of the same key: a variant of itself, or of another that has the key too."""
    heading = _heading(oracle, left)
    if wild and chance.randint(0, 1):
        right: Relation = other
    elif determines(_heading(oracle, other), heading) and chance.randint(0, 1):
        right = Restrict(
            UniversalSet(tuple(chance.sample(heading.primary_key, len(heading.primary_key)))), Match(other)
        )
    else:
        condition = random_condition(chance, oracle, oracle.evaluate(left), depth=1)
        right = Restrict(left, condition, chance.choice((False, True)))
    if not _valid(oracle, right):
        return right
    own = oracle.evaluate(right)
    items: list[Item] = [
        Named(f"{name[:40]}_other", ExpressionText(name)) for name in own.heading.secondary if chance.randint(0, 1)
    ]
    items += _named(chance, own, random_computed, (*heading.names, *own.heading.names))
    return Union(left, Project(right, tuple(items)), chance.choice((False, False, True)))


def _top(chance: Random, operand: Relation, heading: Heading, *, wild: bool) -> Relation:
    terms = ["KEY", *(a.name for a in heading if a.type.family not in (Family.JSON, Family.OPAQUE))]
    terms += ["unknown", "KEY up", ""] if wild else []
    order = tuple(term + chance.choice(("", " DESC", " asc")) for term in _sample(chance, terms, 2))
    return Top(operand, chance.choice((None, 0, 1, 2, 3, 4)), order, chance.choice((0, 0, 0, 1, 2)))
