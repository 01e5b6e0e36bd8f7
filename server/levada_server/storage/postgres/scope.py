"""Define the scope of an operation: connections of the pool, or one open transaction."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from levada_server.storage.postgres.failures import translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from levada_server.model.heading import Key
    from levada_server.model.request import Request
    from levada_server.model.table import TableName
    from levada_server.storage.postgres.database import Connection, Database, Isolation, Share
    from levada_server.storage.postgres.spool import Pipe, SpoolSpace


class Scope(Protocol):
    """The pool of connections or an open transaction; an operation works in either without knowing which."""

    @property
    def postgresql_version(self) -> str:
        """Return the version of PostgreSQL, such as `15.4`."""
        ...

    @property
    def spool_space(self) -> SpoolSpace | None:
        """Return the disk space in which results wait for slow readers; None if they hold no shared connection."""
        ...

    @property
    def attempts(self) -> int:
        """Return how often to try a change that conflicts with concurrent ones."""
        ...

    @property
    def patience_s(self) -> float | None:
        """Return how long, in all, a connection may wait for the rows of an insert; None for no limit."""
        ...

    def share(self, share: Share) -> Scope:
        """Return where one kind of work is done: on connections of its own, or in the transaction that is open."""
        ...

    @property
    def outside(self) -> Database:
        """Return the pool, for work that is committed at once, whatever becomes of an open transaction."""
        ...

    def of_user(self, user_id: int | None) -> Scope:
        """Return where the work of a user is done, who shares the connections with the others."""
        ...

    def gives_way(self) -> bool:
        """Return whether the user is to give a connection back now, because somebody else waits who has fewer."""
        ...

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection; for single statements.

        Raises:
            LimitReached: Others use all connections for too long.
        """
        ...

    def transaction(
        self, *, read_only: bool = False, isolation: Isolation = "read_committed"
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection on which a failure of the block undoes the whole block.

        Raises:
            OutcomeUnknown: The connection broke during the commit.
        """
        ...

    def lent_to(self, pipe: Pipe) -> AbstractContextManager[None]:
        """Record that a connection writes to a pipe within the block."""
        ...

    def recorded(self, request: Request | None) -> Request | None:
        """Return a request if its outcome is to be stored with its change; None if a later commit decides on it."""
        ...

    def job_writes(self) -> Counter[TableName]:
        """Return how many rows a job wrote in the open transaction, by table; writers add to it.

        Raises:
            PreconditionFailed: No transaction is open in which the rows could be undone together with the job.
        """
        ...


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that its owner ends; each use is a savepoint, so that a failure undoes only that use.

    Args:
        _connection: The connection on which the transaction is open.
        outside: The pool.
        written: The number of rows that a job wrote in it, by table.
        completed: The jobs that were completed in it; others see them once it is committed.
    """

    _connection: Connection
    outside: Database
    written: Counter[TableName] = field(default_factory=Counter)
    completed: list[tuple[TableName, Key]] = field(default_factory=list)

    @property
    def postgresql_version(self) -> str:
        """Return the version of PostgreSQL."""
        return self.outside.postgresql_version

    @property
    def spool_space(self) -> None:
        """Return None, because the connection belongs to this transaction even if others wait for one."""
        return

    @property
    def attempts(self) -> int:
        """Return 1, because after a conflict only its owner can repeat the transaction."""
        return 1

    @property
    def patience_s(self) -> None:
        """Return None, because the connection waits for its owner in any case."""
        return

    def share(self, share: Share) -> OpenTransaction:
        """Return this transaction."""
        return self

    def of_user(self, user_id: int | None) -> OpenTransaction:
        """Return this transaction."""
        return self

    def gives_way(self) -> bool:
        """Return False, because the connection belongs to this transaction."""
        return False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend the connection inside a savepoint."""
        with translated():
            async with self._connection.transaction():
                yield self._connection

    def transaction(
        self, *, read_only: bool = False, isolation: Isolation = "read_committed"
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend the connection inside a savepoint; its owner has chosen the isolation of the transaction."""
        return self.connection()

    def lent_to(self, pipe: Pipe) -> AbstractContextManager[None]:
        """Record nothing, because nobody else waits for this connection."""
        return nullcontext()

    def recorded(self, request: Request | None) -> None:
        """Return None, because the commit of the transaction decides on every request in it."""
        return

    def job_writes(self) -> Counter[TableName]:
        """Return how many rows a job wrote in this transaction, by table."""
        return self.written
