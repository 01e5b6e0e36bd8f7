"""A small issuer of identities (OpenID Connect) on a port of this machine, with the device authorization grant.

Its page at which users log in has another host name, `localhost`, so that it is another site than the dashboard's.
"""

from __future__ import annotations

import html
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENT = "levada"
PENDING = "pending"
"""The device code of a login that nobody completes."""
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class IdentityProvider:
    """The issuer; tests log users in by `approve`, and make it misbehave."""

    def __init__(self) -> None:
        self.url = ""
        self.back = ""
        """The address to which its page leads after a login; empty for none."""
        self.keys = [self.new_key()]
        self.asked: list[str] = []
        """The paths of all requests so far."""
        self.logins: dict[str, dict[str, Any]] = {PENDING: {"user_code": "PENDING", "nonce": "nonce"}}
        """By device code: the form of the request, its user code, and the claims once a user has logged in."""
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        """Makes the ID token of some claims."""
        self.answers: dict[str, tuple[int, bytes]] = {}
        """By path: a status and bytes to answer instead."""
        self.stalled = threading.Event()
        """While it is not set, requests wait."""
        self.stalled.set()
        self.arrived = 0
        """How many requests have come, including waiting ones."""
        self.secret: str | None = None

    @staticmethod
    def new_key() -> ECKey:
        return ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"})

    def signed(self, claims: dict[str, Any], **headers: object) -> str:
        key = self.keys[-1]
        return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "JWT", **headers}, claims, key)

    def approve(self, code: str, **claims: object) -> None:
        """Log a user in, as the user does in a browser with the code."""
        login = next(login for login in self.logins.values() if login["user_code"] == code)
        login["claims"] = claims

    def deny(self, code: str) -> None:
        next(login for login in self.logins.values() if login["user_code"] == code)["denied"] = True

    def answer(self, path: str, form: dict[str, str], headers: Any) -> tuple[int, object]:  # noqa: ANN401
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.url,
                "device_authorization_endpoint": f"{self.url}/device",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        if path == "/keys":
            return 200, KeySet(list(self.keys)).as_dict(private=False)
        if self.secret is not None and headers["Authorization"] is None:
            return 401, {"error": "invalid_client"}
        if form.get("client_id") != CLIENT:
            return 400, {"error": "invalid_client"}
        if path == "/device":
            device_code, user_code = secrets.token_urlsafe(), secrets.token_hex(4).upper()
            self.logins[device_code] = {**form, "user_code": user_code}
            return 200, {
                "device_code": device_code,
                "user_code": user_code,
                "verification_uri": self.page,
                "verification_uri_complete": f"{self.page}?code={user_code}",
                "expires_in": 600,
                "interval": 0,
            }
        return self._token(form)

    @property
    def page(self) -> str:
        """The page at which users log in: of another site than a server of 127.0.0.1."""
        return f"http://localhost:{urlsplit(self.url).port}/activate"

    def shown(self, fields: dict[str, str]) -> str:
        """Return the page at which a user logs in; with the name of a user in its form, that user does."""
        user = fields.get("user")
        if user is None:
            code = html.escape(fields.get("code", ""))
            inputs = f'<label>Code <input name="code" value="{code}"></label><label>User <input name="user"></label>'
            return f'<title>Institute</title><form method="post">{inputs}<button>Log in</button></form>'
        self.approve(fields["code"], preferred_username=user)
        return f'<title>Institute</title><p>Logged in.</p><a href="{html.escape(self.back)}">Back</a>'

    def _token(self, form: dict[str, str]) -> tuple[int, object]:
        login = self.logins.get(form.get("device_code", ""))
        if login is None or form.get("grant_type") != GRANT:
            return 400, {"error": "invalid_grant"}
        if "denied" in login:
            return 400, {"error": "access_denied"}
        if "claims" not in login:
            return 400, {"error": "authorization_pending"}
        del self.logins[form["device_code"]]
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": login["claims"].get("preferred_username"),
            "iat": now,
            "exp": now + 300,
            "nonce": login["nonce"],
            **login["claims"],
        }
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.sign(claims)}


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Run an issuer for the length of the block."""
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.arrived += 1
            provider.stalled.wait()
            length = int(self.headers["Content-Length"] or 0)
            form = dict(parse_qsl(self.rfile.read(length).decode()))
            target = urlsplit(self.path)
            if target.path == "/activate":
                page = provider.shown(dict(parse_qsl(target.query)) | form).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
                return
            status, content = provider.answer(self.path, form, self.headers)
            status, body = provider.answers.get(self.path, (status, json.dumps(content).encode()))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield provider
    finally:
        provider.stalled.set()
        server.shutdown()
        server.server_close()
        thread.join()
