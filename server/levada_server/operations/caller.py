"""The caller of an operation, with lease and request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.permissions.permissions import Identity

if TYPE_CHECKING:
    from levada_server.jobs.signing import LeaseContent
    from levada_server.model.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of an operation.

    Args:
        identity: Who calls.
        catalog_version: The highest version of the catalog that the caller has seen; 0 if none.
        request: The id under which a repeated change has one effect; None for reads.
        job: The lease under which the caller reads or writes; None outside `make`.
        told: Warnings and notices that go with the answer; the operation adds them.
    """

    identity: Identity
    catalog_version: int = 0
    request: Request | None = None
    job: LeaseContent | None = None
    told: list[str] = field(default_factory=list)


ADMINISTRATOR = Identity("administrator")
"""Whoever may open the server's private socket."""
NOBODY = Identity("nobody", user_id=0)
"""A caller who is not known, or not yet: no user has this id, so the gate refuses."""
_SERVER = Identity("server")


def server_itself() -> Caller:
    """Return the server as a caller, for work that nobody requests, such as creating jobs for committed keys."""
    return Caller(_SERVER)
