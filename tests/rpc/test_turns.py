"""Large answers take turns, and small calls go on between them."""

from __future__ import annotations

import asyncio

from levada_server.rpc.turns import LARGE_BYTES, ROUNDS, Turns


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
