"""A status carries an error's code, reason and details over a real channel."""

from __future__ import annotations

from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from levada_api.v1 import query_service_pb2, query_service_pb2_grpc, relation_pb2, schema_pb2
from levada_server import errors
from levada_server.rpc.status import internal, status

HEADER_BYTES = 8_192
"""gRPC's clients refuse more, at random up to twice as many, and always past that."""
ENTRY_BYTES = 32
"""HTTP/2 counts them for each header beside its name and value."""


def test_a_status_carries_code_reason_and_details() -> None:
    code, rich = status(errors.WrongValue("what is wrong", table="lab.Subject", row=3, missing=None))
    assert (code, rich.message) == (grpc.StatusCode.INVALID_ARGUMENT, "what is wrong")
    info = error_details_pb2.ErrorInfo()
    assert rich.details[0].Unpack(info)
    assert (info.domain, info.reason) == ("levada", "WRONG_VALUE")
    assert dict(info.metadata) == {"table": "lab.Subject", "row": "3"}


def test_an_internal_fault_tells_its_incident_and_nothing_of_the_inside() -> None:
    code, rich = internal("abc123")
    assert code is grpc.StatusCode.INTERNAL
    assert "abc123" in rich.message


def refused(server_address: str, schema: str) -> grpc.Call:
    """Ask for a schema that does not exist."""
    table = schema_pb2.TableName(schema=schema, table="Nothing")
    node = relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=table))
    request = query_service_pb2.CountRelationRequest(relation=relation_pb2.Relation(nodes=[node]))
    with grpc.insecure_channel(server_address) as channel, pytest.raises(grpc.RpcError) as caught:
        query_service_pb2_grpc.QueryServiceStub(channel).CountRelation(request)
    assert isinstance(caught.value, grpc.Call)
    return caught.value


def told(call: grpc.Call) -> tuple[status_pb2.Status, error_details_pb2.ErrorInfo]:
    rich = rpc_status.from_call(call)
    assert rich is not None
    info = error_details_pb2.ErrorInfo()
    assert rich.details[0].Unpack(info)
    return rich, info


def test_a_status_arrives_whole(server_address: str) -> None:
    rich, info = told(refused(server_address, "nowhere"))
    assert (info.reason, dict(info.metadata)) == ("UNKNOWN_SCHEMA", {"schema": "nowhere"})
    assert "create it first" in rich.message


@pytest.mark.parametrize("letter", ["Q", "%", "\n", "é", "🐭"])
@pytest.mark.parametrize("length", [200, 1_000, 60_000])
def test_the_status_of_long_names_fits_into_headers(server_address: str, letter: str, length: int) -> None:
    call = refused(server_address, letter * length)
    rich, info = told(call)
    assert (call.code(), info.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_SCHEMA")
    assert rich.message == call.details()
    assert letter * 100 in rich.message
    assert letter * 10 in info.metadata["schema"]
    assert ("…" in rich.message) is (not rich.message.endswith("."))
    trailers = call.trailing_metadata() or ()
    size = sum(len(key) + len(value) * 4 / 3 + ENTRY_BYTES for key, value in trailers) + len(quote(rich.message))
    assert size < HEADER_BYTES
