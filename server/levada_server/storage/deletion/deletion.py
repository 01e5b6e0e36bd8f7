"""Deleting with cascade: the keys that go are collected once per table, then deleted leaves first.

The number of statements grows with the number of tables, not of rows, and a diamond in the graph costs no more than its
edges. If possible, one statement collects and deletes; else the keys are collected in temporary tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.model.table import PartIntegrity
from levada_server.storage.deletion.at_once import AtOnce
from levada_server.storage.deletion.step_by_step import StepByStep

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.storage.deletion.doomed import Chosen, Doomed
    from levada_server.storage.postgres.database import Connection

MAX_TABLES_AT_ONCE = 32
"""A statement over more tables takes PostgreSQL long to plan, however few of them lose rows."""


async def plan(connection: Connection, catalog: Catalog, chosen: Chosen) -> Doomed:
    """Find and identify the chosen rows and all that depend on them.

    Args:
        connection: In a transaction.
        catalog: Has the tables.
        chosen: The rows that the delete is asked for.

    Raises:
        HasChildren: A part would go without its master, and part integrity is enforced.
    """
    return await _way(connection, catalog, chosen).plan()


async def delete(connection: Connection, catalog: Catalog, chosen: Chosen, digest: str = "") -> Doomed:
    """Delete the chosen rows and all that depend on them.

    Args:
        connection: In a transaction, which the caller undoes on any error.
        catalog: Has the tables.
        chosen: The rows that the delete is asked for.
        digest: Of the plan that was agreed to; empty if there was none.

    Raises:
        HasChildren: A part would go without its master, and part integrity is enforced.
        PlanChanged: Other rows would go than in the plan.
    """
    return await _way(connection, catalog, chosen).delete(digest)


async def check_alone(connection: Connection, catalog: Catalog, chosen: Chosen) -> None:
    """Check that nothing depends on the chosen rows, without a change to what may.

    Raises:
        HasChildren: Something does.
    """
    (await _way(connection, catalog, chosen).count()).require_alone()


def _way(connection: Connection, catalog: Catalog, chosen: Chosen) -> AtOnce | StepByStep:
    reached = catalog.sorted({chosen.table.name} | catalog.descendants(chosen.table.name))
    # A master takes along what may have masters of its own, and so on: that is for a loop to find.
    lifting = chosen.part_integrity is PartIntegrity.CASCADE and any(name.master is not None for name in reached)
    if lifting or len(reached) > MAX_TABLES_AT_ONCE:
        return StepByStep(connection, catalog, chosen)
    return AtOnce(connection, catalog, chosen, reached)
