"""The dashboard's port, and sessions of browsers instead of tokens."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from levada_server.errors import InvalidRequest, PermissionDenied, Unauthenticated
from levada_server.operations.audit import entry
from levada_server.operations.request_ids import record
from levada_server.permissions.permissions import REFUSED
from levada_server.permissions.tokens import CODE_BYTES, SECRET_BYTES, code_digest, session_digest, session_text
from levada_server.storage.permissions import browsers as stored_browsers

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Connection

CODE_LIFETIME = timedelta(seconds=60)
SESSION_LIFETIME = timedelta(hours=12)
MAX_CODES = 10
MAX_SESSIONS = 20
"""The most codes and sessions of one user by one token; the oldest give way to new ones."""
MAX_SESSIONS_OF_USER = 200
"""The most sessions of one user by all tokens; the oldest of the token that has the most give way."""
_SOCKET = "unix:"


class Door(Protocol):
    """The port of the dashboard."""

    async def open(self) -> str:
        """Open it unless it is open; return its address, with a `/` at its end."""
        ...

    @property
    def always_open(self) -> bool:
        """Return whether it is open for all users, and not only for the server's own."""
        ...


async def open_dashboard(engine: Engine, caller: Caller, door: Door) -> tuple[str, str]:
    """Return the address of the dashboard, and a code with which one browser signs in as the caller.

    Raises:
        PermissionDenied: The port is for the server's own user alone, and the caller came by another way than the
            private socket.
        Unavailable: No port can be opened.
    """
    engine.gate.rights(caller)
    identity = caller.identity
    here = identity.session_id is None and (identity.user_id is None or identity.address.startswith(_SOCKET))
    if not here and not door.always_open:
        raise PermissionDenied(
            "This server opens its dashboard for its own user alone. Run `levada dashboard` as that user on its "
            "machine, or let an administrator start it with `levada serve --web`."
        )
    url = await door.open()
    code = session_text(secrets.token_bytes(CODE_BYTES))
    digest = code_digest(code)
    assert digest is not None
    async with engine.scope.transaction() as connection:
        await stored_browsers.insert_code(
            connection, digest, identity.user_id, identity.token_id, CODE_LIFETIME, MAX_CODES
        )
        await record(engine, connection, caller, entry(caller, identity.user))
    return url, code


async def exchange_code(engine: Engine, caller: Caller, code: str) -> str:
    """Use a code up, and return the secret of a new session.

    Raises:
        Unauthenticated: The code was used, has expired, or never was.
    """
    digest, made = code_digest(code), None
    if digest is not None:
        async with engine.scope.transaction() as connection:
            owner = await stored_browsers.take_code(connection, digest)
            made = None if owner is None else await _begin_session(engine, connection, caller, *owner)
    if made is None:
        raise Unauthenticated("The code was used already, or has expired; `levada dashboard` makes another.")
    await engine.gate.permissions.read()
    return made


async def create_session(engine: Engine, caller: Caller) -> str:
    """Return the secret of a new session of the caller, which ends with the caller's token.

    Raises:
        InvalidRequest: The caller has no token.
    """
    engine.gate.rights(caller)
    identity = caller.identity
    if identity.token_id is None or identity.session_id is not None:
        raise InvalidRequest("A session takes the place of a token; send one in the header `authorization`.")
    async with engine.scope.transaction() as connection:
        made = await _begin_session(engine, connection, caller, identity.user_id, identity.token_id)
    if made is None:
        raise Unauthenticated(REFUSED)
    await engine.gate.permissions.read()
    return made


async def end_session(engine: Engine, caller: Caller) -> None:
    """End the session of the caller, if there is one."""
    engine.gate.rights(caller)
    identity = caller.identity
    if identity.session_id is None:
        return
    async with engine.scope.transaction() as connection:
        await stored_browsers.delete_session(connection, identity.session_id)
        await record(engine, connection, caller, entry(caller, identity.user))
    await engine.gate.permissions.read()


async def _begin_session(
    engine: Engine, connection: Connection, caller: Caller, user_id: int | None, token_id: UUID | None
) -> str | None:
    """Store a session in a transaction; return its secret, or None if its user or token is no longer valid."""
    secret = session_text(secrets.token_bytes(SECRET_BYTES))
    digest = session_digest(secret)
    assert digest is not None
    name = await stored_browsers.insert_session(
        connection, digest, user_id, token_id, SESSION_LIFETIME, MAX_SESSIONS, MAX_SESSIONS_OF_USER
    )
    if name is None:
        return None
    known = replace(caller, identity=replace(caller.identity, user=name, user_id=user_id, token_id=token_id))
    await record(engine, connection, caller, entry(known, name))
    return secret
