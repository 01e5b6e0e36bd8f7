"""JobService: decode, one operation, encode."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from levada_api.v1 import job_pb2
from levada_api.v1 import job_service_pb2 as pb
from levada_api.v1 import job_service_pb2_grpc as pb_grpc
from levada_server.errors import InvalidRequest, LimitReached
from levada_server.jobs.lease import Failure, Worker
from levada_server.operations import jobs
from levada_server.rpc import decode, encode
from levada_server.rpc.calls import answer, caller
from levada_server.rpc.decode_relation import received_relation
from levada_server.rpc.row_service import spool
from levada_server.rpc.status import status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.engine import Caller, Engine
    from levada_server.query.algebra import Relation
    from levada_server.rpc.calls import Context

GROUP_JOBS = 64
GROUP_BYTES = 16 * 2**20
"""So many jobs, or bytes of their rows, share one transaction: past that a commit costs little beside the rest."""

_STATES = {"pending": job_pb2.JOB_STATE_PENDING, "error": job_pb2.JOB_STATE_ERROR}


class JobService(pb_grpc.JobServiceServicer):
    """Hands out computations under leases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def CreateWorkerSession(
        self, request: pb.CreateWorkerSessionRequest, context: Context
    ) -> pb.CreateWorkerSessionResponse:
        """Begin a worker session."""
        worker = Worker(request.worker.host, request.worker.process, request.worker.user)
        lease = decode.duration(request.lease_duration) if request.HasField("lease_duration") else None
        session, duration = await jobs.create_session(
            self._engine, caller(context), worker, lease, request.code_version
        )
        return pb.CreateWorkerSessionResponse(worker_session=str(session), lease_duration=encode.duration(duration))

    async def RenewWorkerSessions(
        self, request: pb.RenewWorkerSessionsRequest, context: Context
    ) -> pb.RenewWorkerSessionsResponse:
        """Renew all that some worker sessions hold."""
        sessions = [decode.uuid("worker_sessions", text) for text in request.worker_sessions]
        expires = await jobs.renew_sessions(self._engine, caller(context), sessions)
        return pb.RenewWorkerSessionsResponse(expire_time=encode.timestamp(expires))

    async def DeleteWorkerSession(
        self, request: pb.DeleteWorkerSessionRequest, context: Context
    ) -> pb.DeleteWorkerSessionResponse:
        """End a worker session."""
        session = decode.uuid("worker_session", request.worker_session)
        await jobs.delete_session(self._engine, caller(context), session)
        return pb.DeleteWorkerSessionResponse()

    async def RefreshJobs(self, request: pb.RefreshJobsRequest, context: Context) -> pb.RefreshJobsResponse:
        """Make jobs of what the key source has and the table has not."""
        refreshed = await jobs.refresh(
            self._engine,
            caller(context),
            decode.table_name("name", request.name),
            await _relation_or_none("key_source", request),
            priority=request.priority if request.HasField("priority") else None,
            delay=decode.duration(request.delay),
            retry_errors=request.retry_errors,
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
            decode.uuid("worker_session", request.worker_session),
            [decode.table_name("names", name) for name in request.names],
            max_jobs=request.max_jobs,
            wait=decode.duration(request.wait_duration),
            restriction=await _relation_or_none("restriction", request),
        )
        return pb.ReserveJobsResponse(leases=map(encode.lease, leases))

    async def CompleteJobs(
        self, request_iterator: AsyncIterator[pb.CompleteJobsRequest], context: Context
    ) -> pb.CompleteJobsResponse:
        """Commit what `make` inserted together with the jobs' state; groups of jobs share a transaction."""
        response = pb.CompleteJobsResponse()
        who = caller(context)
        group: list[_JobParts] = []
        group_bytes = 0
        with ExitStack() as opened:
            async for request in request_iterator:
                if request.WhichOneof("content") == "job":
                    if len(response.outcomes) + len(group) >= jobs.MAX_JOBS:
                        raise LimitReached(
                            f"At most {jobs.MAX_JOBS} jobs go into one call.", limit="jobs", value=jobs.MAX_JOBS
                        )
                    if len(group) >= GROUP_JOBS or group_bytes >= GROUP_BYTES:
                        response.outcomes.extend(await self._complete(who, group))
                        opened.close()
                        group, group_bytes = [], 0
                    group.append(_JobParts(request.job))
                elif not group:
                    raise InvalidRequest("CompleteJobs begins with a job's header.", field="content")
                else:
                    group[-1].add(request, opened)
                    group_bytes += len(request.arrow_ipc)
            response.outcomes.extend(await self._complete(who, group))
        await answer(context, self._engine)
        return response

    async def _complete(self, who: Caller, group: list[_JobParts]) -> list[pb.JobOutcome]:
        errors = await jobs.complete(self._engine, who, [parts.job() for parts in group])
        return [
            pb.JobOutcome(job_id=parts.header.job_id, error=None if error is None else status(error)[1])
            for parts, error in zip(group, errors, strict=True)
        ]

    async def FailJob(self, request: pb.FailJobRequest, context: Context) -> pb.FailJobResponse:
        """Record that `make` failed."""
        state = await jobs.fail(
            self._engine,
            caller(context),
            decode.table_name("name", request.name),
            request.job_id,
            decode.uuid("lease_token", request.lease_token),
            Failure(request.error.type, request.error.message, request.error.stack),
            duration=decode.duration(request.duration),
            code_version=request.code_version,
        )
        return pb.FailJobResponse(state=_STATES[state])

    async def ReleaseJobs(self, request: pb.ReleaseJobsRequest, context: Context) -> pb.ReleaseJobsResponse:
        """Give jobs back untouched."""
        leases = [
            (decode.table_name("table", lease.table), lease.job_id, decode.uuid("lease_token", lease.lease_token))
            for lease in request.leases
        ]
        released = await jobs.release(self._engine, caller(context), leases)
        return pb.ReleaseJobsResponse(released_count=released)

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> pb.GetProgressResponse:
        """Tell how far some tables are."""
        source = await _relation_or_none("key_source", request)
        if source is not None and len(request.names) != 1:
            raise InvalidRequest("A key source goes with one table.", field="key_source")
        found = [
            await jobs.progress(self._engine, caller(context), decode.table_name("names", name), source)
            for name in request.names
        ]
        return pb.GetProgressResponse(progress=map(encode.progress, found))


async def _relation_or_none(
    name: str, request: pb.RefreshJobsRequest | pb.ReserveJobsRequest | pb.GetProgressRequest
) -> Relation | None:
    return await received_relation(name, getattr(request, name)) if request.HasField(name) else None


@dataclass(slots=True)
class _JobParts:
    """What came of one job so far."""

    header: pb.JobHeader
    _inserts: list[tuple[pb.JobRows, IO[bytes]]] = field(default_factory=list)

    def add(self, request: pb.CompleteJobsRequest, opened: ExitStack) -> None:
        """Take the beginning of an insert, or a piece of its rows."""
        match request.WhichOneof("content"):
            case "rows":
                self._inserts.append((request.rows, opened.enter_context(spool())))
            case "arrow_ipc" if self._inserts:
                self._inserts[-1][1].write(request.arrow_ipc)
            case _:
                raise InvalidRequest("The rows of an insert come after its beginning.", field="content")

    def job(self) -> jobs.CompletedJob:
        """Give the whole."""
        header = self.header
        return jobs.CompletedJob(
            table=decode.table_name("name", header.name),
            job_id=header.job_id,
            token=decode.uuid("lease_token", header.lease_token),
            duration=decode.duration(header.duration),
            code_version=header.code_version,
            inserts=tuple(
                jobs.BufferedInsert(
                    decode.table_name("name", rows.name),
                    decode.insert_options(rows.options),
                    content,
                    rows.location,
                )
                for rows, content in self._inserts
            ),
        )
