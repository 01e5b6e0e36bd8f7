"""Store the reads of jobs, so that they can be repeated: each as a shape that it shares with others, and values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from levada_server.storage.jobs.tables import job_statement
from levada_server.storage.postgres.sql_files import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from levada_server.model.table import Table
    from levada_server.storage.postgres.database import Connection

_FILE = "staleness"
_SQL = statements(_FILE)
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Inputs:
    """The reads of one job.

    Args:
        text: The reads as JSON: of each the key of its shape, its values and its digest. None if not all of them can be
            repeated.
        tables: The ids of the tables that they read.
        shapes: The content of their shapes as JSON, by key.
    """

    text: str | None
    tables: tuple[int, ...] = ()
    shapes: Mapping[str, str] = field(default_factory=dict)


NOT_REPEATABLE = Inputs(None)


async def add_shapes(connection: Connection, shapes: Mapping[str, str]) -> None:
    """Store shapes of reads that are not stored yet."""
    await connection.execute(_SQL["add_shapes"], sorted(shapes), [shapes[key] for key in sorted(shapes)])


async def read_shapes(connection: Connection, keys: Collection[str]) -> dict[str, str]:
    """Return the content of shapes by their keys."""
    rows = await connection.fetch(_SQL["read_shapes"], list(keys))
    return {row["key"]: row["content"] for row in rows}


async def shapes_that_read(connection: Connection, ids: Collection[int]) -> AsyncIterator[list[tuple[str, str]]]:
    """Yield the keys and the contents of the shapes that read one of some tables, some at a time."""
    after = ""
    while rows := await connection.fetch(_SQL["shapes_that_read"], after, list(ids), _AT_ONCE):
        yield [(row["key"], row["content"]) for row in rows]
        after = rows[-1]["key"]


async def empty_shapes(connection: Connection, keys: Sequence[str]) -> None:
    """Empty the relations of some shapes; a read that has one of them again stores it again, or cannot be repeated."""
    await connection.execute(_SQL["empty_shapes"], keys)


async def jobs_that_read(
    connection: Connection, table: Table, ids: Collection[int]
) -> AsyncIterator[list[tuple[int, str]]]:
    """Yield the jobs of a table that read one of some tables, some at a time, each with its reads as JSON."""
    statement, after = job_statement(_FILE, "jobs_that_read", table), 0
    while rows := await connection.fetch(statement, after, list(ids), _AT_ONCE):
        yield [(row["_job_id"], row["inputs"]) for row in rows]
        after = rows[-1]["_job_id"]


async def forget(connection: Connection, table: Table, job_ids: Sequence[int], changed: Collection[int]) -> None:
    """Forget the reads of some jobs, and record that the inputs of their results changed: the ids of these tables."""
    if job_ids:
        await connection.execute(job_statement(_FILE, "forget_inputs", table), job_ids, list(changed))
