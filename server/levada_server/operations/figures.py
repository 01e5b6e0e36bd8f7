"""Count what the database holds, for people who watch over the server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.model.job_table import STATES
from levada_server.operations.caller import server_itself
from levada_server.storage.backup.attempts import last_success
from levada_server.storage.jobs.job_rows import count_states
from levada_server.storage.jobs.worker_sessions import count_sessions

if TYPE_CHECKING:
    from datetime import datetime

    from levada_server.operations.context import Engine


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of things in the database.

    Args:
        jobs: The jobs of all tables, by state.
        workers: The worker sessions that are alive.
        lost_workers: The worker sessions that fell silent within a day.
        backup_time: When the last complete backup ended; None if there is none.
    """

    jobs: dict[str, int]
    workers: int
    lost_workers: int
    backup_time: datetime | None


async def read_figures(engine: Engine) -> Figures:
    """Count, over one connection and one table after the other; large job tables take a while."""
    view = await engine.gate.open(server_itself())
    jobs = Counter(dict.fromkeys(STATES, 0))
    async with engine.scope.connection() as connection:
        for table in view.catalog.tables.values():
            if table.tier.auto_populated:
                states, _ = await count_states(connection, table, None)
                jobs.update(states)
        return Figures(dict(jobs), *await count_sessions(connection), await last_success(connection))
