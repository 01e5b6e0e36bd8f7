"""Delete rows with all rows that depend on them, or plan it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.model.table import TableName
from levada_server.operations.admission import admit_write, note_written
from levada_server.operations.request_ids import once, record, through_conflicts
from levada_server.operations.staleness import compare_inputs
from levada_server.permissions.roles import Action
from levada_server.query.algebra import Restrict, TableOperand
from levada_server.storage.catalog.stored_catalog import require_current
from levada_server.storage.deletion import deletion
from levada_server.storage.deletion.doomed import Chosen, Doomed

if TYPE_CHECKING:
    from levada_server.model.table import PartIntegrity
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation


async def plan_delete(engine: Engine, caller: Caller, relation: Relation, part_integrity: PartIntegrity) -> Doomed:
    """Return which rows a delete would remove from every table.

    Raises:
        InvalidRequest: The relation is not a restricted table, or a mapping in it restricts nothing.
        HasChildren: A part would be deleted without its master.
        PermissionDenied: The caller may not delete all these rows.
    """
    view = await engine.gate.open(caller)
    await compare_inputs(engine, view, relation)
    chosen = await chosen_rows(view, Action.DELETE, relation, part_integrity)
    async with engine.gate.concealing(caller, Action.DELETE), engine.scope.transaction() as connection:
        doomed = await deletion.plan(connection, view.catalog, chosen)
    view.admit_cascade(Action.DELETE, doomed.counts, doomed.others)
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
    """Delete the entities of a relation and all rows that depend on them; return which rows were deleted.

    Args:
        engine: The parts to work with.
        caller: The caller.
        relation: A restricted table.
        part_integrity: The rule for masters of deleted parts.
        digest: The digest of the plan that was confirmed; empty if there was none.
        quick: Refuse if other rows depend on the rows.

    Raises:
        InvalidRequest: As `plan_delete`.
        HasChildren: A part would be deleted without its master; or, with `quick`, other rows depend on the rows.
        PlanChanged: The delete would remove other rows than the plan with this digest.
        PermissionDenied: As `plan_delete`.
    """

    async def answer(recorded: list[tuple[str, str, int]]) -> Doomed:
        counts = [(TableName(schema, table), count) for schema, table, count in recorded]
        return Doomed(_restricted_table(relation).name, counts)

    async def work() -> Doomed:
        view = await engine.gate.open(caller)
        await compare_inputs(engine, view, relation)
        chosen = await chosen_rows(view, Action.DELETE, relation, part_integrity)
        return await _delete(engine, view, chosen, digest=digest, quick=quick)

    async with engine.gate.concealing(caller, Action.DELETE):
        return await once(engine, caller, lambda: through_conflicts(engine, work), answer)


async def _delete(engine: Engine, view: View, chosen: Chosen, *, digest: str, quick: bool) -> Doomed:
    caller, catalog = view.caller, view.catalog
    basis = catalog.basis(catalog.reached_by_delete(chosen.table.name, chosen.part_integrity), with_children=True)
    # An error found after the rows are deleted rolls the delete back.
    async with engine.scope.transaction(isolation="repeatable_read") as connection:
        await require_current(connection, basis)
        if quick:
            await deletion.check_alone(connection, catalog, chosen)
        taken = await deletion.delete(connection, catalog, chosen, digest)
        view.admit_cascade(Action.DELETE, taken.counts, taken.others)
        for name, _ in taken.counts if caller.job is not None else ():
            await admit_write(engine, view, catalog.tables[name])
        counts = {str(name): count for name, count in taken.counts if count}
        entry = view.entry(chosen.table.name, sum(counts.values()), tables=counts if len(counts) > 1 else None)
        content = [(name.schema, name.table, count) for name, count in taken.counts]
        await record(engine, connection, caller, entry if counts else None, content)
    for name, count in taken.counts:
        note_written(engine, caller, catalog.tables[name], count)
    return taken


async def chosen_rows(view: View, action: Action, relation: Relation, part_integrity: PartIntegrity) -> Chosen:
    """Compile the rows of a table to delete or erase.

    Raises:
        InvalidRequest: The relation is not a restricted table, or a mapping in it restricts nothing.
        PermissionDenied: The caller may not do the action there, or read a table of the relation.
    """
    table = view.table(action, _restricted_table(relation).name)
    rows = (await view.query(Action.FETCH, relation, strict=True)).select
    guards = view.guards(view.catalog.reached_by_delete(table.name, part_integrity))
    return Chosen(table, rows, part_integrity, guards, erases=action is Action.ERASE)


def _restricted_table(relation: Relation) -> TableOperand:
    while isinstance(relation, Restrict):
        relation = relation.operand
    if not isinstance(relation, TableOperand):
        raise InvalidRequest(
            "Only rows of a table can be deleted: restrict the table by the query, as in (Table & query).delete()."
        )
    return relation
