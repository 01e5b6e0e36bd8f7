"""Transfers to and from a store: resumed where a broken connection left off.

Large files go straight between this machine and the store, where both allow it (`direct`, `local_files`). Everything
else goes through the server, in chunks with checksums.
"""

from __future__ import annotations

import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blake3 import blake3

from levada._base.errors import DamagedObject, InvalidRequest, LostConnectionError, UnknownObject
from levada._base.progress import Progress
from levada._net.backoff import RETRY, wait
from levada._net.job_context import running_job
from levada._objects.chunk_requests import chunk_request
from levada._objects.direct import PartSender, SignedAddress, Source, StoreUnreachable, ranges
from levada._objects.local_files import FileUnreachable, read_local, write_local
from levada._objects.noted_uploads import noted
from levada_api.v1 import object_pb2
from levada_api.v1 import object_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from levada._net.connection import Connection

CHUNK_BYTES = 2**20
_HASHED_BYTES = 2 * 2**20
"""As many bytes are hashed at once, by all cores: they still lie in the caches of the processor."""
PATIENCE_SECONDS = 60.0
"""How long a transfer is retried without any progress: a server may be restarting."""
STREAMED_SECONDS = 300.0
"""How long bytes go through the server after this machine could not reach a store."""


@dataclass(frozen=True)
class FileSource:
    """A file on this machine."""

    file: Path
    path: str
    size: int
    hash: str = ""

    def chunks(self, offset: int) -> Iterator[bytes]:
        """Yield the bytes from an offset on."""
        with self.file.open("rb") as opened:
            opened.seek(offset)
            while chunk := opened.read(CHUNK_BYTES):
                yield chunk

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of a range; fewer at the end."""
        with self.file.open("rb") as opened:
            opened.seek(offset)
            return opened.read(length)


@dataclass(frozen=True)
class MemorySource:
    """Bytes in memory, in parts that are not joined."""

    parts: Sequence[memoryview]
    path: str = ""
    file: None = None
    hash: str = ""

    @property
    def size(self) -> int:
        """Total size in bytes."""
        return sum(map(len, self.parts))

    def chunks(self, offset: int) -> Iterator[bytes]:
        """Yield the bytes from an offset on."""
        for part in self.parts:
            for start in range(min(offset, len(part)), len(part), CHUNK_BYTES):
                yield bytes(part[start : start + CHUNK_BYTES])
            offset = max(offset - len(part), 0)

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of a range; fewer at the end."""
        found = bytearray()
        for part in self.parts:
            found += part[min(offset, len(part)) : offset + length - len(found)]
            offset = max(offset - len(part), 0)
            if len(found) == length:
                break
        return bytes(found)


def hash_of(source: Source) -> str:
    """Compute BLAKE3 of a file's bytes."""
    hasher = blake3(max_threads=blake3.AUTO)
    offset = 0
    while chunk := source.read(offset, _HASHED_BYTES):
        hasher.update(chunk)
        offset += len(chunk)
    return hasher.hexdigest()


def progress_of(title: str, size: int, *, shown: bool = True) -> Progress:
    """Show the progress of a transfer to people, unless it is short, or a `make` runs, whose progress is another."""
    hidden = not shown or running_job() is not None
    return Progress(title, size, "bytes", shown=False if hidden else None)


def upload(
    connection: Connection, request: pb.StageObjectRequest, sources: Sequence[Source], hash_: str
) -> object_pb2.ObjectReference:
    """Put an object into a store and return its reference.

    Args:
        request: Names the attribute.
        sources: Its file, or the files of its folder.
        hash_: The hash of the whole, as in ObjectReference.

    Raises:
        DamagedObject: A file changed meanwhile.
        LostConnectionError: The server stays out of reach.
        LimitReached: The store is full.
    """
    request.hash = hash_
    try:
        return _upload(connection, request, sources)
    except UnknownObject:
        # The answer to the last step was lost, and its effect looks the same as an upload that is gone.
        return _upload(connection, request, sources)


def _upload(
    connection: Connection, request: pb.StageObjectRequest, sources: Sequence[Source]
) -> object_pb2.ObjectReference:
    size = sum(source.size for source in sources)
    with noted(connection.address, request, size) as note:
        begun = note.read()
        staged = begun or connection.call(
            "ObjectService/StageObject", request, pb.StageObjectResponse, patience=PATIENCE_SECONDS
        )
        if staged.WhichOneof("outcome") == "object":
            return staged.object
        note.write(staged)
        try:
            try:
                with progress_of(request.file_name or request.attribute, size) as progress:
                    streamed = _send_parts(connection, staged, sources, request.hash, progress)
                    if streamed or not sources:
                        _Upload(connection, staged.upload_id, streamed, progress).run(continued=begun is not None)
            except UnknownObject:
                if begun is None:
                    raise
                # The process that began it was killed during the commit; another one says whether that came to its end.
            commit = pb.CommitObjectRequest(upload_id=staged.upload_id, hash=request.hash, size_bytes=size)
            stored = connection.call(
                "ObjectService/CommitObject", commit, pb.CommitObjectResponse, patience=PATIENCE_SECONDS
            ).object
        except UnknownObject:
            note.write(None)
            raise
        except DamagedObject as error:
            note.write(None)
            if begun is not None:  # what an earlier process sent may be of another file
                raise UnknownObject(str(error), error.details) from None
            raise
        note.write(None)
        return stored


def _send_parts(
    connection: Connection, staged: pb.StageObjectResponse, sources: Sequence[Source], hash_: str, progress: Progress
) -> list[Source]:
    """Send large files to the store itself, where it takes them; return the files that the server must take."""
    left: list[Source] = []
    reachable = staged.part_bytes > 0
    for source in sources:
        if reachable and source.size > staged.part_bytes and time.monotonic() >= connection.direct_again:
            before = progress.done
            # A single file's hash is the object's.
            file_hash = (source.hash or hash_of(source)) if source.path else hash_
            try:
                _send_itself(connection, staged.upload_id, source, file_hash, progress)
                continue
            except StoreUnreachable as error:
                progress.update(before - progress.done)
                reachable = False
                _leave_alone(connection, error)
        left.append(source)
    return left


def _send_itself(connection: Connection, upload_id: str, source: Source, hash_: str, progress: Progress) -> None:
    """Send a file to the store itself, from where it broke off.

    Raises:
        StoreUnreachable: The bytes must go through the server.
        LostConnectionError: The store, or the server, stays out of reach.
        LimitReached: The store is full.
        DamagedObject: The store received other bytes again and again.
    """
    request = pb.BeginPartsRequest(upload_id=upload_id, path=source.path, size_bytes=source.size, hash=hash_)
    try:
        begun = connection.call("ObjectService/BeginParts", request, pb.BeginPartsResponse, patience=PATIENCE_SECONDS)
    except InvalidRequest as error:
        raise StoreUnreachable from error
    if begun.HasField("file"):
        write_local(connection, begun.file, source, progress)
    else:
        PartSender(connection, upload_id, source, begun, progress).run()


def _leave_alone(connection: Connection, error: StoreUnreachable) -> None:
    """Let bytes go through the server for a while; only files are tried again at once, because that takes no time."""
    if not isinstance(error, FileUnreachable):
        connection.direct_again = time.monotonic() + STREAMED_SECONDS


class _Upload:
    """The files of one upload, sent in order; after a break it resumes with the missing bytes."""

    def __init__(self, connection: Connection, upload_id: str, sources: Sequence[Source], progress: Progress) -> None:
        self._connection = connection
        self._id = upload_id
        self._sources = sources
        self._progress = progress
        self._before = progress.done  # bytes of other files
        self._reached = 0  # the source whose bytes were sent last

    def run(self, *, continued: bool = False) -> None:
        source = offset = 0
        if continued:
            self._reached = len(self._sources) - 1
            source, offset = self._arrived()
        pauses = RETRY.pauses(PATIENCE_SECONDS)
        while True:
            try:
                self._connection.send(
                    "ObjectService/UploadObject", self._requests(source, offset), pb.UploadObjectResponse
                )
                return
            except (LostConnectionError, DamagedObject) as error:
                wait(pauses, error)
            before = (source, offset)
            with suppress(LostConnectionError):
                source, offset = self._arrived()
            if (source, offset) > before:
                pauses = RETRY.pauses(PATIENCE_SECONDS)

    def _requests(self, first: int, offset: int) -> Iterator[pb.UploadObjectRequest | bytes]:
        done = self._before + sum(s.size for s in self._sources[:first]) + offset
        self._progress.update(done - self._progress.done)
        for index, source in enumerate(self._sources[first:], first):
            self._reached = index
            yield pb.UploadObjectRequest(header=pb.UploadHeader(upload_id=self._id, path=source.path, offset=offset))
            for content in source.chunks(offset):
                yield chunk_request(content)
                self._progress.update(len(content))
            offset = 0

    def _arrived(self) -> tuple[int, int]:
        """Find out where to resume: at the last file with any bytes; the files before it are complete."""
        for index in range(self._reached, -1, -1):
            request = pb.GetUploadRequest(upload_id=self._id, path=self._sources[index].path)
            arrived = self._connection.call("ObjectService/GetUpload", request, pb.GetUploadResponse).received_bytes
            if arrived:
                return index, min(arrived, self._sources[index].size)
        return 0, 0


def download(
    connection: Connection, object_id: str, path: str, offset: int = 0, length: int | None = None
) -> Iterator[bytes]:
    """Yield the bytes of an object, chunk by chunk; after a break it resumes with the missing bytes.

    Raises:
        As `passing_bytes`.
    """
    return map(bytes, passing_bytes(connection, object_id, path, offset, length))


def passing_bytes(
    connection: Connection, object_id: str, path: str, offset: int = 0, length: int | None = None
) -> Iterator[bytes | memoryview]:
    """Yield the bytes of an object, as `download` does; each chunk is valid until the next is asked for.

    Raises:
        UnknownObject: The object is gone.
        DamagedObject: The store lost it, or bytes are damaged in transit again and again.
        LostConnectionError: The server stays out of reach.
    """
    end, direct = None if length is None else offset + length, time.monotonic() >= connection.direct_again
    pauses = RETRY.pauses(PATIENCE_SECONDS)
    while True:
        request = pb.DownloadObjectRequest(object_id=object_id, path=path, offset=offset, direct=direct)
        if end is not None:
            request.length_bytes = end - offset
        try:
            for answer in connection.receive("ObjectService/DownloadObject", request, _Answer):
                if (contents := answer.contents(connection, offset, end)) is not None:
                    for passing in contents:
                        pauses = RETRY.pauses(PATIENCE_SECONDS)
                        offset += len(passing)
                        yield passing
                    return
                content = answer.content
                if zlib.crc32(content) != answer.crc32:
                    raise _Garbled("Bytes were damaged in transit.")
                pauses = RETRY.pauses(PATIENCE_SECONDS)
                offset += len(content)
                yield content
            return
        except StoreUnreachable as error:
            direct = False
            _leave_alone(connection, error)
        except (LostConnectionError, _Garbled) as error:
            wait(pauses, error)


@dataclass(frozen=True)
class _Answer:
    """A message of a download: bytes and their checksum, or how to read the file in its store, and its size."""

    content: bytes = field(repr=False)
    crc32: int
    address: SignedAddress | object_pb2.LocalFile | None
    size_bytes: int

    @classmethod
    def FromString(cls, content: bytes) -> _Answer:  # as messages have it
        """Decode a message."""
        told = pb.DownloadObjectResponse.FromString(content)
        address = told.file if told.HasField("file") else None
        signed = SignedAddress.of(told.request) if told.HasField("request") else None
        return cls(told.chunk.content, told.chunk.crc32, address or signed, told.size_bytes)

    def contents(self, connection: Connection, offset: int, end: int | None) -> Iterator[bytes | memoryview] | None:
        """Yield the bytes of a range from the store itself; None if the message has bytes."""
        last = self.size_bytes if end is None else min(end, self.size_bytes)
        match self.address:
            case None:
                return None
            case SignedAddress():
                return ranges(self.address, self.size_bytes, offset, last)
            case _:
                return read_local(connection, self.address, offset, last)


class _Garbled(DamagedObject):
    """A chunk does not match its checksum; the next attempt may succeed."""

    reason = DamagedObject.reason


def download_file(
    connection: Connection, object_id: str, path: str, target: Path, hash_: str, progress: Progress
) -> None:
    """Write a file of an object, and check its hash.

    Raises:
        DamagedObject: The hash differs.
    """
    hasher = blake3(max_threads=blake3.AUTO)
    with target.open("wb") as file:
        for content in passing_bytes(connection, object_id, path):
            file.write(content)
            hasher.update(content)
            progress.update(len(content))
    if hasher.hexdigest() != hash_:
        raise DamagedObject(f"{path or 'The object'} is not what was stored: its hash differs.", {"object": object_id})
