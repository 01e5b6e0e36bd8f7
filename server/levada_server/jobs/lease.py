"""Leases: a worker, its right to compute one entity, and its report if that fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from levada_server.errors import InvalidRequest

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.model.table import TableName

DEFAULT_LEASE = timedelta(seconds=30)
MIN_LEASE = timedelta(seconds=1)
MAX_LEASE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Worker:
    """The machine and process of a worker: host name, process id there, user name."""

    host: str
    process: int
    user: str


@dataclass(frozen=True, slots=True)
class Environment:
    """The language and packages of a worker, as JSON, and a digest of that."""

    digest: str
    content: str


@dataclass(frozen=True, slots=True)
class WorkerSession:
    """A worker session, as the caller names it: only the token that began it can use it.

    Args:
        id: The id.
        user_id: The caller; None for an administrator at the private socket.
        token_id: The caller's token; None as well.
    """

    id: UUID
    user_id: int | None
    token_id: UUID | None


class Lease(NamedTuple):
    """The right to compute one entity until it is completed or taken over.

    Args:
        table: The table to compute.
        table_id: Its id in the catalog.
        job_id: The job, unique within the table.
        key: Names and values of the entity's primary key, in heading order.
        token: Distinguishes this lease from every other one of the job.
        attempt: The number of this attempt, from 1.
        replaces: The token of the lease whose result is computed again; None for a first result.
    """

    table: TableName
    table_id: int
    job_id: int
    key: tuple[tuple[str, object], ...]
    token: UUID
    attempt: int
    replaces: UUID | None = None


@dataclass(frozen=True, slots=True)
class DiscoveryLease:
    """The right to look for the new rows of a table: the table, the token, and the number of the attempt, from 1."""

    table: TableName
    token: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Failure:
    """An error in `make`: class of the exception, its message and stack, in full."""

    type: str
    message: str
    stack: str


def check_lease_duration(duration: timedelta | None) -> timedelta:
    """Return the length of a lease, or the default if it is unset.

    Raises:
        InvalidRequest: It is outside the limits.
    """
    if duration is None:
        return DEFAULT_LEASE
    if not MIN_LEASE <= duration <= MAX_LEASE:
        raise InvalidRequest(
            f"A lease lasts from {MIN_LEASE.total_seconds():.0f} s to {MAX_LEASE.total_seconds():.0f} s, "
            f"not {duration.total_seconds():g} s.",
            field="lease_duration",
        )
    return duration
