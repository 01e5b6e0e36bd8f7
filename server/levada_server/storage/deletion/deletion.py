"""Delete with cascade: collect the keys once per table, then delete, leaves first.

The number of statements grows with the number of tables, not of rows, and a diamond in the graph costs no more than its
edges. If possible, one statement collects and deletes; otherwise the keys are collected in temporary tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import Conflict
from levada_server.model.table import PartIntegrity
from levada_server.query import sql
from levada_server.storage.deletion.at_once import AtOnce
from levada_server.storage.deletion.keys import key_of
from levada_server.storage.deletion.step_by_step import StepByStep
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.storage.deletion.doomed import Chosen, Doomed
    from levada_server.storage.postgres.database import Connection

_SQL = statements("deletion")
MAX_TABLES_AT_ONCE = 32
"""The most tables of one statement; PostgreSQL takes long to plan more, even if few of them lose rows."""


async def plan(connection: Connection, catalog: Catalog, chosen: Chosen) -> Doomed:
    """Find and identify the chosen rows and all rows that depend on them.

    Args:
        connection: The connection, in a transaction.
        catalog: The catalog of the tables.
        chosen: The rows to delete.

    Raises:
        HasChildren: A part would be deleted without its master, and part integrity is enforced.
    """
    return await _way(connection, catalog, chosen).plan()


async def delete(connection: Connection, catalog: Catalog, chosen: Chosen, digest: str = "") -> Doomed:
    """Delete the chosen rows and all rows that depend on them.

    Args:
        connection: The connection, in a transaction that the caller rolls back on any error.
        catalog: The catalog of the tables.
        chosen: The rows to delete.
        digest: The digest of the plan that was confirmed; empty if there was none.

    Raises:
        HasChildren: A part would be deleted without its master, and part integrity is enforced.
        PlanChanged: The delete would remove other rows than the plan.
        Conflict: Rows that depend on these were inserted meanwhile.
    """
    try:
        return await _way(connection, catalog, chosen).delete(digest)
    except (asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError) as error:
        child = next((n for n in catalog.tables if (n.schema, n.stored) == (error.schema_name, error.table_name)), None)
        if child is None:
            raise
        raise Conflict(
            f"Entities of `{child}` that depend on these were inserted meanwhile; repeat.", child=child
        ) from error


async def keys(connection: Connection, chosen: Chosen) -> list[tuple[object, ...]]:
    """Return the primary keys of the chosen rows."""
    inner = sql.render(chosen.rows)
    statement = fill(_SQL["selected"], key=key_of(chosen.table, "t"), selected=inner.text)
    return (
        [tuple(row) for row in await connection.fetch(statement, *inner.values)]
        if chosen.table.heading.primary_key
        else []
    )


async def check_alone(connection: Connection, catalog: Catalog, chosen: Chosen) -> None:
    """Check that nothing depends on the chosen rows, without changing anything.

    Raises:
        HasChildren: Other rows depend on them.
    """
    (await _way(connection, catalog, chosen).count()).require_alone()


def _way(connection: Connection, catalog: Catalog, chosen: Chosen) -> AtOnce | StepByStep:
    reached = catalog.sorted({chosen.table.name} | catalog.descendants(chosen.table.name))
    # A deleted master may remove parts of further masters, and so on; only a loop can find them all.
    lifting = chosen.part_integrity is PartIntegrity.CASCADE and any(name.master is not None for name in reached)
    if lifting or len(reached) > MAX_TABLES_AT_ONCE:
        return StepByStep(connection, catalog, chosen)
    return AtOnce(connection, catalog, chosen, reached)
