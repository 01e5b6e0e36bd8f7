"""A request that takes effect once, however often it is repeated."""

from __future__ import annotations

from dataclasses import dataclass

from blake3 import blake3

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Request:
    """The id of a request, its method, and what identifies its content.

    Args:
        id: Chosen by the client.
        method: The called method; an id belongs to one method.
        digest: Identifies the content, to which an id belongs too; empty if contents are not compared.
    """

    id: str
    method: str
    digest: bytes = b""


def digest_of(content: bytes) -> bytes:
    """Return what identifies the content of a request."""
    return blake3(content).digest(length=DIGEST_BYTES)
