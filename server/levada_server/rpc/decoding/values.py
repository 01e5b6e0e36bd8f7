"""Decode messages into domain values, or raise InvalidRequest that names the field."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from levada_api.v1 import access_pb2, job_pb2, query_service_pb2, row_service_pb2, schema_pb2, session_service_pb2
from levada_server.arrow.ipc.compression import Compression
from levada_server.errors import InvalidRequest
from levada_server.jobs.lease import Environment
from levada_server.model.table import Contract, PartIntegrity, RetryPolicy, TableName, Tier
from levada_server.operations.inserts import InsertOptions
from levada_server.permissions.roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.duration_pb2 import Duration

    from levada_api.v1 import value_pb2
    from levada_server.storage.postgres.database import Isolation

_Meaning = TypeVar("_Meaning")

PAGE_SIZE_LIMIT = 1_000
MAX_CODECS = 1_000
_ENVIRONMENT_LETTERS = 2**20
MAX_DURATION = dt.timedelta(days=36_525)
_MAX_DURATION_S = MAX_DURATION.total_seconds()
_NAMES = 1_000
"""How many names of tables are kept: a message may repeat the same one for each of many jobs."""
_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_DAY = dt.date(1970, 1, 1)

_TIERS: dict[int, Tier] = {
    schema_pb2.TABLE_TIER_LOOKUP: Tier.LOOKUP,
    schema_pb2.TABLE_TIER_MANUAL: Tier.MANUAL,
    schema_pb2.TABLE_TIER_IMPORTED: Tier.IMPORTED,
    schema_pb2.TABLE_TIER_COMPUTED: Tier.COMPUTED,
    schema_pb2.TABLE_TIER_PART: Tier.PART,
}

_CONTRACTS: dict[int, Contract | None] = {
    schema_pb2.MAKE_CONTRACT_UNSPECIFIED: None,
    schema_pb2.MAKE_CONTRACT_OFF: Contract.OFF,
    schema_pb2.MAKE_CONTRACT_WARN: Contract.WARN,
    schema_pb2.MAKE_CONTRACT_ON: Contract.ON,
}
_PART_INTEGRITIES: dict[int, PartIntegrity] = {
    row_service_pb2.PART_INTEGRITY_UNSPECIFIED: PartIntegrity.ENFORCE,
    row_service_pb2.PART_INTEGRITY_ENFORCE: PartIntegrity.ENFORCE,
    row_service_pb2.PART_INTEGRITY_IGNORE: PartIntegrity.IGNORE,
    row_service_pb2.PART_INTEGRITY_CASCADE: PartIntegrity.CASCADE,
}
_JOB_STATES: dict[int, str] = {
    number: name.removeprefix("JOB_STATE_").lower()
    for name, number in job_pb2.JobState.items()
    if number != job_pb2.JOB_STATE_UNSPECIFIED
}
_ROLES = {access_pb2.Role.Value(f"ROLE_{role.name}"): role for role in Role}
_COMPRESSIONS: dict[int, Compression] = {
    query_service_pb2.COMPRESSION_LZ4_FRAME: Compression.LZ4,
    query_service_pb2.COMPRESSION_ZSTD: Compression.ZSTD,
}
_ISOLATIONS: dict[int, Isolation] = {
    session_service_pb2.ISOLATION_UNSPECIFIED: "repeatable_read",
    session_service_pb2.ISOLATION_READ_COMMITTED: "read_committed",
    session_service_pb2.ISOLATION_REPEATABLE_READ: "repeatable_read",
    session_service_pb2.ISOLATION_SERIALIZABLE: "serializable",
}


def table_name(field: str, message: schema_pb2.TableName) -> TableName:
    """Read the name of a table."""
    if not message.schema or not message.table:
        raise InvalidRequest(f"`{field}` needs a schema and a table.", field=field)
    return _table_name(message.schema, message.table)


_table_name = lru_cache(maxsize=_NAMES)(TableName)


def chosen(field: str, value: int, meanings: Mapping[int, _Meaning]) -> _Meaning:
    """Read a value of an enum. On the wire it is any number, negative ones and those of newer clients included.

    Args:
        field: Its field, for the error.
        value: The number.
        meanings: The meaning of each number that is allowed.

    Raises:
        InvalidRequest: The number means nothing here.
    """
    try:
        return meanings[value]
    except KeyError:
        raise InvalidRequest(f"`{field}` is unset or unknown ({value}).", field=field) from None


def tier(value: int) -> Tier:
    """Read a tier."""
    return chosen("tier", value, _TIERS)


def contract(value: int) -> Contract | None:
    """Read the contract of `make`; None if it is unset."""
    return chosen("make_contract", value, _CONTRACTS)


def retry_policy(message: schema_pb2.RetryPolicy) -> RetryPolicy:
    """Read how often jobs are tried."""
    return RetryPolicy(
        message.max_attempts if message.HasField("max_attempts") else None,
        duration(message.retry_delay) if message.HasField("retry_delay") else RetryPolicy().delay,
    )


def codecs(entries: Mapping[str, str]) -> dict[str, str]:
    """Read the codecs of a client: by the name in `<…>`, the type in which each stores its values."""
    if len(entries) > MAX_CODECS:
        raise InvalidRequest(f"`codecs` has {len(entries)} entries; the limit is {MAX_CODECS}.", field="codecs")
    return dict(entries)


def job_state(value: int) -> str:
    """Read the state of a job."""
    return chosen("states", value, _JOB_STATES)


def uuid(field: str, text: str) -> UUID:
    """Read an id or token."""
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest(f"`{field}` is not an id or token of this server.", field=field) from None


def duration(message: Duration) -> dt.timedelta:
    """Read a span of time, from 0 to a century."""
    if abs(message.seconds) > _MAX_DURATION_S:
        raise InvalidRequest("A duration is longer than 100 years.", field="duration")
    span = dt.timedelta(seconds=message.seconds, microseconds=message.nanos / 1000)
    if span < dt.timedelta(0):
        raise InvalidRequest("A duration must not be negative.", field="duration")
    return span


def environment(text: str) -> Environment:
    """Read the environment of a worker.

    Raises:
        InvalidRequest: It is too long, or is not JSON that can be stored.
    """
    if len(text) > _ENVIRONMENT_LETTERS:
        raise InvalidRequest(f"`environment` may have at most {_ENVIRONMENT_LETTERS} letters.", field="environment")
    try:
        content = json.dumps(json.loads(text), sort_keys=True, allow_nan=False)
    except (ValueError, RecursionError):
        content = ""
    if not content or "\\u0000" in content or "\\ud" in content:
        raise InvalidRequest("`environment` must be JSON, without NUL and lone surrogates.", field="environment")
    return Environment(hashlib.sha256(content.encode()).hexdigest(), content)


def page_size(size: int, *, default: int) -> int:
    """Read a page size: 0 stands for the default, and a size above the maximum for the maximum."""
    if size < 0:
        raise InvalidRequest("`page_size` must not be negative.", field="page_size")
    return min(size or default, PAGE_SIZE_LIMIT)


def insert_options(message: row_service_pb2.InsertOptions) -> InsertOptions:
    """Read how an insert treats its rows."""
    return InsertOptions(
        skip_duplicates=message.skip_duplicates,
        replace=message.replace,
        ignore_extra_fields=message.ignore_extra_fields,
        allow_direct_insert=message.allow_direct_insert,
    )


def part_integrity(value: int) -> PartIntegrity:
    """Read the rule for parts whose master stays."""
    return chosen("part_integrity", value, _PART_INTEGRITIES)


def compression(value: int) -> Compression:
    """Read a compression that a client can undo."""
    return chosen("compressions", value, _COMPRESSIONS)


def isolation(value: int) -> Isolation:
    """Read the isolation of a transaction."""
    return chosen("isolation", value, _ISOLATIONS)


def role(value: int) -> Role:
    """Read a role."""
    return chosen("role", value, _ROLES)


def value(message: value_pb2.Value) -> object:
    """Read a value for a restriction or a key: a scalar, or a tuple of scalars; JSON becomes dicts and lists.

    Raises:
        InvalidRequest: A value of this kind cannot restrict.
    """
    try:
        return _value(message)
    except (ValueError, OverflowError, InvalidOperation, KeyError, OSError):  # of a zone that is a folder
        raise InvalidRequest(f"A value of kind {message.WhichOneof('kind')} is malformed.", field="value") from None


def _value(message: value_pb2.Value) -> object:
    match message.WhichOneof("kind"):
        case "null":
            return None
        case "boolean" | "integer" | "float" | "text" | "binary" as kind:
            return getattr(message, kind)
        case "big_integer":
            return int(message.big_integer)
        case "decimal":
            return Decimal(message.decimal)
        case "uuid":
            return UUID(bytes=message.uuid)
        case "date":
            return _EPOCH_DAY + dt.timedelta(days=message.date)
        case "time":
            return (_EPOCH + dt.timedelta(microseconds=message.time)).time()
        case "duration":
            return dt.timedelta(microseconds=message.duration)
        case "timestamp":
            return _timestamp(message.timestamp)
        case "list" | "tuple" | "set" as kind:
            return tuple(_value(element) for element in getattr(message, kind).values)
        case "map":
            keys, values = message.map.keys, message.map.values
            return {key: _json(_value(v)) for key, v in zip(keys, values, strict=True)}
        case kind:
            raise InvalidRequest(f"A value of kind {kind or 'unset'} cannot restrict.", field="value")


def _json(plain: object) -> object:
    return [_json(element) for element in plain] if isinstance(plain, tuple) else plain


def _timestamp(message: value_pb2.Timestamp) -> dt.datetime:
    moment = _EPOCH + dt.timedelta(microseconds=message.microseconds)
    if not message.HasField("zone"):
        return moment
    zone = dt.UTC if message.zone[:1] in ("", "+", "-") else ZoneInfo(message.zone)
    return moment.replace(tzinfo=dt.UTC).astimezone(zone)
