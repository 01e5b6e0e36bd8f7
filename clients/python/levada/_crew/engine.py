"""Populate in other processes: by a Dask client, or any executor of concurrent.futures."""

from __future__ import annotations

import os
import pickle
import queue
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakSet

from levada._base.errors import InvalidRequest, LevadaError
from levada._base.names import stored_name
from levada._crew import activations
from levada._crew.reports import Finished, finished, read_outcome
from levada._jobs import job_calls
from levada._jobs.code_version import look_again
from levada._jobs.job_calls import Failure
from levada._jobs.job_loop import JobLoop
from levada._net.address import use
from levada._net.backoff import PASSING
from levada._net.connection import reopened
from levada._net.recordings import kept_by

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from levada._jobs.computing import Computing
    from levada._jobs.job_calls import Lease
    from levada._jobs.job_loop import Outcome

_PATIENCE_SECONDS = 60.0
_AHEAD = 2
"""How many times more jobs than the engine can run at once are submitted, so that it never waits."""
_LEAST_AHEAD = 8
_LOOK_SECONDS = 0.1
"""How long an interrupt may wait to be seen."""
_KEPT = 32
"""Classes, each with a connection, cached in a process of an engine."""
_classes: WeakSet[type[Computing]] = WeakSet()
"""The classes that this process of an engine has loaded."""


class Future(Protocol):
    """The common part of the futures of concurrent.futures and of Dask."""

    def add_done_callback(self, function: Callable[[Any], object]) -> object:
        """Call a function with the future once it is done."""

    def result(self) -> Any:  # noqa: ANN401  # what the function gave
        """Return the result, or raise the function's exception."""

    def cancel(self) -> object:
        """Do not start it."""


class Engine(Protocol):
    """Runs functions elsewhere."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:  # noqa: ANN401  # the function's own
        """Run a function with some arguments."""


@dataclass(frozen=True)
class _Work:
    """The data that every job of a populate needs in the engine.

    Args:
        server: Arguments of the connection to the server.
        table: The class, pickled: it is imported there after the connection has become its schema's.
        activations: Calls that activate schemas, as `activations.recorded` returns them.
        make_kwargs: Further arguments of `make`.
        prefetch: As of `JobLoop`.
        recordings: The names of the recordings that keep its reads.
    """

    server: tuple[Any, ...]  # Any: arguments of Connection
    table: bytes
    activations: tuple[bytes, ...]
    make_kwargs: Mapping[str, Any]  # Any: the user's own
    prefetch: bool
    recordings: tuple[str, ...]


@dataclass
class EnginePopulate:
    """Submits jobs to an engine, a few ahead, and yields their outcomes.

    This process holds the leases and sends the heartbeats; the rows go straight from where they are computed to the
    server.

    Args:
        table: The table.
        engine: A Dask client, or an executor.
        make_kwargs: Further arguments of `make`.
        reserve: Takes at most a number of jobs besides the given tokens, None at the end.
        stopping: Returns whether to finish only the submitted jobs.
        max_jobs: Run at most this many.
        prefetch: As of `JobLoop`.
    """

    table: Computing
    engine: object
    make_kwargs: Mapping[str, Any]  # Any: the user's own
    reserve: Callable[[int, list[str]], list[Lease] | None]
    stopping: Callable[[], bool]
    max_jobs: int | None
    prefetch: bool = True
    _held: dict[str, Lease] = field(default_factory=dict)

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Run jobs until there are none; closing the iterator returns jobs that have not begun."""
        submit, work = self._submitter()
        done: queue.SimpleQueue[tuple[Lease, Future]] = queue.SimpleQueue()
        futures: dict[str, Future] = {}
        left = sys.maxsize if self.max_jobs is None else self.max_jobs
        try:
            while True:
                while (wanted := min(self._ahead() - len(futures), left)) > 0 and not self.stopping():
                    leases = self.reserve(wanted, list(self._held))
                    if not leases:
                        break
                    for lease in leases:
                        self._held[lease.token] = lease
                        futures[lease.token] = future = submit(_run_job, work, lease)
                        future.add_done_callback(partial(_put, done, lease))
                    left -= len(leases)
                if not futures:
                    return
                with suppress(queue.Empty):
                    lease, future = done.get(timeout=_LOOK_SECONDS)
                    del futures[lease.token]
                    try:
                        report: Finished = future.result()
                    except _killed_worker() as error:
                        report = self._fail(lease, error)
                    del self._held[lease.token]
                    yield read_outcome(report)
        finally:
            for future in futures.values():
                future.cancel()
            job_calls.release(self.table.connection, self._held.values())

    def _fail(self, lease: Lease, error: Exception) -> Finished:
        """Record the failure of a job that Dask gave up, because the workers that ran it died."""
        failure = Failure("WorkerLost", str(error), "")
        state = "error"
        try:
            job_calls.fail(self.table.connection, lease, failure, 0.0, _PATIENCE_SECONDS)
        except PASSING:
            raise
        except LevadaError:  # as in a crew
            state = "lost"
        return Finished(os.getpid(), lease, 0.0, state, f"{failure.type}: {failure.message}")

    def _submitter(self) -> tuple[Callable[..., Future], object]:
        """Return a function that submits a job, and the data that every job needs.

        Raises:
            InvalidRequest: The engine is of the wrong type, or its processes cannot import the class.
        """
        engine = self.engine
        if not callable(getattr(engine, "submit", None)):
            raise InvalidRequest(f"engine must be a Dask client or an executor of concurrent.futures, not {engine!r}.")
        submit = cast("Engine", engine).submit  # it has been checked
        if isinstance(engine, ThreadPoolExecutor):
            return submit, (self.table, self.make_kwargs, self.prefetch)
        try:
            table, kwargs = _pickled(type(self.table)), dict(self.make_kwargs)
            pickle.dumps(kwargs)
        except Exception as error:  # noqa: BLE001  # pickle raises what the values' own methods raise
            raise InvalidRequest(
                f"populate(engine=…) sends the class `{type(self.table).__name__}` and make_kwargs to other processes, "
                f"and they cannot be pickled: {error}. Put the class at the top level of a module."
            ) from None
        connection = self.table.connection
        calls = activations.recorded(connection.address)
        return submit, _Work(
            connection.arguments, table, calls, kwargs, self.prefetch, tuple(dict.fromkeys(connection.recordings))
        )

    def _ahead(self) -> int:
        """How many jobs the engine should have; a cluster may grow."""
        threads = getattr(self.engine, "nthreads", None)
        if callable(threads):
            at_once: int = sum(threads().values())
        else:
            at_once = getattr(self.engine, "_max_workers", None) or os.cpu_count() or 1
        return max(_AHEAD * at_once, _LEAST_AHEAD)


def _killed_worker() -> tuple[type[Exception], ...]:
    """Return the class of Dask's error for a task whose workers died; none if Dask is not used here."""
    dask = sys.modules.get("distributed")
    return () if dask is None else (dask.KilledWorker,)


def _put(done: queue.SimpleQueue[tuple[Lease, Future]], lease: Lease, future: Future) -> None:
    done.put((lease, future))


def _pickled(table: type) -> bytes:
    """Pickle a class: by name, or, if Dask has brought cloudpickle, a class of a notebook by its content."""
    try:
        import cloudpickle
    except ImportError:
        return pickle.dumps(table)
    content: bytes = cloudpickle.dumps(table)
    return content


@lru_cache(maxsize=_KEPT)
def _loaded(
    server: tuple[Any, ...],  # Any: arguments of Connection
    table: bytes,
    calls: tuple[bytes, ...],
) -> type[Computing]:
    """Import a class in a process of the engine, on a connection that later jobs share."""
    connection = reopened(*server)
    use(connection)
    loaded: type[Computing] = pickle.loads(table)
    look_again()
    if loaded in _classes:  # cloudpickle has given a class of a notebook other attributes: earlier bytes are no more
        _loaded.cache_clear()
    _classes.add(loaded)
    activations.repeat_calls(calls)
    if (address := loaded().connection.address) != connection.address:
        raise InvalidRequest(
            f"`{loaded.__name__}` is at {address} in the engine, but at {connection.address} here. Let "
            "LEVADA_URL choose the server in both, or name the same server."
        )
    return loaded


def _run_job(work: object, lease: Lease) -> Finished:
    """Compute and complete one job, in a process or thread of the engine."""
    recordings: tuple[str, ...] = ()  # a thread has those of its connection
    if isinstance(work, _Work):
        table, kwargs = _loaded(work.server, work.table, work.activations)(), work.make_kwargs
        prefetch, recordings = work.prefetch, work.recordings
    else:
        table, kwargs, prefetch = cast("tuple[Computing, Mapping[str, Any], bool]", work)  # from `_submitter`
    name = (table._name.schema, stored_name(table._name.table))
    loop = JobLoop(table.connection, {name: table}, kwargs, _PATIENCE_SECONDS, prefetch=prefetch)
    with kept_by(table.connection, recordings):
        return finished(loop.run_one(lease), with_exception=True)
