"""The meaning of each operator and condition: the algebra evaluated in plain Python on tables in memory.

Written from the relational model, not from the compiler. It is meant to be read: everything is a loop over all rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, UnknownAttribute, UnknownTable, ValueOutOfRange
from levada_server.model.kinds import Kind
from levada_server.model.values import coerce
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
    JobOperand,
    Join,
    Match,
    Project,
    Relation,
    Restrict,
    StalenessOperand,
    TableOperand,
    Top,
    Union,
    UniversalSet,
)
from tests.support.entities import Entities, Entity, same, shared_names
from tests.support.oracle_operators import (
    Computed,
    aggregate,
    aggregate_universal,
    chosen,
    distinct,
    join,
    project,
    promote,
    top,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from levada_server.model.heading import Heading
    from levada_server.model.table import TableName


@dataclass(frozen=True)
class Oracle:
    """Evaluates each relation over some tables.

    Args:
        tables: All tables.
        jobs: The jobs of auto-populated tables.
    """

    tables: Mapping[TableName, Entities]
    jobs: Mapping[TableName, Entities] = field(default_factory=dict)
    _known: dict[int, tuple[Relation, Entities]] = field(default_factory=dict, compare=False, repr=False)

    def evaluate(self, relation: Relation) -> Entities:
        """Return a relation's attributes and rows.

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
            case StalenessOperand():
                raise NotImplementedError(
                    "what is stale depends on more than rows; see tests/operations/test_staleness.py"
                )
            case Restrict(UniversalSet(names), Match(operand), False):
                return distinct(names, self.evaluate(operand))
            case Restrict(operand, condition, negated):
                entities = self.evaluate(operand)
                holds = self.predicate(condition, entities.heading)
                return chosen(entities, [i for i, entity in enumerate(entities) if holds(entity) is not negated])
            case Project(operand, items):
                return project(self.evaluate(operand), items)
            case Join(UniversalSet(names), operand) | Join(operand, UniversalSet(names)):
                return promote(names, self.evaluate(operand))
            case Join(left, right):
                return join(self.evaluate(left), self.evaluate(right), relation)
            case Aggregate(UniversalSet(names), group, items):
                return aggregate_universal(names, self.evaluate(group), items)
            case Aggregate(operand, group):
                return aggregate(self.evaluate(operand), self.evaluate(group), relation)
            case Union(left, right):
                return union(self.evaluate(left), self.evaluate(right), relation)
            case Top(operand):
                return top(self.evaluate(operand), relation)
            case UniversalSet():
                raise InvalidRequest("U is not a relation.")

    def predicate(self, condition: Condition, heading: Heading) -> Callable[[Entity], bool]:
        """Return whether a condition holds for an entity with a heading, NULLs included."""
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
            case Match(relation):
                return _match(self.evaluate(relation), heading, condition)
            case Computed(meaning=meaning):
                return lambda entity: meaning(entity) is True
            case ExpressionText(text):
                raise UnknownAttribute(f"`{text}` has no meaning here.")
            case EntitySet(names, columns):
                rows = [Equalities(tuple(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
                return _any([self.predicate(row, heading) for row in rows])


def _table(tables: Mapping[TableName, Entities], name: TableName) -> Entities:
    if name not in tables:
        raise UnknownTable(f"There is no table `{name}`.")
    return tables[name]


def _all(predicates: Sequence[Callable[[Entity], bool]]) -> Callable[[Entity], bool]:
    return lambda entity: all(holds(entity) for holds in predicates)


def _any(predicates: Sequence[Callable[[Entity], bool]]) -> Callable[[Entity], bool]:
    return lambda entity: any(holds(entity) for holds in predicates)


def _equality(name: str, value: object, heading: Heading) -> Callable[[Entity], bool]:
    if "." in name:
        return _part_equality(name, value, heading)
    attribute = heading[name]
    alternatives = value if isinstance(value, tuple) else (value,)
    if not attribute.type.kind.traits.comparable and any(v is not None for v in alternatives):
        raise InvalidRequest(f"`{name}` cannot restrict.")
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
    """Compare a single value within JSON with a text or a number of the same kind."""
    text = part if isinstance(part, str) else json.dumps(part)
    if isinstance(value, str):
        return text == value
    try:
        return Decimal(text) == value
    except ArithmeticError:
        return False


def _match(other: Entities, heading: Heading, how: Match) -> Callable[[Entity], bool]:
    names = shared_names(heading, other.heading, unchecked=how.unchecked, by_name=how.by_name)

    def holds(entity: Entity) -> bool:
        return any(all(same(entity[n], found[n], heading[n].type) for n in names) for found in other)

    return holds
