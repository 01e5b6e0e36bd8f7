"""Change the rows of a table that its caller may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.storage.rows import bulk, inserts, updates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.audit import Record
    from levada_server.model.dependencies import Basis
    from levada_server.model.table import Table
    from levada_server.query.sql import Select
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.rows.hidden_parents import HiddenParents
    from levada_server.storage.rows.insert_plan import InsertPlan
    from levada_server.storage.rows.ownership import Guard


@dataclass(frozen=True, slots=True)
class Writable:
    """A table that its caller may change.

    Args:
        table: The table.
        guard: The guard of the rows that the caller may not change; None if there are none.
        parents: The foreign keys by which rows may name what is hidden from the caller; None if there are none.
    """

    table: Table
    guard: Guard | None = None
    parents: HiddenParents | None = None

    @property
    def looks_first(self) -> bool:
        """Return whether it looks at rows in the database before it changes any."""
        return self.guard is not None or self.parents is not None

    async def admit(
        self, connection: Connection, columns: Columns, *, skip_duplicates: bool, replaced: bool
    ) -> Columns:
        """Check the rows of an insert against the rows that are there; return them with their team.

        Args:
            connection: The connection, in a transaction if rows are replaced.
            columns: The rows.
            skip_duplicates: Whether rows that exist are skipped.
            replaced: Whether rows that exist are replaced.

        Raises:
            PermissionDenied: A row does not belong to a team of the caller.
            MissingParent: A row names a parent that is hidden from the caller, or absent.
        """
        if self.guard is not None:
            columns = self.guard.marked(self.table, columns)
            await self.guard.admit_columns(connection, self.table, columns, replaced=replaced)
        if self.parents is not None:
            await self.parents.admit_columns(
                connection, self.table, columns, skip_duplicates=skip_duplicates, replaced=replaced
            )
        return columns

    async def insert(
        self,
        connection: Connection,
        columns: Columns,
        plan: InsertPlan,
        *,
        basis: Basis | None = None,
        record: Record | None = None,
    ) -> int:
        """Insert a batch of rows as planned, all or none; return how many were inserted or replaced.

        Args:
            connection: The connection, in a transaction if the plan needs one.
            columns: The rows.
            plan: The plan.
            basis: The tables that the change relies on; None if the caller checks them in the transaction.
            record: The record to store, whose outcome is the number of rows; None for none.

        Raises:
            LevadaError: As `admit` and `storage.rows.inserts.insert_columns`.
        """
        columns = await self.admit(connection, columns, skip_duplicates=plan.skip_duplicates, replaced=plan.replace)
        return await inserts.insert_columns(connection, self.table, columns, plan, basis=basis, record=record)

    async def insert_selected(
        self,
        connection: Connection,
        selected: Select,
        objects: Sequence[str],
        *,
        skip_duplicates: bool,
        replace: bool,
        basis: Basis,
    ) -> tuple[int, set[str]]:
        """Insert the rows of a query; return their number and the ids of the objects that they name.

        Raises:
            PermissionDenied: A row does not belong to a team of the caller.
            LevadaError: As `storage.rows.inserts.insert_selected`.
        """
        if self.guard is not None:
            await self.guard.admit_selected(connection, self.table, selected, replaced=replace)
        if self.parents is not None:
            await self.parents.admit_selected(
                connection, self.table, selected, skip_duplicates=skip_duplicates, replaced=replace
            )
        return await inserts.insert_selected(
            connection,
            self.table,
            selected,
            objects,
            skip_duplicates=skip_duplicates,
            replace=replace,
            basis=basis,
        )

    async def update(
        self,
        connection: Connection,
        key: Mapping[str, object],
        changes: Mapping[str, object],
        basis: Basis,
        record: Record,
    ) -> bool:
        """Change attributes of the entity with a key; return whether it exists.

        Raises:
            PermissionDenied: The entity does not belong to a team of the caller.
            LevadaError: As `storage.rows.updates.update_row`.
        """
        if self.guard is not None and not await self.guard.admit_update(connection, self.table, key, changes):
            return False
        if self.parents is not None:
            await self.parents.admit_update(connection, self.table, key, changes)
        return await updates.update_row(connection, self.table, key, changes, basis, record)

    async def analyze(self, connection: Connection, row_count: int) -> None:
        """Update PostgreSQL's statistics of the table after an insert of many rows."""
        await bulk.analyze(connection, self.table, row_count)
