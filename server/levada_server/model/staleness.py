"""Whether results are still true, as a relation: the key of a table's jobs, then the verdict on each result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.model.heading import Attribute, Heading
from levada_server.model.kinds import Kind
from levada_server.model.types import AttributeType

if TYPE_CHECKING:
    from levada_server.model.table import Table

FRESH, STALE, UNKNOWN = STATES = ("fresh", "stale", "unknown")


def staleness_heading(table: Table) -> Heading:
    """Return the attributes of the verdicts on the results of a table.

    A key attribute keeps its name even if `state` or `reason` has the same, which is then called `staleness_…`.
    """
    key = tuple(
        replace(table.heading[name], primary_key=True, nullable=False, default=None, auto_increment=False)
        for name in table.job_key
    )
    taken = {attribute.name for attribute in key}
    verdict = (
        Attribute("state", AttributeType(Kind.ENUM, labels=STATES), comment=", ".join(STATES)),
        Attribute("reason", AttributeType(Kind.TEXT), comment="why it is stale, or why nobody knows"),
    )
    return Heading((*key, *(replace(a, name=f"staleness_{a.name}") if a.name in taken else a for a in verdict)))
