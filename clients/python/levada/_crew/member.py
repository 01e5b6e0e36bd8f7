"""A member of a crew: imports the user's module in its process, finds the tables, and runs their jobs."""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import signal
import sys
import sysconfig
import threading
import time
import traceback
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

from levada._base import signals
from levada._base.errors import InvalidRequest, LevadaError, UnknownWorkerSession
from levada._base.names import stored_name
from levada._crew import activations, family
from levada._crew.discoveries import Discoveries
from levada._crew.limits import discovery_limit_of, limits_of
from levada._crew.reports import Asked, Began, Broken, Ended, Ready, ServedTable, Took, Warned, finished
from levada._jobs import job_calls
from levada._jobs.computing import Computing, has_make, own_key_source
from levada._jobs.discovery import Discovering, has_discover
from levada._jobs.job_loop import JobLoop
from levada._net.address import use
from levada._net.backoff import LASTING_PAUSE_SECONDS, PASSING, repeat
from levada._net.connection import reopened
from levada._net.source import find_source
from levada._tables.table import Table
from levada_api.v1 import schema_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection as Pipe

    from levada._crew.reports import Assignment, Report
    from levada._jobs.job_calls import Lease
    from levada._net.connection import Connection
    from levada_api.v1 import schema_pb2

_REFUSED_SECONDS = 60.0
"""How long to leave out a table whose jobs the server refuses; the starting process tells of it."""
_WAIT = timedelta(seconds=1)
"""How long one reserve waits for a job, and thus how long an idle process may take to stop."""
_POPULATE_PATIENCE_SECONDS = 60.0
_EXIT_LEFT_ALONE = 1
_EXIT_SESSION_ENDED = 3
_EXIT_OUT_OF_REACH = 4


def main(
    assignment: Assignment,
    server: tuple[Any, ...],  # Any: arguments of Connection
    session: str,
    max_jobs: int | None,
    pipe: Pipe[Any, Any],  # Any: reports
) -> None:
    """Run jobs until stopped, or until there are no more.

    Args:
        server: Arguments of the connection to the server.
        session: The worker session, which the starting process renews.
        max_jobs: Run at most this many; None for any number.
        pipe: Takes reports. If its other end is gone, this process ends.
    """
    stopping = threading.Event()
    family.lead()
    _handle_signals(stopping)
    _volunteer_for_oom()
    singles: queue.SimpleQueue[list[bytes | None]] = queue.SimpleQueue()
    threading.Thread(target=_hear_starter, args=(pipe, singles), name="levada-starter", daemon=True).start()
    try:
        connection = repeat(lambda: reopened(*server), _patience(assignment))
        use(connection)
        with _warnings_reported(pipe):
            if assignment.as_datajoint:
                importlib.import_module("levada.as_datajoint")
            before = set(sys.modules)
            tables = load(assignment, connection)
            discovering = [] if assignment.until_empty else load_discovering(assignment)
        served = tuple(map(_served, tables))
        names = tuple((table._name.schema, table._name.table) for table in discovering)
        for table in discovering:
            discovery_limit_of(type(table))  # refuses a wrong one before any work
        ready = Ready(os.getpid(), served, names, _source_files(before), connection.catalog_version)
    except BaseException as error:  # noqa: BLE001  # importing runs whatever stands in the user's module
        if isinstance(error, PASSING) and not assignment.until_empty:
            sys.exit(_EXIT_OUT_OF_REACH)  # and be replaced until the server is back
        pipe.send(Broken(_explain(assignment, error)))
        return

    def tell(report: Report | Asked) -> None:
        try:
            pipe.send(report)
        except OSError:  # the process that started this one is gone
            os._exit(_EXIT_LEFT_ALONE)

    def beginning(lease: Lease | None) -> None:
        tell(Ended(os.getpid()) if lease is None else Began(os.getpid(), lease))

    tell(ready)

    loop = JobLoop(
        connection,
        {(t._name.schema, stored_name(t._name.table)): t for t in tables},
        pickle.loads(assignment.make_kwargs),
        _POPULATE_PATIENCE_SECONDS if assignment.until_empty else sys.maxsize,
        stopping.is_set,
        beginning,
        prefetch=assignment.prefetch,
        # A scheduler that ends a worker signals all of its processes, those of its makes too. A populate that is
        # stopped by its user raises the error instead.
        ending=lambda: stopping.is_set() and not assignment.until_empty,
    )

    def ask() -> list[bytes | None]:
        tell(Asked())
        return singles.get()

    discoveries = Discoveries(connection, session, discovering, tell, stopping)

    def reserve(most: int) -> Sequence[Lease] | None:
        discoveries.run_due()
        leases = reserving.jobs(most)
        if leases:
            tell(Took(tuple(leases)))
        return leases

    reserving = _Reserving(connection, session, tuple(table._name for table in tables), assignment, stopping, ask)
    try:
        for outcome in loop.run(reserve, max_jobs):
            tell(finished(outcome, with_exception=assignment.until_empty))
    except UnknownWorkerSession:
        sys.exit(_EXIT_SESSION_ENDED)


@dataclass
class _Reserving:
    """Takes jobs under a session: as they come, or in an order that the starting process knows.

    Args:
        tables: The tables whose jobs to take.
        ask: Returns the restriction of the next reserve in that order, in a list; an empty list at the end.
    """

    connection: Connection
    session: str
    tables: tuple[schema_pb2.TableName, ...]
    assignment: Assignment
    stopping: threading.Event
    ask: Callable[[], list[bytes | None]]
    _refused: dict[str, float] = field(default_factory=dict)
    """Until when a table, `schema.Table`, is left out, by the monotonic clock."""

    def jobs(self, most: int) -> Sequence[Lease] | None:
        """Take some jobs, waiting a moment for them; None at the end."""
        if self.assignment.until_empty:
            return self._next_single() or self._reserve(self.tables, most, self.assignment.restriction) or None
        tables = [name for name in self.tables if self._refused.get(_full_name(name), 0.0) <= time.monotonic()]
        if not tables:  # they only look for new rows
            self.stopping.wait(_WAIT.total_seconds())
            return ()
        try:
            return self._reserve(tables, most, self.assignment.restriction, _WAIT)
        except PASSING:
            time.sleep(LASTING_PAUSE_SECONDS)
        except LevadaError as error:
            refused = [name for name in tables if _is_about(error, name)]
            if not refused:
                raise
            self._refused |= dict.fromkeys(map(_full_name, refused), time.monotonic() + _REFUSED_SECONDS)
        return ()

    def _next_single(self) -> Sequence[Lease]:
        while not self.stopping.is_set() and (given := self.ask()):
            if leases := self._reserve(self.tables, 1, given[0]):
                return leases
        return ()

    def _reserve(
        self,
        tables: Sequence[schema_pb2.TableName],
        most: int,
        restriction: bytes | None,
        wait: timedelta = timedelta(0),
    ) -> Sequence[Lease]:
        return job_calls.reserve(
            self.connection,
            self.session,
            tables,
            most,
            wait=wait,
            restriction=restriction,
            except_unready=self.assignment.until_empty,
            patience=_patience(self.assignment),
        )


def _full_name(name: schema_pb2.TableName) -> str:
    return f"{name.schema}.{name.table}"


def _is_about(error: LevadaError, name: schema_pb2.TableName) -> bool:
    """Return whether the server refuses a table, or its whole schema."""
    return error.details.get("table") == _full_name(name) or error.details.get("schema") == name.schema


def _patience(assignment: Assignment) -> float:
    """Return for how many seconds a populate tries to reach its server; a worker checks its signals meanwhile."""
    return _POPULATE_PATIENCE_SECONDS if assignment.until_empty else 0.0


def _handle_signals(stopping: threading.Event) -> None:
    """Stop after the current job on SIGTERM; the starting process handles a terminal's SIGINT."""
    signals.handle(signal.SIGTERM, lambda *_: stopping.set())
    # Not SIG_IGN, which programs that a make starts would inherit.
    signals.handle(signal.SIGINT, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _volunteer_for_oom() -> None:
    """Make Linux, when memory runs out, kill this process rather than the one that started it."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


@contextmanager
def _warnings_reported(
    pipe: Pipe[Any, Any],  # Any: reports
) -> Iterator[None]:
    """Let the starting process show warnings, as every member has the same ones."""
    shown, sending = warnings.showwarning, threading.Lock()

    def report(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None:
            shown(message, category, filename, lineno, file, line)
            return
        with sending:
            pipe.send(Warned(warnings.formatwarning(message, category, filename, lineno, line)))

    warnings.showwarning = report
    try:
        yield
    finally:
        if warnings.showwarning is report:  # else the user's module shows them in its own way
            warnings.showwarning = shown


def _hear_starter(
    pipe: Pipe[Any, Any],  # Any: reports
    singles: queue.SimpleQueue[list[bytes | None]],
) -> None:
    """Return the answer of the starting process; end if it is gone, because nobody renews the leases any more."""
    try:
        while True:
            singles.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(_EXIT_LEFT_ALONE)


def _explain(assignment: Assignment, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == assignment.module.partition(".")[0]:
        return (
            f"There is no module `{assignment.module}`; run this in the folder that contains it, "
            "or set PYTHONPATH to that folder."
        )
    if isinstance(error, LevadaError):
        return str(error)
    return f"The module `{assignment.module}` cannot be imported:\n{''.join(traceback.format_exception(error))}"


def _served(table: Computing) -> ServedTable:
    return ServedTable(table._name.schema, table._name.table, limits_of(type(table)))


def _source_files(before: set[str]) -> tuple[str, ...]:
    """Return the files of the modules that the user's module has imported, without installed packages."""
    installed = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    brought = [m for name, m in sys.modules.items() if name not in before and not name.startswith("levada.")]
    files = {getattr(module, "__file__", None) for module in brought}
    return tuple(sorted(file for file in files if file and not file.startswith(installed)))


# ------------------------------------------------------------------------------------------------------ tables


def load(assignment: Assignment, connection: Connection) -> list[Computing]:
    """Import a module and return its tables that have a `make`, parents first; there may be none if others discover.

    Raises:
        InvalidRequest: There is none, or not the requested one; or the module's settings name another server.
    """
    module = importlib.import_module(assignment.module)
    if assignment.found:
        find_source()  # refuses a database host in the module's settings, as it would in a script
    activations.repeat_calls(assignment.activations)
    every = [table for table in _classes(module, set()) if _is_served(table, assignment)]
    wanted = assignment.tables
    found = {name for table in every for name in _names(table)}
    what = "Imported or Computed table with a make"
    if not assignment.until_empty:
        what += ", nor a table with a discover,"
    if unknown := [name for name in wanted if name not in found]:
        raise InvalidRequest(
            f"The module `{module.__name__}` has no {what} named "
            f"{' or '.join(unknown)}; it has {', '.join(table.__name__ for table in every) or 'none at all'}."
        )
    if not every:
        raise InvalidRequest(f"The module `{module.__name__}` has no {what.rstrip(',')}.")
    classes = [table for table in every if issubclass(table, Computing) and has_make(table)]
    for table in every:
        if (address := table().connection.address) != connection.address:
            raise InvalidRequest(
                f"`{table.__name__}` is at {address}, but this process works for {connection.address}. Let "
                "LEVADA_URL choose the server in both, or name the same server."
            )
    tables = [t() for t in classes if not wanted or not set(wanted).isdisjoint(_names(t))]
    for served in tables:
        if type(served)._faulty_declaration is not None:
            with suppress(Exception):  # it was warned about, and its refresh fails
                own_key_source(served)  # it may name what stands below it in the module
    return _parents_first(connection, tables) if tables else []


def load_discovering(assignment: Assignment) -> list[Discovering]:
    """Return the tables of the module that look for new rows, after `load`."""
    wanted = assignment.tables
    every = _classes(importlib.import_module(assignment.module), set())
    classes = [table for table in every if issubclass(table, Discovering) and has_discover(table)]
    return [table() for table in classes if not wanted or not set(wanted).isdisjoint(_names(table))]


def _is_served(table: type[Table], assignment: Assignment) -> bool:
    makes = issubclass(table, Computing) and has_make(table)
    return makes or (not assignment.until_empty and has_discover(table))


def _classes(module: ModuleType, seen: set[object]) -> Iterator[type[Table]]:
    """Find the declared tables in a module and in the modules it has imported.

    An imported module counts if it is of the same package, or if its functions have activated schemas.
    """
    seen.add(module)
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType):
            own = value.__name__.startswith(f"{module.__name__}.")
            if value not in seen and (own or activations.activates_schemas(value)):
                yield from _classes(value, seen)
        elif isinstance(value, type) and issubclass(value, Table) and value not in seen:
            seen.add(value)
            if "_abstract" not in vars(value) and value._schema is not None and value._schema.database:
                yield value


def _names(table: type[Table]) -> tuple[str, str]:
    schema = table._schema
    return table.__name__, f"{schema.database if schema else ''}.{table.__name__}"


def _parents_first(connection: Connection, tables: Iterable[Computing]) -> list[Computing]:
    by_name = {(t._name.schema, t._name.table): t for t in tables}
    request = schema_service_pb2.GetGraphRequest(tables=[t._name for t in by_name.values()])
    graph = connection.call("SchemaService/GetGraph", request, schema_service_pb2.GetGraphResponse)
    return [by_name[t.name.schema, t.name.table] for t in graph.tables if (t.name.schema, t.name.table) in by_name]
