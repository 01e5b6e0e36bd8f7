"""JobService: decode, one operation, encode."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

from levada_api.v1 import job_service_pb2 as pb
from levada_api.v1 import job_service_pb2_grpc as pb_grpc
from levada_server.errors import InvalidRequest
from levada_server.jobs.lease import Failure, Worker
from levada_server.operations import jobs
from levada_server.operations.completion import results
from levada_server.operations.job_refresh import refresh
from levada_server.rpc import encode
from levada_server.rpc.calls import answer, caller
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.completions import completed_groups, few_jobs_groups
from levada_server.rpc.decoding.relations import received_relation
from levada_server.rpc.page_token import read_number, write_number
from levada_server.rpc.status import status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from uuid import UUID

    from levada_server.model.table import TableName
    from levada_server.operations.completion.completed_jobs import CompletedJob
    from levada_server.operations.context import Caller, Engine
    from levada_server.query.algebra import Relation
    from levada_server.rpc.calls import Context

    _Change: TypeAlias = Callable[[Engine, Caller, TableName, Relation | None], Awaitable[int]]
    _ChangeRequest: TypeAlias = pb.IgnoreJobsRequest | pb.RetryJobsRequest | pb.CancelJobsRequest

LISTED_JOBS = 100
WATCH_S = 1.0
"""Progress is looked at so often, while somebody watches."""
WATCH_SHARE = 10
"""The pause between two looks is so many times what a look takes."""


class JobService(pb_grpc.JobServiceServicer):
    """Hands out computations under leases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def CreateWorkerSession(
        self, request: pb.CreateWorkerSessionRequest, context: Context
    ) -> pb.CreateWorkerSessionResponse:
        """Begin a worker session."""
        worker = Worker(request.worker.host, request.worker.process, request.worker.user)
        lease = values.duration(request.lease_duration) if request.HasField("lease_duration") else None
        session, duration = await jobs.create_session(
            self._engine, caller(context), worker, lease, request.code_version
        )
        return pb.CreateWorkerSessionResponse(worker_session=str(session), lease_duration=encode.duration(duration))

    async def RenewWorkerSessions(
        self, request: pb.RenewWorkerSessionsRequest, context: Context
    ) -> pb.RenewWorkerSessionsResponse:
        """Renew all that some worker sessions hold."""
        sessions = [values.uuid("worker_sessions", text) for text in request.worker_sessions]
        expires, cancelled = await jobs.renew_sessions(self._engine, caller(context), sessions)
        return pb.RenewWorkerSessionsResponse(expire_time=encode.timestamp(expires), cancelled_lease_tokens=cancelled)

    async def DeleteWorkerSession(
        self, request: pb.DeleteWorkerSessionRequest, context: Context
    ) -> pb.DeleteWorkerSessionResponse:
        """End a worker session."""
        session = values.uuid("worker_session", request.worker_session)
        started = self._leases(request.started_leases)
        await jobs.delete_session(self._engine, caller(context), session, started)
        return pb.DeleteWorkerSessionResponse()

    async def RefreshJobs(self, request: pb.RefreshJobsRequest, context: Context) -> pb.RefreshJobsResponse:
        """Make jobs of what the key source has and the table has not."""
        refreshed = await refresh(
            self._engine,
            caller(context),
            values.table_name("name", request.name),
            await _relation_or_none("key_source", request),
            priority=request.priority if request.HasField("priority") else None,
            delay=values.duration(request.delay),
            retry_errors=request.retry_errors,
            periodic=request.periodic,
        )
        await answer(context, self._engine)
        return pb.RefreshJobsResponse(
            added_count=refreshed.added, removed_count=refreshed.removed, reset_count=refreshed.reset
        )

    async def ReserveJobs(self, request: pb.ReserveJobsRequest, context: Context) -> pb.ReserveJobsResponse:
        """Lease the most urgent jobs of some tables."""
        leases = await jobs.reserve(
            self._engine,
            caller(context),
            values.uuid("worker_session", request.worker_session),
            [values.table_name("names", name) for name in request.names],
            max_jobs=request.max_jobs,
            wait=values.duration(request.wait_duration),
            restriction=await _relation_or_none("restriction", request),
            held=[self._token(token) for token in request.held_leases.lease_tokens]
            if request.HasField("held_leases")
            else None,
        )
        return pb.ReserveJobsResponse(leases=[encode.lease(lease, self._engine.signer) for lease in leases])

    async def CompleteJobs(
        self, request_iterator: AsyncIterator[pb.CompleteJobsRequest], context: Context
    ) -> pb.CompleteJobsResponse:
        """Commit what `make` inserted together with the jobs' state; groups of jobs share a transaction."""
        response = pb.CompleteJobsResponse()
        warnings: dict[str, None] = {}
        async with aclosing(completed_groups(request_iterator, self._engine)) as groups:
            async for group in groups:
                response.outcomes.extend(await self._complete(context, group, warnings))
        await answer(context, self._engine, notices=warnings)
        return response

    async def CompleteFewJobs(self, request: pb.CompleteFewJobsRequest, context: Context) -> pb.CompleteFewJobsResponse:
        """Do the same for jobs whose rows come in one message."""
        response = pb.CompleteFewJobsResponse()
        warnings: dict[str, None] = {}
        for group in await few_jobs_groups(request, self._engine):
            response.outcomes.extend(await self._complete(context, group, warnings))
        await answer(context, self._engine, notices=warnings)
        return response

    async def _complete(
        self, context: Context, group: Sequence[CompletedJob], warnings: dict[str, None]
    ) -> list[pb.JobOutcome]:
        done = await results.complete(self._engine, caller(context), group)
        warnings |= dict.fromkeys(done.warnings)
        return [
            pb.JobOutcome(job_id=job.job_id, error=None if error is None else status(error)[1])
            for job, error in zip(group, done.outcomes, strict=True)
        ]

    async def FailJob(self, request: pb.FailJobRequest, context: Context) -> pb.FailJobResponse:
        """Record that `make` failed."""
        state = await results.fail(
            self._engine,
            caller(context),
            values.table_name("name", request.name),
            request.job_id,
            self._token(request.lease_token),
            Failure(request.error.type, request.error.message, request.error.stack),
            duration=values.duration(request.duration),
            code_version=request.code_version,
            interrupted=request.interrupted,
        )
        return pb.FailJobResponse(state=encode.job_state(state))

    async def ReleaseJobs(self, request: pb.ReleaseJobsRequest, context: Context) -> pb.ReleaseJobsResponse:
        """Give jobs back untouched."""
        released = await jobs.release(self._engine, caller(context), self._leases(request.leases))
        return pb.ReleaseJobsResponse(released_count=released)

    def _leases(self, messages: Iterable[pb.LeaseName]) -> list[jobs.LeaseName]:
        return [
            (values.table_name("table", lease.table), lease.job_id, self._token(lease.lease_token))
            for lease in messages
        ]

    def _token(self, lease_token: str) -> UUID:
        return self._engine.signer.read_lease(lease_token).token

    async def IgnoreJobs(self, request: pb.IgnoreJobsRequest, context: Context) -> pb.IgnoreJobsResponse:
        """Pass over jobs that are pending or failed."""
        return pb.IgnoreJobsResponse(job_count=await self._change(jobs.ignore, request, context))

    async def RetryJobs(self, request: pb.RetryJobsRequest, context: Context) -> pb.RetryJobsResponse:
        """Make jobs pending that failed or were ignored."""
        return pb.RetryJobsResponse(job_count=await self._change(jobs.retry, request, context))

    async def CancelJobs(self, request: pb.CancelJobsRequest, context: Context) -> pb.CancelJobsResponse:
        """Make errors of jobs that are reserved."""
        return pb.CancelJobsResponse(job_count=await self._change(jobs.cancel, request, context))

    async def _change(self, operation: _Change, request: _ChangeRequest, context: Context) -> int:
        selected = await received_relation("jobs", request.jobs) if request.HasField("jobs") else None
        name = values.table_name("name", request.name)
        return await operation(self._engine, caller(context), name, selected)

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """List the jobs of a table by id."""
        size = values.page_size(request.page_size, default=LISTED_JOBS)
        table, rows = await jobs.list_jobs(
            self._engine,
            caller(context),
            values.table_name("name", request.name),
            [values.job_state(state) for state in request.states],
            after=read_number(request.page_token) if request.page_token else 0,
            limit=size + 1,
        )
        page = rows[:size]
        return pb.ListJobsResponse(
            jobs=[encode.job(table, row) for row in page],
            next_page_token=write_number(page[-1]["_job_id"]) if len(rows) > size else "",
        )

    async def WatchProgress(
        self, request: pb.WatchProgressRequest, context: Context
    ) -> AsyncIterator[pb.WatchProgressResponse]:
        """Tell how far some tables are, whenever that changes."""
        names = [values.table_name("names", name) for name in request.names]
        last: list[jobs.Progress] = []
        while True:
            began = time.monotonic()
            now = [await jobs.progress(self._engine, caller(context), name, None) for name in names]
            if now != last:
                yield pb.WatchProgressResponse(progress=map(encode.progress, now))
                last = now
            # Counting a large table takes long: it is not to be all that PostgreSQL does.
            await asyncio.sleep(max(WATCH_S, WATCH_SHARE * (time.monotonic() - began)))

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> pb.GetProgressResponse:
        """Tell how far some tables are."""
        source = await _relation_or_none("key_source", request)
        if source is not None and len(request.names) != 1:
            raise InvalidRequest("A key source goes with one table.", field="key_source")
        found = [
            await jobs.progress(self._engine, caller(context), values.table_name("names", name), source)
            for name in request.names
        ]
        return pb.GetProgressResponse(progress=map(encode.progress, found))


async def _relation_or_none(
    name: str, request: pb.RefreshJobsRequest | pb.ReserveJobsRequest | pb.GetProgressRequest
) -> Relation | None:
    return await received_relation(name, getattr(request, name)) if request.HasField(name) else None
