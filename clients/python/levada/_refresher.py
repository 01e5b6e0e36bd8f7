"""Keeps the jobs of a worker's tables up to date, and notices when nothing is left to do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from levada import _jobs
from levada._errors import LevadaError
from levada._names import stored_name
from levada_api.v1 import schema_pb2, schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from levada._connection import Connection

_IDLE_SECONDS = 5.0
"""All tables are refreshed so often, as rows may come from anywhere."""
_DRAIN_SECONDS = 0.5
"""How often a draining worker looks whether anything is left."""
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.2, 60.0
_SHARE = 10
"""Of the time at most one part in so many goes into refreshing; the pauses are between the two spans above."""
_CLOSE_SECONDS = 5.0
_RETRY_SECONDS = 1.0
"""Pause after the server was out of reach."""


class Refresher:
    """A thread that refreshes jobs at the start, after commits upstream, and now and then; holds that thread.

    Args:
        tables: Schema and name of each, parents first.
        drain: Find out when nothing is left to do.
        retry_errors: Make pending at the start what has failed.
        say: Told once of each refusal of the server.

    Attributes:
        drained: Set when no job is pending or reserved, also after a refresh.
    """

    def __init__(
        self,
        connection: Connection,
        tables: Iterable[tuple[str, str]],
        *,
        drain: bool,
        retry_errors: bool = False,
        say: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._tables = [schema_pb2.TableName(schema=schema, table=table) for schema, table in tables]
        self._drain = drain
        self._retry = {_id(table) for table in self._tables} if retry_errors else set()
        self._say = say
        self._said: set[str] = set()
        self._changed = threading.Condition()
        self._stale = {_id(table) for table in self._tables}
        self._closed = False
        self._downstream: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self.drained = threading.Event()
        self._thread = threading.Thread(target=self._run, name="levada-refresh", daemon=True)
        self._thread.start()

    def committed(self, schema: str, table: str) -> None:
        """Take note that a table has new rows."""
        with self._changed:
            name = (schema, stored_name(table))
            self._stale |= self._downstream.get(name, {_id(t) for t in self._tables})
            self._changed.notify()

    def close(self) -> None:
        """End the thread; a refresh that takes long is left to end by itself."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while self._wait(pause):
            started = time.monotonic()
            try:
                self._round()
            except LevadaError as error:
                self._complain(error)
                with self._changed:
                    self._stale = {_id(table) for table in self._tables}
                pause = _RETRY_SECONDS
            else:
                pause = min(max(_SHORTEST_SECONDS, _SHARE * (time.monotonic() - started)), _LONGEST_SECONDS)

    def _wait(self, pause: float) -> bool:
        """Wait at least for the pause, and then until there is something to do; False at the end."""
        idle_seconds = _DRAIN_SECONDS if self._drain else _IDLE_SECONDS
        with self._changed:
            self._changed.wait_for(lambda: self._closed, pause)
            self._changed.wait_for(lambda: self._closed or self._stale, max(idle_seconds - pause, 0))
            return not self._closed

    def _round(self) -> None:
        if not self._downstream:
            self._downstream = self._find_downstream()
        with self._changed:
            stale, self._stale = self._stale, set()
        if stale:
            self._refresh(stale)
        elif not self._drain:
            self._refresh()
        elif not self._open_jobs() and not self._refresh() and not self._open_jobs():
            # Nothing was reserved, so nothing was committed since; nothing new was found then, and nothing is now.
            self.drained.set()

    def _refresh(self, stale: set[tuple[str, str]] | None = None) -> int:
        """Refresh some tables, or all; give the number of jobs that are pending now and were not."""
        changed = 0
        for table in self._tables:
            if stale is None or _id(table) in stale:
                answer = _jobs.refresh(self._connection, table, retry_errors=_id(table) in self._retry)
                self._retry.discard(_id(table))
                changed += answer.added_count + answer.reset_count
        return changed

    def _open_jobs(self) -> int:
        return sum(p.pending_count + p.reserved_count for p in _jobs.progress(self._connection, self._tables))

    def _find_downstream(self) -> dict[tuple[str, str], set[tuple[str, str]]]:
        """Find for each table which others depend on it, directly or through tables in between."""
        request = schema_service_pb2.GetGraphRequest(tables=self._tables, descendant_steps=-1)
        graph = self._connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse).tables
        return _closure(graph, {_id(table) for table in self._tables})

    def _complain(self, error: LevadaError) -> None:
        if not self._closed and not isinstance(error, _jobs.PASSING) and str(error) not in self._said:
            self._said.add(str(error))
            self._say(f"cannot refresh: {error}")


def _closure(
    graph: Sequence[schema_pb2.Table], wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Give for each wanted table those wanted ones that it leads to; parents come first in the graph."""
    downstream: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for table in reversed(graph):
        downstream.setdefault(_id(table.name), set())
        reached = downstream[_id(table.name)] | ({_id(table.name)} & wanted)
        for key in table.foreign_keys:
            downstream.setdefault(_id(key.parent), set()).update(reached)
    return {name: downstream.get(name, set()) for name in wanted}


def _id(name: schema_pb2.TableName) -> tuple[str, str]:
    return name.schema, stored_name(name.table)
