"""Looking for the new rows of a table by the `discover` of its class, under a lease."""

from __future__ import annotations

import inspect
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from levada._base.errors import InvalidDefinition, InvalidRequest, LeaseLost, LevadaError, PreconditionFailed
from levada._base.text import plural, text_of
from levada._jobs.job_calls import duration, storable
from levada._jobs.make import failure
from levada._jobs.worker_session import Heartbeat, close_session, open_session
from levada._net.backoff import PASSING
from levada._query.class_level import on_class
from levada._tables.insertion import insert
from levada._tables.table import Table
from levada._values.kinds.value_kind import storage_of
from levada._values.rows import read_keys
from levada_api.v1 import job_pb2, row_service_pb2
from levada_api.v1 import job_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from levada._jobs.job_calls import Failure
    from levada._net.connection import Connection
    from levada_api.v1 import schema_pb2

_DEFAULT_MINUTES = 5
_LEASE = timedelta(seconds=60)
_PATIENCE_SECONDS = 60.0
"""How long to try to record the end while the server is out of reach."""
_BATCH_ROWS = 1_000
_BATCH_SECONDS = 10.0
"""Rows are inserted after so many, or after this time, whichever comes first."""


class Discovering(Table):
    """A table whose class can look for new rows: it may have a class method `discover` that yields them."""

    _abstract: ClassVar[bool] = True

    discover_every: ClassVar[float | timedelta] = _DEFAULT_MINUTES
    """How often workers call `discover`: minutes, or a timedelta, from one begin to the next."""
    discover_time_limit: ClassVar[timedelta | float | None] = None
    """How long one `discover` may take in a worker: seconds, or a timedelta. A longer one ends with its process."""

    @on_class
    def discover_now(self) -> int:
        """Call `discover` here, and insert the rows that are new; return how many these are.

        It runs under the same lease as in a worker, so never beside one.

        Raises:
            InvalidRequest: The class has no class method `discover`.
            PreconditionFailed: A worker is looking for rows at this moment, or a transaction is open.
            Exception: Raised by `discover`; the rows that it yielded before are inserted.
            LevadaError: The server refused rows; the others are inserted.
        """
        if not has_discover(type(self)):
            raise InvalidRequest(
                f"`{type(self).__name__}` has no discover: give it a class method discover(cls) that yields rows."
            )
        connection = self.connection
        if connection.in_transaction:
            raise PreconditionFailed("discover inserts rows by itself, and a transaction is open; end it before.")
        session = open_session(connection, _LEASE)
        try:
            with Heartbeat(connection, _LEASE) as heartbeat:
                heartbeat.add(session, os.getpid())
                lease = reserve_discovery(connection, session, [self], at_once=True)
                if lease is None:
                    raise PreconditionFailed(
                        f"A worker is looking for new rows of `{self._name.schema}.{self._name.table}` at this moment; "
                        "wait until it has ended."
                    )
                ended = run_discovery(self, lease, _PATIENCE_SECONDS)
        finally:
            close_session(connection, session)
        if ended.error is not None:
            raise ended.error
        return ended.row_count


def has_discover(table: type) -> bool:
    """Return whether a class looks for new rows: it has a class method `discover`."""
    return issubclass(table, Discovering) and isinstance(inspect.getattr_static(table, "discover", None), classmethod)


def interval_of(table: type[Discovering]) -> timedelta:
    """Return how often to call the `discover` of a class.

    Raises:
        InvalidDefinition: It is not a time.
    """
    every: object = table.discover_every  # whatever the user's class has
    if isinstance(every, timedelta):
        return every
    if not isinstance(every, (int, float)) or isinstance(every, bool):
        raise InvalidDefinition(f"discover_every of `{table.__name__}` is minutes or a timedelta, not {every!r}.")
    try:
        return timedelta(minutes=every)
    except (OverflowError, ValueError) as error:
        raise InvalidDefinition(f"discover_every of `{table.__name__}` is too long: {every!r} minutes.") from error


def reserve_discovery(
    connection: Connection, session: str, tables: Iterable[Discovering], *, at_once: bool = False
) -> job_pb2.DiscoveryLease | None:
    """Lease the discovery of one of some tables; None if none is due, or with `at_once` if a worker is at it.

    The session holds no such lease at this time. One that it has nevertheless was lost with an answer, and is leased
    anew.

    Raises:
        UnknownWorkerSession: The session has ended.
    """
    request = pb.ReserveDiscoveryRequest(worker_session=session, at_once=at_once, held_leases=pb.HeldLeases())
    for table in tables:
        request.tables.add(name=table._name, interval=duration(interval_of(type(table))))
    answer = connection.call("JobService/ReserveDiscovery", request, pb.ReserveDiscoveryResponse, patience=0)
    return answer.lease if answer.HasField("lease") else None


def fail_discovery(
    connection: Connection, table: str, lease_token: str, failed: Failure, seconds: float, patience: float
) -> None:
    """Record that a discovery failed whose process was killed for it.

    Args:
        table: `schema.Table`.
        patience: Seconds to keep trying while the server is out of reach.

    Raises:
        LeaseLost: It belongs to another worker already.
        LevadaError: The table, or the right to fill it, is gone.
    """
    schema, _, name = table.partition(".")
    request = pb.CompleteDiscoveryRequest(lease_token=lease_token, duration=duration(timedelta(seconds=seconds)))
    request.name.schema, request.name.table = schema, name
    request.error.type, request.error.message = failed.type, failed.message
    connection.call("JobService/CompleteDiscovery", request, pb.CompleteDiscoveryResponse, patience=patience)


def list_discoveries(
    connection: Connection, *, names: Iterable[schema_pb2.TableName] = (), schema: str = ""
) -> Sequence[job_pb2.Discovery]:
    """Return the discoveries of some tables, or of those of a schema, that began at least once."""
    request = pb.ListDiscoveriesRequest(names=names, schema=schema)
    return connection.call("JobService/ListDiscoveries", request, pb.ListDiscoveriesResponse).discoveries


@dataclass(frozen=True)
class EndedDiscovery:
    """How a discovery ended.

    Args:
        row_count: How many rows were new.
        seconds: How long it ran.
        error: Its error; None if there is none, or if another worker took it over.
        state: `success`, `error`, or `lost`: to another worker, or with its table or the right to fill it.
    """

    row_count: int
    seconds: float
    error: BaseException | None
    state: str


def run_discovery(table: Discovering, lease: job_pb2.DiscoveryLease, patience: float) -> EndedDiscovery:
    """Call the `discover` of a table under a lease, insert the new rows, and record how it ended.

    Args:
        patience: Seconds to keep trying to record it while the server is out of reach.
    """
    found = _Found(table)
    error: BaseException | None = None
    started = time.monotonic()
    try:
        for row in type(table).discover():  # a class method of the user's class
            found.take(row)
    except BaseException as raised:  # noqa: BLE001  # whatever the user's code raises is recorded
        error = raised
    try:
        found.insert()
    except LevadaError as raised:
        error = error or raised
    error = error or found.refusal()
    seconds = time.monotonic() - started
    state = "success" if error is None else "error"
    request = pb.CompleteDiscoveryRequest(
        name=lease.table,
        lease_token=lease.lease_token,
        row_count=found.count,
        duration=duration(timedelta(seconds=seconds)),
    )
    if error is not None:
        told = failure(error)
        request.error.type, request.error.message = storable(told.type), storable(told.message)
        request.error.stack = storable(told.stack)
    try:
        table.connection.call("JobService/CompleteDiscovery", request, pb.CompleteDiscoveryResponse, patience=patience)
    except LeaseLost:
        return EndedDiscovery(found.count, seconds, None, "lost")
    except PASSING:
        raise
    except LevadaError as refusal:  # the table, or the right to fill it, is gone
        return EndedDiscovery(found.count, seconds, error or refusal, "lost")
    return EndedDiscovery(found.count, seconds, error, state)


class _Found:
    """Inserts rows as they are found, so that any number fits into memory.

    Args:
        table: Their table.

    Attributes:
        count: How many were new.
    """

    def __init__(self, table: Discovering) -> None:
        self.count = 0
        self._table = table
        self._heading = table.heading
        self._rows: list[object] = []
        self._since = time.monotonic()
        self._refused = 0
        self._first_refusal: LevadaError | None = None

    def take(self, row: object) -> None:
        self._rows.append(row)
        if len(self._rows) >= _BATCH_ROWS or time.monotonic() - self._since > _BATCH_SECONDS:
            self.insert()

    def insert(self) -> None:
        """Insert the rows that were taken since; one that is refused does not hold the others back."""
        rows, self._rows = self._rows, []
        self._since = time.monotonic()
        try:
            self.count += self._insert(rows)
        except PASSING:
            raise
        except LevadaError:
            for row in rows:
                try:
                    self.count += self._insert([row])
                except PASSING:
                    raise
                except LevadaError as refusal:
                    self._refused += 1
                    self._first_refusal = self._first_refusal or refusal

    def refusal(self) -> LevadaError | None:
        """Return the first error of a row, if one was refused."""
        first = self._first_refusal
        if first is None:
            return None
        counted = "" if self._refused == 1 else f" This and {plural(self._refused - 1, 'other row')} were refused."
        return type(first)(f"{text_of(first)}{counted}", first.details)

    def _insert(self, rows: Sequence[object]) -> int:
        new = list(self._unknown(rows))
        if not new:
            return 0
        options = row_service_pb2.InsertOptions(skip_duplicates=True, allow_direct_insert=True)
        return insert(self._table, new, options, None)

    def _unknown(self, rows: Sequence[object]) -> Iterator[object]:
        """Yield the rows whose keys the table lacks, so that contents of known rows are not sent to stores again."""
        keys = read_keys(rows, self._heading, self._table._name.table) if rows else None
        if keys is None:  # a key that the server completes
            yield from rows
            return
        there = set(_values((self._table & keys).proj().to_arrow()))
        for row, key in zip(rows, _values(keys), strict=True):
            if key not in there:
                there.add(key)
                yield row


def _values(keys: pa.Table) -> Iterator[tuple[Any, ...]]:  # Any: an attribute's value
    return zip(*(storage_of(column).to_pylist() for column in keys.columns), strict=True)
