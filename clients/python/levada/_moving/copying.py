"""A copy of schemas to another server, from its plan to its report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from google.protobuf.json_format import MessageToDict

from levada._base.errors import InvalidRequest, LevadaError, MissingParent
from levada._base.names import class_path
from levada._jobs.job_table import has_jobs
from levada._moving.comparing import Held, compare, groups_of, key_of
from levada._moving.copy_plan import HISTORY, Plan, PlannedTable, check_ready
from levada._moving.descriptions import (
    copy_ownership,
    declare_alike,
    make_schema,
    next_number_of,
    raise_next_number,
)
from levada._moving.digests import RowDigests, Total
from levada._moving.history import History, as_json
from levada._objects.fetched_handles import handle_of
from levada._objects.taking_over import stored_content, take_over
from levada._pipeline.tiers import Manual
from levada._tables.table import FreeTable
from levada._values.message_decoding import decode_key_value
from levada._values.types import Family
from levada_api.v1 import job_pb2, job_service_pb2, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from levada._net.connection import Connection
    from levada._values.heading import Attribute

_PARALLEL = 4
"""Objects of one attribute that are copied at once."""
_ROWS_WITH_OBJECTS = 64
"""Rows that refer to objects are inserted in pieces of this size; after a kill, the objects of one are copied again."""
_COMPUTING = (schema_pb2.TABLE_TIER_IMPORTED, schema_pb2.TABLE_TIER_COMPUTED)
_FINISHED = (job_pb2.JOB_STATE_SUCCESS, job_pb2.JOB_STATE_ERROR, job_pb2.JOB_STATE_IGNORED)


class CopiedTable(Manual):
    """The tables of a copy, as it last compared them."""

    definition = """
    # Tables that were copied here, as the last copy compared them
    source : varchar(255)        # the address of the server
    there : varchar(160)         # the table there
    ---
    name : varchar(160)          # the table here
    equal : bool                 # whether every row of there was here, with the same values
    rows_there : int64
    rows_here : int64            # rows with the keys of these
    missing : int64              # rows of there that were not here
    other_values : int64         # rows with other values here
    examples : json              # keys of some of the latter
    digest_there : char(32)      # of the rows there, in any order
    digest_here : char(32)       # of the rows here with their keys
    compared : datetime          # in UTC
    """


class PastJob(Manual):
    """Jobs that finished on another server."""

    definition = """
    # Jobs that finished before a copy, on the server that it came from
    source : varchar(255)
    there : varchar(160)         # the table that the job filled
    key_digest : char(32)
    ---
    key : json                   # the job's key
    status : varchar(20)         # success, error, ignored
    error_message : text
    error_stack : text
    details : json               # attempt, times, worker, code version, output, tables read and written
    """


@dataclass(frozen=True, slots=True)
class Copied:
    """The result for a table.

    Args:
        here: The rows here.
        there: The rows there that have the keys of these.
        inserted: How many rows were new.
        object_count: How many objects of them were copied.
        missing: How many rows of here are not there.
        different: How many rows have other values there.
        only_there: How many rows only the other server has.
        examples: The keys of some rows with other values there.
    """

    table: PlannedTable
    here: Total
    there: Total
    inserted: int
    object_count: int
    missing: int
    different: int
    only_there: int
    examples: Sequence[str]

    @property
    def equal(self) -> bool:
        """Whether every row of here is there, with the same values."""
        return (self.here.count, self.here.sum) == (self.there.count, self.there.sum)


@dataclass(slots=True)
class Report:
    """The result of a copy.

    Args:
        tables: In the order of the plan.
        jobs: How many jobs of each table became history.
    """

    tables: list[Copied] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether every row of here is there, with the same values."""
        return all(table.equal for table in self.tables)


def run(plan: Plan, source: Connection, target: Connection, done: Callable[[Copied], None]) -> Report:
    """Copy what a plan says. It can be repeated, and continues where it was interrupted.

    Args:
        done: Called after each table.

    Raises:
        InvalidRequest: The plan has problems.
        LevadaError: A row cannot come.
    """
    check_ready(plan)
    for schema in plan.schemas:
        make_schema(target, schema, plan.names[schema.name])
    for table in plan.tables:
        response = declare_alike(target, table.table, plan.names)
        if response.differences:
            raise InvalidRequest(
                f"`{class_path(table.target)}` is there with another definition since the copy was planned: "
                f"{'; '.join(response.differences)}. Plan it again."
            )
        if not response.table.HasField("ownership"):
            copy_ownership(target, table.table, plan.names)
    history = History(target, HISTORY, source.address, CopiedTable, PastJob) if plan.keeps_history else None
    report = Report()
    for table in plan.tables:
        copied = _copy_rows(table, source, target)
        raise_next_number(target, table.target, next_number_of(source, table.table.name))
        if history is not None:
            _note(history, copied)
        # A table that was copied there, without its class, has no jobs.
        if history is not None and table.table.tier in _COMPUTING and has_jobs(source, table.table.name):
            report.jobs[table.name] = history.insert("PastJob", _past_jobs(table, source, history), replace=True)
        report.tables.append(copied)
        done(copied)
    return report


def _note(history: History, copied: Copied) -> None:
    """Note on the target, which the history calls here, what became of a table."""
    history.compared(
        copied.table.name,
        name=class_path(copied.table.target),
        equal=copied.equal,
        rows_there=copied.here.count,
        rows_here=copied.there.count,
        missing=copied.missing,
        other_values=copied.different,
        examples=list(copied.examples),
        digest_there=copied.here.text,
        digest_here=copied.there.text,
    )


def _copy_rows(table: PlannedTable, source: Connection, target: Connection) -> Copied:
    """Insert the rows that are not there yet, then compare both sides."""
    rows, other = FreeTable(source, table.name), FreeTable(target, class_path(table.target))
    heading = rows.heading
    if table.compared is not None and not table.compared.only_read:
        found = table.compared
        return Copied(table, found.read, found.held, 0, 0, 0, found.different, found.only_held, found.examples)
    known = Held.of(other.proj(), key_of(heading)) if table.exists else Held()
    work = _Work(table, source, other)
    held, total = Held(), Total()
    digests, keys_of = RowDigests(heading), RowDigests(key_of(heading))
    try:
        for group in groups_of(rows):
            keys, digested = digests.take(group)
            held.add(keys, digested)
            for row in digested:
                total.add_digest(row)
            new = [number for number, place in enumerate(known.places(keys_of.take(group)[0])) if place < 0]
            if new:
                work.insert(group if len(new) == group.num_rows else group.take(pa.array(new)))
    except LevadaError as error:
        raise type(error)(f"{table.name}: {error}{_advice(error)}", error.details) from None
    found = compare(held, other, heading)
    return Copied(
        table,
        total,
        found.read,
        work.inserted,
        work.object_count,
        found.only_held,
        found.different,
        found.only_read,
        found.examples,
    )


@dataclass
class _Work:
    """Inserts rows of one server into a table of another."""

    table: PlannedTable
    source: Connection
    target: FreeTable
    inserted: int = 0
    object_count: int = 0

    def insert(self, rows: pa.Table) -> None:
        """Insert rows with their objects."""
        stored = [one for one in self.target.heading.attributes.values() if one.parsed_type.family is Family.OBJECT]
        step = _ROWS_WITH_OBJECTS if stored else rows.num_rows
        for start in range(0, rows.num_rows, step):
            piece = rows.slice(start, step)
            for attribute in stored:
                index = piece.schema.get_field_index(attribute.name)
                column = pa.chunked_array([self._copied(piece, attribute)])
                piece = piece.set_column(index, piece.schema.field(index), column)
            self.target.insert(piece, allow_direct_insert=True)
            self.inserted += piece.num_rows

    def _copied(self, rows: pa.Table, attribute: Attribute) -> pa.Array:
        """Copy the objects of a column; return it with references to the copies."""
        column = rows.column(attribute.name)
        keys = {name: rows.column(name) for name in self.target.primary_key}

        def one(number: int, reference: dict[str, Any] | None) -> dict[str, Any] | None:
            if reference is None:
                return None
            key = {name: values[number].as_py() for name, values in keys.items()}
            content = stored_content(handle_of(self.source, attribute.parsed_type.codec, reference))
            stored = take_over(
                self.target.connection, self.table.target, self.target.heading, attribute.name, key, content
            )
            return {**reference, "id": stored.id}

        with ThreadPoolExecutor(_PARALLEL) as pool:
            copied = list(pool.map(one, range(rows.num_rows), column.to_pylist()))
        self.object_count += sum(reference is not None for reference in copied)
        return pa.array(copied, column.type)


def _advice(error: LevadaError) -> str:
    if isinstance(error, MissingParent):
        return " If rows were added here meanwhile, run the copy again."
    return ""


def _past_jobs(table: PlannedTable, source: Connection, history: History) -> Iterator[dict[str, Any]]:
    """Yield the jobs that finished, as rows of the history."""
    request = job_service_pb2.ListJobsRequest(name=table.table.name, states=_FINISHED, page_size=1_000)
    while True:
        page = source.call("JobService/ListJobs", request, job_service_pb2.ListJobsResponse)
        for job in page.jobs:
            key = {value.name: as_json(decode_key_value(value.value)) for value in job.key}
            details = MessageToDict(job, preserving_proto_field_name=True)
            yield history.row(
                table.name,
                key,
                status=job_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_").lower(),
                error_message=f"{job.error.type}: {job.error.message}" if job.HasField("error") else "",
                error_stack=job.error.stack,
                details={
                    name: value for name, value in details.items() if name not in ("table", "key", "state", "error")
                },
            )
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
