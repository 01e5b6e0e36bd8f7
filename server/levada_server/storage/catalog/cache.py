"""Cache the catalog of this process at the newest version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from levada_server.storage.catalog.stored_catalog import read_catalog, read_version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from levada_server.model.dependencies import Catalog
    from levada_server.storage.postgres.database import Connection, Database

KEEP_UP_S = 1.0
"""The longest time, in seconds, that a server may use a table's definition after another server altered it."""


class CatalogCache:
    """The catalog that this process last read."""

    def __init__(self, database: Database) -> None:
        """Start empty; the first use reads the catalog."""
        self._database = database
        self._catalog: Catalog | None = None
        self._highest_asked = 0
        self._reading = asyncio.Lock()
        self._before_newer: Callable[[], Awaitable[object]] | None = None
        self._coming: Catalog | None = None

    def precede(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do some work before a newer catalog is used, each time."""
        self._before_newer = work

    async def current(self, at_least: int = 0) -> Catalog:
        """Return the catalog, read again if it is older than a version that a client has seen."""
        catalog = self._catalog
        # Look only once for a version that PostgreSQL lacks, such as after a restore.
        if catalog is not None and (catalog.version >= at_least or at_least <= self._highest_asked):
            return catalog
        async with self._reading:
            catalog = self._catalog
            if catalog is None or (catalog.version < at_least and at_least > self._highest_asked):
                async with self._database.transaction(read_only=True) as connection:
                    catalog = await read_catalog(connection)
                await self.replace(catalog)
                catalog = self._catalog or catalog  # a newer one, if it came along with permissions meanwhile
                # Only now: others that ask for this version meanwhile wait for it too.
                self._highest_asked = max(at_least, self._highest_asked)
        return catalog

    async def catch_up(self, known: Catalog | None = None) -> bool:
        """Read the catalog again if another process has changed it; return whether it had.

        It may also be older than the known one, after a restore or a failover that lost the last changes.

        Args:
            known: The catalog that the caller used, which may have been replaced since; None for this process's current
                one.
        """
        known = known or await self.current()
        async with self._database.connection() as connection:
            version = await read_version(connection)
        if version == known.version:
            return False
        if version < known.version:
            self._catalog = None
        current = await self.current(version)
        if await asyncio.to_thread(_altered, known, current):
            self._database.forget_plans()
        return True

    async def replace(self, catalog: Catalog) -> None:
        """Use a catalog that was just read or written, unless this process has a newer one."""
        await asyncio.to_thread(catalog.prepare)
        if self._before_newer is not None and self._is_newer(catalog):
            self._coming = catalog
            try:
                await self._before_newer()
            finally:
                self._coming = None
        if self._is_newer(catalog):
            self._catalog = catalog

    async def read_along(self, connection: Connection) -> Callable[[], None]:
        """Read the catalog as a transaction sees it, if another process has changed it; return what begins to use it.

        Nothing is read before this process has one.
        """
        known, coming = self._catalog, self._coming
        version = await read_version(connection)
        if (known is None and coming is None) or (known is not None and version <= known.version):
            return lambda: None
        same = coming is not None and coming.version == version
        catalog = coming if coming is not None and same else await read_catalog(connection)
        altered = not same and known is not None and await asyncio.to_thread(_altered, known, catalog)

        def use() -> None:
            if self._is_newer(catalog):
                self._catalog = catalog
            if altered:
                self._database.forget_plans()

        return use

    def _is_newer(self, catalog: Catalog) -> bool:
        return self._catalog is None or catalog.version > self._catalog.version

    async def replace_altered(self, catalog: Catalog) -> None:
        """Use a catalog whose tables were altered, and drop the statement plans made for them."""
        await self.replace(catalog)
        self._database.forget_plans()


def _altered(known: Catalog, current: Catalog) -> bool:
    return any(current.tables.get(name) != table for name, table in known.tables.items())
