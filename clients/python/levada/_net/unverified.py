"""Look at the certificate of a server whose authority this system does not know, before anything is sent to it."""

from __future__ import annotations

import hashlib
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from levada._base.errors import InvalidRequest, Unavailable
from levada._net.credentials import parse_address

_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Unverified:
    """The certificate of an authority that nobody has vouched for.

    Args:
        pem: The certificate.
        name: Whose it is, as it says itself.
        fingerprint: Its SHA-256, in pairs of hexadecimal digits.
    """

    pem: str
    name: str
    fingerprint: str


def ask_authority(address: str) -> Unverified | None:
    """Return the certificate of a server's authority; None if this system trusts it already.

    Raises:
        Unavailable: No server answers by TLS.
        InvalidRequest: The server does not send the certificate of its authority.
    """
    host, _, port = parse_address(address).places[0].rpartition(":")
    host = host.strip("[]")
    try:
        if _is_trusted(host, int(port)):
            return None
        chain = _chain(host, int(port))
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(f"No server answers at {address} by TLS ({error}).") from None
    last = chain[-1]
    if len(chain) < 2:  # the server's own, and its authority's
        raise InvalidRequest(
            f"{address} sends no certificate of its authority; ask its administrator for the file, and name it by "
            "`certificates`."
        )
    digest = hashlib.sha256(last).hexdigest().upper()
    pairs = ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
    return Unverified(ssl.DER_cert_to_PEM_cert(last), f"the authority of {host}", pairs)


def _is_trusted(host: str, port: int) -> bool:
    context = ssl.create_default_context()
    try:
        with socket.create_connection((host, port), _SECONDS) as raw, context.wrap_socket(raw, server_hostname=host):
            return True
    except ssl.SSLCertVerificationError:
        return False


def _chain(host: str, port: int) -> list[bytes]:
    """Return the certificates that a server sends, its own first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), _SECONDS) as raw,
        context.wrap_socket(raw, server_hostname=host) as secured,
    ):
        # The public name exists since Python 3.13.
        source: Any = secured
        if not hasattr(source, "get_unverified_chain"):
            source = source._sslobj
        found = source.get_unverified_chain() or []
        return [one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found]
