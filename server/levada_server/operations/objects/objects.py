"""Write objects into their stores: stage, upload, commit."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from levada_server.errors import (
    DamagedObject,
    InvalidRequest,
    LevadaError,
    Unavailable,
    UnknownObject,
    UnknownSchema,
    WrongValue,
)
from levada_server.model.kinds import Kind
from levada_server.model.object_names import (
    BY_CONTENT,
    attachment_path,
    check_file_name,
    check_path,
    content_path,
    keyed_path,
    path_of_copy,
)
from levada_server.operations.objects import holds, part_uploads
from levada_server.operations.objects.claims import readable
from levada_server.operations.objects.collection import remove_bytes, remove_doomed
from levada_server.operations.objects.downloads import find_upload, open_file
from levada_server.permissions.roles import Action
from levada_server.storage.objects import object_rows
from levada_server.storage.objects.content import Content, check_tree, content_of_files
from levada_server.storage.objects.npy_header import NpyHeader, read_npy_header
from levada_server.storage.objects.object_rows import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada_server.model.heading import Attribute
    from levada_server.model.object_reference import ObjectReference
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.operations.objects.holds import Held
    from levada_server.storage.objects.object_rows import StoredObject
    from levada_server.storage.objects.store import LocalFile, SignedRequest, Store
    from levada_server.storage.postgres.database import Connection

_LOG = logging.getLogger("levada.objects")
_NAMED = frozenset({"attach", "object"})
_UNKNOWN_HASH = "0" * 64
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Target:
    """The attribute that is to hold an object.

    Args:
        table: The table's name.
        attribute: The attribute's name.
    """

    table: TableName
    attribute: str


@dataclass(frozen=True, slots=True)
class Staged:
    """An upload that has begun.

    Args:
        upload: Its id.
        part_bytes: The client may send larger files to the store itself; 0 if all bytes pass through the server.
    """

    upload: UUID
    part_bytes: int


async def stage(
    engine: Engine,
    caller: Caller,
    target: Target,
    *,
    key: Mapping[str, object],
    file_name: str,
    folder: bool,
    hash_: str,
) -> Staged | ObjectReference:
    """Begin an object; return its upload, or the stored object with the same content.

    Raises:
        UnknownStore: The server lacks the attribute's store.
        PreconditionFailed: The store belongs to another database.
        InvalidRequest: The attribute does not hold such an object, or the name or the hash is not valid.
        DamagedObject: The store lost the object with the same content.
    """
    view = await engine.gate.open(caller)
    table, attribute = target_of(view, target)
    await engine.quota.admit(engine.scope, table.name.schema)
    codec = attribute.type.codec
    if codec == "filepath":
        raise InvalidRequest(
            "A <filepath@…> takes files that are already in its store; register them.", field="attribute"
        )
    if folder and codec != "object":
        raise InvalidRequest(f"{attribute.type} does not take a folder; use <object@…>.", field="folder")
    if hash_:
        _check_hash(hash_)
    if codec in _NAMED:
        check_file_name(file_name)
    store = await engine.objects.own(attribute.type.store)
    id_ = uuid4()
    async with engine.objects.connection() as connection:
        schema_id = await read_schema_id(connection, table)
        name = file_name if codec in _NAMED else f"{attribute.name}.npy" if codec == "npy" else ""
        known = {column: value for column in table.heading.primary_key if (value := key.get(column)) is not None}
        if codec in BY_CONTENT:
            path = content_path(codec, hash_ or _UNKNOWN_HASH, id_)
        elif codec == "attach":
            path = attachment_path(name, id_)
        else:
            path = keyed_path(table.name, attribute.name, known.items(), name, id_)
        upload = Upload(id_, schema_id, codec, store.name, path, name, folder)
        known_to = await object_rows.find_content(connection, upload, hash_) if hash_ else None
    # Only who may read the bytes learns that they are there already; others send them.
    if known_to is not None and await readable(engine, view, (known_to,)):
        async with engine.objects.connection() as connection:
            same = await object_rows.claim_content(connection, upload, hash_)
        if same is not None:
            await _check_there(store, same)
            return same.reference
    async with engine.objects.connection() as connection, connection.transaction():
        await object_rows.insert_upload(connection, upload)
        await note_user(connection, caller, id_)
    try:
        await asyncio.to_thread(store.begin, id_, folder=folder)
    except Exception:  # clients try again and again, so no record of each stays
        async with engine.objects.connection() as connection:
            await object_rows.doom_upload(connection, id_)
            await object_rows.delete_doomed(connection, [id_])
        raise
    direct = store.part_uploads is not None or (caller.local and store.folder is not None)
    return Staged(id_, part_uploads.PART_BYTES if direct else 0)


def target_of(view: View, target: Target) -> tuple[Table, Attribute]:
    """Return the table and the attribute for which a caller stores objects.

    Raises:
        InvalidRequest: The attribute does not hold objects.
        PermissionDenied: The caller may not insert there.
    """
    table = view.seen.table(target.table)
    view.admit(Action.COMPUTE if view.catalog.filled_by_jobs(table) else Action.INSERT, table)
    attribute = table.heading[target.attribute]
    if attribute.type.kind is not Kind.OBJECT:
        raise InvalidRequest(
            f"`{attribute.name}` of `{table.name}` is a {attribute.type}, which no store holds.", field="attribute"
        )
    return table, attribute


async def read_schema_id(connection: Connection, table: Table) -> int:
    """Return the id of a table's schema.

    Raises:
        UnknownSchema: It was dropped since the catalog was read.
    """
    found = await object_rows.schema_id(connection, table.name.schema)
    if found is None:
        raise UnknownSchema(f"There is no schema `{table.name.schema}`.", schema=table.name.schema)
    return found


def _check_hash(text: str) -> None:
    if not _HASH.fullmatch(text):
        raise InvalidRequest("A hash must be BLAKE3 in 64 hexadecimal digits, in lower case.", field="hash")


async def open_upload(engine: Engine, caller: Caller, id_: UUID) -> OpenUpload:
    """Return an upload to write to, and extend its life.

    Raises:
        UnknownObject: The upload has expired, is committed, or is not the caller's.
        PreconditionFailed: Its store belongs to another database.
    """
    opened = await _find(engine, caller, id_)
    if await asyncio.to_thread(opened.store.is_moved, id_):
        held = await holds.take(engine, id_)  # once the commit has ended, or its server is gone
        await engine.objects.finish(_reopen(engine, held, opened.store))
    return opened


async def _reopen(engine: Engine, held: Held, store: Store) -> None:
    """Bring the bytes back that a commit published which broke off, even if the caller does not wait any more."""
    async with holds.renewed(engine, held):
        await _take_over(engine, held, store)


async def _take_over(engine: Engine, held: Held, store: Store) -> None:
    """Undo what an earlier holder of an upload has published: it records nothing any more, and moves no bytes.

    If this call has lost the hold meanwhile, the next one may have published, and be about to record that. If it has
    not, an earlier one has, and only what that published is taken back, however late.

    Raises:
        UnknownObject: The upload is gone, or another call took over.
    """
    path = await asyncio.to_thread(store.take_over, held.upload.id)
    if path is not None:
        await holds.check(engine, held)
        await asyncio.to_thread(store.take_back, held.upload.id, path)


async def _find(engine: Engine, caller: Caller, id_: UUID) -> OpenUpload:
    upload = await find_upload(engine, caller, id_)
    if upload is None:
        raise UnknownObject(
            "There is no upload with this id: it has expired or is committed. Begin another.", object=id_
        )
    return OpenUpload(upload, await engine.objects.own(upload.store))


class OpenUpload:
    """An upload, its store, and the bytes that are too few to be written yet.

    Args:
        upload: The upload.
        store: Its store.
    """

    def __init__(self, upload: Upload, store: Store) -> None:
        self.upload = upload
        self.store = store
        self._path = ""
        self._offset = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._writing: asyncio.Task[None] | None = None

    async def received_bytes(self, path: str) -> int:
        """Return how much of a file has arrived."""
        return await asyncio.to_thread(self.store.received_bytes, self.upload.id, self._checked(path))

    async def rewind(self, path: str, offset: int) -> None:
        """Set the file whose bytes come next, and the offset at which it continues."""
        await self.flush()
        await asyncio.to_thread(self.store.rewind, self.upload.id, self._checked(path), offset)
        self._path, self._offset = path, offset

    async def drop(self, path: str) -> None:
        """Remove a file."""
        await self.flush()
        await asyncio.to_thread(self.store.drop, self.upload.id, self._checked(path))

    async def write(self, content: bytes) -> None:
        """Write the next bytes of the file, or keep them until there are enough."""
        self._waiting.append(content)
        self._waiting_bytes += len(content)
        if self._waiting_bytes >= self.store.write_bytes:
            await self._write_waiting()

    async def flush(self) -> None:
        """Write the bytes that were kept, and wait until all are written."""
        await self._write_waiting()
        await self._written()

    async def _write_waiting(self) -> None:
        """Begin to write the bytes that were kept, once the ones before them are written; more may come meanwhile."""
        content = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        await self._written()
        if content:
            writing = asyncio.to_thread(self.store.write, self.upload.id, self._path, self._offset, content)
            self._writing = asyncio.create_task(writing)
            self._offset += len(content)

    async def _written(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing

    def check(self, path: str) -> None:
        """Check that a file of this path belongs to the upload.

        Raises:
            InvalidRequest: It does not.
        """
        if self._checked(path):
            check_path(path)

    def _checked(self, path: str) -> str:
        if bool(path) is not self.upload.folder:
            raise InvalidRequest(
                "A file of a folder needs a path." if self.upload.folder else "A single file must not have a path.",
                field="path",
            )
        return path


async def begin_parts(
    engine: Engine, caller: Caller, id_: UUID, path: str, *, size_bytes: int, hash_: str
) -> part_uploads.Begun | LocalFile:
    """Begin a file that the client sends to the store itself, or find which of its parts have arrived.

    Returns:
        For a program of the server's own user and a store in a folder, the file that it writes itself.

    Raises:
        UnknownObject: The upload has expired, is committed, or is not the caller's.
        InvalidRequest: The store takes no parts, or the file is not one that can be sent so.
    """
    opened = await open_upload(engine, caller, id_)
    opened.check(path)
    _check_hash(hash_)
    local = await asyncio.to_thread(opened.store.local_write, id_, path) if caller.local else None
    if local is not None:
        return local
    return await part_uploads.begin(engine, opened.upload, opened.store, path=path, size_bytes=size_bytes, hash_=hash_)


async def sign_parts(
    engine: Engine, caller: Caller, id_: UUID, path: str, *, wanted: Sequence[tuple[int, bytes]]
) -> list[SignedRequest]:
    """Sign the requests that send some parts of a file to the store, each given by its number and MD5.

    Raises:
        UnknownObject: The upload has expired, is committed, or is not the caller's.
        InvalidRequest: The file has not begun, or has no such part.
    """
    opened = await open_upload(engine, caller, id_)
    return await part_uploads.sign(engine, opened.upload, opened.store, path=path, wanted=wanted)


async def commit(engine: Engine, caller: Caller, id_: UUID, *, hash_: str, size_bytes: int) -> ObjectReference:
    """Check an upload and move it to its place; return the object, which rows may name.

    Raises:
        UnknownObject: The upload has expired.
        DamagedObject: The size or hash differs from the client's; the upload is dropped.
        WrongValue: The file of an array is not an array.
    """
    try:
        store = (await _find(engine, caller, id_)).store
        held = await holds.take(engine, id_)
        return await engine.objects.finish(_commit(engine, caller, held, store, hash_, size_bytes))
    except UnknownObject:
        # It may be committed already, if the answer was lost and the client asks again.
        view = await engine.gate.open(caller)
        async with engine.objects.connection() as connection:
            done = await object_rows.read_object(connection, id_)
            holders = (await object_rows.read_holders(connection, (id_,)))[id_]
        if done is None or not view.put_object(holders):
            raise
        return done.reference


async def _commit(
    engine: Engine, caller: Caller, held: Held, store: Store, hash_: str, size_bytes: int
) -> ObjectReference:
    """Commit an upload that nobody else commits, to the end, even if the caller does not wait any more.

    A request to a store cannot be taken back: if the hold ended with the caller, bytes of this call might come when the
    next one has put others in their place.
    """
    async with holds.renewed(engine, held):
        return await _commit_held(engine, caller, held, store, hash_, size_bytes)


async def _commit_held(
    engine: Engine, caller: Caller, held: Held, store: Store, hash_: str, size_bytes: int
) -> ObjectReference:
    upload, id_ = held.upload, held.upload.id
    header: NpyHeader | None = None
    await _take_over(engine, held, store)
    try:
        content, verified = await _content(engine, held, store)
        if content.size_bytes != size_bytes or hash_ not in ("", content.hash):
            raise DamagedObject(
                f"{content.size_bytes} bytes with the hash {content.hash} arrived, but {size_bytes} with "
                f"{hash_ or 'any'} were sent. Upload them again.",
                object=id_,
            )
        if upload.codec == "npy":
            header = await asyncio.to_thread(_npy_header, store, upload, verified)
    except (DamagedObject, WrongValue):
        await _drop(engine, held, store)
        raise
    same = await _claim_content(engine, caller, upload, content) if verified else None
    if same is None:
        whole = await _publish(engine, held, store, content, header, verified=verified)
        if whole is not None:
            await _tidy(store, id_)
            return whole.reference
        # Another client has just committed the same content, or the upload is gone, or another call took over.
        same = await _claim_content(engine, caller, upload, content) if verified else None
    await _drop(engine, held, store)
    if same is None:
        raise UnknownObject("The upload has expired; begin another.", object=id_)
    await _check_there(store, same)
    return same.reference


async def _publish(
    engine: Engine, held: Held, store: Store, content: Content, header: NpyHeader | None, *, verified: bool
) -> StoredObject | None:
    """Move an upload to its place, and make it an object.

    Bytes that came through the server go to a path that only this call has, so that it removes them without harm if it
    was late. Files that clients sent themselves are at the upload's path, whoever completes them.

    Returns:
        None if another client has just committed the same content, if the upload is gone, or if another call took over.
    """
    upload, id_ = held.upload, held.upload.id
    if not verified:
        if not await holds.keep(engine, held):
            return None
        await asyncio.to_thread(store.publish, id_, upload.path, content)
        return await _record(engine, held, upload.path, content, header, verified=False)
    path = path_of_copy(upload.codec, upload.path, upload.name, content.hash, held.holder)
    attempt = replace(upload, id=held.holder, path=path)
    async with engine.objects.connection() as connection:
        if not await object_rows.begin_attempt(connection, id_, held.holder, path):
            return None
    try:
        await asyncio.to_thread(store.publish, id_, path, content)
    except Unavailable:  # a request may still come to its end, so the record of the attempt stays
        raise
    except LevadaError:
        await _give_up(engine, store, id_, attempt)
        raise
    whole = await _record(engine, held, path, content, header, verified=True)
    if whole is None:
        await _give_up(engine, store, id_, attempt)
    return whole


async def _tidy(store: Store, id_: UUID) -> None:
    """Remove what the store keeps of an upload that is recorded."""
    try:
        await asyncio.to_thread(store.discard, id_)
    except (OSError, LevadaError) as error:
        _LOG.warning("the rest of the upload %s stays until the next collection: %s", id_, error)


async def _record(
    engine: Engine, held: Held, path: str, content: Content, header: NpyHeader | None, *, verified: bool
) -> StoredObject | None:
    async with engine.objects.connection() as connection:
        return await object_rows.commit_upload(
            connection, held.upload.id, held.holder, path, content, header, verified=verified
        )


async def _give_up(engine: Engine, store: Store, id_: UUID, attempt: Upload) -> None:
    """Remove what a call has published in vain, also if that came after its record had expired.

    An upload gets bytes back first that were moved: the call that took over needs them.
    """
    with suppress(UnknownObject):  # it is committed, or has expired
        await asyncio.to_thread(store.take_back, id_, attempt.path)
    async with engine.objects.connection() as connection:
        await object_rows.doom_upload(connection, attempt.id)
    await remove_doomed(engine, attempt)


async def _content(engine: Engine, held: Held, store: Store) -> tuple[Content, bool]:
    """Return the content of an upload, and whether the server has read all of it.

    Files that the client sent to the store itself have the hashes that it gave.
    """
    upload = held.upload
    try:
        streamed = await asyncio.to_thread(store.content, upload.id, folder=upload.folder)
    except UnknownObject:
        sent = await part_uploads.complete(engine, held, store, ())
        if not sent:
            raise
        return Content(sent[0].size_bytes, sent[0].hash), False
    paths = {""} if streamed.files is None else {file.path for file in streamed.files}
    sent = await part_uploads.complete(engine, held, store, paths)
    if not sent or streamed.files is None:
        return streamed, True
    files = sorted([*streamed.files, *sent], key=lambda file: file.path.encode())
    check_tree({file.path for file in files})
    return replace(content_of_files(files), mark=streamed.mark), False


def _npy_header(store: Store, upload: Upload, verified: bool) -> NpyHeader:
    if verified:
        return store.npy_header(upload.id)
    with store.open(upload.path) as file:
        return read_npy_header(file)


async def _claim_content(engine: Engine, caller: Caller, upload: Upload, content: Content) -> StoredObject | None:
    """Return the object with the content of an upload, which from now on is the caller's too: the bytes were sent."""
    if upload.codec not in BY_CONTENT:
        return None
    async with engine.objects.connection() as connection:
        found = await object_rows.claim_content(connection, upload, content.hash)
        if found is not None:
            await note_user(connection, caller, found.reference.id)
    return found


async def note_user(connection: Connection, caller: Caller, *ids: UUID) -> None:
    """Record that a caller put some objects or uploads there."""
    identity = caller.identity
    if identity.user_id is not None and identity.token_id is not None:
        await object_rows.add_user(connection, ids, identity.user_id, identity.token_id)


async def _drop(engine: Engine, held: Held, store: Store) -> None:
    """Remove an upload.

    If another call took over, the upload and its bytes are that call's. Only what came to its path so late that nothing
    is recorded there any more is removed; nothing will be, since the path has the upload's id.
    """
    upload = held.upload
    async with engine.objects.connection() as connection:
        doomed = await object_rows.doom_upload(connection, upload.id, held.holder)
        late = doomed is None and not await object_rows.is_named_path(connection, store.name, upload.path)
    if late:
        await asyncio.to_thread(store.remove, upload.path)
    if doomed is None:
        return
    await remove_bytes(engine, store, doomed)
    async with engine.objects.connection() as connection:
        await object_rows.delete_doomed(connection, [doomed.id])


async def _check_there(store: Store, found: StoredObject) -> None:
    """Check that an object found by its content still exists on the disk."""
    (await open_file(store, found, "")).close()
