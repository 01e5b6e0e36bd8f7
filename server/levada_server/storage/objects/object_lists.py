"""Read and change many objects: lists of them, the rows that name them, and which store they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from levada_server.query.ddl import qualified
from levada_server.query.sql import quote_name
from levada_server.storage.objects.object_rows import (
    LIFETIME,
    StoredObject,
    insert_upload,
    object_attributes,
    stored_object,
)
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from levada_server.model.table import Table
    from levada_server.storage.objects.object_rows import Upload
    from levada_server.storage.postgres.database import Connection

_SQL = statements("objects")

_WINDOW = 16_384
"""One statement looks at no more ids than these."""
_LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a list.

    Args:
        stored: The object.
        schema: The name of its schema; empty if that was dropped.
        quarantined: No row named it when somebody looked.
        tables: The tables whose rows name it, or named it.
    """

    stored: StoredObject
    schema: str
    quarantined: bool
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copyable:
    """An object to copy, the id of its schema, and whether the server has read its bytes and so knows their hash."""

    stored: StoredObject
    schema_id: int
    verified: bool


@dataclass(frozen=True, slots=True)
class NamingRow:
    """A row that names an object: its table, the attribute, and the row's primary key as a JSON object."""

    table: str
    attribute: str
    key: str


async def list_objects(
    connection: Connection, *, store: str, schema: str, after: UUID, count: int
) -> list[ListedObject]:
    """Return the next objects that rows may name, by id.

    Args:
        connection: A connection.
        store: Only objects of this store; empty for all.
        schema: Only objects of this schema; empty for all.
        after: The id after which they begin.
        count: At most this many.
    """
    rows = await _next(connection, "list_objects", after, count, store, schema)
    return [
        ListedObject(stored_object(row), row["schema"], row["state"] == "quarantined", tuple(row["tables"]))
        for row in rows
    ]


async def _next(
    connection: Connection, statement: str, after: UUID, count: int, store: str, schema: str
) -> list[asyncpg.Record]:
    """Return the next objects that a statement finds, by id.

    The statement looks at one window of ids after the other; they grow while it finds too few. A single statement
    would be slow after many objects have come at once: until PostgreSQL has counted the stores and the states, it
    expects to find few objects, so it reads and sorts all of them for each page.
    """
    found: list[asyncpg.Record] = []
    window = count
    begin: UUID | None = after
    while begin is not None and len(found) < count:
        end: UUID | None = await connection.fetchval(_SQL["end_of_window"], begin, window - 1)
        found += await connection.fetch(_SQL[statement], begin, end or _LAST, count - len(found), store, schema)
        begin, window = end, min(2 * window, _WINDOW)
    return found


async def read_naming_rows(connection: Connection, table: Table, id_: UUID, count: int) -> list[NamingRow]:
    """Return rows of a table that name an object, at most some; each attribute of objects is read from end to end."""
    found: list[NamingRow] = []
    key = ", ".join(f"t.{quote_name(name)}" for name in table.heading.primary_key) or "NULL"
    for name in object_attributes(table):
        statement = fill(_SQL["read_naming_rows"], key=key, table=qualified(table.name), column=quote_name(name))
        rows = await connection.fetch(statement, str(id_), count - len(found))
        found += [NamingRow(str(table.name), name, row["key"]) for row in rows]
    return found


async def list_copyable(connection: Connection, *, store: str, schema: str, after: UUID, count: int) -> list[Copyable]:
    """Return the next objects of a store, by id; registered files are left out."""
    rows = await _next(connection, "list_copyable", after, count, store, schema)
    return [Copyable(stored_object(row), row["schema_id"], row["verified"]) for row in rows]


async def begin_copy(connection: Connection, copy: Upload) -> None:
    """Record where the bytes of a copy are about to go, so that they are found if the server stops in between."""
    await insert_upload(connection, copy)


async def exchange(connection: Connection, original: StoredObject, copy: Upload) -> bool:
    """Let an object lie where its copy is, and the record of the copy have the original bytes, in quarantine.

    Returns:
        False if nothing changed: the object is gone or lies elsewhere by now, or its content was in the store already.
    """
    reference = original.reference
    try:
        async with connection.transaction():
            if not await connection.fetchval(_SQL["lock_copied"], reference.id, reference.store, reference.path):
                return False
            await connection.execute(_SQL["move_to_copy"], reference.id, copy.store, copy.path)
            kept = await connection.fetchval(
                _SQL["keep_original"], copy.id, reference.id, reference.store, reference.path
            )
            if kept is None:
                raise _Gone
    except (asyncpg.UniqueViolationError, _Gone):
        return False
    return True


class _Gone(Exception):
    """The record of a copy has expired; its bytes may be gone."""


async def claim_twins(connection: Connection, source: str, target: str, schema: str) -> None:
    """Let the objects of a store stay for which rows are about to be changed, because the other store has the same.

    Args:
        connection: A connection.
        source: The other store.
        target: The store.
        schema: Only objects of this schema; empty for all.
    """
    await connection.execute(_SQL["claim_twins"], source, target, LIFETIME, schema)


async def follow(connection: Connection, table: Table, source: str, target: str, schema: str) -> int:
    """Let the rows of a table name objects where they lie now; return how many rows changed.

    Args:
        connection: A connection.
        table: The table.
        source: The store that the objects have left, or whose content the other one has too.
        target: The other store.
        schema: Only objects of this schema; empty for all.
    """
    changed = 0
    await connection.execute(_SQL["lift_time_limit"])
    for name in object_attributes(table):
        marks = {"table": qualified(table.name), "column": quote_name(name)}
        both: tuple[tuple[str, tuple[object, ...]], ...] = (
            ("follow_twins", (source, target, schema, table.id)),
            ("follow_objects", (source, schema)),
        )
        for statement, arguments in both:
            done = await connection.execute(fill(_SQL[statement], **marks), *arguments)
            changed += int(done.rpartition(" ")[2])
    return changed
