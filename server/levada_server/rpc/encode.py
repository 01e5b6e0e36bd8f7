"""Convert domain values to messages."""

from __future__ import annotations

import datetime as dt
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from levada_api.v1 import (
    job_pb2,
    job_service_pb2,
    object_pb2,
    object_service_pb2,
    query_service_pb2,
    schema_pb2,
    value_pb2,
)
from levada_server.jobs.signing import lease_content
from levada_server.model.description import describe
from levada_server.model.job_table import STATES
from levada_server.model.table import Contract, Tier
from levada_server.operations.caller import ADMINISTRATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from levada_server.arrow.ipc.batches import Piece
    from levada_server.jobs.lease import DiscoveryLease, Lease
    from levada_server.jobs.signing import Signer
    from levada_server.model.heading import Attribute, Heading
    from levada_server.model.table import Table, TableName
    from levada_server.operations.job_activity import History, WorkerActivity
    from levada_server.operations.jobs import Progress
    from levada_server.operations.schemas import SchemaSummary
    from levada_server.storage.jobs.discoveries import Discovery

_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_DAY = dt.date(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)

_ARROW_IPC_TAG = query_service_pb2.FetchRelationResponse.ARROW_IPC_FIELD_NUMBER << 3 | 2
_CHUNK_TAG = object_service_pb2.DownloadObjectResponse.CHUNK_FIELD_NUMBER << 3 | 2
_CONTENT_TAG = object_pb2.ObjectChunk.CONTENT_FIELD_NUMBER << 3 | 2
_CRC32_TAG = object_pb2.ObjectChunk.CRC32_FIELD_NUMBER << 3

TIERS = {
    Tier.LOOKUP: schema_pb2.TABLE_TIER_LOOKUP,
    Tier.MANUAL: schema_pb2.TABLE_TIER_MANUAL,
    Tier.IMPORTED: schema_pb2.TABLE_TIER_IMPORTED,
    Tier.COMPUTED: schema_pb2.TABLE_TIER_COMPUTED,
    Tier.PART: schema_pb2.TABLE_TIER_PART,
}

_CONTRACTS = {
    Contract.OFF: schema_pb2.MAKE_CONTRACT_OFF,
    Contract.WARN: schema_pb2.MAKE_CONTRACT_WARN,
    Contract.ON: schema_pb2.MAKE_CONTRACT_ON,
}


def fetched(piece: Piece) -> bytes:
    """Encode a piece of a result's stream as the bytes of a FetchRelationResponse.

    A protobuf message would copy the bytes twice: into the message, and when it is serialised.

    Source: Protocol Buffers, "Encoding".
    """
    return b"".join([bytes([_ARROW_IPC_TAG]), _varint(sum(map(len, piece))), *piece])


def downloaded(content: bytes) -> bytes:
    """Encode bytes of an object as the bytes of a DownloadObjectResponse, for the reason that `fetched` has."""
    head = bytes([_CONTENT_TAG]) + _varint(len(content))
    tail = bytes([_CRC32_TAG]) + _varint(zlib.crc32(content))
    size = len(head) + len(content) + len(tail)
    return b"".join([bytes([_CHUNK_TAG]), _varint(size), head, content, tail])


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def table_name(name: TableName) -> schema_pb2.TableName:
    """Write the name of a table."""
    return schema_pb2.TableName(schema=name.schema, table=name.table)


def schema(summary: SchemaSummary) -> schema_pb2.Schema:
    """Write a schema."""
    return schema_pb2.Schema(
        name=summary.name,
        create_time=timestamp(summary.created),
        table_count=summary.table_count,
        make_contract=_CONTRACTS[summary.contract],
        confidential=summary.confidential,
    )


def heading(source: Heading) -> schema_pb2.Heading:
    """Write a heading."""
    return schema_pb2.Heading(attributes=map(attribute, source))


def attribute(source: Attribute) -> schema_pb2.Attribute:
    """Write an attribute."""
    message = schema_pb2.Attribute(
        name=source.name,
        type=str(source.type),
        primary_key=source.primary_key,
        nullable=source.nullable,
        comment=source.comment,
        origin=source.origin.label if source.origin else "",
        auto_increment=source.auto_increment,
    )
    if source.default is not None:
        message.default_value = str(source.default)
    return message


def table(source: Table) -> schema_pb2.Table:
    """Write a table."""
    owned = source.ownership
    return schema_pb2.Table(
        ownership=None if owned is None else schema_pb2.Ownership(attribute=owned.attribute, hidden=owned.hidden),
        name=table_name(source.name),
        id=source.id,
        tier=TIERS[source.tier],
        comment=source.comment,
        heading=heading(source.heading),
        foreign_keys=(
            schema_pb2.ForeignKey(
                parent=table_name(key.parent),
                attributes=(schema_pb2.AttributePair(child=c, parent=p) for c, p in key.columns),
                primary_key=key.primary_key,
                nullable=key.nullable,
                unique=key.unique,
            )
            for key in source.foreign_keys
        ),
        indexes=(schema_pb2.Index(expressions=i.expressions, unique=i.unique) for i in source.indexes),
        definition=describe(source),
        stored_name=source.name.stored,
        make_contract=_CONTRACTS[source.contract],
        retry_policy=schema_pb2.RetryPolicy(
            max_attempts=source.retry.max_attempts, retry_delay=duration(source.retry.delay)
        ),
    )


def counts(source: Iterable[tuple[TableName, int]]) -> list[schema_pb2.TableCount]:
    """Write the number of entities of each table."""
    return [schema_pb2.TableCount(name=table_name(name), entity_count=count) for name, count in source]


def leases(source: Iterable[Lease], signer: Signer) -> list[job_pb2.Lease]:
    """Write leases."""
    names = {table: table_name(table) for table in {lease.table for lease in source}}
    return [
        job_pb2.Lease(
            table=names[lease.table],
            job_id=lease.job_id,
            key=[value_pb2.AttributeValue(name=name, value=value(v)) for name, v in lease.key],
            lease_token=signer.lease(lease_content(lease)),
            attempt=lease.attempt,
        )
        for lease in source
    ]


def job_state(state: str) -> str:
    """Return the name of a job's state in the API, as the constructors of messages take it."""
    return f"JOB_STATE_{state.upper()}"


def job(source: Table, row: Mapping[str, Any]) -> job_pb2.Job:  # Any: the value of a job table's column
    """Write a job, given as the row of its table."""
    message = job_pb2.Job(
        table=table_name(source.name),
        job_id=row["_job_id"],
        key=(value_pb2.AttributeValue(name=n, value=value(row[n])) for n in source.job_key),
        state=job_state(row["_state"]),
        priority=row["_priority"],
        schedule_time=timestamp(row["_scheduled_time"]),
        attempt=row["_attempt"],
        code_version=row["_code_version"] or "",
        reads=_reads(row["_reads"]),
        writes=_writes(row["_writes"]),
        output=row["_output"] or "",
    )
    if row["_reserved_time"] is not None:
        message.reserve_time.CopyFrom(timestamp(row["_reserved_time"]))
        message.worker.CopyFrom(job_pb2.WorkerName(host=row["_host"], process=row["_pid"], user=row["_username"]))
    if row["_finished_time"] is not None:
        message.finish_time.CopyFrom(timestamp(row["_finished_time"]))
    if row["_duration"] is not None:
        message.duration.CopyFrom(duration(dt.timedelta(seconds=row["_duration"])))
    if row["_error_type"] is not None:
        message.error.CopyFrom(
            job_pb2.JobError(type=row["_error_type"], message=row["_error_message"], stack=row["_error_stack"])
        )
    return message


def _reads(source: Mapping[str, Any]) -> list[job_pb2.TableRead]:  # Any: as the job recorded it
    return [
        job_pb2.TableRead(table=_named(name), row_count=read["rows"], key_restricted=read["key_restricted"])
        for name, read in source.items()
    ]


def _writes(source: Mapping[str, int]) -> list[schema_pb2.TableCount]:
    return [schema_pb2.TableCount(name=_named(name), entity_count=count) for name, count in source.items()]


def _named(text: str) -> schema_pb2.TableName:
    schema_name, _, table = text.partition(".")
    return schema_pb2.TableName(schema=schema_name, table=table)


def progress(source: Progress) -> job_pb2.Progress:
    """Write the progress of a table."""
    return job_pb2.Progress(
        table=table_name(source.table),
        total_count=source.total,
        remaining_count=source.remaining,
        **{f"{state}_count": source.states.get(state, 0) for state in STATES},
        unready_count=source.unready,
        stale_count=source.stale,
    )


def job_history(source: History) -> job_service_pb2.GetJobHistoryResponse:
    """Write when the jobs of a table finished."""
    message = job_service_pb2.GetJobHistoryResponse(jobs_per_second=source.jobs_per_second)
    if source.start_time is not None and source.end_time is not None:
        message.start_time.CopyFrom(timestamp(source.start_time))
        message.end_time.CopyFrom(timestamp(source.end_time))
    for period in source.periods:
        written = message.periods.add(
            start_time=timestamp(period.start_time),
            success_count=period.success_count,
            error_count=period.error_count,
        )
        if period.median_s is not None and period.longest_s is not None:
            written.median_duration.CopyFrom(duration(dt.timedelta(seconds=period.median_s)))
            written.longest_duration.CopyFrom(duration(dt.timedelta(seconds=period.longest_s)))
    return message


def worker(source: WorkerActivity) -> job_pb2.WorkerActivity:
    """Write a worker with the jobs that it holds."""
    session = source.session
    return job_pb2.WorkerActivity(
        worker=job_pb2.WorkerName(host=session.worker.host, process=session.worker.process, user=session.worker.user),
        user=session.user or ADMINISTRATOR.user,
        code_version=session.code_version,
        create_time=timestamp(session.create_time),
        expire_time=timestamp(session.expire_time),
        memory_bytes=session.memory_bytes,
        held_jobs=(
            job_pb2.HeldJobs(
                table=table_name(held.table.name),
                job_count=held.count,
                reserve_time=timestamp(held.reserved_time),
                key=(value_pb2.AttributeValue(name=n, value=value(plain)) for n, plain in held.key),
            )
            for held in source.held
        ),
    )


def discovery_lease(source: DiscoveryLease) -> job_pb2.DiscoveryLease:
    """Write the lease of a discovery."""
    return job_pb2.DiscoveryLease(table=table_name(source.table), lease_token=str(source.token), attempt=source.attempt)


def discovery(source: Discovery) -> job_pb2.Discovery:
    """Write the discovery of a table."""
    worker, error = source.worker, source.error
    return job_pb2.Discovery(
        table=table_name(source.table.name),
        state=job_state(source.state),
        schedule_time=timestamp(source.scheduled_time),
        attempt=source.attempt,
        reserve_time=timestamp(source.reserved_time),
        finish_time=None if source.finished_time is None else timestamp(source.finished_time),
        duration=None if source.duration is None else duration(source.duration),
        row_count=source.row_count,
        total_row_count=source.total_row_count,
        worker=job_pb2.WorkerName(host=worker.host, process=worker.process, user=worker.user),
        error=None if error is None else job_pb2.JobError(type=error.type, message=error.message, stack=error.stack),
    )


def timestamp(moment: dt.datetime) -> Timestamp:
    """Write a point in time."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def duration(span: dt.timedelta) -> Duration:
    """Write a span of time."""
    message = Duration()
    message.FromTimedelta(span)
    return message


def value(plain: object) -> value_pb2.Value:
    """Write a value of a key."""
    match plain:
        case None:
            return value_pb2.Value(null="NULL_VALUE")
        case bool():
            return value_pb2.Value(boolean=plain)
        case int() if plain < 2**63:
            return value_pb2.Value(integer=plain)
        case int():
            return value_pb2.Value(big_integer=str(plain))
        case float():
            return value_pb2.Value(float=plain)
        case str():
            return value_pb2.Value(text=plain)
        case bytes():
            return value_pb2.Value(binary=plain)
        case Decimal():
            return value_pb2.Value(decimal=str(plain))
        case UUID():
            return value_pb2.Value(uuid=plain.bytes)
        case dt.datetime():
            return value_pb2.Value(timestamp=_moment(plain))
        case dt.date():
            return value_pb2.Value(date=(plain - _EPOCH_DAY).days)
        case dt.timedelta():
            return value_pb2.Value(duration=plain // _MICROSECOND)
        case dt.time():
            return value_pb2.Value(time=(dt.datetime.combine(_EPOCH_DAY, plain) - _EPOCH) // _MICROSECOND)
        case _:
            raise TypeError(f"a key cannot hold a {type(plain).__name__}")


def _moment(moment: dt.datetime) -> value_pb2.Timestamp:
    if moment.tzinfo is None:
        return value_pb2.Timestamp(microseconds=(moment - _EPOCH) // _MICROSECOND)
    utc = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return value_pb2.Timestamp(microseconds=(utc - _EPOCH) // _MICROSECOND, zone="UTC")
