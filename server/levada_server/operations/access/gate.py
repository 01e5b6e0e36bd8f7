"""The one gate to tables and queries: operations get both only here, and name the caller and the action."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest
from levada_server.model.table import UNKNOWN_SOURCE
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
    """An action of a caller on a table."""

    DESCRIBE = "describe"
    FETCH = "fetch"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    DECLARE = "declare"
    ALTER = "alter"
    DROP = "drop"
    COMPUTE = "compute"
    """Refresh, reserve and complete its jobs."""
    MANAGE_JOBS = "manage jobs"
    """Ignore, retry and cancel its jobs."""
    CREATE = "create"
    """Create a schema, or change the settings of one."""
    ADMINISTER = "administer"
    """Act on things that nobody owns, such as objects that no row names."""


@dataclass(frozen=True, slots=True)
class View:
    """The catalog as one call works with it; each table is checked for the call's caller and an action.

    Args:
        caller: The caller.
        catalog: The whole catalog: for integrity, cascades and lineage, which see every table. A caller sees only
            tables that the methods return.
    """

    caller: Caller
    catalog: Catalog
    _gate: Gate

    @property
    def version(self) -> int:
        """Return the version of the catalog."""
        return self.catalog.version

    def table(self, action: Action, name: TableName) -> Table:
        """Return a table.

        Raises:
            UnknownTable: No table has this name.
        """
        table = self.catalog.table(name)
        self._gate.admit(self.caller, action, (table.name,))
        return table

    def writable(self, action: Action, name: TableName) -> Writable:
        """Return a table to change.

        Raises:
            UnknownTable: No table has this name.
        """
        return Writable(self.table(action, name))

    async def query(self, action: Action, relation: Relation, *, strict: bool = False) -> Readable:
        """Compile a relation against the whole catalog, and check that the caller may read all its tables.

        Args:
            action: The purpose of the entities.
            relation: The relation to compile.
            strict: Refuse a mapping that restricts nothing; for deletes and updates.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        query = await compiled(relation, self.catalog, strict=strict)
        self._gate.admit(self.caller, action, query.tables)
        return Readable(query)

    async def asked(self, action: Action, asked: Asked) -> Readable:
        """Compile a relation that a client requests; relations that differ only in bound values share a plan.

        Raises:
            LevadaError: The relation breaks a rule of the algebra.
        """
        query = await self._gate.plans.compiled(asked, self.catalog)
        self._gate.admit(self.caller, action, query.tables)
        return Readable(query)

    def names_of(self, relation: Relation) -> frozenset[str]:
        """Return the names of a relation's attributes, without reading a row."""
        return frozenset(compile_relation(relation, self.catalog).heading.names)

    def key_source(self, table: Table) -> Relation:
        """Return the key source of a table: its class's own, or the join of its parents.

        Raises:
            InvalidRequest: The table has no parents, or its class could not evaluate its own key source yet.
        """
        if table.key_source is None:
            return default_key_source(table)
        if table.key_source == UNKNOWN_SOURCE:
            raise InvalidRequest(
                f"The key source of `{table.name}` is not known to the server: its class could not evaluate it when it "
                "was declared. Its populate evaluates it again.",
                table=table.name,
            )
        return self._gate.decode_relation(table.key_source)


class Gate:
    """Opens views of the catalog.

    Args:
        cache: The catalog of this process.
        decode_relation: Decodes a relation that was stored as a client sent it.
    """

    def __init__(self, cache: CatalogCache, decode_relation: Callable[[bytes], Relation]) -> None:
        self._cache = cache
        self.decode_relation = decode_relation
        self.plans = Plans()

    async def open(self, caller: Caller) -> View:
        """Return a view of a catalog at least as new as the one that the caller has seen."""
        return View(caller, await self._cache.current(caller.catalog_version), self)

    async def lock(self, connection: Connection, caller: Caller, known: View | None = None) -> View:
        """Lock the catalog against other changes within a transaction, and return a view of it then.

        Args:
            connection: The connection of the transaction.
            caller: The caller.
            known: A view opened before; if nobody has changed the catalog since, it is not read again.
        """
        return self.view(caller, await lock_catalog(connection, None if known is None else known.catalog))

    def view(self, caller: Caller, catalog: Catalog) -> View:
        """Return a view of a catalog that a transaction has changed but not committed."""
        return View(caller, catalog, self)

    async def replace(self, catalog: Catalog) -> None:
        """Use a catalog that was just committed, unless this process has a newer one."""
        await self._cache.replace(catalog)

    async def replace_altered(self, catalog: Catalog) -> None:
        """Use a catalog whose tables were altered, and drop the statement plans made for them."""
        await self._cache.replace_altered(catalog)

    async def version(self) -> int:
        """Return the version of this process's catalog."""
        return (await self._cache.current()).version

    async def known(self) -> Catalog:
        """Return this process's catalog, for a later `catch_up` to compare with."""
        return await self._cache.current()

    async def catch_up(self, known: Catalog) -> bool:
        """Read the catalog again if another process has changed it since; return whether it had."""
        return await self._cache.catch_up(known)

    def admit(self, caller: Caller, action: Action, names: Iterable[TableName]) -> None:
        """Check that a caller may do an action on some tables; there are no users yet, so everybody may."""

    def admit_to_schema(self, caller: Caller, action: Action, schema: str) -> None:
        """Check that a caller may do an action on a whole schema; everybody may, as above."""

    def admit_to_server(self, caller: Caller, action: Action) -> None:
        """Check that a caller may do an action on all schemas; everybody may, as above."""

    def admit_holder(self, caller: Caller, id_: UUID) -> None:
        """Check that a caller may use a worker session, upload or object; everybody who knows its id may, as above."""
