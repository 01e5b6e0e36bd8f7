"""Delete rows and all that depends on them, or plan it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import (
    HasChildren,
    InvalidRequest,
    PlanChanged,
)
from levada_server.model.table import TableName
from levada_server.operations.admission import admit_write, note_written
from levada_server.operations.compiling import compiled
from levada_server.operations.request_ids import once, record, through_conflicts
from levada_server.query.algebra import Relation, Restrict, TableOperand
from levada_server.storage.catalog.catalog import require_version
from levada_server.storage.deletion import deletion
from levada_server.storage.deletion.keys import Doomed

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import PartIntegrity
    from levada_server.operations.context import Caller, Engine
    from levada_server.storage.postgres.database import Connection


async def plan_delete(engine: Engine, caller: Caller, relation: Relation, part_integrity: PartIntegrity) -> Doomed:
    """Tell what a delete would take from every table.

    Raises:
        InvalidRequest: The relation is not a restricted table, or a mapping in it restricts nothing.
        HasChildren: A part would go without its master.
    """
    catalog = await engine.catalog(caller)
    async with engine.scope.transaction() as connection:
        doomed = await _collect(connection, catalog, relation, part_integrity, identified=True, deleting=False)
        await deletion.forget(connection, catalog, doomed)
        return doomed


async def delete(
    engine: Engine,
    caller: Caller,
    relation: Relation,
    part_integrity: PartIntegrity,
    *,
    digest: str,
    quick: bool,
) -> Doomed:
    """Delete the entities of a relation and all that depend on them; give what went.

    Raises:
        InvalidRequest: As `plan_delete`.
        HasChildren: A part would go without its master; with `quick`, anything depends on the rows.
        PlanChanged: Other rows would go than in the plan with this digest.
    """
    catalog = await engine.catalog(caller)

    async def answer(recorded: list[tuple[str, str, int]]) -> Doomed:
        counts = [(TableName(schema, table), count) for schema, table, count in recorded]
        return Doomed(catalog.table(_restricted_table(relation).name).name, counts)

    async def work() -> Doomed:
        return await _delete(engine, caller, catalog, relation, part_integrity, digest=digest, quick=quick)

    return await once(engine, caller, lambda: through_conflicts(engine, work), answer)


async def _delete(
    engine: Engine,
    caller: Caller,
    catalog: Catalog,
    relation: Relation,
    part_integrity: PartIntegrity,
    *,
    digest: str,
    quick: bool,
) -> Doomed:
    async with engine.scope.transaction(isolation="repeatable_read") as connection:
        await require_version(connection, catalog.version)
        if quick:
            await _check_alone(connection, catalog, relation, part_integrity)
        # What is found to be in the way of it from here on undoes it.
        doomed = await _collect(connection, catalog, relation, part_integrity, identified=bool(digest), deleting=True)
        if digest and digest != doomed.digest:
            raise PlanChanged("The rows that would go have changed since the plan; look at it again.", digest=digest)
        for name, count in doomed.counts if caller.job is not None else ():
            await admit_write(engine, caller, catalog, catalog.tables[name])
            note_written(engine, caller, catalog.tables[name], count)
        await deletion.delete(connection, catalog, doomed)
        await record(engine, connection, caller, [(name.schema, name.table, count) for name, count in doomed.counts])
        return doomed


async def _check_alone(
    connection: Connection, catalog: Catalog, relation: Relation, part_integrity: PartIntegrity
) -> None:
    """Check that nothing depends on the entities of a relation; what may depend on them is not to be deleted for that.

    Raises:
        HasChildren: Something does.
    """
    doomed = await _collect(connection, catalog, relation, part_integrity, identified=False, deleting=False)
    others = [name for name, _ in doomed.counts if name != doomed.root]
    if others:
        raise HasChildren(
            f"Entities of `{others[-1]}` depend on these of `{doomed.root}`; use delete() to delete them too.",
            table=doomed.root,
            child=others[-1],
        )
    await deletion.forget(connection, catalog, doomed)


async def _collect(
    connection: Connection,
    catalog: Catalog,
    relation: Relation,
    part_integrity: PartIntegrity,
    *,
    identified: bool,
    deleting: bool,
) -> Doomed:
    root = catalog.table(_restricted_table(relation).name)
    query = await compiled(relation, catalog, strict=True)
    return await deletion.collect(
        connection, catalog, root, query.select, part_integrity, identified=identified, deleting=deleting
    )


def _restricted_table(relation: Relation) -> TableOperand:
    while isinstance(relation, Restrict):
        relation = relation.operand
    if not isinstance(relation, TableOperand):
        raise InvalidRequest(
            "Only rows of a table can be deleted: restrict the table by the query, as in (Table & query).delete()."
        )
    return relation
