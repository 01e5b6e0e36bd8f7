"""Answer reads of many jobs at once, before their `make` asks for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from levada_server.arrow.ipc.batches import stream_of
from levada_server.arrow.row_digest import digest_of
from levada_server.errors import InvalidRequest, LimitReached
from levada_server.jobs.signing import Receipt
from levada_server.operations.access.reading import few_rows
from levada_server.operations.make_contract import job_read, leased_table
from levada_server.permissions.roles import Action
from levada_server.query.algebra import Top
from levada_server.query.analysis.reads import chooses_below, is_total

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from levada_server.jobs.signing import LeaseContent
    from levada_server.operations.access.gate import View
    from levada_server.operations.access.plans import Asked
    from levada_server.operations.access.reading import Readable
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.query.algebra import Relation

    _Values: TypeAlias = tuple[object, ...]

MAX_READS = 32
"""The most reads of one job that one call answers."""
MAX_ANSWERS = 4_096
"""The most reads that one call answers, so that it keeps other calls waiting no longer than they notice."""
ANSWER_BYTES = 4 * 2**20
"""The approximate size at which a call answers no more reads: so much waits in the worker's memory."""

GROWTH = 8
"""By how many times more jobs a statement may be for than the one before."""


@dataclass(frozen=True, slots=True)
class PatternedRead:
    """One read that each of several jobs makes, with values of its own.

    Args:
        asked: The read of the first job.
        kind: `rows`, `count` or `exists`.
        digest: Whether the answers name the digest of the rows.
        recorded: Whether recordings keep it, which they do only with a read that is made.
        relation: Returns the relation of a job, by its number, as it would send it.
        values: The values of each job.
    """

    asked: Asked
    kind: str
    digest: bool
    recorded: bool
    relation: Callable[[int], bytes]
    values: Sequence[_Values]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one read of one job.

    Args:
        content: The rows as a stream, or their number, or whether there is one.
        receipt: The receipt of this read alone.
        digest: The digest of the rows; empty if it is not wanted.
    """

    content: bytes | int
    receipt: bytes
    digest: str = ""


class _Budget:
    def __init__(self) -> None:
        self.left_bytes = ANSWER_BYTES


async def prefetch(
    engine: Engine, caller: Caller, leases: Sequence[LeaseContent], reads: Sequence[PatternedRead]
) -> list[list[Answer | None]]:
    """Answer some reads of each job; None for one that the job is to ask for by itself.

    That is a read of what jobs of its table write, of jobs, or of confidential data, which is logged read by read; one
    that recordings keep; one whose answer does not depend on the data alone; and one with many rows, or beyond
    `ANSWER_BYTES` in all. No job gets an answer that follows one which it has to ask for, because that one would be of
    a later state of the data.

    Args:
        engine: The parts to work with.
        caller: The caller.
        leases: The leases of the jobs, all of one table.
        reads: The reads.

    Raises:
        InvalidRequest: The leases are of several tables, or there are none.
        LimitReached: There are too many leases or reads.
        LevadaError: A read breaks a rule of the algebra, or of the contract of `make`.
    """
    if len(reads) > MAX_READS or len(leases) * len(reads) > MAX_ANSWERS:
        raise LimitReached(
            f"One call answers at most {MAX_READS} reads of a job, and {MAX_ANSWERS} in all.", limit="reads"
        )
    if len({lease.table_id for lease in leases}) != 1:
        raise InvalidRequest("`lease_tokens` must be of jobs of one table.", field="lease_tokens")
    view = await engine.gate.open(caller)
    answers: list[list[Answer | None]] = []
    open_jobs: Sequence[int] = range(len(leases))
    budget = _Budget()
    for read in reads:
        found = await _answers(engine, view, leases, read, open_jobs, budget)
        answers.append([found.get(job) for job in range(len(leases))])
        open_jobs = [job for job in open_jobs if job in found]
        await asyncio.sleep(0)  # the statements of the next read may wait for nothing
    return [list(of_job) for of_job in zip(*answers, strict=True)]


async def _answers(
    engine: Engine,
    view: View,
    leases: Sequence[LeaseContent],
    read: PatternedRead,
    jobs: Sequence[int],
    budget: _Budget,
) -> dict[int, Answer]:
    """Return the answers to one read of some jobs, as far as it may be answered ahead."""
    if read.asked.shape is None or read.recorded or not jobs:
        return {}
    readable = await view.asked(Action.FETCH, read.asked)
    query, relation = readable.query, await read.asked.parametrised()
    names = readable.heading.names if read.kind == "rows" else ()
    judged = job_read(engine, view, leased_table(view.catalog, leases[0]), relation, read.kind, names)
    confidential = any(name.schema in view.catalog.confidential for name in query.tables)
    if query.fixed or query.volatile or confidential or not judged.is_tracked or chooses_below(relation):
        return {}
    coerced = {job: query.coerced(read.values[job]) for job in jobs}
    distinct = list(dict.fromkeys(values for values in coerced.values() if values is not None))
    if read.kind == "rows":
        contents = {
            values: rows async for values, rows in _rows(engine, readable, relation, distinct, budget.left_bytes)
        }
    else:
        counted = await readable.repeated_answers(engine.scope, read.kind, distinct) if distinct else ()
        contents = {
            values: _Content(count, str(count), int(count)) for values, count in zip(distinct, counted, strict=True)
        }
    answers = {}
    for job, values in coerced.items():
        content = None if values is None else contents.get(values)
        if content is not None and budget.left_bytes > 0:
            reading = judged.begin(leases[job], Receipt(leases[job].token, {}), read.relation(job), read.values[job])
            reading.add(content.row_count)
            reading.take_digest(content.digest)
            answer = Answer(content.content, reading.receipt(), content.digest if read.digest else "")
            # Jobs that share a content each get it whole.
            budget.left_bytes -= len(answer.receipt) + content.size_bytes
            answers[job] = answer
    return answers


@dataclass(frozen=True, slots=True)
class _Content:
    content: bytes | int
    digest: str
    row_count: int

    @property
    def size_bytes(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else 0


async def _rows(
    engine: Engine, readable: Readable, relation: Relation, runs: Sequence[_Values], left_bytes: int
) -> AsyncIterator[tuple[_Values, _Content]]:
    """Yield the rows of each run, but not if they are many or large, and only up to a size.

    The first statement is for one run, and each of the next for at most `GROWTH` times as many: their rows should fit,
    if they are as large as those before.
    """
    most = few_rows(readable.heading)
    if isinstance(relation, Top) and not is_total(relation):
        # With fewer rows than its limit there was nothing to choose.
        if relation.offset:
            return
        most = min(most, most if relation.limit is None else relation.limit - 1)
    begin, at_once = 0, 1
    while begin < len(runs) and left_bytes > 0:
        part = runs[begin : begin + at_once]
        found = await readable.repeated_rows(engine.scope, part, most)
        size = 0
        for values, rows in zip(part, found, strict=True):
            if rows is not None and rows.nbytes <= ANSWER_BYTES:
                stream = stream_of(rows)
                size += len(stream)
                yield values, _Content(stream, digest_of(rows, readable.heading.primary_key), rows.num_rows)
        left_bytes -= size
        begin += at_once
        at_once = max(1, min(GROWTH * at_once, left_bytes * len(part) // max(size, 1)))
