"""Read objects from their stores: whole, in part, or the list of a folder's files."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from levada_server.errors import DamagedObject, InvalidRequest, NotFound, UnknownObject
from levada_server.model.object_names import check_path
from levada_server.storage.objects import object_rows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from uuid import UUID

    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.content import StoredFile
    from levada_server.storage.objects.object_rows import StoredObject, Upload
    from levada_server.storage.objects.store import LocalFile, SignedRequest, Store

CHUNK_BYTES = 2**20
"""The size of a chunk of a download."""
DIRECT_BYTES = 8 * 2**20
"""Smaller reads are not worth a request to the store."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that a caller may read, and its store."""

    stored: StoredObject
    store: Store


@dataclass(frozen=True, slots=True)
class FoundUpload:
    """The id of a caller's own upload, and its store."""

    id: UUID
    store: Store


async def download(
    engine: Engine, caller: Caller, id_: UUID, path: str, *, offset: int, length_bytes: int | None
) -> AsyncGenerator[bytes, None]:
    """Find an object, and yield bytes as `read` does."""
    async with aclosing(
        read(await find_readable(engine, caller, id_), path, offset=offset, length_bytes=length_bytes)
    ) as chunks:
        async for chunk in chunks:
            yield chunk


async def read(
    found: Found | FoundUpload, path: str, *, offset: int, length_bytes: int | None
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of an object, of a folder's file, or of a folder's list of files, from an offset on.

    Raises:
        NotFound: The folder has no such file.
        DamagedObject: The store lost the object, or its size has changed.
        InvalidRequest: The offset is past the end.
    """
    file = await _open(found, path)
    try:
        end = file.seek(0, 2)
        if not 0 <= offset <= end or (length_bytes is not None and length_bytes < 0):
            raise InvalidRequest(f"The offset {offset} is past the end of a file of {end} bytes.", field="offset")
        file.seek(offset)
        left = end - offset if length_bytes is None else min(length_bytes, end - offset)
        while left:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                raise DamagedObject("The file became shorter during the read.")
            left -= len(chunk)
            yield chunk
    finally:
        file.close()


async def direct(
    found: Found | FoundUpload, caller: Caller, path: str, *, offset: int, length_bytes: int | None
) -> tuple[SignedRequest | LocalFile, int] | None:
    """Return how the client reads a file from the store itself, and the size of the file.

    Only a program of the server's own user reads it on the disk.

    Returns:
        None for a read that is small, an upload, or a store that only the server reaches: use `read`.

    Raises:
        As `read`.
    """
    if isinstance(found, FoundUpload):
        return None
    _check_path(found, path)
    reference, store = found.stored.reference, found.store
    at_most = reference.size_bytes if length_bytes is None else length_bytes
    if at_most < DIRECT_BYTES or (found.stored.folder and not path):
        return None
    place = f"{reference.path}/{check_path(path)}" if path else reference.path
    address = await asyncio.to_thread(_address, store, place, local=caller.local)
    if address is None:
        return None
    with await open_file(store, found.stored, path) as file:
        size = file.seek(0, 2)
    if not 0 <= offset <= size or size - offset < DIRECT_BYTES:
        return None
    return address, size


def _address(store: Store, place: str, *, local: bool) -> SignedRequest | LocalFile | None:
    try:
        return (store.local_read(place) if local else None) or store.sign_read(place)
    except NotFound:
        return None  # reading it will tell


def _check_path(found: Found, path: str) -> None:
    if path and not found.stored.folder:
        raise InvalidRequest("The object is a single file without other files; leave `path` empty.", field="path")


async def list_files(engine: Engine, caller: Caller, id_: UUID) -> Sequence[StoredFile]:
    """List the files of a folder.

    Raises:
        UnknownObject: The object does not exist, or the caller may not read it.
        InvalidRequest: The object is not a folder.
        DamagedObject: The store lost the list.
    """
    found = await find(engine, caller, id_)
    if not found.stored.folder:
        raise InvalidRequest("The object is a single file without a list of files.", field="object_id")
    try:
        return await asyncio.to_thread(found.store.files, found.stored.reference.path)
    except NotFound:
        raise _lost(found.store, found.stored) from None


async def _open(found: Found | FoundUpload, path: str) -> IO[bytes]:
    """Open a file of an object, or of an upload."""
    if isinstance(found, Found):
        _check_path(found, path)
        return await open_file(found.store, found.stored, path)
    try:
        return await asyncio.to_thread(found.store.open_staged, found.id, path)
    except NotFound:
        raise UnknownObject(
            f"Nothing of {path!r} has arrived yet." if path else "Nothing has arrived yet.", object=found.id
        ) from None


async def find_upload(engine: Engine, caller: Caller, id_: UUID) -> Upload | None:
    """Return a caller's own upload, and extend its life; None if there is no such upload."""
    view = await engine.gate.open(caller)
    async with engine.objects.connection() as connection:
        holders = (await object_rows.read_holders(connection, (id_,)))[id_]
        return await object_rows.renew_upload(connection, id_) if view.put_object(holders) else None


async def find_readable(engine: Engine, caller: Caller, id_: UUID) -> Found | FoundUpload:
    """Find an object that the caller may read, or an upload of the caller's own.

    Raises:
        UnknownObject: There is neither.
    """
    try:
        return await find(engine, caller, id_)
    except UnknownObject:
        upload = await find_upload(engine, caller, id_)
        if upload is None:
            raise
        return FoundUpload(id_, engine.objects.store(upload.store))


async def find(engine: Engine, caller: Caller, id_: UUID) -> Found:
    """Find an object that the caller may read.

    Raises:
        UnknownObject: It does not exist, or the caller may not read it.
    """
    view = await engine.gate.open(caller)
    async with engine.objects.connection() as connection:
        found = await object_rows.read_object(connection, id_)
        holders = (await object_rows.read_holders(connection, (id_,)))[id_]
        if view.catalog.confidential:
            schema = await object_rows.read_schema(connection, id_)
            view.note_read(schema, f"{schema}:{id_}")
        reads = await view.reads_object(connection, id_, holders)
    if found is None or not reads:
        raise UnknownObject("There is no object with this id; perhaps no row names it any more.", object=id_)
    return Found(found, engine.objects.store(found.reference.store))


async def open_file(store: Store, found: StoredObject, path: str) -> IO[bytes]:
    """Open an object for reading, after a check of its size, the cheapest sign of damage."""
    reference = found.reference
    if found.folder and not path:
        try:
            return await asyncio.to_thread(store.open_listing, reference.path)
        except NotFound:
            raise _lost(store, found) from None
    if found.folder:
        try:
            return await asyncio.to_thread(store.open, f"{reference.path}/{path}")
        except NotFound:
            raise NotFound(f"The folder has no file {path!r}, or its store lost it.", object=reference.id) from None
    try:
        file = await asyncio.to_thread(store.open, reference.path)
    except NotFound:
        raise _lost(store, found) from None
    size = file.seek(0, 2)
    if size != reference.size_bytes:
        file.close()
        raise DamagedObject(
            f"`{reference.path}` in the store `{store.name}` has {size} bytes but had {reference.size_bytes}.",
            object=reference.id,
        )
    return file


def _lost(store: Store, found: StoredObject) -> DamagedObject:
    return DamagedObject(
        f"The store `{store.name}` lost `{found.reference.path}`; bring it back from a backup.",
        object=found.reference.id,
    )
