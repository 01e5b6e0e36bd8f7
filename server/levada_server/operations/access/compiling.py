"""Compile relations without delaying other calls of the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from levada_server.query.analysis.effort import is_quick
from levada_server.query.compile import compile_relation

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.query.algebra import Relation
    from levada_server.query.ownership import Insight
    from levada_server.query.query import Query


async def compiled(
    relation: Relation,
    catalog: Catalog,
    insight: Insight | None,
    *,
    strict: bool = False,
    hidden: frozenset[int] = frozenset(),
) -> Query:
    """Compile a relation as `compile_relation` does; a large one in a thread, so that the event loop goes on.

    Raises:
        LevadaError: The relation breaks a rule of the algebra.
    """
    if is_quick(relation, catalog):
        return compile_relation(relation, catalog, strict=strict, insight=insight, hidden=hidden)
    return await asyncio.to_thread(compile_relation, relation, catalog, strict=strict, insight=insight, hidden=hidden)
