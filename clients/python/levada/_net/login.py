"""Log in to a server, and keep the token; at an issuer of identities if the server trusts one."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest, PreconditionFailed, Unauthenticated, Unsupported
from levada._base.prompt import choose, type_secret
from levada._base.text import in_notebook, tell
from levada._net.address import open_connection, use
from levada._net.credentials import Credential, keep_credential, parse_address
from levada._net.source import Source, find_source
from levada._net.transport import Transport
from levada._net.unverified import Unverified, ask_authority
from levada_api.v1 import access_service_pb2 as pb

if TYPE_CHECKING:
    from levada._net.connection import Connection

_TOKEN = "Type it, or pipe it in, as in `levada login host:port < token`; whoever runs the server makes it."
_CERTIFICATE = (
    "Nothing was sent. Log in at a terminal, or name a file with the authority as `certificates` in levada.toml."
)


def login(url: str | None = None) -> Connection:
    """Log in to a server, keep the token for its address, and make it the one that schemas use from now on.

    If the server trusts an issuer of identities, this shows the address of the issuer's page and a code, and waits
    until you have logged in there, in any browser. Otherwise it asks for a token. If this system does not know the
    authority of the server, it first shows its fingerprint, and sends nothing until you have confirmed it.

    Args:
        url: The server's address; None for the one that LEVADA_URL or `levada.toml` names, as for `connect`.

    Raises:
        Unauthenticated: The issuer, or the server, refuses the user; or the user took too long.
        Unavailable: The server, or the issuer, does not answer.
        InvalidRequest: No server is named, or the authority was not confirmed.
        PreconditionFailed: A question was not answered.
    """
    source = Source(url) if url else find_source()
    if source.url is None:
        raise InvalidRequest(
            'No server is named. Call levada.login("host:port"), or set LEVADA_URL, or name it in levada.toml.'
        )
    authority = None
    if source.certificates is not None:
        authority = Path(source.certificates).read_text(encoding="utf-8")
    elif parse_address(source.url).encrypted and (unknown := ask_authority(source.url)) is not None:
        authority = _trusted(source.url, unknown)
    token = _issued_token(source.url, authority) or _typed_token(source.url)
    connection = open_connection(source.url, token, authority=authority)
    try:
        caller = connection.call("AccessService/GetCaller", pb.GetCallerRequest(), pb.GetCallerResponse)
        keep_credential(source.url, Credential(token, authority))
    except BaseException:
        connection.close()
        raise
    use(connection)
    sys.stdout.write(f"You are {caller.user.name} at {source.url}; the token is kept for this address.\n")
    return connection


def _issued_token(address: str, authority: str | None) -> str | None:
    """Return a new token once the user has logged in; None if the server has no issuer."""
    transport = Transport(address, None, None if authority is None else authority.encode())
    try:
        try:
            started = transport.call("AccessService/StartLogin", pb.StartLoginRequest(), pb.StartLoginResponse)
        except Unsupported:
            return None
        _show_page(started)
        deadline = time.monotonic() + started.lifetime.ToTimedelta().total_seconds()
        pause = started.interval
        while time.monotonic() < deadline:
            time.sleep(pause.ToTimedelta().total_seconds())
            answer = transport.call(
                "AccessService/PollLogin", pb.PollLoginRequest(login=started.login), pb.PollLoginResponse
            )
            if answer.secret:
                return answer.secret
            pause = answer.interval
        raise Unauthenticated("The time to log in is over; begin again.")
    finally:
        transport.close()


def _show_page(started: pb.StartLoginResponse) -> None:
    page, code, direct = (
        "".join(filter(str.isprintable, text)) for text in (started.page, started.code, started.page_with_code)
    )
    tell(f"Log in at {page} in any browser, and type the code {code}.")
    if direct:
        tell(f"This address has the code typed in: {direct}")


def _typed_token(address: str) -> str:
    token = type_secret(f"Token for {address}", _TOKEN) if _somebody_types() else sys.stdin.readline()
    if not token.strip():
        raise PreconditionFailed(f"No token came. {_TOKEN}")
    return token.strip()


def _trusted(address: str, unknown: Unverified) -> str:
    """Return the certificate of an authority after the user has confirmed it.

    Raises:
        InvalidRequest: The user has not.
        PreconditionFailed: There is nobody to ask.
    """
    tell(
        f"No authority that this system trusts has signed the certificate of {address}. Its own authority is\n"
        f"  {unknown.name}\n  SHA-256 {unknown.fingerprint}\n"
        "Compare it with what `levada certificates` printed on the server."
    )
    question = "Trust it for this server?"
    if not _somebody_types():
        raise PreconditionFailed(f"Nobody can answer {question!r} here. {_CERTIFICATE}")
    if choose(question, ("yes", "no"), "no", _CERTIFICATE) != "yes":
        raise InvalidRequest("The certificate was not confirmed, and nothing was sent.")
    return unknown.pem


def _somebody_types() -> bool:
    """Return whether a person can answer: at a terminal, or in a notebook, whose questions have a way of their own."""
    return sys.stdin.isatty() or in_notebook()
