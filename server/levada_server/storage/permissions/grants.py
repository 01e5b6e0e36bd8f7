"""Grants of roles in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.permissions.roles import Role
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from levada_server.permissions.rights import Grant
    from levada_server.storage.postgres.database import Connection

_SQL = statements("permissions")


@dataclass(frozen=True, slots=True)
class GrantSummary:
    """A grant; its grantee is a user's name or `team:NAME`, and its table may be empty."""

    grantee: str
    role: Role
    schema: str
    table: str
    created: datetime


async def insert_grant(
    connection: Connection,
    grant: Grant,
    *,
    user_id: int | None = None,
    team_id: int | None = None,
    token_id: UUID | None = None,
) -> None:
    """Grant a role to one of these three; nothing happens if it was granted before."""
    await connection.execute(
        _SQL["insert_grant"], user_id, team_id, token_id, grant.role.value, grant.schema, grant.table_id
    )


async def delete_grant(connection: Connection, grant: Grant, user_id: int | None, team_id: int | None) -> None:
    """Take a role back from a user or a team; nothing happens if it was not granted."""
    await connection.execute(_SQL["delete_grant"], user_id, team_id, grant.role.value, grant.schema, grant.table_id)


async def list_grants(
    connection: Connection, *, schema: str | None = None, user_id: int | None = None
) -> list[GrantSummary]:
    """Return the grants on a schema, or those of a user and the user's teams."""
    return [
        GrantSummary(row["grantee"], Role(row["role"]), row["schema"], row["table"], row["create_time"])
        for row in await connection.fetch(_SQL["list_grants"], schema, user_id)
    ]
