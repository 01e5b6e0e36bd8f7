"""The metrics of a worker, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada._base.errors import InvalidRequest
from levada._base.installation import install_command
from levada._crew.reports import Began, Died, Ended, Finished, FinishedDiscovery, Ready
from levada._worker.events import Observer

if TYPE_CHECKING:
    from levada._crew.reports import Report

_BUCKETS_SECONDS = (0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600)


class Metrics(Observer):
    """Counts events, and serves the counts at `http://HOST:PORT/metrics` until closed.

    Args:
        host: The address to listen on.
        port: The port there, 0 for any free one.

    Raises:
        InvalidRequest: prometheus-client is missing, or the address cannot be used.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            import prometheus_client as prometheus  # only metrics need it
        except ImportError:
            raise InvalidRequest(f"Metrics need prometheus-client; run {install_command('worker')}.") from None
        registry = prometheus.CollectorRegistry()
        table = ("schema", "table")
        self._jobs = prometheus.Counter(
            "levada_jobs",
            "Jobs that ended: success, unready, error, lost to another worker, or released.",
            (*table, "state"),
            registry=registry,
        )
        self._seconds = prometheus.Histogram(
            "levada_make_duration_seconds", "How long make ran.", table, buckets=_BUCKETS_SECONDS, registry=registry
        )
        self._discovered = prometheus.Counter(
            "levada_discovered_rows", "New rows that discover found.", table, registry=registry
        )
        self._discoveries = prometheus.Counter(
            "levada_discoveries",
            "Calls of discover that ended: success, error, or lost to another worker.",
            (*table, "state"),
            registry=registry,
        )
        self._in_hand = prometheus.Gauge("levada_jobs_in_hand", "Running computations.", registry=registry)
        self._processes = prometheus.Gauge("levada_processes", "Computing processes.", registry=registry)
        self._died = prometheus.Counter("levada_processes_died", "Processes that died.", registry=registry)
        self._reachable = prometheus.Gauge("levada_server_reachable", "1: the server answers.", registry=registry)
        self._reachable.set(1)
        self._computing: set[int] = set()
        self._ready: set[int] = set()
        try:
            self._server, self._thread = prometheus.start_http_server(port, host, registry)
        except OSError as error:
            raise InvalidRequest(f"Metrics cannot be served at {host}:{port}: {error}.") from None

    @property
    def port(self) -> int:
        """The address that it listens on."""
        return int(self._server.server_port)

    def reported(self, report: Report) -> None:
        """Count processes and jobs."""
        match report:
            case Ready(pid):
                self._ready.add(pid)
            case Began(pid):
                self._computing.add(pid)
            case Ended(pid):
                self._computing.discard(pid)
            case Finished():
                table = (report.lease.table.schema, report.lease.table.table)
                self._jobs.labels(*table, report.state).inc()
                self._seconds.labels(*table).observe(report.seconds)
            case FinishedDiscovery():
                schema, _, name = report.table.partition(".")
                self._discoveries.labels(schema, name, report.state).inc()
                self._discovered.labels(schema, name).inc(report.row_count)
            case Died(pid, code):
                self._computing.discard(pid)
                self._ready.discard(pid)
                if code != 0:
                    self._died.inc()
            case _:
                pass
        self._in_hand.set(len(self._computing))
        self._processes.set(len(self._ready))

    def happened(self, event: str, text: str, **details: object) -> None:
        """Record whether the server is in reach."""
        if event in ("server_lost", "server_back"):
            self._reachable.set(event == "server_back")

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
