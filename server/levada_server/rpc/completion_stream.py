"""The stream of CompleteJobs: its messages → groups of jobs, each of which goes into one transaction."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from levada_server.errors import InvalidRequest, LimitReached
from levada_server.operations import jobs
from levada_server.operations.job_results import BufferedInsert, CompletedJob
from levada_server.rpc import decode
from levada_server.rpc.decode_relation import received_relation
from levada_server.rpc.row_service import spool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    from levada_api.v1 import job_service_pb2 as pb
    from levada_server.operations.engine import Engine

GROUP_JOBS = 64
GROUP_BYTES = 16 * 2**20
"""So many jobs, or bytes of their rows, share one transaction: past that a commit costs little beside the rest."""
MAX_RECEIPTS = 1_000
MAX_INPUTS = 1_000


async def completed_groups(
    requests: AsyncIterator[pb.CompleteJobsRequest], engine: Engine
) -> AsyncGenerator[list[CompletedJob], None]:
    """Put the messages of a call together; the rows of a group are gone when the next one is asked for.

    Raises:
        InvalidRequest: The messages are in no order, or one is malformed.
        LimitReached: There are too many jobs.
    """
    with ExitStack() as opened:
        group = _Group(opened)
        count = 0
        async for request in requests:
            for parts in _begun(request):
                count += 1
                if count > jobs.MAX_JOBS:
                    raise LimitReached(
                        f"At most {jobs.MAX_JOBS} jobs go into one call.", limit="jobs", value=jobs.MAX_JOBS
                    )
                if group.full:
                    yield await group.jobs(engine)
                    opened.close()
                    group = _Group(opened)
                group.begin(parts)
            group.add(request)
        yield await group.jobs(engine)


def _begun(request: pb.CompleteJobsRequest) -> Iterable[_Parts]:
    """Give the jobs that a message begins; a small one comes whole."""
    if request.HasField("job"):
        yield _Parts(request.job)
    for small in request.small_jobs.jobs:
        yield _Parts(small.job, [(insert.rows, io.BytesIO(insert.arrow_ipc)) for insert in small.inserts])


@dataclass(slots=True)
class _Parts:
    """What came of one job so far."""

    header: pb.JobHeader
    inserts: list[tuple[pb.JobRows, IO[bytes]]] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """The jobs of one transaction."""

    _opened: ExitStack
    _jobs: list[_Parts] = field(default_factory=list)
    _bytes: int = 0

    @property
    def full(self) -> bool:
        """Another job goes into the next group."""
        return len(self._jobs) >= GROUP_JOBS or self._bytes >= GROUP_BYTES

    def begin(self, parts: _Parts) -> None:
        """Take another job."""
        self._jobs.append(parts)
        self._bytes += sum(len(content.getbuffer()) for _, content in parts.inserts if isinstance(content, io.BytesIO))

    def add(self, request: pb.CompleteJobsRequest) -> None:
        """Take what a message adds to the last job."""
        kind = request.WhichOneof("content")
        if kind in ("job", "small_jobs"):
            return
        if not self._jobs:
            raise InvalidRequest("CompleteJobs begins with a job's header.", field="content")
        inserts = self._jobs[-1].inserts
        match kind:
            case "rows":
                inserts.append((request.rows, self._opened.enter_context(spool())))
            case "arrow_ipc" if inserts:
                inserts[-1][1].write(request.arrow_ipc)
                self._bytes += len(request.arrow_ipc)
            case _:
                raise InvalidRequest("The rows of an insert come after its beginning.", field="content")

    async def jobs(self, engine: Engine) -> list[CompletedJob]:
        """Give the whole jobs."""
        return [await completed_job(engine, parts.header, tuple(map(_insert, parts.inserts))) for parts in self._jobs]


def _insert(received: tuple[pb.JobRows, IO[bytes]]) -> BufferedInsert:
    rows, content = received
    return BufferedInsert(
        decode.table_name("name", rows.name), decode.insert_options(rows.options), content, rows.location
    )


async def completed_job(engine: Engine, header: pb.JobHeader, inserts: tuple[BufferedInsert, ...] = ()) -> CompletedJob:
    """Read what a worker hands in for a job.

    Raises:
        InvalidRequest: A token or receipt is none of ours, or a relation is malformed.
    """
    if len(header.read_receipts) > MAX_RECEIPTS or len(header.verified_reads) > MAX_INPUTS:
        raise LimitReached(
            f"A job hands in at most {MAX_RECEIPTS} receipts and {MAX_INPUTS} reads to verify.", limit="receipts"
        )
    token = engine.signer.read_lease(header.lease_token).token
    return CompletedJob(
        table=decode.table_name("name", header.name),
        job_id=header.job_id,
        token=token,
        duration=decode.duration(header.duration),
        code_version=header.code_version,
        inserts=inserts,
        receipts=tuple(engine.signer.read_receipt(content, token) for content in header.read_receipts),
        inputs=tuple(
            [(await received_relation("verified_reads", read.relation), read.digest) for read in header.verified_reads]
        ),
    )
