"""Decode messages of CompleteJobs and CompleteFewJobs into groups of jobs, each completed in one transaction."""

from __future__ import annotations

import io
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from levada_server.arrow.ipc.ingest import Share
from levada_server.errors import InvalidRequest, LimitReached
from levada_server.jobs.limits import (
    COMPLETION_BYTES,
    COMPLETION_JOBS,
    MAX_JOBS,
    MAX_OUTPUT,
    MAX_RECEIPTS,
    MAX_REPLACED,
    MAX_VERIFIED_READS,
)
from levada_server.operations.completion.completed_jobs import BufferedInsert, CompletedJob
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.read_shapes import stored_inputs
from levada_server.rpc.decoding.relations import received_relation
from levada_server.storage.jobs.inputs import NOT_REPEATABLE
from levada_server.storage.postgres.spool import Spooled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from levada_api.v1 import job_service_pb2 as pb
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.spool import SpoolSpace


async def completed_groups(
    requests: AsyncIterator[pb.CompleteJobsRequest], engine: Engine
) -> AsyncGenerator[list[CompletedJob], None]:
    """Assemble the messages of a call; the rows of a group are dropped when the next group is requested.

    Raises:
        InvalidRequest: The messages are out of order, or one is malformed.
        LimitReached: There are too many jobs.
    """
    with ExitStack() as opened:
        group = _Group(opened, engine.spool)
        count = 0
        async for request in requests:
            if request.HasField("job"):
                count += 1
                _check_count(count)
                if group.full:
                    yield await group.jobs(engine)
                    opened.close()
                    group = _Group(opened, engine.spool)
            group.add(request)
        yield await group.jobs(engine)


@asynccontextmanager
async def replaced_jobs(
    requests: AsyncIterator[pb.ReplaceResultsRequest], engine: Engine
) -> AsyncIterator[list[CompletedJob]]:
    """Assemble the messages of a call, whose jobs belong to one transaction; leaving the block drops their rows.

    Raises:
        InvalidRequest: The messages are out of order, or one is malformed.
        LimitReached: There are too many jobs.
    """
    with ExitStack() as opened:
        group = _Group(opened, engine.spool)
        count = 0
        async for request in requests:
            count += request.HasField("job")
            if count > MAX_REPLACED:
                raise LimitReached(
                    f"A call replaces at most {MAX_REPLACED} results; recompute fewer at once.",
                    limit="replaced_results",
                    value=MAX_REPLACED,
                )
            group.add(request)
        yield await group.jobs(engine)


async def few_jobs_groups(request: pb.CompleteFewJobsRequest, engine: Engine) -> list[list[CompletedJob]]:
    """Read the jobs of a call that has one message.

    Raises:
        InvalidRequest: An insert does not say how many rows each job has, or a part is malformed.
        LimitReached: There are too many jobs.
    """
    _check_count(sum(len(group.jobs) for group in request.groups))
    groups = []
    for group in request.groups:
        by_insert = [_shared_inserts(insert, len(group.jobs)) for insert in group.inserts]
        found = [
            await completed_job(engine, header, tuple(insert for insert in inserts if insert is not None))
            for header, *inserts in zip(group.jobs, *by_insert, strict=True)
        ]
        groups += [found[begin : begin + COMPLETION_JOBS] for begin in range(0, len(found), COMPLETION_JOBS)]
    return groups


def _shared_inserts(message: pb.SharedRows, job_count: int) -> list[BufferedInsert | None]:
    """Return the share of each job in an insert; None for a job without one."""
    counts = list(message.row_counts)
    if len(counts) != job_count or min(counts, default=0) < 0:
        raise InvalidRequest(
            f"`row_counts` must hold the number of rows of each of the {job_count} jobs, ≥ 0.", field="row_counts"
        )
    whole = _insert((message.rows, io.BytesIO(message.arrow_ipc)))
    ends = list(accumulate(counts))
    return [
        BufferedInsert(whole.table, whole.options, whole.content, whole.location, Share(end - count, count, ends[-1]))
        if count
        else None
        for count, end in zip(counts, ends, strict=True)
    ]


def _check_count(count: int) -> None:
    if count > MAX_JOBS:
        raise LimitReached(f"A call completes at most {MAX_JOBS} jobs.", limit="jobs", value=MAX_JOBS)


@dataclass(slots=True)
class _Parts:
    """The parts of one job that have arrived."""

    header: pb.JobHeader
    inserts: list[tuple[pb.JobRows, Spooled]] = field(default_factory=list)


@dataclass(slots=True)
class _Group:
    """The jobs of one transaction."""

    _opened: ExitStack
    _space: SpoolSpace
    _jobs: list[_Parts] = field(default_factory=list)
    _bytes: int = 0

    @property
    def full(self) -> bool:
        """Return whether another job goes into the next group."""
        return len(self._jobs) >= COMPLETION_JOBS or self._bytes >= COMPLETION_BYTES

    def add(self, request: pb.CompleteJobsRequest | pb.ReplaceResultsRequest) -> None:
        """Add a message: another job, or a part of the last one."""
        kind = request.WhichOneof("content")
        if kind == "job":
            self._jobs.append(_Parts(request.job))
            return
        if not self._jobs:
            raise InvalidRequest("CompleteJobs must begin with a job's header.", field="content")
        inserts = self._jobs[-1].inserts
        match kind:
            case "rows":
                inserts.append((request.rows, self._opened.enter_context(Spooled(self._space))))
            case "arrow_ipc" if inserts:
                inserts[-1][1].write(request.arrow_ipc)
                self._bytes += len(request.arrow_ipc)
            case _:
                raise InvalidRequest("The rows of an insert must come after its beginning.", field="content")

    async def jobs(self, engine: Engine) -> list[CompletedJob]:
        """Return the complete jobs."""
        return [await completed_job(engine, parts.header, tuple(map(_insert, parts.inserts))) for parts in self._jobs]


def _insert(received: tuple[pb.JobRows, io.BytesIO | Spooled]) -> BufferedInsert:
    rows, content = received
    return BufferedInsert(
        values.table_name("name", rows.name), values.insert_options(rows.options), content, rows.location
    )


async def completed_job(engine: Engine, header: pb.JobHeader, inserts: tuple[BufferedInsert, ...] = ()) -> CompletedJob:
    """Read a completed job from its header and its inserts.

    Raises:
        InvalidRequest: This server did not write a token or receipt, or a relation is malformed.
    """
    if len(header.read_receipts) > MAX_RECEIPTS or len(header.verified_reads) > MAX_VERIFIED_READS:
        raise LimitReached(
            f"A job may have at most {MAX_RECEIPTS} receipts and {MAX_VERIFIED_READS} reads to verify.",
            limit="receipts",
        )
    lease = engine.signer.read_lease(header.lease_token)
    token = lease.token
    receipts = tuple([engine.signer.read_receipt(content, token) for content in header.read_receipts])
    return CompletedJob(
        table=values.table_name("name", header.name),
        job_id=header.job_id,
        token=token,
        key=tuple(lease.key.values()),
        duration=values.duration(header.duration),
        code_version=header.code_version,
        code_commit=header.code_commit,
        inserts=inserts,
        receipts=receipts,
        reads=NOT_REPEATABLE if header.unrecorded_reads else stored_inputs(receipts),
        replaces=lease.replaces,
        unchanged=header.unchanged,
        worker_session=values.uuid("worker_session", header.worker_session) if header.worker_session else None,
        inputs=tuple(
            [(await received_relation("verified_reads", read.relation), read.digest) for read in header.verified_reads]
        ),
        output=output_of(header),
    )


def output_of(told: pb.JobHeader | pb.FailJobRequest) -> str | None:
    """Return what `make` printed; None if nothing.

    Raises:
        LimitReached: It is too long.
    """
    if len(told.output) > MAX_OUTPUT:
        raise LimitReached(f"The output of a job may have at most {MAX_OUTPUT} characters.", limit="output")
    return told.output or None
