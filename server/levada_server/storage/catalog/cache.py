"""The catalog as this process last read it, kept at the newest version."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.storage.catalog.stored_catalog import read_catalog, read_version

if TYPE_CHECKING:
    from levada_server.model.dependencies import Catalog
    from levada_server.storage.postgres.database import Database

KEEP_UP_S = 1.0
"""How long a server may give what a table was before another server altered it, to clients that know nothing of it."""


class CatalogCache:
    """The catalog as this process last read it."""

    def __init__(self, database: Database) -> None:
        """Start empty; the first use reads."""
        self._database = database
        self._catalog: Catalog | None = None
        self._highest_asked = 0
        self._reading = asyncio.Lock()

    async def current(self, at_least: int = 0) -> Catalog:
        """Give the catalog, read again if it is older than a version that a client has seen."""
        catalog = self._catalog
        # A version that PostgreSQL does not have, as after a restore, is looked for once.
        if catalog is not None and (catalog.version >= at_least or at_least <= self._highest_asked):
            return catalog
        async with self._reading:
            catalog = self._catalog
            if catalog is None or catalog.version < at_least:
                self._highest_asked = max(at_least, self._highest_asked)
                async with self._database.transaction(read_only=True) as connection:
                    catalog = await read_catalog(connection)
                self.replace(catalog)
        return catalog

    async def catch_up(self, known: Catalog | None = None) -> bool:
        """Read the catalog again if another process has changed it; tell whether it had.

        Args:
            known: What was worked with; it may have been replaced since. None: what this process has now.
        """
        known = known or await self.current()
        async with self._database.connection() as connection:
            version = await read_version(connection)
        if version <= known.version:
            return False
        current = await self.current(version)
        if any(current.tables.get(name) != table for name, table in known.tables.items()):
            await self._database.forget_plans()
        return True

    async def keep_up(self) -> None:
        """Catch up again and again, for the clients whose requests would never tell that the catalog is old."""
        while True:
            await asyncio.sleep(KEEP_UP_S)
            with suppress(LevadaError):  # whoever asks for something is told
                await self.catch_up()

    def replace(self, catalog: Catalog) -> None:
        """Take over a catalog that was just read or written, unless a newer one is here."""
        if self._catalog is None or catalog.version > self._catalog.version:
            self._catalog = catalog

    async def replace_altered(self, catalog: Catalog) -> None:
        """Take over a catalog whose tables were altered: plans of statements that were made for them do not hold."""
        self.replace(catalog)
        await self._database.forget_plans()
