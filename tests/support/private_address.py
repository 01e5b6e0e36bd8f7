"""An address at which a test's own server has only administrators as callers."""

from __future__ import annotations

import tempfile


def private_address() -> str:
    """Return the address of a socket in a new folder that only this user can enter."""
    return f"unix:{tempfile.mkdtemp(prefix='lv-')}/s"
