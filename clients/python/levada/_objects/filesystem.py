"""Objects as file systems of fsspec: Zarr, xarray and others read and write through them."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any, Protocol

from fsspec import AbstractFileSystem, FSMap

if TYPE_CHECKING:
    from collections.abc import Mapping


class Files(Protocol):
    """The files of an object."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size in bytes of each file, by its path within the object."""
        ...

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Return a range of a file."""
        ...

    def open(self, path: str) -> IO[bytes]:
        """Open a file for reading."""
        ...

    def create(self, path: str) -> IO[bytes]:
        """Open a file for writing from its beginning to its end.

        Raises:
            OSError: The object is complete.
        """
        ...

    def remove(self, path: str) -> None:
        """Remove a file.

        Raises:
            OSError: The object is complete.
        """
        ...


class ObjectFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one object; a path begins with the object's name.

    Args:
        root: The object's name.
        files: Its files.
    """

    protocol = "levada"
    cachable = False

    def __init__(self, root: str, files: Files) -> None:
        super().__init__()
        self._root = root
        self._files = files

    def __reduce__(self) -> tuple[type[ObjectFileSystem], tuple[str, Files]]:
        return ObjectFileSystem, (self._root, self._files)

    @property
    def fsid(self) -> str:
        """Name the file system, for caches of others."""
        return f"levada:{self._root}:{id(self._files)}"

    def info(self, path: str, **_: object) -> dict[str, Any]:  # Any: as fsspec has it
        """Describe a file or folder.

        Raises:
            FileNotFoundError: There is none.
        """
        within, sizes = self._within(path), self._files.sizes
        if within in sizes:
            return {"name": self._strip_protocol(path), "size": sizes[within], "type": "file"}
        if any(not within or name.startswith(f"{within}/") for name in sizes):
            return {"name": self._strip_protocol(path), "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    def ls(self, path: str, detail: bool = True, **_: object) -> list[Any]:  # Any: as fsspec has it
        """List a folder, or a file.

        Raises:
            FileNotFoundError: There is none.
        """
        there = self.info(path)
        if there["type"] == "file":
            return [there] if detail else [there["name"]]
        within = self._within(path)
        start = len(within) + 1 if within else 0
        found: dict[str, dict[str, Any]] = {}
        for name, size in self._files.sizes.items():
            if name.startswith(f"{within}/") or not within:
                first, deeper, _rest = name[start:].partition("/")
                full = f"{there['name']}/{first}"
                found[full] = {"name": full, "size": 0 if deeper else size, "type": "directory" if deeper else "file"}
        return list(found.values()) if detail else list(found)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        """Return a file, or a range of it; negative places count from its end.

        Raises:
            FileNotFoundError: There is none.
        """
        within = self._within(path)
        size = self._files.sizes.get(within)
        if size is None:
            raise FileNotFoundError(path)
        begin, stop, _step = slice(start, end).indices(size)
        return self._files.read(within, begin, stop - begin) if stop > begin else b""

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
        """Write a file."""
        if mode == "create" and self._within(path) in self._files.sizes:
            raise FileExistsError(path)
        with self._files.create(self._within(path)) as file:
            file.write(value)

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        within = self._within(path)
        if within not in self._files.sizes:
            raise FileNotFoundError(path)
        self._files.remove(within)

    def _rm(self, path: str) -> None:
        self.rm_file(path)

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        """Remove files, or folders with all that they hold."""
        for each in [path] if isinstance(path, str) else path:
            within = self._within(each)
            below = [name for name in self._files.sizes if not within or name.startswith(f"{within}/")]
            if within in self._files.sizes:
                self._files.remove(within)
            elif not below:
                raise FileNotFoundError(each)
            elif not recursive:
                raise IsADirectoryError(each)
            for name in below:
                self._files.remove(name)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Do nothing: folders are where files are."""

    def mkdir(self, path: str, create_parents: bool = True, **_: object) -> None:
        """Do nothing: folders are where files are."""

    def _open(self, path: str, mode: str = "rb", **_: object) -> IO[bytes]:
        within = self._within(path)
        if mode == "wb":
            return self._files.create(within)
        if mode != "rb":
            raise io.UnsupportedOperation(f"a file of an object is opened with 'rb' or 'wb', not {mode!r}")
        if within not in self._files.sizes:
            raise FileNotFoundError(path)
        return self._files.open(within)

    def _within(self, path: str) -> str:
        """Return the path within the object."""
        parts = self._strip_protocol(path).strip("/").split("/")
        return "/".join(parts[1:] if parts[0] == self._root else parts)


def mapping(root: str, files: Files) -> FSMap:
    """Return the files of an object as a mapping from paths to bytes, as Zarr takes it."""
    return FSMap(root, ObjectFileSystem(root, files))
