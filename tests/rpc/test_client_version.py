"""Clients that are too old are refused with advice on what to do."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from levada_api.v1 import schema_service_pb2 as pb
from levada_api.v1 import schema_service_pb2_grpc as pb_grpc
from levada_api.v1 import server_service_pb2, server_service_pb2_grpc
from levada_server.errors import InvalidRequest, VersionMismatch
from levada_server.rpc.client_version import CLIENT, OLDEST_CLIENT, check_client

MAJOR, MINOR, PATCH = map(int, OLDEST_CLIENT.split("."))


@pytest.mark.parametrize(
    "named",
    [
        "",
        f"python/{OLDEST_CLIENT}",
        f"matlab/{MAJOR}.{MINOR}.{PATCH + 1}",
        f"julia/{MAJOR + 1}.0.0",
        f"python/{MAJOR}.{MINOR + 9}.0",
        f"python/{MAJOR}.{MINOR + 1}.0.dev1+g1a2b",
    ],
)
def test_clients_that_are_new_enough_or_unnamed_are_served(named: str) -> None:
    check_client(named)


@pytest.mark.parametrize(
    ("named", "upgrade"),
    [
        ("python/0.0.9", "install Levada"),
        ("python/0.0.9.post1", "install Levada"),
        ("matlab/0.0.10", "toolbox"),
        ("julia/0.0.1", "take release"),
    ],
)
def test_an_older_client_learns_how_to_upgrade(named: str, upgrade: str) -> None:
    with pytest.raises(VersionMismatch, match=f"Upgrade the client: .*{upgrade}.*{OLDEST_CLIENT}") as caught:
        check_client(named)
    assert caught.value.details == {"client": named, "oldest": OLDEST_CLIENT}


@pytest.mark.parametrize(
    "named", ["python", "python/1", "python/1.2.3.4", "/0.1.0", "0.1.0", "python/0.1.0" + "x" * 99]
)
def test_a_client_without_a_version_is_refused(named: str) -> None:
    with pytest.raises(InvalidRequest, match=f"send it as `python/{OLDEST_CLIENT}`"):
        check_client(named)


def test_an_older_client_is_refused_and_can_still_ask_for_what_it_needs(server_address: str) -> None:
    old = ((CLIENT, "python/0.0.9"),)
    with grpc.insecure_channel(server_address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            pb_grpc.SchemaServiceStub(channel).ListSchemas(pb.ListSchemasRequest(), metadata=old)
        ask = server_service_pb2_grpc.ServerServiceStub(channel).GetServerInfo
        assert ask(server_service_pb2.GetServerInfoRequest(), metadata=old).oldest_client_version == OLDEST_CLIENT
    rich = rpc_status.from_call(caught.value)
    assert rich is not None
    info = error_details_pb2.ErrorInfo()
    assert rich.details[0].Unpack(info)
    assert (caught.value.code(), info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "VERSION_MISMATCH")
