"""Copy objects between stores and a backup, whose folders are stores too, and check every byte."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from levada_server.errors import DamagedObject, InvalidRequest, NotFound
from levada_server.storage.objects.content import Content, StoredFile, content_of_files, opened_content

if TYPE_CHECKING:
    from uuid import UUID

    from levada_server.storage.backup.snapshot import NamedObject
    from levada_server.storage.objects.store import Store

_COPIED_BYTES = 4 * 2**20


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


def copy(named: NamedObject, source: Store, target: Store) -> None:
    """Copy an object to its path in another store, completely or not at all.

    Raises:
        DamagedObject: Bytes are missing or changed.
        LimitReached: The disk is full.
    """
    upload = uuid4()
    target.begin(upload, folder=named.folder)
    try:
        for path in [file.path for file in source.files(named.path)] if named.folder else [""]:
            _copy_file(source, f"{named.path}/{path}" if path else named.path, target, upload, path)
        content = target.content(upload, folder=named.folder)
        if content.hash != named.hash:
            raise _damaged(source, named, "has changed")
        target.publish(upload, named.path, content)
    except NotFound:
        raise _damaged(source, named, "is missing") from None
    finally:
        target.discard(upload)


def put_back(named: NamedObject, source: Store, target: Store) -> None:
    """Copy an object of a backup to its store, unless it is there.

    Raises:
        DamagedObject: Bytes of the backup are missing or changed.
        InvalidRequest: The store has something else in its place.
        LimitReached: The disk is full.
    """
    try:
        there = _content(target, named)
    except NotFound:
        copy(named, source, target)
        return
    if there.hash != named.hash:
        raise InvalidRequest(
            f"The store `{target.name}` has another content at {named.path!r}. Move it away; restoring replaces "
            "nothing.",
            store=target.name,
        )


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
