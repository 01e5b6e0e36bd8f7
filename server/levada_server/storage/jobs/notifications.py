"""Waiting for jobs: one look at a table at a time, shared by all who wait for it in this process."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from levada_server.storage.jobs.job_rows import FIRST_PLACE
from levada_server.storage.jobs.tables import job_statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.model.table import Table
    from levada_server.storage.jobs.job_rows import Place
    from levada_server.storage.postgres.database import Database

INTERVAL_S = 0.2
"""Time between two looks at one table, however many wait for it."""
HELD_S = 2.0
"""A session's leases that it does not know of are looked for so often, and whenever there is no other job."""
MAX_SESSIONS = 10_000
SLOW_S = 0.005
"""A look that takes longer has passed over many jobs that others took; or the machine is busy."""
PATIENCE_S = 0.25
"""What looks may take together that are all slow and follow each other: a busy machine lets a quick one through."""
TRUST_S = 1.0
TRUST_SHARE = 20
"""A place in the order of urgency is trusted for so long, and for so many times what it took to find."""


class Lookout:
    """Tells waiting workers when it is worth trying to reserve again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looks: dict[int, asyncio.Task[bool]] = {}
        self._starts: dict[int, tuple[Place, float]] = {}
        self._slow: dict[int, float] = {}  # what the slow looks at a table took since the last quick one
        self._held: dict[UUID, float] = {}

    def wants_held(self, session: UUID) -> bool:
        """Tell whether it is time to look for leases that a session does not know of; a moment later it is not."""
        now = time.monotonic()
        if now - self._held.get(session, -HELD_S) < HELD_S:
            return False
        if len(self._held) >= MAX_SESSIONS:
            self._held.clear()
        self._held[session] = now
        return True

    def start(self, table: Table) -> Place:
        """Give where to begin looking for jobs of a table that wait."""
        place, until = self._starts.get(table.id, (FIRST_PLACE, 0.0))
        return place if time.monotonic() < until else FIRST_PLACE

    def reached(self, table: Table, place: Place | None, seconds: float) -> None:
        """Take note of where the first job was that waits, and of how long it took to find from the beginning.

        Where that is slow each time, the next looks for a while begin there: jobs that become pending before that place
        are found when the while is over, or nothing is left behind it.
        """
        slow = self._slow.get(table.id, 0.0) + seconds if place is not None and seconds > SLOW_S else 0.0
        self._slow[table.id] = slow
        if place is not None and slow > PATIENCE_S:
            self._starts[table.id] = (place, time.monotonic() + max(TRUST_S, TRUST_SHARE * seconds))
        else:
            self._starts.pop(table.id, None)

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
