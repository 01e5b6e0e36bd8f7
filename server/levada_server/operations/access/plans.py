"""Cache compiled queries for relations that come again with other values."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.operations.access.compiling import compiled
from levada_server.query.analysis.reads import tables_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import TableName
    from levada_server.query.algebra import Relation
    from levada_server.query.ownership import Insight
    from levada_server.query.query import Query

MAX_PLANS = 1_000
"""The most plans of one process; the least recently used go first."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A relation without the values of its mappings.

    Args:
        key: A key shared by all relations that differ only in values of the same kinds.
        values: The values, in the order of the relation's parameter numbers.
    """

    key: Hashable
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A relation that a client requests.

    Args:
        relation: Returns the relation.
        parametrised: Returns it with parameters instead of the values of its shape.
        shape: Its shape; None if its plan is not worth caching.
    """

    relation: Callable[[], Awaitable[Relation]]
    parametrised: Callable[[], Awaitable[Relation]]
    shape: Shape | None


class Plans:
    """Queries by the keys of their shapes, for one catalog; another catalog empties the cache."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self._queries: OrderedDict[Hashable, Query] = OrderedDict()

    async def compiled(
        self, asked: Asked, catalog: Catalog, insight: Insight | None, admit: Callable[[Iterable[TableName]], None]
    ) -> Query:
        """Compile a relation, or return the cached query of its shape with its values.

        Args:
            asked: The relation.
            catalog: The catalog.
            insight: Whose rows it may read where others' are hidden; None for all.
            admit: Called with the tables that it reads, before it is compiled; refuses by an error.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        assert asked.shape is not None, "a relation without a shape has no plan"
        if catalog is not self._catalog:
            self._catalog = catalog
            self._queries.clear()
        key, values = (asked.shape.key, insight), asked.shape.values
        query = self._queries.get(key)
        if query is not None and (bound := query.bound(values)) is not None:
            admit(query.tables)
            self._queries.move_to_end(key)
            return bound
        relation = await asked.parametrised()
        admit(tables_in(relation))
        query = await compiled(relation, catalog, insight)
        if not query.fixed and catalog is self._catalog:
            self._queries[key] = query
            if len(self._queries) > MAX_PLANS:
                self._queries.popitem(last=False)
        return query
