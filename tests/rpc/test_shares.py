"""Each kind of work has connections of its own: transactions, calls and jobs do not keep each other waiting."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2

from levada_api.v1 import (
    job_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    schema_pb2,
    schema_service_pb2,
    schema_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from levada_server.operations.completion import results
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.server import RpcServer
from levada_server.storage.postgres import database
from tests.support import make
from tests.support.make import ME
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.context import Engine

BEGIN = session_service_pb2.OpenSessionRequest(begin=session_service_pb2.Begin())
TIMEOUT_S = 20.0


@pytest_asyncio.fixture
async def channel(engine: Engine) -> AsyncIterator[grpc.aio.Channel]:
    server = RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits())
    address = server.listen(private_address())
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel
    await server.stop(0.1)


async def begin(channel: grpc.aio.Channel) -> session_service_pb2.OpenSessionResponse:
    session = session_service_pb2_grpc.SessionServiceStub(channel).OpenSession()
    await session.write(BEGIN)
    answer = await session.read()
    assert isinstance(answer, session_service_pb2.OpenSessionResponse)
    return answer


async def test_idle_transactions_keep_nobody_else_waiting(
    channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = job_service_pb2_grpc.JobServiceStub(channel)
    worker = job_service_pb2.CreateWorkerSessionRequest(
        worker=job_pb2.WorkerName(host="h", process=1), lease_duration=Duration(seconds=60)
    )
    session = (await jobs.CreateWorkerSession(worker)).worker_session
    for _ in range(database.TRANSACTIONS):
        assert not (await begin(channel)).HasField("error")
    schemas = schema_service_pb2_grpc.SchemaServiceStub(channel)
    await schemas.ListSchemas(schema_service_pb2.ListSchemasRequest(), timeout=TIMEOUT_S)
    await jobs.RenewWorkerSessions(
        job_service_pb2.RenewWorkerSessionsRequest(worker_sessions=[session]), timeout=TIMEOUT_S
    )
    monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_S", 0.1)
    error = (await begin(channel)).error
    assert error.code == code_pb2.RESOURCE_EXHAUSTED
    assert f"{database.TRANSACTIONS} connections to PostgreSQL for open transactions" in error.message


async def test_renewals_and_completions_find_a_connection_while_calls_use_all(
    engine: Engine, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, lease = await make.make_lease(engine)
    jobs = job_service_pb2_grpc.JobServiceStub(channel)
    async with AsyncExitStack() as held:
        for _ in range(database.POOL_SIZE):
            await held.enter_async_context(engine.scope.connection())
        await jobs.RenewWorkerSessions(
            job_service_pb2.RenewWorkerSessionsRequest(worker_sessions=[str(session)]), timeout=TIMEOUT_S
        )
        done = await results.complete(engine, ME, [make.completed(lease, {"Stat": [dict(lease.key)]})])
        assert done.outcomes == (None,)
        monkeypatch.setattr(database, "ACQUIRE_TIMEOUT_S", 0.1)
        with pytest.raises(grpc.aio.AioRpcError, match="connections to PostgreSQL for calls"):
            await jobs.ListJobs(
                job_service_pb2.ListJobsRequest(name=schema_pb2.TableName(schema="lab", table="Stat")),
                timeout=TIMEOUT_S,
            )
