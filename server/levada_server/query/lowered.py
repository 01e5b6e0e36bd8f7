"""A lowered relation, which is a relation as SQL, and the state of one compilation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from levada_server.errors import QueryTooDeep
from levada_server.query import sql
from levada_server.query.algebra import Parameter
from levada_server.query.expression.operands import Scope
from levada_server.query.postgres_types import value_type

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from levada_server.model.dependencies import Catalog
    from levada_server.model.heading import Heading
    from levada_server.model.table import Table, TableName
    from levada_server.model.types import AttributeType
    from levada_server.query.algebra import Relation
    from levada_server.query.ownership import Insight

MAX_LOWERED_NODES = 10_000
"""The most nodes to lower; a shared part is lowered once per use, so a small message can stand for a huge query."""

_ORDER = "(order) "
"""Begins the names of columns that a query is ordered by and does not return; no attribute can have such a name."""

MAX_WEIGHT = 50_000
"""The most nodes of all expressions of a query as PostgreSQL plans it, with every name replaced by its expression."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A relation as SQL: one output column per attribute of the heading, in the same order."""

    select: sql.Select
    heading: Heading

    def scope(self, names: Container[str] | None = None) -> Scope:
        """Return the meaning of all or some attributes' names in an expression over this relation."""
        return Scope(
            {
                name: (column, self.heading[name].type)
                for name, column in self.select.columns
                if names is None or name in names
            }
        )


@dataclass(slots=True)
class Lowering:
    """The state of one compilation.

    Args:
        catalog: The catalog in which tables are looked up.
        lower: The function that lowers a relation, called for each operand.
        strict: Refuse a mapping that restricts nothing; for deletes and updates.
        warnings: Warnings for the caller, although the query runs.
        notices: The same, but a connection needs each only once.
        parameters: The values that may be replaced: for each its number in the relation, and the type to convert it to.
        fixed: Whether the query depends on a parameter's value other than by binding it.
        compared: How many times an unknown name of a mapping was compared with that of an attribute.
        tables: The tables that were looked up.
        insight: Whose rows the query may read where others' are hidden; None for all.
        hidden: The ids of tables whose changes the query may not reveal.
        fenced: Whether rows that the caller may not read are left out before anything else is done with a table.
        fallible: Whether the query computes an expression that may raise an error.
        hides: Whether it reads a table with rows that the caller may not read.
        same: Comparisons of two columns of one type, where whatever holds for one of them also holds for the other.
    """

    catalog: Catalog
    lower: Callable[[Relation, Lowering], Lowered]
    strict: bool = False
    warnings: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    parameters: list[tuple[int, AttributeType]] = field(default_factory=list)
    fixed: bool = False
    compared: int = 0
    tables: set[TableName] = field(default_factory=set)
    insight: Insight | None = None
    hidden: frozenset[int] = frozenset()
    fenced: bool = False
    fallible: bool = False
    hides: bool = False
    same: set[sql.Expression] = field(default_factory=set)
    _aliases: int = 0
    _weight: int = 0
    _weights: dict[sql.Column, int] = field(default_factory=dict)

    def table(self, name: TableName) -> Table:
        """Look up a table.

        Raises:
            UnknownTable: No table has this name.
        """
        table = self.catalog.table(name)
        self.tables.add(table.name)
        return table

    def alias(self) -> str:
        """Return a new alias."""
        self._aliases += 1
        if self._aliases > MAX_LOWERED_NODES:
            raise QueryTooDeep(
                f"The query has more than {MAX_LOWERED_NODES} operators if shared parts count at each use.",
                limit=MAX_LOWERED_NODES,
            )
        return f"t{self._aliases}"

    def tell(self, notices: Iterable[str]) -> None:
        """Add notices, each once."""
        self.notices.extend(text for text in notices if text not in self.notices)

    def note(self, expression: sql.Expression) -> sql.Expression:
        """Return an expression of the request, and take note if it may raise an error."""
        self.fallible = self.fallible or not sql.infallible(expression)
        return expression

    def settle(self, value: object) -> object:
        """Return a value on which the query depends, and mark the query as fixed if it is a parameter."""
        if not isinstance(value, Parameter):
            return value
        self.fixed = True
        return value.value

    def spend(self, expression: sql.Expression) -> None:
        """Count an expression that becomes part of the query, before it is used.

        Raises:
            QueryTooDeep: The query becomes too large.
        """
        self._weight += self._weigh(expression)
        if self._weight > MAX_WEIGHT:
            raise QueryTooDeep(
                f"The expressions of the query have more than {MAX_WEIGHT} parts if every name is replaced by its "
                "expression; restrict by a table of values, or save an intermediate result in a table.",
                limit=MAX_WEIGHT,
            )

    def _weigh(self, expression: sql.Expression) -> int:
        weight = 0
        waiting: list[sql.Expression] = [expression]
        while waiting and weight <= MAX_WEIGHT:
            current = waiting.pop()
            weight += self._weights.get(current, 1) if isinstance(current, sql.Column) else 1
            waiting.extend(sql.parts(current))
        return weight

    def remember(self, column: sql.Column, meaning: sql.Expression) -> None:
        """Record the expression of a subquery's column, which PostgreSQL substitutes for the column."""
        weight = self._weigh(meaning)
        if weight > 1:
            self._weights[column] = weight


def read(
    columns: tuple[tuple[str, sql.Expression], ...],
    source: sql.Source,
    heading: Heading,
    reached: Iterable[sql.Expression],
    lowering: Lowering,
) -> Lowered:
    """Return the rows of a stored table, or of its jobs, that the caller may read.

    PostgreSQL computes conditions in any order, also those of other tables, and so may compute an expression for rows
    that it leaves out later. It computes nothing before the rows behind a fence are known.

    Args:
        columns: The columns.
        source: The table.
        heading: The attributes.
        reached: The condition on rows that the caller may read; none if that is all of them.
        lowering: The compilation.
    """
    select = sql.Select(columns, source, tuple(reached))
    if not select.where:
        return Lowered(select, heading)
    lowering.hides = True
    lowered = Lowered(replace(select, fence=lowering.fenced), heading)
    return wrap(lowered, lowering) if lowering.fenced else lowered


def wrap(lowered: Lowered, lowering: Lowering) -> Lowered:
    """Put a query into FROM, so that its columns are plain columns; its rows keep their order."""
    alias = lowering.alias()
    select, order = _with_order_columns(lowered.select, alias)
    columns = tuple((name, sql.Column(alias, name)) for name, _ in select.columns)
    if select.plain:
        for (_, column), (_, meaning) in zip(columns, select.columns, strict=True):
            lowering.remember(column, meaning)
        select = replace(select, order_by=())
    visible = columns[: len(lowered.select.columns)]
    return replace(lowered, select=sql.Select(visible, sql.SubquerySource(select, alias), order_by=order))


def _with_order_columns(select: sql.Select, alias: str) -> tuple[sql.Select, tuple[sql.Order, ...]]:
    """Add the columns that a query is ordered by, as far as it lacks them; return the order by a name for the query."""
    columns = list(select.columns)
    order: list[sql.Order] = []
    for term in select.order_by:
        name = next((name for name, expression in columns if expression == term.expression), None)
        if name is None:
            name = f"{_ORDER}{len(columns)}"
            columns.append((name, term.expression))
        order.append(replace(term, expression=sql.Column(alias, name)))
    return replace(select, columns=tuple(columns)), tuple(order)


def opened(lowered: Lowered, lowering: Lowering) -> Lowered:
    """Return a SELECT to which conditions can be added and whose columns can be replaced."""
    return lowered if lowered.select.plain else wrap(lowered, lowering)


def with_columns(lowered: Lowered, lowering: Lowering) -> Lowered:
    """Return a SELECT like that of `opened` whose columns are columns of its sources, none of them computed.

    A computed column of one side of an outer join would have a value where that side has no row, and PostgreSQL does
    not recognize two grouping expressions with bound values as equal.
    """
    lowered = opened(lowered, lowering)
    computed = any(not isinstance(column, sql.Column) for _, column in lowered.select.columns)
    return wrap(lowered, lowering) if computed else lowered


def as_source(lowered: Lowered, lowering: Lowering) -> tuple[Lowered, sql.Source]:
    """Return a SELECT of columns without its own WHERE, and its source, for use in an outer join."""
    if lowered.select.plain:  # a join has no order
        lowered = replace(lowered, select=replace(lowered.select, order_by=()))
    lowered = with_columns(lowered, lowering)
    if lowered.select.where:
        lowered = wrap(lowered, lowering)
    assert lowered.select.source is not None
    return lowered, lowered.select.source


def matches(left: Lowered, right: Lowered, names: Iterable[str], lowering: Lowering) -> tuple[sql.Expression, ...]:
    """Return the conditions under which rows of two relations agree on shared attributes."""
    conditions: list[sql.Expression] = []
    for name in names:
        columns = left.select.column(name), right.select.column(name)
        condition = sql.equal(*columns)
        lowering.spend(condition)
        of_one_type = value_type(left.heading[name].type) == value_type(right.heading[name].type)
        if of_one_type and all(isinstance(column, sql.Column) for column in columns):
            lowering.same.add(condition)
        conditions.append(condition)
    return tuple(conditions)
