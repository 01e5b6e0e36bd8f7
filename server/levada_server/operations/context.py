"""What every operation is handed: the database, the catalog, and who calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from levada_server.errors import Conflict, InvalidRequest, NotFound
from levada_server.model.sizes import VALUE_BYTES
from levada_server.operations.access.plans import Plans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from levada_server.jobs.signing import LeaseContent, Signer
    from levada_server.model.dependencies import Catalog
    from levada_server.model.heading import Key
    from levada_server.model.request import Request
    from levada_server.model.table import TableName
    from levada_server.operations.shared_refreshes import Refreshes
    from levada_server.query.algebra import Relation
    from levada_server.storage.catalog.cache import CatalogCache
    from levada_server.storage.jobs.notifications import Lookout
    from levada_server.storage.objects.storage import ObjectStorage
    from levada_server.storage.postgres.scope import Scope

PERHAPS_BEHIND = (Conflict, InvalidRequest, NotFound)
"""Errors that may come of a catalog that another process has changed."""


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
        cache: The catalog of this process.
        lookout: Where waiting workers learn of new jobs.
        decode_relation: Reads a relation back that was stored as a client sent it.
        signer: Signs leases and receipts, as every replica of this database does.
        objects: The stores.
        downstream: Makes jobs of what depends on committed keys.
        refreshes: Shares refreshes among those who ask.
        value_bytes: What a value in a row may have.
        plans: Queries that were compiled before.
    """

    scope: Scope
    cache: CatalogCache
    lookout: Lookout
    decode_relation: Callable[[bytes], Relation]
    signer: Signer
    objects: ObjectStorage
    downstream: Listener
    refreshes: Refreshes
    value_bytes: int = VALUE_BYTES
    plans: Plans = field(default_factory=Plans)

    async def catalog(self, caller: Caller) -> Catalog:
        """Give a catalog at least as new as what the caller has seen."""
        return await self.cache.current(caller.catalog_version)
