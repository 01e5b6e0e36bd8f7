"""Copy the objects of one store into another, while others insert, delete and collect."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from levada_server.errors import DamagedObject, InvalidRequest
from levada_server.model.object_names import BY_CONTENT, path_of_copy
from levada_server.operations.audit import entry
from levada_server.operations.objects.collection import remove_doomed
from levada_server.operations.objects.verification import NOBODY, Damage, naming_rows
from levada_server.operations.request_ids import record
from levada_server.storage.catalog.stored_catalog import read_catalog
from levada_server.storage.objects import object_files, object_lists, object_rows
from levada_server.storage.objects.object_rows import Upload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.object_lists import Copyable
    from levada_server.storage.objects.object_rows import StoredObject

_PAGE = 100
_REPORT_S = 1.0


@dataclass(frozen=True, slots=True)
class Copied:
    """Objects that were copied: their number and bytes, the rows that follow them, and the ones that cannot be read."""

    object_count: int = 0
    size_bytes: int = 0
    row_count: int = 0
    damages: tuple[Damage, ...] = ()


async def copy(
    engine: Engine, caller: Caller, *, source: str, target: str, schema: str, dry_run: bool
) -> AsyncGenerator[Copied, None]:
    """Copy objects into another store, let rows name them there, and put the original bytes into quarantine.

    Each object is copied and checked first. Then its record and that of the copy exchange their places in one
    transaction, so that whoever asks for the object gets whole bytes before and afterwards. At the end the rows are
    changed, which say in which store an object lies: no row needs that to find it. If the other store has the same
    content already, rows name that object instead. Whatever is left undone, the next call does.

    Raises:
        UnknownStore: There is no such store.
        InvalidRequest: Both stores are the same.
        PreconditionFailed: The other store belongs to another database.
    """
    engine.gate.admit_administrator(caller, "copy objects")
    names = engine.objects.store(source).name, engine.objects.store(target).name
    if names[0] == names[1]:
        raise InvalidRequest("Both stores are the same; name another one to copy to.", field="target")
    if not dry_run:
        await engine.objects.own(target)
        async with engine.scope.transaction() as connection:
            made = entry(caller, schema, source=names[0], target=names[1])
            await record(engine, connection, caller, made)
    async for copied in _copy_all(engine, *names, schema, dry_run=dry_run):
        yield copied
    if dry_run:
        return
    async with engine.objects.connection() as connection:
        await object_lists.claim_twins(connection, *names, schema)
    yield Copied(row_count=await _follow(engine, *names, schema))


async def _copy_all(
    engine: Engine, source: str, target: str, schema: str, *, dry_run: bool
) -> AsyncGenerator[Copied, None]:
    after, count, size = NOBODY, 0, 0
    damages: list[Damage] = []
    reported = time.monotonic()
    while True:
        async with engine.objects.connection() as connection:
            page = await object_lists.list_copyable(connection, store=source, schema=schema, after=after, count=_PAGE)
        for copyable in page:
            stored = copyable.stored
            after = stored.reference.id
            try:
                done = dry_run or await _copy_one(engine, copyable, target)
            except DamagedObject as error:
                damages.append(Damage(stored.reference, error.message, await naming_rows(engine, after)))
                continue
            count += done
            size += stored.reference.size_bytes if done else 0
            if time.monotonic() - reported > _REPORT_S:
                yield Copied(count, size, 0, tuple(damages))
                count = size = 0
                damages, reported = [], time.monotonic()
        if len(page) < _PAGE:
            break
    yield Copied(count, size, 0, tuple(damages))


async def _copy_one(engine: Engine, copyable: Copyable, target: str) -> bool:
    """Copy an object; return False if it need not be: it is gone, or the other store has its content."""
    id_, original, reference = uuid4(), copyable.stored, copyable.stored.reference
    path = path_of_copy(original.codec, reference.path, reference.name, reference.hash, id_)
    copy = Upload(id_, copyable.schema_id, original.codec, target, path, reference.name, original.folder)
    async with engine.objects.connection() as connection:
        shared = original.codec in BY_CONTENT and copyable.verified
        if shared and await object_rows.find_content(connection, copy, reference.hash):
            return False
        await object_lists.begin_copy(connection, copy)
    stores = engine.objects.store(reference.store), engine.objects.store(target)
    try:
        await asyncio.to_thread(object_files.copy, object_files.named_object(original), *stores, path, id_)
    except DamagedObject:
        await _give_up(engine, copy)
        if await _is_there(engine, original):
            raise
        return False
    async with engine.objects.connection() as connection:
        if await object_lists.exchange(connection, original, copy):
            return True
    await _give_up(engine, copy)
    return False


async def _is_there(engine: Engine, original: StoredObject) -> bool:
    """Return whether an object still lies where it was; else a collection or another copy was sooner."""
    async with engine.objects.connection() as connection:
        return await object_rows.read_object(connection, original.reference.id) == original


async def _give_up(engine: Engine, copy: Upload) -> None:
    """Remove a copy, whose path nobody else has, also if it came after its record had expired."""
    async with engine.objects.connection() as connection:
        await object_rows.doom_upload(connection, copy.id)
    await remove_doomed(engine, copy)


async def _follow(engine: Engine, source: str, target: str, schema: str) -> int:
    """Let all rows name the objects of a schema, or all objects, where they lie now, one table after the other."""
    changed = 0
    async with engine.scope.connection() as connection:
        tables = list((await read_catalog(connection)).tables)
    for name in tables:
        async with engine.scope.transaction() as connection:
            table = (await read_catalog(connection)).tables.get(name)
            if table is not None:
                changed += await object_lists.follow(connection, table, source, target, schema)
    return changed
