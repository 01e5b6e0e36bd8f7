"""Let a second role in, which uses the tables and changes none of their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.query.sql import quote_name
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from levada_server.storage.postgres.database import Database

_SQL = statements("roles")
_OWN_SCHEMAS = ("levada", "levada_functions", "levada_jobs")
MAINTAIN_SINCE = 17
"""The release of PostgreSQL in which statistics got a privilege of their own."""


async def let_in(database: Database) -> None:
    """Grant the role of calls what it needs in tables of the owner, now and later; nothing if they are one role.

    It may add to the audit, and not change it: a mistake in a statement of the server then changes neither tables nor
    what is on record.
    """
    async with database.connection() as connection:
        role = await connection.fetchval(_SQL["role"])
    async with database.share("declarations").transaction() as connection:
        if await connection.fetchval(_SQL["role"]) == role:
            return
        schemas = [*_OWN_SCHEMAS, *(row["name"] for row in await connection.fetch(_SQL["schemas"]))]
        parts = [row["name"] for row in await connection.fetch(_SQL["audit_parts"])]
        major = int(database.postgresql_version.partition(".")[0])
        await connection.execute(
            fill(
                _SQL["let_in"],
                role=quote_name(role),
                schemas=", ".join(map(quote_name, schemas)),
                maintain=", MAINTAIN" if major >= MAINTAIN_SINCE else "",
                parts=", ".join(parts),
            )
        )
