"""Cache the permissions of this process."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from levada_server.permissions.pace import Pace
from levada_server.storage.permissions.stored_permissions import read_permissions, read_version
from levada_server.storage.permissions.tokens import note_use

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from levada_server.permissions.permissions import Permissions
    from levada_server.storage.postgres.database import Connection, Database

_LOG = logging.getLogger("levada.permissions")

KEEP_UP_S = 1.0
"""The longest time, in seconds, for which a server may honour a token or a grant that another server has withdrawn."""
USES_S = 60.0
"""How often, in seconds, the last uses of tokens are written down."""
LOOK_AGAIN_S = 0.1
"""The pause, in seconds, between two looks for a newer version on behalf of refused calls, however many there are."""


class PermissionsCache:
    """The permissions that this process last read."""

    def __init__(self, database: Database) -> None:
        """Start empty; `read` must be called before `current` is used."""
        self._database = database
        self._reading = asyncio.Lock()
        self._looked_at = float("-inf")
        self._refusing = asyncio.Lock()
        self._awaited_at = float("-inf")
        self._pace = Pace()
        self._current: Permissions | None = None
        self._along: Callable[[Connection], Awaitable[Callable[[], None]]] | None = None
        self._used: dict[UUID, dt.datetime] = {}

    @property
    def current(self) -> Permissions:
        """Return the permissions as last read."""
        assert self._current is not None, "the permissions are read before calls are served"
        return self._current

    def accompany(self, read: Callable[[Connection], Awaitable[Callable[[], None]]]) -> None:
        """Read something else of the same moment each time, and use both from the same moment on.

        Args:
            read: Reads it by a connection, and returns what begins to use it.
        """
        self._along = read

    async def read(self) -> None:
        """Read the permissions, after a change by this process or at its start."""
        async with self._reading:
            async with self._database.transaction(read_only=True, isolation="repeatable_read") as connection:
                permissions = await read_permissions(connection)
                use = await self._read_along(connection)
            # Nothing may wait between the two.
            if use is not None:
                use()
            self._current = permissions

    async def _read_along(self, connection: Connection) -> Callable[[], None] | None:
        """Read what accompanies them; if it cannot be read, rights that were withdrawn must end all the same."""
        try:
            return None if self._along is None else await self._along(connection)
        except Exception:  # noqa: BLE001  # whatever it is, withdrawn rights end
            _LOG.exception("the catalog of newer permissions cannot be read")
            return None

    async def catch_up(self) -> bool:
        """Read the permissions again if another process has changed them; return whether it had."""
        async with self._database.connection() as connection:
            version = await read_version(connection)
        if version == self.current.version:
            return False
        await self.read()
        return True

    def note_use(self, token_id: UUID, now: dt.datetime) -> None:
        """Note that a token was used."""
        self._used[token_id] = now

    async def write_uses(self) -> None:
        """Write down when tokens were used last."""
        used, self._used = self._used, {}
        if used:
            async with self._database.connection() as connection:
                await note_use(connection, used)

    async def hold_back(self) -> None:
        """Wait before a call is refused, if many are: trying tokens must not take the server from others."""
        await asyncio.sleep(self._pace.delay(time.monotonic()))

    async def look_again(self) -> bool:
        """Catch up before a call is refused, but not for each of many refused calls; return whether there was news."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_AGAIN_S:
            return False
        self._looked_at = now
        return await self.catch_up()

    async def await_news(self) -> None:
        """Catch up before an unknown caller is refused: one look for all who wait, and not too often.

        Another server may just have let in a caller who now makes many calls at once.
        """
        arrived = time.monotonic()
        async with self._refusing:
            if self._awaited_at >= arrived:
                return
            await asyncio.sleep(max(0.0, self._awaited_at + LOOK_AGAIN_S - arrived))
            self._awaited_at = time.monotonic()
            await self.catch_up()
