"""Tokens in PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.permissions.roles import Role
from levada_server.storage.permissions.grants import insert_grant
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from levada_server.permissions.rights import Grant
    from levada_server.storage.postgres.database import Connection

_SQL = statements("permissions")


@dataclass(frozen=True, slots=True)
class TokenSummary:
    """A token without its secret; a scope is a role, a schema, and a table or an empty text."""

    id: UUID
    user: str
    label: str
    created: datetime
    expires: datetime | None
    used: datetime | None
    scopes: tuple[tuple[Role, str, str], ...] | None


async def insert_token(
    connection: Connection,
    user_id: int,
    digest: bytes,
    label: str,
    lifetime: timedelta | None,
    scopes: Sequence[Grant] | None,
) -> UUID:
    """Add a token, in a transaction; return its id.

    Args:
        connection: The connection of the transaction.
        user_id: The user.
        digest: The digest of its text.
        label: The words of whoever made it.
        lifetime: None for one without an end.
        scopes: The most that it allows; None for all that its user may do.
    """
    id_: UUID = await connection.fetchval(_SQL["insert_token"], user_id, digest, label, scopes is not None, lifetime)
    for scope in scopes or ():
        await insert_grant(connection, scope, token_id=id_)
    return id_


async def list_tokens(connection: Connection, user_id: int | None, id_: UUID | None = None) -> list[TokenSummary]:
    """Return the valid tokens by id: those of a user, or one, or all."""
    rows = await connection.fetch(_SQL["list_tokens"], user_id, id_)
    scopes = defaultdict["UUID", list[tuple[Role, str, str]]](list)
    for row in await connection.fetch(_SQL["list_scopes"], [row["id"] for row in rows if row["scoped"]]):
        scopes[row["token_id"]].append((Role(row["role"]), row["schema"], row["table"]))
    return [
        TokenSummary(
            row["id"],
            row["user"],
            row["label"],
            row["create_time"],
            row["expire_time"],
            row["use_time"],
            tuple(scopes[row["id"]]) if row["scoped"] else None,
        )
        for row in rows
    ]


async def revoke_tokens(connection: Connection, user_id: int | None, id_: UUID | None) -> int:
    """Revoke all tokens, those of a user, or one, and end their sessions and uploads; return their number.

    All of them end every session of a browser.
    """
    count: int = await connection.fetchval(_SQL["revoke_tokens"], user_id, id_)
    return count


async def note_use(connection: Connection, used: Mapping[UUID, datetime]) -> None:
    """Note when some tokens were used last."""
    await connection.execute(_SQL["note_use"], list(used), list(used.values()))
