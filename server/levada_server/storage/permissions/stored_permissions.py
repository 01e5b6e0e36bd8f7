"""Read all users, tokens and grants."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from levada_server.permissions.permissions import BrowserSession, Permissions, Token, User
from levada_server.permissions.rights import Grant
from levada_server.permissions.roles import Role
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.storage.postgres.database import Connection

_SQL = statements("permissions")
KEPT = timedelta(days=1)
"""How long tokens and sessions that have expired are known, so that calls which began before go on."""


async def read_version(connection: Connection) -> int:
    """Return the version of the permissions."""
    version: int = await connection.fetchval(_SQL["read_version"])
    return version


async def read_permissions(connection: Connection) -> Permissions:
    """Read the permissions, in a transaction that sees one state of the database."""
    version = await read_version(connection)
    to_users, to_teams = defaultdict[int, list[Grant]](list), defaultdict[int, list[Grant]](list)
    scopes = defaultdict["UUID", list[Grant]](list)
    for row in await connection.fetch(_SQL["read_grants"]):
        grant = Grant(Role(row["role"]), row["schema"], row["table_id"])
        if row["user_id"] is not None:
            to_users[row["user_id"]].append(grant)
        elif row["team_id"] is not None:
            to_teams[row["team_id"]].append(grant)
        else:
            scopes[row["token_id"]].append(grant)
    users = {
        row["id"]: User(
            row["id"],
            row["name"],
            row["administrator"],
            tuple(row["prefixes"]),
            frozenset(row["teams"]),
            (*to_users[row["id"]], *(grant for team in row["teams"] for grant in to_teams[team])),
        )
        for row in await connection.fetch(_SQL["read_users"])
    }
    tokens = {
        row["digest"]: Token(
            row["id"], row["user_id"], row["expire_time"], tuple(scopes[row["id"]]) if row["scoped"] else None
        )
        for row in await connection.fetch(_SQL["read_tokens"], KEPT)
    }
    teams = {row["id"]: row["name"] for row in await connection.fetch(_SQL["read_teams"])}
    sessions = {
        row["digest"]: BrowserSession(row["id"], row["user_id"], row["token_id"], row["expire_time"])
        for row in await connection.fetch(_SQL["read_browser_sessions"], KEPT)
    }
    return Permissions(version, users, tokens, teams, sessions)
