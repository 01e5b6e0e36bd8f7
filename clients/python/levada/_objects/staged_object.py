"""Objects that a program writes straight into their store, before the row that will name them."""

from __future__ import annotations

import io
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from blake3 import blake3

from levada._base.errors import DamagedObject, LostConnectionError
from levada._net.backoff import RETRY, wait
from levada._objects.chunk_requests import chunk_request
from levada._objects.transfer import CHUNK_BYTES, PATIENCE_SECONDS, download
from levada_api.v1 import object_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._net.connection import Connection

_SENT_BYTES = 8 * 2**20
"""The bytes of a growing file that are kept here until they are sent together; parts of stores have such sizes."""
_MAX_SENDS = 1_000
"""A file takes at most about this many sends, which grow with it: stores limit the number of parts."""


class StagedObject:
    """A file or folder whose bytes go into its store as they are written.

    It stays unseen until a row names it, and expires some days later if none does.

    Args:
        connection: To the server.
        request: Names the attribute, the key and the file.
    """

    def __init__(self, connection: Connection, request: pb.StageObjectRequest) -> None:
        self._connection = connection
        self._folder = request.folder
        staged = connection.call(
            "ObjectService/StageObject", request, pb.StageObjectResponse, patience=PATIENCE_SECONDS
        )
        self._id = staged.upload_id
        self._files: dict[str, tuple[int, str]] = {}

    @property
    def sizes(self) -> dict[str, int]:
        """The size in bytes of each file, by its path within the object."""
        return {path: size for path, (size, _) in self._files.items()}

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Return a range of a file that was written."""
        return b"".join(download(self._connection, self._id, path, offset, length))

    def open(self, path: str) -> IO[bytes]:
        """Open a file that was written for reading."""
        return io.BytesIO(self.read(path, 0, self._files[path][0]))

    def create(self, path: str, mode: str = "wb") -> IO[bytes]:
        """Open a file for writing; its bytes go into the store as they come.

        Args:
            path: Its path within the object; empty if the object is this file.
            mode: `wb`, from its beginning to its end; `w+b` also reads and seeks, as HDF5 does, so the file lies on
                this machine until it is closed.
        """
        if mode == "wb":
            return io.BufferedWriter(_Growing(self, path), CHUNK_BYTES)
        if mode == "w+b":
            return _Kept(self, path)  # type: ignore[return-value]  # it has all methods of a file
        raise ValueError(f"a staged file is opened with 'wb', or with 'w+b' to read and seek too, not {mode!r}")

    def remove(self, path: str) -> None:
        """Remove a file that was written."""
        self._send(path, 0, [], removed=True)
        self._files.pop(path, None)

    def commit(self) -> dict[str, str]:
        """Complete the object, and return what a row names it by.

        Raises:
            DamagedObject: The store has other bytes than were written.
        """
        if not self._folder and not self._files:
            self.create("").close()
        size = sum(size for size, _ in self._files.values())
        if self._folder:
            listed = sorted((path.encode(), size, hash_) for path, (size, hash_) in self._files.items())
            hash_ = blake3(b"".join(f"{h} {size} ".encode() + path + b"\n" for path, size, h in listed)).hexdigest()
        else:
            hash_ = self._files[""][1]
        request = pb.CommitObjectRequest(upload_id=self._id, hash=hash_, size_bytes=size)
        committed = self._connection.call(
            "ObjectService/CommitObject", request, pb.CommitObjectResponse, patience=PATIENCE_SECONDS
        )
        return {"id": committed.object.id, "hash": committed.object.hash}

    def _send(self, path: str, offset: int, chunks: list[bytes], *, removed: bool = False) -> None:
        """Send bytes of a file from an offset on; after a break all of them again."""
        header = pb.UploadHeader(upload_id=self._id, path=path, offset=offset, removed=removed)

        def requests() -> Iterator[pb.UploadObjectRequest | bytes]:
            yield pb.UploadObjectRequest(header=header)
            for chunk in chunks:
                yield chunk_request(chunk)

        pauses = RETRY.pauses(PATIENCE_SECONDS)
        while True:
            try:
                self._connection.send("ObjectService/UploadObject", requests(), pb.UploadObjectResponse)
                return
            except (LostConnectionError, DamagedObject) as error:
                wait(pauses, error)

    def _note(self, path: str, size: int, hash_: str) -> None:
        self._files[path] = size, hash_


class _Growing(io.RawIOBase):
    """A file that is written from its beginning to its end; a part of it is in memory."""

    def __init__(self, staged: StagedObject, path: str) -> None:
        self._staged = staged
        self._path = path
        self._hasher = blake3()
        self._sent = 0
        self._chunks: list[bytes] = []
        self._waiting = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True  # so that whoever tries gets the advice of `seek`

    def tell(self) -> int:
        return self._sent + self._waiting

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if (offset, whence) in ((0, io.SEEK_CUR), (0, io.SEEK_END), (self.tell(), io.SEEK_SET)):
            return self.tell()
        raise io.UnsupportedOperation(
            "this file goes into its store as it is written; to go back in it, as HDF5 does, open it with 'w+b'"
        )

    def write(self, content: Any) -> int:  # noqa: ANN401  # any buffer
        octets = bytes(content)
        self._hasher.update(octets)
        self._chunks += [octets[i : i + CHUNK_BYTES] for i in range(0, len(octets), CHUNK_BYTES)]
        self._waiting += len(octets)
        if self._waiting >= max(_SENT_BYTES, self._sent // _MAX_SENDS):
            self._send()
        return len(octets)

    def close(self) -> None:
        if self.closed:
            return
        try:
            if self._waiting or not self._sent:
                self._send()
            self._staged._note(self._path, self._sent, self._hasher.hexdigest())
        finally:
            super().close()

    def _send(self) -> None:
        self._staged._send(self._path, self._sent, self._chunks)
        self._sent += self._waiting
        self._chunks, self._waiting = [], 0


class _Kept:
    """A file on this machine that goes into its store when it is closed."""

    def __init__(self, staged: StagedObject, path: str) -> None:
        self._staged = staged
        self._path = path
        self._file = TemporaryFile("w+b", prefix="levada-staged-")  # noqa: SIM115  # closed by `close`

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as a file has it
        return getattr(self._file, name)

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def close(self) -> None:
        """Send the file."""
        if self._file.closed:
            return
        with self._file:
            self._file.seek(0)
            with self._staged.create(self._path) as target:
                while chunk := self._file.read(CHUNK_BYTES):
                    target.write(chunk)
