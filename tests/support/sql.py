"""Statements on a test's database, run by somebody who is not the server."""

from __future__ import annotations

import asyncio

import asyncpg

WORKERS_ARE_SILENT = "UPDATE levada.worker_session SET expire_time = clock_timestamp() - interval '1 h'"
"""As if no worker had renewed its leases for long."""
WORKERS_HAVE_ENDED = "DELETE FROM levada.worker_session RETURNING id"
"""As if all workers had ended; others may take their jobs at once."""


def run(database_url: str, statement: str) -> list[asyncpg.Record]:
    """Run a statement and return its rows."""

    async def connect_and_run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database_url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return asyncio.run(connect_and_run())
