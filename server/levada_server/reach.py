"""Watch whether PostgreSQL is in reach, and start an embedded one again that has ended."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_server.embedded.embedded import EmbeddedPostgres
    from levada_server.storage.postgres.database import Database

EVERY_S = 1.0
GIVE_UP_S = 600.0
"""How long to try to start an embedded PostgreSQL again before the server ends."""
_LOG = logging.getLogger("levada.server")


class Reach:
    """Asks PostgreSQL for a sign of life, by rounds of a background task.

    Args:
        database: The connections.
        postgres: The embedded PostgreSQL; None if it is somebody else's.
        give_up: Called with an error if the embedded one cannot be started again for long.
    """

    def __init__(
        self, database: Database, postgres: EmbeddedPostgres | None, give_up: Callable[[LevadaError], None]
    ) -> None:
        self._database = database
        self._postgres = postgres
        self._give_up = give_up
        self._lost_at: float | None = None

    async def look(self) -> None:
        """Ask once; if the round before got no answer, first start an embedded PostgreSQL that has ended.

        Raises:
            Exception: It does not answer, or does not start.
        """
        if self._lost_at is not None and self._postgres is not None:
            await self._revive(self._postgres, self._lost_at)
        try:
            await self._database.probe()
        except Exception:
            self._lost_at = self._lost_at or time.monotonic()
            raise
        self._lost_at = None

    async def _revive(self, postgres: EmbeddedPostgres, lost_at: float) -> None:
        try:
            if await asyncio.to_thread(postgres.revive):
                _LOG.warning("PostgreSQL had ended; it was started again")
        except LevadaError as error:
            if time.monotonic() - lost_at > GIVE_UP_S:
                self._give_up(Unavailable(f"PostgreSQL ended and cannot be started again. {error.message}"))
            raise
