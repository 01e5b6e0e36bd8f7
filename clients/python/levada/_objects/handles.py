"""Handles of files, folders and arrays in stores, read in place or copied to this machine."""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from blake3 import blake3

from levada._base.errors import DamagedObject, InvalidRequest, NotFound
from levada._base.installation import install_command
from levada._objects.named_files import named_file, named_folder
from levada._objects.transfer import (
    CHUNK_BYTES,
    FileSource,
    download,
    download_file,
    hash_of,
    passing_bytes,
    progress_of,
)
from levada._values.files import cache_folder, check_name, download_place, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from fsspec import FSMap

    from levada._net.connection import Connection
    from levada._objects.filesystem import ObjectFileSystem

_MAX_AHEAD_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, repr=False)
class StoredObject(os.PathLike[str]):
    """An object in a store.

    It can be used as a path: to the store's own file if this machine sees its disk, otherwise to a copy in this
    machine's cache.

    Args:
        id: The object's id.
        codec: `attach`, `filepath`, `object` or `npy`.
        store: The object's store.
        path: Path within the store, with `/`.
        name: The name of the file or folder.
        size: Size of the file, or of all files of the folder, in bytes.
        hash: BLAKE3, as in ObjectReference.
    """

    id: str
    codec: str
    store: str
    path: str
    name: str
    size: int
    hash: str
    connection: Connection = field(compare=False)

    @property
    def local_path(self) -> Path | None:
        """Its path in the store if this machine sees it, otherwise None. It must not be changed.

        A server of another user may name only files that others may read too, unless the setting `stores` has the
        place of the store.
        """
        place = self._named()
        return place if place is not None and self._is_whole(place) else None

    def download(self, folder: str | os.PathLike[str] = ".", *, progress: bool = True) -> Path:
        """Copy it into a folder and return the path of the copy, which is checked.

        A different file of its name there is left alone: the copy gets a number.

        Args:
            folder: Created if it is missing.
            progress: Show a progress bar on a terminal if it takes a while.

        Raises:
            DamagedObject: The store lost it, or changed it.
        """
        place, done = download_place(folder, self.name, self._is_same)
        return place if done else put(place, lambda draft: self._fetch(draft, progress=progress))

    def verify(self) -> None:
        """Read it in its store and compare it with the stored hash.

        Raises:
            DamagedObject: It has changed, or is gone.
        """
        raise NotImplementedError

    @property
    def fs(self) -> ObjectFileSystem:
        """Its files as a file system of fsspec, read-only; a path begins with its name.

        Raises:
            ModuleNotFoundError: The package fsspec is not installed.
        """
        made: ObjectFileSystem = filesystem().ObjectFileSystem(self.name, _Files(self))
        return made

    @property
    def fsmap(self) -> FSMap:
        """Its files as a mapping from paths to bytes, which Zarr and xarray take: `zarr.open(handle.fsmap, mode="r")`.

        Raises:
            ModuleNotFoundError: The package fsspec is not installed.
        """
        return filesystem().mapping(self.name, _Files(self))

    def _files(self) -> dict[str, StoredFile]:
        """Return its files by their paths within it; a single file is at the empty path."""
        raise NotImplementedError

    def __fspath__(self) -> str:
        local = self.local_path
        if local is not None:
            return str(local)
        return str(self._cached())

    def __repr__(self) -> str:
        return f"<{self.name or self.path}, {self.size} bytes in the store {self.store}>"

    def _cached(self) -> Path:
        place = cache_folder() / "objects" / self.id[:2] / check_name(self.id) / check_name(self.name)
        return place if place.exists() else put(place, lambda draft: self._fetch(draft, progress=True))

    def _named(self) -> Path | None:
        """Return the place that the server names."""
        raise NotImplementedError

    def _is_whole(self, place: Path) -> bool:
        raise NotImplementedError

    def _is_same(self, place: Path) -> bool:
        raise NotImplementedError

    def _fetch(self, draft: Path, *, progress: bool) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, repr=False)
class StoredFile(StoredObject):
    """A file in a store.

    Args:
        member: Its path in the object's folder; empty if the object is this file.
    """

    member: str = ""

    def open(self) -> IO[bytes]:
        """Open it for reading, in place: nothing is copied, and parts are read on demand."""
        local = self.local_path
        if local is not None:
            return local.open("rb")
        return io.BufferedReader(_Ranges(self), CHUNK_BYTES)

    def read_bytes(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return its bytes, or a range of them."""
        local = self.local_path
        if local is None and offset >= self.size:
            return b""
        if local is None:
            return b"".join(download(self.connection, self.id, self.member, offset, length))
        with local.open("rb") as file:
            file.seek(offset)
            return file.read(-1 if length is None else length)

    def verify(self) -> None:
        """Read it in its store and compare it with the stored hash.

        Raises:
            DamagedObject: It has changed, or is gone.
        """
        hasher = blake3(max_threads=blake3.AUTO)
        for content in passing_bytes(self.connection, self.id, self.member):
            hasher.update(content)
        if hasher.hexdigest() != self.hash:
            raise DamagedObject(
                f"`{self.path}` in the store `{self.store}` is not what was stored: its hash differs.",
                {"object": self.id},
            )

    def _files(self) -> dict[str, StoredFile]:
        return {"": self}

    def _named(self) -> Path | None:
        return named_file(self.connection, self.store, self.path)

    def _is_whole(self, place: Path) -> bool:
        return place.is_file() and place.stat().st_size == self.size and os.access(place, os.R_OK)

    def _is_same(self, place: Path) -> bool:
        return self._is_whole(place) and hash_of(FileSource(place, "", self.size)) == self.hash

    def _fetch(self, draft: Path, *, progress: bool) -> None:
        with progress_of(self.name, self.size, shown=progress) as shown:
            download_file(self.connection, self.id, self.member, draft, self.hash, shown)

    def _cached(self) -> Path:
        if not self.member:
            return StoredObject._cached(self)
        place = cache_folder() / "objects" / self.id[:2] / f"{check_name(self.id)}.files" / self.member
        return place if place.exists() else put(place, lambda draft: self._fetch(draft, progress=True))


@dataclass(frozen=True, slots=True, repr=False)
class StoredFolder(StoredObject):
    """A folder of files in a store."""

    file_count: int = 0

    def files(self) -> list[StoredFile]:
        """Return its files, by path.

        Raises:
            DamagedObject: The store lost them.
            WrongValue: A path leads out of the folder.
        """
        listed = b"".join(download(self.connection, self.id, ""))
        if blake3(listed).hexdigest() != self.hash:
            raise DamagedObject(f"The list of the files of {self.name} is not what was stored.", {"object": self.id})
        lines = (line.split(" ", 2) for line in listed.decode().split("\n")[:-1])
        return [self._member(path, int(size), hash_) for hash_, size, path in lines]

    def __truediv__(self, path: str) -> StoredFile:
        """Return one of its files: `folder / "data/0.bin"`.

        Raises:
            NotFound: There is no file of this path.
        """
        for file in self.files():
            if file.member == path:
                return file
        raise NotFound(f"{self.name} has no file {path!r}.")

    def verify(self) -> None:
        """Read all files in their store and compare them with the stored hashes.

        Raises:
            DamagedObject: One has changed, or is gone.
        """
        for file in self.files():
            try:
                file.verify()
            except NotFound as error:
                raise DamagedObject(str(error), {"object": self.id}) from None

    def _files(self) -> dict[str, StoredFile]:
        return {file.member: file for file in self.files()}

    def _member(self, path: str, size: int, hash_: str) -> StoredFile:
        *_, name = map(check_name, path.split("/"))
        return StoredFile(
            self.id, self.codec, self.store, f"{self.path}/{path}", name, size, hash_, self.connection, member=path
        )

    def _named(self) -> Path | None:
        return named_folder(self.connection, self.store, self.path, self.hash)

    def _is_whole(self, place: Path) -> bool:
        return place.is_dir() and os.access(place, os.R_OK | os.X_OK)

    def _is_same(self, place: Path) -> bool:
        if not place.is_dir():
            return False
        files = self.files()
        there = {Path(folder, name) for folder, _, names in os.walk(place) for name in names}
        return there == {place / file.member for file in files} and all(
            file._is_same(place / file.member) for file in files
        )

    def _fetch(self, draft: Path, *, progress: bool) -> None:
        draft.mkdir()
        with progress_of(self.name, self.size, shown=progress) as shown:
            for file in self.files():
                target = draft / file.member
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    raise InvalidRequest(
                        f"{self.name} has {file.member!r} beside another name that this disk takes for the same: it "
                        "does not distinguish the case of letters, or spellings of an accent. Use another disk."
                    )
                download_file(self.connection, self.id, file.member, target, file.hash, shown)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class StoredArray(StoredFile):
    """An array in a store: its shape and dtype are known at once, its elements are read on demand."""

    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype("f8"))
    shape: tuple[int, ...] = ()

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def load(self, mmap_mode: str | None = None) -> np.ndarray[Any, Any]:  # Any: as the array is
        """Return the array.

        Args:
            mmap_mode: `"r"`: only accessed parts are read from the file; None: all of it, into memory.
        """
        mode: Any = mmap_mode  # Any: NumPy's literal type
        array: np.ndarray[Any, Any] = np.load(os.fspath(self), mmap_mode=mode, allow_pickle=False)
        return array

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.load()
        wanted: Any = dtype  # Any: anything that NumPy takes for a dtype
        return array if dtype is None else array.astype(wanted, copy=False)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401  # as NumPy has it
        """Return some elements; of an array that only the server sees, the rows between the first and the last."""
        if self.local_path is not None or not self.shape:
            return np.array(self.load(mmap_mode="r")[index])
        indices = index if isinstance(index, tuple) else (index,)
        if not self._is_fortran():
            return np.array(self._rows(self.shape, indices))
        basic = all(isinstance(one, (int, np.integer, slice)) for one in indices)
        if not basic or len(indices) > self.ndim:
            return np.array(self._rows(self.shape[::-1], ()).T[index])
        full = (*indices, *(slice(None) for _ in range(self.ndim - len(indices))))
        return np.array(np.transpose(self._rows(self.shape[::-1], full[::-1])))

    def _is_fortran(self) -> bool:
        """Read in the header of the file whether the first index changes quickest."""
        header = self.read_bytes(0, self._begin())
        return b"'fortran_order': True" in header

    def _begin(self) -> int:
        """Return where the elements begin in the file."""
        return self.size - math.prod(self.shape) * self.dtype.itemsize

    def _rows(self, shape: tuple[int, ...], indices: tuple[Any, ...]) -> Any:  # noqa: ANN401  # as NumPy has it
        """Return some elements of the file's rows; only the rows from the first to the last of them are read."""
        first = indices[0] if indices else slice(None)
        begin, end, rest = 0, shape[0], first
        if isinstance(first, (int, np.integer)) and not isinstance(first, (bool, np.bool_)):
            place = int(first) + (shape[0] if first < 0 else 0)
            if not 0 <= place < shape[0]:
                raise IndexError(f"index {first} is out of bounds for axis 0 with size {shape[0]}")
            begin, end, rest = place, place + 1, 0
        elif isinstance(first, slice):
            chosen = range(*first.indices(shape[0]))
            begin, end = (min(chosen), max(chosen) + 1) if chosen else (0, 0)
            low = chosen.start - begin
            stop = chosen.stop - begin
            rest = slice(low, None if stop < 0 else stop, chosen.step) if chosen else slice(0, 0)
        row_bytes = math.prod(shape[1:]) * self.dtype.itemsize
        content = self.read_bytes(self._begin() + begin * row_bytes, (end - begin) * row_bytes) if end > begin else b""
        rows = np.frombuffer(bytearray(content), self.dtype).reshape(end - begin, *shape[1:])
        return rows[(rest, *indices[1:])]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without dimensions has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.load())

    def __repr__(self) -> str:
        return f"<array {self.dtype}{self.shape} in the store {self.store}>"


class _Files:
    """The files of a stored object for a file system, listed once."""

    def __init__(self, stored: StoredObject) -> None:
        self._stored = stored
        self._known: dict[str, StoredFile] | None = None

    @property
    def files(self) -> dict[str, StoredFile]:
        if self._known is None:
            self._known = self._stored._files()
        return self._known

    @property
    def sizes(self) -> dict[str, int]:
        return {path: file.size for path, file in self.files.items()}

    def read(self, path: str, offset: int, length: int) -> bytes:
        return self.files[path].read_bytes(offset, length)

    def open(self, path: str) -> IO[bytes]:
        return self.files[path].open()

    def create(self, path: str) -> IO[bytes]:
        raise io.UnsupportedOperation(f"{self._stored.name} is stored, and stored objects do not change")

    def remove(self, path: str) -> None:
        raise io.UnsupportedOperation(f"{self._stored.name} is stored, and stored objects do not change")


def filesystem() -> ModuleType:
    """Return the module that needs fsspec.

    Raises:
        ModuleNotFoundError: The package is not installed.
    """
    try:
        return import_module("levada._objects.filesystem")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"Objects as file systems need fsspec; {install_command('objects')}.") from error


class _Ranges(io.RawIOBase):
    """A file whose parts are read from the server on demand; a program that reads on and on gets larger ones ahead."""

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._position = 0
        self._ahead = b""
        self._ahead_from = 0
        self._expected = -1  # where the next read begins if it goes on
        self._ahead_bytes = CHUNK_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise ValueError(f"a file has no position {base + offset}")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  # a writable buffer
        wanted = min(len(buffer), max(self._file.size - self._position, 0))
        if not wanted:
            return 0
        within = self._position - self._ahead_from
        if not 0 <= within < len(self._ahead):
            goes_on = self._position == self._expected
            self._ahead_bytes = min(2 * self._ahead_bytes, _MAX_AHEAD_BYTES) if goes_on else CHUNK_BYTES
            length = max(wanted, self._ahead_bytes) if goes_on else wanted
            file = self._file
            self._ahead = b"".join(download(file.connection, file.id, file.member, self._position, length))
            self._ahead_from, within = self._position, 0
            self._expected = self._position + len(self._ahead)
        content = self._ahead[within : within + wanted]
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
