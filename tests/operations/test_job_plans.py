"""The work of PostgreSQL for jobs does not grow with the other jobs of their table."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from levada_server.model.table import Tier
from levada_server.operations.completion import results
from tests.support import make
from tests.support.make import ME
from tests.support.statements import log_bound_statements

if TYPE_CHECKING:
    from levada_server.operations.context import Engine

JOBS, BATCH = 3_000, 64


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[tuple[str, tuple[object, ...]]]:
    """The statements that the engine of this test sends."""
    statements = log_bound_statements(monkeypatch)
    request.getfixturevalue("engine")  # opened only now, so that its connections are logged
    return statements


async def test_completed_jobs_are_found_by_their_ids(
    sent: list[tuple[str, tuple[object, ...]]], engine: Engine
) -> None:
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": number} for number in range(JOBS)])
    await make.refresh(engine, "Stat")
    async with engine.scope.connection() as connection:
        await connection.execute("ANALYZE")
    leases = await make.reserve(engine, await make.make_session(engine), "Stat", max_jobs=BATCH)
    jobs = [make.completed(lease, {"Stat": [dict(lease.key)]}) for lease in leases]
    assert (await results.complete(engine, ME, jobs)).outcomes == (None,) * BATCH
    await asyncio.sleep(0)  # the driver logs a statement in the loop's next turn
    ((statement, values),) = [logged for logged in sent if logged[0].startswith("-- Finish jobs")]
    async with engine.scope.connection() as connection:
        plan = [row[0] for row in await connection.fetch(f"EXPLAIN {statement}", *values)]
    assert (
        len([line for line in plan if re.search(r"Index Scan (using|on) t\d+__job_id_key", line)]) == 2
    )  # lock, change
    assert not [line for line in plan if re.search(r"Seq Scan on t\d+", line)]
