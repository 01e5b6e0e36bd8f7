"""Read the rows of a query whose tables its caller may read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.storage.rows.repeated import repeat_answers, repeat_rows
from levada_server.storage.rows.streams import Row, fetch_rows, find_object, stream_batches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from uuid import UUID

    import pyarrow as pa

    from levada_server.model.heading import Heading
    from levada_server.query.query import Query
    from levada_server.query.sql import Select
    from levada_server.storage.postgres.database import Connection
    from levada_server.storage.postgres.scope import Scope

FEW_ROWS = 100
FEW_HEAVY_ROWS = 2


@dataclass(frozen=True, slots=True)
class Readable:
    """A compiled query that its caller may run.

    Args:
        query: The query, with its statements and the tables that it reads.
    """

    query: Query

    @property
    def heading(self) -> Heading:
        """Return the attributes of its entities."""
        return self.query.heading

    @property
    def select(self) -> Select:
        """Return its SQL tree, for use in another statement."""
        return self.query.select

    async def rows(self, scope: Scope) -> Sequence[Row]:
        """Return its rows, which must be few, in one trip to PostgreSQL.

        Raises:
            ValueOutOfRange: A date or time is outside Python's range.
        """
        return await fetch_rows(scope, self.query)

    def batches(
        self, scope: Scope, take_digest: Callable[[str], None] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[pa.RecordBatch]]:
        """Open its rows as a stream of record batches; leaving the block stops the query.

        Args:
            scope: The pool or transaction that runs it.
            take_digest: Called after the last batch with the digest of exactly these rows; None for none.

        Raises:
            ValueOutOfRange: Raised by the iterator: a value is outside the range of Arrow or Python.
        """
        return stream_batches(scope, self.query, take_digest)

    async def names_object(self, connection: Connection, id_: UUID) -> bool:
        """Return whether a row names an object."""
        return await find_object(connection, self.query, id_)

    @property
    def has_few_rows(self) -> bool:
        """Return whether one plain statement is quicker than COPY, which takes a transaction and further trips.

        Only the query itself shows it, by its limit, such as that of `fetch1`, or by a value for each attribute of its
        key: to try some rows first would run a query that sorts or groups twice. A plain statement holds all its rows
        in memory, so large values need a lower limit.
        """
        if self.select.limit is not None:
            return self.select.limit <= few_rows(self.heading)
        return self.select.fixes(self.heading.primary_key)

    async def digest(self, scope: Scope) -> str:
        """Return the digest of its rows."""
        found: list[str] = []
        async with self.batches(scope.share("results"), found.append) as batches:
            async for _ in batches:
                pass
        return found[0]

    async def repeated_rows(
        self, scope: Scope, runs: Sequence[tuple[object, ...]], limit: int
    ) -> Sequence[pa.RecordBatch | None]:
        """Return its rows for each of several values of its parameters, in one trip; None where there are too many.

        Args:
            scope: The pool or transaction that runs it.
            runs: The values, as `Query.coerced` returns them.
            limit: The most rows for one of them.

        Raises:
            ValueOutOfRange: A value is outside the range of Arrow or Python.
        """
        async with scope.connection() as connection:
            return await repeat_rows(connection, self.query, [(values, limit) for values in runs])

    async def repeated_answers(self, scope: Scope, kind: str, runs: Sequence[tuple[object, ...]]) -> Sequence[int]:
        """Return for each of several values how many rows there are (`count`), or whether there is one (`exists`)."""
        async with scope.connection() as connection:
            return await repeat_answers(connection, self.query, kind, runs)

    async def count(self, scope: Scope) -> int:
        """Count its entities."""
        statement = self.query.count()
        async with scope.connection() as connection:
            return int(await connection.fetchval(statement.text, *statement.values))

    async def exists(self, scope: Scope) -> bool:
        """Return whether it has any entity; stop at the first."""
        statement = self.query.exists()
        async with scope.connection() as connection:
            return bool(await connection.fetchval(statement.text, *statement.values))


def few_rows(heading: Heading) -> int:
    """Return how many rows with some attributes are few enough to be held in memory."""
    return FEW_HEAVY_ROWS if any(attribute.type.kind.traits.heavy for attribute in heading) else FEW_ROWS
