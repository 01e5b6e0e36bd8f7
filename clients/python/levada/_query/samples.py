"""The values of a preview that may be large: small ones are fetched, of others only their size, shape and type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from levada._base.display import Cell
from levada._base.errors import LevadaError
from levada._base.text import shown, size_text
from levada._objects.fetched_handles import HANDLES, Opener
from levada._objects.handles import StoredArray, StoredFile, StoredFolder
from levada._query import fetching
from levada._values.attached import AttachedFile
from levada._values.blob import decode_blob
from levada._values.conversions import value_kind
from levada._values.pictures import picture, spark
from levada._values.types import Family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from levada._net.connection import Connection
    from levada._query import nodes
    from levada._values.types import AttributeType

    Row = Mapping[str, Any]  # Any: an attribute's value

_PREVIEW_BYTES = 2 * 2**20
"""How many bytes of large values one preview fetches."""
_VALUE_BYTES = 2**19
"""The largest value that it fetches."""
_DECODED_BYTES = 16 * 2**20
"""The most bytes that a value may stand for once it is decompressed."""
_EMPTY = "<empty>"


class Sampled(Protocol):
    """The part of a relation that its large values come from."""

    _node: nodes.Node

    @property
    def connection(self) -> Connection:
        """Its connection."""
        ...

    def proj(self, /, *attributes: str) -> Sampled:
        """Keep the key and some attributes."""
        ...

    def __and__(self, condition: object) -> Sampled: ...


class Samples:
    """The cells of large values of one preview, which share a number of bytes.

    Args:
        relation: The relation of the rows.
        keys: The primary key of each row.
    """

    def __init__(self, relation: Sampled, keys: Sequence[Row]) -> None:
        self._relation = relation
        self._keys = keys
        self._rest = _PREVIEW_BYTES

    def cells(self, name: str, type_: AttributeType, sizes: Sequence[int | None]) -> list[Cell]:
        """Return the cells of an attribute.

        Args:
            sizes: The bytes of each row's value, None for NULL; of objects that a codec decodes, whether it is
                not NULL, and nothing of other objects.
        """
        if type_.codecs:
            return [Cell(None) if size in (None, False) else _label(f"<{type_.codecs[0]}>") for size in sizes]
        if type_.family is Family.OBJECT:
            return self._of_objects(name, type_)
        numbers = [number for number, size in enumerate(sizes) if size is not None and self._affords(size)]
        values = dict(zip(numbers, self._values(name, numbers), strict=True))
        return [
            Cell(None) if size is None else self._cell(values[number]) if number in values else _large(type_, size)
            for number, size in enumerate(sizes)
        ]

    def _affords(self, size: int) -> bool:
        if size > min(_VALUE_BYTES, self._rest):
            return False
        self._rest -= size
        return True

    def _values(self, name: str, numbers: Sequence[int]) -> list[Any]:  # Any: values of one column
        """Fetch the values of some rows, in their order; one that cannot be read is its error."""
        if not numbers:
            return []
        table = self._table(name, [self._keys[number] for number in numbers])
        key = fetching.primary_key_of(table.schema)
        order = {_identity(row, key): number for number, row in enumerate(fetching.to_dicts(table.select(key)))}
        column, field = table.column(name), table.schema.field(name)
        found: list[Any] = []
        for number in numbers:
            place = order.get(_identity(self._keys[number], key))
            found.append(_EMPTY if place is None else _read(column.slice(place, 1), field))
        return found

    def _table(self, name: str, keys: Sequence[Row]) -> Any:  # noqa: ANN401  # pyarrow has no types
        relation = self._relation.proj(name)
        if any(keys):
            relation = relation & list(keys)
        return fetching.fetch_table(relation.connection, relation._node)

    def _of_objects(self, name: str, type_: AttributeType) -> list[Cell]:
        references = self._values(name, range(len(self._keys)))
        opener = Opener(self._relation.connection)
        cells = []
        for reference in references:
            if not isinstance(reference, dict):
                cells.append(Cell(None) if reference is None else self._cell(reference))
                continue
            is_array = type_.codec in ("blob", "npy")
            value = None
            if not is_array or type_.codec == "npy" or self._affords(reference["size_bytes"]):
                value = opener.objects([reference], type_)[0]
            if isinstance(value, StoredArray) and self._affords(value.size):
                value = value.load()
            cells.append(_large(type_, reference["size_bytes"]) if value is None else self._cell(value))
        return cells

    def _cell(self, value: object) -> Cell:
        match value:
            case np.ndarray():
                return Cell(_of_array(value.dtype, value.shape), picture(value), spark(value), dim=True)
            case StoredArray():
                return _label(_of_array(value.dtype, value.shape))
            case StoredFolder():
                files = f"{value.file_count} {'file' if value.file_count == 1 else 'files'}"
                return _label(f"{value.name}/, {files}, {size_text(value.size)}")
            case StoredFile() | AttachedFile():
                return _label(f"{value.name or 'a file'}, {size_text(value.size)}")
            case bytes():
                return _label(f"{size_text(len(value))}")
            case dict() | list() | tuple() | set():
                return _label(f"{type(value).__name__} of {len(value)}")
            case str() | int() | float() | bool() | None:
                return Cell(str(value) if isinstance(value, str) else repr(value))
            case _:
                return _label(shown(value))


def _read(column: Any, field: Any) -> Any:  # noqa: ANN401  # pyarrow has no types
    type_ = fetching.type_read(field)
    try:
        if type_.family is Family.BLOB:
            return decode_blob(value_kind(type_).to_python(column, type_)[0], _DECODED_BYTES)
        return fetching.python_values(column, field, opener=HANDLES)[0]
    except LevadaError as error:  # of a damaged value, or of one that this client cannot read
        return f"<{error}>"


def _identity(row: Row, key: Sequence[str]) -> tuple[Any, ...]:  # Any: an attribute's value
    return tuple(row[name] for name in key)


def _large(type_: AttributeType, size: int) -> Cell:
    if type_.dtype is not None:
        return _label(_of_array(type_.dtype, type_.shape))
    return _label(f"{type_.codec or type_.kind}, {size_text(size)}")


def _label(text: str) -> Cell:
    return Cell(text, dim=True)


def _of_array(dtype: np.dtype[Any], shape: Sequence[int]) -> str:  # Any: as the array has it
    return f"{dtype} ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
