"""What every operation is handed: the database, the catalog, and who calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_server.jobs.signing import Claim, Signer
    from levada_server.model.dependencies import Catalog
    from levada_server.query.algebra import Relation
    from levada_server.storage.catalog import CatalogCache
    from levada_server.storage.database import Database
    from levada_server.storage.lookout import Lookout
    from levada_server.storage.object_storage import ObjectStorage


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Args:
        user: Name of the user.
        catalog_version: The highest version of the catalog that the caller has seen; 0 if none.
        job: The lease under which they read or write; None outside of `make`.
        told: What they are to be told beside the answer; added to by the operation.
    """

    user: str
    catalog_version: int = 0
    job: Claim | None = None
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that operations work with.

    Args:
        database: PostgreSQL.
        cache: The catalog of this process.
        lookout: Where waiting workers learn of new jobs.
        decode_relation: Reads a relation back that was stored as a client sent it.
        signer: Signs leases and receipts, as every replica of this database does.
        objects: The stores.
    """

    database: Database
    cache: CatalogCache
    lookout: Lookout
    decode_relation: Callable[[bytes], Relation]
    signer: Signer
    objects: ObjectStorage

    async def catalog(self, caller: Caller) -> Catalog:
        """Give a catalog at least as new as what the caller has seen."""
        return await self.cache.current(caller.catalog_version)
