"""Read and write the definitions of tables."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada_server.errors import AlreadyExists, Conflict, HasChildren
from levada_server.model.audit import AUDIT
from levada_server.model.dependencies import Catalog
from levada_server.model.heading import Attribute, Default, Heading, Origin
from levada_server.model.table import Contract, ForeignKey, Index, Ownership, RetryPolicy, Table, TableName, Tier
from levada_server.model.types import parse_type
from levada_server.query import ddl
from levada_server.query.sql import Select, TableSource, quote_text, render_count
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    import asyncpg

    from levada_server.model.dependencies import Basis
    from levada_server.storage.postgres.database import Connection

_SQL = statements("catalog")


async def read_version(connection: Connection) -> int:
    """Return the version of the catalog."""
    version: int = await connection.fetchval(_SQL["read_version"])
    return version


def current(version: str, basis: Basis) -> str:
    """Write a source of one row without columns; none if a table of the basis was altered since.

    Args:
        version: The text that stands for the version of the basis in the statement.
        basis: The tables that the statement relies on.
    """
    return fill(
        _SQL["current"],
        version=version,
        ids=quote_text(_array(basis.ids)),
        names=quote_text(_array(basis.stored)),
        with_children=str(basis.with_children),
    )


def _array(values: Iterable[object]) -> str:
    """Write ids or names as PostgreSQL writes an array of them; neither has characters that it quotes."""
    return f"{{{','.join(map(str, values))}}}"


async def require_current(connection: Connection, basis: Basis) -> None:
    """Check that the tables are as a change relies on them.

    Call it after the change, in its transaction: from then on the change's locks keep its tables as they are.

    Raises:
        Conflict: A table was altered, or dropped and declared anew.
    """
    values = basis.version, _array(basis.ids), _array(basis.stored), basis.with_children
    if await connection.fetchrow(_SQL["require_current"], *values) is None:
        raise Conflict("A table was altered meanwhile; repeat.")


async def read_catalog(connection: Connection) -> Catalog:
    """Read the whole catalog, within the transaction of the connection."""
    version = await read_version(connection)
    rows = await connection.fetch(_SQL["read_schemas"])
    schemas = frozenset(row["name"] for row in rows)
    confidential = frozenset(row["name"] for row in rows if row["confidential"])
    stored = await _read_stored(connection, None)
    # Thousands of tables take long, so other calls go on meanwhile.
    return await asyncio.to_thread(
        lambda: Catalog(version, schemas, {**_tables(stored, {}), AUDIT.name: AUDIT}, confidential).prepare()
    )


async def read_table(connection: Connection, catalog: Catalog, table_id: int) -> Table:
    """Read one table whose parents are in a catalog, which is less work than to read all tables."""
    stored = await _read_stored(connection, table_id)
    _, _, foreign_keys, _ = stored
    parents = {row["parent_id"]: catalog.by_id[row["parent_id"]].name for row in foreign_keys}
    (table,) = _tables(stored, parents).values()
    return table


async def _read_stored(connection: Connection, table_id: int | None) -> list[list[asyncpg.Record]]:
    parts = "tables", "attributes", "foreign_keys", "indexes"
    return [await connection.fetch(_SQL[f"read_{part}"], table_id) for part in parts]


def _tables(stored: Sequence[Sequence[asyncpg.Record]], known: Mapping[int, TableName]) -> dict[TableName, Table]:
    rows, *others = stored
    names = {**known, **{row["id"]: TableName(row["schema"], row["name"]) for row in rows}}
    attributes, foreign_keys, indexes = map(_grouped, others)
    tables = {}
    for row in rows:
        name = names[row["id"]]
        tables[name] = Table(
            id=row["id"],
            name=name,
            tier=Tier(row["tier"]),
            heading=Heading(tuple(_attribute(a) for a in attributes[row["id"]])),
            foreign_keys=tuple(_foreign_key(k, names) for k in foreign_keys[row["id"]]),
            indexes=tuple(Index(tuple(i["expressions"]), i["is_unique"]) for i in indexes[row["id"]]),
            comment=row["comment"],
            has_make=row["has_make"],
            key_source=row["key_source"],
            source_key=None if row["source_key"] is None else tuple(row["source_key"]),
            retry=RetryPolicy(row["max_attempts"], row["retry_delay"]),
            contract=Contract(row["make_contract"]),
            definer=row["definer_id"],
            ownership=None if row["owner"] is None else Ownership(row["owner"], row["rows_hidden"]),
        )
    return tables


def _grouped(rows: Sequence[asyncpg.Record]) -> dict[int, list[asyncpg.Record]]:
    groups: dict[int, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        groups[row["table_id"]].append(row)
    return groups


def _attribute(row: asyncpg.Record) -> Attribute:
    return Attribute(
        name=row["name"],
        type=parse_type(row["type"]),
        primary_key=row["primary_key"],
        nullable=row["nullable"],
        default=None if row["default_text"] is None else Default(row["default_text"], row["default_quoted"]),
        auto_increment=row["auto_increment"],
        comment=row["comment"],
        origin=None if row["origin_id"] is None else Origin(row["origin_id"], row["origin_label"]),
    )


def _foreign_key(row: asyncpg.Record, names: Mapping[int, TableName]) -> ForeignKey:
    return ForeignKey(
        parent=names[row["parent_id"]],
        columns=tuple(zip(row["child_names"], row["parent_names"], strict=True)),
        primary_key=row["primary_key"],
        nullable=row["nullable"],
        unique=row["is_unique"],
        comment=row["comment"],
    )


async def lock_catalog(connection: Connection, known: Catalog | None = None) -> Catalog:
    """Lock the catalog against other changes until this transaction ends, and return it as it is then.

    The version is raised, so that every process that sees this transaction's changes also sees that its catalog is old.

    Args:
        connection: The connection, in a transaction.
        known: The catalog as it was read before; if nobody has changed it since, it is not read again.
    """
    version: int = await connection.fetchval(_SQL["raise_version"])
    if known is not None and known.version == version - 1:
        return known.at_version(version)
    return await read_catalog(connection)


async def list_schemas(connection: Connection) -> list[tuple[str, datetime, int, Contract, bool]]:
    """List the name, time of creation, number of tables, contract and confidentiality of every schema, by name."""
    rows = await connection.fetch(_SQL["read_schemas"])
    return [(*tuple(row)[:3], Contract(row["make_contract"]), row["confidential"]) for row in rows]


async def insert_schema(connection: Connection, name: str) -> datetime:
    """Create a schema; return its time of creation.

    Raises:
        AlreadyExists: PostgreSQL has a schema with this name that is not in the catalog.
    """
    if await connection.fetchval("SELECT true FROM pg_namespace WHERE nspname = $1", name):
        raise AlreadyExists(
            f"The database has a schema `{name}` that Levada did not create; choose another name.", schema=name
        )
    created: datetime = await connection.fetchval(_SQL["insert_schema"], name)
    await connection.execute(ddl.create_schema(name))
    return created


async def delete_schema(connection: Connection, catalog: Catalog, name: str) -> int:
    """Drop a schema with its tables; return their number.

    Raises:
        HasChildren: Tables of other schemas refer to it.
    """
    tables = [t for t in catalog.order if t.schema == name]
    for table in tables:
        for child, _ in catalog.children(table):
            if child.name.schema != name:
                raise HasChildren(f"`{child.name}` refers to `{table}`; drop it first.", table=table, child=child.name)
    for table in reversed(tables):
        await delete_table(connection, catalog.tables[table])
    await connection.execute(_SQL["delete_schema"], name)
    await connection.execute(ddl.drop_schema(name))
    return len(tables)


async def insert_table(connection: Connection, catalog: Catalog, table: Table, definition: str) -> Table:
    """Create a table, without its jobs; return it with its id."""
    table_id: int = await connection.fetchval(
        _SQL["insert_table"],
        table.name.schema,
        table.name.table,
        table.name.stored,
        table.tier.value,
        table.comment,
        table.has_make,
        table.key_source,
        definition,
        table.retry.max_attempts,
        table.retry.delay,
        table.definer,
    )
    for position, attribute in enumerate(table.heading):
        await insert_attribute(connection, table_id, position, attribute)
    await insert_references(connection, catalog, replace(table, id=table_id))
    await insert_definition(connection, table_id, definition)
    stored = await read_table(connection, catalog, table_id)
    for statement in ddl.create_table(stored):
        await connection.execute(statement)
    return stored


async def insert_attribute(connection: Connection, table_id: int, position: int, attribute: Attribute) -> None:
    """Record an attribute of a table."""
    default = attribute.default
    await connection.execute(
        _SQL["insert_attribute"],
        table_id,
        position,
        attribute.name,
        str(attribute.type),
        attribute.primary_key,
        attribute.nullable,
        default.text if default else None,
        default.quoted if default else False,
        attribute.auto_increment,
        attribute.comment,
        attribute.origin.attribute_id if attribute.origin else None,
    )


async def insert_references(connection: Connection, catalog: Catalog, table: Table) -> None:
    """Record the foreign keys and indexes of a table."""
    for position, key in enumerate(table.foreign_keys):
        await connection.execute(
            _SQL["insert_foreign_key"],
            table.id,
            position,
            catalog.tables[key.parent].id,
            [child for child, _ in key.columns],
            [parent for _, parent in key.columns],
            key.primary_key,
            key.nullable,
            key.unique,
            key.comment,
        )
    for position, index in enumerate(table.indexes):
        await connection.execute(_SQL["insert_index"], table.id, position, list(index.expressions), index.unique)


async def read_definitions(connection: Connection, table: Table, limit: int) -> list[tuple[str, datetime]]:
    """Return the last definitions of a table, each as it was sent and with its time; the current one comes last."""
    return [tuple(row) for row in await connection.fetch(_SQL["read_definitions"], table.id, limit)]


@dataclass(frozen=True, slots=True)
class FormerNames:
    """The names that some tables and their attributes had before they were renamed.

    Args:
        tables: The ids and the former names of tables.
        attributes: The ids of tables, and the former and the present name of an attribute.
    """

    tables: tuple[tuple[int, TableName], ...] = ()
    attributes: tuple[tuple[int, str, str], ...] = ()


async def read_former_names(connection: Connection, ids: Collection[int]) -> FormerNames:
    """Return the former names of some tables, by their ids."""
    tables = await connection.fetch(_SQL["read_former_table_names"], ids)
    attributes = await connection.fetch(_SQL["read_former_attribute_names"], ids)
    return FormerNames(
        tuple((row["table_id"], TableName(row["schema_name"], row["name"])) for row in tables),
        tuple((row["table_id"], row["former"], row["name"]) for row in attributes),
    )


async def insert_definition(connection: Connection, table_id: int, definition: str) -> None:
    """Add a definition to the history of a table."""
    await connection.execute(_SQL["insert_definition"], table_id, definition)


async def update_make(
    connection: Connection,
    table: Table,
    *,
    has_make: bool,
    key_source: bytes | None,
    definer: int | None,
    retry: RetryPolicy,
) -> None:
    """Record a change of a table's class: whether it has a `make`, its key source and definer, and its retry policy."""
    await connection.execute(
        _SQL["update_make"], table.id, has_make, key_source, retry.max_attempts, retry.delay, definer
    )


async def update_source_key(connection: Connection, table: Table) -> None:
    """Record which attributes of the primary key a class's own key source has."""
    await connection.execute(_SQL["update_source_key"], table.id, table.source_key)


async def update_ownership(
    connection: Connection, table: Table, ownership: Ownership | None, belonging: Iterable[Table]
) -> None:
    """Record by which attribute the rows of a table belong to teams.

    Args:
        connection: The connection, in the transaction that locked the catalog.
        table: The table.
        ownership: The rule; None for none.
        belonging: The table and all whose rows belong with it; changes that were made for what they were are refused.
    """
    attribute, hidden = (None, False) if ownership is None else (ownership.attribute, ownership.hidden)
    await connection.execute(_SQL["update_ownership"], table.id, attribute, hidden)
    await connection.execute(_SQL["touch_tables"], [other.id for other in belonging])


async def create_job_table(connection: Connection, table: Table) -> None:
    """Create the job table of a table, in place of an existing one, and record the key of its jobs."""
    await update_source_key(connection, table)
    await connection.execute(ddl.drop_job_table(table))
    for statement in ddl.create_job_table(table):
        await connection.execute(statement)


async def update_schema(
    connection: Connection, name: str, contract: Contract | None, confidential: bool | None
) -> None:
    """Record the contract of `make` of a schema's tables, and whether their reads are audited; None leaves either."""
    await connection.execute(_SQL["update_schema"], name, None if contract is None else contract.value, confidential)


async def delete_table(connection: Connection, table: Table) -> None:
    """Drop a table and its jobs; nothing may refer to it."""
    for statement in ddl.drop_table(table):
        await connection.execute(statement)
    await connection.execute(_SQL["delete_table"], table.id)


async def read_size(connection: Connection, table: Table) -> int:
    """Return how many bytes the rows and indexes of a table take."""
    return int(await connection.fetchval(_SQL["read_size"], ddl.qualified(table.name)))


async def count_rows(connection: Connection, table: Table) -> int:
    """Count the entities of a table."""
    statement = render_count(Select((), TableSource(table.name.schema, table.name.stored, "t")))
    return int(await connection.fetchval(statement.text))
