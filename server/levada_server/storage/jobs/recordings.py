"""Keep and read what users read, under names of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from levada_server.storage.postgres.database import Connection

_SQL = statements("recordings")


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


async def create(connection: Connection, user_id: int | None, name: str, *, most: int) -> Recording | None:
    """Begin a recording of a user, unless there is one; return it, or None if the user has too many."""
    await connection.execute(_SQL["create"], user_id, name, most)
    found = await read_all(connection, user_id, name)
    return found[0] if found else None


async def read_all(connection: Connection, user_id: int | None, name: str | None = None) -> list[Recording]:
    """Return the recordings of a user by name, or only the named one."""
    return [Recording(**row) for row in await connection.fetch(_SQL["list"], user_id, name)]


async def find(connection: Connection, user_id: int | None, names: Sequence[str]) -> dict[str, int]:
    """Return the ids of the named recordings of a user, as far as they exist."""
    return {row["name"]: row["id"] for row in await connection.fetch(_SQL["find"], user_id, names)}


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


async def delete(connection: Connection, user_id: int | None, name: str) -> bool:
    """Delete a recording of a user; return whether there was one."""
    return await connection.fetchval(_SQL["delete"], user_id, name) is not None
