"""ID tokens of an issuer of identities (OpenID Connect): whose they are, if they are good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from levada_server.errors import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from joserfc.jwk import Key

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that only the issuer can make: no `none`, and no algorithm whose secret the issuer shares."""
LEEWAY_S = 60
"""How far the clocks of the issuer and of this server may differ."""
MAX_SUBJECT = 255
_SEGMENTS = 3
_EMAIL = "email"


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """The issuer that a server trusts, and what becomes of its accounts.

    Args:
        url: Its identifier; `/.well-known/openid-configuration` below it describes it.
        client_id: As what the server is registered there.
        client_secret: The secret of that registration; None for a public client.
        user_claim: The claim that names the user.
        group: The group to which the user must belong; None for any account.
        group_claim: The claim that lists the groups.
        add_users: Whether a user who is unknown here is added, without any role; else such a user is refused.
    """

    url: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    user_claim: str = "preferred_username"
    group: str | None = None
    group_claim: str = "groups"
    add_users: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """An account at an issuer that may log in.

    Args:
        subject: The issuer and its name for the account, which is never given to another.
        name: The name that the account has now.
    """

    subject: str
    name: str


class BadIdTokenError(Exception):
    """An ID token that is not good; the text says why, for the log."""


def key_id(text: str) -> str | None:
    """Return the id of the key with which an ID token says it is signed; None if it names none.

    Raises:
        BadIdTokenError: It is not a signed token.
    """
    found = _headers(text).get("kid")
    if found is not None and not isinstance(found, str):
        raise BadIdTokenError("the key's id is not a text")
    return found


def read_id_token(
    text: str, key: Key, settings: IssuerSettings, nonce: str, now: datetime
) -> Mapping[str, Any]:  # Any: claims are JSON
    """Check an ID token, and return its claims.

    Args:
        text: The token.
        key: The issuer's key of `key_id`.
        settings: The issuer.
        nonce: The text that went with the request; the issuer repeats it if it knows that parameter.
        now: The present moment.

    Raises:
        BadIdTokenError: It is not good.

    Source: OpenID Connect Core 1.0, section 3.1.3.7.
    """
    headers = _headers(text)
    algorithm = headers.get("alg")
    if algorithm not in ALGORITHMS:
        raise BadIdTokenError("its algorithm is not one of " + ", ".join(ALGORITHMS))
    if key.alg is not None and key.alg != algorithm:
        raise BadIdTokenError("its algorithm is not the key's")
    if str(headers.get("typ", "JWT")).upper() != "JWT":
        raise BadIdTokenError("it is a token of another kind")
    registry = jwt.JWTClaimsRegistry(
        int(now.timestamp()),
        LEEWAY_S,
        iss={"essential": True, "value": settings.url},
        aud={"essential": True, "value": settings.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        # Only the algorithms of a key of its type can be chosen: a public key is never taken for a shared secret.
        claims = jwt.decode(text, key, algorithms=list(ALGORITHMS)).claims
        registry.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise BadIdTokenError(f"{type(error).__name__}: {error}") from None
    audiences = claims["aud"]
    several = isinstance(audiences, list) and len(audiences) > 1
    if claims.get("azp", None if several else settings.client_id) != settings.client_id:
        raise BadIdTokenError("it was issued to another client")
    if claims.get("nonce", nonce) != nonce:
        raise BadIdTokenError("it answers another request")
    return claims


def read_account(claims: Mapping[str, Any], settings: IssuerSettings) -> Account:  # Any: as above
    """Return the account of an ID token.

    Args:
        claims: As `read_id_token` returns them.
        settings: The issuer.

    Raises:
        Unauthenticated: The account has no name, or is not in the group.
    """
    if settings.group is not None:
        groups = claims.get(settings.group_claim, ())
        if settings.group not in (groups if isinstance(groups, list) else [groups]):
            raise Unauthenticated("Your account is not in the group that may log in here; ask an administrator.")
    subject, name = claims["sub"], claims.get(settings.user_claim)
    if not 0 < len(subject) <= MAX_SUBJECT or not isinstance(name, str) or not name:
        raise Unauthenticated(f"Your account has no `{settings.user_claim}`, by which users log in here.")
    if settings.user_claim == _EMAIL and claims.get("email_verified") is not True:
        raise Unauthenticated("The issuer has not verified your account's e-mail address, by which users log in here.")
    return Account(f"{settings.url} {subject}", name)


def _headers(text: str) -> Mapping[str, Any]:  # Any: as above
    """Return what a token says of itself before its signature is checked."""
    try:
        if text.count(".") != _SEGMENTS - 1:
            raise BadIdTokenError("it does not have three parts")
        return jws.extract_compact(text.encode()).headers()
    except (JoseError, ValueError, TypeError) as error:
        raise BadIdTokenError(f"{type(error).__name__}: {error}") from None
