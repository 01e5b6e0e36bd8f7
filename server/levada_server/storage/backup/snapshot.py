"""Read a whole database as it was at one moment, while others write on: digests of its tables, and its objects."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from levada_server.errors import InvalidRequest, NotFound, PreconditionFailed
from levada_server.storage.objects.object_files import NamedObject
from levada_server.storage.objects.object_rows import database_id
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.storage.postgres.database import Connection, Database

_SQL = statements("backup")


@dataclass(frozen=True, slots=True)
class TableDigest:
    """The content of a table, for comparing.

    Args:
        name: The table's name, as PostgreSQL writes it.
        row_count: The number of its rows.
        sha256: The digest of its rows in the order of the primary key, in the binary form of COPY.
    """

    name: str
    row_count: int
    sha256: str


class Snapshot:
    """A database at one moment.

    Args:
        id: The name by which other connections see the same moment.
    """

    def __init__(self, connection: Connection, id_: str) -> None:
        self.id = id_
        self._connection = connection

    async def migration(self) -> int:
        """Return the number of the last migration.

        Raises:
            NotFound: The database is not one of Levada.
        """
        if await self._connection.fetchval("SELECT to_regclass('levada.migration')") is None:
            raise NotFound("The database has no tables of Levada; no server has ever used it.")
        number: int = await self._connection.fetchval(_SQL["migration"])
        return number

    async def database_id(self) -> UUID | None:
        """Return the id by which stores know the database; None if no server has given it one yet."""
        known = await self._connection.fetchval("SELECT to_regclass('levada.database')")
        return None if known is None else await database_id(self._connection)

    async def digests(self) -> list[TableDigest]:
        """Read all tables and return their digests, in the order of their names."""
        found = []
        for row in await self._connection.fetch(_SQL["list_tables"]):
            hashed = hashlib.sha256()

            async def take(content: bytes, hashed: hashlib._Hash = hashed) -> None:
                hashed.update(content)

            query = fill(_SQL["read_table"], table=row["name"], ordering=row["ordering"])
            done = await self._connection.copy_from_query(query.rstrip(";"), output=take, format="binary")
            found.append(TableDigest(row["name"], int(done.removeprefix("COPY ")), hashed.hexdigest()))
        return found

    async def objects(self) -> list[NamedObject]:
        """Return all objects that rows may name, in the order of their stores and paths."""
        rows = await self._connection.fetch(_SQL["list_objects"])
        return [NamedObject(**row) for row in rows]


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Snapshot]:
    """Hold a database as it is now, for the length of the block.

    Meanwhile no table is dropped or altered, and no object is given up that rows named at this moment.

    Raises:
        Conflict: A table was dropped in the first moment.
    """
    async with database.connection() as connection:
        async with connection.transaction():
            await connection.execute(_SQL["begin_snapshot"])
            await connection.execute(_SQL["keep_objects"])
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_SQL["begin_snapshot"])
            id_ = await connection.fetchval(_SQL["export_snapshot"])
            for row in await connection.fetch(_SQL["list_tables"]):
                await connection.execute(fill(_SQL["lock_table"], table=row["name"]))
            yield Snapshot(connection, id_)
        await connection.execute(_SQL["release_objects"])  # after a failure the pool does


async def check_empty(database: Database) -> None:
    """Check that a database has no tables.

    Raises:
        InvalidRequest: It has some.
    """
    async with database.connection() as connection:
        if await connection.fetchval(_SQL["has_tables"]):
            raise InvalidRequest(
                "The database is not empty, and restoring replaces nothing. Name a new data folder, or make a new "
                "database with createdb."
            )


async def begin_restoring(database: Database) -> UUID:
    """Mark an empty database, so that no server uses it before `make_independent`.

    Returns:
        An id, the same one if a restore into this database is repeated.
    """
    async with database.transaction() as connection:
        if (begun := await connection.fetchval(_SQL["restoring_id"])) is not None:
            return UUID(begun)
        id_ = uuid4()
        await connection.execute(_SQL["begin_restoring"])
        await connection.execute(fill(_SQL["name_restoring"], id=f"'{id_}'"))
        return id_


async def check_restored(database: Database) -> None:
    """Check that no restore into a database has broken off: it has the keys of the one that was saved.

    Raises:
        PreconditionFailed: One has.
    """
    async with database.connection() as connection:
        if await connection.fetchval(_SQL["restoring_id"]) is not None:
            raise PreconditionFailed(
                "A restore into this database has not ended. Restore into an empty one, and drop this one."
            )


async def make_independent(database: Database, copy: UUID | None) -> None:
    """End what belongs to the database that was saved: its leases, browsers and alerts, and, of a copy, its tokens.

    Args:
        database: The restored database.
        copy: The new id by which stores know it, if the database that was saved goes on beside it.
    """
    async with database.transaction() as connection:
        await connection.execute(_SQL["replace_signing_key"])
        await connection.execute(_SQL["end_sessions"])
        await connection.execute(_SQL["end_browsers"])
        await connection.execute(_SQL["reset_changes"])
        for row in await connection.fetch(_SQL["job_tables"]):
            await connection.execute(fill(_SQL["reset_horizons"], jobs=row["name"]))
        await connection.execute(_SQL["forget_alerts"])
        await connection.execute(_SQL["end_restoring"])
        if copy is not None:
            await connection.execute(_SQL["replace_id"], copy)
            await connection.execute(_SQL["revoke_tokens"])
