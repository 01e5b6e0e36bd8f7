"""The fetched form of files in rows and stores: values, handles, or paths of copies on this machine."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from levada._objects.handles import StoredArray, StoredFile, StoredFolder
from levada._objects.transfer import download
from levada._values.attached import decode_attachment
from levada._values.blob import MAX_ROW_BYTES, decode_blob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada._net.connection import Connection
    from levada._values.types import AttributeType

_PARALLEL = 4
"""Values of one column that are read at once."""


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens the files of one fetch.

    Args:
        connection: To the server that has them; None: references to objects are returned unchanged.
        folder: Attachments become paths of copies in this folder; None: handles.
        filepaths: Files of `<filepath@…>` become paths too.
    """

    connection: Connection | None = None
    folder: str | None = None
    filepaths: bool = False

    @property
    def value_bytes(self) -> int:
        """The most bytes that a value in a row stands for.

        A server's limit may have been larger when the value was stored.
        """
        return max(MAX_ROW_BYTES, 0 if self.connection is None else self.connection.limits.value_bytes)

    def attachment(self, stored: bytes) -> Any:  # noqa: ANN401  # a handle or a path
        """Open an `<attach>` value."""
        handle = decode_attachment(stored)
        return handle if self.folder is None else str(handle.download(self.folder))

    def objects(self, references: Sequence[Mapping[str, Any] | None], type_: AttributeType) -> list[Any]:
        """Open the objects of a column: values of `<blob@…>` and `<hash@…>`, handles or paths of the rest.

        Args:
            references: The references in the rows; None for missing ones.
            type_: The attribute's type.
        """
        connection = self.connection
        if connection is None:
            return list(references)

        def one(reference: Mapping[str, Any] | None) -> object:
            if reference is None:
                return None
            if type_.codec in ("blob", "hash"):
                content = b"".join(download(connection, reference["id"], ""))
                return decode_blob(content) if type_.codec == "blob" else content
            handle = handle_of(connection, type_.codec, reference)
            if self.folder is None or not (type_.codec == "attach" or (self.filepaths and type_.codec == "filepath")):
                return handle
            local = handle.local_path if type_.codec == "filepath" else None
            return str(local or handle.download(self.folder))

        if type_.codec not in ("blob", "hash") or len(references) < 2:
            return [one(reference) for reference in references]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(one, references))


HANDLES = Opener()
"""Opens attachments, and nothing from stores."""


def handle_of(connection: Connection, codec: str, reference: Mapping[str, Any]) -> StoredFile | StoredFolder:
    """Return the handle of an object, also of one whose codec gives a value when it is fetched.

    Args:
        codec: The codec of its attribute.
        reference: The object as a row refers to it.
    """
    common = (
        reference["id"],
        codec,
        reference["store"],
        reference["path"],
        reference["name"],
        reference["size_bytes"],
        reference["hash"],
        connection,
    )
    if reference["file_count"] is not None:
        return StoredFolder(*common, file_count=reference["file_count"])
    if codec == "npy":
        return StoredArray(*common, dtype=_dtype(reference["dtype"]), shape=tuple(reference["shape"]))
    return StoredFile(*common)


def _dtype(described: str) -> np.dtype[Any]:  # Any: as the array has it
    """Read a dtype from the header of NumPy's format: a name, or a list of fields."""
    descriptor: Any = ast.literal_eval(described) if described.startswith("[") else described  # Any: as NumPy has it
    return np.lib.format.descr_to_dtype(descriptor)
