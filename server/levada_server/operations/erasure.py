"""Erase rows for good: with the rows that depend on them, their jobs, objects that no other row names, and reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import PreconditionFailed
from levada_server.model.table import TableName
from levada_server.operations.deletes import chosen_rows
from levada_server.operations.forgetting import erased_keys, forget
from levada_server.operations.objects.collection import remove_doomed
from levada_server.operations.request_ids import once, record, through_conflicts
from levada_server.permissions.roles import Action
from levada_server.storage.catalog.stored_catalog import require_current
from levada_server.storage.deletion import deletion
from levada_server.storage.objects import object_rows
from levada_server.storage.objects.object_rows import ERASED

if TYPE_CHECKING:
    from levada_server.model.table import PartIntegrity
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

_FILEPATH = "filepath"


@dataclass(frozen=True, slots=True)
class Erased:
    """The extent of an erasure.

    Args:
        counts: The number of rows that each table lost, leaves first.
        object_count: The objects that were removed.
        object_bytes: Their size.
        remaining_count: The objects whose store failed; the next collection removes them.
        kept_file_count: The registered files that are forgotten, and stay where they are.
    """

    counts: list[tuple[TableName, int]]
    object_count: int = 0
    object_bytes: int = 0
    remaining_count: int = 0
    kept_file_count: int = 0


async def erase(
    engine: Engine, caller: Caller, relation: Relation, part_integrity: PartIntegrity, *, digest: str
) -> Erased:
    """Erase the entities of a relation and all rows that depend on them.

    Reads of them that jobs and recordings keep are forgotten.

    An object that only these rows name is removed at once. A call that has claimed it for another row, and has not
    written that row yet, loses it: erased content must not survive by chance.

    Args:
        engine: The parts to work with.
        caller: The caller.
        relation: A restricted table.
        part_integrity: The rule for masters of deleted parts.
        digest: The digest of the plan that was confirmed; empty if there was none.

    Raises:
        InvalidRequest: The relation is not a restricted table, or a mapping in it restricts nothing.
        HasChildren: A part would be deleted without its master.
        PreconditionFailed: Objects would be removed during a backup.
        PlanChanged: Other rows would be erased than the plan with this digest has.
        PermissionDenied: The caller does not own all the tables.
    """

    async def answer(recorded: list[tuple[str, str, int]]) -> Erased:
        return Erased([(TableName(schema, table), count) for schema, table, count in recorded])

    async def work() -> Erased:
        return await _erase(engine, caller, relation, part_integrity, digest)

    async with engine.gate.concealing(caller, Action.ERASE):
        return await once(engine, caller, lambda: through_conflicts(engine, work), answer)


async def _erase(
    engine: Engine, caller: Caller, relation: Relation, part_integrity: PartIntegrity, digest: str
) -> Erased:
    view = await engine.gate.open(caller)
    catalog = view.catalog
    chosen = await chosen_rows(view, Action.ERASE, relation, part_integrity)
    reached = catalog.reached_by_delete(chosen.table.name, part_integrity)
    async with engine.scope.transaction(isolation="repeatable_read") as connection:
        await object_rows.lock_named(connection, catalog.tables.values())
        await require_current(connection, catalog.basis(reached, with_children=True))
        await object_rows.find_named(connection, (catalog.tables[name] for name in reached), ERASED)
        keys = await deletion.keys(connection, chosen)
        taken = await deletion.delete(connection, catalog, chosen, digest)
        view.admit_cascade(Action.ERASE, taken.counts, taken.others)
        await object_rows.find_named(connection, catalog.tables.values())
        doomed = await object_rows.doom_erased(connection)
        erased = await erased_keys(connection, catalog, chosen.table, reached, keys)
        doomed += await forget(engine, connection, catalog, erased)
        needed = [one for one in doomed if one.whole and one.upload.codec != _FILEPATH]
        if needed and not await object_rows.may_remove(connection):
            raise PreconditionFailed(
                "A backup or a collection is under way, which needs the objects of these rows. Erase them when it has "
                "ended."
            )
        counts = {str(name): count for name, count in taken.counts}
        entry = view.entry(chosen.table.name, sum(counts.values()), tables=counts, objects=len(doomed))
        content = [(name.schema, name.table, count) for name, count in taken.counts]
        await record(engine, connection, caller, entry if counts else None, content)
    files = [one for one in doomed if one.upload.codec == _FILEPATH]
    gone = [one for one in doomed if await remove_doomed(engine, one.upload)]
    removed = [one for one in gone if one not in files]
    size_bytes = sum(one.size_bytes for one in removed)
    return Erased(taken.counts, len(removed), size_bytes, len(doomed) - len(gone), len(files))
