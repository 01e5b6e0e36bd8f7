"""All users, tokens and grants at one version, as the server keeps them in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from levada_server.errors import Unauthenticated
from levada_server.permissions.rights import EVERY_RIGHT, rights_of
from levada_server.permissions.tokens import session_digest, token_digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from levada_server.permissions.rights import Grant, Rights

REFUSED = "This call needs a valid token; log in with `levada login`, or ask an administrator for a token."
"""One text for all bad tokens: whether one is unknown, expired or revoked is for the log alone."""
NO_SESSION = "The browser's session has ended; sign in again, or run `levada dashboard`."
"""The same for sessions of browsers."""
ADMINISTRATOR_NAME = "administrator"
"""The name of whoever may open the server's private socket; no user can have it."""


@dataclass(frozen=True, slots=True)
class User:
    """A user who may call.

    Args:
        id: Never used again.
        name: The name; unique, also among disabled users.
        administrator: Whether the user may do everything.
        prefixes: The user may create schemas whose names begin with one of these.
        teams: The ids of the user's teams.
        grants: The grants to the user and to these teams.
    """

    id: int
    name: str
    administrator: bool = False
    prefixes: tuple[str, ...] = ()
    teams: frozenset[int] = frozenset()
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was not revoked.

    Args:
        id: Its id, which anybody may know.
        user_id: Its user.
        expire_time: The moment at which it ends; None for never.
        scope: The most that it allows; None for all that its user may do.
    """

    id: UUID
    user_id: int
    expire_time: datetime | None = None
    scope: tuple[Grant, ...] | None = None


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A session of a browser.

    Args:
        id: Its id, which anybody may know.
        user_id: Its user; None for an administrator who asked for it by the private socket.
        token_id: The token with which it ends, and whose scopes it has; None without one.
        expire_time: The moment at which it ends.
    """

    id: UUID
    user_id: int | None
    token_id: UUID | None
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls.

    Args:
        user: The user's name.
        user_id: The user; None for an administrator who came by the private socket, and for the server itself.
        token_id: The token; None without one.
        address: The address from which the call came, as the log has it.
        session_id: The session of the browser that calls; None for other clients.
        scoped: Whether the token has scopes.
    """

    user: str
    user_id: int | None = None
    token_id: UUID | None = None
    address: str = ""
    session_id: UUID | None = None
    scoped: bool = False

    @property
    def host(self) -> str:
        """Return the address without its port."""
        return self.address.rpartition(":")[0]

    @property
    def confined_to(self) -> UUID | None:
        """Return the token if it has scopes: its caller has only what was made with it, and not all of the user's."""
        return self.token_id if self.scoped else None


@dataclass(frozen=True)
class Permissions:
    """Users who may call, valid tokens and grants.

    Args:
        version: Increases with every change.
        users: By id, without disabled ones.
        tokens: By digest, without revoked ones and tokens of disabled users; with some that have expired, with which
            calls may still run.
        teams: The names of all teams by their ids.
        sessions: The sessions of browsers by digest, without those of disabled users and of revoked tokens; with some
            that have expired.
    """

    version: int
    users: Mapping[int, User]
    tokens: Mapping[bytes, Token]
    teams: Mapping[int, str] = field(default_factory=dict)
    sessions: Mapping[bytes, BrowserSession] = field(default_factory=dict)

    def identify(self, text: str, address: str, now: datetime) -> Identity:
        """Return who calls with a token.

        Args:
            text: The token.
            address: The address from which the call came.
            now: The present moment.

        Raises:
            Unauthenticated: The token is not valid.
        """
        digest = token_digest(text)
        token = None if digest is None else self.tokens.get(digest)
        if token is None:
            raise Unauthenticated(REFUSED)
        name = self.users[token.user_id].name
        identity = Identity(name, token.user_id, token.id, address, scoped=token.scope is not None)
        self.check(identity, now)
        return identity

    def identify_session(self, secret: str, address: str, now: datetime) -> Identity:
        """Return who calls from a browser.

        Args:
            secret: The secret in its cookie.
            address: The address from which the call came.
            now: The present moment.

        Raises:
            Unauthenticated: There is no such session, or it has ended.
        """
        digest = session_digest(secret)
        session = None if digest is None else self.sessions.get(digest)
        if session is None:
            raise Unauthenticated(NO_SESSION)
        name = ADMINISTRATOR_NAME if session.user_id is None else self.users[session.user_id].name
        token = None if session.token_id is None else self._tokens_by_id[session.token_id]
        scoped = token is not None and token.scope is not None
        identity = Identity(name, session.user_id, session.token_id, address, session.id, scoped)
        self.check(identity, now)
        return identity

    def check(self, identity: Identity, now: datetime | None) -> None:
        """Check that a caller may call, or go on with a call.

        Args:
            identity: The caller.
            now: The present moment; None for a call that goes on if the token or the session has only expired since.

        Raises:
            Unauthenticated: The user was disabled, or the token revoked or the session ended, or one has expired.
        """
        self.rights(identity)
        if now is None:
            return
        session = None if identity.session_id is None else self._sessions_by_id[identity.session_id]
        if session is not None and session.expire_time <= now:
            raise Unauthenticated(NO_SESSION)
        token = None if identity.token_id is None else self._tokens_by_id[identity.token_id]
        if token is not None and token.expire_time is not None and token.expire_time <= now:
            raise Unauthenticated(REFUSED)

    def signed_in(self, now: datetime) -> bool:
        """Return whether any browser has a session."""
        return any(session.expire_time > now for session in self.sessions.values())

    def rights(self, identity: Identity) -> Rights:
        """Return the rights of a caller now.

        Raises:
            Unauthenticated: The user was disabled, the token revoked, or the session ended, since the call began.
        """
        if identity.session_id is not None and identity.session_id not in self._sessions_by_id:
            raise Unauthenticated(NO_SESSION)
        if identity.user_id is None:
            return EVERY_RIGHT
        key = identity.user_id, identity.token_id
        found = self._rights.get(key)
        if found is None:
            found = self._rights[key] = self._derived(*key)
        return found

    def teams_of(self, identity: Identity) -> tuple[str, ...]:
        """Return the names of a caller's teams, in order."""
        user = None if identity.user_id is None else self.users.get(identity.user_id)
        return () if user is None else tuple(sorted(self.teams[id_] for id_ in user.teams))

    def _derived(self, user_id: int, token_id: UUID | None) -> Rights:
        user = self.users.get(user_id)
        token = None if token_id is None else self._tokens_by_id.get(token_id)
        if user is None or (token_id is not None and token is None):
            raise Unauthenticated(REFUSED)
        rights = EVERY_RIGHT if user.administrator else rights_of(user.grants, user.prefixes)
        return rights if token is None or token.scope is None else replace(rights, scope=rights_of(token.scope))

    @cached_property
    def _tokens_by_id(self) -> dict[UUID, Token]:
        return {token.id: token for token in self.tokens.values()}

    @cached_property
    def _sessions_by_id(self) -> dict[UUID, BrowserSession]:
        return {session.id: session for session in self.sessions.values()}

    @cached_property
    def _rights(self) -> dict[tuple[int, UUID | None], Rights]:
        """The rights already derived, because every call asks for some."""
        return {}
