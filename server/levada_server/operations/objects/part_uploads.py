"""Let clients send files to a store themselves, in parts that the server signs."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.errors import DamagedObject, InvalidRequest, NotFound, UnknownObject
from levada_server.operations.objects import holds
from levada_server.storage.objects import object_rows
from levada_server.storage.objects.content import StoredFile
from levada_server.storage.objects.object_rows import SentFile
from levada_server.storage.objects.store import Part

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from levada_server.operations.context import Engine
    from levada_server.operations.objects.holds import Held
    from levada_server.storage.objects.object_rows import Upload
    from levada_server.storage.objects.store import PartUploads, SignedRequest, Store

PART_BYTES = 8 * 2**20
"""The size of a part of a usual file; files that are not larger pass through the server."""
_MAX_PARTS = 10_000
"""S3 takes no more of one file."""
MAX_FILE_BYTES = 5 * 2**40
"""S3 takes no larger file."""
MAX_SIGNED = 100
"""Parts that one call signs."""
_MD5_BYTES = 16


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that has begun: the size of its parts, and the numbers of the parts that have arrived."""

    part_bytes: int
    arrived: Sequence[int]


def part_bytes(size_bytes: int) -> int:
    """Return the size of each part of a file, but the last."""
    least = -(-size_bytes // _MAX_PARTS)
    return max(PART_BYTES, -(-least // 2**20) * 2**20)


async def begin(engine: Engine, upload: Upload, store: Store, *, path: str, size_bytes: int, hash_: str) -> Begun:
    """Begin a file, or find which of its parts have arrived.

    Raises:
        InvalidRequest: The store takes no parts, the file's size is out of range, or it began with another one or hash.
        UnknownObject: The upload has ended.
    """
    parts = _part_uploads(store)
    if not PART_BYTES < size_bytes <= MAX_FILE_BYTES:
        raise InvalidRequest(
            f"A file of more than {PART_BYTES} and at most {MAX_FILE_BYTES} bytes can be sent in parts, and this one "
            f"has {size_bytes}.",
            field="size_bytes",
        )
    sent = await _sent_file(engine, upload, path)
    if sent is None:
        token = await asyncio.to_thread(parts.begin, upload.id, _place(upload, path))
        async with engine.objects.connection() as connection:
            first = await object_rows.insert_sent_file(connection, upload.id, SentFile(path, token, size_bytes, hash_))
        if not first:
            await asyncio.to_thread(parts.abort, upload.id, _place(upload, path), token)
        sent = await _sent_file(engine, upload, path)
        if sent is None:
            raise UnknownObject("The upload has ended; begin another.", object=upload.id)
    if (sent.size_bytes, sent.hash) != (size_bytes, hash_):
        raise InvalidRequest("This file of the upload began with another size or hash.", field="hash")
    arrived = await asyncio.to_thread(_arrived, store, upload, sent)
    return Begun(part_bytes(size_bytes), [part.number for part in arrived])


async def sign(
    engine: Engine, upload: Upload, store: Store, *, path: str, wanted: Sequence[tuple[int, bytes]]
) -> list[SignedRequest]:
    """Sign the requests that send some parts, each given by its number and the MD5 of its bytes.

    Raises:
        InvalidRequest: The file has not begun, or has no such part.
    """
    parts, sent = _part_uploads(store), await _sent_file(engine, upload, path)
    if sent is None:
        raise InvalidRequest("This file has not begun; call BeginParts.", field="path")
    if len(wanted) > MAX_SIGNED:
        raise InvalidRequest(f"At most {MAX_SIGNED} parts are signed at once.", field="parts")
    count = _count(sent.size_bytes)
    for number, md5 in wanted:
        if not 1 <= number <= count or len(md5) != _MD5_BYTES:
            raise InvalidRequest(
                f"A part has a number from 1 to {count} and an MD5 of {_MD5_BYTES} bytes.", field="parts"
            )
    place = _place(upload, path)

    def signed() -> list[SignedRequest]:
        return [
            parts.sign(upload.id, place, sent.token, number=n, size_bytes=_size_of(n, sent.size_bytes), md5=md5)
            for n, md5 in wanted
        ]

    return await asyncio.to_thread(signed)


async def complete(engine: Engine, held: Held, store: Store, streamed: Collection[str]) -> list[StoredFile]:
    """Complete the files that the client sent itself; return them with the hashes that it gave.

    Args:
        streamed: The paths of the files that came through the server; the client gave up their parts.

    Raises:
        DamagedObject: A part is missing, or has another size.
        UnknownObject: Another call took over.
    """
    upload, found = held.upload, []
    async with engine.objects.connection() as connection:
        sent_files = await object_rows.read_sent_files(connection, upload.id)
    for sent in sent_files:
        if sent.path in streamed:
            await asyncio.to_thread(_part_uploads(store).abort, upload.id, _place(upload, sent.path), sent.token)
        else:
            await holds.check(engine, held)
            await asyncio.to_thread(_complete, store, upload, sent)
            found.append(StoredFile(sent.path, sent.size_bytes, sent.hash))
    return found


async def abort(engine: Engine, upload: Upload, store: Store) -> None:
    """Abort the files that the client sent itself."""
    if store.part_uploads is None:
        return
    async with engine.objects.connection() as connection:
        sent_files = await object_rows.read_sent_files(connection, upload.id)
    for sent in sent_files:
        await asyncio.to_thread(store.part_uploads.abort, upload.id, _place(upload, sent.path), sent.token)


def _arrived(store: Store, upload: Upload, sent: SentFile) -> list[Part]:
    """Return the parts of a file that have arrived whole: all of them, if a commit has joined them and broke off."""
    place = _place(upload, sent.path)
    try:
        found = _part_uploads(store).parts(upload.id, place, sent.token)
    except UnknownObject:
        if _joined_size(store, upload, place) != sent.size_bytes:
            raise
        count = _count(sent.size_bytes)
        return [Part(number, _size_of(number, sent.size_bytes), "") for number in range(1, count + 1)]
    return [part for part in found if _is_whole(part, sent.size_bytes)]


def _complete(store: Store, upload: Upload, sent: SentFile) -> None:
    parts, place = _part_uploads(store), _place(upload, sent.path)
    try:
        arrived = parts.parts(upload.id, place, sent.token)
    except UnknownObject:  # the answer to an earlier commit may be lost
        size = _joined_size(store, upload, place)
    else:
        whole = [part for part in arrived if _is_whole(part, sent.size_bytes)]
        if [part.number for part in whole] != list(range(1, _count(sent.size_bytes) + 1)):
            raise DamagedObject(
                f"{len(whole)} of {_count(sent.size_bytes)} parts arrived whole. Upload the file again.",
                object=upload.id,
            )
        size = parts.complete(upload.id, place, sent.token, whole)
    if size != sent.size_bytes:
        raise DamagedObject(
            f"The store made a file of {size} bytes from parts of {sent.size_bytes}. Upload it again.", object=upload.id
        )


def _joined_size(store: Store, upload: Upload, place: str) -> int:
    """Return the size of a file at its final path, which has the upload's id, so that nobody else puts one there."""
    try:
        with store.open(place) as file:
            return file.seek(0, io.SEEK_END)
    except NotFound:
        raise UnknownObject("The upload has ended; begin another.", object=upload.id) from None


async def _sent_file(engine: Engine, upload: Upload, path: str) -> SentFile | None:
    async with engine.objects.connection() as connection:
        sent_files = await object_rows.read_sent_files(connection, upload.id)
    return next((sent for sent in sent_files if sent.path == path), None)


def _part_uploads(store: Store) -> PartUploads:
    if store.part_uploads is None:
        raise InvalidRequest(
            f"The store `{store.name}` takes no parts from clients; send the bytes by UploadObject.", field="upload_id"
        )
    return store.part_uploads


def _place(upload: Upload, path: str) -> str:
    return f"{upload.path}/{path}" if path else upload.path


def _count(size_bytes: int) -> int:
    return -(-size_bytes // part_bytes(size_bytes))


def _size_of(number: int, size_bytes: int) -> int:
    return min(part_bytes(size_bytes), size_bytes - (number - 1) * part_bytes(size_bytes))


def _is_whole(part: Part, size_bytes: int) -> bool:
    return 1 <= part.number <= _count(size_bytes) and part.size_bytes == _size_of(part.number, size_bytes)
