"""Tokens in the keyring of the user's system, if the extra `keyring` is installed and there is one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_SERVICE = "levada"


def store_token(key: str, token: str) -> bool:
    """Store the token of a server; return whether there is a keyring that holds it now."""
    keyring = _installed()
    if keyring is None:
        return False
    try:
        keyring.set_password(_SERVICE, key, token)
        # Some backends store nothing, and say nothing.
        return bool(keyring.get_password(_SERVICE, key) == token)
    except keyring.errors.KeyringError:
        return False


def stored_token(key: str) -> str | None:
    """Return the token of a server; None if there is none, or no keyring that can be read."""
    keyring = _installed()
    if keyring is None:
        return None
    try:
        found: str | None = keyring.get_password(_SERVICE, key)
    except keyring.errors.KeyringError:
        return None
    return found


def remove_token(key: str) -> None:
    """Remove the token of a server, if it is there and the keyring lets us."""
    keyring = _installed()
    if keyring is not None:
        with contextlib.suppress(keyring.errors.KeyringError):
            keyring.delete_password(_SERVICE, key)


def _installed() -> ModuleType | None:
    try:
        import keyring
    except ImportError:
        return None
    return keyring
