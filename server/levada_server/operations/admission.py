"""Check who may write into which table: by hand, or under the lease of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import LeaseLost, PermissionDenied
from levada_server.operations.make_contract import judge_write, leased_table
from levada_server.storage.jobs.job_rows import is_held

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine


async def admit_write(engine: Engine, view: View, table: Table, *, allow_direct_insert: bool = False) -> None:
    """Check that the caller may change a table, by hand or under the lease of a job.

    Raises:
        PermissionDenied: Only its own jobs fill the table.
        MakeContract: This job may not change the table.
        LeaseLost: The job went to another worker.
        PreconditionFailed: A job writes outside a transaction, so the write could not be undone with the job.
    """
    job, catalog = view.caller.job, view.catalog
    if job is None:
        judge_target(catalog, None, table, allow_direct_insert=allow_direct_insert)
        return
    engine.scope.job_writes()
    computed = leased_table(catalog, job)
    view.caller.told.extend(judge_target(catalog, computed, table, allow_direct_insert=allow_direct_insert))
    async with engine.scope.connection() as connection:
        if not await is_held(connection, computed, job.job_id, job.token):
            raise LeaseLost(f"Job {job.job_id} is no longer yours; drop the result.", job=job.job_id)


def note_written(engine: Engine, caller: Caller, table: Table, count: int) -> None:
    """Add the rows that a job wrote to its record."""
    if caller.job is not None and count:
        engine.scope.job_writes()[table.name] += count


def judge_target(
    catalog: Catalog, computed: Table | None, target: Table, *, allow_direct_insert: bool
) -> tuple[str, ...]:
    """Check that a caller or job may write into a table; return the warnings for the caller.

    Args:
        catalog: The catalog of the tables.
        computed: The table whose job writes; None if no job writes.
        target: The table to write into.
        allow_direct_insert: Whether to allow a write into a table that only its own jobs fill.

    Raises:
        MakeContract: The schema enforces the contract, and the target is neither the job's own table nor a part of it.
        PermissionDenied: Only its own jobs fill the table, or the master of the part, and `allow_direct_insert` is not
            set.
    """
    told = () if computed is None else judge_write(catalog, computed, target.name)
    if allow_direct_insert or (computed is not None and target.name in catalog.own_tables(computed.name)):
        return told
    owner = target
    while owner.name.master is not None:
        owner = catalog.table(owner.name.master)
    if owner.tier.auto_populated:
        raise PermissionDenied(
            f"`{owner.name}` is {owner.tier.value}: rows of `{target.name}` come from its make. Use populate(), or "
            "pass allow_direct_insert=True.",
            table=target.name,
        )
    return told
