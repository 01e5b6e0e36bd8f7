"""The result of each operator on its operands, for the oracle."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cmp_to_key
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, UnknownAttribute
from levada_server.model.heading import Attribute, Heading
from levada_server.model.kinds import Kind
from levada_server.query.algebra import Aggregate, Drop, ExpressionText, Item, Join, Keep, Named, Remaining, Top, Union
from tests.support.entities import Ambiguous, Entities, Entity, Row, has_unique_keys, same, seen, shared_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from levada_server.model.types import AttributeType

_NAME = re.compile(r"`?([a-z][a-z0-9_]*)`?")
_COPY = re.compile(r"\(\s*`?([a-z][a-z0-9_]*)`?\s*\)")
_NEW_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ORDER = re.compile(r"(?P<name>\S+)( (?P<direction>ASC|DESC))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed(ExpressionText):
    """An expression whose meaning is known.

    Args:
        type: The type of its value; None for an expression that is used only as a condition.
        meaning: Its value for an entity; the value of a condition is True, False or None.
    """

    type: AttributeType | None = None
    meaning: Callable[[Entity], object] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregated(ExpressionText):
    """An expression with aggregate functions whose meaning is known.

    Args:
        type: Type of its value.
        meaning: Its value for the entities of a group.
    """

    type: AttributeType
    meaning: Callable[[Sequence[Entity]], object] = field(compare=False, repr=False)


def _worked_out(items: Sequence[Item], heading: Heading) -> tuple[list[tuple[Attribute, str]], list[Named]]:
    """Return the attributes that a projection keeps, each with its old name, and the ones that it computes."""
    remaining = Remaining() in items
    kept = {_attribute(item.name, heading).name for item in items if isinstance(item, Keep)}
    dropped = {_attribute(item.name, heading).name for item in items if isinstance(item, Drop)}
    if dropped and not remaining:
        raise InvalidRequest("Nothing is left out of what is not kept.")
    if dropped & set(heading.primary_key):
        raise InvalidRequest("A key attribute cannot be dropped.")
    kept |= set(heading.primary_key) | (set(heading.names) - dropped if remaining else set())
    renames: dict[str, str] = {}
    copies: list[tuple[Attribute, str]] = []
    computed: list[Named] = []
    for item in items:
        if not isinstance(item, Named):
            continue
        if not _NEW_NAME.fullmatch(item.name):
            raise InvalidRequest(f"`{item.name}` is not a name.")
        old, copied = (p.fullmatch(item.expression.text.strip()) for p in (_NAME, _COPY))
        if old and old[1] in heading.names:
            if old[1] in renames:
                raise InvalidRequest(f"`{old[1]}` is renamed twice.")
            renames[old[1]] = item.name
        elif copied and copied[1] in heading.names:
            copies.append((replace(heading[copied[1]], name=item.name, primary_key=False), copied[1]))
        elif isinstance(item.expression, (Computed, Aggregated)):
            computed.append(item)
        else:
            raise UnknownAttribute(f"`{item.expression.text}` has no meaning here.")
    results = [
        (replace(a, name=renames.get(a.name, a.name)), a.name) for a in heading if a.name in kept or a.name in renames
    ]
    results += copies
    names = [a.name for a, _ in results] + [item.name for item in computed]
    if len(set(names)) < len(names):
        raise InvalidRequest("Two results have one name.")
    return results, computed


def _result_heading(kept: Sequence[tuple[Attribute, str]], computed: Sequence[Named]) -> Heading:
    attributes = [attribute for attribute, _ in kept]
    for item in computed:
        assert isinstance(item.expression, (Computed, Aggregated)) and item.expression.type is not None
        attributes.append(Attribute(item.name, item.expression.type, nullable=True))
    return _with_key(attributes, [a.name for a in attributes if a.primary_key])


def project(operand: Entities, items: Sequence[Item]) -> Entities:
    """Evaluate `operand.proj(…)`."""
    kept, computed = _worked_out(items, operand.heading)
    heading = _result_heading(kept, computed)
    found = []
    for entity in operand:
        result = {attribute.name: entity[old] for attribute, old in kept}
        for item in computed:
            assert isinstance(item.expression, Computed)
            result[item.name] = item.expression.meaning(entity)
        found.append(result)
    new_names = {old: attribute.name for attribute, old in reversed(kept)}
    order = takewhile(lambda term: term[0] in new_names, operand.order)
    return Entities(
        heading,
        _rows(heading, found),
        tuple((new_names[name], descending) for name, descending in order),
        operand.places,
    )


def determines(left: Heading, right: Heading) -> bool:
    """Return whether every key attribute of the right is an attribute of the left."""
    return all(name in left.names for name in right.primary_key)


def join(left: Entities, right: Entities, how: Join) -> Entities:
    """Evaluate `left * right`, `left.join(right, left=True)` and `left.extend(right)`."""
    names = shared_names(left.heading, right.heading, unchecked=how.unchecked, by_name=how.by_name)
    forth, back = determines(left.heading, right.heading), determines(right.heading, left.heading)
    if (how.left_join or how.extend) and not forth:
        raise InvalidRequest("The left side does not determine the right.")
    first, second = (right, left) if back and not forth else (left, right)
    key = list(first.heading.primary_key)
    if not forth and not back:
        key += [name for name in second.heading.primary_key if name not in key]
    added = [a for a in second.heading if a.name not in first.heading.names]
    heading = _with_key([*first.heading, *added], key)
    nothing = dict.fromkeys((n for n in right.heading.names if n not in left.heading.names), None)
    found: list[Entity] = []
    for entity in left:
        matches = [o for o in right if all(same(entity[n], o[n], left.heading[n].type) for n in names)]
        # Under shared names both sides have the same value, except 0.0 and -0.0.
        found += [{**match, **entity} for match in matches]
        if how.left_join and not matches:
            found.append({**entity, **nothing})
    return Entities(heading, _rows(heading, found))


def _aggregates(items: Sequence[Named], members: Sequence[Entity]) -> Entity:
    results: Entity = {}
    for item in items:
        assert isinstance(item.expression, Aggregated)
        results[item.name] = item.expression.meaning(members)
    return results


def aggregate(operand: Entities, group: Entities, how: Aggregate) -> Entities:
    """Evaluate `operand.aggr(group, …)`.

    Raises:
        Ambiguous: Two entities of the operand have the same key, with NULL in it.
    """
    if not how.by_name and not determines(group.heading, operand.heading):
        raise InvalidRequest("The group lacks the operand's key.")
    names = shared_names(operand.heading, group.heading, by_name=how.by_name)
    kept, computed = _worked_out(how.items, operand.heading)
    heading = _result_heading(kept, computed)
    if not has_unique_keys(operand):
        raise Ambiguous
    found = []
    for entity in operand:
        members = [m for m in group if all(same(entity[n], m[n], operand.heading[n].type) for n in names)]
        if members or not how.matching_only:
            found.append({a.name: entity[old] for a, old in kept} | _aggregates(computed, members))
    return Entities(heading, _rows(heading, found))


def _universal_heading(names: Sequence[str], operand: Heading) -> Heading:
    if len(set(names)) < len(names):
        raise InvalidRequest("U names an attribute twice.")
    return _with_key([_attribute(name, operand) for name in names], names)


def distinct(names: Sequence[str], operand: Entities) -> Entities:
    """Evaluate `U(…) & operand`."""
    heading = _universal_heading(names, operand.heading)
    found = {_identity(row, heading): row for row in _rows(heading, operand)}
    return Entities(heading, tuple(found.values()))


def promote(names: Sequence[str], operand: Entities) -> Entities:
    """Evaluate `U(…) * operand`."""
    promoted = _universal_heading(names, operand.heading).names
    key = [*operand.heading.primary_key, *(name for name in promoted if name not in operand.heading.primary_key)]
    heading = _with_key(list(operand.heading), key)
    return Entities(heading, _rows(heading, operand))


def aggregate_universal(names: Sequence[str], group: Entities, items: Sequence[Item]) -> Entities:
    """Evaluate `U(…).aggr(group, …)`."""
    own = _universal_heading(names, group.heading)
    kept, computed = _worked_out(items, own)
    heading = _result_heading(kept, computed)
    groups: dict[tuple[object, ...], list[Entity]] = {} if names else {(): []}
    for entity in group:
        groups.setdefault(_identity((entity[name] for name in names), own), []).append(entity)
    found = [
        {a.name: members[0][old] for a, old in kept} | _aggregates(computed, members) for members in groups.values()
    ]
    return Entities(heading, _rows(heading, found))


def union(left: Entities, right: Entities, how: Union) -> Entities:
    """Evaluate `left + right`."""
    key = left.heading.primary_key
    if set(key) != set(right.heading.primary_key):
        raise InvalidRequest("The keys differ.")
    if set(shared_names(left.heading, right.heading, by_name=how.by_name)) != set(key):
        raise InvalidRequest("Both sides have a secondary attribute.")
    secondary = [a for heading in (left.heading, right.heading) for a in heading if not a.primary_key]
    heading = _with_key([*(left.heading[name] for name in key), *secondary], key)
    nothing = dict.fromkeys((a.name for a in secondary), None)
    found = []
    matched: set[int] = set()
    for entity in left:
        partner: Entity = {}
        for index, other in enumerate(right):
            if all(same(entity[n], other[n], heading[n].type) for n in key):
                partner = other
                matched.add(index)
        found.append({**nothing, **partner, **entity})
    found += [{**nothing, **other} for index, other in enumerate(right) if index not in matched]
    return Entities(heading, _rows(heading, found))


def _order_terms(texts: Iterable[str], heading: Heading) -> list[tuple[str, bool]]:
    terms = []
    for text in texts:
        match = _ORDER.fullmatch(text.replace("`", ""))
        if match is None:
            raise InvalidRequest(f"`{text}` is not an order.")
        descending = (match["direction"] or "").upper() == "DESC"
        names = heading.primary_key if match["name"] == "KEY" else (_attribute(match["name"], heading).name,)
        terms += [(name, descending) for name in names]
    return terms


def compare_rows(entities: Entities, order: Sequence[tuple[str, bool]]) -> Callable[[Row, Row], int]:
    """Return the function that compares two rows of a relation by an order: below, at or above 0.

    Raises:
        Ambiguous: Two JSON values differ, and no rule says which comes first.
    """
    positions = [(entities.heading.names.index(n), entities.heading[n].type, descending) for n, descending in order]

    def compare(left: Row, right: Row) -> int:
        for position, type_, descending in positions:
            a, b = seen(left[position], type_), seen(right[position], type_)
            if a != b:
                if type_.kind is Kind.JSON and None not in (left[position], right[position]):
                    raise Ambiguous
                return -1 if (a < b) is not descending else 1
        return 0

    return compare


def chosen(entities: Entities, indices: Sequence[int]) -> Entities:
    """Return some rows of a relation, in an order of theirs."""
    rows = tuple(entities.rows[index] for index in indices)
    places = tuple(entities.places[index] for index in indices) if entities.places else ()
    return replace(entities, rows=rows, places=places)


def top(operand: Entities, how: Top) -> Entities:
    """Evaluate `operand & Top(…)`: NULLs come last in ascending, first in descending order.

    Without an order it takes the one that its operand has. The key decides between rows that the order leaves alike.
    """
    limited = how.limit is not None or bool(how.offset)
    terms = _order_terms(how.order, operand.heading)
    inherited = not terms and bool(operand.places)
    places = operand.places if inherited else (0,) * len(operand.rows)
    key = [(name, False) for name in operand.heading.primary_key if name not in dict(terms)] if limited else []
    compare_values = compare_rows(operand, [*terms, *key])

    def compare(left: int, right: int) -> int:
        return places[left] - places[right] or compare_values(operand.rows[left], operand.rows[right])

    order = sorted(range(len(operand.rows)), key=cmp_to_key(compare))
    end = len(order) if how.limit is None else how.offset + how.limit
    for cut in (how.offset, end):
        if 0 < cut < len(order) and compare(order[cut - 1], order[cut]) == 0:
            raise Ambiguous
    sorted_places = [0] * len(order)
    for place, (before, after) in enumerate(pairwise(order), 1):
        sorted_places[place] = sorted_places[place - 1] + (compare(before, after) != 0)
    found = chosen(operand, order)
    shown = operand.order if inherited else (*terms, *key)
    whole = replace(found, order=shown, places=tuple(sorted_places))
    return chosen(whole, range(len(order))[how.offset : end])


def _attribute(name: str, heading: Heading) -> Attribute:
    if name not in heading.names:
        raise UnknownAttribute(f"There is no attribute `{name}`.")
    return heading[name]


def _with_key(attributes: Iterable[Attribute], key: Sequence[str]) -> Heading:
    """Make a heading: the key in its order, then the other attributes in their order."""
    by_name = {a.name: a for a in attributes}
    names = [*key, *(name for name in by_name if name not in key)]
    return Heading(tuple(replace(by_name[name], primary_key=name in key) for name in names))


def _rows(heading: Heading, entities: Iterable[Entity]) -> tuple[Row, ...]:
    return tuple(tuple(entity[name] for name in heading.names) for entity in entities)


def _identity(row: Iterable[object], attributes: Iterable[Attribute]) -> tuple[object, ...]:
    """Return the values that make a row distinct from others; here NULL equals NULL."""
    return tuple(seen(value, a.type) for value, a in zip(row, attributes, strict=True))
