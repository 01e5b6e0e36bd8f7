"""The counts of calls have the rows of completed jobs, the errors of single jobs, and calls whose client has gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from levada_server.model.table import TableName
from levada_server.operations import jobs
from levada_server.permissions.roles import Role
from levada_server.rpc.measures import BUCKETS_S, Measures
from tests.support.calls import begun, outcome, served
from tests.support.make import ME
from tests.support.minimal_requests import MINIMAL
from tests.support.roles import make_caller, make_lab

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from tests.support.roles import Lab


@pytest_asyncio.fixture
async def lab(engine: Engine) -> Lab:
    caller, secret = await make_caller(engine, "worker")
    return await make_lab(engine, caller, secret, "lab", Role.WORKER)


async def test_rows_of_completed_jobs_and_lost_leases_are_counted(engine: Engine, lab: Lab) -> None:
    async with served(engine) as (server, channel):
        measures = server.dispatcher.measures
        await outcome(channel, "JobService/CompleteJobs", MINIMAL["CompleteJobs"](lab), lab.secret)
        assert (measures.changed_rows, sum(measures.errors.values())) == (1, 0)
        await jobs.cancel(engine, ME, TableName("lab", "Stat"), None)
        await outcome(channel, "JobService/CompleteFewJobs", MINIMAL["CompleteFewJobs"](lab), lab.secret)
        assert dict(measures.errors) == {"LEASE_LOST": 1}
        assert measures.ended["JobService/CompleteFewJobs", "OK"] == 1
        assert measures.changed_rows == 1


async def test_a_call_whose_client_goes_is_counted_as_cancelled(engine: Engine, lab: Lab) -> None:
    async with served(engine) as (server, channel):
        measures, method = server.dispatcher.measures, "JobService/WatchProgress"
        call = begun(channel, method, MINIMAL["WatchProgress"](lab), lab.secret)
        await call.read()
        assert measures.running[method] == 1
        call.cancel()
        for _ in range(1000):  # gRPC does not report when the handler of a client that has left is cleaned up
            if not measures.running[method]:
                break
            await asyncio.sleep(0.01)
    assert measures.running[method] == 0
    assert {code for name, code in measures.ended if name == method} == {"cancelled"}


def test_durations_are_counted_by_bounds_that_include_their_end() -> None:
    measures = Measures()
    for seconds in (0.001, 0.0011, 2000.0):
        measures.begin("/levada_api.v1.QueryService/CountRelation")
        measures.end("/levada_api.v1.QueryService/CountRelation", "OK", seconds)
    taken = measures.durations["QueryService/CountRelation"]
    assert (taken.counts[:2], taken.counts[-1], sum(taken.counts)) == ([1, 1], 1, 3)
    assert len(taken.counts) == len(BUCKETS_S) + 1
    assert taken.sum_s == pytest.approx(2000.0021)
