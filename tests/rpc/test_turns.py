"""Large answers take turns, and small calls go on between them.

Whoever sends large requests, or leaves answers unread, has pauses.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

from levada_server.rpc import turns as limits
from levada_server.rpc.turns import LARGE_BYTES, ROUNDS, UNREAD_BYTES, Pauses, Turns

ANNA, BEN, OWN = 1, 2, None
"""Two users, and the server's own."""
HUGE = 2**30
"""The size of a request whose pause no test waits for."""


async def test_large_answers_take_turns_and_leave_rounds_to_others() -> None:
    turns, events = Turns(), list[str]()

    async def send(name: str) -> None:
        for _ in range(2):
            await turns.take(LARGE_BYTES)
            events.append(name)

    async def call() -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        events.append("small")

    await asyncio.gather(send("a"), send("b"), call())
    assert [name for name in events if name != "small"] == ["a", "b", "a", "b"]
    assert events.index("small") <= 1


async def test_small_answers_do_not_wait() -> None:
    turns = Turns()
    holding = asyncio.create_task(turns.take(LARGE_BYTES))
    await asyncio.sleep(0)
    await turns.take(LARGE_BYTES - 1)
    assert not holding.done()
    await holding


async def waits(pauses: Pauses, user: int | None) -> bool:
    """Return whether the next request of a user is not read at once."""
    pause = asyncio.create_task(pauses.await_pause(user))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        return not pause.done()
    finally:
        pause.cancel()
        await asyncio.wait({pause})


async def test_a_user_who_sent_a_large_request_has_a_pause_and_others_have_none() -> None:
    pauses = Pauses()
    assert await pauses.read(lambda: "read", ANNA, HUGE) == "read"
    assert await pauses.read(lambda: "read", OWN, HUGE) == "read"
    assert [await waits(pauses, user) for user in (ANNA, BEN, OWN)] == [True, False, False]


async def test_requests_that_came_together_are_read_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOP_S_PER_BYTE", 1.0)
    pauses, events = Pauses(), list[str]()
    await pauses.read(lambda: events.append("Anna"), ANNA, 1)
    second = asyncio.create_task(pauses.read(lambda: events.append("Ben"), BEN, 1))
    await pauses.read(lambda: events.append("own"), OWN, HUGE)
    assert events == ["Anna", "own"]  # the next one is read after seconds
    second.cancel()
    await asyncio.wait({second})


async def test_one_request_of_a_user_waits_for_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOP_S_PER_BYTE", 1.0)
    pauses, events = Pauses(), list[str]()
    await pauses.read(lambda: None, ANNA, 1)
    waiting = asyncio.create_task(pauses.read(lambda: events.append("first"), BEN, 1))
    await asyncio.sleep(0)
    await pauses.read(lambda: events.append("second"), BEN, 1)
    assert events == ["second"]
    waiting.cancel()
    await asyncio.wait({waiting})


async def test_several_users_take_less_together_than_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOP_S_PER_BYTE", 1e-4)
    monkeypatch.setattr(limits, "ALL_SHARE", 1e-9)
    pauses = Pauses()
    await pauses.read(lambda: None, ANNA, 1)
    await pauses.await_pause(ANNA)  # less than a millisecond
    first, second = (asyncio.create_task(pauses.read(lambda: None, user, 1)) for user in (ANNA, BEN))
    await first
    assert await waits(pauses, ANNA)  # for half a minute
    assert not second.done()
    second.cancel()
    await asyncio.wait({second})


async def test_a_request_that_cannot_be_read_costs_the_same_pause() -> None:
    pauses = Pauses()
    with pytest.raises(ZeroDivisionError):
        await pauses.read(lambda: 1 // 0, ANNA, HUGE)
    assert await waits(pauses, ANNA)


async def test_a_user_who_left_a_large_answer_has_a_pause_that_its_size_does_not_lengthen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ANSWER_S_PER_BYTE", 1e-12)
    pauses = Pauses()
    pauses.leave_unread(BEN, LARGE_BYTES - 1)
    pauses.leave_unread(OWN, HUGE)
    assert [await waits(pauses, user) for user in (BEN, OWN)] == [False, False]
    pauses.leave_unread(ANNA, 2**60)
    await pauses.await_pause(ANNA)  # some 30 µs, where all bytes would have taken the longest pause
    monkeypatch.setattr(limits, "ANSWER_S_PER_BYTE", 1.0)
    pauses.leave_unread(ANNA, UNREAD_BYTES)
    assert await waits(pauses, ANNA)


async def test_a_pause_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_PAUSE_S", 0.01)
    pauses = Pauses()
    await pauses.read(lambda: None, ANNA, HUGE)
    await pauses.await_pause(ANNA)
    assert not await waits(pauses, ANNA)


async def test_requests_that_waited_for_the_same_pause_are_not_read_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_PAUSE_S", 0.01)
    monkeypatch.setattr(limits, "STEP_S", 3600.0)
    pauses = Pauses()
    await pauses.read(lambda: None, ANNA, HUGE)
    first, second = (asyncio.create_task(pauses.await_pause(ANNA)) for _ in range(2))
    await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    assert first.done() != second.done()
    for waiting in (first, second):
        waiting.cancel()
    await asyncio.wait({first, second})


async def test_one_large_request_is_read_at_a_time() -> None:
    pauses, events, go_on = Pauses(), list[str](), threading.Event()

    def slow() -> None:
        events.append("first begins")
        go_on.wait()
        events.append("first ends")

    first = asyncio.create_task(pauses.read(slow, ANNA, 1))
    second = asyncio.create_task(pauses.read(lambda: events.append("second"), BEN, 1))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, second)
    assert events == ["first begins", "first ends", "second"]
