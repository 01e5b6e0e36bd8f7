"""Completed jobs and their rows; the rows of alike inserts are read together."""

from __future__ import annotations

import io
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from io import SEEK_END
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from levada_server.arrow.ipc.ingest import PART_BYTES, memory_needs, read_streams
from levada_server.errors import LevadaError
from levada_server.jobs.limits import MERGED_BYTES
from levada_server.jobs.signing import merged
from levada_server.operations.audit import entry
from levada_server.storage.jobs.inputs import NOT_REPEATABLE
from levada_server.storage.jobs.job_rows import Finished

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta
    from uuid import UUID

    from levada_server.arrow.ipc.ingest import Columns, Share
    from levada_server.jobs.signing import Receipt
    from levada_server.model.audit import Entry
    from levada_server.model.table import Table, TableName
    from levada_server.operations.caller import Caller
    from levada_server.operations.inserts import InsertOptions
    from levada_server.operations.own_keys import Spelled
    from levada_server.query.algebra import Relation
    from levada_server.storage.jobs.inputs import Inputs
    from levada_server.storage.postgres.spool import Spooled

_JSON = json.JSONEncoder()
_COUNTS = 1_000
"""How many counts of rows are kept as JSON: most jobs of a table write as many rows."""


class BufferedInsert(NamedTuple):
    """One insert that `make` did.

    Args:
        table: The table of its rows.
        options: The options of the insert.
        content: An Arrow IPC stream that holds them.
        location: The place of the insert in the user's code.
        share: The rows of the stream that belong to it; None for all.
    """

    table: TableName
    options: InsertOptions
    content: io.BytesIO | Spooled
    location: str
    share: Share | None = None

    @property
    def byte_count(self) -> int:
        """Return the size of its stream in bytes."""
        self.content.seek(0, SEEK_END)
        return self.content.tell()


class CompletedJob(NamedTuple):
    """A job whose `make` has run.

    Args:
        table: The table that was computed.
        job_id: The job.
        token: The token of its lease.
        key: The key of the job, as in its lease.
        duration: The time that `make` ran.
        code_version: The digest of the code that computed it.
        inserts: Its inserts, in order.
        receipts: The receipts of its reads.
        inputs: The reads to repeat within the commit, each with the digest of its rows when they were fetched.
        code_commit: The commit of the code's repository.
        reads: All its reads, as they are stored.
        replaces: The token of the lease whose result is replaced.
        unchanged: Whether the rows stay as they are.
        worker_session: The session of the worker that replaces it; None if it did not say.
        output: The output of `make`; None if there is none.
    """

    table: TableName
    job_id: int
    token: UUID
    key: Spelled
    duration: timedelta
    code_version: str
    inserts: tuple[BufferedInsert, ...]
    receipts: tuple[Receipt, ...] = ()
    inputs: tuple[tuple[Relation, str], ...] = ()
    code_commit: str = ""
    reads: Inputs = NOT_REPEATABLE
    replaces: UUID | None = None
    unchanged: bool = False
    worker_session: UUID | None = None
    output: str | None = None

    def finished(self, written: dict[str, int]) -> Finished:
        """Return its record, with the number of rows that it wrote to each table."""
        reads = {
            name: {"rows": read.rows, "key_restricted": read.key_restricted}
            for name, read in merged(receipt.reads for receipt in self.receipts).items()
        }
        return Finished(
            self.job_id,
            self.duration.total_seconds(),
            self.code_version,
            self.code_commit,
            _JSON.encode(reads) if reads else "{}",
            _counts_text(tuple(written.items())),
            self.reads.text,
            self.reads.tables,
            self.output,
        )


@lru_cache(maxsize=_COUNTS)
def _counts_text(counts: tuple[tuple[str, int], ...]) -> str:
    return _JSON.encode(dict(counts))


def shapes_of(jobs: Iterable[CompletedJob]) -> dict[str, str]:
    """Return the shapes of the reads of jobs by key."""
    return {key: content for job in jobs for key, content in job.reads.shapes.items()}


@dataclass(frozen=True, slots=True)
class AlikeInserts:
    """Inserts of some jobs into one table with the same options.

    Args:
        table: The table.
        options: The options.
        inserts: At least one, each with the number of its job.
        together: Whether they are read together; if not, it is a single insert.
    """

    table: TableName
    options: InsertOptions
    inserts: list[tuple[int, BufferedInsert]]
    together: bool

    def read(self, target: Table, limit_bytes: int = PART_BYTES) -> tuple[list[Columns], list[int]]:
        """Read all rows together, blocking; return them with the number of rows of each insert.

        Raises:
            LimitReached: They take more than a number of bytes once they are decoded.
        """
        shares: dict[int, list[Share]] = {}
        for _, insert in self.inserts:
            shares.setdefault(id(insert.content), []).extend([insert.share] if insert.share else [])
        streams = {id(insert.content): insert.content for _, insert in self.inserts}
        contents = [(arrow_file(content), shares[number]) for number, content in streams.items()]
        columns, counts = read_streams(
            contents, target, ignore_extra_fields=self.options.ignore_extra_fields, limit_bytes=limit_bytes
        )
        whole = dict(zip(streams, counts, strict=True))
        return columns, [
            whole[id(insert.content)] if insert.share is None else insert.share.row_count for _, insert in self.inserts
        ]


def alike_inserts(jobs: Sequence[CompletedJob]) -> list[AlikeInserts]:
    """Group the inserts of some jobs by table and options, in the order of each group's first; some stay alone."""
    groups: dict[object, AlikeInserts] = {}
    for number, job in enumerate(jobs):
        for insert in job.inserts:
            options = insert.options
            # Only PostgreSQL knows how many rows of such an insert are new.
            counted = options.skip_duplicates or options.replace
            # A large insert should not be in memory whole; shared inserts came in one message.
            together = not counted and (insert.share is not None or insert.byte_count <= MERGED_BYTES)
            kind = (insert.table, options, None if together else id(insert))
            if (alike := groups.get(kind)) is None:
                alike = groups[kind] = AlikeInserts(insert.table, options, [], together)
            alike.inserts.append((number, insert))
    return list(groups.values())


def of_completion(caller: Caller, table: Table, jobs: Sequence[CompletedJob], written: Iterable[Counter[str]]) -> Entry:
    """Make the entry of the audit for completed jobs of a table.

    Args:
        caller: The caller.
        table: The table that is computed.
        jobs: The jobs.
        written: How many rows each wrote, by table.
    """
    rows: Counter[str] = Counter()
    for counts in written:
        rows.update(counts)
    rows = +rows  # without tables that got none
    ids = {str(table.name): sorted(job.job_id for job in jobs)}
    return entry(caller, table.name, rows.total(), jobs=ids, tables=dict(rows) if len(rows) > 1 else None)


def needed_bytes(kinds: Sequence[AlikeInserts]) -> int:
    """Return how much memory the rows of some jobs need, some at once and others by batches; runs in a thread."""
    together, one = 0, 0
    for kind in kinds:
        for content in {id(insert.content): insert.content for _, insert in kind.inserts}.values():
            with suppress(LevadaError):  # it is reported where the rows are read, with the insert
                needs = memory_needs(arrow_file(content))
                if kind.together:
                    together += sum(needs)
                else:
                    one = max(one, *needs, 0)
    return together + one


def arrow_file(content: io.BytesIO | Spooled) -> pa.NativeFile:
    """Open a stream from its beginning, without copying a stream that is in memory."""
    if isinstance(content, io.BytesIO):
        return pa.BufferReader(content.getvalue())
    content.seek(0)
    return pa.PythonFile(content, "r")
