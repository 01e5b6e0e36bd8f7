"""Collect objects that no row names any more: quarantine them, then remove them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.operations.audit import entry
from levada_server.operations.request_ids import record
from levada_server.storage.catalog.stored_catalog import read_catalog
from levada_server.storage.objects import object_rows

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.object_rows import Upload
    from levada_server.storage.objects.store import Store

_LOG = logging.getLogger("levada.objects")


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of a collection: numbers of objects, and their bytes."""

    quarantined_count: int
    quarantined_bytes: int
    deleted_count: int
    deleted_bytes: int


class _Rehearsed(Exception):
    """Ends the transaction of a dry run."""


async def collect(engine: Engine, caller: Caller, *, dry_run: bool) -> Collected:
    """Remove the objects that no row names.

    First the collection reads every reference. An object without a reference that nobody has claimed for `LIFETIME`
    goes into quarantine. An object that has been there for `QUARANTINE`, and still has no reference, is given up: from
    then on no row can name it. Then its bytes are removed. A claim before that takes the object out of quarantine, so
    that no row loses its object.
    """
    engine.gate.admit_administrator(caller, "collect objects")
    found: list[int] = []
    doomed: list[tuple[Upload, int]] = []
    try:
        async with engine.scope.transaction() as connection:
            await object_rows.find_named(connection, (await read_catalog(connection)).tables.values())
            await object_rows.doom(connection)
            found = await object_rows.quarantine(connection)
            doomed = await object_rows.read_doomed(connection)
            if dry_run:
                raise _Rehearsed
            await record(engine, connection, caller, entry(caller, quarantined=len(found), removed=len(doomed)))
    except _Rehearsed:
        removed = doomed
    else:
        removed = [entry for entry in doomed if await remove_doomed(engine, entry[0])]
    return Collected(len(found), sum(found), len(removed), sum(size for _, size in removed))


async def remove_doomed(engine: Engine, doomed: Upload) -> bool:
    """Remove the bytes of an object, then its record; return False to leave it for the next collection."""
    try:
        await asyncio.to_thread(remove_bytes, engine.objects.store(doomed.store), doomed)
    except (OSError, LevadaError) as error:
        _LOG.warning("the object %s in the store %s cannot be removed: %s", doomed.path, doomed.store, error)
        return False
    async with engine.objects.connection() as connection:
        await object_rows.delete_doomed(connection, doomed.id)
    return True


def remove_bytes(store: Store, upload: Upload) -> None:
    """Remove the bytes of an object or an upload, wherever they are; a registered file stays."""
    store.discard(upload.id)
    if upload.codec != "filepath":
        store.remove(upload.path)
