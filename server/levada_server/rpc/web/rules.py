"""Which requests of browsers are served: those of our own page, under our own names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/grpc-web+proto"
"""No form and no simple request of another site can have this type."""
FORM_TYPE = "application/x-www-form-urlencoded"
_SAFE = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
)
PAGE_HEADERS = (
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types svelte-trusted-html",
    ),
    *_SAFE,
)
"""Headers of the page and of calls. Svelte makes its templates by the one policy that is named."""
FORM_HEADERS = (
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    *_SAFE,
)
"""Headers of the page on which a browser signs in; it has no script."""
_PORTS = {"http": 80, "https": 443}
_ANYWHERE = ("0.0.0.0", "::", "")  # they are compared, nothing is bound
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The status of HTTP with which a request is refused, and the reason."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Places:
    """The names under which browsers reach the dashboard.

    Args:
        url: The address that people open, with a `/` at its end.
        prefix: The path of this address, without that `/`.
        hosts: The admitted values of the header `Host`.
        origins: The admitted values of the header `Origin`.
        encrypted: Whether the browser may send the cookie by HTTPS alone.
    """

    url: str
    prefix: str
    hosts: frozenset[str]
    origins: frozenset[str]
    encrypted: bool

    def host_refusal(self, headers: Mapping[str, str]) -> Refusal | None:
        """Refuse a foreign name, which a hostile page may have let point to this server (DNS rebinding)."""
        if headers.get("host", "").lower() in self.hosts:
            return None
        return Refusal(421, "This server has another name; --web-origin names the address that browsers use.")

    def call_refusal(self, headers: Mapping[str, str], *, by_cookie: bool) -> Refusal | None:
        """Refuse a call that our own page did not make."""
        if headers.get("content-type") != CONTENT_TYPE:
            return Refusal(415, f"Calls have the content type {CONTENT_TYPE}.")
        site = headers.get("sec-fetch-site", "" if by_cookie else "same-origin")
        if headers.get("origin") not in self.origins or site != "same-origin":
            return Refusal(403, "Only the dashboard's own page makes calls here.")
        return None

    def form_refusal(self, headers: Mapping[str, str]) -> Refusal | None:
        """Refuse a form that neither our own page nor a file of the user's sent."""
        if headers.get("content-type") != FORM_TYPE:
            return Refusal(415, f"The form has the content type {FORM_TYPE}.")
        own = headers.get("origin") in self.origins
        file = headers.get("origin") == "null" and headers.get("sec-fetch-dest", "document") == "document"
        return None if own or file else Refusal(403, "Another site may not sign a browser in.")


def make_places(host: str, port: int, origin: str | None, *, tls: bool) -> Places:
    """Return the names for a port.

    Args:
        host: The host on which it is opened.
        port: Its number.
        origin: The address that browsers use, with the path below which a proxy serves it; None if it is this port's.
        tls: Whether the port has TLS.

    Raises:
        InvalidRequest: The origin is not such an address, or is needed.
    """
    scheme = "https" if tls else "http"
    named = f"[{host.strip('[]')}]" if ":" in host else host
    own = _LOOPBACK if host in _ANYWHERE or named in _LOOPBACK else (named.lower(),)
    origins = [_joined(scheme, name, port) for name in own]
    url = f"{origins[own.index(named.lower())] if named.lower() in own else origins[0]}/"
    prefix = ""
    if origin is not None:
        url, prefix = _read_origin(origin)
        origins.append(url.removesuffix("/").removesuffix(prefix))
    elif host in _ANYWHERE:
        raise InvalidRequest(
            f"--web {host or '*'}:{port} has no name; say by --web-origin which address browsers use, such as "
            f"{scheme}://lab.example.org:{port}."
        )
    hosts = frozenset(one.partition("//")[2] for one in origins)
    return Places(url, prefix, hosts, frozenset(origins), tls or url.startswith("https:"))


def _read_origin(text: str) -> tuple[str, str]:
    """Return an address with a `/` at its end, and its path without."""
    parts = urlsplit(text)
    path = parts.path.rstrip("/")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or parts.query or parts.fragment or parts.username:
        raise InvalidRequest(f"--web-origin {text} is not an address such as https://lab.example.org/levada.")
    if not (path.isascii() and path.isprintable()) or any(letter in path for letter in " ;,\\\"'<>%") or ".." in path:
        raise InvalidRequest(f"--web-origin {text}: the path may have letters, digits and `/ . _ - ~ @` alone.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{_joined(parts.scheme, host, port or _PORTS[parts.scheme])}{path}/", path


def _joined(scheme: str, host: str, port: int) -> str:
    """Write an origin as browsers do, who leave out the usual port."""
    return f"{scheme}://{host}" if port == _PORTS[scheme] else f"{scheme}://{host}:{port}"
