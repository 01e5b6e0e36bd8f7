"""Find the rows that could not be inserted, by inserting them in a transaction that is undone."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from levada_server.arrow.ipc.ingest import memory_needs
from levada_server.arrow.ipc.reading import CheckedStream, valid_stream
from levada_server.errors import LevadaError, LimitReached
from levada_server.operations.caller import Traces
from levada_server.operations.inserts import insert
from levada_server.storage.postgres.scope import OpenTransaction

if TYPE_CHECKING:
    from levada_server.model.table import TableName
    from levada_server.operations.caller import Caller
    from levada_server.operations.context import Engine
    from levada_server.operations.inserts import InsertOptions

MAX_FAULTS = 20
"""The most rows at fault that are looked for: each costs another trial of all others."""
MAX_ROWS = 20_000
MAX_MEMORY_BYTES = 64 * 2**20
"""The most rows that are tried together, and the most memory that they take once they are decoded."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that cannot be inserted: its number in the request, from 0, and the error."""

    row: int
    error: LevadaError


class _Undone(Exception):
    """Ends the transaction of a trial without a commit."""


async def check_rows(
    engine: Engine, caller: Caller, name: TableName, options: InsertOptions, content: bytes
) -> list[RowFault]:
    """Return the first rows of an Arrow IPC stream that could not be inserted with the others, in their order.

    Args:
        engine: The parts to work with.
        caller: The caller, who may insert.
        name: The table.
        options: As for the insert.
        content: The stream.

    Returns:
        At most `MAX_FAULTS` faults; with as many there may be more.

    Raises:
        LimitReached: There are more than `MAX_ROWS`, or they take more than `MAX_MEMORY_BYTES`.
        LevadaError: The insert would fail for a reason that is not one row's.
    """
    need = await asyncio.to_thread(_needed_bytes, content)
    if need > MAX_MEMORY_BYTES:
        raise LimitReached(
            f"Rows to check take at most {MAX_MEMORY_BYTES >> 20} MB of memory together; check fewer at once.",
            limit="checked_bytes",
            value=MAX_MEMORY_BYTES,
        )
    with engine.memory.share(caller.identity.user_id) as memory:
        await memory.wait_for(need)
        rows = await asyncio.to_thread(_read, content)
        if rows.num_rows > MAX_ROWS:
            raise LimitReached(
                f"At most {MAX_ROWS} rows are checked at once, not {rows.num_rows}; check them in parts.",
                limit="checked_rows",
                value=MAX_ROWS,
            )
        faults: list[RowFault] = []
        try:
            async with engine.scope.transaction() as connection:
                scope = OpenTransaction(connection, engine.scope.outside)
                # It leaves no trace in the audit, where it would stand as a change, unless it asks for a hidden table.
                traces = Traces()
                trial = replace(engine, scope=scope), replace(caller, request=None, traces=traces)
                left = list(range(rows.num_rows))
                while len(faults) < MAX_FAULTS:
                    stream = await asyncio.to_thread(_stream, rows, left)
                    try:
                        await insert(*trial, name, options, stream)
                    except LevadaError as error:
                        caller.traces.hidden = traces.hidden
                        if "row" not in error.details or not left:
                            raise
                        faults.append(RowFault(left.pop(int(error.details["row"])), error))
                    else:
                        break
                raise _Undone
        except _Undone:
            return sorted(faults, key=lambda fault: fault.row)


def _needed_bytes(content: bytes) -> int:
    return sum(memory_needs(pa.PythonFile(io.BytesIO(content), "r")))


def _read(content: bytes) -> pa.Table:
    with valid_stream("The rows"):
        stream = CheckedStream(pa.PythonFile(io.BytesIO(content), "r"), nested=True)
        return pa.Table.from_batches(list(stream.batches()), stream.schema)


def _stream(rows: pa.Table, numbers: list[int]) -> io.BytesIO:
    """Write some rows as a stream of their own."""
    written = io.BytesIO()
    with pa.ipc.new_stream(written, rows.schema) as writer:
        writer.write_table(rows.take(pa.array(numbers, pa.int64())))
    written.seek(0)
    return written
