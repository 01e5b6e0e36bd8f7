"""Exports opened as a database: tables declared, rows inserted, and both compared with what was written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from levada._base.errors import DamagedObject, PermissionDenied, PreconditionFailed, UnknownSchema, UnknownTable
from levada._base.names import class_path
from levada._moving.archive import is_within
from levada._moving.comparing import Held, compare, key_of
from levada._moving.descriptions import copy_ownership, declare_alike, differences, make_schema, raise_next_number
from levada._moving.digests import RowDigests, Total
from levada._moving.slices import is_stored
from levada._net.pages import pages
from levada._objects.taking_over import folder_content, take_over
from levada._query.parquet import FILE
from levada._tables.table import FreeTable
from levada._values.types import STORED_TYPE, type_of_column
from levada_api.v1 import object_service_pb2, schema_pb2

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from levada._moving.comparing import Comparison
    from levada._moving.folder import WrittenTable
    from levada._moving.slices import Slice
    from levada._net.connection import Connection
    from levada._values.heading import Heading

_BATCH_ROWS = 1_000


@dataclass(frozen=True)
class OpenedTable:
    """A table that was opened: its name, and how many rows of the archive it has."""

    name: str
    row_count: int


def open_as_database(
    connection: Connection, archive: Slice, done: Callable[[OpenedTable], None] | None = None
) -> list[OpenedTable]:
    """Declare the tables of an export on a server, insert their rows, and compare both sides.

    Again, it goes on where it was interrupted: rows that are there are skipped, and others do not count. Attributes
    of stores that the server lacks are in its preferred store. Tables that were written whole count on from their
    numbers, and their rows belong to teams as before.

    Args:
        done: Called after each table.

    Raises:
        PreconditionFailed: A table exists with another definition, or a row with other values, or a parent is missing.
        DamagedObject: Rows or files are not as they were written.
    """
    listed = pages(
        connection,
        "ObjectService/ListStores",
        object_service_pb2.ListStoresRequest(),
        object_service_pb2.ListStoresResponse,
    )
    stores = {store.name for page in listed for store in page.stores}
    _check_parents(connection, archive)
    for schema in archive.contents.schemas:
        make_schema(connection, schema, schema.name)
    opened = []
    for written in archive.contents.tables:
        table = OpenedTable(written.name, _open(connection, archive, written, stores))
        opened.append(table)
        if done is not None:
            done(table)
    return opened


def _check_parents(connection: Connection, archive: Slice) -> None:
    """Refuse tables whose parents are neither in an archive nor here.

    Raises:
        PreconditionFailed: There are some; nothing was changed.
    """
    coming = {class_path(written.table.name) for written in archive.contents.tables}
    missing: dict[str, str] = {}
    for written in archive.contents.tables:
        for key in written.table.foreign_keys:
            parent = class_path(key.parent)
            if parent not in coming and parent not in missing:
                try:
                    connection.describe_table(key.parent)
                except (UnknownSchema, UnknownTable, PermissionDenied):
                    missing[parent] = written.name
    if missing:
        named = ", ".join(f"`{parent}` (to which `{child}` refers)" for parent, child in missing.items())
        raise PreconditionFailed(
            f"Nothing was opened: neither the folder nor the server has {named}. Export their schemas too, into the "
            "same folder, or open them here first."
        )


def _open(connection: Connection, archive: Slice, written: WrittenTable, stores: set[str]) -> int:
    here = _with_stores(written.table, stores)
    declared = declare_alike(connection, here, {}).table
    if differing := differences(here, declared, {}, ("in the archive", "here")):
        raise PreconditionFailed(
            f"`{written.name}` exists here with another definition: {'; '.join(differing)}. Open the archive in an "
            "empty folder."
        )
    if written.whole and not declared.HasField("ownership"):
        copy_ownership(connection, written.table, {})
    table = FreeTable(connection, class_path(written.table.name))
    heading = table.heading
    known, keys_of = Held.of(table.proj(), key_of(heading)), RowDigests(key_of(heading))
    digests, total, held = RowDigests(heading), Total(), Held()
    for rows in _rows(archive.folder / written.file, heading):
        keys, found = digests.take(rows)
        for row in found:
            total.add_digest(row)
        held.add(keys, found if here == written.table else digests.take(_retyped(rows, heading))[1])
        new = [number for number, place in enumerate(known.places(keys_of.take(rows)[0])) if place < 0]
        if not new:
            continue
        rows = rows.take(pa.array(new))
        for index, field in enumerate(rows.schema):
            if is_stored(field):
                column = pa.array(_references(table, archive, written, rows, field))
                rows = rows.set_column(index, pa.field(field.name, column.type), column)
        table.insert(rows, skip_duplicates=True, allow_direct_insert=True)
    if (total.count, total.text) != (written.row_count, written.digest):
        raise DamagedObject(
            f"The rows of `{written.name}` have another digest than the archive lists; copy the archive again."
        )
    if written.whole:
        raise_next_number(connection, written.table.name, written.next_number)
    _check_alike(compare(held, table, heading), written)
    return total.count


def _check_alike(found: Comparison, written: WrittenTable) -> None:
    """Refuse rows here that differ from those of an archive; rows that it does not have do not count.

    Raises:
        PreconditionFailed: A row has other values here, or is not here any more.
    """
    if found.different:
        raise PreconditionFailed(
            f"{found.different} of the {written.row_count} rows of `{written.name}` have other values here: "
            f"{'; '.join(found.examples)}. Open the archive in an empty folder."
        )
    if found.only_held:
        raise PreconditionFailed(
            f"{found.only_held} of the {written.row_count} rows of `{written.name}` are not here; somebody has deleted "
            "them meanwhile. Import again."
        )


def _rows(file: Path, heading: Heading) -> Iterator[pa.Table]:
    """Yield the rows of a file, a part of a row group at a time.

    Raises:
        DamagedObject: It cannot be read, or does not have the attributes of the heading.
    """
    try:
        with pq.ParquetFile(file) as parquet:
            if {*parquet.schema_arrow.names} != {*heading.names} or not all(
                field.type == FILE for field in parquet.schema_arrow if is_stored(field)
            ):
                raise DamagedObject(f"{file} has other attributes than its table; copy the archive again.")
            for group in range(parquet.num_row_groups):
                for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=[group]):
                    yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise DamagedObject(f"{file} cannot be read: {error}; copy the archive again.") from None


def _with_stores(table: schema_pb2.Table, stores: set[str]) -> schema_pb2.Table:
    """Return a table whose attributes are in stores that are there; a file that stayed in place becomes a copy."""

    def renamed(match: re.Match[str]) -> str:
        codec, store = match.groups()
        if not store or store in stores:
            return match[0]
        return f"<{'attach' if codec == 'filepath' else codec}@>"

    here = schema_pb2.Table()
    here.CopyFrom(table)
    here.definition = STORED_TYPE.sub(renamed, table.definition)
    for attribute in here.heading.attributes:
        attribute.type = STORED_TYPE.sub(renamed, attribute.type)
    return here


def _retyped(rows: pa.Table, heading: Heading) -> pa.Table:
    """Return rows as a heading has them, whose files may be in other stores than where they were written."""
    for index, field in enumerate(rows.schema):
        if is_stored(field):
            type_ = heading[field.name].type.encode()
            field = field.with_metadata({**(field.metadata or {}), b"levada.type": type_})
            rows = rows.set_column(index, field, rows.column(index))
    return rows


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
        place, hash_ = archive.file(written.name, value), value["hash"]
        if not isinstance(hash_, str) or not hash_:
            # Without one, any bytes would do.
            raise DamagedObject(f"A row of `{written.name}` has a file without a hash; copy the archive again.")
        if not place.exists():
            raise DamagedObject(f"{place}, which a row of `{written.name}` has, is missing; copy the archive again.")
        files = _files_of(place) if place.is_dir() else None
        content = folder_content(place, str(value["name"]), hash_, files)
        if codec == "filepath" and "filepath" in table.heading[field.name].type:
            content = replace(content, path=str(value["path"]))
        put = take_over(table.connection, table._name, table.heading, field.name, key, content)
        yield {"id": put.id, "hash": put.hash}


def _files_of(folder: Path) -> list[tuple[str, int]]:
    """Return the files of a folder with their sizes, in the byte order of their paths.

    Raises:
        DamagedObject: One lies elsewhere: whoever made the archive would get a file of whoever opens it.
    """
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        if not is_within(path, folder):
            raise DamagedObject(f"{path} is a link that leads out of its folder; copy the archive again.")
    found = [(path.relative_to(folder).as_posix(), path.stat().st_size) for path in files]
    return sorted(found, key=lambda file: file[0].encode())
