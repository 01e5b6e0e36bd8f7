"""Claim objects that rows are about to name, so that they stay, and put their references into the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa

from levada_server.errors import LevadaError, UnknownObject, WrongValue
from levada_server.model.kinds import Kind
from levada_server.storage.objects import object_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from levada_server.arrow.ipc.ingest import Columns
    from levada_server.model.heading import Attribute
    from levada_server.model.table import Table, TableName
    from levada_server.operations.access.gate import View
    from levada_server.operations.context import Engine
    from levada_server.storage.objects.object_rows import StoredObject


def check_stores(engine: Engine, attributes: Iterable[Attribute], table: TableName) -> None:
    """Refuse new attributes of a table that keep objects in stores that this server lacks.

    Raises:
        UnknownStore: The server lacks a store; the message names the attribute.
    """
    for attribute in attributes:
        if attribute.type.kind is Kind.OBJECT:
            try:
                engine.objects.store(attribute.type.store)
            except LevadaError as error:
                error.message = f"`{table}`, attribute `{attribute.name}` of the type {attribute.type}: {error}"
                raise


async def claim_columns(engine: Engine, view: View, table: Table, columns: Columns) -> Columns:
    """Claim the objects that some rows are about to name, and put their references into the rows.

    The claim is committed before the rows, whatever transaction they belong to. From then on no collection removes
    these objects, for longer than any transaction lasts.

    Raises:
        UnknownObject: A row names an object that is gone, or that the caller may not read.
        WrongValue: A row names an object of another kind or store.
    """
    places = [i for i, a in enumerate(columns.attributes) if a.type.kind is Kind.OBJECT]
    if not places:
        return columns
    ids = {i: columns.arrays[i].to_pylist() for i in places}
    wanted = {UUID(id_) for column in ids.values() for id_ in column if id_ is not None}
    claimed = await _claim(engine, await readable(engine, view, wanted), table)
    arrays = list(columns.arrays)
    for i, column in ids.items():
        texts = []
        for row, id_ in enumerate(column, columns.first_row):
            where = f"`{table.name}`, row {row}, attribute `{columns.attributes[i].name}`"
            texts.append(None if id_ is None else _fitting(columns.attributes[i], claimed, UUID(id_), where))
        arrays[i] = pa.array(texts, pa.utf8())
    return replace(columns, arrays=tuple(arrays))


async def claim_changes(engine: Engine, view: View, table: Table, changes: Mapping[str, object]) -> dict[str, object]:
    """Claim the objects of the new values of one row, as `claim_columns` does."""
    result = dict(changes)
    ids = {
        name: UUID(str(value))
        for name, value in changes.items()
        if value is not None and table.heading[name].type.kind is Kind.OBJECT
    }
    claimed = await _claim(engine, await readable(engine, view, ids.values()), table) if ids else {}
    for name, id_ in ids.items():
        result[name] = _fitting(table.heading[name], claimed, id_, f"`{table.name}`, attribute `{name}`")
    return result


async def claim_copied(engine: Engine, table: Table, ids: Iterable[str]) -> None:
    """Claim the objects of rows that the caller copied within PostgreSQL into a table and that are not committed yet.

    Raises:
        UnknownObject: An object is gone.
    """
    wanted = {UUID(id_) for id_ in ids}
    gone = wanted - (await _claim(engine, wanted, table)).keys() if wanted else set()
    if gone:
        raise UnknownObject("An object of the copied rows is gone; fetch them again.", object=next(iter(gone)))


async def readable(engine: Engine, view: View, ids: Iterable[UUID]) -> set[UUID]:
    """Return which of some objects the caller may read, and name in rows."""
    wanted = set(ids)
    if view.rights.administers or not wanted:
        return wanted
    async with engine.objects.connection() as connection:
        holders = await object_rows.read_holders(connection, wanted)
        return {id_ for id_ in wanted if await view.reads_object(connection, id_, holders[id_])}


async def _claim(engine: Engine, ids: set[UUID], table: Table) -> dict[UUID, StoredObject]:
    async with engine.objects.connection() as connection:
        return await object_rows.claim(connection, ids, table.id)


def _fitting(attribute: Attribute, claimed: Mapping[UUID, StoredObject], id_: UUID, where: str) -> str:
    """Return the reference to an object that a row holds, if the attribute takes the object."""
    found = claimed.get(id_)
    if found is None:
        raise UnknownObject(
            f"{where}: the object {id_} is gone or never existed. Insert its content again.", object=id_
        )
    wanted = attribute.type
    stores = (found.reference.store, *found.made_for)
    if found.codec != wanted.codec or (wanted.store and wanted.store not in stores):
        raise WrongValue(
            f"{where}: the object is a <{found.codec}@{found.reference.store}>, but the attribute takes {wanted}."
        )
    return found.reference.to_json()
