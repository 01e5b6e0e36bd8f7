"""Codes and sessions of browsers in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.permissions.permissions import ADMINISTRATOR_NAME
from levada_server.storage.permissions.stored_permissions import KEPT
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from datetime import timedelta
    from uuid import UUID

    from levada_server.storage.postgres.database import Connection

_SQL = statements("permissions")


async def insert_code(
    connection: Connection,
    digest: bytes,
    user_id: int | None,
    token_id: UUID | None,
    lifetime: timedelta,
    most: int,
) -> None:
    """Add a code, in a transaction, and delete expired ones.

    Args:
        connection: The connection of the transaction.
        digest: The digest of its text.
        user_id: Its user; None for an administrator at the private socket.
        token_id: The token of the call that asked for it; None without one.
        lifetime: How long it is valid.
        most: The most codes of the user by this token; the oldest give way.
    """
    await connection.execute(_SQL["prune_codes"], user_id, token_id, most - 1)
    await connection.execute(_SQL["insert_code"], digest, user_id, token_id, lifetime)


async def take_code(connection: Connection, digest: bytes) -> tuple[int | None, UUID | None] | None:
    """Use a code up; return its user and token, or None if there is no valid one."""
    row = await connection.fetchrow(_SQL["take_code"], digest)
    return (row["user_id"], row["token_id"]) if row is not None and row["valid"] else None


async def insert_session(
    connection: Connection,
    digest: bytes,
    user_id: int | None,
    token_id: UUID | None,
    lifetime: timedelta,
    most: int,
    most_of_user: int,
) -> str | None:
    """Add a session, as `insert_code` adds a code, and return the name of its user.

    Args:
        connection: The connection of the transaction.
        digest: The digest of its secret.
        user_id: Its user; None for an administrator at the private socket.
        token_id: The token with which it began; None without one.
        lifetime: How long it is valid.
        most: The most sessions of the user by this token; the oldest give way.
        most_of_user: The most by all tokens; the oldest of the token that has the most give way.

    Returns:
        None, and there is no session, if the user was disabled or the token has ended.
    """
    await connection.execute(_SQL["prune_browser_sessions"], user_id, token_id, most, most_of_user - 1, KEPT)
    row = await connection.fetchrow(_SQL["insert_browser_session"], digest, user_id, token_id, lifetime)
    return None if row is None else row["name"] or ADMINISTRATOR_NAME


async def delete_session(connection: Connection, id_: UUID) -> None:
    """End a session."""
    await connection.execute(_SQL["delete_browser_session"], id_)
