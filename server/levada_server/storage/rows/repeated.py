"""Run one query with many values of its parameters, by one statement."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from levada_server.arrow.ipc.batches import record_batch
from levada_server.arrow.types import arrow_schema
from levada_server.errors import ValueOutOfRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from levada_server.query.query import Query
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.rows.streams import Row

Run: TypeAlias = "tuple[tuple[object, ...], int]"
"""The values of the query's parameters, and the most rows that it may have."""


async def repeat_rows(connection: Connection, query: Query, runs: Sequence[Run]) -> list[pa.RecordBatch | None]:
    """Return the rows of each run, which must be few; None for a run that has more than it may.

    Raises:
        ValueOutOfRange: A value is outside the range of Arrow or Python.
    """
    most = [limit + 1 for _, limit in runs]
    rows = sorted(await _run(connection, query, "rows", [values for values, _ in runs], most), key=itemgetter(0))
    whole = record_batch([tuple(row)[1:] for row in rows], query.heading, arrow_schema(query.heading))
    found: list[pa.RecordBatch | None] = [whole.slice(0, 0)] * len(runs)
    begin = 0
    for number, group in groupby(rows, key=itemgetter(0)):
        count = sum(1 for _ in group)
        found[number] = whole.slice(begin, count) if count < most[number] else None
        begin += count
    return found


async def repeat_answers(
    connection: Connection, query: Query, kind: str, runs: Sequence[tuple[object, ...]]
) -> list[int]:
    """Return the `count` of the rows of each run, or whether one `exists`.

    Args:
        runs: The values of the query's parameters.
    """
    answers = {row[0]: row[1] for row in await _run(connection, query, kind, runs, [1] * len(runs))}
    return [answers[number] for number in range(len(runs))]


async def _run(
    connection: Connection, query: Query, kind: str, runs: Sequence[tuple[object, ...]], most: Sequence[int]
) -> list[Row]:
    repeated = query.repeated(kind)
    columns = [[values[number] for values in runs] for number in repeated.parameters]
    try:
        rows = await connection.fetch(repeated.text, list(range(len(runs))), most, *columns, *repeated.shared)
        return list(rows)
    except (OverflowError, ValueError) as error:
        raise ValueOutOfRange(f"The result has a value outside the range of Python: {error}.") from error
