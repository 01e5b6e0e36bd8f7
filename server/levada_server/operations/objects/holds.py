"""Hold an upload while it is committed: one call at a time commits it, whichever server it reached.

The hold is in the upload's row, so a slow store keeps no connection busy. Whoever holds an upload renews the hold until
the end. If that fails for long, as after the death of a server, the next call takes over. The earlier one may still be
alive, only slow: every change of the row names the holder, so from then on it changes nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from levada_server.errors import LevadaError, UnknownObject
from levada_server.storage.objects import object_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.context import Engine
    from levada_server.storage.objects.object_rows import Upload

HOLD = dt.timedelta(seconds=15)
"""How long a hold lasts after its last renewal."""
_RENEWALS = 5
"""How often a hold is renewed in that time."""
_PAUSE_S = 0.2
"""The pause before the next look at an upload that another call holds."""


@dataclass(frozen=True, slots=True)
class Held:
    """An upload that nobody else commits, and the id of the hold."""

    upload: Upload
    holder: UUID


async def take(engine: Engine, id_: UUID) -> Held:
    """Hold an upload, once nobody else does.

    Raises:
        UnknownObject: It has ended: it has expired, or is committed.
    """
    holder = uuid4()
    while True:
        async with engine.objects.connection() as connection:
            upload = await object_rows.hold_upload(connection, id_, holder, HOLD)
            if upload is not None:
                return Held(upload, holder)
            if not await object_rows.known_uploads(connection, [id_]):
                raise UnknownObject("The upload has expired; begin another.", object=id_)
        await asyncio.sleep(_PAUSE_S)


@asynccontextmanager
async def renewed(engine: Engine, held: Held) -> AsyncIterator[None]:
    """Renew a hold during the block, and end it afterwards."""
    renewing = asyncio.create_task(_renew(engine, held))
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
        async with engine.objects.connection() as connection:
            await object_rows.release_upload(connection, held.upload.id, held.holder)


async def keep(engine: Engine, held: Held) -> bool:
    """Renew a hold now; return False if it was lost."""
    async with engine.objects.renewals() as connection:
        return await object_rows.renew_hold(connection, held.upload.id, held.holder, HOLD)


async def check(engine: Engine, held: Held) -> None:
    """Renew a hold now.

    Raises:
        UnknownObject: It was lost.
    """
    if not await keep(engine, held):
        raise UnknownObject("The upload has ended, or another call commits it.", object=held.upload.id)


async def _renew(engine: Engine, held: Held) -> None:
    while True:
        await asyncio.sleep(HOLD.total_seconds() / _RENEWALS)
        with suppress(LevadaError):  # PostgreSQL may be back the next time
            await keep(engine, held)
