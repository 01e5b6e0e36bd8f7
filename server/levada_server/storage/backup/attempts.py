"""Record the backups that were made or tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from datetime import datetime

    from levada_server.storage.postgres.database import Connection, Database

_SQL = statements("backup")


async def record_attempt(database: Database, trouble: str = "") -> None:
    """Record that a backup is complete, or why it is not."""
    async with database.connection() as connection:
        await connection.execute(_SQL["insert_attempt"], trouble)


async def last_success(connection: Connection) -> datetime | None:
    """Return when the last complete backup ended; None if there is none."""
    ended: datetime | None = await connection.fetchval(_SQL["last_success"])
    return ended
