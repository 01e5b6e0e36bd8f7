"""An embedded PostgreSQL that dies is started again, and health tells the truth meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from levada_api.v1 import schema_service_pb2, schema_service_pb2_grpc
from levada_server import reach
from levada_server.app import running, serve
from levada_server.config import Settings
from levada_server.errors import Unavailable
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "win32":
    pytest.skip("The embedded PostgreSQL needs Linux or macOS.", allow_module_level=True)

TIMEOUT_S = 60.0
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def settings() -> Iterator[Settings]:
    """The settings of a server with its own database, in a folder that the user of PostgreSQL can reach."""
    with tempfile.TemporaryDirectory(prefix="levada-reach-") as parent:
        Path(parent).chmod(0o711)
        yield Settings(None, Path(parent) / "data", private_address(), grace_s=0.1)


def postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().partition("\n")[0])


async def test_a_killed_postgresql_comes_back_and_health_tells_so(settings: Settings) -> None:
    async with running(settings) as (_, address), grpc.aio.insecure_channel(address) as channel:
        schemas = schema_service_pb2_grpc.SchemaServiceStub(channel)
        await schemas.CreateSchema(schema_service_pb2.CreateSchemaRequest(name="lab"))
        health = health_pb2_grpc.HealthStub(channel)
        seen: list[int] = []
        for service in ("", "levada_api.v1.RowService"):
            watch = health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)
            async for answer in watch:
                if not seen or answer.status != seen[-1]:
                    seen.append(answer.status)
                if len(seen) == 1:
                    os.kill(postmaster(settings.data_folder), signal.SIGKILL)
                if len(seen) == 3:
                    break
            watch.cancel()
            assert seen == [SERVING, NOT_SERVING, SERVING]
            seen = []
            found = await schemas.ListSchemas(schema_service_pb2.ListSchemasRequest())
            assert [schema.name for schema in found.schemas] == ["lab"]


async def test_a_server_ends_with_an_error_if_its_postgresql_cannot_be_started_for_long(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "GIVE_UP_S", 0.0)
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(settings, lambda _: ready.set()))
    await ready.wait()
    (settings.data_folder / "postgres" / "global").rename(settings.data_folder / "gone")
    os.kill(postmaster(settings.data_folder), signal.SIGKILL)
    with pytest.raises(Unavailable, match="cannot be started again"):
        await asyncio.wait_for(serving, TIMEOUT_S)
