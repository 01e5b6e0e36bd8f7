"""A commit makes jobs of the tables that depend on it, only for the committed keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from levada_server.model.table import Tier
from levada_server.operations import jobs
from levada_server.operations.completion import results
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.operations.context import Engine


@pytest_asyncio.fixture
async def pipeline(engine: Engine) -> Engine:
    """Session → Stat with part Bin; Stat, Bin and pairs of Stat each lead to another computed table."""
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await make.make_table(engine, "Stat.Bin", "-> master\nbin : int32\n", Tier.PART)
    await make.make_table(engine, "Summary", "-> Stat\n", Tier.COMPUTED)
    await make.make_table(engine, "BinFit", "-> Stat.Bin\n", Tier.COMPUTED)
    await make.make_table(engine, "Pair", "(first) -> Stat(session)\n(second) -> Stat(session)\n", Tier.COMPUTED)
    await make.make_table(engine, "Unmade", "-> Stat\n", Tier.COMPUTED, has_make=False)
    await make.insert(engine, "Session", [{"session": i} for i in range(4)])
    await make.refresh(engine, "Stat")
    return engine


async def keys(engine: Engine, table: str) -> list[tuple[object, ...]]:
    found, rows = await jobs.list_jobs(engine, ME, named(table), (), after=0, limit=100)
    return sorted(tuple(row[name] for name in found.heading.primary_key) for row in rows)


async def test_the_committed_keys_become_jobs_below(pipeline: Engine) -> None:
    leases = await make.reserve(pipeline, await make.make_session(pipeline), "Stat", 3)
    done = [
        make.completed(
            lease, {"Stat": [dict(lease.key)], "Stat.Bin": [{**dict(lease.key), "bin": bin_} for bin_ in (1, 2)]}
        )
        for lease in leases
    ]
    assert (await results.complete(pipeline, ME, done[:2])).outcomes == (None, None)
    await pipeline.downstream.settled()
    assert await keys(pipeline, "Summary") == [(0,), (1,)]
    assert await keys(pipeline, "BinFit") == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert await keys(pipeline, "Pair") == [(0, 0), (0, 1), (1, 0), (1, 1)]
    await results.complete(pipeline, ME, done)  # the first two are repeated
    await pipeline.downstream.settled()
    assert await keys(pipeline, "Summary") == [(0,), (1,), (2,)]
    assert len(await keys(pipeline, "Pair")) == 9
    assert (await make.refresh(pipeline, "Pair")).added == 0


async def test_a_job_that_is_not_ready_makes_none_below(pipeline: Engine) -> None:
    (lease,) = await make.reserve(pipeline, await make.make_session(pipeline), "Stat")
    assert (await results.complete(pipeline, ME, [make.completed(lease, {})])).unready == {lease.token}
    await pipeline.downstream.settled()
    assert await keys(pipeline, "Summary") == []
