"""Keep and read what users read, under names of their own.

The functions take the user, and the user's token if it has scopes: such a token has only the recordings that it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from levada_server.model.table import TableName
    from levada_server.storage.postgres.database import Connection

_SQL = statements("recordings")
_AT_ONCE = 16
"""A relation may have megabytes."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording: its name, the number of its reads, and the time of the last one, None before."""

    name: str
    create_time: datetime
    read_count: int
    last_read_time: datetime | None


@dataclass(frozen=True, slots=True)
class RecordedRead:
    """A read of a recording; the fields are those of the message of this name."""

    id: int
    relation: bytes
    kind: str
    digest: str
    first_time: datetime
    last_time: datetime
    read_count: int


async def create(
    connection: Connection, user_id: int | None, token_id: UUID | None, name: str, *, most: int
) -> Recording | None:
    """Begin a recording, or go on with one; return it.

    Returns:
        None if the user has too many, or one of this name that is not the token's.
    """
    await connection.execute(_SQL["create"], user_id, name, most, token_id)
    if token_id is None:
        await connection.execute(_SQL["take_over"], user_id, name)
    found = await read_all(connection, user_id, token_id, name)
    return found[0] if found else None


async def read_all(
    connection: Connection, user_id: int | None, token_id: UUID | None, name: str | None = None
) -> list[Recording]:
    """Return the recordings by name, or only the named one."""
    return [Recording(**row) for row in await connection.fetch(_SQL["list"], user_id, name, token_id)]


async def find(connection: Connection, user_id: int | None, token_id: UUID | None, name: str) -> int | None:
    """Return the id of the named recording, which may be read; None if there is none."""
    id_: int | None = await connection.fetchval(_SQL["find"], user_id, name, token_id)
    return id_


async def find_open(
    connection: Connection, user_id: int | None, token_id: UUID | None, names: Sequence[str]
) -> dict[str, int]:
    """Return the ids of the named recordings to which reads may be added, as far as they exist.

    To the recording of a token with scopes no other token adds, because it would show the other's reads.
    """
    return {row["name"]: row["id"] for row in await connection.fetch(_SQL["find_open"], user_id, names, token_id)}


async def add_read(
    connection: Connection,
    ids: Sequence[int],
    key: bytes,
    relation: bytes,
    kind: str,
    digest: str,
    *,
    most: int,
    most_bytes: int,
) -> set[int]:
    """Add a read to recordings; return the ids of the recordings that have it now, not of full ones."""
    rows = await connection.fetch(_SQL["add_read"], ids, key, relation, kind, digest, most, most_bytes)
    return {row["recording_id"] for row in rows}


async def read_reads(connection: Connection, id_: int, after: int, limit: int) -> list[RecordedRead]:
    """Return some reads of a recording, after the one with an id."""
    return [RecordedRead(**row) for row in await connection.fetch(_SQL["list_reads"], id_, after, limit)]


async def delete(connection: Connection, user_id: int | None, token_id: UUID | None, name: str) -> bool:
    """Delete a recording; return whether there was one."""
    return await connection.fetchval(_SQL["delete"], user_id, name, token_id) is not None


async def reads_that_name(
    connection: Connection, tables: Iterable[TableName]
) -> AsyncIterator[list[tuple[int, bytes]]]:
    """Yield the recorded reads of all users that may name one of some tables, some at a time: ids and relations."""
    names = {(name.schema.encode(), spelled.encode()) for name in tables for spelled in (name.table, name.stored)}
    schemas, spelled_names = zip(*sorted(names), strict=True)
    after = 0
    while rows := await connection.fetch(_SQL["reads_that_name"], after, schemas, spelled_names, _AT_ONCE):
        yield [(row["id"], row["relation"]) for row in rows]
        after = rows[-1]["id"]


async def delete_reads(connection: Connection, ids: Sequence[int]) -> None:
    """Delete some recorded reads, whosever they are."""
    await connection.execute(_SQL["delete_reads"], ids)
