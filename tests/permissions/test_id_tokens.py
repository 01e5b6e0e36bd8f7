"""ID tokens of an issuer: good ones, and bad ones of many kinds."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from levada_server.errors import Unauthenticated
from levada_server.permissions.id_tokens import (
    BadIdTokenError,
    IssuerSettings,
    key_id,
    read_account,
    read_id_token,
)

URL = "https://id.example.org"
SETTINGS = IssuerSettings(URL, "levada")
NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
SECONDS = int(NOW.timestamp())
KEY = ECKey.generate_key("P-256", {"kid": "one"})
OTHER = ECKey.generate_key("P-256", {"kid": "one"})
CLAIMS = {
    "iss": URL,
    "aud": "levada",
    "sub": "7f3a",
    "exp": SECONDS + 300,
    "iat": SECONDS,
    "nonce": "n",
    "preferred_username": "anna",
}


def signed(key: ECKey = KEY, *, headers: dict[str, object] | None = None, **claims: object) -> str:
    """Sign a token; a claim that is None is left out."""
    content = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": "one", **(headers or {})}, content, key)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def segment(content: object) -> str:
    return encoded(json.dumps(content).encode())


def forged(headers: dict[str, object], content: object = CLAIMS) -> str:
    """Sign any headers and any content with the issuer's key."""
    said = f"{segment(headers)}.{segment(content)}"
    return f"{said}.{encoded(JWSRegistry.algorithms['ES256'].sign(said.encode(), KEY))}"


def with_secret(secret: bytes) -> str:
    said = f"{segment({'alg': 'HS256', 'kid': 'one'})}.{segment(CLAIMS)}"
    return f"{said}.{encoded(hmac.digest(secret, said.encode(), 'sha256'))}"


def read(text: str, **settings: Any) -> str:  # noqa: ANN401  # fields of the settings
    """Return the name of the account of a token."""
    chosen = IssuerSettings(URL, "levada", **settings)
    key_id(text)
    return read_account(read_id_token(text, KEY, chosen, "n", NOW), chosen).name


GOOD = forged({"alg": "ES256", "kid": "one"})
PUBLIC = KEY.as_pem(private=False)
BAD = {
    "no algorithm": f"{segment({'alg': 'none', 'kid': 'one'})}.{GOOD.split('.')[1]}.",
    "the public key as a secret": with_secret(PUBLIC),
    "another algorithm": jwt.encode({"alg": "RS256", "kid": "one"}, CLAIMS, RSAKey.generate_key(2048)),
    "another's key": signed(OTHER),
    "another issuer": signed(iss="https://evil.example.org"),
    "a longer issuer": signed(iss=f"{URL}/"),
    "another audience": signed(aud="else"),
    "no audience": signed(aud=None),
    "no algorithm, signed": forged({"alg": "none", "kid": "one"}),
    "several audiences without a party": signed(aud=["levada", "else"]),
    "another party": signed(azp="else"),
    "expired": signed(exp=SECONDS - 61),
    "no end": signed(exp=None),
    "an end that is a text": signed(exp="never"),
    "not yet valid": signed(nbf=SECONDS + 61),
    "issued in the future": signed(iat=SECONDS + 61),
    "another nonce": signed(nonce="m"),
    "no subject": signed(sub=None),
    "a number as the subject": signed(sub=7),
    "other claims": f"{GOOD.split('.')[0]}.{segment({**CLAIMS, 'preferred_username': 'ben'})}.{GOOD.split('.')[2]}",
    "cut": GOOD[:-4],
    "no signature": GOOD.rpartition(".")[0],
    "five parts": f"{GOOD}.a.b",
    "another kind": forged({"alg": "ES256", "kid": "one", "typ": "logout+jwt"}),
    "an algorithm that is a list": forged({"alg": ["ES256"], "kid": "one"}),
    "a critical header": forged({"alg": "ES256", "kid": "one", "crit": ["x"], "x": 1}),
    "a key's id that is a number": forged({"alg": "ES256", "kid": 1}),
    "rubbish": "a.b.c",
    "empty": "",
    "claims that are a list": forged({"alg": "ES256", "kid": "one"}, [1]),
}


def test_a_good_token_names_its_account() -> None:
    assert read(GOOD) == "anna"
    assert read(signed(nonce=None)) == "anna"  # the device grant has no nonce
    assert read(signed(aud=["levada", "else"], azp="levada")) == "anna"
    assert read(signed(exp=SECONDS - 59, nbf=SECONDS + 59)) == "anna"


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_is_refused(kind: str) -> None:
    with pytest.raises(BadIdTokenError):
        read(BAD[kind])


def test_only_the_group_may_log_in() -> None:
    assert read(signed(groups=["lab", "all"]), group="lab") == "anna"
    assert read(signed(memberOf="lab"), group="lab", group_claim="memberOf") == "anna"
    for groups in (None, [], ["labs"], "labs", {"lab": 1}):
        with pytest.raises(Unauthenticated, match="not in the group"):
            read(signed(groups=groups), group="lab")


def test_an_address_counts_only_if_it_is_verified() -> None:
    address = "anna@lab.example.org"
    assert read(signed(email=address, email_verified=True), user_claim="email") == address
    for verified in (None, False, "false", 1):
        with pytest.raises(Unauthenticated, match="has not verified"):
            read(signed(email=address, email_verified=verified), user_claim="email")


@pytest.mark.parametrize("name", [None, "", 7, ["anna"]])
def test_an_account_has_a_name(name: object) -> None:
    with pytest.raises(Unauthenticated, match="preferred_username"):
        read(signed(preferred_username=name))
