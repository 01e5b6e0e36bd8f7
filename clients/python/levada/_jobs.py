"""Jobs: the calls by which workers take, finish and give back what is to be computed."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, TypeVar

from google.protobuf.duration_pb2 import Duration

from levada._errors import (
    Conflict,
    LevadaError,
    OutcomeUnknown,
    Unavailable,
    error_from_status,
)
from levada._rows import PIECE_BYTES
from levada._value_decoding import decode_value
from levada_api.v1 import job_pb2
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from levada._connection import Connection
    from levada._relation import Relation
    from levada_api.v1 import row_service_pb2, schema_pb2

_Result = TypeVar("_Result")

PASSING = (Unavailable, OutcomeUnknown, Conflict)
"""Failures after which the same call may succeed. Complete and Fail are safe to repeat: their token identifies them."""

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_MEMORY_BYTES = 8 * 2**20
"""Rows of one insert are kept in memory up to this size, and on disk beyond."""
_SMALL_BYTES = 2**18
"""Jobs with so many bytes of rows share messages."""
_SMALL_JOBS = 64
_TEXT_LETTERS = 2**18
"""Letters of an error's message or stack that are kept."""


@dataclass(frozen=True)
class Lease:
    """The right to compute one entity.

    Args:
        table: The table to compute.
        job_id: The job, unique within the table.
        key: The entity's primary key, in the order of the heading.
        token: Proof of the right.
        attempt: Which try this is, from 1.
    """

    table: schema_pb2.TableName
    job_id: int
    key: dict[str, Any]  # Any: an attribute's value
    token: str
    attempt: int


def _spool() -> IO[bytes]:
    return SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # whoever made the rows closes it


@dataclass(frozen=True)
class MadeRows:
    """One insert of a `make`.

    Args:
        location: Where in the user's code it stands, `file:line`.
        content: Its rows as an Arrow IPC stream, in memory as long as they are few.
    """

    table: schema_pb2.TableName
    options: row_service_pb2.InsertOptions
    location: str
    content: IO[bytes] = field(default_factory=_spool)


@dataclass(frozen=True)
class Made:
    """What a `make` brought forth for one lease, in how much time.

    Args:
        seconds: How long `make` ran.
        inserts: What it inserted, in order.
        code_version: Of the class that has the `make`.
        receipts: What it read, signed by the server.
        verified: What it fetched and what is fetched again before the commit.
        committed: It was completed in a transaction of its own.
    """

    lease: Lease
    seconds: float
    inserts: Sequence[MadeRows]
    code_version: str = ""
    receipts: Sequence[bytes] = ()
    verified: Sequence[pb.VerifiedRead] = ()
    committed: bool = False

    @property
    def byte_count(self) -> int:
        """Bytes of the rows, before they are handed in."""
        return sum(insert.content.tell() for insert in self.inserts)

    def close(self) -> None:
        """Free the rows."""
        for insert in self.inserts:
            insert.content.close()


@dataclass(frozen=True)
class Failure:
    """What went wrong in a `make`: the exception's class, its message, and the stack as Python prints it."""

    type: str
    message: str
    stack: str


# --------------------------------------------------------------------------------------------- tables of jobs


def refresh(
    connection: Connection,
    table: schema_pb2.TableName,
    key_source: Relation | None = None,
    *,
    delay: float | timedelta = 0,
    priority: int | None = None,
    retry_errors: bool = False,
) -> pb.RefreshJobsResponse:
    """Make jobs of what the key source has and the table has not.

    Args:
        key_source: Only for these keys; None for the table's own source.
        delay: New jobs wait so many seconds.
        priority: Of new jobs, 0 first; None for the server's default.
        retry_errors: Make failed jobs pending again.
    """
    request = pb.RefreshJobsRequest(name=table, priority=priority, retry_errors=retry_errors)
    if delay:
        request.delay.CopyFrom(duration(delay if isinstance(delay, timedelta) else timedelta(seconds=delay)))
    if key_source is not None:
        request.key_source.CopyFrom(key_source._message())
    return connection.call("JobService/RefreshJobs", request, pb.RefreshJobsResponse)


def progress(
    connection: Connection, tables: Iterable[schema_pb2.TableName], key_source: Relation | None = None
) -> Sequence[job_pb2.Progress]:
    """Tell how far some tables are; with a key source, how far one table is with these keys."""
    request = pb.GetProgressRequest(names=tables)
    if key_source is not None:
        request.key_source.CopyFrom(key_source._message())
    return connection.call("JobService/GetProgress", request, pb.GetProgressResponse).progress


# ------------------------------------------------------------------------------------------------------ leases


def reserve(
    connection: Connection,
    session: str,
    tables: Iterable[schema_pb2.TableName],
    max_jobs: int,
    *,
    wait: timedelta = timedelta(0),
    restriction: bytes | None = None,
    held: Iterable[str] = (),
) -> list[Lease]:
    """Lease the most urgent jobs of some tables.

    Args:
        wait: How long to wait for the first.
        restriction: Only jobs that this relation over the job table has, as a serialized message; with one table.
        held: The tokens of all leases that the session still holds. What else was leased to it went with an answer that
            was lost, and is leased anew.

    Raises:
        UnknownWorkerSession: The session has ended.
    """
    request = pb.ReserveJobsRequest(
        worker_session=session,
        names=tables,
        max_jobs=max_jobs,
        wait_duration=duration(wait),
        held_leases=pb.HeldLeases(lease_tokens=held),
    )
    if restriction is not None:
        request.restriction.ParseFromString(restriction)
    leases = connection.call("JobService/ReserveJobs", request, pb.ReserveJobsResponse).leases
    return [
        Lease(
            table=lease.table,
            job_id=lease.job_id,
            key={entry.name: decode_value(entry.value) for entry in lease.key},
            token=lease.lease_token,
            attempt=lease.attempt,
        )
        for lease in leases
    ]


def complete(connection: Connection, made: Sequence[Made], patience: float) -> list[LevadaError | None]:
    """Commit what was made, each job by itself.

    Args:
        patience: Seconds to keep trying while the server is out of reach.

    Returns:
        For each job None, or why nothing of it was committed.

    Raises:
        Unavailable: The server stayed out of reach.
    """
    results: dict[int, LevadaError | None] = {index: None for index, job in enumerate(made) if job.committed}
    if len(results) == len(made):
        return [None] * len(made)

    def complete_missing() -> None:
        missing = [index for index in range(len(made)) if index not in results]
        requests = _complete_requests([made[index] for index in missing])
        response = connection.send("JobService/CompleteJobs", requests, pb.CompleteJobsResponse)
        passing: LevadaError | None = None
        for index, outcome in zip(missing, response.outcomes, strict=True):
            error = error_from_status(outcome.error) if outcome.HasField("error") else None
            if isinstance(error, PASSING):
                passing = error
            else:
                results[index] = error
        if passing is not None:
            raise passing

    persist(complete_missing, patience)
    return [results[index] for index in range(len(made))]


def _complete_requests(made: Sequence[Made]) -> Iterator[pb.CompleteJobsRequest]:
    """Write jobs as messages: small ones together, and the rows of the others in pieces."""
    small: list[pb.SmallJob] = []
    size = 0
    for job in made:
        if job.byte_count > _SMALL_BYTES:
            if small:
                yield pb.CompleteJobsRequest(small_jobs=pb.SmallJobs(jobs=small))
                small, size = [], 0
            yield from _large_job(job)
            continue
        small.append(pb.SmallJob(job=_header(job), inserts=[_small_insert(insert) for insert in job.inserts]))
        size += job.byte_count
        if size > PIECE_BYTES or len(small) >= _SMALL_JOBS:
            yield pb.CompleteJobsRequest(small_jobs=pb.SmallJobs(jobs=small))
            small, size = [], 0
    if small:
        yield pb.CompleteJobsRequest(small_jobs=pb.SmallJobs(jobs=small))


def _header(job: Made) -> pb.JobHeader:
    return pb.JobHeader(
        name=job.lease.table,
        job_id=job.lease.job_id,
        lease_token=job.lease.token,
        duration=duration(timedelta(seconds=job.seconds)),
        code_version=job.code_version,
        read_receipts=job.receipts,
        verified_reads=job.verified,
    )


def _rows(insert: MadeRows) -> pb.JobRows:
    return pb.JobRows(name=insert.table, options=insert.options, location=insert.location)


def _small_insert(insert: MadeRows) -> pb.SmallInsert:
    insert.content.seek(0)
    return pb.SmallInsert(rows=_rows(insert), arrow_ipc=insert.content.read())


def _large_job(job: Made) -> Iterator[pb.CompleteJobsRequest]:
    yield pb.CompleteJobsRequest(job=_header(job))
    for insert in job.inserts:
        yield pb.CompleteJobsRequest(rows=_rows(insert))
        insert.content.seek(0)
        while piece := insert.content.read(PIECE_BYTES):
            yield pb.CompleteJobsRequest(arrow_ipc=piece)


def fail(
    connection: Connection, lease: Lease, failure: Failure, seconds: float, patience: float, code_version: str = ""
) -> None:
    """Record that a `make` failed.

    Args:
        seconds: How long it ran.
        patience: Seconds to keep trying while the server is out of reach.

    Raises:
        LeaseLost: The job was handed to another worker.
        UnknownJob: Its key is gone.
        Unavailable: The server stayed out of reach.
    """
    request = pb.FailJobRequest(
        name=lease.table,
        job_id=lease.job_id,
        lease_token=lease.token,
        error=job_pb2.JobError(
            type=_storable(failure.type), message=_storable(failure.message), stack=_storable(failure.stack)
        ),
        duration=duration(timedelta(seconds=seconds)),
        code_version=code_version,
    )
    persist(lambda: connection.call("JobService/FailJob", request, pb.FailJobResponse), patience)


def release(connection: Connection, leases: Iterable[Lease]) -> None:
    """Give jobs back untouched; where the server is out of reach, their leases run out instead."""
    names = lease_names(leases)
    if names:
        with suppress(*PASSING):
            connection.call("JobService/ReleaseJobs", pb.ReleaseJobsRequest(leases=names), pb.ReleaseJobsResponse)


def lease_names(leases: Iterable[Lease]) -> list[pb.LeaseName]:
    """Name leases as the protocol does."""
    return [pb.LeaseName(table=lease.table, job_id=lease.job_id, lease_token=lease.token) for lease in leases]


def persist(call: Callable[[], _Result], patience: float) -> _Result:
    """Repeat a call until it gets through or the patience, in seconds, is over; give its result."""
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except PASSING:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _storable(text: str) -> str:
    """Bring text to what a database stores: no NUL, no half of a surrogate pair, and not without end."""
    cut = text if len(text) <= _TEXT_LETTERS else text[:_TEXT_LETTERS] + " …"
    return cut.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def duration(span: timedelta) -> Duration:
    """Write a span of time as the protocol has it."""
    message = Duration()
    message.FromTimedelta(span)
    return message
