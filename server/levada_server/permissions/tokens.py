"""API tokens, codes and sessions of browsers: their texts, and the digests under which they are stored."""

from __future__ import annotations

import base64
import hashlib
import re

PREFIX = "lev_"
SECRET_BYTES = 32
CODE_BYTES = 16
_TOKEN = re.compile(r"lev_[A-Za-z0-9_-]{43}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE = re.compile(r"[A-Za-z0-9_-]{22}")


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


def session_text(secret: bytes) -> str:
    """Write the secret of a browser's session, `SECRET_BYTES` random bytes, or a code, `CODE_BYTES` of them."""
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def session_digest(text: str) -> bytes | None:
    """Return the digest under which a browser's session is stored; None if the text cannot be one."""
    return hashlib.sha256(text.encode()).digest() if _SESSION.fullmatch(text) else None


def code_digest(text: str) -> bytes | None:
    """Return the digest under which a code for a browser is stored; None if the text cannot be one."""
    return hashlib.sha256(text.encode()).digest() if _CODE.fullmatch(text) else None
