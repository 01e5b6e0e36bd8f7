"""Copy objects from one store to another, and check every byte; the folders of a backup are stores too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from levada_server.errors import DamagedObject, InvalidRequest, NotFound
from levada_server.storage.objects.content import Content, StoredFile, content_of_files, opened_content

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.storage.objects.object_rows import StoredObject
    from levada_server.storage.objects.store import Store

_COPIED_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object that rows may name.

    Args:
        store: The store's name.
        path: The path within the store.
        folder: It is a folder of files.
        size_bytes: The size of all its bytes.
        hash: BLAKE3 of the file, or of the list of the folder's files.
        quarantined: No row named it when somebody looked; it may be removed at any time.
    """

    store: str
    path: str
    folder: bool
    size_bytes: int
    hash: str
    quarantined: bool = False


def named_object(stored: StoredObject) -> NamedObject:
    """Return an object as it is copied and checked."""
    reference = stored.reference
    return NamedObject(reference.store, reference.path, stored.folder, reference.size_bytes, reference.hash)


def check(store: Store, named: NamedObject) -> None:
    """Read an object in a store from its beginning to its end.

    Raises:
        DamagedObject: Bytes are missing or changed.
    """
    try:
        found = _content(store, named)
    except NotFound:
        raise _damaged(store, named, "is missing") from None
    if found.hash != named.hash:
        raise _damaged(store, named, "has changed")


def copy(named: NamedObject, source: Store, target: Store, path: str | None = None, upload: UUID | None = None) -> None:
    """Copy an object to another store, completely or not at all.

    Args:
        named: The object.
        source: The store that has it.
        target: The store that gets it.
        path: Its path there; by default the same.
        upload: The id under which its bytes arrive there; by default a new one.

    Raises:
        DamagedObject: Bytes are missing or changed.
        LimitReached: The disk is full.
    """
    upload = upload or uuid4()
    target.begin(upload, folder=named.folder)
    try:
        for member in [file.path for file in source.files(named.path)] if named.folder else [""]:
            _copy_file(source, f"{named.path}/{member}" if member else named.path, target, upload, member)
        content = target.content(upload, folder=named.folder)
        if content.hash != named.hash:
            raise _damaged(source, named, "has changed")
        target.publish(upload, path or named.path, content)
    except NotFound:
        raise _damaged(source, named, "is missing") from None
    finally:
        target.discard(upload)


def is_there(named: NamedObject, target: Store) -> bool:
    """Return whether a store has an object of a backup.

    Raises:
        InvalidRequest: The store has something else in its place.
    """
    try:
        there = _content(target, named)
    except NotFound:
        return False
    if there.hash != named.hash:
        raise InvalidRequest(
            f"The store `{target.name}` has another content at {named.path!r}. Move it away; restoring replaces "
            "nothing.",
            store=target.name,
        )
    return True


def _content(store: Store, named: NamedObject) -> Content:
    if not named.folder:
        with store.open(named.path) as file:
            return opened_content(file)
    found = []
    for listed in store.files(named.path):
        with store.open(f"{named.path}/{listed.path}") as file:
            content = opened_content(file)
        found.append(StoredFile(listed.path, content.size_bytes, content.hash))
    return content_of_files(found)


def _copy_file(source: Store, origin: str, target: Store, upload: UUID, path: str) -> None:
    target.rewind(upload, path, 0)
    offset = 0
    with source.open(origin) as file:
        while chunk := file.read(_COPIED_BYTES):
            target.write(upload, path, offset, chunk)
            offset += len(chunk)


def _damaged(store: Store, named: NamedObject, what: str) -> DamagedObject:
    return DamagedObject(f"The object {named.path!r} in the store `{store.name}` {what}.", store=store.name)
