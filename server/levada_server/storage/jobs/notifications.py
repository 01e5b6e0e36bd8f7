"""Wait for jobs: one look at a table at a time, shared by all callers that wait for it in this process."""

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
"""The time, in seconds, between two looks at one table, however many callers wait for it."""
MOST_LOOKS = 500
"""How many looks a process makes at most in a second; workers that wait for hundreds of tables find jobs later."""
HELD_S = 2.0
"""How often, in seconds, to look for leases that a session holds without knowing it; also if there is no other job."""
MAX_SESSIONS = 10_000
SLOW_S = 0.005
"""The time, in seconds, after which a look counts as slow: it passed many taken jobs, or the machine is busy."""
PATIENCE_S = 0.25
"""The most seconds of successive slow looks together; on a busy machine a quick look comes between them."""
TRUST_S = 1.0
TRUST_SHARE = 20
"""How long to trust a place in the order of urgency, in seconds and as a multiple of the time to find it."""


class Lookout:
    """Wakes waiting workers when it is worth trying to reserve again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looks: dict[int, asyncio.Task[None]] = {}
        self._waiting: dict[int, set[asyncio.Future[None]]] = {}
        self._starts: dict[int, tuple[Place, float]] = {}
        self._slow: dict[int, float] = {}  # the seconds of slow looks at a table since the last quick one
        self._held: dict[UUID, float] = {}
        self._turns: dict[int, int] = {}
        self._user_turns: dict[int | None, int] = {}
        self._turn_count = 0

    def last_turns(self, table: Table) -> tuple[int, int]:
        """Return the turns in which jobs were last leased of any table of its user, and of the table itself.

        The user is the one who declared it. A turn is a number that grows, 0 if there was none.
        """
        return self._user_turns.get(table.definer, 0), self._turns.get(table.id, 0)

    def took_turn(self, table: Table) -> None:
        """Record that jobs of a table were leased."""
        self._turn_count += 1
        self._turns[table.id] = self._user_turns[table.definer] = self._turn_count

    def wants_held(self, session: UUID) -> bool:
        """Return whether to look now for leases that a session does not know; it is False for a while afterwards."""
        now = time.monotonic()
        if now - self._held.get(session, -HELD_S) < HELD_S:
            return False
        if len(self._held) >= MAX_SESSIONS:
            self._held.clear()
        self._held[session] = now
        return True

    def start(self, table: Table) -> Place:
        """Return the place at which to begin to look for waiting jobs of a table."""
        place, until = self._starts.get(table.id, (FIRST_PLACE, 0.0))
        return place if time.monotonic() < until else FIRST_PLACE

    def reached(self, table: Table, place: Place | None, seconds: float) -> None:
        """Record the place of the first waiting job, and the time to find it from the beginning.

        If that is slow each time, the next looks begin at that place for a while. Jobs that become pending before it
        are found when the while is over, or when no job is left after it.
        """
        slow = self._slow.get(table.id, 0.0) + seconds if place is not None and seconds > SLOW_S else 0.0
        self._slow[table.id] = slow
        if place is not None and slow > PATIENCE_S:
            self._starts[table.id] = (place, time.monotonic() + max(TRUST_S, TRUST_SHARE * seconds))
        else:
            self._starts.pop(table.id, None)

    async def wait(self, tables: Sequence[Table], seconds: float) -> None:
        """Wait until one of the tables has a job to reserve, or the time is over.

        Looks that find nothing wake nobody, so waiting costs the same however many wait, and for how many tables.
        """
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for table in tables:
            self._waiting.setdefault(table.id, set()).add(woken)
            if table.id not in self._looks:
                self._looks[table.id] = asyncio.create_task(self._look(table))
        try:
            await asyncio.wait((woken,), timeout=max(seconds, 0.0))
            if woken.done():
                woken.result()
        finally:
            if not woken.cancel() and not woken.cancelled():
                woken.exception()  # if the waiter has left, nobody asks for it
            for table in tables:
                waiting = self._waiting[table.id]
                waiting.discard(woken)
                if not waiting:
                    del self._waiting[table.id]

    async def _look(self, table: Table) -> None:
        """Look at a table again and again, and wake all who wait for it once it has a job, until nobody waits."""
        try:
            while table.id in self._waiting:
                if await self._look_once(table):
                    self._wake(table, None)
                    return
        except Exception as error:  # noqa: BLE001  # the waiters raise it
            self._wake(table, error)
        finally:
            del self._looks[table.id]

    def _wake(self, table: Table, error: Exception | None) -> None:
        for woken in self._waiting.get(table.id, ()):
            if woken.done():
                continue
            if error is None:
                woken.set_result(None)
            else:
                woken.set_exception(error)

    async def _look_once(self, table: Table) -> bool:
        await asyncio.sleep(max(INTERVAL_S, len(self._looks) / MOST_LOOKS))
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(job_statement("jobs", "any_due", table)))

    async def close(self) -> None:
        """End the running looks."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
