"""The digest by which older code distinguishes keys."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def key_hash(mapping: Mapping[str, object]) -> str:
    """Return 32 hexadecimal digits that depend on the values of a key in the order of their names."""
    digest = hashlib.md5(usedforsecurity=False)
    for _, value in sorted(mapping.items()):
        digest.update(str(value).encode())
    return digest.hexdigest()
