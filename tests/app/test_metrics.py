"""The pages of a running server for people who watch over it: metrics that move with its work, readiness, liveness."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

import levada as lv
from levada_server import app
from levada_server.app import running
from levada_server.config import Settings
from levada_server.errors import Unavailable
from levada_server.monitoring import metrics, pages
from levada_server.storage.postgres.database import Database
from levada_server.supervision import Supervision
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SERVE = [sys.executable, "-m", "levada_server", "serve"]
ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(address: str, page: str) -> tuple[int, str]:
    """Read a page; return its status and its text."""
    try:
        with OPENER.open(f"http://{address}{page}", timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


class Scrape:
    """The samples of a scrape."""

    def __init__(self, address: str) -> None:
        _, text = get(address, "/metrics")
        self.labels: set[str] = set()
        self._values = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._values[sample.name, frozenset(sample.labels.items())] = sample.value
                self.labels.update(sample.labels.values())

    def __call__(self, name: str, **labels: str) -> float:
        return self._values.get((name, frozenset(labels.items())), 0.0)


def fresh(address: str, name: str, least: float, **labels: str) -> Scrape:
    """Scrape until a value is at least a number, because a page is kept for a second."""
    deadline = time.monotonic() + TIMEOUT_S
    while (scrape := Scrape(address))(name, **labels) < least:
        assert time.monotonic() < deadline, (name, labels, scrape(name, **labels))
    return scrape


@contextmanager
def watched(database_url: str, *options: str) -> Iterator[tuple[str, list[str]]]:
    """Run a server; yield its address and those of its metrics."""
    arguments = ("--database-url", database_url, "--metrics", "0", "--grace", "0.1", *options)
    process = subprocess.Popen(
        [*SERVE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().split()[4]
        count = int(options[options.index("--processes") + 1]) if "--processes" in options else 1
        places: list[str] = []
        while len(places) < count:
            places += re.findall(r"metrics at http://(\S+)/metrics", process.stderr.readline())
        yield address, places
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_metrics_move_with_the_work_of_the_server(database_url: str) -> None:
    with watched(database_url, "--listen", private_address()) as (address, (page,)), lv.Connection(address) as at:
        before = Scrape(page)
        assert before("levada_ready") == 1
        assert before("levada_jobs", state="error") == 0
        schema = lv.Schema("lab_of_secrets", connection=at)

        @schema
        class Thing(lv.Manual):
            definition = "id : int32\n---\nnote : varchar(40)\n"

        Thing.insert([{"id": number, "note": "nobody's business"} for number in range(250)])
        assert len(Thing.to_arrow()) == 250
        with pytest.raises(lv.errors.DuplicateEntity):
            Thing.insert([{"id": 1, "note": ""}])
        with at.transaction:
            inside = fresh(page, "levada_connections_used", 1, share="transactions")
        assert inside("levada_calls_running", method="SessionService/OpenSession") == 1
        after = fresh(page, "levada_errors_total", 1, reason="DUPLICATE_ENTITY")
        inserted = after("levada_calls_total", method="RowService/InsertFewRows", code="OK") + after(
            "levada_calls_total", method="RowService/InsertRows", code="OK"
        )
        assert inserted == 1
        assert after("levada_rows_changed_total") >= 250
        assert after("levada_rows_read_total") >= 250
        assert after("levada_received_bytes_total") > before("levada_received_bytes_total") + 1000
        assert after("levada_sent_bytes_total") > before("levada_sent_bytes_total") + 1000
        took = "levada_call_duration_seconds"
        created = "SchemaService/CreateSchema"
        assert after(f"{took}_count", method=created) == 1
        assert after(f"{took}_bucket", method=created, le="+Inf") == 1
        assert 0 < after(f"{took}_sum", method=created) < TIMEOUT_S
        assert after("levada_connections_limit", share="calls") == 20
        assert after("process_resident_memory_bytes") > 0 or sys.platform != "linux"
        assert not {label for label in after.labels if "secret" in label or "Thing" in label or "nobody's" in label}


SQUARE = {"schema": "lab", "table": "Square"}


def squares(at: lv.Connection, page: str) -> type[lv.Computed]:
    """Six numbers, and a table whose make fails, once the metrics have it."""
    schema = lv.Schema("lab", connection=at)

    @schema
    class Number(lv.Lookup):
        definition = "n : int32"
        contents = ((n,) for n in range(6))

    @schema
    class Square(lv.Computed):
        definition = "-> Number"

        def make(self, key: dict[str, int]) -> None:
            held = fresh(page, "levada_jobs_running", 1, **SQUARE)
            assert held("levada_jobs_waiting", **SQUARE) == 3
            raise ValueError("it fails")

    return Square


async def test_the_queue_of_each_table_is_counted_with_the_jobs_that_workers_hold(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "FIGURES_S", 0.05)
    monkeypatch.setattr(metrics, "RESTS", 0.0)

    def compute(address: str, page: str) -> None:
        with lv.Connection(address) as at:
            square = squares(at, page)
            square().jobs.refresh()
            assert fresh(page, "levada_jobs_waiting", 6, **SQUARE)("levada_jobs_running", **SQUARE) == 0
            assert (square().jobs & "n < 2").ignore() == 2
            assert square.populate("n = 2", suppress_errors=True)["success_count"] == 0
            left = fresh(page, "levada_jobs", 1, state="error")
            assert (left("levada_jobs_waiting", **SQUARE), left("levada_jobs_running", **SQUARE)) == (3, 0)

    async with served(database_url) as (address, page):
        await asyncio.to_thread(compute, address, page)


async def test_jobs_of_all_states_are_counted_seldom_and_queues_go_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "FIGURES_S", 0.05)
    monkeypatch.setattr(metrics, "RESTS", 1e9)

    def compute(address: str, page: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while "pending" not in Scrape(page).labels:
            assert time.monotonic() < deadline
        with lv.Connection(address) as at:
            squares(at, page)().jobs.refresh()
            assert fresh(page, "levada_jobs_waiting", 6, **SQUARE)("levada_jobs", state="pending") == 0

    async with served(database_url) as (address, page):
        await asyncio.to_thread(compute, address, page)


def test_each_of_several_processes_has_a_port_of_its_own_and_all_together_have_every_call(database_url: str) -> None:
    with watched(database_url, "--listen", "127.0.0.1:0", "--processes", "2") as (address, places):
        for _ in range(12):
            with lv.Connection(address) as at:
                lv.list_schemas(connection=at)
        counted: list[float] = []
        deadline = time.monotonic() + TIMEOUT_S
        while sum(counted) < 12:
            assert time.monotonic() < deadline, counted
            asked = {"method": "SchemaService/ListSchemas", "code": "OK"}
            counted = [Scrape(page)("levada_calls_total", **asked) for page in places]
        assert len(places) == 2
        jobs = ["error" in Scrape(page).labels for page in places]
        assert sorted(jobs) == [False, True]  # what is in the database is counted once


@asynccontextmanager
async def served(database_url: str, supervision: Supervision | None = None) -> AsyncIterator[tuple[str, str]]:
    """Run a server in this process; yield its address and that of its pages."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    settings = Settings(database_url, Path(), private_address(), grace_s=0.1, metrics=("127.0.0.1", port))
    async with running(settings, supervision=supervision) as (_, address):
        yield address, f"127.0.0.1:{port}"


async def test_it_is_not_ready_while_postgresql_is_away_but_alive(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, probe = False, Database.probe

    async def probed(self: Database) -> None:
        if away:
            raise Unavailable("PostgreSQL is out of reach; try again.")
        await probe(self)

    monkeypatch.setattr(Database, "probe", probed)
    monkeypatch.setattr(app, "EVERY_S", 0.05)
    async with served(database_url) as (_, page):
        assert await status(page, "/ready", 200) == "ready\n"
        away = True
        assert await status(page, "/ready", 503) == "not ready: postgresql\n"
        assert await status(page, "/live", 200) == "alive\n"
        away = False
        await status(page, "/ready", 200)
        assert "/metrics, /ready, /live" in await status(page, "/nothing", 404)
    with pytest.raises(urllib.error.URLError):
        await asyncio.to_thread(get, page, "/live")


async def test_it_is_not_ready_from_the_moment_when_it_is_told_to_stop(database_url: str) -> None:
    supervision = Supervision()
    async with served(database_url, supervision) as (address, page), grpc.aio.insecure_channel(address) as channel:
        asked = health_pb2.HealthCheckRequest(service="levada_api.v1.RowService")
        health = health_pb2_grpc.HealthStub(channel)
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.SERVING
        assert await checked(page) == 0
        await supervision.drain()
        assert await checked(page) == 1
        assert await status(page, "/ready", 503) == "not ready: stopping\n"
        assert await status(page, "/live", 200) == "alive\n"
        assert (await health.Check(asked)).status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_server_whose_event_loop_stands_still_is_not_alive_and_its_metrics_are_served_still(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "ALIVE_S", 0.1)
    async with served(database_url) as (_, page):
        answers: list[tuple[int, str]] = []
        asking = threading.Thread(target=lambda: answers.extend(get(page, path) for path in ("/live", "/metrics")))
        asking.start()
        asking.join(TIMEOUT_S)  # the loop takes no turn until the thread has its answers
        assert [code for code, _ in answers] == [503, 200]
        assert await status(page, "/live", 200) == "alive\n"


async def test_clients_that_ask_for_nothing_keep_no_other_waiting_and_are_cut_off(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "REQUEST_S", 1.0)
    async with served(database_url) as (_, page):
        host, port = page.split(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(pages.MAX_CONNECTIONS - 1)]
        assert await status(page, "/live", 200)
        silent += [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        async with asyncio.timeout(TIMEOUT_S):
            assert [await reader.read() for reader, _ in silent] == [b""] * len(silent)
        for _, writer in silent:
            writer.close()


def test_an_address_that_is_taken_is_reported(database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ("--database-url", database_url, "--listen", private_address(), "--metrics", str(port))
        ended = subprocess.run([*SERVE, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"Metrics cannot be served at 127.0.0.1:{port}" in ended.stderr


async def checked(page: str) -> int:
    """Run the health check of docker-compose.yml on a server; return its exit code."""
    (code,) = re.findall(r"- (import urllib.*)", (ROOT / "docker-compose.yml").read_text())
    here = code.replace("127.0.0.1:9464", page)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", here, stderr=subprocess.DEVNULL)
    return await process.wait()


async def status(page: str, path: str, wanted: int) -> str:
    """Read a page until it has a status, and return its text."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            found, text = await asyncio.to_thread(get, page, path)
            if found == wanted:
                return text
