"""A query whose tables its caller may read, and its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from levada_server.storage.rows.streams import Row, digest_rows, fetch_rows, stream_batches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

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
        query: With its statements and the tables that it reads.
    """

    query: Query

    @property
    def heading(self) -> Heading:
        """The attributes of its entities."""
        return self.query.heading

    @property
    def select(self) -> Select:
        """Its SQL tree, to be a part of another statement."""
        return self.query.select

    async def rows(self, scope: Scope) -> Sequence[Row]:
        """Return its rows, in one trip to PostgreSQL; for few.

        Raises:
            ValueOutOfRange: A date or time is outside of what Python holds.
        """
        return await fetch_rows(scope, self.query)

    def batches(self, scope: Scope) -> AbstractAsyncContextManager[AsyncIterator[pa.RecordBatch]]:
        """Open its rows as a stream of record batches; the end of the block stops the query.

        Raises:
            ValueOutOfRange: By the iterator: a value is outside of what Arrow or Python holds.
        """
        return stream_batches(scope, self.query)

    async def digest(self, connection: Connection) -> str:
        """Return a digest of its rows."""
        return await digest_rows(connection, self.query.fetch())
