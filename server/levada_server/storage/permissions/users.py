"""Users and teams in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from levada_server.errors import AlreadyExists, NotFound
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from levada_server.storage.postgres.database import Connection

_SQL = statements("permissions")


@dataclass(frozen=True, slots=True)
class UserSummary:
    """A user as administrators see one."""

    name: str
    administrator: bool
    prefixes: tuple[str, ...]
    disabled: bool
    created: datetime
    teams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountUser:
    """The user that an account at the issuer is."""

    id: int
    name: str
    disabled: bool


async def list_users(connection: Connection, name: str | None = None) -> list[UserSummary]:
    """Return all users by name, or one."""
    return [
        UserSummary(
            row["name"],
            row["administrator"],
            tuple(row["prefixes"]),
            row["disabled"],
            row["create_time"],
            tuple(row["teams"]),
        )
        for row in await connection.fetch(_SQL["list_users"], name)
    ]


async def insert_user(connection: Connection, name: str, prefixes: Sequence[str], *, administrator: bool) -> None:
    """Add a user.

    Raises:
        AlreadyExists: There is one of this name, perhaps disabled.
    """
    try:
        await connection.execute(_SQL["insert_user"], name, administrator, list(prefixes))
    except asyncpg.UniqueViolationError:
        raise AlreadyExists(f"There is a user {name} already, who may be disabled.", user=name) from None


async def update_user(
    connection: Connection,
    name: str,
    *,
    administrator: bool | None,
    prefixes: Sequence[str] | None,
    disabled: bool | None,
    forget_account: bool,
) -> None:
    """Change a user; None leaves a thing as it is. Disabling ends the user's worker sessions.

    Raises:
        NotFound: There is no such user.
    """
    id_ = await connection.fetchval(
        _SQL["update_user"],
        name,
        administrator,
        None if prefixes is None else list(prefixes),
        disabled,
        forget_account,
    )
    if id_ is None:
        raise unknown_user(name)
    if disabled:
        await connection.execute(_SQL["end_sessions_of"], id_)


async def find_user(connection: Connection, name: str) -> int:
    """Return the id of a user.

    Raises:
        NotFound: There is no such user.
    """
    id_: int | None = await connection.fetchval(_SQL["find_user"], name)
    if id_ is None:
        raise unknown_user(name)
    return id_


async def find_account(connection: Connection, subject: str) -> AccountUser | None:
    """Return the user that an account is; None if it is none yet."""
    row = await connection.fetchrow(_SQL["find_account"], subject)
    return None if row is None else AccountUser(row["id"], row["name"], row["disabled"])


async def claim_user(connection: Connection, name: str, subject: str) -> AccountUser | None:
    """Make an account the user of a name; None if there is no such user, or another account is that user."""
    row = await connection.fetchrow(_SQL["claim_user"], name, subject)
    return None if row is None else AccountUser(row["id"], row["name"], row["disabled"])


async def add_user(connection: Connection, name: str) -> None:
    """Add a user who can do nothing yet, unless there is one of this name."""
    await connection.execute(_SQL["add_user"], name)


async def find_team(connection: Connection, name: str) -> int:
    """Return the id of a team.

    Raises:
        NotFound: There is no such team.
    """
    id_: int | None = await connection.fetchval(_SQL["find_team"], name)
    if id_ is None:
        raise NotFound(f"There is no team {name}.", team=name)
    return id_


async def set_team(connection: Connection, name: str, members: Iterable[str]) -> None:
    """Set the members of a team; without any it ends.

    Raises:
        NotFound: There is no user of a member's name.
    """
    ids = [await find_user(connection, member) for member in members]
    if not ids:
        await connection.execute(_SQL["delete_team"], name)
        return
    team = await connection.fetchval(_SQL["insert_team"], name)
    await connection.execute(_SQL["set_members"], team, ids)


def unknown_user(name: str) -> NotFound:
    """Return the error for a name that no user has."""
    return NotFound(f"There is no user {name}; `levada users list` lists them.", user=name)
