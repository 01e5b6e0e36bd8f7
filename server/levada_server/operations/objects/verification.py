"""Read objects from end to end, and find the ones that changed or are missing, with the rows that name them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from levada_server.errors import DamagedObject, LevadaError
from levada_server.storage.objects import object_files, object_lists, object_rows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from levada_server.model.object_reference import ObjectReference
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.object_lists import ListedObject, NamingRow

NOBODY = UUID(int=0)
"""Comes before the id of every object."""
MAX_ROWS = 100
"""At most this many rows are named for each damaged object."""
_PAGE = 100
_REPORT_S = 1.0


@dataclass(frozen=True, slots=True)
class Damage:
    """An object whose bytes differ from the stored ones, or are missing.

    Args:
        reference: The object.
        problem: The fault, for people.
        rows: Rows that name it.
    """

    reference: ObjectReference
    problem: str
    rows: tuple[NamingRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """Objects that were read: their number and bytes, the damaged ones among them, and the id of the last."""

    object_count: int
    size_bytes: int
    damages: tuple[Damage, ...]
    last_id: UUID


async def list_objects(
    engine: Engine, caller: Caller, *, store: str, schema: str, after: UUID, count: int
) -> list[ListedObject]:
    """Return the next objects that rows may name, by id."""
    engine.gate.admit_administrator(caller, "list objects")
    if store:
        engine.objects.store(store)
    async with engine.objects.connection() as connection:
        return await object_lists.list_objects(connection, store=store, schema=schema, after=after, count=count)


async def verify(
    engine: Engine, caller: Caller, *, store: str, schema: str, after: UUID
) -> AsyncGenerator[Verified, None]:
    """Read every byte of some objects, in the order of their ids; yield the progress each second."""
    engine.gate.admit_administrator(caller, "verify objects")
    if store:
        engine.objects.store(store)
    count = size = 0
    damages: list[Damage] = []
    reported = time.monotonic()
    while True:
        async with engine.objects.connection() as connection:
            page = await object_lists.list_objects(connection, store=store, schema=schema, after=after, count=_PAGE)
        for listed in page:
            problem = await _problem(engine, listed)
            after = listed.stored.reference.id
            count += 1
            size += listed.stored.reference.size_bytes
            if problem is not None and (damage := await _damage(engine, listed, problem)) is not None:
                damages.append(damage)
            if time.monotonic() - reported > _REPORT_S or damages:
                yield Verified(count, size, tuple(damages), after)
                count = size = 0
                damages, reported = [], time.monotonic()
        if len(page) < _PAGE:
            break
    if count:
        yield Verified(count, size, (), after)


async def _problem(engine: Engine, listed: ListedObject) -> str | None:
    try:
        store = engine.objects.store(listed.stored.reference.store)
        await asyncio.to_thread(object_files.check, store, object_files.named_object(listed.stored))
    except DamagedObject as error:
        return error.message
    except (LevadaError, OSError) as error:  # a store that is away; the others go on
        return f"It cannot be read: {error}"
    return None


async def _damage(engine: Engine, listed: ListedObject, problem: str) -> Damage | None:
    """Return the damage with the rows that name the object; None if it was removed, or moved, while it was read."""
    reference = listed.stored.reference
    async with engine.objects.connection() as connection:
        before = UUID(int=reference.id.int - 1)
        now = await object_lists.list_objects(connection, store="", schema="", after=before, count=1)
    if not now or now[0].stored.reference != reference:
        return None
    return Damage(reference, problem, await naming_rows(engine, reference.id))


async def naming_rows(engine: Engine, id_: UUID) -> tuple[NamingRow, ...]:
    """Return rows that name an object."""
    found: list[NamingRow] = []
    catalog = await engine.gate.known()
    async with engine.scope.transaction(read_only=True) as connection:
        holders = (await object_rows.read_holders(connection, (id_,)))[id_]
        for table_id in holders.tables:
            table = catalog.by_id.get(table_id)
            if table is not None and len(found) < MAX_ROWS:
                found += await object_lists.read_naming_rows(connection, table, id_, MAX_ROWS - len(found))
    return tuple(found)
