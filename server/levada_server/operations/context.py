"""The parts that every operation works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from levada_server.errors import Conflict, InvalidRequest, NotFound
from levada_server.model.sizes import VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from levada_server.jobs.signing import Signer
    from levada_server.model.heading import Key
    from levada_server.model.table import TableName
    from levada_server.operations.access.gate import Gate
    from levada_server.operations.shared_refreshes import Refreshes
    from levada_server.storage.jobs.notifications import Lookout
    from levada_server.storage.objects.storage import ObjectStorage
    from levada_server.storage.postgres.scope import Scope

PERHAPS_BEHIND = (Conflict, InvalidRequest, NotFound)
"""Errors that may come of a catalog that another process has changed."""


class Listener(Protocol):
    """Who is told of committed keys."""

    def committed(self, engine: Engine, name: TableName, keys: Iterable[Key]) -> None:
        """Take note that a table has new entities."""
        ...

    async def settled(self) -> None:
        """Wait until all that was committed so far is refreshed for."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that operations work with.

    Args:
        scope: PostgreSQL: the pool, or the transaction that a client has open.
        gate: Hands out tables and queries.
        lookout: Where waiting workers learn of new jobs.
        signer: Signs leases and receipts, as every replica of this database does.
        objects: The stores.
        downstream: Makes jobs of what depends on committed keys.
        refreshes: Shares refreshes among those who ask.
        value_bytes: What a value in a row may have.
    """

    scope: Scope
    gate: Gate
    lookout: Lookout
    signer: Signer
    objects: ObjectStorage
    downstream: Listener
    refreshes: Refreshes
    value_bytes: int = VALUE_BYTES
