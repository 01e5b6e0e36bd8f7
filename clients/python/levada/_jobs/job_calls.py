"""The calls by which workers reserve, finish and give back jobs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from levada._base.config import config
from levada._base.errors import LevadaError
from levada._values.message_decoding import decode_key_value
from levada_api.v1 import job_pb2
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from levada._net.connection import Connection
    from levada._query.relation import Relation
    from levada_api.v1 import schema_pb2

_PAGE = 100
_TEXT_LETTERS = 2**18
"""The highest number of characters to keep of an error's message or stack."""


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


@dataclass(frozen=True)
class Failure:
    """The error of a `make`: the exception's class, its message, and the stack as Python prints it."""

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
    ask_unready: bool = False,
    periodic: bool = False,
    patience: float | None = None,
) -> pb.RefreshJobsResponse:
    """Make a job for each key that the key source has and the table does not.

    Args:
        key_source: Only for these keys; None for the table's own source.
        delay: Seconds that new jobs wait.
        priority: The priority of new jobs, 0 first; by default the setting `jobs.default_priority`.
        retry_errors: Make failed jobs pending again.
        ask_unready: Let jobs whose `make` inserted nothing be reserved at once.
        periodic: Do nothing if any client did this a moment ago.
        patience: As for `Connection.call`.
    """
    priority = config["jobs.default_priority"] if priority is None else priority
    request = pb.RefreshJobsRequest(
        name=table, priority=priority, retry_errors=retry_errors, ask_unready=ask_unready, periodic=periodic
    )
    if delay:
        request.delay.CopyFrom(duration(delay if isinstance(delay, timedelta) else timedelta(seconds=delay)))
    if key_source is not None:
        request.key_source.CopyFrom(key_source._message())
    return connection.call("JobService/RefreshJobs", request, pb.RefreshJobsResponse, patience=patience)


def progress(
    connection: Connection,
    tables: Iterable[schema_pb2.TableName],
    key_source: Relation | None = None,
    *,
    count_stale: bool = False,
) -> Sequence[job_pb2.Progress]:
    """Return the progress of some tables; with a key source, the progress of one table with these keys."""
    request = pb.GetProgressRequest(names=tables, count_stale=count_stale)
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
    except_unready: bool = False,
    patience: float = 0.0,
) -> list[Lease]:
    """Lease the most urgent jobs of some tables.

    Args:
        wait: How long to wait for the first job.
        restriction: A relation over the job table, as a serialized message: lease only its jobs. Needs a single table.
        held: The tokens of all leases that the session still holds. Any other lease of the session was lost with an
            answer, and its job is leased anew.
        except_unready: Skip jobs whose `make` inserted nothing when it last ran.
        patience: Seconds to keep trying while the server is out of reach.

    Raises:
        UnknownWorkerSession: The session has ended.
    """
    request = pb.ReserveJobsRequest(
        worker_session=session,
        names=tables,
        max_jobs=max_jobs,
        wait_duration=duration(wait),
        held_leases=pb.HeldLeases(lease_tokens=held),
        except_unready=except_unready,
    )
    if restriction is not None:
        request.restriction.ParseFromString(restriction)
    leases = connection.call("JobService/ReserveJobs", request, pb.ReserveJobsResponse, patience=patience).leases
    return list(map(_lease, leases))


def leased_results(connection: Connection, table: schema_pb2.TableName, results: Relation | None) -> Iterator[Lease]:
    """Yield leases to compute results again, which nobody keeps: by the id of their job.

    Args:
        results: Only these, a relation with attributes of the table's key; None for all.
    """
    after = 0
    chosen = None if results is None else results._message()
    while True:
        request = pb.LeaseResultsRequest(name=table, results=chosen, after_job_id=after, max_results=_PAGE)
        leases = connection.call("JobService/LeaseResults", request, pb.LeaseResultsResponse).leases
        yield from map(_lease, leases)
        if len(leases) < _PAGE:
            return
        after = leases[-1].job_id


def _lease(lease: job_pb2.Lease) -> Lease:
    return Lease(
        table=lease.table,
        job_id=lease.job_id,
        key={entry.name: decode_key_value(entry.value) for entry in lease.key},
        token=lease.lease_token,
        attempt=lease.attempt,
    )


def fail(
    connection: Connection,
    lease: Lease,
    failure: Failure,
    seconds: float,
    patience: float,
    code_version: str = "",
    output: str = "",
    *,
    interrupted: bool = False,
) -> bool:
    """Record that a `make` failed; return whether it is tried again.

    Args:
        seconds: How long it ran.
        patience: Seconds to keep trying while the server is out of reach.
        output: Its output.
        interrupted: One of the errors `PASSING` ended the `make`, which is not a fault of the code.

    Raises:
        LeaseLost: The job was handed to another worker.
        UnknownJob: Its key is gone.
        LevadaError: The table, or the right to compute it, is gone.
        Unavailable: The server stayed out of reach.
    """
    request = pb.FailJobRequest(
        name=lease.table,
        job_id=lease.job_id,
        lease_token=lease.token,
        error=job_pb2.JobError(
            type=storable(failure.type), message=storable(failure.message), stack=storable(failure.stack)
        ),
        duration=duration(timedelta(seconds=seconds)),
        code_version=code_version,
        output=storable(output),
        interrupted=interrupted,
    )
    answer = connection.call("JobService/FailJob", request, pb.FailJobResponse, patience=patience)
    return answer.state == job_pb2.JOB_STATE_PENDING


def release(connection: Connection, leases: Iterable[Lease]) -> None:
    """Hand jobs back untouched; if the server is out of reach or refuses that, their leases end with the session."""
    names = lease_names(leases)
    if names:
        with suppress(LevadaError):
            connection.call("JobService/ReleaseJobs", pb.ReleaseJobsRequest(leases=names), pb.ReleaseJobsResponse)


def lease_names(leases: Iterable[Lease]) -> list[pb.LeaseName]:
    """Return the protocol's names of leases."""
    return [pb.LeaseName(table=lease.table, job_id=lease.job_id, lease_token=lease.token) for lease in leases]


def storable(text: str) -> str:
    """Return text that a database can store: without NUL and lone surrogates, and cut to a length."""
    cut = text if len(text) <= _TEXT_LETTERS else text[:_TEXT_LETTERS] + " …"
    return cut.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def duration(span: timedelta) -> Duration:
    """Return the protocol's message of a timedelta."""
    message = Duration()
    message.FromTimedelta(span)
    return message
