"""Changes whose connection to PostgreSQL breaks: the client repeats them under their id, or learns what is unknown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import OutcomeUnknown
from levada_server.model.table import Tier
from levada_server.operations import inserts, updates
from levada_server.operations.inserts import InsertOptions
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import asyncpg

    from levada_server.operations.context import Engine


async def insert_one(engine: Engine) -> None:
    await inserts.insert(engine, ME, named("Thing"), InsertOptions(), make.arrow([{"id": 2, "x": 5}]))


async def update_one(engine: Engine) -> None:
    await updates.update(engine, ME, named("Thing"), {"id": 1, "x": 5})


async def complete_one(engine: Engine) -> None:
    await make.refresh(engine, "Made")
    (lease,) = await make.reserve(engine, await make.make_session(engine), "Made")
    await make.complete(engine, lease, {"Made": [{"id": 1, "x": 5}]})


@pytest.mark.parametrize("change", [insert_one, update_one, complete_one])
async def test_a_change_whose_connection_breaks_is_not_said_to_be_undone(
    engine: Engine,
    connection: asyncpg.Connection[asyncpg.Record],
    change: Callable[[Engine], Coroutine[None, None, None]],
) -> None:
    await make.make_table(engine, "Thing", "id : int64\n---\nx : int64")
    await make.insert(engine, "Thing", [{"id": 1, "x": 1}])
    await make.make_table(engine, "Made", "-> Thing\n---\nx : int64", Tier.COMPUTED)
    # Both tables are held until the change has been sent; then its connection is cut.
    holding = connection.transaction()
    await holding.start()
    table = "made" if change is complete_one else "thing"
    await connection.execute(f'LOCK TABLE lab."{table}" IN SHARE MODE')
    changing = asyncio.create_task(change(engine))
    cut = None
    while not cut:
        assert not changing.done()
        cut = await connection.fetchval(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
    await holding.rollback()
    with pytest.raises(OutcomeUnknown, match="check whether the change was made"):
        await changing
