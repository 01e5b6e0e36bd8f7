"""Sign requests of S3 whose queries or headers obstore cannot sign, and send the server's own.

Source: AWS documentation, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from levada_server.storage.objects.bucket_errors import failed, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 60
_MAX_ANSWER_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Signer:
    """The key with which requests of one region are signed."""

    region: str
    key_id: str
    secret: str = field(repr=False)

    def sign(
        self,
        method: str,
        url: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        seconds: int,
        now: dt.datetime | None = None,
    ) -> str:
        """Return the address of a request of any body; its headers, in lower case, are part of the signature."""
        parts, now = urlsplit(url), now or dt.datetime.now(dt.UTC)
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        signed = {"host": parts.netloc, **headers}
        names = ";".join(sorted(signed))
        asked = {
            **query,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.key_id}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": names,
        }
        path = quote(parts.path, safe="/-_.~")
        text = "&".join(f"{quote(name, safe='-_.~')}={quote(asked[name], safe='-_.~')}" for name in sorted(asked))
        lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
        canonical = "\n".join((method, path, text, lines, names, "UNSIGNED-PAYLOAD"))
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
        return f"{parts.scheme}://{parts.netloc}{path}?{text}&X-Amz-Signature={signature}"


def send(store: str, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Send a signed request to a store, and return the body of the answer.

    Raises:
        FileNotFoundError: The store has no such thing.
        PreconditionFailed: It refuses the server.
        LimitReached: It is full.
        Unavailable: It cannot be reached, or fails.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        with closing(kind(parts.netloc, timeout=_SECONDS)) as connection:
            connection.set_debuglevel(0)  # programs set it for the class, and it prints addresses
            connection.request(method, f"{parts.path}?{parts.query}", body, dict(headers or {}))
            answer = connection.getresponse()
            content = answer.read(_MAX_ANSWER_BYTES)
    except (OSError, HTTPException) as error:
        raise failed(store, type(error).__name__) from None
    if answer.status == 404:
        raise FileNotFoundError
    if answer.status in (401, 403):
        raise refused(store)
    if answer.status >= 300 or b"<Error>" in content[:200]:
        raise failed(store, f"{answer.status} {content[:1000].decode(errors='replace')}")
    return content
