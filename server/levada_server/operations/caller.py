"""The caller of an operation, with lease and request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.jobs.lease import WorkerSession
from levada_server.permissions.permissions import ADMINISTRATOR_NAME, Identity

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.jobs.signing import LeaseContent
    from levada_server.model.audit import Entry
    from levada_server.model.request import Request


@dataclass(slots=True)
class Traces:
    """The deeds of a call that the audit is to have.

    Args:
        changed: The entry of its change, which is stored with the change; None if it changed nothing.
        confidential: The tables and objects of confidential schemas that it read.
        jobs: The job under whose lease it read them, by table; None without one.
        row_count: How many rows it read.
        completed_count: How many rows of completed jobs it wrote.
        hidden: The table or schema that it asked for and may not see; empty if none.
    """

    changed: Entry | None = None
    confidential: set[str] = field(default_factory=set)
    jobs: dict[str, list[int]] | None = None
    row_count: int = 0
    completed_count: int = 0
    hidden: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of an operation.

    Args:
        identity: Who calls.
        catalog_version: The highest version of the catalog that the caller has seen; 0 if none.
        request: The id under which a repeated change has one effect; None for reads.
        job: The lease under which the caller reads or writes; None outside `make`.
        told: Warnings and notices that go with the answer; the operation adds them.
        method: The method's name.
        traces: The deeds of the call, for the audit.
    """

    identity: Identity
    catalog_version: int = 0
    request: Request | None = None
    job: LeaseContent | None = None
    told: list[str] = field(default_factory=list)
    method: str = ""
    traces: Traces = field(default_factory=Traces)

    @property
    def local(self) -> bool:
        """Whether it is a program of the server's own user, which may open all files of the server anyway."""
        return self.identity == ADMINISTRATOR

    def worker_session(self, id_: UUID) -> WorkerSession:
        """Return a worker session as the caller names it: it is of use only if the caller's token began it."""
        return WorkerSession(id_, self.identity.user_id, self.identity.token_id)


ADMINISTRATOR = Identity(ADMINISTRATOR_NAME)
"""Whoever may open the server's private socket."""
NOBODY = Identity("nobody", user_id=0)
"""A caller who is not known, or not yet: no user has this id, so the gate refuses."""
_SERVER = Identity("server")


def server_itself() -> Caller:
    """Return the server as a caller, for work that nobody requests, such as creating jobs for committed keys."""
    return Caller(_SERVER)
