"""A delete in conflict with a concurrent change is repeated; in a client's transaction only the client can repeat."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from levada_server.errors import Conflict
from levada_server.model.table import PartIntegrity
from levada_server.operations import deletes
from levada_server.query.algebra import Equalities, Restrict, TableOperand
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
    async with Transactions(engine.scope) as transactions:
        await transactions.begin("repeatable_read", read_only=False)
        inside = replace(engine, scope=transactions.scope)
        with pytest.raises(Conflict):
            await delete_beside_an_update(engine, database_url, inside)
    assert len(await make.fetch(engine, "Session")) == 2
