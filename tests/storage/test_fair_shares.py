"""Places that users share: nobody takes those of the others."""

from __future__ import annotations

import asyncio

import pytest

from levada_server.errors import LimitReached
from levada_server.storage.postgres import database as database_module
from levada_server.storage.postgres.database import Database
from levada_server.storage.postgres.fair_shares import FairShares, user_places

GREEDY, MODEST, OTHER = 1, 2, 3


async def turns() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_user_leaves_places_for_the_others() -> None:
    shares = FairShares(8)
    greedy = [asyncio.create_task(shares.take(GREEDY)) for _ in range(20)]
    await turns()
    assert sum(task.done() for task in greedy) == user_places(8) == 6
    for user in (MODEST, OTHER):
        await asyncio.wait_for(shares.take(user), 1)
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)


async def test_several_users_leave_places_for_those_who_have_none() -> None:
    shares = FairShares(8)
    greedy = [asyncio.create_task(shares.take(user)) for user in (GREEDY, OTHER) for _ in range(20)]
    await turns()
    assert sum(task.done() for task in greedy) == user_places(8) + 1  # the other had none
    await asyncio.wait_for(shares.take(MODEST), 1)
    assert shares.full(MODEST)  # it has one now
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)


async def test_the_next_place_goes_to_whoever_has_the_fewest() -> None:
    shares = FairShares(4, common_share=1.0)
    for user in (GREEDY, GREEDY, GREEDY, MODEST):
        await shares.take(user)
    order: list[int] = []

    async def wait(user: int) -> None:
        await shares.take(user)
        order.append(user)

    waiting = [asyncio.create_task(wait(user)) for user in (GREEDY, MODEST, OTHER)]
    await turns()
    for _ in range(3):
        shares.give(GREEDY)
        await turns()
    assert order[0] == OTHER
    await asyncio.gather(*waiting)


class Clock:
    """A clock that goes on when a test says so."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_many_users_who_hold_places_for_long_leave_some_for_the_others() -> None:
    clock = Clock()
    shares = FairShares(8, common_share=0.5, clock=clock)
    idle = range(100, 120)
    waiting = {user: [asyncio.create_task(shares.take(user)) for _ in range(3)] for user in idle}
    await turns()
    for _ in range(4):  # each gives way after a while, and all of them want more
        clock.now_s += 5
        holders = [user for user in idle if waiting[user][0].done() and shares.gives_way(user)]
        assert holders
        for user in holders:
            waiting[user].append(waiting[user].pop(0))
            shares.give(user)
        await turns()
    for user in (GREEDY, MODEST, OTHER):
        await asyncio.wait_for(shares.take(user), 1)
    for task in (task for tasks in waiting.values() for task in tasks):
        task.cancel()
    await asyncio.gather(*(task for tasks in waiting.values() for task in tasks), return_exceptions=True)


async def test_among_equals_the_next_place_goes_to_whoever_held_one_for_the_shortest_time() -> None:
    clock = Clock()
    shares = FairShares(1, clock=clock)
    await shares.take(GREEDY)
    clock.now_s += 5
    again, modest = asyncio.create_task(shares.take(GREEDY)), asyncio.create_task(shares.take(MODEST))
    await turns()
    shares.give(GREEDY)
    await asyncio.wait_for(modest, 1)
    assert not again.done()
    shares.give(MODEST)
    await asyncio.wait_for(again, 1)


async def test_a_long_use_is_forgotten_in_time() -> None:
    clock = Clock()
    shares = FairShares(2, common_share=0.5, clock=clock)
    await shares.take(OTHER)
    await shares.take(GREEDY)
    clock.now_s += 20
    shares.give(GREEDY)
    assert shares.full(GREEDY)
    clock.now_s += 120
    assert not shares.full(GREEDY)


async def test_a_place_does_not_go_to_a_user_who_was_cancelled_in_the_same_turn() -> None:
    shares = FairShares(1)
    await shares.take(GREEDY)
    left, stays = asyncio.create_task(shares.take(MODEST)), asyncio.create_task(shares.take(OTHER))
    await turns()
    left.cancel()  # it still waits in the list when the place is given back
    assert shares.gives_way(GREEDY)
    assert not shares.gives_way(GREEDY)  # one place is enough for the one who waits
    shares.give(GREEDY)
    await asyncio.wait_for(stays, 1)
    assert left.cancelled()
    shares.give(OTHER)
    await asyncio.wait_for(shares.take(MODEST), 1)


async def test_a_place_that_comes_after_its_user_has_left_goes_to_the_next() -> None:
    shares = FairShares(1)
    await shares.take(GREEDY)
    left, stays = asyncio.create_task(shares.take(MODEST)), asyncio.create_task(shares.take(OTHER))
    await turns()
    shares.give(GREEDY)  # it is now the place of the first, who leaves in the same turn
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    await asyncio.wait_for(stays, 1)
    shares.give(OTHER)
    await asyncio.wait_for(shares.take(GREEDY), 1)


async def test_the_servers_own_user_may_have_all_places() -> None:
    shares = FairShares(4)
    for _ in range(4):
        await asyncio.wait_for(shares.take(None), 1)


async def test_a_user_waits_for_connections_while_others_get_theirs(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "ACQUIRE_TIMEOUT_S", 0.1)
    pool = await Database.connect(database_url, size=4)
    greedy, modest = pool.of_user(GREEDY), pool.of_user(MODEST)
    held = [greedy.connection() for _ in range(3)]
    try:
        for one in held:
            await one.__aenter__()
        with pytest.raises(LimitReached, match=r"4 connections .* \(3 for one user\)"):
            async with greedy.connection():
                pass
        async with modest.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
    finally:
        for one in held:
            await one.__aexit__(None, None, None)
        await pool.close()
