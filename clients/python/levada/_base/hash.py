"""The digest by which keys are told apart in older code."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def key_hash(mapping: Mapping[str, object]) -> str:
    """Give 32 hexadecimal digits that depend on the values of a key in the order of their names."""
    digest = hashlib.md5(usedforsecurity=False)
    for _, value in sorted(mapping.items()):
        digest.update(str(value).encode())
    return digest.hexdigest()
