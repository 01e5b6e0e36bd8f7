"""What the rules of lowering share: a relation that has become SQL, and the state of one compilation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from levada_server.errors import QueryTooDeep
from levada_server.query import sql
from levada_server.query.expression import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from levada_server.model.dependencies import Catalog
    from levada_server.model.heading import Heading
    from levada_server.query.algebra import Relation

MAX_LOWERED_NODES = 10_000
"""A shared sub-expression is lowered once per use, so a small message can stand for a huge query."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A relation as SQL: one output column per attribute of the heading, in its order."""

    select: sql.Select
    heading: Heading

    def scope(self, names: Container[str] | None = None) -> Scope:
        """What the attributes' names, or only some of them, mean in an expression over this relation."""
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
        catalog: Where tables are looked up.
        lower: Lowers a relation; the entry of the recursion.
        strict: Refuse a mapping that restricts nothing; for deletes and updates.
        warnings: What the caller should be told although the query runs.
    """

    catalog: Catalog
    lower: Callable[[Relation, Lowering], Lowered]
    strict: bool = False
    warnings: list[str] = field(default_factory=list)
    _aliases: int = 0

    def alias(self) -> str:
        """Give a new alias."""
        self._aliases += 1
        if self._aliases > MAX_LOWERED_NODES:
            raise QueryTooDeep(
                f"The query stands for more than {MAX_LOWERED_NODES} operators once its shared parts are written out.",
                limit=MAX_LOWERED_NODES,
            )
        return f"t{self._aliases}"


def wrap(lowered: Lowered, lowering: Lowering) -> Lowered:
    """Put a query into FROM, so that its columns are plain columns."""
    alias = lowering.alias()
    columns = tuple((name, sql.Column(alias, name)) for name, _ in lowered.select.columns)
    return replace(lowered, select=sql.Select(columns, sql.SubquerySource(lowered.select, alias)))


def opened(lowered: Lowered, lowering: Lowering) -> Lowered:
    """Give a SELECT to which conditions can be added and whose columns can be replaced."""
    return lowered if lowered.select.plain else wrap(lowered, lowering)


def as_source(lowered: Lowered, lowering: Lowering) -> tuple[Lowered, sql.Source]:
    """Give a SELECT without a WHERE of its own, and its source, to be put into a join."""
    lowered = opened(lowered, lowering)
    if lowered.select.where:
        lowered = wrap(lowered, lowering)
    assert lowered.select.source is not None
    return lowered, lowered.select.source
