"""Keeps the jobs of a worker's tables up to date, and notices when nothing is left to do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from levada._base.errors import LevadaError
from levada._jobs import job_calls
from levada._jobs.discovery import list_discoveries
from levada._net.backoff import LASTING_PAUSE_SECONDS, PASSING
from levada_api.v1 import job_pb2, schema_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from levada._net.connection import Connection

_IDLE_SECONDS = 2.0
"""How often all tables are refreshed, as rows may come from anywhere; the server does it once for all workers."""
_DRAIN_SECONDS = 0.5
"""How often a draining worker checks whether anything is left."""
_LONGEST_SECONDS = 60.0
_SHARE = 10
"""The pause after a refresh, as a multiple of its duration, if that is longer; at most the limit above."""
_CLOSE_SECONDS = 5.0
_LOOKING = (job_pb2.JOB_STATE_PENDING, job_pb2.JOB_STATE_RESERVED)


class Refresher:
    """Refreshes jobs at the start and at intervals, in its own thread.

    Jobs that depend on committed results need no refresh: the server creates them with the commit.

    Args:
        tables: Schema and name of each, parents first.
        discovering: Schema and name of each table that looks for new rows.
        drain: Check whether anything is left to do.
        retry_errors: Make failed jobs pending at the start.
        say: Called once for each refusal of the server.

    Attributes:
        drained: Set when no job is pending or reserved, even after a refresh, but jobs whose `make` inserted nothing,
            and each table has looked for new rows. Tables that the server refuses are left out.
        refused: Those tables, as `schema.Table`.
    """

    def __init__(
        self,
        connection: Connection,
        tables: Iterable[tuple[str, str]],
        discovering: Iterable[tuple[str, str]] = (),
        *,
        drain: bool,
        retry_errors: bool = False,
        say: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._tables = [schema_pb2.TableName(schema=schema, table=table) for schema, table in tables]
        self._discovering = [schema_pb2.TableName(schema=schema, table=table) for schema, table in discovering]
        self._drain = drain
        self._unseen = list(self._tables)
        self._retry_errors = retry_errors
        self._say = say
        self._said: set[str] = set()
        self._closed = threading.Event()
        self.drained = threading.Event()
        self.refused: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="levada-refresh", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; a long refresh is left to end by itself."""
        self._closed.set()
        self._thread.join(_CLOSE_SECONDS)

    def stop_waiting_for(self, table: str) -> None:
        """Count a table, `schema.Table`, as having looked for new rows: the server refuses that."""
        self._discovering = [name for name in self._discovering if f"{name.schema}.{name.table}" != table]

    def _run(self) -> None:
        usual = _DRAIN_SECONDS if self._drain else _IDLE_SECONDS
        pause = 0.0
        while not self._closed.wait(pause):
            started = time.monotonic()
            try:
                self._round()
            except LevadaError as error:
                self._complain(error)
                pause = LASTING_PAUSE_SECONDS
            else:
                pause = min(max(usual, _SHARE * (time.monotonic() - started)), _LONGEST_SECONDS)

    def _round(self) -> None:
        if self._unseen or not self._drain:
            self._refresh(periodic=True)
        elif not self._discovers() and not self._open_jobs() and not self._refresh() and not self._open_jobs():
            # Nothing was reserved, so nothing was committed since; nothing new was found then, and nothing is now.
            self.drained.set()

    def _refresh(self, *, periodic: bool = False) -> int:
        """Refresh all tables; return how many more jobs are pending than before.

        Raises:
            LevadaError: The server refused a table; the others are refreshed. A draining worker leaves it out instead.
        """
        count = 0
        refusals = []
        for table in tuple(self._tables):
            first = table in self._unseen
            try:
                answer = job_calls.refresh(
                    self._connection,
                    table,
                    retry_errors=self._retry_errors and first,
                    ask_unready=first,
                    periodic=periodic and not first,
                    patience=0,
                )
            except PASSING:
                raise
            except LevadaError as refusal:
                self._complain(refusal)
                if self._drain:
                    self._leave_out(table)
                else:
                    refusals.append(refusal)
                continue
            if first:
                self._unseen.remove(table)
            count += answer.added_count + answer.reset_count
        if refusals:
            raise refusals[0]
        return count

    def _leave_out(self, table: schema_pb2.TableName) -> None:
        self.refused.add(f"{table.schema}.{table.table}")
        self._tables.remove(table)
        if table in self._unseen:
            self._unseen.remove(table)

    def _discovers(self) -> bool:
        """Return whether a worker looks for new rows, or should."""
        names = self._discovering
        if not names:
            return False
        found = list_discoveries(self._connection, names=names)
        return len(found) < len(names) or any(discovery.state in _LOOKING for discovery in found)

    def _open_jobs(self) -> int:
        found = job_calls.progress(self._connection, self._tables) if self._tables else ()
        return sum(p.pending_count - p.unready_count + p.reserved_count for p in found)

    def _complain(self, error: LevadaError) -> None:
        if not self._closed.is_set() and not isinstance(error, PASSING) and str(error) not in self._said:
            self._said.add(str(error))
            self._say(f"cannot refresh: {error}")
