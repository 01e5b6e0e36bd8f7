"""A delete in conflict with a concurrent change is repeated; in a client's transaction only the client can repeat."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from levada_server.errors import Conflict, HasChildren, MissingParent
from levada_server.model.table import PartIntegrity
from levada_server.operations import alteration, deletes, schemas
from levada_server.operations.access.gate import Gate
from levada_server.query.algebra import Equalities, Restrict, TableOperand
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.transactions import Transactions
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.operations.context import Engine

CHOSEN = Restrict(TableOperand(named("Session")), Equalities((("session", 1),)))


async def delete_beside_an_update(engine: Engine, database_url: str, other: Engine) -> int:
    """Begin to delete a row that another is changing, and commit that change; return how many rows were deleted."""
    await make.make_table(engine, "Session", "session : int32\n---\nrate : int32\n")
    await make.insert(engine, "Session", [{"session": n, "rate": 0} for n in (1, 2)])
    changing = await asyncpg.connect(database_url)
    change = changing.transaction()
    await change.start()
    await changing.execute("UPDATE lab.session SET rate = 1 WHERE session = 1")
    deleting = asyncio.ensure_future(deletes.delete(other, ME, CHOSEN, PartIntegrity.ENFORCE, digest="", quick=False))
    try:
        while not await changing.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            pass  # until it waits for the row
        await change.commit()
        return sum(count for _, count in (await deleting).counts)
    finally:
        await changing.close()


async def test_delete_goes_through_a_conflict(engine: Engine, database_url: str) -> None:
    assert await delete_beside_an_update(engine, database_url, engine) == 1
    assert [row["session"] for row in await make.fetch(engine, "Session")] == [2]


async def test_transaction_of_a_client_is_told_of_a_conflict(engine: Engine, database_url: str) -> None:
    async with Transactions(engine.scope.outside) as transactions:
        await transactions.begin("repeatable_read", read_only=False)
        inside = replace(engine, scope=transactions.scope)
        with pytest.raises(Conflict):
            await delete_beside_an_update(engine, database_url, inside)
    assert len(await make.fetch(engine, "Session")) == 2


@pytest.fixture
async def elsewhere(engine: Engine) -> Engine:
    """Another server on the same database, whose changes the first one does not know; and a table with a child."""
    await make.make_table(engine, "Session", "session : int32\n---\nrate = 0 : int32\n")
    await make.make_table(engine, "Spike", "-> Session\nspike : int32\n")
    await make.insert(engine, "Session", [{"session": n} for n in (1, 2)])
    await make.insert(engine, "Spike", [{"session": n, "spike": 1} for n in (1, 2)])
    assert isinstance(engine.scope, Database)
    return replace(engine, gate=Gate(CatalogCache(engine.scope), engine.gate.permissions, stored_relation))


async def delete(engine: Engine, *, quick: bool = False) -> dict[str, int]:
    """Delete session 1; give how many entities of each table went."""
    doomed = await deletes.delete(engine, ME, CHOSEN, PartIntegrity.ENFORCE, digest="", quick=quick)
    return {name.table: count for name, count in doomed.counts}


async def test_a_delete_takes_a_child_that_is_inserted_meanwhile(
    engine: Engine, elsewhere: Engine, database_url: str
) -> None:
    """PostgreSQL 18 says restrict_violation of it, earlier ones foreign_key_violation."""
    inserting = await asyncpg.connect(database_url)
    try:
        for quick in (True, False):
            insert = inserting.transaction()
            await insert.start()
            await inserting.execute("DELETE FROM lab.spike WHERE session = 1" if quick else "SELECT 1")
            await inserting.execute("INSERT INTO lab.spike VALUES (1, $1)", 7 + quick)
            deleting = asyncio.ensure_future(delete(engine, quick=quick))
            while not (deleting.done() or await inserting.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                pass  # until it waits for the row
            await insert.commit()
            if quick:
                with pytest.raises(HasChildren):
                    await deleting
            else:
                assert await deleting == {"Spike": 2, "Session": 1}
    finally:
        await inserting.close()


async def test_a_delete_beside_the_drop_of_a_table_that_depends_goes_on(engine: Engine, elsewhere: Engine) -> None:
    await schemas.drop_tables(elsewhere, ME, [named("Spike")], "")
    assert await delete(engine) == {"Session": 1}


async def test_a_delete_in_a_transaction_beside_such_a_drop_is_told_of_a_conflict(
    engine: Engine, elsewhere: Engine
) -> None:
    """Not of a table that it did not name."""
    async with Transactions(engine.scope.outside) as transactions:
        await transactions.begin("repeatable_read", read_only=False)
        await schemas.drop_tables(elsewhere, ME, [named("Spike")], "")
        with pytest.raises(Conflict):
            await delete(replace(engine, scope=transactions.scope))


async def test_a_delete_takes_rows_of_a_table_that_was_declared_meanwhile(engine: Engine, elsewhere: Engine) -> None:
    await make.make_table(elsewhere, "Unit", "-> Session\nunit : int32\n")
    await make.insert(elsewhere, "Unit", [{"session": 1, "unit": n} for n in range(3)])
    assert await delete(engine) == {"Session": 1, "Spike": 1, "Unit": 3}


async def test_an_insert_beside_an_alteration_of_its_table_goes_on(engine: Engine, elsewhere: Engine) -> None:
    wanted = alteration.WantedTable(named("Spike"), "-> Session\nspike : int32\n---\nwidth = 5 : int32\n", {})
    await alteration.alter_table(elsewhere, ME, wanted, "")
    await make.insert(engine, "Spike", [{"session": 1, "spike": 2}])
    many = [{"session": 2, "spike": n} for n in range(2, 3_000)]
    await schemas.drop_tables(elsewhere, ME, [named("Spike")], "")
    await make.make_table(elsewhere, "Spike", "-> Session\nspike : int32\n---\nwidth = 6 : int32\n")
    assert await make.insert(engine, "Spike", many) == len(many)
    assert {row["width"] for row in await make.fetch(engine, "Spike")} == {6}


async def test_changes_of_one_pipeline_beside_each_other_repeat_by_themselves(
    engine: Engine, elsewhere: Engine
) -> None:
    """Inserts, cascading deletes, declarations and drops of what depends, of two servers."""
    refused: list[str] = []

    async def insert(server: Engine) -> None:
        for number in range(30):
            await make.insert(server, "Session", [{"session": 1}], skip_duplicates=True)
            try:
                await make.insert(server, "Spike", [{"session": 1, "spike": number}], skip_duplicates=True)
            except MissingParent as error:
                refused.append(error.reason)

    async def remove(server: Engine) -> None:
        for _ in range(30):
            await delete(server)

    async def declare(server: Engine) -> None:
        for _ in range(6):
            await make.make_table(server, "Unit", "-> Session\nunit : int32\n")
            await schemas.drop_tables(server, ME, [named("Unit")], "")

    await asyncio.gather(insert(engine), insert(elsewhere), remove(engine), remove(elsewhere), declare(elsewhere))
    assert len(await make.fetch(engine, "Session")) <= 2
