"""Handing in what was made: jobs with few rows together, the rows of the others in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError, error_from_status
from levada._jobs.job_calls import duration
from levada._jobs.made_rows import few_rows_stream
from levada._net.backoff import PASSING, repeat
from levada._values.rows import PIECE_BYTES
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from levada._jobs.job_calls import Lease
    from levada._jobs.made_rows import MadeRows
    from levada._net.connection import Connection

_CALL_JOBS = 64
_CALL_BYTES = PIECE_BYTES
"""Jobs with few rows that go into one call; one job may exceed the bytes."""


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
        """Bytes of the rows."""
        return sum(insert.byte_count for insert in self.inserts)

    @property
    def is_small(self) -> bool:
        """All its rows are few."""
        return all(insert.few is not None for insert in self.inserts)

    def close(self) -> None:
        """Free the rows."""
        for insert in self.inserts:
            insert.close()

    def header(self) -> pb.JobHeader:
        """Write it as the protocol does, without its rows."""
        return pb.JobHeader(
            name=self.lease.table,
            job_id=self.lease.job_id,
            lease_token=self.lease.token,
            duration=duration(timedelta(seconds=self.seconds)),
            code_version=self.code_version,
            read_receipts=self.receipts,
            verified_reads=self.verified,
        )


def complete(connection: Connection, made: Sequence[Made], patience: float) -> list[LevadaError | None]:
    """Commit what was made, each job by itself.

    Args:
        connection: Where the jobs are.
        made: The jobs.
        patience: Seconds to keep trying while the server is out of reach.

    Returns:
        For each job None, or why nothing of it was committed.

    Raises:
        Unavailable: The server stayed out of reach.
    """
    results: dict[int, LevadaError | None] = {index: None for index, job in enumerate(made) if job.committed}

    def complete_missing() -> None:
        passing: LevadaError | None = None
        for index, outcome in _handed_in(connection, {i: job for i, job in enumerate(made) if i not in results}):
            error = error_from_status(outcome.error) if outcome.HasField("error") else None
            if isinstance(error, PASSING):
                passing = error
            else:
                results[index] = error
        if passing is not None:
            raise passing

    repeat(complete_missing, patience)
    return [results[index] for index in range(len(made))]


def _handed_in(connection: Connection, made: dict[int, Made]) -> Iterator[tuple[int, pb.JobOutcome]]:
    """Hand in jobs; give what became of each."""
    small = {index: job for index, job in made.items() if job.is_small}
    for call in _calls(small):
        groups = _groups(call)
        request = pb.CompleteFewJobsRequest(groups=[_group_message(list(group.values())) for group in groups])
        answer = connection.call("JobService/CompleteFewJobs", request, pb.CompleteFewJobsResponse, patience=0)
        yield from zip(chain.from_iterable(groups), answer.outcomes, strict=True)
    large = {index: job for index, job in made.items() if index not in small}
    if large:
        requests = chain.from_iterable(map(_large_job, large.values()))
        response = connection.send("JobService/CompleteJobs", requests, pb.CompleteJobsResponse, patience=0)
        yield from zip(large, response.outcomes, strict=True)


def _calls(made: dict[int, Made]) -> Iterator[dict[int, Made]]:
    """Cut jobs into what goes into one call."""
    call: dict[int, Made] = {}
    size = 0
    for index, job in made.items():
        if call and (len(call) >= _CALL_JOBS or size + job.byte_count > _CALL_BYTES):
            yield call
            call, size = {}, 0
        call[index] = job
        size += job.byte_count
    if call:
        yield call


def _groups(made: dict[int, Made]) -> list[dict[int, Made]]:
    """Put jobs together whose inserts are alike."""
    groups: list[dict[int, Made]] = []
    for index, job in made.items():
        for group in groups:
            if _are_alike(next(iter(group.values())), job):
                group[index] = job
                break
        else:
            groups.append({index: job})
    return groups


def _are_alike(one: Made, other: Made) -> bool:
    return len(one.inserts) == len(other.inserts) and all(
        mine.is_like(its) for mine, its in zip(one.inserts, other.inserts, strict=True)
    )


def _group_message(made: Sequence[Made]) -> pb.JobGroup:
    """Write jobs whose inserts are alike, and few rows."""
    inserts = [
        pb.SharedRows(
            rows=_rows(alike[0]),
            arrow_ipc=few_rows_stream(alike[0].schema, [batch for insert in alike for batch in insert.few or ()]),
            row_counts=[insert.row_count for insert in alike],
        )
        for alike in zip(*(job.inserts for job in made), strict=True)
    ]
    return pb.JobGroup(jobs=[job.header() for job in made], inserts=inserts)


def _large_job(job: Made) -> Iterator[pb.CompleteJobsRequest]:
    """Write a job with its rows in pieces."""
    yield pb.CompleteJobsRequest(job=job.header())
    for insert in job.inserts:
        yield pb.CompleteJobsRequest(rows=_rows(insert))
        for piece in insert.ipc_pieces():
            yield pb.CompleteJobsRequest(arrow_ipc=piece)


def _rows(insert: MadeRows) -> pb.JobRows:
    return pb.JobRows(name=insert.table, options=insert.options, location=insert.location)
