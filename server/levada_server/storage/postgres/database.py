"""Lend connections of the pool, and open transactions."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import asyncpg

from levada_server.errors import LimitReached, OutcomeUnknown, PreconditionFailed, Unavailable
from levada_server.storage.postgres.builtin_types import TypedConnection
from levada_server.storage.postgres.failures import LOST_CONNECTION, translated
from levada_server.storage.postgres.fair_shares import COMMON_SHARE, FairShares
from levada_server.storage.postgres.moments import bind_moments_as_they_are
from levada_server.storage.postgres.pool import Connection as Connection
from levada_server.storage.postgres.pool import Pool
from levada_server.storage.postgres.spool import SpoolSpace

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager

    from levada_server.model.request import Request
    from levada_server.model.table import TableName
    from levada_server.storage.postgres.spool import Pipe

Share: TypeAlias = Literal[
    "calls", "results", "transactions", "completions", "leases", "comparisons", "probes", "declarations"
]
"""A kind of work that has connections of its own."""
Isolation: TypeAlias = Literal["read_committed", "repeatable_read", "serializable"]

_LOG = logging.getLogger("levada.postgresql")

POOL_SIZE = 20
"""Connections for calls."""
RESULTS = 8
"""Connections for results of any size, which hold one each while PostgreSQL sends them."""
TRANSACTIONS = 20
"""Connections for the open transactions of clients, which hold one each until they end."""
COMMON_TRANSACTIONS = 0.5
"""The share of them for users who have one already; it is small because they are held while a client does nothing."""
COMPLETIONS = 8
LEASES = 4
COMPARISONS = 2
"""Connections for comparing the inputs of results, and so the most comparisons at once, however many ask."""
PROBES = 1
DECLARATIONS = 4
CONNECT_TIMEOUT_S = 10.0
PROBE_TIMEOUT_S = 5.0
ACQUIRE_TIMEOUT_S = 60.0
"""The time, in seconds, that a call waits for a connection while others use them all."""
STATEMENT_S = 600.0
STATEMENTS = 100
"""How many statements a session keeps prepared."""
ATTEMPTS = 10
"""How often to try a change that conflicts with concurrent ones."""
PATIENCE_S = 0.5
"""The time, in seconds and in all, that the connection of a running insert waits for its sender."""
MIN_POSTGRESQL = 15
_SETTINGS = {"application_name": "levada", "timezone": "UTC", "jit": "off", "search_path": "pg_catalog"}
"""The settings of every session, beside the time that a statement may take."""


@dataclass(slots=True)
class _Connections:
    """The part of a pool's connections that one kind of work may use.

    Args:
        name: The kind of work, in words.
        size: The number of connections.
        common_share: The share of them for users who have one already.
    """

    name: str
    size: int
    common_share: float = COMMON_SHARE
    wanted: int = 0
    """Connections in use, and connections that are waited for."""
    used: int = 0
    wait_count: int = 0
    wait_s: float = 0.0
    free: FairShares = field(init=False)

    def __post_init__(self) -> None:
        self.free = FairShares(self.size, self.common_share)

    def exhausted(self, user_id: int | None) -> LimitReached:
        """Return the error of work of a user that has waited in vain."""
        own = "" if user_id is None else f" ({self.free.most} for one user)"
        return LimitReached(
            f"The server's {self.size} connections to PostgreSQL for {self.name}{own} are all in use; try again, with "
            "fewer at once.",
            limit="connections",
            value=self.size,
            share=self.name,
        )


@dataclass(frozen=True, slots=True)
class ShareUse:
    """The use of the connections of one kind of work.

    Args:
        size: The number of connections.
        used: How many are in use.
        waiting: How much work waits for one.
        wait_count: How often work had to wait, since the process began.
        wait_s: How long it waited in all, in seconds.
    """

    size: int
    used: int
    waiting: int
    wait_count: int
    wait_s: float


def _connections(calls: int) -> dict[Share, _Connections]:
    return {
        "calls": _Connections("calls", calls),
        "results": _Connections("results", RESULTS),
        "transactions": _Connections("open transactions", TRANSACTIONS, COMMON_TRANSACTIONS),
        "completions": _Connections("completing jobs", COMPLETIONS),
        "leases": _Connections("leases of jobs", LEASES),
        "comparisons": _Connections("comparing the inputs of results", COMPARISONS),
        "probes": _Connections("signs of life", PROBES),
        "declarations": _Connections("declarations", DECLARATIONS),
    }


class Database:
    """A pool of connections to one PostgreSQL database: the `Scope` of work outside clients' transactions.

    Each kind of work has a share of the connections, so that none is kept waiting by another.
    """

    spool_space: SpoolSpace | None
    """The disk space in which results wait for slow readers."""
    attempts = ATTEMPTS
    patience_s = PATIENCE_S

    def __init__(
        self,
        pool: Pool,
        postgresql_version: str,
        spool_space: SpoolSpace | None = None,
        size: int | None = None,
        owner_pool: Pool | None = None,
    ) -> None:
        """Use an open pool, and another one for declarations if these have a role of their own; `close` closes them."""
        self._pool = self._common_pool = pool
        self._owner_pool = owner_pool or pool
        self._shares = _connections(size or POOL_SIZE)
        self._share = self._shares["calls"]
        self._user_id: int | None = None
        self._lent: set[Pipe] = set()
        self.postgresql_version = postgresql_version
        self.spool_space = spool_space or SpoolSpace()

    @classmethod
    async def connect(
        cls,
        url: str,
        spool_space: SpoolSpace | None = None,
        *,
        size: int | None = None,
        owner_url: str | None = None,
        statement_s: float = STATEMENT_S,
    ) -> Database:
        """Open a pool.

        Args:
            url: The URL in libpq's form, `postgresql://user@host/database`.
            spool_space: The disk space in which results wait for slow readers; by default in the system's temporary
                folder.
            size: How many connections calls may use; by default `POOL_SIZE`.
            owner_url: The URL by which tables are declared and altered, with the role that owns them; None for `url`.
            statement_s: The longest time, in seconds, that a statement may run.

        Raises:
            Unavailable: The database cannot be reached, or is older than PostgreSQL 15.
        """
        settings = {**_SETTINGS, "statement_timeout": str(round(statement_s * 1000))}
        try:
            pool = await _open_pool(url, settings)
            try:
                owner_pool = None if owner_url is None else await _open_pool(owner_url, settings)
            except BaseException:
                await pool.close()
                raise
        except (asyncpg.PostgresError, *LOST_CONNECTION) as error:
            raise Unavailable(f"The database cannot be reached: {error or type(error).__name__}") from error
        except ValueError:  # its text may have parts of a password
            raise Unavailable("The database cannot be reached: its address is malformed.") from None
        version = pool.version
        if version.major < MIN_POSTGRESQL:
            for each in filter(None, (pool, owner_pool)):
                await each.close()
            raise Unavailable(f"The database is PostgreSQL {version.major}; Levada needs {MIN_POSTGRESQL} or later.")
        return cls(pool, f"{version.major}.{version.minor}", spool_space, size, owner_pool)

    async def close(self) -> None:
        """Close all connections, also those in use after a while: a server must be able to stop."""
        for pool in {self._common_pool, self._owner_pool}:
            await pool.close()

    def share(self, share: Share) -> Database:
        """Return the same database with the connections for one kind of work."""
        chosen = copy(self)
        chosen._share = self._shares[share]  # noqa: SLF001  # it is of this class
        chosen._pool = self._owner_pool if share == "declarations" else self._common_pool  # noqa: SLF001
        return chosen

    @property
    def outside(self) -> Database:
        """Return this pool."""
        return self

    def of_user(self, user_id: int | None) -> Database:
        """Return the same database for the work of a user, who shares the connections with the others."""
        chosen = copy(self)
        chosen._user_id = user_id  # noqa: SLF001  # it is of this class
        chosen.spool_space = None if self.spool_space is None else self.spool_space.of_user(user_id)
        return chosen

    def gives_way(self) -> bool:
        """Return whether this user is to give a connection back now, because somebody else waits who has fewer."""
        return self._share.free.gives_way(self._user_id)

    async def probe(self) -> None:
        """Ask PostgreSQL for a sign of life.

        Raises:
            Unavailable: It gives none in time.
        """
        async with self.share("probes").connection() as connection:
            await connection.execute("SELECT 1", timeout=PROBE_TIMEOUT_S)

    def use(self) -> dict[Share, ShareUse]:
        """Return the present use of each share; any thread may ask."""
        return {
            name: ShareUse(each.size, each.used, max(0, each.wanted - each.used), each.wait_count, each.wait_s)
            for name, each in self._shares.items()
        }

    def forget_plans(self) -> None:
        """Replace every connection, because its plans are for tables that have changed."""
        for pool in {self._common_pool, self._owner_pool}:
            pool.expire()

    @property
    def pooled(self) -> bool:
        """Return whether there is a pooler before PostgreSQL, which may run each transaction on another session."""
        return self._pool.settings is not None

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection in autocommit; for single statements.

        Behind a pooler it is lent inside a transaction: the driver sends a statement in two steps, which must reach the
        same session.

        Raises:
            LimitReached: Others use all connections for too long.
            OutcomeUnknown: Behind a pooler, the connection broke during the commit.
        """
        return self.transaction() if self.pooled else self._lend()

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        share = self._share
        share.wanted += 1
        try:
            await self._wait_for(share)
            share.used += 1
            try:
                connection = await self._pool.take()
                try:
                    with translated():
                        yield connection
                except BaseException:
                    await self._pool.give_after_failure(connection)
                    raise
                self._pool.give(connection)
            finally:
                share.used -= 1
                share.free.give(self._user_id)
        finally:
            share.wanted -= 1

    async def _wait_for(self, share: _Connections) -> None:
        if not share.free.full(self._user_id):  # no timer where nobody waits
            await share.free.take(self._user_id)
            return
        for pipe in self._lent:
            pipe.hurry()
        began = time.monotonic()
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                await share.free.take(self._user_id)
        except TimeoutError:
            raise share.exhausted(self._user_id) from None
        finally:
            share.wait_count += 1
            share.wait_s += time.monotonic() - began

    def recorded(self, request: Request | None) -> Request | None:
        """Return the request, whose outcome is stored in the transaction of its change."""
        return request

    def job_writes(self) -> Counter[TableName]:
        """Refuse a write by a job.

        Raises:
            PreconditionFailed: Each use of the pool is committed separately, so a write could not be undone with the
                job.
        """
        raise PreconditionFailed(
            "A job's rows must go with CompleteJobs, or into a transaction that completes the job; open one first."
        )

    @contextmanager
    def lent_to(self, pipe: Pipe) -> Iterator[None]:
        """Record that a connection writes to a pipe within the block; hurry it when connections are short."""
        if self._share.wanted > self._share.size:
            pipe.hurry()
        self._lent.add(pipe)
        try:
            yield
        finally:
            self._lent.discard(pipe)

    @asynccontextmanager
    async def transaction(
        self, *, read_only: bool = False, isolation: Isolation = "read_committed"
    ) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction: committed at the end, rolled back on any error.

        Raises:
            OutcomeUnknown: The connection broke during the commit.
        """
        async with self.begun(read_only=read_only, isolation=isolation) as (connection, transaction):
            try:
                yield connection
            except BaseException:
                await roll_back(connection, transaction)
                raise
            await commit(connection, transaction)

    @asynccontextmanager
    async def begun(
        self, *, read_only: bool, isolation: Isolation
    ) -> AsyncIterator[tuple[Connection, asyncpg.transaction.Transaction]]:
        """Lend a connection on which a transaction has begun, and the transaction, which the block ends."""
        async with self._lend() as connection:
            transaction = connection.transaction(isolation=isolation, readonly=read_only)
            await uncut(connection, transaction.start())
            if self._pool.settings is not None:
                await connection.execute(self._pool.settings)
            yield connection, transaction


async def _open_pool(url: str, settings: Mapping[str, str]) -> Pool:
    """Open a pool whose sessions, or behind a pooler whose transactions, have some settings."""
    pooled = await _behind_pooler(url)

    async def connect() -> Connection:
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT_S,
            server_settings=None if pooled else dict(settings),
            statement_cache_size=0 if pooled else STATEMENTS,
            connection_class=TypedConnection,
        )
        try:
            async with connection.transaction() if pooled else nullcontext():
                await bind_moments_as_they_are(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    locally = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items())
    return Pool(connect, await connect(), locally if pooled else None)


async def _behind_pooler(url: str) -> bool:
    """Return whether there is a pooler before PostgreSQL: it names other processes than the ones that run statements.

    PostgreSQL tells each new connection the process that serves it, by which its statements can be cancelled. A pooler
    tells a number of its own, because that process changes.
    """
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, statement_cache_size=0)
    try:
        async with connection.transaction():
            process: int = await connection.fetchval("SELECT pg_catalog.pg_backend_pid()")
        told: int = connection.get_server_pid()
        return process != told
    finally:
        connection.terminate()


async def uncut(connection: Connection, step: Awaitable[None]) -> None:
    """Begin or end a transaction; if that is interrupted, drop the connection, whose state is then unknown."""
    try:
        await step
    except asyncio.CancelledError:
        with suppress(asyncpg.InterfaceError):  # it has ended by itself
            connection.terminate()
        raise


async def roll_back(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    """Roll back; if the connection has ended, PostgreSQL does so by itself."""
    try:
        await uncut(connection, transaction.rollback())
    except LOST_CONNECTION:
        _LOG.debug("a connection ended before its transaction was rolled back", exc_info=True)
        with suppress(asyncpg.InterfaceError):
            connection.terminate()


async def commit(connection: Connection, transaction: asyncpg.transaction.Transaction) -> None:
    """Commit a transaction.

    Raises:
        OutcomeUnknown: The connection broke meanwhile, and the transaction may have been committed.
    """
    try:
        await uncut(connection, transaction.commit())
    except LOST_CONNECTION as error:
        raise OutcomeUnknown(
            "The connection to PostgreSQL broke during the commit; check whether the change was made, then repeat it."
        ) from error
