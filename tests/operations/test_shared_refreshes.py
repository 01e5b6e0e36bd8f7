"""Workers ask for refreshes by the hundred; each kind is done once for all workers that ask before it begins."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import asyncpg
import pytest

from levada_server.errors import Unavailable
from levada_server.model.table import Tier
from levada_server.operations import declarations, job_refresh, shared_refreshes
from levada_server.operations.access.gate import Gate
from levada_server.operations.shared_refreshes import NOTHING, Refreshed, Refreshes
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.postgres.database import Database
from tests.support import make, notation
from tests.support.make import ME, NO_TIME, named
from tests.support.statements import log_statements

if TYPE_CHECKING:
    from levada_server.operations.context import Engine

ASKERS = 50


class Work:
    """A refresh that a test lets go on; it returns its number."""

    def __init__(self) -> None:
        self.count = 0
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self) -> Refreshed:
        self.count += 1
        number = self.count
        self.begun.set()
        await self.go_on.wait()
        return Refreshed(number, 0, 0)


def ask(refreshes: Refreshes, work: Work, *, periodic: bool = False) -> asyncio.Task[Refreshed]:
    async def asked() -> Refreshed:
        return NOTHING if periodic and not refreshes.due("kind") else await refreshes.share("kind", work)

    return asyncio.ensure_future(asked())


async def test_what_began_a_moment_ago_is_recent() -> None:
    refreshes, work = Refreshes(), Work()
    work.go_on.set()
    assert await refreshes.recent("kind", work) == Refreshed(1, 0, 0)
    assert await refreshes.recent("kind", work) == Refreshed(1, 0, 0)
    assert await refreshes.recent("other", work) == Refreshed(2, 0, 0)
    assert await refreshes.share("kind", work) == Refreshed(3, 0, 0)
    assert await refreshes.recent("kind", work) == Refreshed(3, 0, 0)


async def test_who_asks_while_one_is_under_way_shares_the_next() -> None:
    refreshes, work = Refreshes(), Work()
    first = ask(refreshes, work)
    await work.begun.wait()
    others = [ask(refreshes, work) for _ in range(ASKERS)]
    assert await ask(refreshes, work, periodic=True) == NOTHING  # it does not wait
    others[0].cancel()
    work.go_on.set()
    assert await first == Refreshed(1, 0, 0)
    assert set(await asyncio.gather(*others[1:])) == {Refreshed(2, 0, 0)}
    assert await ask(refreshes, work, periodic=True) == NOTHING  # it was done a moment ago
    assert await ask(refreshes, work) == Refreshed(3, 0, 0)


async def test_a_refresh_that_fails_is_done_again_by_the_next() -> None:
    refreshes, work = Refreshes(), Work()

    async def fails() -> Refreshed:
        await work()
        raise Unavailable("gone")

    first = asyncio.ensure_future(refreshes.share("kind", fails))
    await work.begun.wait()
    other = ask(refreshes, work)
    work.go_on.set()
    with pytest.raises(Unavailable):
        await first
    assert await other == Refreshed(2, 0, 0)


async def test_periodic_refreshes_find_what_is_new_after_a_while(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def added() -> int:
        await make.insert(engine, "Session", [{"session": next(numbers)}])
        refreshed = await job_refresh.refresh(
            engine, ME, named("Stat"), None, priority=None, delay=NO_TIME, retry_errors=False, periodic=True
        )
        return refreshed.added

    numbers = count()
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    monkeypatch.setattr(shared_refreshes, "PERIOD_S", 3600.0)
    assert [await added() for _ in range(3)] == [1, 0, 0]
    monkeypatch.setattr(shared_refreshes, "PERIOD_S", 0.0)
    monkeypatch.setattr(shared_refreshes, "SHARE", 0)
    assert await added() == 3


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[str]:
    """The statements that the engine of this test sends; its periodic refreshes may follow each other at once."""
    monkeypatch.setattr(shared_refreshes, "PERIOD_S", 0.0)
    monkeypatch.setattr(shared_refreshes, "SHARE", 0)
    statements = log_statements(monkeypatch)
    request.getfixturevalue("engine")  # opened only now, so that its connections are logged
    return statements


async def refresh_periodically(engine: Engine, sent: list[str]) -> int | None:
    """Return how many jobs a periodic refresh added, removed and reset; None if it did not look for any."""
    sent.clear()
    refreshed = await job_refresh.refresh(
        engine, ME, named("Stat"), None, priority=None, delay=NO_TIME, retry_errors=False, periodic=True
    )
    looked = any("INSERT INTO levada_jobs" in statement for statement in sent)
    return refreshed.added + refreshed.removed + refreshed.reset if looked else None


async def wait_for_earlier_transactions(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Wait until every transaction is over that runs now: those in databases of other tests hold the horizon too."""
    now = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    over = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 FROM pg_sleep(0.01)"
    while not await connection.fetchval(over, now):
        pass


async def test_periodic_refreshes_look_for_nothing_until_a_table_has_changed(
    sent: list[str], engine: Engine, database_url: str
) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Other", "other : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": 1}])
    connection = await asyncpg.connect(database_url)
    try:
        await wait_for_earlier_transactions(connection)
        assert [await refresh_periodically(engine, sent) for _ in range(3)] == [1, None, None]
        await make.insert(engine, "Other", [{"other": 1}])
        assert await refresh_periodically(engine, sent) is None
        await connection.execute('INSERT INTO "lab"."session" (session) VALUES (2)')
        assert await refresh_periodically(engine, sent) == 1
        async with connection.transaction():
            await connection.execute('INSERT INTO "lab"."session" (session) VALUES (3)')
            assert await refresh_periodically(engine, sent) in (0, None)
            await make.insert(engine, "Session", [{"session": 4}])
            assert await refresh_periodically(engine, sent) == 1
        assert await refresh_periodically(engine, sent) == 1
        await connection.execute('DELETE FROM "lab"."session" WHERE session = 1')
        assert await refresh_periodically(engine, sent) == 1
        await connection.execute('INSERT INTO "lab"."stat" (session) VALUES (2)')
        await wait_for_earlier_transactions(connection)
        assert await refresh_periodically(engine, sent) == 1  # the job of a result that is there
        assert await refresh_periodically(engine, sent) is None
    finally:
        await connection.close()
    assert await make.refresh(engine, "Stat") == NOTHING  # and nothing was missed


async def test_periodic_refreshes_go_on_after_a_while_without_a_change(
    sent: list[str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    monkeypatch.setattr(job_refresh, "UNCHANGED_S", 0.0)
    assert [await refresh_periodically(engine, sent) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    "source",
    [
        notation.table("Session") & "now() > '2000-01-01'",
        notation.table("Session") & notation.jobs("Earlier"),
    ],
    ids=["the time", "jobs"],
)
async def test_periodic_refreshes_always_look_where_more_than_rows_decides(
    sent: list[str], engine: Engine, source: notation.Query
) -> None:
    assert isinstance(engine.scope, Database)
    engine = replace(engine, gate=Gate(CatalogCache(engine.scope), engine.gate.permissions, lambda _: source.relation))
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Earlier", "-> Session\n", Tier.COMPUTED)
    declared = declarations.Declaration(
        named("Stat"), Tier.COMPUTED, "-> Session\n", {}, has_make=True, key_source=b"own"
    )
    await declarations.declare_table(engine, ME, declared)
    assert [await refresh_periodically(engine, sent) for _ in range(2)] == [0, 0]
