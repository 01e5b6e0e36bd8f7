"""Users, teams and tokens."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, NotFound, PermissionDenied
from levada_server.operations.audit import entry
from levada_server.operations.request_ids import once, record
from levada_server.permissions.permissions import ADMINISTRATOR_NAME
from levada_server.permissions.rights import Grant
from levada_server.permissions.roles import Action
from levada_server.permissions.tokens import SECRET_BYTES, token_digest, token_text
from levada_server.storage.permissions import grants as stored_grants
from levada_server.storage.permissions import tokens as stored_tokens
from levada_server.storage.permissions import users as stored_users

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from levada_server.model.audit import Entry
    from levada_server.model.table import TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.permissions.roles import Role
    from levada_server.storage.permissions.grants import GrantSummary
    from levada_server.storage.permissions.tokens import TokenSummary
    from levada_server.storage.permissions.users import UserSummary
    from levada_server.storage.postgres.database import Connection

LIFETIME = timedelta(days=30)
"""How long a token is valid if nobody says."""
LONGEST_LIFETIME = timedelta(days=366)
"""The longest lifetime of a token that a user makes without an administrator."""
RESERVED = (ADMINISTRATOR_NAME, "server", "nobody", "everyone")
"""Names that logs and errors use for callers who are not users."""
MAX_LABEL = 200
MAX_SCOPES = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@-]{0,63}")
_PREFIX = re.compile(r"(?:[a-z][a-z0-9_]{0,62})?")


async def get_caller(
    engine: Engine, caller: Caller
) -> tuple[UserSummary | None, list[GrantSummary], TokenSummary | None]:
    """Return the caller as a user, the caller's grants, and the token of the call.

    The user is None for an administrator who came by the private socket, and the token without one. A token with scopes
    learns nothing of what its user may do beyond them.
    """
    identity = caller.identity
    engine.gate.rights(caller)
    if identity.user_id is None:
        return None, [], None
    async with engine.scope.connection() as connection:
        users = await stored_users.list_users(connection, identity.user)
        grants = await stored_grants.list_grants(connection, user_id=identity.user_id)
        tokens = await stored_tokens.list_tokens(connection, identity.user_id, identity.token_id)
    token = tokens[0] if tokens else None
    if token is None or token.scopes is None:
        return users[0], grants, token
    within = [grant for grant in grants if _overlaps(grant, token.scopes)]
    return replace(users[0], administrator=False, prefixes=()), within, token


def _overlaps(grant: GrantSummary, scopes: Sequence[tuple[Role, str, str]]) -> bool:
    """Return whether a grant is on something that a token's scopes name, or on something around or within it."""
    return any(
        schema == grant.schema and (table == grant.table or "" in (table, grant.table)) for _, schema, table in scopes
    )


async def create_user(
    engine: Engine, caller: Caller, name: str, prefixes: Sequence[str], *, administrator: bool
) -> UserSummary:
    """Add a user, who can do nothing yet.

    Raises:
        AlreadyExists: There is a user of this name.
        InvalidRequest: The name is malformed or reserved.
    """
    engine.gate.admit_administrator(caller, "add users")
    check_name(name)
    check_prefixes(prefixes)

    async def work() -> UserSummary:
        async with engine.scope.transaction() as connection:
            await stored_users.insert_user(connection, name, prefixes, administrator=administrator)
            made = entry(caller, name, administrator=administrator or None, prefixes=prefixes or None)
            await record(engine, connection, caller, made)
            user = (await stored_users.list_users(connection, name))[0]
        await engine.gate.permissions.read()
        return user

    async def answer(_: bool) -> UserSummary:  # what was recorded
        async with engine.scope.connection() as connection:
            return (await stored_users.list_users(connection, name))[0]

    return await once(engine, caller, work, answer)


async def update_user(
    engine: Engine,
    caller: Caller,
    name: str,
    *,
    administrator: bool | None,
    prefixes: Sequence[str] | None,
    disabled: bool | None,
    forget_account: bool = False,
) -> UserSummary:
    """Change a user; None leaves a thing as it is. Disabling ends the user's calls, tokens and worker sessions.

    Args:
        engine: The parts to work with.
        caller: The caller.
        name: The user's name.
        administrator: Whether the user may do everything.
        prefixes: With which the names of the user's schemas begin.
        disabled: Whether the user may not call.
        forget_account: Whether another account at the issuer may become this user.

    Raises:
        NotFound: There is no such user.
    """
    engine.gate.admit_administrator(caller, "change users")
    check_prefixes(prefixes or ())
    async with engine.scope.transaction() as connection:
        await stored_users.update_user(
            connection,
            name,
            administrator=administrator,
            prefixes=prefixes,
            disabled=disabled,
            forget_account=forget_account,
        )
        user = (await stored_users.list_users(connection, name))[0]
        made = entry(caller, name, administrator=administrator, disabled=disabled, prefixes=prefixes)
        await record(engine, connection, caller, made)
    await engine.gate.permissions.read()
    return user


async def list_users(engine: Engine, caller: Caller) -> list[UserSummary]:
    """Return the users by name."""
    engine.gate.admit_administrator(caller, "list users")
    async with engine.scope.connection() as connection:
        return await stored_users.list_users(connection)


async def set_team(engine: Engine, caller: Caller, name: str, members: Sequence[str]) -> None:
    """Set the members of a team; without any it ends, and its grants with it.

    Raises:
        NotFound: There is no user of a member's name.
        InvalidRequest: The name is malformed.
    """
    engine.gate.admit_administrator(caller, "change teams")
    check_name(name)
    async with engine.scope.transaction() as connection:
        await stored_users.set_team(connection, name, members)
        await record(engine, connection, caller, entry(caller, f"team:{name}", members=list(members)))
    await engine.gate.permissions.read()


async def create_token(
    engine: Engine,
    caller: Caller,
    user: str,
    label: str,
    lifetime: timedelta | None,
    scopes: Sequence[tuple[Role, TableName]],
) -> tuple[str, TokenSummary]:
    """Make a token; return its text, which is kept nowhere, and the token.

    Args:
        engine: The parts to work with.
        caller: The caller.
        user: The user's name; empty for the caller.
        label: The words of whoever makes it.
        lifetime: How long it is valid; None for `LIFETIME`, zero for no end.
        scopes: The most that it allows, each for a table or, where the table's name is empty, for a schema; none for
            all that its user may do.

    Raises:
        NotFound: There is no such user.
        PermissionDenied: It is for another user, or without an end, and the caller is not an administrator; or the
            caller's own token has scopes.
        InvalidRequest: The lifetime or the label is out of bounds, or nobody is the caller.
    """
    view = await engine.gate.open(caller)
    name = user or caller.identity.user
    administers = view.rights.administers
    if view.rights.scope is not None:
        raise PermissionDenied("A token with scopes makes no further tokens; use one without, or ask an administrator.")
    if name != caller.identity.user and not administers:
        raise PermissionDenied(f"{caller.identity.user} may not make tokens for {name}; only administrators may.")
    if len(label) > MAX_LABEL or len(scopes) > MAX_SCOPES:
        raise InvalidRequest(f"A token has a label of at most {MAX_LABEL} characters and at most {MAX_SCOPES} scopes.")
    granted = [_granted(view, role, table) for role, table in scopes] or None
    async with engine.scope.transaction() as connection:
        user_id = await stored_users.find_user(connection, name)
        valid = _lifetime(lifetime, administers=administers)
        secret, token = await issue_token(connection, user_id, label, valid, granted)
        limits = [f"{role.value}:{table}" for role, table in scopes] or None
        made = entry(caller, name, new_token=token.id, expires=token.expires, scopes=limits)
        await record(engine, connection, caller, made)
    await engine.gate.permissions.read()
    return secret, token


async def issue_token(
    connection: Connection, user_id: int, label: str, lifetime: timedelta | None, scopes: Sequence[Grant] | None
) -> tuple[str, TokenSummary]:
    """Make a token in a transaction, as `insert_token` stores it; return its text and the token."""
    secret = token_text(secrets.token_bytes(SECRET_BYTES))
    digest = token_digest(secret)
    assert digest is not None
    id_ = await stored_tokens.insert_token(connection, user_id, digest, label, lifetime, scopes)
    return secret, (await stored_tokens.list_tokens(connection, user_id, id_))[0]


def _lifetime(lifetime: timedelta | None, *, administers: bool) -> timedelta | None:
    if lifetime is None:
        return LIFETIME
    if lifetime == timedelta(0):
        if not administers:
            raise PermissionDenied("Only administrators make tokens without an end.")
        return None
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise InvalidRequest(f"A token is valid for at most {LONGEST_LIFETIME.days} days.", field="lifetime")
    return lifetime


async def list_tokens(engine: Engine, caller: Caller) -> list[TokenSummary]:
    """Return the valid tokens that the caller may revoke: one's own, and those of all users for an administrator."""
    rights = engine.gate.rights(caller)
    async with engine.scope.connection() as connection:
        return await stored_tokens.list_tokens(
            connection, None if rights.administers else caller.identity.user_id, caller.identity.confined_to
        )


async def revoke_tokens(engine: Engine, caller: Caller, *, user: str, id_: UUID | None, everybody: bool) -> int:
    """Revoke one token, those of a user, or those of everybody; return their number.

    Raises:
        NotFound: There is no such user, or no such token of the caller.
        InvalidRequest: Nothing is chosen, or more than one thing.
        PermissionDenied: They are not the caller's own, and the caller is not an administrator; or the caller's token
            has scopes, and so ends no token but itself.
    """
    if (user != "") + (id_ is not None) + everybody != 1:
        raise InvalidRequest("Choose one of `id`, `user` and `all`.")
    administers = engine.gate.rights(caller).administers
    if (everybody or user not in ("", caller.identity.user)) and not administers:
        raise PermissionDenied(f"{caller.identity.user} may not revoke tokens of others; only administrators may.")
    confined_to = caller.identity.confined_to
    if user and confined_to is not None:
        raise PermissionDenied("A token with scopes revokes only itself, by its id; use one without.")
    async with engine.scope.transaction() as connection:
        if user:
            owner: int | None = await stored_users.find_user(connection, user)
        else:
            owner = None if administers else caller.identity.user_id
        mine = id_ is None or confined_to in (None, id_)
        count = await stored_tokens.revoke_tokens(connection, owner, id_) if mine else 0
        made = entry(caller, user or id_ or "everybody", tokens=count) if count else None
        await record(engine, connection, caller, made)
    if id_ is not None and count == 0:
        raise NotFound("There is no valid token with this id; `levada tokens list` lists them.")
    await engine.gate.permissions.read()
    return count


async def grant_role(engine: Engine, caller: Caller, grantee: str, role: Role, table: TableName) -> None:
    """Grant a role to a user or a team.

    Args:
        engine: The parts to work with.
        caller: The caller.
        grantee: A user's name, or `team:NAME`.
        role: The role.
        table: The table; with an empty name, the schema.

    Raises:
        NotFound: There is no such user or team.
        UnknownTable: There is no such table.
        PermissionDenied: The caller does not own it.
    """
    view = await engine.gate.open(caller)
    grant = _granted(view, role, table, Action.GRANT)
    async with engine.scope.transaction() as connection:
        user_id, team_id = await _grantee(connection, grantee)
        await stored_grants.insert_grant(connection, grant, user_id=user_id, team_id=team_id)
        await record(engine, connection, caller, _of_grant(caller, grantee, role, table))
    await engine.gate.permissions.read()


async def revoke_role(engine: Engine, caller: Caller, grantee: str, role: Role, table: TableName) -> None:
    """Take a role back, as `grant_role` grants it; nothing happens if it was not granted.

    Raises:
        LevadaError: As by `grant_role`.
    """
    view = await engine.gate.open(caller)
    grant = _granted(view, role, table, Action.GRANT)
    async with engine.scope.transaction() as connection:
        user_id, team_id = await _grantee(connection, grantee)
        await stored_grants.delete_grant(connection, grant, user_id, team_id)
        await record(engine, connection, caller, _of_grant(caller, grantee, role, table))
    await engine.gate.permissions.read()


def _of_grant(caller: Caller, grantee: str, role: Role, table: TableName) -> Entry:
    return entry(caller, table if table.table else table.schema, grantee=grantee, role=role.value)


async def list_grants(engine: Engine, caller: Caller, schema: str) -> list[GrantSummary]:
    """Return the grants on a schema and its tables.

    Raises:
        UnknownSchema: There is no such schema.
        PermissionDenied: The caller does not own it.
    """
    (await engine.gate.open(caller)).admit_to_schema(Action.GRANT, schema)
    async with engine.scope.connection() as connection:
        return await stored_grants.list_grants(connection, schema=schema)


def _granted(view: View, role: Role, table: TableName, action: Action = Action.DESCRIBE) -> Grant:
    """Return a grant on a table or schema on which the caller may do an action."""
    if not table.table:
        view.admit_to_schema(action, table.schema)
        return Grant(role, table.schema)
    found = view.table(action, table)
    if found.name.master is not None:
        raise InvalidRequest(f"`{found.name}` is a part; its master's roles hold for it.", table=found.name)
    return Grant(role, found.name.schema, found.id)


async def _grantee(connection: Connection, grantee: str) -> tuple[int | None, int | None]:
    kind, colon, name = grantee.partition(":")
    if colon and kind == "team":
        return None, await stored_users.find_team(connection, name)
    return await stored_users.find_user(connection, grantee), None


def check_name(name: str) -> None:
    """Refuse a name that no user or team may have.

    Raises:
        InvalidRequest: The name is malformed or reserved.
    """
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise InvalidRequest(
            f"{name!r} cannot name a user or team: a name takes at most 64 letters, digits and `_ . @ -`, and begins "
            f"with a letter; {', '.join(RESERVED)} are taken.",
            field="name",
        )


def check_prefixes(prefixes: Sequence[str]) -> None:
    """Refuse a prefix with which no schema's name can begin.

    Raises:
        InvalidRequest: One is malformed.
    """
    for prefix in prefixes:
        if not _PREFIX.fullmatch(prefix):
            raise InvalidRequest(
                f"No name of a schema begins with {prefix!r}; use small letters, digits and `_`.",
                field="schema_prefixes",
            )
