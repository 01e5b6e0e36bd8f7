"""Begin, mark and end the transactions of one client, and provide the parts that work inside them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from levada_server.errors import InvalidRequest, PreconditionFailed
from levada_server.operations.caller import server_itself
from levada_server.storage.jobs import job_rows
from levada_server.storage.postgres.request_outcomes import give_up
from levada_server.storage.postgres.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.jobs.signing import LeaseContent
    from levada_server.model.request import Request
    from levada_server.operations.context import Engine
    from levada_server.storage.postgres.database import Isolation


MAX_OPEN_S = 86_400.0
"""The longest time, in seconds, that a transaction may be open; objects that its rows name are kept for a week."""


@dataclass(frozen=True, slots=True)
class TransactionLimits:
    """The limits on how long a transaction may hold its locks and its connection.

    Args:
        idle_s: The seconds that it waits for the client's next request.
        open_s: The seconds that it may be open.
    """

    idle_s: float = 60.0
    open_s: float = 600.0

    def __post_init__(self) -> None:
        if self.open_s > MAX_OPEN_S:
            raise InvalidRequest(
                f"A transaction may be open for at most {MAX_OPEN_S:.0f} s, not {self.open_s:.0f}.", field="open_s"
            )


async def is_renewed(engine: Engine, lease: LeaseContent, limits: TransactionLimits) -> bool:
    """Return whether a job is held under its lease, which may have expired up to a transaction's idle limit ago.

    So a worker that was silent for a while keeps its transaction, as it keeps a job that nobody took over.
    """
    view = await engine.gate.open(server_itself())
    table = view.catalog.by_id.get(lease.table_id)
    if table is None:
        return False
    grace = timedelta(seconds=limits.idle_s)
    async with engine.scope.share("leases").connection() as connection:
        return await job_rows.is_renewed(connection, table, lease.job_id, lease.token, grace)


@dataclass(slots=True)
class TransactionSession:
    """The transactions of one client, one after the other.

    Args:
        transactions: Begins, marks and ends them.
        job: The lease of the job whose transaction was begun last; None if it does not belong to a job.
    """

    transactions: Transactions
    _engine: Engine
    job: LeaseContent | None = None

    @property
    def engine(self) -> Engine:
        """Return the parts that work inside the open transaction, or outside if none is open."""
        return replace(self._engine, scope=self.transactions.scope)

    async def begin(self, isolation: Isolation, *, read_only: bool, lease_token: str) -> None:
        """Begin a transaction.

        Args:
            isolation: Its isolation from other transactions.
            read_only: Whether it only reads.
            lease_token: The token of the job that writes in it; empty if no job writes.

        Raises:
            InvalidRequest: No server of this database wrote the token.
            PreconditionFailed: A transaction is open.
        """
        job = self._engine.signer.read_lease(lease_token) if lease_token else None
        await self.transactions.begin(isolation, read_only=read_only)
        self.job = job

    async def commit(self, request: Request | None) -> None:
        """Commit, then create the jobs that depend on completed jobs.

        Args:
            request: The request to record as done, so that a client can later ask for its outcome.

        Raises:
            AlreadyExists: The request was given up, and nothing is committed.
            Conflict: A concurrent transaction conflicts, and nothing is committed.
            OutcomeUnknown: The connection to PostgreSQL broke during the commit.
        """
        for name, key in await self.transactions.commit(request):
            self._engine.downstream.committed(self._engine, name, [key])

    async def confirm_commit(self, request: Request) -> None:
        """Check that a transaction of an earlier session was committed; if it was not, it never will be.

        Raises:
            PreconditionFailed: The transaction was not committed.
        """
        outcome = await give_up(self._engine.scope, request)
        if outcome.content is None or outcome.method != request.method:
            raise PreconditionFailed("The transaction was not committed, and nothing of it is kept.")


@asynccontextmanager
async def open_transaction_session(engine: Engine) -> AsyncIterator[TransactionSession]:
    """Open a session; leaving the block rolls back a transaction that was not committed."""
    async with Transactions(engine.scope.outside) as transactions:
        yield TransactionSession(transactions, engine)
