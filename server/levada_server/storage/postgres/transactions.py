"""Keep transactions open over several requests of one client."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, LevadaError, LimitReached, NotFound, PreconditionFailed
from levada_server.model.types import excerpt
from levada_server.storage.postgres.database import commit, roll_back
from levada_server.storage.postgres.failures import translated
from levada_server.storage.postgres.request_outcomes import insert_outcome
from levada_server.storage.postgres.scope import OpenTransaction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    import asyncpg

    from levada_server.model.heading import Key
    from levada_server.model.request import Request
    from levada_server.model.table import TableName
    from levada_server.storage.postgres.database import Connection, Database, Isolation
    from levada_server.storage.postgres.scope import Scope


MAX_SAVEPOINTS = 10_000
"""PostgreSQL keeps some memory for each, and looks through all when one fails."""
MAX_SAVEPOINT_NAME = 1_000
"""Characters."""


class Transactions:
    """The transactions of one session, one after the other; leaving the block rolls back an open one."""

    def __init__(self, outside: Database) -> None:
        self._outside = outside
        self._held = AsyncExitStack()
        self._connection: Connection | None = None
        self._transaction: asyncpg.transaction.Transaction | None = None
        self._current: OpenTransaction | None = None
        self._savepoints: list[str] = []
        self._read_only = False

    async def __aenter__(self) -> Transactions:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.open:
            await self.roll_back()

    @property
    def open(self) -> bool:
        """Return whether a transaction is open."""
        return self._transaction is not None

    @property
    def scope(self) -> Scope:
        """Return the open transaction; the pool while there is none."""
        return self._current or self._outside

    def current(self) -> OpenTransaction:
        """Return the open transaction.

        Raises:
            PreconditionFailed: No transaction is open.
        """
        if self._current is None:
            raise _none_open()
        return self._current

    async def begin(self, isolation: Isolation, *, read_only: bool) -> None:
        """Begin a transaction; from now on `scope` is this transaction.

        Raises:
            PreconditionFailed: A transaction is open.
        """
        if self._transaction is not None:
            raise PreconditionFailed("A transaction is already open; use a savepoint inside it.")
        async with AsyncExitStack() as stack:
            begun = self._outside.share("transactions").begun(read_only=read_only, isolation=isolation)
            connection, transaction = await stack.enter_async_context(begun)
            self._held = stack.pop_all()
        self._connection, self._transaction, self._savepoints = connection, transaction, []
        self._read_only = read_only
        self._current = OpenTransaction(connection, self._outside)

    async def savepoint(self, name: str) -> None:
        """Set a savepoint to roll back to.

        Raises:
            InvalidRequest: The name is empty or too long.
            LimitReached: There are too many savepoints.
        """
        connection, _ = self._require()
        if not 0 < len(name) <= MAX_SAVEPOINT_NAME:
            raise InvalidRequest(
                f"The name of a savepoint has 1 to {MAX_SAVEPOINT_NAME} characters, not {len(name)}.", field="name"
            )
        if len(self._savepoints) >= MAX_SAVEPOINTS:
            raise LimitReached(
                f"A transaction has at most {MAX_SAVEPOINTS} savepoints; release some.",
                limit="savepoints",
                value=MAX_SAVEPOINTS,
            )
        await self._execute(connection, f"SAVEPOINT {_numbered(len(self._savepoints))}")
        self._savepoints.append(name)

    async def release(self, name: str) -> None:
        """Release a savepoint and keep the changes made since.

        Raises:
            NotFound: No savepoint has this name.
        """
        connection, _ = self._require()
        position = self._position(name)
        await self._execute(connection, f"RELEASE SAVEPOINT {_numbered(position)}")
        del self._savepoints[position:]

    async def roll_back_to(self, name: str) -> None:
        """Undo the changes made since a savepoint, which stays.

        Raises:
            NotFound: No savepoint has this name.
        """
        connection, _ = self._require()
        position = self._position(name)
        await self._execute(connection, f"ROLLBACK TO SAVEPOINT {_numbered(position)}")
        del self._savepoints[position + 1 :]

    async def commit(self, request: Request | None = None) -> list[tuple[TableName, Key]]:
        """Commit; return the jobs that were completed in the transaction.

        Args:
            request: The request to record as done, so that a client can later ask for its outcome.

        Raises:
            AlreadyExists: The request was given up, and nothing is committed.
            Conflict: A concurrent transaction conflicts, and nothing is committed.
            OutcomeUnknown: The connection to PostgreSQL broke during the commit.
        """
        connection, transaction = self._require()
        completed = self.current().completed
        if request is not None and not self._read_only:
            try:
                with translated():
                    await insert_outcome(connection, request, "true")
            except LevadaError:
                await self.roll_back()
                raise
        await self._end(lambda: commit(connection, transaction))
        return completed

    async def roll_back(self) -> None:
        """Roll back the whole transaction; if its connection has ended, PostgreSQL has done so already."""
        connection, transaction = self._require()
        await self._end(lambda: roll_back(connection, transaction))

    def _position(self, name: str) -> int:
        if name not in self._savepoints:
            raise NotFound(f"There is no savepoint `{excerpt(name)}` in this transaction.")
        return len(self._savepoints) - 1 - self._savepoints[::-1].index(name)

    def _require(self) -> tuple[Connection, asyncpg.transaction.Transaction]:
        if self._connection is None or self._transaction is None:
            raise _none_open()
        return self._connection, self._transaction

    async def _execute(self, connection: Connection, statement: str) -> None:
        with translated():
            await connection.execute(statement)

    async def _end(self, ending: Callable[[], Awaitable[None]]) -> None:
        """End the transaction, and return its connection even if that fails."""
        held, self._held = self._held, AsyncExitStack()
        self._connection = self._transaction = self._current = None
        async with held:
            await ending()


def _numbered(position: int) -> str:
    """Return PostgreSQL's name of a savepoint; it would cut a client's own name, and take not all of them."""
    return f"levada_{position}"


def _none_open() -> PreconditionFailed:
    return PreconditionFailed("No transaction is open; begin one first.")
