"""Archives opened as a database: tables declared, rows inserted, and both compared with what was written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from levada._base.errors import DamagedObject, PreconditionFailed
from levada._base.names import class_path
from levada._moving.descriptions import declare_alike, differences
from levada._moving.digests import RowDigests, Total
from levada._moving.slices import is_stored
from levada._net.pages import pages
from levada._objects.taking_over import folder_content, take_over
from levada._tables.table import FreeTable
from levada._values.types import type_of_column
from levada_api.v1 import object_service_pb2, schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from levada._moving.folder import WrittenTable
    from levada._moving.slices import Slice
    from levada._net.connection import Connection

_BATCH_ROWS = 1_000
_STORE = re.compile(r"<(\w+)@(\w+)>")


@dataclass(frozen=True)
class OpenedTable:
    """A table that was opened: its name, and how many rows it has."""

    name: str
    row_count: int


def open_as_database(
    connection: Connection, archive: Slice, done: Callable[[OpenedTable], None] | None = None
) -> list[OpenedTable]:
    """Declare the tables of an archive on a server, insert their rows, and compare both sides.

    Again, it goes on where it was interrupted: rows that are there are skipped. Attributes of stores that the server
    lacks are in its preferred store.

    Args:
        done: Called after each table.

    Raises:
        PreconditionFailed: A table exists with another definition, or has other rows.
        DamagedObject: Rows or files are not as they were written.
    """
    listed = pages(
        connection,
        "ObjectService/ListStores",
        object_service_pb2.ListStoresRequest(),
        object_service_pb2.ListStoresResponse,
    )
    stores = {store.name for page in listed for store in page.stores}
    for schema in archive.contents.schemas:
        create = schema_service_pb2.CreateSchemaRequest(name=schema.name, allow_existing=True, request_id=uuid4().hex)
        connection.call("SchemaService/CreateSchema", create, schema_service_pb2.CreateSchemaResponse)
    opened = []
    for written in archive.contents.tables:
        table = OpenedTable(written.name, _open(connection, archive, written, stores))
        opened.append(table)
        if done is not None:
            done(table)
    return opened


def _open(connection: Connection, archive: Slice, written: WrittenTable, stores: set[str]) -> int:
    here = _with_stores(written.table, stores)
    declared = declare_alike(connection, here, {}).table
    if differing := differences(here, declared, {}, ("in the archive", "here")):
        raise PreconditionFailed(
            f"`{written.name}` exists here with another definition: {'; '.join(differing)}. Open the archive in an "
            "empty folder."
        )
    table = FreeTable(connection, class_path(written.table.name))
    heading = table.heading
    read, total = RowDigests(heading), Total()
    for batch in pq.ParquetFile(archive.folder / written.file).iter_batches(_BATCH_ROWS):
        for row in read.take(batch)[1]:
            total.add_digest(row)
        rows = pa.Table.from_batches([batch])
        for index, field in enumerate(batch.schema):
            if is_stored(field):
                column = pa.array(_references(table, archive, written, rows, field))
                rows = rows.set_column(index, pa.field(field.name, column.type), column)
        table.insert(rows, skip_duplicates=True, allow_direct_insert=True)
    if (total.count, total.text) != (written.row_count, written.digest):
        raise DamagedObject(
            f"The rows of `{written.name}` have another digest than the archive lists; copy the archive again."
        )
    there = Total()
    after = RowDigests(heading)
    for batch in table._result().batches():
        for row in after.take(batch)[1]:
            there.add_digest(row)
    if (there.count, there.text) != (written.row_count, written.digest) and here == written.table:
        raise PreconditionFailed(
            f"`{written.name}` has {there.count} rows here, and they are not the {written.row_count} of the archive. "
            "Open it in an empty folder."
        )
    return there.count


def _with_stores(table: schema_pb2.Table, stores: set[str]) -> schema_pb2.Table:
    """Return a table whose attributes are in stores that are there; a file that stayed in place becomes a copy."""

    def renamed(match: re.Match[str]) -> str:
        codec, store = match.groups()
        if store in stores:
            return match[0]
        return f"<{'attach' if codec == 'filepath' else codec}@>"

    here = schema_pb2.Table()
    here.CopyFrom(table)
    here.definition = _STORE.sub(renamed, table.definition)
    for attribute in here.heading.attributes:
        attribute.type = _STORE.sub(renamed, attribute.type)
    return here


def _references(
    table: FreeTable, archive: Slice, written: WrittenTable, rows: pa.Table, field: pa.Field
) -> Iterator[dict[str, Any] | None]:  # Any: of an object's reference
    """Yield the references of objects, whose content is put into a store here."""
    names = table.primary_key
    codec = type_of_column(field).codec
    for value, key in zip(rows.column(field.name).to_pylist(), rows.select(names).to_pylist(), strict=True):
        if value is None:
            yield None
            continue
        place = archive.file(written.name, value)
        content = folder_content(place, value["name"], value["hash"], _files_of(place) if place.is_dir() else None)
        if codec == "filepath" and "filepath" in table.heading[field.name].type:
            content = replace(content, path=value["path"])
        put = take_over(table.connection, table._name, table.heading, field.name, key, content)
        yield {"id": put.id, "hash": put.hash}


def _files_of(folder: Path) -> list[tuple[str, int]]:
    """Return the files of a folder with their sizes, in the byte order of their paths."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in files]
    return sorted(found, key=lambda file: file[0].encode())
