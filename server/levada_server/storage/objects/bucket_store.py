"""Keep uploads, objects and registered files in a bucket of S3 and compatible services, GCS or Azure.

Its methods block, so they run in threads.

A bucket has no files that grow. So the bytes of an upload that come through the server are kept in pieces, each an
object that is named by the offset of its first byte. They are joined when the upload is published.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import obstore
from blake3 import blake3
from obstore.exceptions import AlreadyExistsError, PreconditionError

from levada_server.errors import DamagedObject, InvalidRequest, NotFound, Unavailable, UnknownObject
from levada_server.model.object_names import MANAGED_FOLDER, check_path, is_managed, wrong_name
from levada_server.storage.objects.bucket_errors import told_of
from levada_server.storage.objects.bucket_settings import BucketKind, open_bucket
from levada_server.storage.objects.content import (
    Content,
    Scanned,
    StoredFile,
    check_tree,
    content_of_files,
    listing,
    opened_content,
    read_listing,
)
from levada_server.storage.objects.npy_header import NpyHeader, read_npy_header
from levada_server.storage.objects.owners import OWNER, read_owner
from levada_server.storage.objects.store import URL_SECONDS, SignedRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from obstore import ObjectMeta

    from levada_server.storage.objects.bucket_settings import BucketSettings
    from levada_server.storage.objects.store import PartUploads

PIECE_BYTES = 8 * 2**20
"""The size of a piece, and of a read."""
MAX_KEY_BYTES = 1024
"""The longest key; S3, GCS and Azure allow no more."""
_STAGING = f"{MANAGED_FOLDER}/staging"
_LIST_SUFFIX = ".files"
_DELETED_AT_ONCE = 1_000
_AZURE_SIGNED = re.compile(r"[A-Za-z0-9._~/=+&-]+")
"""Keys for which obstore signs what Azure reads: it signs others in percent-encoding, and Azure decodes them."""


class BucketStore:
    """A bucket, or a folder in one."""

    folder = None
    write_bytes = PIECE_BYTES

    def __init__(self, name: str, settings: BucketSettings, part_uploads: PartUploads | None) -> None:
        """Open a bucket; no request is sent."""
        self.name = name
        self.part_uploads = part_uploads
        self._settings = settings
        self._bucket = open_bucket(settings)

    # --------------------------------------------------------------------------------------------- uploads

    def claim(self, database: UUID) -> UUID:
        """Let the store belong to a database if it belongs to none; return the one that it belongs to."""
        with told_of(self.name):
            with suppress(FileNotFoundError):
                return self._owner()
            with suppress(AlreadyExistsError):  # another server was sooner
                obstore.put(self._bucket, OWNER, str(database).encode(), mode="create", use_multipart=False)
            return self._owner()

    def is_used(self) -> bool:
        """Return whether a server has ever written into the store."""
        with told_of(self.name):
            return next(self._list(MANAGED_FOLDER), None) is not None

    def begin(self, upload: UUID, *, folder: bool) -> None:
        """Do nothing: a bucket has no folders."""

    def received_bytes(self, upload: UUID, path: str) -> int:
        """Return how much of a file has arrived."""
        return _end(self._pieces(upload, path))

    def rewind(self, upload: UUID, path: str, offset: int) -> None:
        """Set the offset at which a file continues, and drop the bytes after it.

        Raises:
            InvalidRequest: Fewer bytes have arrived.
        """
        pieces = self._pieces(upload, path)
        received = _end(pieces)
        if not 0 <= offset <= received:
            raise InvalidRequest(
                f"{received} bytes have arrived, so the upload cannot continue at {offset}.", field="offset"
            )
        with told_of(self.name):
            for piece in pieces:
                if piece.start < offset < piece.end:
                    kept = obstore.get_range(self._bucket, piece.key, start=0, end=offset - piece.start)
                    obstore.put(self._bucket, piece.key, bytes(kept))
            self._delete(piece.key for piece in pieces if piece.start >= offset)
            if offset == 0:  # so that an empty file is one
                obstore.put(self._bucket, self._piece(upload, path, 0), b"")

    def write(self, upload: UUID, path: str, offset: int, content: bytes) -> None:
        """Write bytes of a file as one piece.

        A sender that was given up may still write, so a longer piece of the same bytes is never replaced.
        """
        key = self._piece(upload, path, offset)
        with told_of(self.name):
            try:
                obstore.put(self._bucket, key, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                if obstore.head(self._bucket, key)["size"] < len(content):
                    obstore.put(self._bucket, key, content, use_multipart=False)

    def local_write(self, upload: UUID, path: str) -> None:
        """Return None: a bucket has no files on a disk."""

    def content(self, upload: UUID, *, folder: bool) -> Content:
        """Read the content of an upload that came through the server.

        Raises:
            UnknownObject: Nothing has arrived.
            InvalidRequest: A path is a file's and a folder's at once.
        """
        staged = self._staged(upload)
        if not folder:
            if "" not in staged:
                raise UnknownObject("Nothing was uploaded yet; send at least a header.", object=upload)
            file = self._hashed("", staged[""])
            return Content(file.size_bytes, file.hash, mark=_mark(staged))
        check_tree(staged)
        content = content_of_files([self._hashed(path, pieces) for path, pieces in staged.items()])
        return replace(content, mark=_mark(staged))

    def npy_header(self, upload: UUID) -> NpyHeader:
        """Read the header of an uploaded array.

        Raises:
            WrongValue: The file is not an array that can be read without pickle.
        """
        return read_npy_header(io.BufferedReader(_Pieces(self, self._staged(upload)[""]), 2**16))

    def publish(self, upload: UUID, path: str, content: Content) -> None:
        """Join the pieces of an upload at its permanent place.

        Raises:
            Unavailable: Somebody has written into it since its content was read; do both again.
            UnknownObject: It was published or removed since then.
        """
        staged = self._staged(upload)
        if content.mark and not staged:
            raise UnknownObject("The upload is gone; begin another one.", object=upload)
        if _mark(staged) != content.mark:
            raise Unavailable("Another call wrote into the upload during its commit; commit it again.")
        with told_of(self.name):
            for member, pieces in staged.items():
                key = _checked_key(f"{path}/{member}" if member else path)
                if len(pieces) == 1:
                    (piece,) = pieces
                    whole = self.read(piece.key, 0, piece.size, piece.tag) if piece.size else b""
                    obstore.put(self._bucket, key, whole, use_multipart=False)
                else:
                    # Without its end, which an error here prevents, nothing of it is ever seen.
                    writer = obstore.open_writer(self._bucket, key, buffer_size=PIECE_BYTES, max_concurrency=2)
                    for chunk in self._joined(pieces):
                        writer.write(chunk)
                    writer.close()
            if content.files is not None:
                obstore.put(self._bucket, _checked_key(path + _LIST_SUFFIX), listing(content.files))

    def is_moved(self, upload: UUID) -> bool:
        """Return False: the pieces stay until the upload is recorded."""
        return False

    def take_over(self, upload: UUID) -> None:
        """Return None: whatever earlier calls publish, the pieces are still there."""

    def take_back(self, upload: UUID, path: str) -> None:
        """Do nothing: the pieces are still there."""

    def drop(self, upload: UUID, path: str) -> None:
        """Remove a file of an upload."""
        with told_of(self.name):
            self._delete(piece.key for piece in self._pieces(upload, path))

    def discard(self, upload: UUID) -> None:
        """Remove what is left of an upload."""
        with told_of(self.name):
            self._delete(found["path"] for found in self._list(f"{_STAGING}/{upload.hex}"))

    def remove(self, path: str) -> None:
        """Remove an object from its place."""
        with told_of(self.name):
            self._delete([path, path + _LIST_SUFFIX])
            self._delete(found["path"] for found in self._list(path))

    def staged(self) -> Iterator[UUID]:
        """Yield the uploads that have a place in the bucket."""
        with told_of(self.name):
            found = obstore.list_with_delimiter(self._bucket, _STAGING)
        for prefix in found["common_prefixes"]:
            with suppress(ValueError):
                yield UUID(hex=prefix.rstrip("/").rpartition("/")[2])

    # ----------------------------------------------------------------------------------------------- files

    def resolve(self, path: str) -> str:
        """Return the path, since a bucket has no links.

        Raises:
            InvalidRequest: The path is not one.
        """
        return _checked_key(check_path(path))

    def scan(self, folder: str, after: str) -> Iterator[Scanned]:
        """Yield the files in a folder and below it, without the server's own, in byte order of their paths.

        One folder at a time is in memory: some services list all files of a bucket in another order, which would leave
        out files when a list is resumed.

        Args:
            folder: The folder, with `/`; empty for the whole bucket.
            after: Only files whose paths come after this one.
        """
        with told_of(self.name):
            found = obstore.list_with_delimiter(self._bucket, folder or None)
        entries: list[tuple[str, Scanned | None]] = [(one["path"], _scanned(one)) for one in found["objects"]]
        entries += [(f"{path.rstrip('/')}/", None) for path in found["common_prefixes"]]
        del found
        for path, file in sorted(entries, key=lambda entry: entry[0].encode()):
            inside = path.endswith("/") and after.startswith(path)
            if (not folder and is_managed(path)) or (path.encode() <= after.encode() and not inside):
                continue
            if file is None:
                yield from self.scan(path.rstrip("/"), after)
            else:
                yield file

    def read_content(self, path: str) -> Content:
        """Read a file to its end.

        Raises:
            NotFound: The file does not exist.
        """
        with self.open(path) as file:
            return opened_content(file)

    def open(self, path: str) -> io.BufferedReader:
        """Open a file for reading.

        Raises:
            NotFound: The file does not exist.
            InvalidRequest: The path is not one.
        """
        _checked_key(check_path(path))
        try:
            with told_of(self.name):
                found = obstore.head(self._bucket, path)
        except FileNotFoundError:
            raise NotFound(f"The store `{self.name}` has no file {path!r}.", store=self.name) from None
        size = found["size"]
        return io.BufferedReader(_File(self, path, size, found["e_tag"]), max(1, min(size, PIECE_BYTES)))

    def open_staged(self, upload: UUID, path: str) -> io.BufferedReader:
        """Open a file of an upload for reading, as far as it has arrived.

        Raises:
            NotFound: Nothing of it has arrived.
        """
        pieces = self._pieces(upload, path)
        if not pieces:
            raise NotFound(f"Nothing of {path!r} has arrived.", store=self.name)
        return io.BufferedReader(_Pieces(self, pieces), max(1, min(_end(pieces), PIECE_BYTES)))

    def sign_read(self, path: str) -> SignedRequest | None:
        """Sign a request that reads a file."""
        if self._settings.kind is BucketKind.AZURE and not _AZURE_SIGNED.fullmatch(path):
            return None
        with told_of(self.name):
            return SignedRequest("GET", obstore.sign(self._bucket, "GET", path, timedelta(seconds=URL_SECONDS)))

    def local_read(self, path: str) -> None:
        """Return None: a bucket has no files on a disk."""

    def open_listing(self, path: str) -> io.BufferedReader:
        """Open the list of the files of a folder that is an object.

        Raises:
            NotFound: The list is gone.
        """
        return self.open(path + _LIST_SUFFIX)

    def files(self, path: str) -> list[StoredFile]:
        """List the files of a folder that is an object.

        Raises:
            NotFound: The list is gone.
        """
        with self.open_listing(path) as lines:
            return read_listing(lines)

    def read(self, key: str, start: int, end: int, tag: str | None) -> bytes:
        """Read a range of an object, which must not have been replaced since it got its tag.

        Raises:
            DamagedObject: It was replaced, or is gone.
        """
        try:
            with told_of(self.name):
                found = obstore.get(
                    self._bucket, key, options={"range": (start, end), **({"if_match": tag} if tag else {})}
                )
                return bytes(found.bytes())
        except (FileNotFoundError, PreconditionError):
            raise DamagedObject(f"`{key}` in the store `{self.name}` was replaced or removed meanwhile.") from None

    # ---------------------------------------------------------------------------------------------- inside

    def _owner(self) -> UUID:
        return read_owner(bytes(obstore.get(self._bucket, OWNER).bytes()).decode(errors="replace"), self.name)

    def _piece(self, upload: UUID, path: str, offset: int) -> str:
        return _checked_key(f"{_place(upload, path)}/{offset:016d}")

    def _pieces(self, upload: UUID, path: str) -> list[_Piece]:
        with told_of(self.name):
            return _in_order(self._list(_place(upload, path)))

    def _staged(self, upload: UUID) -> dict[str, list[_Piece]]:
        """Return the pieces of each file of an upload, in the order of the paths' bytes."""
        prefix = f"{_STAGING}/{upload.hex}/f"
        by_path: defaultdict[str, list[_Piece]] = defaultdict(list)
        with told_of(self.name):
            found = self._list(f"{_STAGING}/{upload.hex}")
            # Files that clients sent themselves may lie beside them.
            for piece in _in_order(one for one in found if one["path"].startswith((f"{prefix}/", f"{prefix}.at/"))):
                by_path[piece.place.removeprefix(prefix).removesuffix(".at").removeprefix("/")].append(piece)
        return {path: by_path[path] for path in sorted(by_path, key=str.encode)}

    def _hashed(self, path: str, pieces: list[_Piece]) -> StoredFile:
        hasher, size = blake3(), 0
        for chunk in self._joined(pieces):
            hasher.update(chunk)
            size += len(chunk)
        return StoredFile(path, size, hasher.hexdigest())

    def _joined(self, pieces: Iterable[_Piece]) -> Iterator[bytes]:
        """Yield the bytes of pieces, which may overlap, up to the first gap."""
        at = 0
        for piece in pieces:
            if piece.start > at:
                return
            for start in range(at - piece.start, piece.size, PIECE_BYTES):
                yield self.read(piece.key, start, min(start + PIECE_BYTES, piece.size), piece.tag)
            at = max(at, piece.end)

    def _list(self, prefix: str) -> Iterator[ObjectMeta]:
        """Yield what lies below a folder."""
        for batch in obstore.list(self._bucket, prefix):
            yield from batch

    def _delete(self, keys: Iterable[str]) -> None:
        batch: list[str] = []
        for key in keys:
            batch.append(key)
            if len(batch) == _DELETED_AT_ONCE:
                self._delete_batch(batch)
                batch = []
        self._delete_batch(batch)

    def _delete_batch(self, keys: list[str]) -> None:
        if self._settings.kind is BucketKind.S3 and len(keys) > 1:
            obstore.delete(self._bucket, keys)
            return
        for key in keys:
            with suppress(FileNotFoundError):
                obstore.delete(self._bucket, key)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bytes of an upload in one object: its key, the offset of its first byte, its size in bytes, and its tag."""

    key: str
    start: int
    size: int
    tag: str | None

    @property
    def end(self) -> int:
        return self.start + self.size

    @property
    def place(self) -> str:
        return self.key.rpartition("/")[0]


class _Seeking(io.RawIOBase):
    """A file whose ranges are read on demand."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io's own stub has a wider buffer
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        content = self._range(self._position, end)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def _range(self, start: int, end: int) -> bytes:
        raise NotImplementedError


class _File(_Seeking):
    def __init__(self, store: BucketStore, key: str, size: int, tag: str | None) -> None:
        super().__init__(size)
        self._store, self._key, self._tag = store, key, tag

    def _range(self, start: int, end: int) -> bytes:
        return self._store.read(self._key, start, end, self._tag)


class _Pieces(_Seeking):
    """The pieces of a file, as one."""

    def __init__(self, store: BucketStore, pieces: list[_Piece]) -> None:
        super().__init__(_end(pieces))
        self._store, self._pieces = store, pieces

    def _range(self, start: int, end: int) -> bytes:
        piece = next(piece for piece in self._pieces if piece.start <= start < piece.end)
        return self._store.read(piece.key, start - piece.start, min(end, piece.end) - piece.start, None)


def _place(upload: UUID, path: str) -> str:
    return f"{_STAGING}/{upload.hex}/f{f'/{check_path(path)}' if path else ''}.at"


def _mark(staged: Mapping[str, list[_Piece]]) -> str:
    """Return what changes with any byte of an upload: the hash of the pieces' places, sizes, tags; empty for none."""
    if not staged:
        return ""
    hasher = blake3()
    for pieces in staged.values():
        for piece in pieces:
            hasher.update(f"{piece.key}\0{piece.size}\0{piece.tag}\n".encode())
    return hasher.hexdigest()


def _in_order(found: Iterable[ObjectMeta]) -> list[_Piece]:
    """Return pieces in the order of their offsets."""
    pieces = [_Piece(one["path"], int(one["path"].rpartition("/")[2]), one["size"], one["e_tag"]) for one in found]
    return sorted(pieces, key=lambda piece: piece.start)


def _end(pieces: Iterable[_Piece]) -> int:
    """Return the number of bytes up to the first gap."""
    at = 0
    for piece in pieces:
        if piece.start > at:
            break
        at = max(at, piece.end)
    return at


def _scanned(found: ObjectMeta) -> Scanned:
    path = found["path"]
    if any(wrong_name(part) is not None for part in path.split("/")):
        return Scanned(path)
    return Scanned(path, found["size"], found["last_modified"])


def _checked_key(key: str) -> str:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidRequest(
            f"A path in a bucket has at most {MAX_KEY_BYTES} bytes, and this one has {len(key.encode())}. Use shorter "
            "names.",
            field="path",
        )
    return key
