"""Jobs over a real channel: lists, progress that is watched, and leases that nobody gave."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from levada_api.v1 import job_pb2, job_service_pb2_grpc, schema_pb2
from levada_api.v1 import job_service_pb2 as pb
from levada_server.jobs.limits import MAX_JOBS, MAX_OUTPUT, MAX_RECEIPTS, MAX_REPLACED, MAX_SESSIONS, MAX_WAIT
from levada_server.model.table import Tier
from levada_server.operations import jobs
from tests.rpc.test_user_limits import limit_of
from tests.support import make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.protobuf.message import Message

    from levada_server.model.table import TableName
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

NAME = schema_pb2.TableName(schema="lab", table="Stat")


@pytest_asyncio.fixture
async def stub(engine: Engine, server_address: str) -> AsyncIterator[job_service_pb2_grpc.JobServiceStub]:
    """A server with three pending jobs of `Stat`."""
    await make.make_table(engine, "Session", "session : int32\n")
    await make.make_table(engine, "Stat", "-> Session\n", Tier.COMPUTED)
    await make.insert(engine, "Session", [{"session": i} for i in range(3)])
    await make.refresh(engine, "Stat")
    async with grpc.aio.insecure_channel(server_address) as channel:
        # The server read its catalog before the tables were made.
        version = str(await engine.gate.version())
        made = job_service_pb2_grpc.JobServiceStub(channel)
        await made.ListJobs(pb.ListJobsRequest(name=NAME), metadata=(("levada-catalog-version", version),))
        yield made


async def reserve(stub: job_service_pb2_grpc.JobServiceStub, most: int) -> list[job_pb2.Lease]:
    worker = job_pb2.WorkerName(host="h", process=1, user="u")
    session = (await stub.CreateWorkerSession(pb.CreateWorkerSessionRequest(worker=worker))).worker_session
    return list(
        (await stub.ReserveJobs(pb.ReserveJobsRequest(worker_session=session, names=[NAME], max_jobs=most))).leases
    )


async def test_jobs_are_listed_page_by_page(stub: job_service_pb2_grpc.JobServiceStub) -> None:
    (lease,) = await reserve(stub, 1)
    error = job_pb2.JobError(type="E", message="m", stack="s")
    failed = pb.FailJobRequest(name=NAME, job_id=lease.job_id, lease_token=lease.lease_token, error=error)
    assert (await stub.FailJob(failed)).state == job_pb2.JOB_STATE_ERROR
    first = await stub.ListJobs(pb.ListJobsRequest(name=NAME, page_size=2))
    second = await stub.ListJobs(pb.ListJobsRequest(name=NAME, page_size=2, page_token=first.next_page_token))
    listed = [*first.jobs, *second.jobs]
    assert [job.key[0].value.integer for job in listed] == [0, 1, 2]
    assert second.next_page_token == ""
    assert (listed[0].state, listed[0].error, listed[0].worker.host) == (job_pb2.JOB_STATE_ERROR, error, "h")
    assert listed[1].state == job_pb2.JOB_STATE_PENDING
    only = await stub.ListJobs(pb.ListJobsRequest(name=NAME, states=[job_pb2.JOB_STATE_ERROR]))
    assert [job.job_id for job in only.jobs] == [lease.job_id]


@pytest.mark.parametrize(
    "request_",
    [
        pb.ListJobsRequest(name=NAME, page_size=-1),
        pb.ListJobsRequest(name=NAME, page_token="x"),
        pb.ListJobsRequest(name=NAME, states=[job_pb2.JOB_STATE_UNSPECIFIED]),
    ],
)
async def test_bad_lists_are_refused(stub: job_service_pb2_grpc.JobServiceStub, request_: pb.ListJobsRequest) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.ListJobs(request_)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_progress_is_told_when_it_changes(stub: job_service_pb2_grpc.JobServiceStub) -> None:
    watch = stub.WatchProgress(pb.WatchProgressRequest(names=[NAME]))
    assert (await watch.read()).progress[0].pending_count == 3
    await reserve(stub, 2)
    changed = (await watch.read()).progress[0]
    assert (changed.pending_count, changed.reserved_count) == (1, 2)
    watch.cancel()


async def test_a_lease_that_nobody_gave_is_refused(stub: job_service_pb2_grpc.JobServiceStub) -> None:
    (lease,) = await reserve(stub, 1)
    forged = lease.lease_token[:-4] + "AAAA"
    header = pb.JobHeader(name=NAME, job_id=lease.job_id, lease_token=forged)
    receipt = pb.JobHeader(
        name=NAME, job_id=lease.job_id, lease_token=lease.lease_token, read_receipts=[lease.lease_token.encode()]
    )
    for job in (header, receipt):
        with pytest.raises(grpc.aio.AioRpcError, match=r"lease_token|read_receipt") as refused:
            await stub.CompleteJobs(iter([pb.CompleteJobsRequest(job=job)]))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_too_much_output_of_a_job_is_refused(stub: job_service_pb2_grpc.JobServiceStub) -> None:
    completed, failed = await reserve(stub, 2)
    error = job_pb2.JobError(type="E", message="m", stack="s")
    fail = pb.FailJobRequest(name=NAME, job_id=failed.job_id, lease_token=failed.lease_token, error=error)
    header = pb.JobHeader(name=NAME, job_id=completed.job_id, lease_token=completed.lease_token)
    fail.output = header.output = "x" * (MAX_OUTPUT + 1)
    few = pb.CompleteFewJobsRequest(groups=[pb.JobGroup(jobs=[header])])
    for call in (stub.FailJob(fail), stub.CompleteFewJobs(few)):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    fail.output = few.groups[0].jobs[0].output = "x" * MAX_OUTPUT
    await stub.FailJob(fail)
    assert (await stub.CompleteFewJobs(few)).outcomes[0].unready
    listed = await stub.ListJobs(pb.ListJobsRequest(name=NAME))
    assert [len(job.output) for job in listed.jobs] == [MAX_OUTPUT, MAX_OUTPUT, 0]


Stub = job_service_pb2_grpc.JobServiceStub
WAIT = Duration(seconds=MAX_WAIT.seconds + 1)
TOO_MUCH: dict[str, Callable[[Stub, job_pb2.Lease, str], Awaitable[Message]]] = {
    "jobs of a reservation": lambda stub, _, session: stub.ReserveJobs(
        pb.ReserveJobsRequest(worker_session=session, names=[NAME], max_jobs=MAX_JOBS + 1)
    ),
    "wait": lambda stub, _, session: stub.ReserveJobs(
        pb.ReserveJobsRequest(worker_session=session, names=[NAME], wait_duration=WAIT)
    ),
    "sessions": lambda stub, *_: stub.RenewWorkerSessions(
        pb.RenewWorkerSessionsRequest(worker_sessions=[str(uuid4()) for _ in range(MAX_SESSIONS + 1)])
    ),
    "jobs of a release": lambda stub, lease, _: stub.ReleaseJobs(
        pb.ReleaseJobsRequest(
            leases=[pb.LeaseName(table=NAME, job_id=lease.job_id, lease_token=lease.lease_token)] * (MAX_JOBS + 1)
        )
    ),
    "jobs of a recomputation": lambda stub, *_: stub.LeaseResults(
        pb.LeaseResultsRequest(name=NAME, max_results=MAX_JOBS + 1)
    ),
    "jobs of a completion": lambda stub, lease, _: stub.CompleteFewJobs(
        pb.CompleteFewJobsRequest(groups=[pb.JobGroup(jobs=[_header(lease)] * (MAX_JOBS + 1))])
    ),
    "receipts": lambda stub, lease, _: stub.CompleteFewJobs(
        pb.CompleteFewJobsRequest(groups=[pb.JobGroup(jobs=[_header(lease, MAX_RECEIPTS + 1)])])
    ),
    "replaced_results": lambda stub, lease, _: stub.ReplaceResults(
        iter([pb.ReplaceResultsRequest(job=_header(lease))] * (MAX_REPLACED + 1))
    ),
}


def _header(lease: job_pb2.Lease, receipts: int = 0) -> pb.JobHeader:
    return pb.JobHeader(name=NAME, job_id=lease.job_id, lease_token=lease.lease_token, read_receipts=[b"r"] * receipts)


@pytest.mark.parametrize("limit", TOO_MUCH)
async def test_a_call_past_a_limit_of_jobs_names_it(stub: Stub, limit: str) -> None:
    worker = job_pb2.WorkerName(host="h", process=1, user="u")
    session = (await stub.CreateWorkerSession(pb.CreateWorkerSessionRequest(worker=worker))).worker_session
    (lease,) = await reserve(stub, 1)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await TOO_MUCH[limit](stub, lease, session)
    code, named, _ = limit_of(refused.value)
    assert (code, named) == ("RESOURCE_EXHAUSTED", limit.partition(" ")[0])


async def test_rows_before_any_job_are_refused(stub: job_service_pb2_grpc.JobServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="begin with a job"):
        await stub.CompleteJobs(iter([pb.CompleteJobsRequest(arrow_ipc=b"x")]))


async def test_progress_counts_a_table_once_however_often_it_is_named(
    stub: job_service_pb2_grpc.JobServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[object] = []
    progress = jobs.progress

    async def counting(
        engine: Engine, caller: Caller, name: TableName, source: Relation | None, *, count_stale: bool
    ) -> jobs.Progress:
        counted.append(name)
        return await progress(engine, caller, name, source, count_stale=count_stale)

    monkeypatch.setattr(jobs, "progress", counting)
    answer = await stub.GetProgress(pb.GetProgressRequest(names=[NAME] * 5_000))
    assert [found.pending_count for found in answer.progress] == [3] * 5_000
    assert len(counted) == 1


async def test_to_watch_no_table_is_refused(stub: job_service_pb2_grpc.JobServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="name at least one") as refused:
        await stub.WatchProgress(pb.WatchProgressRequest()).read()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
