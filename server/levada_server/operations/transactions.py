"""Sessions: the transactions of one client, and the parts that work inside them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from levada_server.storage.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.engine import Engine


@dataclass(frozen=True, slots=True)
class TransactionLimits:
    """How long a transaction may hold its locks and its connection.

    Args:
        idle_s: It waits so many seconds for the client's next request.
        open_s: It may be open for so many seconds.
    """

    idle_s: float = 60.0
    open_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Session:
    """One client's session.

    Args:
        transactions: Begins, marks and ends them.
    """

    transactions: Transactions
    _engine: Engine

    @property
    def engine(self) -> Engine:
        """The parts that work inside the transaction, where one is open."""
        return replace(self._engine, database=self.transactions.database)

    async def commit(self) -> None:
        """Commit; then let the tables that depend on completed jobs know.

        Raises:
            Conflict: A concurrent transaction got in the way; nothing is committed.
            OutcomeUnknown: The connection to PostgreSQL broke meanwhile.
        """
        database = self.transactions.database
        await self.transactions.commit()
        for name, key in database.committed:
            self._engine.downstream.committed(self._engine, name, [key])


@asynccontextmanager
async def open_session(engine: Engine) -> AsyncIterator[Session]:
    """Open a session; the end of the block rolls back what was not committed."""
    async with Transactions(engine.database) as transactions:
        yield Session(transactions, engine)
