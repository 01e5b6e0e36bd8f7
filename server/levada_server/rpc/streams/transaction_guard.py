"""Limit how long a transaction is open: by the clock, or, under a job's lease, as long as the lease is renewed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from levada_server.errors import LeaseLost, LevadaError, LimitReached, Unavailable
from levada_server.operations.transactions import MAX_OPEN_S, is_renewed
from levada_server.rpc.time_limit import end_call_later

if TYPE_CHECKING:
    from levada_server.jobs.signing import LeaseContent
    from levada_server.operations.context import Engine
    from levada_server.operations.transactions import TransactionLimits, TransactionSession

SILENCE_S = 60.0
"""How long a session without an open transaction waits for its client."""
GIVE_WAY_S = 5.0
"""How long, in seconds, an open transaction may wait for its client while others wait for a transaction."""
LOOK_S = 1.0
"""How often, in seconds, to look whether others wait."""
_LOG = logging.getLogger("levada.server")


class TransactionGuard:
    """A context that ends the call of this task when its transaction is open for too long."""

    def __init__(self, engine: Engine, limits: TransactionLimits) -> None:
        self._engine = engine
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> TransactionGuard:
        return self

    async def __aexit__(self, *_: object) -> None:
        watch = self._watch
        self._end()
        if watch is not None:
            await asyncio.gather(watch, return_exceptions=True)

    def look_s(self, silent_s: float) -> float | None:
        """Return after how many seconds to ask `check_silence` again; None under a lease, which the client renews.

        Args:
            silent_s: How long the client has been silent.
        """
        if self._timer is None:
            return SILENCE_S - silent_s
        return None if self._watch is not None else min(LOOK_S, self._limits.idle_s - silent_s)

    def check_silence(self, silent_s: float) -> None:
        """Check that a client may be silent for longer.

        Raises:
            LimitReached: Its transaction has waited for too long, or others wait for one.
            Unavailable: Without a transaction, it was silent for too long.
        """
        if self._timer is None:
            if silent_s >= SILENCE_S:
                raise Unavailable(f"The session was silent for {SILENCE_S:g} s and has ended; open another.")
        elif silent_s >= self._limits.idle_s:
            raise self.too_long()
        elif silent_s >= GIVE_WAY_S and self._engine.scope.share("transactions").gives_way():
            raise LimitReached(
                f"A transaction may wait {GIVE_WAY_S:g} s for a request while others wait for a transaction; it was "
                "rolled back.",
                limit="transaction",
                value=GIVE_WAY_S,
            )

    def follow(self, session: TransactionSession) -> None:
        """Record, after each request, whether a transaction is open."""
        if not session.transactions.open:
            self._end()
        elif self._timer is None:
            if session.job is None:
                self._timer = end_call_later(self._limits.open_s, self.too_long())
            else:
                self._timer = end_call_later(MAX_OPEN_S, self.too_long())
                self._watch = asyncio.create_task(self._watch_lease(session.job))

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        self._timer = self._watch = None

    def too_long(self) -> LimitReached:
        """Return the error for a transaction that is open for too long."""
        idle_s, open_s = self._limits.idle_s, self._limits.open_s
        return LimitReached(
            f"A transaction may wait {idle_s:g} s for a request and be open for {open_s:g} s, or {MAX_OPEN_S:g} s "
            "under the lease of a job; it was rolled back.",
            limit="transaction",
            value=idle_s,
        )

    async def _watch_lease(self, lease: LeaseContent) -> None:
        while True:
            await asyncio.sleep(self._limits.idle_s)
            try:
                if await is_renewed(self._engine, lease, self._limits):
                    continue
            except LevadaError:
                continue  # if PostgreSQL is out of reach, the transaction has ended anyway
            except Exception:  # noqa: BLE001  # a watch that ended would let the transaction be open for a day
                _LOG.exception("the lease of job %s was not checked; trying again", lease.job_id)
                continue
            error = LeaseLost(
                "The job was cancelled, went to another worker, or its lease was not renewed; its transaction was "
                "rolled back. Drop the result.",
                job=lease.job_id,
            )
            end_call_later(0, error)
            return
