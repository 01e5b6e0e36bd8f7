"""Read and change the table of objects, which records each object in a store and its state."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from levada_server.model.kinds import Kind
from levada_server.model.object_reference import ObjectReference
from levada_server.query.ddl import qualified
from levada_server.query.sql import quote_name
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from levada_server.model.table import Table
    from levada_server.storage.objects.content import Content
    from levada_server.storage.objects.npy_header import NpyHeader
    from levada_server.storage.postgres.database import Connection

_SQL = statements("objects")

LIFETIME = timedelta(days=7)
"""How long an object without a row stays after the last call that named it. No transaction lasts nearly as long,
so objects that were claimed for rows still exist when the rows are committed."""
QUARANTINE = timedelta(days=1)
"""How long an object stays after it was found without a row."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An object whose bytes are arriving."""

    id: UUID
    schema_id: int
    codec: str
    store: str
    path: str
    name: str
    folder: bool


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that is complete.

    Args:
        codec: The codec of its attribute.
        folder: It is a folder of files.
        reference: Its reference.
        made_for: Other stores whose attributes take it: it lay there, or rows name it for an object that did.
    """

    codec: str
    folder: bool
    reference: ObjectReference
    made_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of an upload that a client sends to the store itself.

    Args:
        path: Its path in the object's folder; empty for a single file.
        token: By which the store knows the upload.
        size_bytes: Its size.
        hash: BLAKE3, as the client says.
    """

    path: str
    token: str
    size_bytes: int
    hash: str


@dataclass(frozen=True, slots=True)
class Doomed:
    """An object or upload that was given up.

    Args:
        upload: The place of its bytes.
        size_bytes: Their size; 0 for an upload.
        whole: It is an object, which a backup may need, and no upload.
    """

    upload: Upload
    size_bytes: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of objects, and of their bytes."""

    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Holders:
    """Through whom an object or upload may be used.

    Args:
        tables: The ids of the tables whose rows name it, or named it.
        tokens: The tokens with which each user put it there, by the user's id.
    """

    tables: tuple[int, ...] = ()
    tokens: Mapping[int, frozenset[UUID]] = field(default_factory=dict)


async def database_id(connection: Connection) -> UUID:
    """Return the id by which stores know the database."""
    found: UUID = await connection.fetchval(_SQL["database_id"])
    return found


async def schema_id(connection: Connection, name: str) -> int | None:
    """Return the id of a schema; None if it does not exist."""
    found: int | None = await connection.fetchval(_SQL["schema_id"], name)
    return found


async def insert_upload(connection: Connection, upload: Upload) -> None:
    """Begin an upload."""
    await connection.execute(
        _SQL["insert_upload"],
        upload.id,
        upload.schema_id,
        upload.codec,
        upload.store,
        upload.path,
        upload.name,
        upload.folder,
        LIFETIME,
    )


async def renew_upload(connection: Connection, id_: UUID) -> Upload | None:
    """Extend the life of an upload, and return it; None if it does not exist."""
    row = await connection.fetchrow(_SQL["renew_upload"], id_, LIFETIME)
    return None if row is None else _upload(row)


async def hold_upload(connection: Connection, id_: UUID, holder: UUID, length: timedelta) -> Upload | None:
    """Hold an upload for some time, and return it; None if it is gone, or another holds it."""
    row = await connection.fetchrow(_SQL["hold_upload"], id_, holder, length, LIFETIME)
    return None if row is None else _upload(row)


async def renew_hold(connection: Connection, id_: UUID, holder: UUID, length: timedelta) -> bool:
    """Hold an upload for some more time; return False if it is gone, or another holds it by now."""
    return await connection.fetchval(_SQL["renew_hold"], id_, holder, length) is not None


async def release_upload(connection: Connection, id_: UUID, holder: UUID) -> None:
    """Hold an upload no longer."""
    await connection.execute(_SQL["release_upload"], id_, holder)


async def begin_attempt(connection: Connection, id_: UUID, holder: UUID, path: str) -> bool:
    """Record the place to which a call is about to move an upload; return False if the hold was lost.

    The record is an upload whose id is the holder's, until `commit_upload` ends it.
    """
    return await connection.fetchval(_SQL["begin_attempt"], id_, holder, path, LIFETIME) is not None


async def insert_sent_file(connection: Connection, id_: UUID, file: SentFile) -> bool:
    """Record a file that a client is about to send to the store itself; return False if it is recorded already."""
    arguments = (id_, file.path, file.token, file.size_bytes, file.hash)
    return await connection.fetchval(_SQL["insert_parts"], *arguments) is not None


async def read_sent_files(connection: Connection, id_: UUID) -> list[SentFile]:
    """Return the files of an upload that the client sends to the store itself, by path."""
    return [SentFile(**row) for row in await connection.fetch(_SQL["read_parts"], id_)]


async def stores_with_objects(connection: Connection, names: Iterable[str]) -> list[str]:
    """Return which of some stores keep objects."""
    return [row["name"] for row in await connection.fetch(_SQL["stores_with_objects"], list(names))]


async def known_uploads(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of some uploads are under way."""
    return {row["id"] for row in await connection.fetch(_SQL["known_uploads"], ids)}


async def known_tokens(connection: Connection, tokens: Sequence[str]) -> set[str]:
    """Return which of some uploads in parts belong to an object that is not complete."""
    return {row["token"] for row in await connection.fetch(_SQL["known_tokens"], tokens)}


async def commit_upload(
    connection: Connection,
    id_: UUID,
    holder: UUID,
    path: str,
    content: Content,
    header: NpyHeader | None,
    *,
    verified: bool,
) -> StoredObject | None:
    """Make an upload an object that rows may name.

    Args:
        connection: A connection.
        id_: The upload.
        holder: Who holds it.
        path: The place of its bytes.
        content: Its content.
        header: The header of an array.
        verified: The server has read the bytes, so their hash is what it says.

    Returns:
        The object; None if the same content is already stored, if the upload is gone, or if another holds it.
    """
    try:
        row = await connection.fetchrow(
            _SQL["commit_upload"],
            id_,
            holder,
            content.size_bytes,
            content.hash,
            None if content.files is None else len(content.files),
            None if header is None else header.dtype,
            None if header is None else header.shape,
            LIFETIME,
            verified,
            path,
        )
    except asyncpg.UniqueViolationError:
        return None
    return None if row is None else stored_object(row)


async def insert_registered(connection: Connection, schema_id: int, files: Sequence[ObjectReference]) -> None:
    """Record files of one store that were already there."""
    if files:
        await connection.execute(
            _SQL["insert_registered"],
            schema_id,
            files[0].store,
            LIFETIME,
            [file.id for file in files],
            [file.path for file in files],
            [file.name for file in files],
            [file.size_bytes for file in files],
            [file.hash for file in files],
        )


async def doom_upload(connection: Connection, id_: UUID, holder: UUID | None = None) -> Upload | None:
    """Mark an upload as given up, and return it as it is recorded.

    Args:
        connection: A connection.
        id_: The upload.
        holder: Who holds it; None for nobody.

    Returns:
        None if it is an object by now, gone, or another's: its bytes are not the caller's to remove.
    """
    row = await connection.fetchrow(_SQL["doom_upload"], id_, holder)
    return None if row is None else _upload(row)


async def is_named_path(connection: Connection, store: str, path: str) -> bool:
    """Return whether an object or an upload lies at a path, or is about to."""
    named: bool = await connection.fetchval(_SQL["is_named_path"], store, path)
    return named


async def claim_content(connection: Connection, upload: Upload, hash_: str) -> StoredObject | None:
    """Find the object with the same content as an upload, in its schema and store, and extend its life."""
    row = await connection.fetchrow(
        _SQL["claim_content"], upload.schema_id, upload.store, upload.codec, hash_, LIFETIME
    )
    return None if row is None else stored_object(row)


async def find_content(connection: Connection, upload: Upload, hash_: str) -> UUID | None:
    """Return the id of the object with the same content as an upload, in its schema and store; None for none."""
    found: UUID | None = await connection.fetchval(
        _SQL["find_content"], upload.schema_id, upload.store, upload.codec, hash_
    )
    return found


async def read_holders(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, Holders]:
    """Return through whom some objects and uploads may be used; nobody, where one does not exist."""
    found = {}
    for row in await connection.fetch(_SQL["read_holders"], list(ids)):
        tokens: defaultdict[int, set[UUID]] = defaultdict(set)
        for user, token in zip(row["users"], row["tokens"], strict=True):
            tokens[user].add(token)
        by_user = {user: frozenset(each) for user, each in tokens.items()}
        found[row["id"]] = Holders(tuple(row["tables"]), by_user)
    return found


async def add_user(connection: Connection, ids: Sequence[UUID], user_id: int, token_id: UUID) -> None:
    """Record that a user put some objects or uploads there."""
    await connection.execute(_SQL["add_user"], ids, user_id, token_id)


async def claim(connection: Connection, ids: Iterable[UUID], table_id: int) -> dict[UUID, StoredObject]:
    """Extend the life of objects that rows of a table are about to name; return each that is not gone."""
    rows = await connection.fetch(_SQL["claim"], list(ids), LIFETIME, table_id)
    return {row["id"]: stored_object(row) for row in rows}


async def read_object(connection: Connection, id_: UUID) -> StoredObject | None:
    """Return an object; None if it does not exist."""
    row = await connection.fetchrow(_SQL["read_object"], id_)
    return None if row is None else stored_object(row)


async def read_schema(connection: Connection, id_: UUID) -> str:
    """Return the name of an object's schema; empty if either does not exist."""
    return await connection.fetchval(_SQL["read_schema"], id_) or ""


NAMED, ERASED = "named_object", "erased_object"
"""Temporary tables of `find_named`: objects that rows name, and objects that rows named which are erased."""


async def find_named(connection: Connection, tables: Iterable[Table], place: str = NAMED) -> None:
    """Collect the ids of all objects that rows of some tables name, in a temporary table of the transaction."""
    await connection.execute(_SQL["lift_time_limit"])
    await connection.execute(fill(_SQL["create_named"], named=place))
    for table in tables:
        for name in object_attributes(table):
            await connection.execute(
                fill(_SQL["add_named"], named=place, column=quote_name(name), table=qualified(table.name))
            )


async def lock_named(connection: Connection, tables: Iterable[Table]) -> None:
    """Let nobody write into the tables of some that name objects, until the transaction ends; its first statement."""
    for table in tables:
        if object_attributes(table):
            await connection.execute(fill(_SQL["lock_named"], table=qualified(table.name)))


def object_attributes(table: Table) -> list[str]:
    """Return the attributes of a table that name objects."""
    return [attribute.name for attribute in table.heading if attribute.type.kind is Kind.OBJECT]


async def doom_erased(connection: Connection) -> list[Doomed]:
    """Mark the objects that only erased rows named as given up, and return them.

    Call `find_named` before, with `ERASED` for the rows to erase, and after these are deleted.
    """
    return [_doomed(row) for row in await connection.fetch(_SQL["doom_erased"])]


async def unnamed_paths(connection: Connection, schemas: Sequence[str]) -> list[tuple[UUID, str, str]]:
    """Return the ids, schemas and paths of uploads, and of objects that no row names, whose paths have keys.

    Call `find_named` before.
    """
    rows = await connection.fetch(_SQL["unnamed_paths"], schemas)
    return [(row["id"], row["schema_name"], row["path"]) for row in rows]


async def doom_unnamed(connection: Connection, ids: Sequence[UUID]) -> list[Doomed]:
    """Mark some uploads and unnamed objects as given up, and return them."""
    return [_doomed(row) for row in await connection.fetch(_SQL["doom_unnamed"], ids)]


async def quarantine(connection: Connection) -> Counted:
    """Quarantine objects that no row names, and release objects that a row names; count those in quarantine now.

    Call `find_named` first in the same transaction.
    """
    await connection.execute(_SQL["release"])
    return Counted(*await connection.fetchrow(_SQL["quarantine"]))


async def may_remove(connection: Connection) -> bool:
    """Return whether objects may be given up in this transaction: no backup needs them, or begins meanwhile."""
    allowed: bool = await connection.fetchval(_SQL["may_remove"])
    return allowed


async def doom(connection: Connection) -> bool:
    """Mark objects that were in quarantine long enough, and expired uploads, as given up.

    While a backup is made, which may take longer than the quarantine, no object is: rows named it when that began.

    Call `find_named` first in the same transaction.

    Returns:
        False if the objects had to stay.
    """
    allowed = await may_remove(connection)
    await connection.execute(_SQL["doom"], QUARANTINE, allowed)
    return allowed


async def backup_since(connection: Connection) -> datetime | None:
    """Return since when a backup keeps objects, as far as PostgreSQL tells; None for no backup."""
    found: datetime | None = await connection.fetchval(_SQL["backup_since"])
    return found


async def count_doomed(connection: Connection) -> Counted:
    """Count the objects and uploads to remove; an upload counts no bytes."""
    return Counted(*await connection.fetchrow(_SQL["count_doomed"]))


async def read_doomed(connection: Connection, after: UUID, limit: int) -> list[Doomed]:
    """List some objects and uploads to remove, which follow an id, in its order."""
    return [_doomed(row) for row in await connection.fetch(_SQL["read_doomed"], after, limit)]


async def delete_doomed(connection: Connection, ids: Sequence[UUID]) -> None:
    """Delete the records of objects that were removed."""
    await connection.execute(_SQL["delete_doomed"], ids)


def _doomed(row: asyncpg.Record) -> Doomed:
    return Doomed(_upload(row), row["size_bytes"] or 0, row["hash"] is not None)


def _upload(row: asyncpg.Record) -> Upload:
    return Upload(row["id"], row["schema_id"], row["codec"], row["store"], row["path"], row["name"], row["folder"])


def stored_object(row: asyncpg.Record) -> StoredObject:
    """Read an object from its row."""
    shape = row["shape"]
    reference = ObjectReference(
        id=row["id"],
        store=row["store"],
        path=row["path"],
        name=row["name"],
        size_bytes=row["size_bytes"],
        hash=row["hash"],
        file_count=row["file_count"],
        dtype=row["dtype"],
        shape=None if shape is None else tuple(shape),
    )
    return StoredObject(row["codec"], row["folder"], reference, tuple(row["made_for"]))
