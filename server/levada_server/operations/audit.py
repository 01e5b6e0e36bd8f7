"""Make the entries of the audit, and keep those of refused and reading calls until they are written together."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from levada_server.errors import LevadaError
from levada_server.model.audit import DONE, Entry
from levada_server.storage.postgres.audit import insert_entries

if TYPE_CHECKING:
    from levada_server.operations.caller import Caller
    from levada_server.storage.postgres.scope import Scope

FLUSH_S = 1.0
"""How often, in seconds, the entries of refused and reading calls are written."""
MAX_WAITING = 10_000
"""At most this many entries wait; refusals past that are only counted, and reads wait."""
MAX_SUBJECT = 300
"""Characters; a refused call may name anything."""
_LOG = logging.getLogger("levada.audit")


def entry(caller: Caller, subject: object = "", row_count: int = 0, **details: object) -> Entry:
    """Make the entry of a call.

    Args:
        caller: The caller.
        subject: The table, schema, user, team or token that the call names.
        row_count: How many rows were changed or read.
        details: Anything else that JSON can hold; what is None is left out.
    """
    who = caller.identity
    known = {name: value for name, value in details.items() if value is not None}
    named = str(subject)[:MAX_SUBJECT]
    return Entry(who.user, who.token_id, _host(who.address), caller.method, named, row_count, known)


def refusal(caller: Caller, error: Exception) -> Entry:
    """Make the entry of a call that was refused."""
    details = error.details if isinstance(error, LevadaError) else {}
    named = details.get("table") or details.get("schema") or ""
    reason = error.reason if isinstance(error, LevadaError) else type(error).__name__
    return replace(entry(caller, caller.traces.hidden or named), outcome=reason)


def reading(caller: Caller, error: Exception | None) -> Entry:
    """Make the entry of a call that has read tables of confidential schemas, perhaps until an error stopped it."""
    traces = caller.traces
    names = sorted(traces.confidential)
    reason = error.reason if isinstance(error, LevadaError) else DONE
    made = entry(caller, names[0], traces.row_count, tables=names if len(names) > 1 else None, jobs=traces.jobs)
    return replace(made, outcome=reason)


def _host(peer: str) -> str:
    """Return the host of a peer as gRPC names one: `ipv4:10.0.0.5:50514`, `ipv6:%5B::1%5D:50514` or `unix:`."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")


def log(done: Entry) -> None:
    """Write an entry to the log, for collectors elsewhere."""
    if not _LOG.isEnabledFor(logging.INFO):
        return
    details = {
        "user": done.username,
        "token": done.token,
        "address": done.address,
        "audited": done.method,
        "outcome": done.outcome,
        "subject": done.subject,
        "rows": done.row_count,
        **done.details,
    }
    shown = {name: value for name, value in details.items() if value not in (None, "")}
    _LOG.info("%s %s %s by %s", done.method, done.subject, done.outcome, done.username, extra={"details": shown})


class Audit:
    """The entries of calls that changed nothing, which are written a little later and together."""

    def __init__(self) -> None:
        self._waiting: list[Entry] = []
        self._refused: dict[Entry, int] = {}
        self._lost = 0
        self._room = asyncio.Event()

    def refused(self, refusal: Entry) -> None:
        """Add a refused call; calls that are refused alike between two writes share an entry that counts them."""
        log(refusal)
        if refusal in self._refused or len(self._refused) < MAX_WAITING:
            self._refused[refusal] = self._refused.get(refusal, 0) + 1
        else:
            self._lost += 1

    @property
    def waiting_count(self) -> int:
        """Return how many entries wait to be written."""
        return len(self._waiting) + len(self._refused)

    async def read(self, reading: Entry) -> None:
        """Add a call that has read a confidential schema; wait while too many others do."""
        log(reading)
        while len(self._waiting) >= MAX_WAITING:
            self._room.clear()
            await self._room.wait()
        self._waiting.append(replace(reading, time=now()))

    async def flush(self, scope: Scope) -> None:
        """Write what waits; if that fails, it waits for the next time."""
        if not self._waiting and not self._refused:
            return
        waiting, refused = list(self._waiting), dict(self._refused)
        moment = now()
        entries = [
            replace(refusal, time=moment, details={"calls": count} if count > 1 else {})
            for refusal, count in refused.items()
        ]
        async with scope.connection() as connection:
            await insert_entries(connection, [*waiting, *entries])
        del self._waiting[: len(waiting)]
        self._room.set()
        for refusal, count in refused.items():
            self._refused[refusal] -= count
            if not self._refused[refusal]:
                del self._refused[refusal]
        if self._lost:
            _LOG.warning("%d refused calls of too many kinds have no entry in the audit", self._lost)
            self._lost = 0


def now() -> dt.datetime:
    """Return the present moment in UTC, as the audit stores it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
