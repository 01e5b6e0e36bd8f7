"""A client and a server that are too old for each other say which of the two to upgrade."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

import levada as lv
from levada._net.versions import OLDEST_SERVER, check_server, client_name
from levada.errors import VersionMismatch
from levada_api.v1.server_service_pb2 import GetServerInfoResponse
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.client_version import check_client
from levada_server.rpc.server import RpcServer
from tests.support.private_address import private_address

if TYPE_CHECKING:
    from levada_server.operations.context import Engine


def test_this_client_and_a_server_of_the_same_release_work_together() -> None:
    check_client(client_name())
    check_server(GetServerInfoResponse(version=version("levada")), "lab:50051")


@pytest.mark.parametrize("served", [OLDEST_SERVER, "0.10.0", "12.0.0rc1"])
def test_newer_servers_are_fine(served: str) -> None:
    check_server(GetServerInfoResponse(version=served, oldest_client_version="0.1.0"), "lab:50051")


def test_a_newer_server_that_needs_a_newer_client_says_to_upgrade_the_client() -> None:
    info = GetServerInfoResponse(version="999.1.0", oldest_client_version="999.0.0")
    with pytest.raises(VersionMismatch, match=r"Upgrade the client: install Levada 999\.0\.0 or newer"):
        check_server(info, "lab:50051")


@pytest.mark.parametrize("served", ["0.0.9", "unreleased", ""])
def test_an_older_server_is_to_be_upgraded(served: str) -> None:
    with pytest.raises(VersionMismatch, match=r"server at lab:50051 has version .*Upgrade the server"):
        check_server(GetServerInfoResponse(version=served), "lab:50051")


async def test_a_connection_to_an_older_server_is_refused(engine: Engine) -> None:
    server = RpcServer(engine, "0.0.9", embedded=False, transaction_limits=TransactionLimits())
    address = server.listen(private_address())
    await server.start()
    try:
        with pytest.raises(VersionMismatch, match=f"{address} has version 0.0.9, .* needs {OLDEST_SERVER} or newer"):
            await asyncio.to_thread(lv.Connection, address)
    finally:
        await server.stop(0)
