"""Staged inserts: the files of an entity go into their store first, and the entity is inserted at the end."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

from levada._base.absent_names import Explained
from levada._base.errors import InvalidRequest, UnknownAttribute
from levada._objects.handles import filesystem
from levada._objects.staged_object import StagedObject
from levada._objects.staging import staging_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsspec import FSMap

    from levada._net.connection import Connection
    from levada._values.heading import Heading
    from levada_api.v1 import schema_pb2


class Target(Protocol):
    """The table to insert into."""

    @property
    def connection(self) -> Connection:
        """The connection to its server."""
        ...

    @property
    def _name(self) -> schema_pb2.TableName:
        """Its name."""
        ...

    @property
    def heading(self) -> Heading:
        """Its attributes."""
        ...

    def insert1(self, row: dict[str, Any]) -> None:  # Any: values of every kind
        """Insert a row."""
        ...


class StagedInsert(Explained):
    """One entity, and the files and folders for its attributes of type `<object@…>`.

    Args:
        table: The table that it will be inserted into.

    Attributes:
        rec: Its values, except those of the files. Set the primary key first: paths are made from it.
    """

    rec: dict[str, Any]  # Any: values of every kind

    def __init__(self, table: Target) -> None:
        self.rec = {}
        self._table = table
        self._staged: dict[str, tuple[StagedObject, str, bool]] = {}

    def store(self, field: str, ext: str = "") -> FSMap:
        """Return the folder of an attribute as a mapping from paths to bytes, which go into the store at once.

        ```
        zarr.open(staged.store("traces", ".zarr"), mode="w", shape=(1000, 1000))[:] = traces
        ```

        Args:
            field: An attribute of type `<object@…>`.
            ext: The ending of the folder's name.

        Raises:
            UnknownAttribute: There is no such attribute.
            InvalidRequest: It has another type, or its file was opened before.
            ModuleNotFoundError: The package fsspec is not installed.
        """
        mapping = filesystem().mapping
        staged, name = self._object(field, ext, folder=True)
        return mapping(name, staged)

    def open(self, field: str, ext: str = "", mode: str = "wb") -> IO[Any]:  # Any: bytes or text, by the mode
        """Open the file of an attribute to write it; its bytes go into the store as they come.

        Args:
            field: An attribute of type `<object@…>`.
            ext: The ending of the file's name.
            mode: `wb` or `w`, from its beginning to its end. `w+b` also reads and seeks, as HDF5 does: the file lies on
                this machine until it is closed.

        Raises:
            UnknownAttribute: There is no such attribute.
            InvalidRequest: It has another type, or its folder was opened before.
        """
        if mode not in ("w", "wb", "w+b"):
            raise InvalidRequest(
                f"A staged file is opened with 'wb' or 'w', or with 'w+b' to seek in it, not {mode!r}."
            )
        staged, _ = self._object(field, ext, folder=False)
        return io.TextIOWrapper(staged.create(""), "utf-8") if mode == "w" else staged.create("", mode)

    def _object(self, field: str, ext: str, *, folder: bool) -> tuple[StagedObject, str]:
        heading = self._table.heading
        if field not in heading:
            raise UnknownAttribute(
                f"The table has no attribute `{field}`; it has {', '.join(heading.names)}.", {"attribute": field}
            )
        type_ = heading[field].parsed_type
        if type_.codec != "object":
            raise InvalidRequest(f"`{field}` is {type_}; only an attribute of type <object@…> takes such a file.")
        if field not in self._staged:
            missing = [name for name in heading.primary_key if self.rec.get(name) is None]
            if missing:
                raise InvalidRequest(f"Set the key in `rec` before the file of `{field}`: {', '.join(missing)}.")
            request = staging_request(self._table._name, heading, field, self.rec)
            request.file_name, request.folder = f"{field}{ext}", folder
            self._staged[field] = StagedObject(self._table.connection, request), request.file_name, folder
        staged, name, is_folder = self._staged[field]
        if is_folder is not folder:
            raise InvalidRequest(f"`{field}` is a {'folder' if is_folder else 'file'} already; use the same method.")
        return staged, name

    def _finish(self) -> None:
        """Complete the files, and insert the entity."""
        files = {field: staged.commit() for field, (staged, _, _) in self._staged.items()}
        self._table.insert1({**self.rec, **files})


@contextmanager
def staged_insert1(table: Target) -> Iterator[StagedInsert]:
    """Insert an entity at the end of the block, with what was written there; nothing if the block fails."""
    staged = StagedInsert(table)
    yield staged
    staged._finish()
