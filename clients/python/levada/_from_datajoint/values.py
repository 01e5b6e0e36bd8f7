"""Values as a database of DataJoint returns them, as values to insert."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from levada._base.errors import MissingExternalFile, WrongValue
from levada._from_datajoint.source import External
from levada._from_datajoint.stored_types import Way
from levada._moving.digests import StoredPath
from levada._values.attached import AttachedFile, decode_attachment
from levada._values.datajoint_blobs import HEADERS, decode_datajoint_blob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from levada._from_datajoint.decisions import StorePlace
    from levada._from_datajoint.plan import PlannedColumn


@dataclass(slots=True)
class Undecodable:
    """How many blobs were stored as their bytes, by the name of the attribute."""

    counts: dict[str, int] = field(default_factory=dict)


READ_WHOLE = (Way.STORED_BLOB, Way.STORED_BYTES, Way.STORED_FILE, Way.STORED_ARRAY)
"""The ways in which the content of a value's file gets into memory."""


def converter(
    column: PlannedColumn, schema: str, stores: Mapping[str, StorePlace], undecodable: Undecodable
) -> Callable[[Any], Any]:  # Any: values of the driver become values to insert
    """Return the function that converts the values of a column, which are not NULL.

    Args:
        schema: The schema's name there, a folder of the stores of 0.14.
        stores: The folders of stores, by their names there.
        undecodable: Counts blobs that were kept as bytes.
    """
    place = stores.get(column.store)
    ways: dict[Way, Callable[[Any], Any]] = {
        Way.PLAIN: _moment if column.impossible else same,
        Way.BOOL: bool,
        Way.UUID: lambda value: UUID(value) if isinstance(value, str) else UUID(bytes=bytes(value)),
        Way.JSON: lambda value: json.loads(value) if isinstance(value, (str, bytes)) else value,
        Way.WORDS: lambda value: value.split(",") if value else [],
        Way.BIT: lambda value: any(bytes(value)),
        Way.BITS: lambda value: int.from_bytes(bytes(value), "big"),
        Way.SHAPE: same,
        Way.HEX: lambda value: bytes(value).hex(),
        Way.BLOB: lambda value: _blob(bytes(value), column, undecodable),
        Way.BLOB_OR_BYTES: lambda value: _blob(bytes(value), column, undecodable) if _is_blob(value) else bytes(value),
        Way.ATTACHMENT: lambda value: decode_attachment(bytes(value)),
        Way.STORED_BLOB: lambda value: _blob(_file(value, place, schema).read_bytes(), column, undecodable),
        Way.STORED_BYTES: lambda value: _file(value, place, schema).read_bytes(),
        Way.STORED_FILE: lambda value: _attachment(value, _file(value, place, schema)),
        Way.STORED_ARRAY: lambda value: np.load(_file(value, place, schema), allow_pickle=False),
        Way.STORED_OBJECT: lambda value: _file(value, place, schema),
        Way.STORED_PATH: lambda value: _path(value, _file(value, place, schema)),
    }
    way = ways[column.way]
    return (lambda value: _without_nuls(way(value))) if column.strips_nuls else way


def stored_size(value: Any) -> int:  # noqa: ANN401  # as the driver has it
    """Return the size in bytes of the file of a value in a store, as the database has it; 0 if it does not say."""
    if value is None or isinstance(value, External):
        return 0 if value is None else value.size or 0
    return int((json.loads(value) if isinstance(value, str) else value).get("size") or 0)


def same(value: Any) -> Any:  # noqa: ANN401  # as the driver has it
    return value


def _without_nuls(value: Any) -> Any:  # noqa: ANN401  # text, or what JSON holds
    match value:
        case str():
            return value.replace("\0", "")
        case list():
            return [_without_nuls(item) for item in value]
        case dict():
            return {_without_nuls(name): _without_nuls(item) for name, item in value.items()}
        case _:
            return value


def _moment(value: Any) -> Any:  # noqa: ANN401  # as the driver has it
    # PyMySQL returns a day that does not exist as text.
    return None if isinstance(value, str) else value


def _is_blob(value: bytes) -> bool:
    return bytes(value[:6]).startswith(HEADERS)


def _blob(value: bytes, column: PlannedColumn, undecodable: Undecodable) -> Any:  # noqa: ANN401  # whatever was stored
    try:
        return decode_datajoint_blob(value)
    except WrongValue:
        if not column.keep_undecodable:
            raise
        undecodable.counts[column.name] = undecodable.counts.get(column.name, 0) + 1
        return value


def _file(value: Any, place: StorePlace | None, schema: str) -> Path:  # noqa: ANN401  # as the driver has it
    """Return the file of a value in a store.

    Raises:
        MissingExternalFile: It is not there, or its path leads out of the store.
    """
    assert place is not None  # the plan has asked for it
    folder = Path(place.folder).resolve()
    path = (folder / _within(value, schema)).resolve()
    if not path.is_relative_to(folder) or not path.exists():
        raise MissingExternalFile(f"The store lacks the file {path}; mount it, or restore the file.")
    return path


def _within(value: Any, schema: str) -> str:  # noqa: ANN401  # as the driver has it
    if not isinstance(value, External):
        return str((json.loads(value) if isinstance(value, str) else value)["path"])
    if value.path:
        return value.path
    name = bytes(value.hash).hex()
    suffix = f".{value.attachment}" if value.attachment else ""
    return f"{schema}/{name[:2]}/{name[2:4]}/{name}{suffix}"


def _attachment(value: Any, file: Path) -> AttachedFile:  # noqa: ANN401  # as the driver has it
    if isinstance(value, External):
        return AttachedFile(value.attachment, file.read_bytes())
    return decode_attachment(file.read_bytes())


def _path(value: Any, file: Path) -> StoredPath:  # noqa: ANN401  # as the driver has it
    return StoredPath(_within(value, ""), file.stat().st_size)
