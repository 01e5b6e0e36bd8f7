"""Read the rows of a query: few by one statement, any number as a COPY stream that waits for its reader."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from levada_server.arrow.copy.binary import LONG_ROW_BYTES, MARK, CopyReader
from levada_server.arrow.ipc.batches import BATCH_BYTES, MESSAGE_BYTES
from levada_server.arrow.row_digest import RowDigest
from levada_server.errors import ValueOutOfRange
from levada_server.model.kinds import Kind
from levada_server.query.sql import quote_name
from levada_server.storage.postgres.spool import Pipe
from levada_server.storage.postgres.sql_files import fill, statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    import asyncpg
    import pyarrow as pa

    from levada_server.query.query import Query
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.postgres.scope import Scope

Row: TypeAlias = "asyncpg.Record"
"""The values of a row, in the order of the columns and by their names."""

_SQL = statements("rows")

WIDE = 100
"""Batches with more columns are read in a thread: a column takes some 50 µs, however few rows it has."""
LEAVE_S = 0.25
"""The time, in seconds, that a leaving reader waits for the next piece, at which the stream stops by itself."""
CANCEL_S = 5.0
"""The time, in seconds, that PostgreSQL has to stop a query before its connection is cut."""


async def fetch_rows(scope: Scope, query: Query) -> list[Row]:
    """Return the rows of a query, which must be few, in one trip to PostgreSQL.

    Raises:
        ValueOutOfRange: A date or time is outside Python's range.
    """
    statement = query.fetch()
    async with scope.connection() as connection:
        try:
            return list(await connection.fetch(statement.text, *statement.values))
        except (OverflowError, ValueError) as error:
            raise ValueOutOfRange(f"The result has a value outside the range of Python: {error}.") from error


@asynccontextmanager
async def stream_batches(
    scope: Scope, query: Query, take_digest: Callable[[str], None] | None = None
) -> AsyncIterator[AsyncIterator[pa.RecordBatch]]:
    """Open the rows of a query as record batches; leaving the block stops the query.

    A batch has about `BATCH_BYTES`, of long rows about `MESSAGE_BYTES`.

    They are read in a new read-only transaction, or in the open one. The first batch comes as soon as there are rows.
    Memory use stays flat: PostgreSQL waits for a slow reader. In a new transaction it does not wait long: the rest goes
    to disk, which frees the connection and the snapshot of the data.

    Args:
        scope: The pool or transaction that runs it.
        query: The compiled query.
        take_digest: Called after the last batch with the digest of exactly these rows; None for none.

    Raises:
        ValueOutOfRange: Raised by the iterator: a value is outside the range of Arrow or Python.
    """
    stream = _CopyStream(scope, query, take_digest)
    try:
        yield stream.batches()
    finally:
        await stream.leave()


async def find_object(connection: Connection, query: Query, id_: UUID) -> bool:
    """Return whether a row of a query names an object."""
    names = [attribute.name for attribute in query.heading if attribute.type.kind is Kind.OBJECT]
    if not names:
        return False
    selected = query.fetch()
    place = f"${len(selected.values) + 1}"
    named = " OR ".join(f"q.{quote_name(name)} ->> 'id' = {place}" for name in names)
    statement = fill(_SQL["names_object"], selected=selected.text, named=named)
    return bool(await connection.fetchval(statement, *selected.values, str(id_)))


class _CopyStream:
    """A COPY in a separate task, and the pieces that it has passed on.

    The task is not simply cancelled: a driver that is cancelled while data arrive may lose its connection. An error of
    the sink ends it instead, and it is cancelled only if no data arrive. Once the COPY has failed, it is not cancelled:
    it is rolling back then, perhaps to a savepoint of a transaction that goes on.
    """

    def __init__(self, scope: Scope, query: Query, take_digest: Callable[[str], None] | None) -> None:
        self._query = query
        self._take_digest = take_digest
        self._pipe = Pipe(scope.spool_space)
        self._connection: Connection | None = None
        self._failed = False
        self._task = asyncio.create_task(self._copy(scope))
        self._task.add_done_callback(lambda _: self._pipe.end())

    async def _copy(self, scope: Scope) -> None:
        async with scope.transaction(read_only=True) as connection:
            self._connection = connection
            spelled = self._query.literals()
            literals = [] if spelled is None else await connection.fetchval(spelled.text, *spelled.values)
            statement = self._query.bulk_fetch(MARK, literals)
            with scope.lent_to(self._pipe):
                try:
                    await connection.copy_from_query(statement, output=self._pipe.put, format="binary")
                except BaseException:
                    self._failed = True
                    raise

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        digest = None if self._take_digest is None else RowDigest(self._query.heading.primary_key)
        reader = CopyReader(self._query.heading)
        wide = len(self._query.heading.attributes) > WIDE
        wanted_bytes = 1  # the first rows go out as they come
        while pieces := await self._pipe.get(wanted_bytes):
            batch = await asyncio.to_thread(reader.read, pieces) if wide else reader.read(pieces)
            if batch is not None:
                long = sum(map(len, pieces)) > batch.num_rows * LONG_ROW_BYTES
                wanted_bytes = MESSAGE_BYTES if long else BATCH_BYTES
                if digest is not None:
                    digest.take(batch)
                yield batch
        await self._task
        reader.finish()
        if self._take_digest is not None and digest is not None:
            self._take_digest(digest.text())

    async def leave(self) -> None:
        """Stop the COPY if it has not ended, and return its connection even if the call is cancelled meanwhile."""
        self._pipe.leave()
        stopping = asyncio.create_task(self._stop())
        cancelled: asyncio.CancelledError | None = None
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            try:
                raise cancelled
            finally:
                del cancelled  # it refers to this frame, and both would stay until garbage is collected

    async def _stop(self) -> None:
        done, _ = await asyncio.wait({self._task}, timeout=LEAVE_S)
        if not done:
            if not self._failed:
                self._task.cancel()
            done, _ = await asyncio.wait({self._task}, timeout=CANCEL_S)
        if not done and self._connection is not None:
            self._connection.terminate()
            await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.exception()  # a reader that left does not ask; a reader that stayed got it from `batches`
        await self._pipe.close()
        del self._task  # its error refers to this stream, and both would stay until garbage is collected
