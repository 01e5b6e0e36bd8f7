"""The one interface of all kinds of stores, and of the requests by which clients move bytes themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping
    from io import BufferedReader
    from pathlib import Path
    from uuid import UUID

    from levada_server.storage.objects.content import Content, Scanned, StoredFile
    from levada_server.storage.objects.npy_header import NpyHeader

URL_SECONDS = 15 * 60
"""How long a signed request is valid."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request that a client may send to a store itself: for one object and one method, for `URL_SECONDS`.

    Args:
        method: `GET` or `PUT`.
        url: Whoever has it may send the request, so it is never logged.
        headers: The client must send these; most are part of the signature.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of a store that programs of the server's own user open themselves, if they see the same disk.

    Args:
        path: Its absolute path.
        stamp: Its device, inode, size and time of modification; a file of this path on another disk has another stamp.
    """

    path: str
    stamp: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that has arrived: its number, from 1, its size in bytes, and the tag that the store gave it."""

    number: int
    size_bytes: int
    tag: str


class PartUploads(Protocol):
    """Uploads of one file in parts, which clients send to the store themselves.

    A file is named by its upload, its place in the store, and the token that `begin` returned.
    """

    def begin(self, upload: UUID, path: str) -> str:
        """Begin a file that will lie at a path; return the token."""
        ...

    def sign(self, upload: UUID, path: str, token: str, *, number: int, size_bytes: int, md5: bytes) -> SignedRequest:
        """Sign the request that sends a part; the store refuses other bytes than those of the checksum."""
        ...

    def parts(self, upload: UUID, path: str, token: str) -> list[Part]:
        """List the parts that have arrived, by number.

        Raises:
            UnknownObject: The file is complete, or was given up.
        """
        ...

    def complete(self, upload: UUID, path: str, token: str, parts: Collection[Part]) -> int:
        """Join the parts at the path, and return the size of the file; repeated, it changes nothing.

        Raises:
            DamagedObject: The store has other parts, or joined them to something else.
        """
        ...

    def abort(self, upload: UUID, path: str, token: str) -> None:
        """Abort a file; nothing happens if it is complete or gone."""
        ...

    def begun(self, before: dt.datetime) -> Iterator[tuple[str, str]]:
        """Yield the path and the token of each file that began before some time and is not complete.

        They include files that the server itself was writing; the store keeps their bytes until they are given up.
        """
        ...


class Store(Protocol):
    """Keeps uploads, objects and registered files under paths with `/`.

    The server's own files are under `MANAGED_FOLDER`. An upload is under a place there, named by its id, until it is
    published at its own path. All methods block, so they run in threads.

    Every method raises `Unavailable` if the store cannot be reached, `PreconditionFailed` if it refuses the server, and
    each that writes raises `LimitReached` if the store is full.
    """

    @property
    def name(self) -> str:
        """The name after `@` in definitions."""
        ...

    @property
    def folder(self) -> Path | None:
        """Its folder on the server's disk, which clients may see too; None if it has none."""
        ...

    @property
    def write_bytes(self) -> int:
        """The least number of bytes that are worth one call of `write`, except for the last of a file."""
        ...

    @property
    def part_uploads(self) -> PartUploads | None:
        """Uploads that clients send themselves; None if all bytes pass through the server."""
        ...

    def claim(self, database: UUID) -> UUID:
        """Let the store belong to a database if it belongs to none; return the one that it belongs to."""
        ...

    def is_used(self) -> bool:
        """Return whether a server has ever written into the store.

        Raises:
            Unavailable: The store is away, so that nobody knows.
        """
        ...

    def begin(self, upload: UUID, *, folder: bool) -> None:
        """Make the place of an upload."""
        ...

    def received_bytes(self, upload: UUID, path: str) -> int:
        """Return how much of a file has arrived."""
        ...

    def rewind(self, upload: UUID, path: str, offset: int) -> None:
        """Set the offset at which a file continues, and drop the bytes after it.

        Raises:
            InvalidRequest: Fewer bytes have arrived, or the path is a folder's.
        """
        ...

    def write(self, upload: UUID, path: str, offset: int, content: bytes) -> None:
        """Write bytes of a file; if that fails, none of them count as arrived."""
        ...

    def local_write(self, upload: UUID, path: str) -> LocalFile | None:
        """Return the file to which a program of the server's own user appends the bytes itself; None if it cannot.

        The bytes that have arrived are in it. It is part of the content once nobody holds its lock any more.

        Raises:
            UnknownObject: The upload is gone.
            InvalidRequest: The path is a folder's.
        """
        ...

    def content(self, upload: UUID, *, folder: bool) -> Content:
        """Return the content of an upload that the client did not send in parts; each byte was hashed here.

        Raises:
            UnknownObject: Nothing has arrived.
            Unavailable: A program still writes a file itself.
            DamagedObject: In place of a file that a program wrote itself there is something else.
        """
        ...

    def npy_header(self, upload: UUID) -> NpyHeader:
        """Read the header of an uploaded array.

        Raises:
            WrongValue: The file is not an array that can be read without pickle.
        """
        ...

    def publish(self, upload: UUID, path: str, content: Content) -> None:
        """Bring an upload to its permanent place, once all of it is stored durably.

        Until `discard`, nothing is lost if that is not recorded: the upload still has its bytes, or `take_back` brings
        them back.

        Args:
            content: The content of the object, with files that clients sent to their place themselves.

        Raises:
            LimitReached: The store is full; the upload still has its bytes.
            Unavailable: Somebody has written into the upload, or took over, since its content was read; do both again.
        """
        ...

    def is_moved(self, upload: UUID) -> bool:
        """Return whether the bytes of an upload are at the place to which `publish` brought them, and only there."""
        ...

    def take_over(self, upload: UUID) -> str | None:
        """Let no earlier call move the bytes of an upload by `publish`; return the place to which one has moved them.

        Raises:
            UnknownObject: The upload is gone.
        """
        ...

    def take_back(self, upload: UUID, path: str) -> None:
        """Undo the `publish` that brought an upload to a place, which was not recorded and will not be.

        Nothing happens if the bytes are not at this place: another call was sooner, or has published them elsewhere.

        Raises:
            UnknownObject: The upload is gone.
        """
        ...

    def drop(self, upload: UUID, path: str) -> None:
        """Remove a file of an upload that comes through the server."""
        ...

    def discard(self, upload: UUID) -> None:
        """Remove what is left of an upload that was recorded, or given up."""
        ...

    def remove(self, path: str) -> None:
        """Remove an object from its place.

        Raises:
            OSError: The object exists and cannot be removed.
        """
        ...

    def staged(self) -> Iterator[UUID]:
        """Yield the uploads that have a place in the store."""
        ...

    def resolve(self, path: str) -> str:
        """Return the path that a path leads to by links, within the store.

        Raises:
            InvalidRequest: The path is not one, or leaves the store.
        """
        ...

    def scan(self, folder: str, after: str) -> Iterator[Scanned]:
        """Yield the files in a folder and below it, without the server's own, in byte order of their paths.

        Links and names that no path may have are yielded without a size.

        Args:
            folder: The folder, with `/`; empty for the whole store.
            after: Only files whose paths come after this one.
        """
        ...

    def read_content(self, path: str) -> Content:
        """Read a file to its end.

        Raises:
            NotFound: The file does not exist.
        """
        ...

    def open(self, path: str) -> BufferedReader:
        """Open a file for reading; it can seek. No link is followed.

        Args:
            path: The path within the store, with `/`.

        Raises:
            NotFound: The file does not exist.
            InvalidRequest: The path is not one.
        """
        ...

    def open_staged(self, upload: UUID, path: str) -> BufferedReader:
        """Open a file of an upload that comes through the server, as far as it has arrived.

        Raises:
            NotFound: Nothing of it has arrived.
        """
        ...

    def sign_read(self, path: str) -> SignedRequest | None:
        """Sign a request that reads a file; None if all bytes pass through the server."""
        ...

    def local_read(self, path: str) -> LocalFile | None:
        """Return a file that programs of the server's own user read themselves; None if they cannot.

        Raises:
            NotFound: The file does not exist.
        """
        ...

    def open_listing(self, path: str) -> BufferedReader:
        """Open the list of the files of a folder that is an object.

        Raises:
            NotFound: The list is gone.
        """
        ...

    def files(self, path: str) -> list[StoredFile]:
        """List the files of a folder that is an object.

        Raises:
            NotFound: The list is gone.
        """
        ...
