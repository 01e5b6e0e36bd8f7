"""How long a job's transaction may be open: as long as its lease is renewed, and a little longer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from levada_server.jobs.signing import lease_content
from levada_server.operations import jobs
from levada_server.operations.transactions import TransactionLimits, is_renewed
from tests.support import make
from tests.support.make import ME, named

if TYPE_CHECKING:
    from levada_server.operations.context import Engine

LIMITS = TransactionLimits(idle_s=60)


@pytest.mark.parametrize(("silent", "renewed"), [(-30, True), (30, True), (90, False)])
async def test_transaction_outlives_its_lease_as_long_as_others_may_be_idle(
    engine: Engine, silent: int, *, renewed: bool
) -> None:
    _, lease = await make.make_lease(engine)
    async with engine.scope.connection() as connection:
        await connection.execute(
            "UPDATE levada.worker_session SET expire_time = clock_timestamp() - $1::interval", timedelta(seconds=silent)
        )
    assert await is_renewed(engine, lease_content(lease), LIMITS) is renewed
    await jobs.release(engine, ME, [(named("Stat"), lease.job_id, lease.token)])
    assert not await is_renewed(engine, lease_content(lease), LIMITS)
