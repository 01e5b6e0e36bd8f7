"""No background task dies silently: whatever ends its round is logged, the next begins, and health shows both."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import levada as lv
from levada_server import app
from levada_server.app import running
from levada_server.config import AlertSettings, Settings
from levada_server.errors import Unavailable
from levada_server.monitoring import alerts
from levada_server.monitoring.alerts import Alerts
from levada_server.monitoring.metrics import ServerMetrics
from levada_server.operations.audit import Audit
from levada_server.operations.downstream import Downstream
from levada_server.reach import Reach
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.permissions.cache import PermissionsCache
from levada_server.supervision import Supervision
from tests.conftest import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.storage.objects.storage import StoreFolders

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
TIMEOUT_S = 30.0

TASKS: dict[str, tuple[Any, str, bool]] = {  # Any: a class or a module
    "alerts": (Alerts, "round", False),
    "audit": (Audit, "flush", False),
    "audit-months": (app, "_keep_audit", False),
    "catalog": (CatalogCache, "catch_up", True),
    "changes": (app, "_merge_changes", False),
    "downstream": (Downstream, "refresh", False),
    "figures": (ServerMetrics, "count", False),
    "outcomes": (app, "forget_past_days", False),
    "permissions": (app, "_keep_permissions", True),
    "postgresql": (Reach, "look", True),
    "token-uses": (PermissionsCache, "write_uses", False),
}
"""The function that each background task calls, and whether the server is ready only with it."""
INTERVALS = (
    "EVERY_S",
    "KEEP_UP_S",
    "PERMISSIONS_S",
    "USES_S",
    "FLUSH_S",
    "FIGURES_S",
    "MERGE_S",
    "SETTLED_S",
    "TIDY_INTERVAL_S",
)
"""Their pauses."""
FAULTS = {
    "bug": RuntimeError("boom"),
    "driver": asyncpg.InternalClientError("got result for unknown protocol state 3"),
    "cancelled": asyncio.CancelledError(),
    "out of reach": Unavailable("PostgreSQL is out of reach; try again."),
}


@asynccontextmanager
async def health_of(database_url: str) -> AsyncIterator[health_pb2_grpc.HealthStub]:
    """Serve a database, and give the health of the server."""
    told = AlertSettings("http://127.0.0.1:1", None)  # there is nothing to tell
    settings = Settings(database_url, Path(), "127.0.0.1:0", grace_s=0.1, metrics=("127.0.0.1", 0), alerts=told)
    async with running(settings) as (_, address), grpc.aio.insecure_channel(address) as channel:
        yield health_pb2_grpc.HealthStub(channel)


async def until(health: health_pb2_grpc.HealthStub, service: str, status: int) -> None:
    """Wait until a service has a status."""
    async for answer in health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S):
        if answer.status == status:
            return


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", TASKS)
async def test_a_background_task_that_fails_is_logged_and_begins_again(
    name: str, fault: str, database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place, function, essential = TASKS[name]
    work, failing = getattr(place, function), False
    rounds = 0

    async def round_of_work(*arguments: object) -> None:
        nonlocal rounds
        if failing:
            raise FAULTS[fault]
        rounds += 1
        await work(*arguments)

    monkeypatch.setattr(place, function, round_of_work)
    for pause in INTERVALS:
        monkeypatch.setattr(app, pause, 0.05)
    monkeypatch.setattr(alerts, "EVERY_S", 0.05)
    monkeypatch.setattr("levada_server.operations.downstream.ROUND_S", 0.05)
    async with health_of(database_url) as health:
        await until(health, "", SERVING)
        failing = True
        await until(health, f"background.{name}", NOT_SERVING)
        await until(health, "levada_api.v1.QueryService", NOT_SERVING if essential else SERVING)
        before, failing = rounds, False
        await until(health, f"background.{name}", SERVING)
        await until(health, "", SERVING)
        assert rounds > before
    assert any(f"background task {name} " in record.getMessage() for record in caplog.records)


async def test_a_failing_task_pauses_longer_each_time_and_closing_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            enough.set()
        await sleep(0)

    async def fail() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("levada_server.supervision.asyncio.sleep", note)
    logging.getLogger("levada.server").disabled = True
    try:
        supervision = Supervision()
        supervision.repeat("nothing", fail, 1.0)
        await enough.wait()
        await supervision.close()
    finally:
        logging.getLogger("levada.server").disabled = False
    assert pauses[:6] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    ended = len(pauses)
    await sleep(0.01)
    assert len(pauses) == ended


def test_changes_of_tables_are_merged_even_if_nobody_asks_for_them(
    database_url: str, store_folders: StoreFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MERGE_S", 0.01)
    monkeypatch.setattr(app, "SETTLED_S", 0.01)

    async def count() -> int:
        connection = await asyncpg.connect(database_url)
        try:
            for _ in range(10_000):  # until the last one is over for everybody
                found: int = await connection.fetchval("SELECT count(*) FROM levada.table_change")
                if found == 1:
                    break
            return found
        finally:
            await connection.close()

    with served(database_url, stores=store_folders) as address, lv.Connection(address) as connection:
        schema = lv.Schema("merged", connection=connection)

        @schema
        class Number(lv.Manual):
            definition = "n : int32"

        for number in range(5):
            Number.insert1((number,))
        assert asyncio.run(count()) == 1
