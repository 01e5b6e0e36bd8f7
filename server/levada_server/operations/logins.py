"""Log in at the issuer of identities: an account there becomes a user here, who gets a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, Unauthenticated, Unsupported
from levada_server.issuer import SLOWER_S, Pending
from levada_server.jobs.signing import Login
from levada_server.operations.audit import entry
from levada_server.operations.request_ids import record
from levada_server.operations.users import LIFETIME, check_name, issue_token
from levada_server.storage.permissions import users as stored_users

if TYPE_CHECKING:
    from levada_server.issuer import Issuer, StartedLogin
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.permissions.id_tokens import Account
    from levada_server.storage.permissions.tokens import TokenSummary
    from levada_server.storage.postgres.database import Connection

LABEL = "login"


async def start_login(engine: Engine, caller: Caller) -> tuple[StartedLogin, str]:
    """Begin a login; return it, and the text by which `poll_login` knows it on any server of this database.

    Raises:
        Unsupported: This server has no issuer.
        Unavailable: The issuer does not answer.
        LimitReached: Too many users log in at this moment.
    """
    issuer = _issuer(engine)
    async with issuer.waiting(caller.identity.host):
        started = await issuer.start()
    return started, engine.signer.login(Login(started.device_code, started.nonce, started.interval_s))


async def poll_login(engine: Engine, caller: Caller, text: str) -> tuple[str, TokenSummary] | float:
    """Return a new token, as its text and the token, once the user has logged in; until then, the seconds to wait.

    Raises:
        Unsupported: This server has no issuer.
        InvalidRequest: The text is not from `start_login`.
        Unauthenticated: The issuer, or this server, refuses the user.
        Unavailable: The issuer does not answer.
        LimitReached: Too many users log in at this moment.
    """
    issuer = _issuer(engine)
    login = engine.signer.read_login(text)
    async with issuer.waiting(caller.identity.host):
        account = await issuer.poll(login.device_code, login.nonce)
    if isinstance(account, Pending):
        return login.interval_s + (SLOWER_S if account.slower else 0.0)
    async with engine.scope.transaction() as connection:
        user_id = await _user(connection, account, add=issuer.settings.add_users)
        secret, token = await issue_token(connection, user_id, LABEL, LIFETIME, None)
        made = entry(caller, account.name, new_token=token.id, expires=token.expires)
        await record(engine, connection, caller, made)
    await engine.gate.permissions.read()
    return secret, token


async def _user(connection: Connection, account: Account, *, add: bool) -> int:
    """Return the user that an account is, or becomes with its first login.

    Raises:
        Unauthenticated: There is none, or the user is disabled, or another account is that user.
    """
    found = await stored_users.find_account(connection, account.subject)
    if found is None:
        try:
            check_name(account.name)
        except InvalidRequest as error:
            raise Unauthenticated(f"You cannot log in here: {error.message}") from None
        if add:
            await stored_users.add_user(connection, account.name)
        found = await stored_users.claim_user(connection, account.name, account.subject)
    if found is None:
        raise Unauthenticated(
            f"You are {account.name} at the issuer, but no user of this name is free here. Ask an administrator: "
            f"`levada users add {account.name}` adds you; if another account was {account.name} before, "
            f"`levada users change {account.name} --forget-account` lets yours take its place."
        )
    if found.disabled:
        raise Unauthenticated(f"The user {found.name} is disabled here; ask an administrator.")
    return found.id


def _issuer(engine: Engine) -> Issuer:
    if engine.issuer is None:
        raise Unsupported("This server has no issuer of identities; ask an administrator for a token.")
    return engine.issuer
