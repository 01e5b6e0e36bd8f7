"""The metrics of a server process, for Prometheus; and pages that show whether it is alive and ready."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from levada_server.errors import LevadaError
from levada_server.monitoring.pages import Page
from levada_server.operations.figures import read_figures
from levada_server.rpc.measures import BUCKETS_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from prometheus_client import Metric

    from levada_server.monitoring.pages import Pages
    from levada_server.operations.context import Engine
    from levada_server.operations.figures import Figures
    from levada_server.rpc.measures import Measures
    from levada_server.storage.postgres.database import Database
    from levada_server.supervision import Supervision

    _Values: TypeAlias = Iterable[tuple[Sequence[str], float]]

FIGURES_S = 60.0
"""How often, in seconds, the jobs in the database are counted."""
RESTS = 20.0
"""How many times as long as counting the jobs of all states takes, it is not done again: many millions take minutes."""
FRESH_S = 1.0
"""The age, in seconds, up to which the page of the metrics is served again."""
ALIVE_S = 5.0
"""The time, in seconds, in which the event loop of a server that is alive takes a turn."""


class ServerMetrics(Collector):
    """Collects the metrics of this process, in whichever thread asks.

    Args:
        version: The server's version.
        measures: The counts of its calls.
        engine: The parts of the server.
        database: Its connections.
        supervision: Its background tasks.
    """

    def __init__(
        self, version: str, measures: Measures, engine: Engine, database: Database, supervision: Supervision
    ) -> None:
        self._version = version
        self._measures = measures
        self._engine = engine
        self._database = database
        self._supervision = supervision
        self._figures: Figures | None = None
        self._recount_s = 0.0

    async def count(self) -> None:
        """Count the jobs, workers and backups in the database; a round of a background task."""
        began = time.monotonic()
        known = self._figures.jobs if self._figures is not None and began < self._recount_s else None
        try:
            self._figures = await read_figures(self._engine, known)
        except LevadaError:
            self._figures = None
            raise
        if known is None:
            ended = time.monotonic()
            self._recount_s = ended + RESTS * (ended - began)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        versions = {"version": self._version, "postgresql": self._database.postgresql_version}
        yield InfoMetricFamily("levada_server", "The versions of the server and of its database.", versions)
        yield GaugeMetricFamily("levada_ready", "1: the server is ready for calls.", int(self._ready))
        yield from self._calls()
        yield from self._connections()
        yield from self._work()
        if self._figures is not None:
            yield from _counted(self._figures)

    @property
    def _ready(self) -> bool:
        return not self._supervision.obstacles

    def _calls(self) -> Iterator[Metric]:
        measures = self._measures
        running = [((method,), count) for method, count in dict(measures.running).items()]
        yield _gauge("levada_calls_running", "Calls that run, by method.", ("method",), running)
        yield _counter("levada_calls", "Calls that ended.", ("method", "code"), dict(measures.ended).items())
        duration = HistogramMetricFamily("levada_call_duration_seconds", "How long calls took.", labels=("method",))
        for method, taken in dict(measures.durations).items():
            totals = accumulate(taken.counts)
            bounds = (*map(str, BUCKETS_S), "+Inf")
            duration.add_metric((method,), list(zip(bounds, totals, strict=True)), taken.sum_s)
        yield duration
        errors = [((reason,), count) for reason, count in dict(measures.errors).items()]
        yield _counter("levada_errors", "Errors, by the reason that clients see.", ("reason",), errors)
        yield CounterMetricFamily("levada_received_bytes", "Bytes of requests.", measures.received_bytes)
        yield CounterMetricFamily("levada_sent_bytes", "Bytes of answers.", measures.sent_bytes)
        yield CounterMetricFamily("levada_rows_read", "Rows that calls fetched or counted.", measures.read_rows)
        yield CounterMetricFamily("levada_rows_changed", "Rows that calls changed.", measures.changed_rows)

    def _connections(self) -> Iterator[Metric]:
        uses = [((share,), use) for share, use in self._database.use().items()]
        for name, what, field in (
            ("limit", "Connections to PostgreSQL that each kind of work may use.", "size"),
            ("used", "Connections in use, by kind of work; each open transaction has one.", "used"),
            ("waiting", "Work that waits for a connection.", "waiting"),
        ):
            values = [(share, getattr(use, field)) for share, use in uses]
            yield _gauge(f"levada_connections_{name}", what, ("share",), values)
        waits = [(share, use.wait_count) for share, use in uses]
        yield _counter("levada_connection_waits", "How often work waited for a connection.", ("share",), waits)
        waited = [(share, use.wait_s) for share, use in uses]
        yield _counter("levada_connection_wait_seconds", "How long work waited for one.", ("share",), waited)

    def _work(self) -> Iterator[Metric]:
        failures = [((task,), count) for task, count in dict(self._supervision.failure_counts).items()]
        yield _counter("levada_background_failures", "Failed rounds of a background task.", ("task",), failures)
        failing = [(task, int(task[0] in self._supervision.failing)) for task, _ in failures]
        yield _gauge("levada_background_failing", "1: the last round of the task failed.", ("task",), failing)
        waiting = self._engine.audit.waiting_count
        yield GaugeMetricFamily("levada_audit_waiting", "Entries of the audit that wait to be written.", waiting)
        memory = self._engine.memory.used_bytes
        yield GaugeMetricFamily("levada_row_memory_bytes", "Memory of the rows that are decoded.", memory)
        spool = self._engine.spool.used_bytes
        yield GaugeMetricFamily("levada_spool_bytes", "Disk space of slow readers and of arriving rows.", spool)

    def pages(self, loop: asyncio.AbstractEventLoop) -> Pages:
        """Return the pages of a server that runs in a loop."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        ProcessCollector(registry=registry)
        made: tuple[float, bytes] = 0.0, b""

        async def metrics() -> Page:
            nonlocal made
            now = time.monotonic()
            if not made[1] or now - made[0] > FRESH_S:
                made = now, generate_latest(registry)
            return Page(HTTPStatus.OK, made[1], CONTENT_TYPE_LATEST)

        async def ready() -> Page:
            if obstacles := self._supervision.obstacles:
                return Page(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {', '.join(obstacles)}\n".encode())
            return Page(HTTPStatus.OK, b"ready\n")

        async def live() -> Page:
            turn = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop))
            try:
                async with asyncio.timeout(ALIVE_S):
                    await turn
            except TimeoutError:
                return Page(HTTPStatus.SERVICE_UNAVAILABLE, f"no turn within {ALIVE_S:.0f} s\n".encode())
            return Page(HTTPStatus.OK, b"alive\n")

        return {"/metrics": metrics, "/ready": ready, "/live": live}


def _counted(figures: Figures) -> Iterator[Metric]:
    jobs = [((state,), count) for state, count in figures.jobs.items()]
    said = f"Jobs in the database, counted every {FIGURES_S:.0f} s, or less often if that takes long."
    yield _gauge("levada_jobs", said, ("state",), jobs)
    queues = [((name.schema, name.table), queue) for name, queue in figures.queues.items()]
    for name, what in (("waiting", "Jobs that a worker could take"), ("running", "Jobs that workers hold")):
        values = [(labels, getattr(queue, name)) for labels, queue in queues]
        said = f"{what}, counted every {FIGURES_S:.0f} s."
        yield _gauge(f"levada_jobs_{name}", said, ("schema", "table"), values)
    yield GaugeMetricFamily("levada_workers", "Worker sessions that are alive.", figures.workers)
    lost = figures.lost_workers
    yield GaugeMetricFamily("levada_workers_lost", "Worker sessions that fell silent within a day.", lost)
    if figures.backup_time is not None:
        moment = figures.backup_time.timestamp()
        yield GaugeMetricFamily("levada_backup_timestamp_seconds", "When the last backup ended.", moment)


def _gauge(name: str, what: str, labels: Iterable[str], values: _Values) -> Metric:
    family = GaugeMetricFamily(name, what, labels=list(labels))
    for key, value in values:
        family.add_metric(key, value)
    return family


def _counter(name: str, what: str, labels: Iterable[str], values: _Values) -> Metric:
    family = CounterMetricFamily(name, what, labels=list(labels))
    for key, value in values:
        family.add_metric(key, value)
    return family
