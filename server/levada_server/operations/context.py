"""The parts that every operation works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from levada_server.errors import Conflict, InvalidRequest, NotFound, PermissionDenied, Unauthenticated
from levada_server.model.sizes import VALUE_BYTES
from levada_server.operations.audit import Audit
from levada_server.operations.call_limits import CallLimits
from levada_server.operations.memory import RowMemory
from levada_server.operations.pictures import Pictures
from levada_server.operations.quota import Quota
from levada_server.operations.read_shapes import ReadShapes
from levada_server.storage.postgres.spool import SpoolSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from levada_server.issuer import Issuer
    from levada_server.jobs.signing import Signer
    from levada_server.model.heading import Key
    from levada_server.model.table import TableName
    from levada_server.operations.access.gate import Gate
    from levada_server.operations.access.plans import Asked
    from levada_server.operations.shared_refreshes import Refreshes
    from levada_server.storage.jobs.notifications import Lookout
    from levada_server.storage.objects.storage import ObjectStorage
    from levada_server.storage.postgres.scope import Scope

PERHAPS_BEHIND = (Conflict, InvalidRequest, NotFound, PermissionDenied, Unauthenticated)
"""The errors that an outdated catalog, or outdated permissions, can cause."""


class Listener(Protocol):
    """A listener for committed keys."""

    def committed(self, engine: Engine, name: TableName, keys: Iterable[Key]) -> None:
        """Report that a table has new entities."""
        ...

    async def settled(self) -> None:
        """Wait until the refreshes for all commits so far are done."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that operations work with.

    Args:
        scope: The access to PostgreSQL: the pool, or the transaction that a client has open.
        gate: The gate to tables and queries.
        lookout: Wakes workers that wait for jobs.
        signer: Signs leases and receipts, as every replica of this database does.
        objects: The stores.
        downstream: Creates the jobs that depend on committed keys.
        refreshes: Shares refreshes among callers that ask at the same time.
        decode_read: Reads a relation that a job read, with the values that were stored of it.
        value_bytes: The most bytes of a value in a row.
        spool: The disk space in which the rows of inserts wait.
        memory: The memory for the rows that are decoded.
        issuer: The issuer of identities at which users log in; None if there is none.
        audit: The entries of calls that changed nothing.
        quota: The limit on the storage of a schema.
        call_limits: The limits of a call that reads or inserts rows.
        pictures: The pictures of diagrams.
        shapes: The shapes of reads that are known to be stored.
    """

    scope: Scope
    gate: Gate
    lookout: Lookout
    signer: Signer
    objects: ObjectStorage
    downstream: Listener
    refreshes: Refreshes
    decode_read: Callable[[bytes, Sequence[str]], Asked]
    value_bytes: int = VALUE_BYTES
    spool: SpoolSpace = field(default_factory=SpoolSpace)
    memory: RowMemory = field(default_factory=RowMemory)
    issuer: Issuer | None = None
    audit: Audit = field(default_factory=Audit)
    quota: Quota = field(default_factory=Quota)
    call_limits: CallLimits = field(default_factory=CallLimits)
    pictures: Pictures = field(default_factory=Pictures)
    shapes: ReadShapes = field(default_factory=ReadShapes)
