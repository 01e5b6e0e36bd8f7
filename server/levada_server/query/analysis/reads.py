"""Find the tables that a relation reads, and whether a key restricts its reads of each."""

from __future__ import annotations

import re
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
    JobOperand,
    Join,
    Match,
    Named,
    Project,
    Relation,
    Restrict,
    StalenessOperand,
    TableOperand,
    Top,
    Union,
    UniversalSet,
    nodes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from levada_server.model.table import TableName

_NAME = re.compile(r"\s*\(?\s*`?([a-z_][a-z0-9_]*)`?\s*\)?\s*")

Names = frozenset[str]
_NONE: Names = frozenset()


def tables_in(relation: Relation) -> frozenset[TableName]:
    """Return all tables that a relation reads, its conditions included."""
    return frozenset(
        node.name for node in nodes(relation) if isinstance(node, TableOperand | JobOperand | StalenessOperand)
    )


def reads_rows_alone(relation: Relation) -> bool:
    """Return whether a relation reads rows of tables, and nothing about their jobs."""
    return not any(isinstance(node, JobOperand | StalenessOperand) for node in nodes(relation))


def is_total(top: Top) -> bool:
    """Return whether the data alone decide which rows a limit keeps, because no two rows are equal in its order."""
    return any(term.split()[:1] == ["KEY"] for term in top.order)


def chooses_below(relation: Relation) -> bool:
    """Return whether a part of a relation keeps some of several rows, and the data alone do not decide which."""
    return any(isinstance(node, Top) and node is not relation and not is_total(node) for node in nodes(relation))


def bound_names(relation: Relation, is_of_key: Callable[[str, object], bool]) -> dict[TableName, Names]:
    """Return, for each table that a relation reads, the attributes that are fixed to values of a key.

    It recognizes conditions by equality, also through joins, projections and restrictions by other relations; anything
    else counts as not fixed. If a table is read more than once, only attributes fixed in each of its reads count.

    Args:
        relation: The relation to analyse.
        is_of_key: Returns whether an attribute's value is the key's.
    """
    finder = _Finder(is_of_key)
    finder.visit(relation, _NONE)
    return finder.found


def stands_by_itself(
    relation: Relation, tables: Collection[TableName], names: Collection[str], names_of: Callable[[Relation], Names]
) -> bool:
    """Return whether each entity of a relation depends only on rows of some tables with its own values of some names.

    Args:
        relation: The relation to analyse.
        tables: The tables; it reads at least one of them.
        names: Names of attributes; names that the relation lacks restrict nothing.
        names_of: Returns the attributes of a relation.
    """
    held = names_of(relation).intersection(names)
    finder = _Finder(lambda _name, _value: False, names_of)
    finder.visit(relation, held)
    return all(held <= finder.found[table] for table in tables)


class _Finder:
    """Walks a relation from its result down to its tables.

    Args:
        is_of_key: Returns whether an attribute's value is the key's.
        names_of: Returns the attributes of a relation; without it, names are assumed to pass through it.
    """

    def __init__(
        self, is_of_key: Callable[[str, object], bool], names_of: Callable[[Relation], Names] | None = None
    ) -> None:
        self.found: dict[TableName, Names] = {}
        self._is_of_key = is_of_key
        self._names_of = names_of

    def _present(self, relation: Relation, names: Names) -> Names:
        if isinstance(relation, UniversalSet):
            return names.intersection(relation.names)
        return names if self._names_of is None else names & self._names_of(relation)

    def visit(self, relation: Relation, bound: Names) -> None:
        """Record the tables of a relation, given the attributes of its result that are fixed."""
        bound = self._present(relation, bound)
        match relation:
            case TableOperand(name) | JobOperand(name) | StalenessOperand(name):
                self.found[name] = self.found[name] & bound if name in self.found else bound
            case Restrict(operand, condition, negated):
                held = bound if negated else bound | self._held(condition)
                self.visit(operand, held)
                self._visit_condition(condition, held | self._binds(operand))
            case Project(operand, items):
                self.visit(operand, _before(items, bound))
            case Join(left, right):
                held = bound | self._binds(left) | self._binds(right)
                self.visit(left, held)
                self.visit(right, held)
            case Aggregate(operand, group, items):
                held = _before(items, bound) | self._binds(operand) | self._binds(group)
                self.visit(operand, held)
                self.visit(group, self._present(operand, held))
            case Union(left, right):
                self.visit(left, bound)
                self.visit(right, bound)
            case Top(operand):
                # A restriction of the first rows does not restrict the rows from which they are chosen.
                self.visit(operand, _NONE)
            case UniversalSet():
                pass

    def _visit_condition(self, condition: Condition, bound: Names) -> None:
        match condition:
            case Match(relation):
                self.visit(relation, bound)
            case AllOf(conditions) | AnyOf(conditions):
                for part in conditions:
                    self._visit_condition(part, bound)
            case Complement(part):
                self._visit_condition(part, bound)
            case Constant() | Equalities() | EntitySet() | ExpressionText():
                pass

    def _held(self, condition: Condition) -> Names:
        """Return the attributes that a condition fixes to the key."""
        match condition:
            case Equalities(entries):
                return frozenset(name for name, value in entries if self._is_of_key(name, value))
            case EntitySet(names, columns):
                pairs = zip(names, columns, strict=True)
                return frozenset(n for n, values in pairs if all(self._is_of_key(n, v) for v in values))
            case AllOf(conditions):
                return _NONE.union(*map(self._held, conditions))
            case AnyOf(conditions) if conditions:
                first, *others = map(self._held, conditions)
                return first.intersection(*others)
            case Match(relation):
                return self._binds(relation)
            case Constant() | AnyOf() | Complement() | ExpressionText():
                return _NONE

    def _binds(self, relation: Relation) -> Names:
        """Return the attributes that are fixed in every row of a relation."""
        match relation:
            case Restrict(operand, condition, negated):
                return self._binds(operand) | (_NONE if negated else self._held(condition))
            case Project(operand, items):
                return _after(items, self._binds(operand))
            case Join(left, right):
                return self._binds(left) | self._binds(right)
            case Aggregate(operand, _, items):
                return _after(items, self._binds(operand))
            case Union(left, right):
                return self._binds(left) & self._binds(right)
            case Top(operand):
                return self._binds(operand)
            case TableOperand() | JobOperand() | StalenessOperand() | UniversalSet():
                return _NONE


def _renames(items: tuple[object, ...]) -> dict[str, str]:
    """Return the old names of the attributes that are only renamed."""
    found = {}
    for item in items:
        if isinstance(item, Named) and (match := _NAME.fullmatch(item.expression.text)):
            found[item.name] = match[1]
    return found


def _computed(items: tuple[object, ...]) -> set[str]:
    return {item.name for item in items if isinstance(item, Named)}


def _before(items: tuple[object, ...], bound: Names) -> Names:
    """Return the names of attributes before a projection."""
    renames, computed = _renames(items), _computed(items)
    gone = {renames[name] for name in renames if not _duplicates(items, name)} - renames.keys()
    return frozenset(renames.get(name, name) for name in bound if name in renames or name not in computed | gone)


def _duplicates(items: tuple[object, ...], name: str) -> bool:
    """Return whether a name duplicates an attribute that keeps its own."""
    return any(isinstance(item, Named) and item.name == name and "(" in item.expression.text for item in items)


def _after(items: tuple[object, ...], bound: Names) -> Names:
    """Return the names of attributes after a projection."""
    renames = _renames(items)
    renamed = {new for new, old in renames.items() if old in bound}
    return (bound - set(renames.values()) - _computed(items)) | renamed
