"""Collect objects that no row names any more: quarantine them, then remove them."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from levada_server.errors import LevadaError
from levada_server.operations.audit import entry
from levada_server.operations.objects import part_uploads
from levada_server.operations.request_ids import record
from levada_server.storage.catalog.stored_catalog import read_catalog
from levada_server.storage.objects import object_rows
from levada_server.storage.objects.object_rows import Counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.object_rows import Upload
    from levada_server.storage.objects.store import Store

_LOG = logging.getLogger("levada.objects")
_PARALLEL = 4
"""Objects that are removed at once."""
_BATCH = 1_000
_ABANDONED = dt.timedelta(days=1)
"""How old a file in parts without a record is before it is given up: a server may be about to record it."""
_NOBODY = UUID(int=0)
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of a collection: numbers of objects, and their bytes.

    Args:
        quarantined_count: The objects that are in quarantine from now on.
        quarantined_bytes: Their bytes.
        deleted_count: The objects and uploads that were removed.
        deleted_bytes: Their bytes.
        kept_because: Why no object in quarantine was removed; empty if they were.
    """

    quarantined_count: int
    quarantined_bytes: int
    deleted_count: int
    deleted_bytes: int
    kept_because: str = ""


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
    kept_because = ""
    try:
        async with engine.scope.transaction() as connection:
            await object_rows.find_named(connection, (await read_catalog(connection)).tables.values())
            if not await object_rows.doom(connection):
                kept_because = _kept_because(await object_rows.backup_since(connection))
                _LOG.warning("%s", kept_because)
            found = await object_rows.quarantine(connection)
            doomed = await object_rows.count_doomed(connection)
            if dry_run:
                raise _Rehearsed
            await record(engine, connection, caller, entry(caller, quarantined=found.count, removed=doomed.count))
    except _Rehearsed:
        removed = doomed
    else:
        removed = await _remove_all(engine)
        for store in engine.objects.stores.values():
            await _sweep(engine, store)
    return Collected(found.count, found.size_bytes, removed.count, removed.size_bytes, kept_because)


def _kept_because(since: dt.datetime | None) -> str:
    begun = "" if since is None else f" since {since.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"No object in quarantine is removed: a backup, which may need it, or another collection is under way{begun}. "
        "Collect again when it has ended."
    )


async def _remove_all(engine: Engine) -> Counted:
    """Remove all objects that were given up, some at a time, and count them."""
    count = size_bytes = 0
    after = UUID(int=0)
    turns = asyncio.Semaphore(_PARALLEL)

    async def one(doomed: Upload) -> bool:
        async with turns:
            return await _remove_doomed_bytes(engine, doomed)

    while True:
        async with engine.objects.connection() as connection:
            batch = await object_rows.read_doomed(connection, after, _BATCH)
        if not batch:
            return Counted(count, size_bytes)
        async with asyncio.TaskGroup() as group:
            removals = [group.create_task(one(doomed.upload)) for doomed in batch]
        done = [each for removal, each in zip(removals, batch, strict=True) if removal.result()]
        async with engine.objects.connection() as connection:
            await object_rows.delete_doomed(connection, [doomed.upload.id for doomed in done])
        count, size_bytes = count + len(done), size_bytes + sum(doomed.size_bytes for doomed in done)
        after = batch[-1].upload.id


async def _sweep(engine: Engine, store: Store) -> None:
    """Remove bytes of uploads that have no record any more: a sender, or this server, ended at a bad moment."""
    try:
        staged = _batches(store.staged())
        while ids := await asyncio.to_thread(next, staged, None):
            async with engine.objects.connection() as connection:
                known = await object_rows.known_uploads(connection, ids)
            for id_ in set(ids) - known:
                await engine.objects.own(store.name)
                await asyncio.to_thread(store.discard, id_)
        if (parts := store.part_uploads) is None:
            return
        before = dt.datetime.now(dt.UTC) - _ABANDONED
        abandoned = _batches(parts.begun(before))
        while begun := await asyncio.to_thread(next, abandoned, None):
            async with engine.objects.connection() as connection:
                tokens = await object_rows.known_tokens(connection, [token for _, token in begun])
            for path, token in begun:
                if token not in tokens:
                    await engine.objects.own(store.name)
                    await asyncio.to_thread(parts.abort, _NOBODY, path, token)
    except (OSError, LevadaError) as error:
        _LOG.warning("the store %s cannot be swept: %s", store.name, error)


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    remaining = iter(items)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


async def remove_doomed(engine: Engine, doomed: Upload) -> bool:
    """Remove the bytes of an object, then its record; return False to leave it for the next collection."""
    if not await _remove_doomed_bytes(engine, doomed):
        return False
    async with engine.objects.connection() as connection:
        await object_rows.delete_doomed(connection, [doomed.id])
    return True


async def _remove_doomed_bytes(engine: Engine, doomed: Upload) -> bool:
    """Remove the bytes of an object; return False to leave it for the next collection."""
    if doomed.codec == "filepath":  # it stays, in a store that may be read-only, or another database's
        return True
    try:
        await remove_bytes(engine, await engine.objects.own(doomed.store), doomed)
    except (OSError, LevadaError) as error:
        _LOG.warning("the object %s in the store %s cannot be removed: %s", doomed.path, doomed.store, error)
        return False
    return True


async def remove_bytes(engine: Engine, store: Store, upload: Upload) -> None:
    """Remove the bytes of an object or an upload, wherever they are; a registered file stays."""
    if upload.codec == "filepath":
        return
    await part_uploads.abort(engine, upload, store)
    await asyncio.to_thread(_remove, store, upload)


def _remove(store: Store, upload: Upload) -> None:
    store.discard(upload.id)
    store.remove(upload.path)
