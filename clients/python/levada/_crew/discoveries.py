"""Looking for new rows in a member of a crew, whenever it is due, between its jobs."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError, UnknownWorkerSession
from levada._base.text import text_of
from levada._crew.limits import discovery_limit_of
from levada._crew.reports import BeganDiscovery, FinishedDiscovery
from levada._jobs.discovery import reserve_discovery, run_discovery
from levada._jobs.make import failure
from levada._net.backoff import PASSING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from levada._crew.reports import Report
    from levada._jobs.discovery import Discovering
    from levada._net.connection import Connection

_LOOK_SECONDS = 2.0
"""How often to ask the server whether a discovery is due: one of a worker that was lost may be at any time."""
_REFUSED_SECONDS = 60.0
"""How long to leave a server alone that refuses to lease discoveries."""


class Discoveries:
    """Looks for the new rows of some tables, whenever the server leases that to this member.

    Args:
        session: The worker session, which the starting process renews.
        tables: The tables; perhaps none.
        tell: Takes reports.
        stopping: Set when the member is to stop.
    """

    def __init__(
        self,
        connection: Connection,
        session: str,
        tables: Sequence[Discovering],
        tell: Callable[[Report], None],
        stopping: threading.Event,
    ) -> None:
        self._connection = connection
        self._session = session
        self._tables = {f"{table._name.schema}.{table._name.table}": table for table in tables}
        self._limits = {name: discovery_limit_of(type(table)) for name, table in self._tables.items()}
        self._tell = tell
        self._stopping = stopping
        self._next_seconds = 0.0

    def run_due(self) -> None:
        """Run the discoveries that are due, one after the other.

        Raises:
            UnknownWorkerSession: The session has ended.
        """
        while self._tables and not self._stopping.is_set() and time.monotonic() >= self._next_seconds:
            self._run_one()

    def _run_one(self) -> None:
        try:
            lease = reserve_discovery(self._connection, self._session, self._tables.values())
        except UnknownWorkerSession:
            raise
        except PASSING:
            lease = None
        except LevadaError as error:
            self._next_seconds = time.monotonic() + _REFUSED_SECONDS
            named = str(error.details.get("table", ""))
            told = f"{type(error).__name__}: {text_of(error)}"
            for name in [named] if named in self._tables else list(self._tables):
                self._tell(FinishedDiscovery(os.getpid(), name, 0, 0.0, "refused", told))
            if self._tables.pop(named, None) is not None:
                self._next_seconds = 0.0
            return
        if lease is None:
            self._next_seconds = time.monotonic() + _LOOK_SECONDS
            return
        name = f"{lease.table.schema}.{lease.table.table}"
        self._tell(BeganDiscovery(os.getpid(), name, lease.lease_token, self._limits[name]))
        ended = run_discovery(self._tables[name], lease, sys.maxsize)
        message = stack = ""
        if ended.error is not None:
            told_failure = failure(ended.error)
            message, stack = f"{told_failure.type}: {told_failure.message}", told_failure.stack
        self._tell(FinishedDiscovery(os.getpid(), name, ended.row_count, ended.seconds, ended.state, message, stack))
