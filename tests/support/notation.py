"""A short notation of relations for tests: the operators as a user of the Python client writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.table import TableName
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
from tests.support.pipelines import SCHEMA

if TYPE_CHECKING:
    from types import EllipsisType


@dataclass(frozen=True)
class Query:
    """A relation, with operators."""

    relation: Relation

    def __and__(self, condition: object) -> Query:
        """Restrict."""
        return Query(Restrict(self.relation, as_condition(condition)))

    def __sub__(self, condition: object) -> Query:
        """Restrict to the complement."""
        return Query(Restrict(self.relation, as_condition(condition), negated=True))

    def __mul__(self, other: Query) -> Query:
        """Join."""
        return Query(Join(self.relation, other.relation))

    def __add__(self, other: Query) -> Query:
        """Unite."""
        return Query(Union(self.relation, other.relation))

    def proj(self, *names: str | EllipsisType, **named: str) -> Query:
        """Project."""
        return Query(Project(self.relation, as_items(names, named)))

    def join(self, other: Query, *, left: bool = False, unchecked: bool = False, by_name: bool = False) -> Query:
        """Join, with options."""
        joined = Join(self.relation, other.relation, left_join=left, unchecked=unchecked, by_name=by_name)
        return Query(joined)

    def extend(self, other: Query) -> Query:
        """Add the attributes of another relation."""
        return Query(Join(self.relation, other.relation, left_join=True, extend=True))

    def aggr(self, group: Query, *names: str | EllipsisType, matching_only: bool = False, **named: str) -> Query:
        """Aggregate."""
        return Query(Aggregate(self.relation, group.relation, as_items(names, named), matching_only))

    def top(self, limit: int | None = None, *order: str, offset: int = 0) -> Query:
        """Take the first entities."""
        return Query(Top(self.relation, limit, order, offset))


def table(name: str) -> Query:
    """Return a table."""
    return Query(TableOperand(TableName(SCHEMA, name)))


def jobs(name: str) -> Query:
    """Return the jobs of an auto-populated table."""
    return Query(JobOperand(TableName(SCHEMA, name)))


def U(*names: str) -> Query:  # as users know it
    """Return the universal set."""
    return Query(UniversalSet(names))


def Not(condition: object) -> Complement:  # as users know it
    """Return the complement of a condition."""
    return Complement(as_condition(condition))


def All(*conditions: object) -> AllOf:  # the name that users know as AndList
    """Return the conjunction of conditions."""
    return AllOf(tuple(map(as_condition, conditions)))


def entities(**columns: tuple[object, ...]) -> EntitySet:
    """Return a table of values."""
    return EntitySet(tuple(columns), tuple(columns.values()))


def as_condition(condition: object) -> Condition:
    """Read a condition: a mapping, a list of alternatives, text, a relation, a constant or a condition."""
    match condition:
        case bool():
            return Constant(condition)
        case str():
            return ExpressionText(condition)
        case dict():
            return Equalities(tuple(condition.items()))
        case list():
            return AnyOf(tuple(map(as_condition, condition)))
        case Query(relation):
            return Match(relation)
        case AnyOf() | AllOf() | Complement() | EntitySet() | ExpressionText() | Match():
            return condition
        case _:
            raise TypeError(f"{condition!r} is not a condition.")


def as_items(names: tuple[str | EllipsisType, ...], named: dict[str, str]) -> tuple[Item, ...]:
    """Read the items that a projection keeps, leaves out, renames and computes."""
    items: list[Item] = []
    for name in names:
        if isinstance(name, str):
            items.append(Drop(name[1:]) if name.startswith("-") else Keep(name))
        else:
            items.append(Remaining())
    return (*items, *(Named(new, ExpressionText(text)) for new, text in named.items()))
