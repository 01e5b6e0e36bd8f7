"""The algebra evaluated in plain Python on tables in memory: what each operator means.

Written from the relational model, not from the compiler. It is meant to be read: everything is a loop over all rows.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cmp_to_key
from typing import TYPE_CHECKING, TypeAlias

from levada_server.errors import (
    InvalidRequest,
    MismatchedLineage,
    UnknownAttribute,
    UnknownTable,
    ValueOutOfRange,
)
from levada_server.model.heading import Attribute, Heading
from levada_server.model.types import HEAVY, INTEGER_RANGES, TEXTS, AttributeType, Kind
from levada_server.model.values import coerce
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
    JobOperand,
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from levada_server.model.table import TableName

Row: TypeAlias = tuple[object, ...]
"""One value per attribute, in heading order; JSON as its text."""

Entity: TypeAlias = "dict[str, object]"
"""The same row, by name."""

_NAME = re.compile(r"`?([a-z][a-z0-9_]*)`?")
_COPY = re.compile(r"\(\s*`?([a-z][a-z0-9_]*)`?\s*\)")
_NEW_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ORDER = re.compile(r"(?P<name>\S+)( (?P<direction>ASC|DESC))?", re.IGNORECASE)

_FAMILIES = (
    frozenset(INTEGER_RANGES) | {Kind.DECIMAL, Kind.FLOAT32, Kind.FLOAT64},
    TEXTS,
    frozenset({Kind.DATE, Kind.DATETIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
    frozenset({Kind.JSON, Kind.OBJECT}),
    frozenset({Kind.BYTES, Kind.BLOB, Kind.ARRAY}),
)
"""Kinds whose values can be compared with each other; any other kind only with itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed(ExpressionText):
    """An expression whose meaning is known.

    Args:
        type: Type of its value; None for one that is only used as a condition.
        meaning: Its value for an entity: a condition's is True, False or None.
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


@dataclass(frozen=True, slots=True)
class Entities:
    """What a relation is: attributes and rows.

    Args:
        heading: Its attributes.
        rows: Its rows.
        order: Names by which the rows are sorted, and whether in descending order.
    """

    heading: Heading
    rows: tuple[Row, ...]
    order: tuple[tuple[str, bool], ...] = ()

    def __iter__(self) -> Iterator[Entity]:
        """Go through the entities by name."""
        return (dict(zip(self.heading.names, row, strict=True)) for row in self.rows)


class Ambiguous(Exception):
    """The rules leave it open which of several answers is given."""


@dataclass(frozen=True)
class Oracle:
    """Knows what each relation over some tables is.

    Args:
        tables: All tables.
        jobs: The jobs of auto-populated tables.
    """

    tables: Mapping[TableName, Entities]
    jobs: Mapping[TableName, Entities] = field(default_factory=dict)
    _known: dict[int, tuple[Relation, Entities]] = field(default_factory=dict, compare=False, repr=False)

    def evaluate(self, relation: Relation) -> Entities:
        """Give what a relation is.

        Raises:
            LevadaError: It breaks a rule of the algebra, whatever the rows.
            Ambiguous: The rules allow more than one answer.
        """
        known = self._known.get(id(relation))
        if known is None or known[0] is not relation:
            known = self._known[id(relation)] = (relation, self._evaluate(relation))
        return known[1]

    def _evaluate(self, relation: Relation) -> Entities:
        match relation:
            case TableOperand(name):
                return _table(self.tables, name)
            case JobOperand(name):
                return _table(self.jobs, name)
            case Restrict(UniversalSet(names), Match(operand), False):
                return distinct(names, self.evaluate(operand))
            case Restrict(operand, condition, negated):
                entities = self.evaluate(operand)
                holds = self.predicate(condition, entities.heading)
                return replace(
                    entities, rows=tuple(r for r, e in _pairs(entities) if holds(e) is not negated), order=()
                )
            case Project(operand, items):
                return project(self.evaluate(operand), items)
            case Join(left, right):
                return join(self.evaluate(left), self.evaluate(right), relation)
            case Aggregate(UniversalSet(names), group, items):
                return aggregate_universal(names, self.evaluate(group), items)
            case Aggregate(operand, group, items, matching_only):
                return aggregate(self.evaluate(operand), self.evaluate(group), items, matching_only)
            case Union(left, right):
                return union(self.evaluate(left), self.evaluate(right))
            case Top(operand):
                return top(self.evaluate(operand), relation)
            case UniversalSet():
                raise InvalidRequest("U is no relation.")

    def predicate(self, condition: Condition, heading: Heading) -> Callable[[Entity], bool]:
        """Give what a condition says about an entity with a heading: it holds or it does not, NULLs or not."""
        match condition:
            case Constant(holds):
                return lambda _: holds
            case Equalities(entries):
                known = [(n, v) for n, v in entries if n.partition(".")[0] in heading]
                return _all([_equality(name, value, heading) for name, value in known])
            case AllOf(conditions):
                return _all([self.predicate(c, heading) for c in conditions])
            case AnyOf(conditions):
                return _any([self.predicate(c, heading) for c in conditions])
            case Complement(inner):
                held = self.predicate(inner, heading)
                return lambda entity: not held(entity)
            case Match(UniversalSet()):
                return lambda _: True
            case Match(relation, unchecked):
                return _match(self.evaluate(relation), heading, unchecked=unchecked)
            case Computed(meaning=meaning):
                return lambda entity: meaning(entity) is True
            case ExpressionText(text):
                raise UnknownAttribute(f"`{text}` has no meaning here.")
            case EntitySet(names, columns):
                rows = [Equalities(tuple(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
                return _any([self.predicate(row, heading) for row in rows])


# -------------------------------------------------------------------------------------------------- values


def seen(value: object, type_: AttributeType) -> tuple[object, ...]:
    """Give what comparison sees of a value: equal values give equal results, and the results are ordered as they.

    NULL is last and NaN before it; NaN equals NaN and 0.0 equals -0.0. Text is ordered by code point.
    """
    if value is None:
        return (2,)
    if isinstance(value, float) and math.isnan(value):
        return (1,)
    if type_.kind in (Kind.JSON, Kind.OBJECT):
        assert isinstance(value, str)
        return (0, json.dumps(json.loads(value), sort_keys=True))
    return (0, value)


def same(left: object, right: object, type_: AttributeType) -> bool:
    """Tell whether two values are equal; NULL equals nothing."""
    return left is not None and right is not None and seen(left, type_) == seen(right, type_)


def _identity(row: Iterable[object], attributes: Iterable[Attribute]) -> tuple[object, ...]:
    """Give what makes a row distinct from others; here NULL is like NULL."""
    return tuple(seen(value, a.type) for value, a in zip(row, attributes, strict=True))


# -------------------------------------------------------------------------------------------------- helpers


def _table(tables: Mapping[TableName, Entities], name: TableName) -> Entities:
    if name not in tables:
        raise UnknownTable(f"There is no table `{name}`.")
    return tables[name]


def _pairs(entities: Entities) -> Iterator[tuple[Row, Entity]]:
    return zip(entities.rows, entities, strict=True)


def _all(predicates: Sequence[Callable[[Entity], bool]]) -> Callable[[Entity], bool]:
    return lambda entity: all(holds(entity) for holds in predicates)


def _any(predicates: Sequence[Callable[[Entity], bool]]) -> Callable[[Entity], bool]:
    return lambda entity: any(holds(entity) for holds in predicates)


def _attribute(name: str, heading: Heading) -> Attribute:
    if name not in heading.names:
        raise UnknownAttribute(f"There is no attribute `{name}`.")
    return heading[name]


def _with_key(attributes: Iterable[Attribute], key: Sequence[str]) -> Heading:
    """Make a heading: the key in its order, then the others in theirs."""
    by_name = {a.name: a for a in attributes}
    names = [*key, *(name for name in by_name if name not in key)]
    return Heading(tuple(replace(by_name[name], primary_key=name in key) for name in names))


def _rows(heading: Heading, entities: Iterable[Entity]) -> tuple[Row, ...]:
    return tuple(tuple(entity[name] for name in heading.names) for entity in entities)


def _comparable(left: AttributeType, right: AttributeType) -> bool:
    return left.kind is right.kind or any(left.kind in f and right.kind in f for f in _FAMILIES)


def shared_names(left: Heading, right: Heading, *, unchecked: bool = False) -> list[str]:
    """Names on which two relations match: those of both, if they have the same origin."""
    names = [name for name in left.names if name in right.names]
    for name in names:
        if not unchecked and (left[name].origin is None or left[name].origin != right[name].origin):
            raise MismatchedLineage(f"`{name}` means two things.")
        if not _comparable(left[name].type, right[name].type):
            raise InvalidRequest(f"`{name}` has two types.")
    return names


# -------------------------------------------------------------------------------------------------- conditions


def _equality(name: str, value: object, heading: Heading) -> Callable[[Entity], bool]:
    if "." in name:
        return _part_equality(name, value, heading)
    attribute = heading[name]
    if attribute.type.kind in (Kind.BLOB, Kind.ARRAY, Kind.OBJECT) and value is not None:
        raise InvalidRequest(f"`{name}` cannot restrict.")
    alternatives = value if isinstance(value, tuple) else (value,)
    wanted = []
    for alternative in alternatives:
        if alternative is not None:
            try:
                wanted.append(coerce(alternative, attribute.type))
            except ValueOutOfRange:
                continue
    null = None in alternatives

    def holds(entity: Entity) -> bool:
        found = entity[name]
        return null if found is None else any(same(found, v, attribute.type) for v in wanted)

    return holds


def _part_equality(name: str, value: object, heading: Heading) -> Callable[[Entity], bool]:
    base, *steps = name.split(".")
    if heading[base].type.kind is not Kind.JSON:
        raise InvalidRequest(f"`{base}` has no parts.")
    alternatives = value if isinstance(value, tuple) else (value,)

    def holds(entity: Entity) -> bool:
        found = entity[base]
        part = None if found is None else json.loads(str(found))
        for step in steps:
            part = part.get(step) if isinstance(part, dict) else None
        if isinstance(part, (dict, list)):
            part = None
        return any(part is v if v is None or part is None else _part_equals(part, v) for v in alternatives)

    return holds


def _part_equals(part: object, value: object) -> bool:
    """Compare a single value within JSON with a text or a number, as what that is."""
    text = part if isinstance(part, str) else json.dumps(part)
    if isinstance(value, str):
        return text == value
    try:
        return Decimal(text) == value
    except ArithmeticError:
        return False


def _match(other: Entities, heading: Heading, *, unchecked: bool) -> Callable[[Entity], bool]:
    names = shared_names(heading, other.heading, unchecked=unchecked)

    def holds(entity: Entity) -> bool:
        return any(all(same(entity[n], found[n], heading[n].type) for n in names) for found in other)

    return holds


# -------------------------------------------------------------------------------------------------- operators


def _worked_out(items: Sequence[Item], heading: Heading) -> tuple[list[tuple[Attribute, str]], list[Named]]:
    """Tell which attributes a projection keeps, each with its old name, and which it computes."""
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
            raise InvalidRequest(f"`{item.name}` is no name.")
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
    return Entities(heading, _rows(heading, found))


def determines(left: Heading, right: Heading) -> bool:
    """Tell whether every key attribute of the right is an attribute of the left."""
    return all(name in left.names for name in right.primary_key)


def join(left: Entities, right: Entities, how: Join) -> Entities:
    """Evaluate `left * right`, `left.join(right, left=True)` and `left.extend(right)`."""
    names = shared_names(left.heading, right.heading, unchecked=how.unchecked)
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
        # Under shared names both sides have the same value, but for 0.0 and -0.0.
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


def aggregate(operand: Entities, group: Entities, items: Sequence[Item], matching_only: bool) -> Entities:
    """Evaluate `operand.aggr(group, …)`."""
    if not determines(group.heading, operand.heading):
        raise InvalidRequest("The group lacks the operand's key.")
    names = shared_names(operand.heading, group.heading)
    kept, computed = _worked_out(items, operand.heading)
    heading = _result_heading(kept, computed)
    found = []
    for entity in operand:
        members = [m for m in group if all(same(entity[n], m[n], operand.heading[n].type) for n in names)]
        if members or not matching_only:
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


def union(left: Entities, right: Entities) -> Entities:
    """Evaluate `left + right`."""
    key = left.heading.primary_key
    if set(key) != set(right.heading.primary_key):
        raise InvalidRequest("The keys differ.")
    if set(shared_names(left.heading, right.heading)) != set(key):
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
            raise InvalidRequest(f"`{text}` is no order.")
        descending = (match["direction"] or "").upper() == "DESC"
        names = heading.primary_key if match["name"] == "KEY" else (_attribute(match["name"], heading).name,)
        terms += [(name, descending) for name in names]
    return terms


def compare_rows(entities: Entities, order: Sequence[tuple[str, bool]]) -> Callable[[Row, Row], int]:
    """Give what compares two rows of a relation by an order: below, at or above 0.

    Raises:
        Ambiguous: Two JSON values differ; nothing says which comes first.
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


def top(operand: Entities, how: Top) -> Entities:
    """Evaluate `operand & Top(…)`: NULLs come last in ascending, first in descending order."""
    terms = _order_terms(how.order, operand.heading)
    if how.limit is not None or how.offset:
        terms += [(name, False) for name in operand.heading.primary_key if name not in dict(terms)]
    else:
        terms = terms or list(operand.order)
    compare = compare_rows(operand, terms)
    rows = sorted(operand.rows, key=cmp_to_key(compare))
    end = len(rows) if how.limit is None else how.offset + how.limit
    for cut in (how.offset, end):
        if 0 < cut < len(rows) and compare(rows[cut - 1], rows[cut]) == 0:
            raise Ambiguous
    return Entities(operand.heading, tuple(rows[how.offset : end]), tuple(terms))


def small(attribute: Attribute) -> bool:
    """Tell whether an attribute may stand in expressions and orders."""
    return attribute.type.kind not in HEAVY
