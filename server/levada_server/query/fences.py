"""Conditions in front of fences: one that surely raises no error is repeated behind them, so that indexes are used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from levada_server.query import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Set

_Facts: TypeAlias = tuple[sql.Expression, ...]
"""Conditions that cannot fail and hold for all rows of a SELECT that become rows of its result."""

MAX_TRIED = 100_000
"""How many conditions are tried at the sources of a query; with more, the rest of its fences stays as it is."""


def with_conditions_behind(select: sql.Select, same: Set[sql.Expression]) -> sql.Select:
    """Repeat the conditions of a query behind its fences, as far as they are about the rows there.

    The query stays the same: what is repeated holds in front of the fence too, for the row itself, or for another
    column to which it is equal.

    Args:
        select: The query.
        same: Comparisons of two columns, where whatever holds for one of them also holds for the other.
    """
    return _Mover(same, MAX_TRIED).select(select, ())


@dataclass
class _Mover:
    """Moves conditions inwards.

    Args:
        same: As for `with_conditions_behind`.
        left: How many conditions may still be tried.
    """

    same: Set[sql.Expression]
    left: int

    def select(self, select: sql.Select, known: _Facts) -> sql.Select:
        facts = (*known, *_facts(select.where))
        where = tuple(self.condition(one, facts) for one in select.where)
        source = None if select.source is None else self.source(select.source, facts)
        return replace(select, source=source, where=where)

    def condition(self, condition: sql.Expression, facts: _Facts) -> sql.Expression:
        """Move conditions into the subqueries of another one."""
        match condition:
            case sql.Exists(select):
                return replace(condition, select=self.select(select, facts))
            case sql.Operation(_, operands):
                return replace(condition, operands=tuple(self.condition(one, facts) for one in operands))
            case sql.Test(operand):
                return replace(condition, operand=self.condition(operand, facts))
            case _:
                return condition

    def source(self, source: sql.Source, facts: _Facts) -> sql.Source:
        match source:
            case sql.JoinSource(kind, left, right, on):
                of_left, of_right = self._of_sides(kind, right, on, facts)
                return replace(source, left=self.source(left, of_left), right=self.source(right, of_right))
            case sql.SubquerySource(select, alias):
                inside = self._moved(facts, select, alias)
                moved = self.select(select, inside)
                if select.fence:
                    moved = replace(moved, where=(*moved.where, *inside))
                return replace(source, select=moved)
            case _:
                return source

    def _of_sides(
        self, kind: str, right: sql.Source, on: tuple[sql.Expression, ...], facts: _Facts
    ) -> tuple[_Facts, _Facts]:
        """Return the conditions that can be moved into the left and the right side of a join."""
        if kind == "FULL" or not self._may_try(facts):
            return (), ()
        joined = (*facts, *_facts(on))
        if kind == "INNER":
            return joined, joined
        # Conditions on the right side may hold because it has no row there.
        aliases = frozenset(_aliases(right))
        about_left = (fact for fact in facts if not any(column.alias in aliases for column in _columns(fact)))
        return facts, (*about_left, *_facts(on))

    def _moved(self, facts: _Facts, select: sql.Select, alias: str) -> _Facts:
        """Return conditions as they are within a subquery."""
        if select.limit is not None or select.offset or not self._may_try(facts):
            return ()
        inside = {
            sql.Column(alias, name): meaning
            for name, meaning in select.columns
            if not select.grouped or meaning in select.group_by
        }
        for equal in self._classes(facts):
            own = next((inside[column] for column in equal if column in inside), None)
            if own is not None:
                inside |= {column: own for column in equal if column not in inside}
        found: list[sql.Expression] = []
        for fact in facts:
            moved = _mapped(fact, inside.get)
            if moved is not None and _certain(moved) and not _compares_with_itself(moved) and moved not in found:
                found.append(moved)
        return tuple(found)

    def _classes(self, facts: _Facts) -> Iterable[list[sql.Column]]:
        """Return the columns that are equal to each other."""
        classes: dict[sql.Column, list[sql.Column]] = {}
        for fact in facts:
            match fact:
                case sql.Operation("=", (sql.Column() as left, sql.Column() as right)) if fact in self.same:
                    one, other = classes.setdefault(left, [left]), classes.setdefault(right, [right])
                    if one is not other:
                        one += other
                        classes |= dict.fromkeys(other, one)
                case _:
                    pass
        return {id(equal): equal for equal in classes.values()}.values()

    def _may_try(self, facts: _Facts) -> bool:
        self.left -= len(facts)
        return self.left >= 0


def _facts(conditions: Iterable[sql.Expression]) -> _Facts:
    return tuple(one for condition in conditions for one in _conjuncts(condition) if _certain(one))


def _conjuncts(condition: sql.Expression) -> Iterator[sql.Expression]:
    if isinstance(condition, sql.Operation) and condition.operator == "AND":
        for operand in condition.operands:
            yield from _conjuncts(operand)
    else:
        yield condition


def _certain(condition: sql.Expression) -> bool:
    """Return whether a condition raises no error: a comparison, or whether a row is in a table of values."""
    match condition:
        case sql.Exists(sql.Select(source=sql.ArraySource()) as select):
            return all(map(sql.infallible, select.where))
        case _:
            return sql.infallible(condition)


def _compares_with_itself(condition: sql.Expression) -> bool:
    match condition:
        case sql.Operation("=", (left, right)):
            return left == right
        case _:
            return False


def _mapped(
    expression: sql.Expression, meaning: Callable[[sql.Column], sql.Expression | None]
) -> sql.Expression | None:
    """Return a condition with the meanings of its columns; None if one has none here."""
    match expression:
        case sql.Column():
            return meaning(expression)
        case sql.Value() | sql.Keyword():
            return expression
        case sql.Operation(_, operands):
            mapped = _all_mapped(operands, meaning)
            return None if mapped is None else replace(expression, operands=mapped)
        case sql.Test(operand) | sql.AnyOf(operand):
            inner = _mapped(operand, meaning)
            return None if inner is None else replace(expression, operand=inner)
        case sql.Exists(sql.Select(source=sql.ArraySource(_, alias)) as select):
            where = _all_mapped(select.where, lambda column: column if column.alias == alias else meaning(column))
            return None if where is None else replace(expression, select=replace(select, where=where))
        case _:
            return None


def _all_mapped(
    expressions: tuple[sql.Expression, ...], meaning: Callable[[sql.Column], sql.Expression | None]
) -> tuple[sql.Expression, ...] | None:
    mapped = tuple(_mapped(one, meaning) for one in expressions)
    found = tuple(one for one in mapped if one is not None)
    return found if len(found) == len(mapped) else None


def _columns(condition: sql.Expression) -> Iterator[sql.Column]:
    """Yield the columns of a condition that cannot fail."""
    match condition:
        case sql.Column():
            yield condition
        case sql.Exists(select):
            for one in select.where:
                yield from _columns(one)
        case _:
            for part in sql.parts(condition):
                yield from _columns(part)


def _aliases(source: sql.Source) -> Iterator[str]:
    if isinstance(source, sql.JoinSource):
        yield from _aliases(source.left)
        yield from _aliases(source.right)
    else:
        yield source.alias
