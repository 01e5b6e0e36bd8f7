"""A call may be cut off at any moment: its connection is given back, or given up, and nothing stays open on it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LONGEST_STEPS = 120
"""Turns of the event loop after which a transaction that writes once is over."""


async def in_one_block(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO public.kept VALUES (1)")


async def over_several_calls(database: Database) -> None:
    async with Transactions(database) as transactions:
        await transactions.begin("read_committed", read_only=False)
        async with transactions.scope.transaction() as connection:
            await connection.execute("INSERT INTO public.kept VALUES (1)")
        await transactions.commit()


@pytest.mark.parametrize("work", [in_one_block, over_several_calls])
async def test_transaction_that_is_cut_off_leaves_nothing_behind(
    database_url: str, work: Callable[[Database], Awaitable[None]]
) -> None:
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
    database = await Database.connect(database_url, size=1)
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE public.kept (n integer)")
    for steps in range(LONGEST_STEPS):
        task = asyncio.ensure_future(work(database))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        async with database.connection() as connection:  # the only one: it is free again
            assert not connection.is_in_transaction()
            assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned() IS NULL")
    assert said == []
    await database.close()
