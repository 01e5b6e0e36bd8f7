"""Update an entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.arrow.ipc.coercion import check_values
from levada_server.errors import NotFound
from levada_server.model.assignment import split_update
from levada_server.model.audit import Record
from levada_server.model.values import show_key
from levada_server.operations.admission import admit_write, note_written
from levada_server.operations.objects.claims import claim_changes
from levada_server.operations.request_ids import once, through_conflicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from levada_server.model.table import TableName
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine


async def update(engine: Engine, caller: Caller, name: TableName, row: Mapping[str, object]) -> None:
    """Change secondary attributes of one entity; None sets the default.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The table.
        row: The whole primary key, and the attributes to change.

    Raises:
        PermissionDenied: Only its own jobs fill the table.
        InvalidRequest: The key is incomplete, or there is nothing to change.
        NotFound: No entity has this key.
        LevadaError: A value does not fit, or violates a constraint.
    """

    async def work() -> int:
        view = await engine.gate.open(caller)
        target = view.updatable(name)
        table = target.table
        await admit_write(engine, view, table)
        key, changes = split_update(table, row)
        check_values(table, changes, engine.value_bytes)
        record = Record(view.entry(table.name, 1), engine.scope.recorded(caller.request))
        claimed = await claim_changes(engine, view, table, changes)
        async with engine.scope.connection() as connection:
            found = await target.update(connection, key, claimed, view.catalog.basis((table.name,)), record)
        if not found:
            raise NotFound(
                f"`{table.name}` has no entity with {show_key(key.items())}; insert it first.", table=table.name
            )
        caller.traces.changed = record.entry
        note_written(engine, caller, table, 1)
        return 1

    await once(engine, caller, lambda: through_conflicts(engine, work), _as_one)


async def _as_one(_recorded: int) -> int:
    return 1
