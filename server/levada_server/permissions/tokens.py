"""API tokens: their text, which only their holder has, and the digest that is stored."""

from __future__ import annotations

import base64
import hashlib
import re

PREFIX = "lev_"
SECRET_BYTES = 32
_TOKEN = re.compile(r"lev_[A-Za-z0-9_-]{43}")


def token_text(secret: bytes) -> str:
    """Write a token.

    Args:
        secret: `SECRET_BYTES` random bytes.
    """
    return PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def token_digest(text: str) -> bytes | None:
    """Return the digest under which a token is stored; None if the text cannot be a token.

    A plain SHA-256 suffices: nobody can try 2^256 secrets.
    """
    return hashlib.sha256(text.encode()).digest() if _TOKEN.fullmatch(text) else None
