"""Read the rows of a query whose tables its caller may read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.storage.rows.streams import Row, digest_rows, fetch_rows, find_object, stream_batches

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
            take_digest: Called after the last batch with a digest of exactly these rows; None for none.

        Raises:
            ValueOutOfRange: Raised by the iterator: a value is outside the range of Arrow or Python.
        """
        return stream_batches(scope, self.query, take_digest)

    async def names_object(self, connection: Connection, id_: UUID) -> bool:
        """Return whether a row names an object."""
        return await find_object(connection, self.query, id_)

    async def digest(self, connection: Connection) -> str:
        """Return a digest of its rows."""
        return await digest_rows(connection, self.query.fetch())
