"""Content that lies elsewhere, in another server's store or in a folder, as objects of a table here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada._base.errors import DamagedObject
from levada._objects.handles import StoredFolder
from levada._objects.staging import staging_request
from levada._objects.transfer import PATIENCE_SECONDS, FileSource, download, upload
from levada_api.v1 import object_pb2
from levada_api.v1 import object_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from levada._net.connection import Connection
    from levada._objects.direct import Source
    from levada._objects.handles import StoredFile
    from levada._values.heading import Heading
    from levada_api.v1 import schema_pb2


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of an object that lies elsewhere.

    Args:
        name: The name of its file or folder; empty for a value.
        hash: As in ObjectReference; the bytes are checked by it.
        folder: It is a folder.
        sources: Its file, or the files of its folder in the byte order of their paths.
        path: The path in its store of a file that stays in place; empty for all else.
    """

    name: str
    hash: str
    folder: bool
    sources: Sequence[Source]
    path: str = ""


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A file in a store, read from its server as it is sent on."""

    connection: Connection
    id: str
    path: str
    size: int
    hash: str
    file: None = None

    def chunks(self, offset: int) -> Iterator[bytes]:
        """Yield the bytes from an offset on."""
        return download(self.connection, self.id, self.path, offset)

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of a range; fewer at the end."""
        if offset >= self.size:
            return b""
        return b"".join(download(self.connection, self.id, self.path, offset, length))


def stored_content(stored: StoredFile | StoredFolder) -> Content:
    """Return the content of an object of another server."""
    folder = isinstance(stored, StoredFolder)
    files = stored.files() if isinstance(stored, StoredFolder) else [stored]
    sources = [StoredSource(file.connection, file.id, file.member, file.size, file.hash) for file in files]
    path = stored.path if stored.codec == "filepath" else ""
    return Content(stored.name, stored.hash, folder, sources, path)


def folder_content(place: Path, name: str, hash_: str, files: Sequence[tuple[str, int]] | None) -> Content:
    """Return the content of an object from files on this machine.

    Args:
        place: Its file or folder.
        name: As in `Content`.
        hash_: As in `Content`.
        files: The paths and sizes of its files in the byte order of their paths, if it is a folder.
    """
    if files is None:
        return Content(name, hash_, False, [FileSource(place, "", place.stat().st_size)])
    return Content(name, hash_, True, [FileSource(place / path, path, size) for path, size in files])


def take_over(
    connection: Connection,
    table: schema_pb2.TableName,
    heading: Heading,
    attribute: str,
    key: Mapping[str, object],
    content: Content,
) -> object_pb2.ObjectReference:
    """Put content into the store of an attribute, byte for byte, and return its reference.

    A registered file is not copied: it lies in the store here by the same path, and has the same bytes.

    Args:
        key: The key of the row, from which the paths of some objects are made.

    Raises:
        DamagedObject: The bytes do not have the hash.
        NotFound: A file that stays in place is not there.
        LimitReached: The store is full.
    """
    if not content.path:
        request = staging_request(table, heading, attribute, key)
        request.file_name, request.folder = content.name, content.folder
        return upload(connection, request, content.sources, content.hash)
    register = pb.RegisterFileRequest(name=table, attribute=attribute, path=content.path)
    registered = connection.call(
        "ObjectService/RegisterFile", register, pb.RegisterFileResponse, patience=PATIENCE_SECONDS
    ).object
    if registered.hash != content.hash:
        raise DamagedObject(
            f"`{content.path}` in the store `{registered.store}` has other bytes than the file of that path elsewhere. "
            "Copy the file there anew.",
            {"object": registered.id},
        )
    return registered
