"""Results as Parquet files, written as they arrive, with the content of stores in files beside them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from levada._objects.fetched_handles import handle_of
from levada._objects.handles import StoredFolder
from levada._query.fetching import grouped
from levada._values.files import check_name, put
from levada._values.types import Family, type_of_column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from levada._net.connection import Connection
    from levada._query.fetching import Result
    from levada._values.heading import Heading
    from levada._values.types import AttributeType

OBJECTS = "objects"
"""The folder of the files beside."""
FILE = pa.struct(
    [
        ("file", pa.utf8()),
        ("name", pa.utf8()),
        ("size_bytes", pa.int64()),
        ("hash", pa.utf8()),
        ("file_count", pa.int64()),
        ("dtype", pa.utf8()),
        ("shape", pa.list_(pa.int64())),
        ("store", pa.utf8()),
        ("path", pa.utf8()),
    ]
)
"""A value that lay in a store: `file` is the path of its file or folder beside the Parquet file, with `/`; `hash` is
its BLAKE3; store and path say where it was."""
GROUP_BYTES = 32 * 2**20
"""Rows are written in groups of about this size, so that no more are in memory."""
_PARALLEL = 4
"""Objects of one batch that are read at once."""


def write_parquet(
    connection: Connection,
    result: Result,
    heading: Heading,
    target: Path,
    *,
    objects: Path | None = None,
    about: Mapping[bytes, bytes] | None = None,
    seen: Callable[[pa.Table], None] | None = None,
) -> int:
    """Write a result into a file, which is there whole at the end, or not at all; return how many rows it has.

    The schema keeps the primary key (`levada.primary_key`), and each field type, comment, default and origin of its
    attribute (`levada.type` and so on).

    Args:
        objects: The folder for the content of stores; by default `objects` beside the file. Content that lies there
            already is not fetched again.
        about: More metadata of the schema.
        seen: Called with the rows as they came, a part at a time.

    Raises:
        LevadaError: The server refuses, or an object is damaged.
    """
    beside = target.parent / OBJECTS if objects is None else objects
    fields = [_described(field, heading) for field in result.schema]
    schema = pa.schema(fields, {**(result.schema.metadata or {}), **(about or {})})
    count = 0

    def write(draft: Path) -> None:
        nonlocal count
        with pq.ParquetWriter(draft, schema) as writer:
            for group in grouped(result.batches(), GROUP_BYTES):
                if seen is not None:
                    seen(group)
                columns = with_files(connection, group, target.parent, beside).columns
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                count += group.num_rows

    put(target, write)
    return count


def with_files(connection: Connection, rows: pa.Table, root: Path, beside: Path) -> pa.Table:
    """Fetch the content of stores that rows refer to into files; return the rows with `FILE` in place of references.

    Args:
        root: The folder from which the paths of the files begin.
        beside: The folder for the content.
    """
    for index, field in enumerate(rows.schema):
        type_ = type_of_column(field)
        if type_.family is Family.OBJECT:
            column = _with_files(connection, rows.column(index), type_, root, beside)
            rows = rows.set_column(index, field.with_type(FILE), column)
    return rows


def _described(field: pa.Field, heading: Heading) -> pa.Field:
    attribute = heading[field.name]
    told = {
        b"levada.comment": attribute.comment,
        b"levada.default": attribute.default,
        b"levada.origin": attribute.origin,
    }
    metadata = {**(field.metadata or {}), **{name: text.encode() for name, text in told.items() if text}}
    stored = type_of_column(field).family is Family.OBJECT
    return pa.field(field.name, FILE if stored else field.type, field.nullable, metadata)


def _with_files(
    connection: Connection, column: pa.ChunkedArray, type_: AttributeType, root: Path, beside: Path
) -> pa.ChunkedArray:
    def one(reference: dict[str, Any] | None) -> dict[str, Any] | None:
        if reference is None:
            return None
        place = write_object(connection, type_.codec, reference, beside)
        file = PurePosixPath(Path(os.path.relpath(place, root)).as_posix())
        return {**{name: value for name, value in reference.items() if name != "id"}, "file": str(file)}

    with ThreadPoolExecutor(_PARALLEL) as pool:
        return pa.chunked_array([pa.array(pool.map(one, column.to_pylist()), FILE)], FILE)


def write_object(connection: Connection, codec: str, reference: Mapping[str, Any], beside: Path) -> Path:
    """Write the content of an object into a folder by its hash, unless it is there; return its file or folder.

    Raises:
        DamagedObject: The bytes do not have the hash that was stored.
    """
    handle = handle_of(connection, codec, reference)
    name = check_name(handle.name or f"value.{'blob' if codec == 'blob' else 'bin'}")
    # A folder and a file may have the same hash: the file is a list of the folder's files.
    kind = "folder" if isinstance(handle, StoredFolder) else "file"
    place = beside / check_name(handle.hash)[:2] / f"{handle.hash}.{kind}" / name
    return place if place.exists() else put(place, lambda draft: handle._fetch(draft, progress=False))
