"""The front door of the compiler: a relation and a catalog in, a query out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.query.fences import with_conditions_behind
from levada_server.query.lowered import Lowered, Lowering
from levada_server.query.operators import lower
from levada_server.query.query import Query

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.query.algebra import Relation
    from levada_server.query.ownership import Insight


def compile_relation(
    relation: Relation,
    catalog: Catalog,
    *,
    strict: bool = False,
    insight: Insight | None = None,
    hidden: frozenset[int] = frozenset(),
) -> Query:
    """Compile a relation.

    Args:
        relation: The relation to compile.
        catalog: The catalog in which its tables are looked up.
        strict: Refuse a mapping that restricts nothing; for deletes and updates.
        insight: Whose rows it may read where others' are hidden; None for all.
        hidden: The ids of tables whose changes it may not reveal.

    Raises:
        LevadaError: The relation breaks a rule of the algebra; the message says which.
    """
    lowering = Lowering(catalog, lower, strict=strict, insight=insight, hidden=hidden)
    lowered: Lowered = lower(relation, lowering)
    select = lowered.select
    if lowering.hides and lowering.fallible:
        lowering = Lowering(catalog, lower, strict=strict, insight=insight, hidden=hidden, fenced=True)
        lowered = lower(relation, lowering)
        select = with_conditions_behind(lowered.select, lowering.same)
    return Query(
        select,
        lowered.heading,
        tuple(lowering.warnings),
        tuple(lowering.notices),
        tuple(lowering.parameters),
        lowering.fixed,
        frozenset(lowering.tables),
    )
