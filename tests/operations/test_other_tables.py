"""A change of rows relies on its own tables: it goes on beside changes of others, and notices those of its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import Conflict
from levada_server.model.table import Contract
from levada_server.operations import alteration, schemas
from levada_server.operations.alteration import WantedTable
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.catalog.stored_catalog import require_current
from levada_server.storage.postgres.database import Database
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.model.dependencies import Basis
    from levada_server.operations.context import Engine

PARENT, CHILD = "parent : int32\n---\nx = 0 : int32\n", "-> Parent\nchild : int32\n---\ny = 0 : int32\n"


@pytest.fixture
async def basis(engine: Engine) -> Basis:
    """Return the basis of an insert into `Child`."""
    await make.make_table(engine, "Parent", PARENT)
    await make.make_table(engine, "Child", CHILD)
    await make.make_table(engine, "Other", "other : int32\n")
    return (await engine.gate.known()).basis((named("Child"),))


async def check(engine: Engine, basis: Basis) -> None:
    async with engine.scope.connection() as connection:
        await require_current(connection, basis)


async def alter(engine: Engine, table: str, definition: str, new_name: str = "") -> None:
    await alteration.alter_table(engine, ME, WantedTable(named(table), definition, {}, new_name=new_name), "")


async def test_what_happens_to_other_tables_does_not_matter(engine: Engine, basis: Basis) -> None:
    await make.make_table(engine, "Grandchild", "-> Child\n")
    await alter(engine, "Other", "other : int32\n---\nz = 0 : int32\n")
    await schemas.drop_tables(engine, ME, [named("Other")], "")
    await schemas.create_schema(engine, ME, "elsewhere", allow_existing=False)
    await schemas.drop_schema(engine, ME, "elsewhere")
    await check(engine, basis)


async def test_a_delete_notices_a_new_reference_to_its_tables(engine: Engine, basis: Basis) -> None:
    await make.make_table(engine, "Unrelated", "unrelated : int32\n")
    deleting = replace(basis, with_children=True)
    await check(engine, deleting)
    await make.make_table(engine, "Grandchild", "-> Child\n")
    with pytest.raises(Conflict):
        await check(engine, deleting)


@pytest.mark.parametrize(
    "change",
    [
        "own attribute",
        "own name",
        "attribute of the parent",
        "name of the parent",
        "declared anew",
        "schema",
        "contract",
    ],
)
async def test_whatever_changes_its_own_tables_is_noticed(engine: Engine, basis: Basis, change: str) -> None:
    match change:
        case "own attribute":
            await alter(engine, "Child", CHILD + "z = 0 : int32\n")
        case "own name":
            await alter(engine, "Child", CHILD, "Kid")
        case "parent's attribute":
            await alter(engine, "Parent", PARENT + "z = 0 : int32\n")
        case "parent's name":
            await alter(engine, "Parent", PARENT, "Elder")
        case "declared anew":
            await schemas.drop_tables(engine, ME, [named("Child")], "")
            await make.make_table(engine, "Child", CHILD)
        case "schema":
            await alteration.rename_schema(engine, ME, "lab", "laboratory")
        case _:
            await schemas.update_schema(engine, ME, "lab", Contract.ON)
    with pytest.raises(Conflict):
        await check(engine, basis)


async def test_an_alteration_that_changed_nothing_yet_is_no_conflict(engine: Engine, basis: Basis) -> None:
    async with engine.scope.transaction() as connection:
        await engine.gate.lock(connection, ME)
        await require_current(connection, basis)


async def test_all_that_ask_for_a_newer_catalog_at_once_get_it(engine: Engine, basis: Basis) -> None:
    """One of them reads it, and the others wait; they would look for a new table in the old catalog else."""
    assert isinstance(engine.scope, Database)
    behind = CatalogCache(engine.scope)
    await behind.current()
    await make.make_table(engine, "Late", "late : int32\n")
    newest = (await engine.gate.known()).version
    found = await asyncio.gather(*(behind.current(newest) for _ in range(3)))
    assert [catalog.version for catalog in found] == [newest] * 3
