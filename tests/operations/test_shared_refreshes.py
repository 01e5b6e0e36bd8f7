"""Workers ask for refreshes by the hundred; each kind is done once for all workers that ask before it begins."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

import pytest

from levada_server.errors import Unavailable
from levada_server.model.table import Tier
from levada_server.operations import job_refresh, shared_refreshes
from levada_server.operations.shared_refreshes import NOTHING, Refreshed, Refreshes
from tests.support import make
from tests.support.make import ME, NO_TIME, named

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
