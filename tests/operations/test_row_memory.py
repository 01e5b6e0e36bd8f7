"""The rows of all calls share the memory that they take once they are decoded."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from levada_server.errors import LimitReached
from levada_server.model.table import Tier
from levada_server.operations import inserts, memory
from levada_server.operations.arrival import Arrival
from levada_server.operations.completion import results
from levada_server.operations.inserts import InsertOptions
from levada_server.operations.memory import RowMemory
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.operations.context import Engine

MEGABYTE = 2**20
ROW_BYTES = MEGABYTE // 4


def stream(first: int, *counts: int) -> bytes:
    """Write batches of some rows each, of a quarter of a megabyte that takes next to nothing on the way."""
    content = io.BytesIO()
    schema = pa.schema({"id": pa.int64(), "x": pa.binary()})
    with pa.ipc.new_stream(content, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        for count in counts:
            ids = pa.array(range(first, first + count), pa.int64())
            writer.write_batch(pa.record_batch([ids, pa.array([bytes(ROW_BYTES)] * count, pa.binary())], schema=schema))
            first += count
    return content.getvalue()


async def arrived(engine: Engine, content: bytes) -> Arrival:
    arrival = Arrival(engine.spool)
    await arrival.add(content)
    arrival.end()
    return arrival


async def insert(engine: Engine, content: bytes) -> int:
    arrival = await arrived(engine, content)
    try:
        return await inserts.insert(engine, ME, named("Thing"), InsertOptions(), arrival)
    finally:
        arrival.close()


async def with_table(engine: Engine, limit_bytes: int) -> Engine:
    await make.make_table(engine, "Thing", "id : int64\n---\nx : bytes")
    return replace(engine, memory=RowMemory(limit_bytes))


@pytest.fixture
def pool() -> Iterator[pa.MemoryPool]:
    """Arrow's memory, counted from the beginning of the test."""
    before = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(before)
    pa.set_memory_pool(counted)
    yield counted
    pa.set_memory_pool(before)


async def test_inserts_beside_each_other_take_no_more_memory_than_there_is(engine: Engine, pool: pa.MemoryPool) -> None:
    limit_bytes = 32 * MEGABYTE
    engine = await with_table(engine, limit_bytes)
    contents = [stream(number * 100, 20, 20, 20) for number in range(12)]
    assert await asyncio.gather(*(insert(engine, content) for content in contents)) == [60] * 12
    assert pool.max_memory() < limit_bytes + 8 * MEGABYTE


async def test_inserts_whose_batches_grow_do_not_wait_for_each_other(engine: Engine) -> None:
    engine = await with_table(engine, 40 * MEGABYTE)
    contents = [stream(number * 100, 8, 8, 40) for number in range(4)]
    async with asyncio.timeout(memory.WAIT_S / 2):
        assert await asyncio.gather(*(insert(engine, content) for content in contents)) == [56] * 4


async def test_a_batch_larger_than_all_memory_is_inserted_alone(engine: Engine) -> None:
    engine = await with_table(engine, MEGABYTE)
    assert await insert(engine, stream(0, 4, 20)) == 24


async def test_a_call_that_waits_in_vain_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = await with_table(engine, 32 * MEGABYTE)
    monkeypatch.setattr(memory, "WAIT_S", 0.0)
    with engine.memory.share(7) as other:
        assert other.extend(32 * MEGABYTE)
        with pytest.raises(LimitReached, match="all of the 32 MB") as caught:
            await insert(engine, stream(0, 20))
        assert caught.value.details["limit"] == "memory"
    assert await insert(engine, stream(0, 20)) == 20


async def test_completions_share_the_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    await make.make_table(engine, "Source", "id : int64")
    await make.insert(engine, "Source", [{"id": 1}])
    await make.make_table(engine, "Made", "-> Source\n---\nx : bytes", Tier.COMPUTED)
    engine = replace(engine, memory=RowMemory(32 * MEGABYTE))
    await make.refresh(engine, "Made")
    (lease,) = await make.reserve(engine, await make.make_session(engine), "Made")
    job = make.completed(lease, {"Made": [{"id": 1, "x": bytes(4 * MEGABYTE)}]})
    monkeypatch.setattr(memory, "WAIT_S", 0.0)
    with engine.memory.share(7) as other:
        assert other.extend(32 * MEGABYTE)
        (error,) = (await results.complete(engine, ME, [job])).outcomes
        assert isinstance(error, LimitReached)
    assert (await results.complete(engine, ME, [job])).outcomes == (None,)


async def test_memory_is_given_in_order_and_comes_back_from_those_who_leave() -> None:
    shared = RowMemory(100)
    order: list[str] = []

    async def use(name: str, size: int) -> None:
        with shared.share(7) as mine:
            await mine.wait_for(size)
            order.append(name)
            await asyncio.sleep(0)

    with shared.share(7) as first:
        assert first.extend(60)
        large = asyncio.create_task(use("large", 90))
        leaving = asyncio.create_task(use("leaving", 10))
        small = asyncio.create_task(use("small", 10))
        await asyncio.sleep(0)
        assert not order
        assert not first.extend(70)  # others wait
        leaving.cancel()
    await asyncio.gather(large, small)
    assert order == ["large", "small"]
    with shared.share(7) as all_:
        assert all_.extend(100)


async def test_who_has_the_least_gets_the_next() -> None:
    shared = RowMemory(100)
    order: list[str] = []

    async def use(name: str, user_id: int, size: int) -> None:
        with shared.share(user_id) as mine:
            await mine.wait_for(size)
            order.append(name)

    with shared.share(1) as greedy, shared.share(1) as other:
        assert greedy.extend(60)
        assert other.extend(40)
        tasks = [asyncio.create_task(use(f"greedy {number}", 1, 60)) for number in range(3)]
        tasks.append(asyncio.create_task(use("modest", 2, 60)))
        await asyncio.sleep(0)
        greedy.give_back()
        await tasks[-1]
        assert order[0] == "modest"
    await asyncio.gather(*tasks)
    assert order == ["modest", "greedy 0", "greedy 1", "greedy 2"]


async def test_nobody_is_passed_over_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds some is served after half of the time although others hold none, but with one call at a time."""
    now = 0.0
    monkeypatch.setattr(memory, "monotonic", lambda: now)
    shared = RowMemory(100)
    order: list[int] = []

    async def use(user_id: int) -> None:
        nonlocal now
        with shared.share(user_id) as mine:
            await mine.wait_for(90)
            now = memory.WAIT_S / 2
            order.append(user_id)

    with shared.share(1) as slow:
        assert slow.extend(10)
        with shared.share(2) as other:
            assert other.extend(90)
            tasks = [asyncio.create_task(use(user_id)) for user_id in (1, 1, 3, 4)]
            await asyncio.sleep(0)
            now = 1.0
            tasks.append(asyncio.create_task(use(5)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
    assert order == [3, 1, 4, 5, 1]
