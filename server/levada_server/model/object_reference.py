"""The reference to an object in a row."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """Identifies and describes an object, so that a row can be read without its store.

    Args:
        id: Cannot be guessed: anyone who has it may read the object.
        store: The object's store.
        path: Path within the store, with `/`.
        name: The original name of the file or folder; empty for a value.
        size_bytes: Size of the file, or of all files of the folder.
        hash: BLAKE3 of the file's bytes, or of the folder's list of files; 64 hexadecimal digits.
        file_count: Number of files in a folder; None for a file.
        dtype: Element type of an array, in NumPy's notation.
        shape: Lengths of an array's dimensions.
    """

    id: UUID
    store: str
    path: str
    name: str
    size_bytes: int
    hash: str
    file_count: int | None = None
    dtype: str | None = None
    shape: tuple[int, ...] | None = None

    def to_json(self) -> str:
        """Write it as it is stored in a row; unset fields are omitted."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}  # Any: of each field
        given = {name: value for name, value in values.items() if value is not None}
        return json.dumps({**given, "id": str(self.id)})
