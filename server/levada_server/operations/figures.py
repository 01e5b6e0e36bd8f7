"""Count what the database holds, for people who watch over the server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.job_table import STATES
from levada_server.operations.caller import server_itself
from levada_server.storage.backup.attempts import last_success
from levada_server.storage.jobs.activity import count_queue
from levada_server.storage.jobs.job_rows import count_states
from levada_server.storage.jobs.worker_sessions import count_sessions

if TYPE_CHECKING:
    from datetime import datetime

    from levada_server.model.table import TableName
    from levada_server.operations.context import Engine
    from levada_server.storage.jobs.activity import Queue


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of things in the database.

    Args:
        jobs: The jobs of all tables, by state.
        queues: The work of each table that is computed.
        workers: The worker sessions that are alive.
        lost_workers: The worker sessions that fell silent within a day.
        backup_time: When the last complete backup ended; None if there is none.
    """

    jobs: dict[str, int]
    queues: dict[TableName, Queue]
    workers: int
    lost_workers: int
    backup_time: datetime | None


async def read_figures(engine: Engine, jobs: dict[str, int] | None = None) -> Figures:
    """Count, over one connection and one table after the other.

    Args:
        engine: The parts to work with.
        jobs: The jobs by state, if they are not to be counted again: that takes a while in large job tables.
    """
    view = await engine.gate.open(server_itself())
    tables = [table for table in view.catalog.tables.values() if table.tier.auto_populated]
    async with engine.scope.connection() as connection:
        if jobs is None:
            counted = Counter(dict.fromkeys(STATES, 0))
            for table in tables:
                counted.update((await count_states(connection, table, None)).states)
            jobs = dict(counted)
        queues = {table.name: await count_queue(connection, table) for table in tables}
        return Figures(jobs, queues, *await count_sessions(connection), await last_success(connection))
