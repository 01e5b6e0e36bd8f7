"""The one gate to tables and queries: operations get both here alone, and say for whom and what for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from levada_server.operations.access.compiling import compiled
from levada_server.operations.access.plans import Plans
from levada_server.operations.access.reading import Readable
from levada_server.operations.access.writing import Writable
from levada_server.query.compile import compile_relation
from levada_server.query.key_source import default_key_source
from levada_server.storage.catalog.stored_catalog import lock_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from levada_server.model.dependencies import Catalog
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.plans import Asked
    from levada_server.operations.caller import Caller
    from levada_server.query.algebra import Relation
    from levada_server.storage.catalog.cache import CatalogCache
    from levada_server.storage.postgres.database import Connection


class Action(Enum):
    """What a caller does with a table."""

    DESCRIBE = "describe"
    FETCH = "fetch"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    DECLARE = "declare"
    ALTER = "alter"
    DROP = "drop"
    COMPUTE = "compute"
    """Refresh, reserve and hand in its jobs."""
    MANAGE_JOBS = "manage jobs"
    """Ignore, retry and cancel its jobs."""
    CREATE = "create"
    """Create a schema, or change the settings of one."""
    ADMINISTER = "administer"
    """Act on what belongs to nobody, such as objects that no row names."""


@dataclass(frozen=True, slots=True)
class View:
    """The catalog as one call works with it. Whatever the call asks for is admitted for its caller and an action.

    Args:
        caller: Who asks.
        catalog: The whole catalog: for integrity, cascades and lineage, which see every table. What a caller is shown
            comes from the methods.
    """

    caller: Caller
    catalog: Catalog
    _gate: Gate

    @property
    def version(self) -> int:
        """The version of the catalog."""
        return self.catalog.version

    def table(self, action: Action, name: TableName) -> Table:
        """Return a table.

        Raises:
            UnknownTable: There is none of this name.
        """
        table = self.catalog.table(name)
        self._gate.admit(self.caller, action, (table.name,))
        return table

    def writable(self, action: Action, name: TableName) -> Writable:
        """Return a table to change.

        Raises:
            UnknownTable: There is none of this name.
        """
        return Writable(self.table(action, name))

    async def query(self, action: Action, relation: Relation, *, strict: bool = False) -> Readable:
        """Compile a relation against the whole catalog, and admit the caller to all tables that it reads.

        Args:
            action: What the entities are for.
            relation: What to compile.
            strict: Refuse a mapping that restricts nothing; for deletes and updates.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        query = await compiled(relation, self.catalog, strict=strict)
        self._gate.admit(self.caller, action, query.tables)
        return Readable(query)

    async def asked(self, action: Action, asked: Asked) -> Readable:
        """Compile a relation as a client asks for it: once for all that differ in bound values alone.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        query = await self._gate.plans.compiled(asked, self.catalog)
        self._gate.admit(self.caller, action, query.tables)
        return Readable(query)

    def names_of(self, relation: Relation) -> frozenset[str]:
        """Return the names of a relation's attributes; nothing is read."""
        return frozenset(compile_relation(relation, self.catalog).heading.names)

    def key_source(self, table: Table) -> Relation:
        """Return what a table has to compute: its class's own key source, or the join of its parents."""
        return default_key_source(table) if table.key_source is None else self.decode(table.key_source)

    def decode(self, key_source: bytes) -> Relation:
        """Read the key source of a class back as a client sent it."""
        return self._gate.decode_relation(key_source)


class Gate:
    """Hands out views of the catalog.

    Args:
        cache: The catalog of this process.
        decode_relation: Reads a relation back that was stored as a client sent it.
    """

    def __init__(self, cache: CatalogCache, decode_relation: Callable[[bytes], Relation]) -> None:
        self._cache = cache
        self.decode_relation = decode_relation
        self.plans = Plans()

    async def open(self, caller: Caller) -> View:
        """Return a view of a catalog at least as new as the one that the caller has seen."""
        return View(caller, await self._cache.current(caller.catalog_version), self)

    async def lock(self, connection: Connection, caller: Caller, known: View | None = None) -> View:
        """Make other changes of the catalog wait for a transaction, and return a view of it as it is then.

        Args:
            connection: In the transaction.
            caller: Who asks.
            known: A view opened before; where nobody has changed the catalog since, it is not read again.
        """
        return self.view(caller, await lock_catalog(connection, None if known is None else known.catalog))

    def view(self, caller: Caller, catalog: Catalog) -> View:
        """Return a view of a catalog that a transaction has changed and not committed."""
        return View(caller, catalog, self)

    def replace(self, catalog: Catalog) -> None:
        """Take over a catalog that was just committed, unless a newer one is here."""
        self._cache.replace(catalog)

    async def replace_altered(self, catalog: Catalog) -> None:
        """Take over a catalog whose tables were altered: plans of statements that were made for them do not hold."""
        await self._cache.replace_altered(catalog)

    async def version(self) -> int:
        """Return the version of the catalog of this process."""
        return (await self._cache.current()).version

    async def known(self) -> Catalog:
        """Return the catalog of this process, to compare with by `catch_up`."""
        return await self._cache.current()

    async def catch_up(self, known: Catalog) -> bool:
        """Read the catalog again if another process has changed it since; return whether it had."""
        return await self._cache.catch_up(known)

    def admit(self, caller: Caller, action: Action, names: Iterable[TableName]) -> None:
        """Check that a caller may do something with some tables. There are no users yet, so everybody may."""

    def admit_to_schema(self, caller: Caller, action: Action, schema: str) -> None:
        """Check that a caller may do something with a schema as a whole; everybody may, as above."""

    def admit_to_server(self, caller: Caller, action: Action) -> None:
        """Check that a caller may do something that concerns all schemas; everybody may, as above."""

    def admit_holder(self, caller: Caller, id_: UUID) -> None:
        """Check that a worker session, upload or object is for a caller to use. Whoever knows its id may, as above."""
