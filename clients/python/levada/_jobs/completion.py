"""Complete jobs: jobs with few rows in groups, and the rows of the others in pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from levada._base.errors import LevadaError, error_from_status
from levada._jobs.code_version import NO_CODE, CodeVersion
from levada._jobs.job_calls import duration, storable
from levada._net.backoff import PASSING, repeat
from levada._values.few_rows import stream_of
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from levada._jobs.buffered_insert import BufferedInsert
    from levada._jobs.job_calls import Lease
    from levada._net.connection import Connection
    from levada_api.v1.server_service_pb2 import Limits

_Message = TypeVar("_Message", pb.CompleteJobsRequest, pb.ReplaceResultsRequest)


class Unready(Exception):
    """A `make` inserted nothing, so its job is pending again, after a delay."""


@dataclass(frozen=True)
class CompletedJob:
    """A job whose `make` has run.

    Args:
        lease: The lease that gives the right to complete it.
        seconds: How long `make` ran.
        inserts: Its inserts, in order.
        code: The version of the code of the class with the `make`.
        receipts: The server's signed record of its reads.
        verified: Its fetches to repeat before the commit, which must give the same rows.
        output: The output of `make`.
        committed: Whether its own transaction has completed it already.
        unready: Whether that transaction inserted nothing.
        unrecorded_reads: Whether a read ended before its receipt came.
        hashes: The hashes of its objects in stores by their ids, if it was computed to be compared.
    """

    lease: Lease
    seconds: float
    inserts: Sequence[BufferedInsert]
    code: CodeVersion = NO_CODE
    receipts: Sequence[bytes] = ()
    verified: Sequence[pb.VerifiedRead] = ()
    output: str = ""
    committed: bool = False
    unready: bool = False
    unrecorded_reads: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def byte_count(self) -> int:
        """The size of its rows in bytes, and the most that its output may take."""
        return sum(insert.byte_count for insert in self.inserts) + 4 * len(self.output)

    @property
    def is_small(self) -> bool:
        """Whether each of its inserts has few rows."""
        return all(insert.few is not None for insert in self.inserts)

    def close(self) -> None:
        """Free the rows."""
        for insert in self.inserts:
            insert.close()

    def header(self) -> pb.JobHeader:
        """Return the message of the job, without its rows."""
        return pb.JobHeader(
            name=self.lease.table,
            job_id=self.lease.job_id,
            lease_token=self.lease.token,
            duration=duration(timedelta(seconds=self.seconds)),
            code_version=self.code.digest,
            code_commit=self.code.commit,
            read_receipts=self.receipts,
            verified_reads=self.verified,
            output=storable(self.output),
            unrecorded_reads=self.unrecorded_reads,
        )


def complete(
    connection: Connection, jobs: Sequence[CompletedJob], patience: float
) -> list[LevadaError | Unready | None]:
    """Commit the rows of some jobs, each job by itself.

    Args:
        connection: The connection to the jobs' server.
        jobs: The jobs.
        patience: Seconds to keep trying while the server is out of reach.

    Returns:
        For each job None, `Unready`, or the error for which nothing of it was committed.

    Raises:
        Unavailable: The server stayed out of reach.
    """
    results: dict[int, LevadaError | Unready | None] = {
        index: Unready() if job.unready else None for index, job in enumerate(jobs) if job.committed
    }

    def complete_missing() -> None:
        passing: LevadaError | None = None
        for index, outcome in _outcomes(connection, {i: job for i, job in enumerate(jobs) if i not in results}):
            error = error_from_status(outcome.error) if outcome.HasField("error") else None
            if isinstance(error, PASSING):
                passing = error
            else:
                results[index] = Unready() if outcome.unready else error
        if passing is not None:
            raise passing

    repeat(complete_missing, patience)
    return [results[index] for index in range(len(jobs))]


def _outcomes(connection: Connection, jobs: dict[int, CompletedJob]) -> Iterator[tuple[int, pb.JobOutcome]]:
    """Send jobs, and yield the outcome of each with its index."""
    small = {index: job for index, job in jobs.items() if job.is_small}
    for call in _calls(small, connection.limits):
        groups = _groups(call)
        request = pb.CompleteFewJobsRequest(groups=[_group_message(list(group.values())) for group in groups])
        answer = connection.call("JobService/CompleteFewJobs", request, pb.CompleteFewJobsResponse, patience=0)
        yield from zip(chain.from_iterable(groups), answer.outcomes, strict=True)
    large = {index: job for index, job in jobs.items() if index not in small}
    if large:
        requests = chain.from_iterable(map(_large_job, large.values()))
        response = connection.send("JobService/CompleteJobs", requests, pb.CompleteJobsResponse, patience=0)
        yield from zip(large, response.outcomes, strict=True)


def _calls(jobs: dict[int, CompletedJob], limits: Limits) -> Iterator[dict[int, CompletedJob]]:
    """Divide jobs with few rows among calls; a single job may exceed the bytes of a call."""
    call: dict[int, CompletedJob] = {}
    size = 0
    for index, job in jobs.items():
        if call and (len(call) >= limits.completion_jobs or size + job.byte_count > limits.few_jobs_bytes):
            yield call
            call, size = {}, 0
        call[index] = job
        size += job.byte_count
    if call:
        yield call


def _groups(jobs: dict[int, CompletedJob]) -> list[dict[int, CompletedJob]]:
    """Group jobs whose inserts are alike."""
    groups: list[dict[int, CompletedJob]] = []
    for index, job in jobs.items():
        for group in groups:
            if _are_alike(next(iter(group.values())), job):
                group[index] = job
                break
        else:
            groups.append({index: job})
    return groups


def _are_alike(one: CompletedJob, other: CompletedJob) -> bool:
    return len(one.inserts) == len(other.inserts) and all(
        mine.is_like(its) for mine, its in zip(one.inserts, other.inserts, strict=True)
    )


def _group_message(jobs: Sequence[CompletedJob]) -> pb.JobGroup:
    """Return the message of jobs with few rows and inserts that are alike."""
    inserts = [
        pb.SharedRows(
            rows=_rows(alike[0]),
            arrow_ipc=stream_of(alike[0].schema, [batch for insert in alike for batch in insert.few or ()]),
            row_counts=[insert.row_count for insert in alike],
        )
        for alike in zip(*(job.inserts for job in jobs), strict=True)
    ]
    return pb.JobGroup(jobs=[job.header() for job in jobs], inserts=inserts)


def _large_job(job: CompletedJob) -> Iterator[pb.CompleteJobsRequest]:
    return job_messages(job, pb.CompleteJobsRequest)


def job_messages(job: CompletedJob, kind: type[_Message]) -> Iterator[_Message]:
    """Yield the messages of a job, of one of the kinds that a stream of jobs has, with its rows in pieces."""
    yield kind(job=job.header())
    for insert in job.inserts:
        yield kind(rows=_rows(insert))
        for piece in insert.ipc_pieces():
            yield kind(arrow_ipc=piece)


def _rows(insert: BufferedInsert) -> pb.JobRows:
    return pb.JobRows(name=insert.table, options=insert.options, location=insert.location)
