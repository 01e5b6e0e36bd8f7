"""Waiting for jobs: one look at a table at a time, shared by all who wait for it in this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from levada_server.storage.job_tables import job_statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from levada_server.model.table import Table
    from levada_server.storage.database import Database

INTERVAL_S = 0.2
"""Time between two looks at one table, however many wait for it."""


class Lookout:
    """Tells waiting workers when it is worth trying to reserve again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looks: dict[int, asyncio.Task[bool]] = {}

    async def wait(self, tables: Sequence[Table], seconds: float) -> None:
        """Wait until one of the tables has a job that can be reserved, or the time is over."""
        looks = {self._look(table) for table in tables}
        deadline = asyncio.get_running_loop().time() + seconds
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            done, _ = await asyncio.wait(looks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if any(look.result() for look in done):
                return
            looks = {self._look(table) for table in tables}

    def _look(self, table: Table) -> asyncio.Task[bool]:
        """Give the look at a table that is under way, or begin one."""
        look = self._looks.get(table.id)
        if look is None or look.done():
            look = self._looks[table.id] = asyncio.create_task(self._look_once(table))
        return look

    async def _look_once(self, table: Table) -> bool:
        await asyncio.sleep(INTERVAL_S)
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(job_statement("jobs", "any_due", table)))

    async def close(self) -> None:
        """End the looks that are under way."""
        looks = [look for look in self._looks.values() if not look.done()]
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
