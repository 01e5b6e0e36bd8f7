"""Who asks for something, and under which lease and request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levada_server.jobs.signing import LeaseContent
    from levada_server.model.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Args:
        user: Name of the user.
        catalog_version: The highest version of the catalog that the caller has seen; 0 if none.
        request: The id of what they ask, where asking twice must not do it twice; None for reads.
        job: The lease under which they read or write; None outside of `make`.
        told: What they are to be told beside the answer; added to by the operation.
    """

    user: str
    catalog_version: int = 0
    request: Request | None = None
    job: LeaseContent | None = None
    told: list[str] = field(default_factory=list)


def server_itself() -> Caller:
    """Return the server as a caller, for what nobody asks for, such as making jobs of committed keys."""
    return Caller("server")
