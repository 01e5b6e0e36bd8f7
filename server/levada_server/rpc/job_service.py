"""JobService: decode, one operation, encode."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from levada_api.v1 import job_service_pb2 as pb
from levada_server.errors import InvalidRequest
from levada_server.jobs.lease import Failure, Worker
from levada_server.operations import discoveries, job_activity, jobs
from levada_server.operations.completion import recomputation, results
from levada_server.operations.context import PERHAPS_BEHIND
from levada_server.operations.job_refresh import refresh
from levada_server.rpc import encode
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.completions import completed_groups, few_jobs_groups, output_of, replaced_jobs
from levada_server.rpc.decoding.relations import received_relation
from levada_server.rpc.page_token import page, read_number, write_number
from levada_server.rpc.status import status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from uuid import UUID

    from levada_api.v1 import schema_pb2
    from levada_server.model.table import TableName
    from levada_server.operations.caller import Caller
    from levada_server.operations.completion.completed_jobs import CompletedJob
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation
    from levada_server.rpc.dispatch import Call

    _Change: TypeAlias = Callable[[Engine, Caller, TableName, Relation | None], Awaitable[int]]
    _ChangeRequest: TypeAlias = pb.IgnoreJobsRequest | pb.RetryJobsRequest | pb.CancelJobsRequest

LISTED_JOBS = 100
LISTED_WORKERS = 1_000
PERIODS = 60
"""Into how many periods a history is divided if nobody says."""
WATCH_S = 1.0
"""The shortest pause in seconds between two looks at progress, while somebody watches."""
WATCH_SHARE = 10
"""The shortest pause between two looks, as a multiple of the time that a look takes."""


class JobService:
    """Leases computations to workers."""

    async def CreateWorkerSession(
        self, request: pb.CreateWorkerSessionRequest, call: Call
    ) -> pb.CreateWorkerSessionResponse:
        """Begin a worker session."""
        worker = Worker(request.worker.host, request.worker.process, request.worker.user)
        lease = values.duration(request.lease_duration) if request.HasField("lease_duration") else None
        environment = values.environment(request.environment) if request.environment else None
        session, duration = await jobs.create_session(
            call.engine, call.caller, worker, lease, request.code_version, environment
        )
        return pb.CreateWorkerSessionResponse(worker_session=str(session), lease_duration=encode.duration(duration))

    async def RenewWorkerSessions(
        self, request: pb.RenewWorkerSessionsRequest, call: Call
    ) -> pb.RenewWorkerSessionsResponse:
        """Renew all leases that some worker sessions hold."""
        ids = [values.uuid("worker_sessions", text) for text in request.worker_sessions]
        memory = request.memory_bytes or [0] * len(ids)
        if len(memory) != len(ids) or min(memory, default=0) < 0:
            raise InvalidRequest("`memory_bytes` goes with each session, and is 0 or more.", field="memory_bytes")
        sessions = {id_: size or None for id_, size in zip(ids, memory, strict=True)}
        expires, cancelled = await jobs.renew_sessions(call.engine, call.caller, sessions)
        return pb.RenewWorkerSessionsResponse(expire_time=encode.timestamp(expires), cancelled_lease_tokens=cancelled)

    async def DeleteWorkerSession(
        self, request: pb.DeleteWorkerSessionRequest, call: Call
    ) -> pb.DeleteWorkerSessionResponse:
        """End a worker session."""
        session = values.uuid("worker_session", request.worker_session)
        started = _leases(call, request.started_leases)
        await jobs.delete_session(call.engine, call.caller, session, started)
        return pb.DeleteWorkerSessionResponse()

    async def RefreshJobs(self, request: pb.RefreshJobsRequest, call: Call) -> pb.RefreshJobsResponse:
        """Create a job for each key of the key source that the table lacks."""
        refreshed = await refresh(
            call.engine,
            call.caller,
            values.table_name("name", request.name),
            await _relation_or_none("key_source", request),
            priority=request.priority if request.HasField("priority") else None,
            delay=values.duration(request.delay),
            retry_errors=request.retry_errors,
            ask_unready=request.ask_unready,
            periodic=request.periodic,
        )
        return pb.RefreshJobsResponse(
            added_count=refreshed.added, removed_count=refreshed.removed, reset_count=refreshed.reset
        )

    async def ReserveJobs(self, request: pb.ReserveJobsRequest, call: Call) -> pb.ReserveJobsResponse:
        """Lease the most urgent jobs of some tables."""
        leases = await jobs.reserve(
            call.engine,
            call.caller,
            values.uuid("worker_session", request.worker_session),
            [values.table_name("names", name) for name in request.names],
            max_jobs=request.max_jobs,
            wait=values.duration(request.wait_duration),
            restriction=await _relation_or_none("restriction", request),
            held=[_token(call, token) for token in request.held_leases.lease_tokens]
            if request.HasField("held_leases")
            else None,
            except_unready=request.except_unready,
        )
        return pb.ReserveJobsResponse(leases=encode.leases(leases, call.engine.signer))

    async def CompleteJobs(
        self, request_iterator: AsyncIterator[pb.CompleteJobsRequest], call: Call
    ) -> pb.CompleteJobsResponse:
        """Commit the rows that `make` inserted together with the jobs' state; groups of jobs share a transaction."""
        response = pb.CompleteJobsResponse()
        async with aclosing(completed_groups(request_iterator, call.engine)) as groups:
            async for group in groups:
                response.outcomes.extend(await _complete(call, group))
        return response

    async def CompleteFewJobs(self, request: pb.CompleteFewJobsRequest, call: Call) -> pb.CompleteFewJobsResponse:
        """Complete jobs whose rows come in one message."""
        response = pb.CompleteFewJobsResponse()
        for group in await few_jobs_groups(request, call.engine):
            response.outcomes.extend(await _complete(call, group))
        return response

    async def LeaseResults(self, request: pb.LeaseResultsRequest, call: Call) -> pb.LeaseResultsResponse:
        """Return leases to compute results again."""
        leases = await recomputation.lease_results(
            call.engine,
            call.caller,
            values.table_name("name", request.name),
            await _relation_or_none("results", request),
            after=request.after_job_id,
            limit=request.max_results or LISTED_JOBS,
        )
        return pb.LeaseResultsResponse(leases=encode.leases(leases, call.engine.signer))

    async def ReplaceResults(
        self, request_iterator: AsyncIterator[pb.ReplaceResultsRequest], call: Call
    ) -> pb.ReplaceResultsResponse:
        """Replace results by what was computed again."""
        async with replaced_jobs(request_iterator, call.engine) as replaced:
            count = await call.repeat_if_behind(
                lambda: recomputation.replace_results(call.engine, call.caller, replaced)
            )
        return pb.ReplaceResultsResponse(result_count=count)

    async def FailJob(self, request: pb.FailJobRequest, call: Call) -> pb.FailJobResponse:
        """Record that `make` failed."""
        state = await results.fail(
            call.engine,
            call.caller,
            values.table_name("name", request.name),
            request.job_id,
            _token(call, request.lease_token),
            Failure(request.error.type, request.error.message, request.error.stack),
            duration=values.duration(request.duration),
            code_version=request.code_version,
            output=output_of(request),
            interrupted=request.interrupted,
        )
        return pb.FailJobResponse(state=encode.job_state(state))

    async def ReleaseJobs(self, request: pb.ReleaseJobsRequest, call: Call) -> pb.ReleaseJobsResponse:
        """Return jobs to the queue unchanged."""
        released = await jobs.release(call.engine, call.caller, _leases(call, request.leases))
        return pb.ReleaseJobsResponse(released_count=released)

    async def IgnoreJobs(self, request: pb.IgnoreJobsRequest, call: Call) -> pb.IgnoreJobsResponse:
        """Ignore jobs that are pending or failed."""
        return pb.IgnoreJobsResponse(job_count=await _change(jobs.ignore, request, call))

    async def RetryJobs(self, request: pb.RetryJobsRequest, call: Call) -> pb.RetryJobsResponse:
        """Set failed or ignored jobs to pending."""
        return pb.RetryJobsResponse(job_count=await _change(jobs.retry, request, call))

    async def CancelJobs(self, request: pb.CancelJobsRequest, call: Call) -> pb.CancelJobsResponse:
        """Set reserved jobs to error."""
        return pb.CancelJobsResponse(job_count=await _change(jobs.cancel, request, call))

    async def ListJobs(self, request: pb.ListJobsRequest, call: Call) -> pb.ListJobsResponse:
        """List the jobs of a table by id."""
        size = values.page_size(request.page_size, default=LISTED_JOBS)
        table, rows = await jobs.list_jobs(
            call.engine,
            call.caller,
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

    async def WatchProgress(self, request: pb.WatchProgressRequest, call: Call) -> None:
        """Send the progress of some tables whenever it changes."""
        if not request.names:
            raise InvalidRequest("There is no table to watch; name at least one.", field="names")
        last: list[jobs.Progress] = []
        while True:
            began = time.monotonic()
            now = await _of_each(request.names, partial(jobs.watched_progress, call.engine, call.caller))
            if now != last:
                await call.send(pb.WatchProgressResponse(progress=map(encode.progress, now)))
                last = now
            # Counting a large table takes long; leave PostgreSQL time for other work.
            await asyncio.sleep(max(WATCH_S, WATCH_SHARE * (time.monotonic() - began)))

    async def GetJobHistory(self, request: pb.GetJobHistoryRequest, call: Call) -> pb.GetJobHistoryResponse:
        """Return how many jobs of a table finished when."""
        found = await job_activity.history(
            call.engine,
            call.caller,
            values.table_name("name", request.name),
            values.duration(request.span) if request.HasField("span") else None,
            values.page_size(request.period_count, default=PERIODS),
        )
        return encode.job_history(found)

    async def ListEnvironments(self, request: pb.ListEnvironmentsRequest, call: Call) -> pb.ListEnvironmentsResponse:
        """List the environments in which jobs of a table were computed."""
        size = values.page_size(request.page_size, default=LISTED_JOBS)
        found = await job_activity.list_environments(
            call.engine,
            call.caller,
            values.table_name("name", request.name),
            after=read_number(request.page_token) if request.page_token else 0,
            limit=size + 1,
        )
        return pb.ListEnvironmentsResponse(
            environments=[pb.Environment(id=id_, content=content) for id_, content in found[:size]],
            next_page_token=write_number(found[size - 1][0]) if len(found) > size else "",
        )

    async def ListWorkers(self, request: pb.ListWorkersRequest, call: Call) -> pb.ListWorkersResponse:
        """List the workers that are alive."""
        size = values.page_size(request.page_size, default=LISTED_WORKERS)
        found = await job_activity.list_workers(call.engine, call.caller)
        shown, next_token = page(found, lambda worker: str(worker.session.id), size=size, token=request.page_token)
        return pb.ListWorkersResponse(workers=map(encode.worker, shown), next_page_token=next_token)

    async def ReserveDiscovery(self, request: pb.ReserveDiscoveryRequest, call: Call) -> pb.ReserveDiscoveryResponse:
        """Lease the discovery of one of some tables."""
        intervals = {
            values.table_name("tables", table.name): values.duration(table.interval) for table in request.tables
        }
        session = values.uuid("worker_session", request.worker_session)
        lease = await discoveries.reserve(
            call.engine,
            call.caller,
            session,
            intervals,
            held=[values.uuid("held_leases", token) for token in request.held_leases.lease_tokens]
            if request.HasField("held_leases")
            else None,
            at_once=request.at_once,
        )
        return pb.ReserveDiscoveryResponse(lease=None if lease is None else encode.discovery_lease(lease))

    async def CompleteDiscovery(self, request: pb.CompleteDiscoveryRequest, call: Call) -> pb.CompleteDiscoveryResponse:
        """Record how a discovery ended."""
        error = request.error
        if request.row_count < 0:
            raise InvalidRequest("`row_count` is 0 or more.", field="row_count")
        await discoveries.complete(
            call.engine,
            call.caller,
            values.table_name("name", request.name),
            values.uuid("lease_token", request.lease_token),
            row_count=request.row_count,
            duration=values.duration(request.duration),
            error=Failure(error.type, error.message, error.stack) if request.HasField("error") else None,
        )
        return pb.CompleteDiscoveryResponse()

    async def ListDiscoveries(self, request: pb.ListDiscoveriesRequest, call: Call) -> pb.ListDiscoveriesResponse:
        """List the discoveries of some tables."""
        if bool(request.names) == bool(request.schema):
            raise InvalidRequest("Name tables or a schema, and not both.", field="names")
        names = [values.table_name("names", name) for name in request.names]
        found = await discoveries.listed(call.engine, call.caller, names, request.schema or None)
        return pb.ListDiscoveriesResponse(discoveries=map(encode.discovery, found))

    async def GetProgress(self, request: pb.GetProgressRequest, call: Call) -> pb.GetProgressResponse:
        """Return the progress of some tables."""
        source = await _relation_or_none("key_source", request)
        if source is not None and len(request.names) != 1:
            raise InvalidRequest(
                "`key_source` goes with exactly one table; name one, or leave it out.", field="key_source"
            )
        count_stale = request.count_stale
        found = await _of_each(
            request.names,
            lambda name: jobs.progress(call.engine, call.caller, name, source, count_stale=count_stale),
        )
        return pb.GetProgressResponse(progress=map(encode.progress, found))


async def _of_each(
    messages: Iterable[schema_pb2.TableName], count: Callable[[TableName], Awaitable[jobs.Progress]]
) -> list[jobs.Progress]:
    """Return the progress of each table; one that is named more than once is counted once."""
    names = [values.table_name("names", message) for message in messages]
    found = {name: await count(name) for name in dict.fromkeys(names)}
    return [found[name] for name in names]


async def _relation_or_none(
    name: str,
    request: pb.RefreshJobsRequest | pb.ReserveJobsRequest | pb.GetProgressRequest | pb.LeaseResultsRequest,
) -> Relation | None:
    return await received_relation(name, getattr(request, name)) if request.HasField(name) else None


async def _complete(call: Call, group: Sequence[CompletedJob]) -> list[pb.JobOutcome]:
    done = await call.repeat_if_behind(
        lambda: results.complete(call.engine, call.caller, group),
        behind=lambda completion: any(isinstance(error, PERHAPS_BEHIND) for error in completion.outcomes),
    )
    call.told.notify(done.warnings)
    for error in done.outcomes:
        if error is not None:
            call.count_error(error)
    return [
        pb.JobOutcome(
            job_id=job.job_id,
            error=None if error is None else status(error)[1],
            unready=error is None and job.token in done.unready,
        )
        for job, error in zip(group, done.outcomes, strict=True)
    ]


def _leases(call: Call, messages: Iterable[pb.LeaseName]) -> list[jobs.LeaseName]:
    return [
        (values.table_name("table", lease.table), lease.job_id, _token(call, lease.lease_token)) for lease in messages
    ]


def _token(call: Call, lease_token: str) -> UUID:
    return call.engine.signer.read_lease(lease_token).token


async def _change(operation: _Change, request: _ChangeRequest, call: Call) -> int:
    selected = await received_relation("jobs", request.jobs) if request.HasField("jobs") else None
    name = values.table_name("name", request.name)
    return await operation(call.engine, call.caller, name, selected)
