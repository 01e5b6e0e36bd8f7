"""Populate: run jobs here or in other processes, and summarize their outcomes."""

from __future__ import annotations

import os
import pickle
import random
import signal
import sys
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from levada._base import signals
from levada._base.errors import InvalidRequest, UnknownWorkerSession
from levada._base.names import class_name, stored_name
from levada._base.progress import Progress
from levada._base.text import shown, tell
from levada._crew import activations
from levada._crew.crew import Crew, shares
from levada._crew.engine import EnginePopulate
from levada._crew.reports import Assignment
from levada._jobs import job_calls
from levada._jobs.code_version import look_again
from levada._jobs.job_loop import JobLoop
from levada._jobs.worker_session import Heartbeat, close_session, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from levada._jobs.computing import Computing
    from levada._jobs.job_calls import Lease
    from levada._jobs.job_loop import Outcome
    from levada._jobs.job_table import Jobs
    from levada._net.connection import Connection

_ENDING = (SystemExit, KeyboardInterrupt)
"""Errors by which a program ends, also where others are collected."""
_LEASE = timedelta(seconds=60)
"""How long a populate may be silent: its heartbeats come from a thread that `make` can starve."""
_PATIENCE_SECONDS = 60.0
"""How long a populate tries to complete a job while the server is out of reach."""


@dataclass(frozen=True)
class Selection:
    """The work of one populate.

    Args:
        all_jobs: All jobs of the table.
        jobs: The jobs that may be taken.
        order: `original`, `reverse` or `random`.
        limit: Consider at most this many jobs.
        max_calls: Call `make` at most this often.
        make_kwargs: Further arguments of `make`.
        prefetch: As of `JobLoop`.
    """

    table: Computing
    all_jobs: Jobs
    jobs: Jobs
    order: str
    limit: int | None
    max_calls: int | None
    make_kwargs: Mapping[str, Any]  # Any: the user's own
    prefetch: bool

    def restrictions(self) -> tuple[bytes | None, Iterator[bytes | None]]:
        """Return the restriction of a reserve, and, in the caller's order, restrictions to single jobs.

        Without an order or limit of the caller there are no single jobs: the server has its own order.
        """
        keys = self._ordered_keys()
        if keys is None:
            return self.jobs.serialized(), iter(())
        jobs = self.all_jobs
        return (jobs & keys).serialized(), ((jobs & key).serialized() for key in keys)

    def _ordered_keys(self) -> list[dict[str, Any]] | None:  # Any: an attribute's value
        if self.order not in ("original", "reverse", "random"):
            raise InvalidRequest(f"order must be 'original', 'reverse' or 'random', not {self.order!r}.")
        if self.order == "original" and self.limit is None:
            return None
        keys = self.jobs.pending.keys(order_by="KEY", limit=self.limit)
        if self.order == "reverse":
            keys.reverse()
        elif self.order == "random":
            random.shuffle(keys)
        return keys

    def progress(self) -> Progress | None:
        """Show the progress of the pending jobs, if there are any."""
        limits = [n for n in (self.limit, self.max_calls) if n is not None]
        total = min(len(self.jobs.pending), *limits, sys.maxsize)
        return Progress(type(self.table).__name__, total, shown=True, at_once=True) if total else None


class Reserve(Protocol):
    """Takes at most a number of jobs, besides the given tokens that are held; None at the end."""

    def __call__(self, max_jobs: int, held: Iterable[str] = (), /) -> list[Lease] | None:
        """Take them."""


def collect(
    outcomes: Iterable[Outcome],
    *,
    progress: Progress | None,
    suppress_errors: bool,
    return_exception_objects: bool,
) -> dict[str, Any]:  # Any: a number and a list
    """Run to the end and summarize; a job that went to another worker, comes again or is not ready counts as neither.

    Raises:
        BaseException: The first error, unless `suppress_errors`; in any case one by which a program ends.
    """
    success_count = 0
    errors: list[tuple[dict[str, Any], object]] = []
    try:
        for outcome in outcomes:
            if progress is not None and not outcome.released:
                progress.update(failed=outcome.state == "error")
            if outcome.error is None:
                success_count += 1
            elif outcome.state == "error":
                if not suppress_errors or isinstance(outcome.error, _ENDING):
                    _note(outcome.error, outcome.lease, success_count)
                    raise outcome.error
                errors.append((outcome.lease.key, outcome.error if return_exception_objects else outcome.message))
    finally:
        if progress is not None:
            progress.close()
    return {"success_count": success_count, "error_list": errors}


def _note(error: BaseException, lease: Lease, success_count: int) -> None:
    """Add to an error in which `make` it was raised, for which key."""
    table = f"{lease.table.schema}.{class_name(stored_name(lease.table.table))}"
    key = ", ".join(f"{name}={shown(value)}" for name, value in lease.key.items())
    done = f"{success_count} keys were" if success_count != 1 else "1 key was"
    with suppress(Exception):  # the class of the error is the user's, and may refuse anything
        error.add_note(f"in make of {table} for {key}; {done} computed before")


# -------------------------------------------------------------------------------------------- in this process


@contextmanager
def populate_here(selection: Selection) -> Iterator[Iterator[Outcome]]:
    """Run jobs in this process, one after another."""
    look_again()
    table = selection.table
    tables = {(table._name.schema, stored_name(table._name.table)): table}
    with _finishing_on_interrupt() as stopping, _Session(table.connection) as session:
        loop = JobLoop(
            table.connection,
            tables,
            selection.make_kwargs,
            _PATIENCE_SECONDS,
            stopping,
            cancelled=session.cancelled,
            prefetch=selection.prefetch,
        )
        # Unfinished jobs are returned before the session ends, so that the attempt does not count.
        with closing(loop.run(session.reserving(selection), selection.max_calls)) as outcomes:
            yield outcomes


@contextmanager
def populate_on_engine(selection: Selection, engine: object) -> Iterator[Iterator[Outcome]]:
    """Run jobs in an engine: a Dask client or an executor."""
    look_again()
    with _finishing_on_interrupt() as stopping, _Session(selection.table.connection) as session:
        reserve = session.reserving(selection)
        populating = EnginePopulate(
            selection.table,
            engine,
            selection.make_kwargs,
            reserve,
            stopping,
            selection.max_calls,
            selection.prefetch,
        )
        with closing(populating.outcomes()) as outcomes:
            yield outcomes


@contextmanager
def _finishing_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Delay an interrupt until the current key is committed, but not a second one.

    Yields:
        Returns whether to stop.

    Raises:
        KeyboardInterrupt: At the end, if there was one: a `make` cannot swallow it.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield lambda: False  # signals are handled elsewhere
        return
    count = 0

    def interrupt(*_: object) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        tell("\npopulate stops after the current key; interrupt again to stop at once")

    signals.handle(signal.SIGINT, interrupt)
    try:
        yield lambda: count > 0
    finally:
        signals.hand_back(signal.SIGINT, before)
        if count:
            raise KeyboardInterrupt


class _Session:
    """A worker session that is renewed by a thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cancelled: set[str] = set()
        self._heartbeat = Heartbeat(connection, _LEASE, cancelled=self._cancelled.update)

    def __enter__(self) -> _Session:
        self._session = open_session(self._connection, _LEASE)
        self._heartbeat.add(self._session, os.getpid())
        self._heartbeat.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._heartbeat.__exit__()
        close_session(self._connection, self._session)

    def cancelled(self, token: str) -> bool:
        """Return whether a heartbeat reported a lease as cancelled."""
        return token in self._cancelled

    def reserving(self, selection: Selection) -> Reserve:
        """Build a function that takes jobs until none is left."""
        table = selection.table
        whole, singles = selection.restrictions()

        def reserve_next(max_jobs: int, held: Iterable[str] = ()) -> list[Lease] | None:
            for single in singles:
                if leases := self._reserve(table, 1, single, held):
                    return leases
            return self._reserve(table, max_jobs, whole, held) or None  # including jobs returned meanwhile

        return reserve_next

    def _reserve(self, table: Computing, max_jobs: int, restriction: bytes | None, held: Iterable[str]) -> list[Lease]:
        def reserve() -> list[Lease]:
            return job_calls.reserve(
                self._connection,
                self._session,
                [table._name],
                max_jobs,
                restriction=restriction,
                held=held,
                except_unready=True,
                patience=_PATIENCE_SECONDS,
            )

        try:
            return reserve()
        except UnknownWorkerSession:  # this machine slept for a long time, and the session was removed
            self._session = open_session(self._connection, _LEASE)
            self._heartbeat.add(self._session, os.getpid())
            return reserve()


# ------------------------------------------------------------------------------------------------ in processes


@contextmanager
def populate_in_processes(selection: Selection, processes: int) -> Iterator[Iterator[Outcome]]:
    """Run jobs in processes that import the table's class.

    Raises:
        InvalidRequest: They could not import it.
    """
    table = selection.table
    whole, singles = selection.restrictions()
    assignment = Assignment(
        module=_importable_module(table),
        tables=(f"{table._name.schema}.{table._name.table}",),
        make_kwargs=_picklable(selection.make_kwargs),
        restriction=whole,
        until_empty=True,
        activations=activations.recorded(table.connection.address),
        prefetch=selection.prefetch,
    )
    with _finishing_on_interrupt() as stopping, Crew(table.connection, assignment, _LEASE, singles=singles) as crew:
        for share in shares(selection.max_calls, processes):
            crew.hire(share)
        with closing(crew.outcomes(stopping)) as outcomes:
            yield outcomes


def _importable_module(table: Computing) -> str:
    name = type(table).__module__
    module = sys.modules.get(name)
    script = name == "__main__" and getattr(module, "__file__", None) is not None
    if (name == "__main__" and not script) or getattr(module, type(table).__name__, None) is not type(table):
        raise InvalidRequest(
            f"populate(processes=…) starts new Python processes, which cannot import `{type(table).__name__}`: it "
            "was defined in a notebook, a console or a function. Put the class at the top level of a module and import "
            "it from there, or leave processes at 1; several populates may run at once."
        )
    return name


def _picklable(make_kwargs: Mapping[str, Any]) -> bytes:
    try:
        return pickle.dumps(dict(make_kwargs))
    except Exception as error:  # noqa: BLE001  # pickle raises what the values' own methods raise
        raise InvalidRequest(
            f"populate(processes=…) sends make_kwargs to other processes, and they cannot be pickled: {error}."
        ) from None
