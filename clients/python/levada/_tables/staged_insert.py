"""Staged inserts: the files of an entity are written first, and the entity is inserted at the end."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, Protocol

from levada._base.absent_names import Explained
from levada._base.errors import InvalidRequest, UnknownAttribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada._values.heading import Heading


class Target(Protocol):
    """The table to insert into."""

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
        folder: Holds the files until then.

    Attributes:
        rec: Its values, except those of the files.
    """

    rec: dict[str, Any]  # Any: values of every kind

    def __init__(self, table: Target, folder: Path) -> None:
        self.rec = {}
        self.files: dict[str, Path] = {}
        self._table = table
        self._folder = folder

    def store(self, field: str, ext: str = "") -> Path:
        """Return where to write the file or folder of an attribute: `zarr.open(staged.store("traces", ".zarr"))`.

        Args:
            field: An attribute of type `<object@…>`.
            ext: The ending of the file's name.

        Raises:
            UnknownAttribute: There is no such attribute.
            InvalidRequest: It has another type.
        """
        heading = self._table.heading
        if field not in heading:
            raise UnknownAttribute(
                f"The table has no attribute `{field}`; it has {', '.join(heading.names)}.", {"attribute": field}
            )
        type_ = heading[field].parsed_type
        if type_.codec != "object":
            raise InvalidRequest(f"`{field}` is {type_}; only an attribute of type <object@…> takes such a file.")
        return self.files.setdefault(field, self._folder / f"{field}{ext}")

    def open(self, field: str, ext: str = "", mode: str = "wb") -> IO[Any]:  # Any: bytes or text, by the mode
        """Open the file of an attribute to write it; arguments as for `store`."""
        return self.store(field, ext).open(mode)


@contextmanager
def staged_insert1(table: Target) -> Iterator[StagedInsert]:
    """Insert an entity at the end of the block, with what was written there; nothing if the block fails."""
    with TemporaryDirectory(prefix="levada-staged-") as folder:
        staged = StagedInsert(table, Path(folder))
        yield staged
        table.insert1({**staged.rec, **staged.files})
