"""A status carries an error's code, reason and details over a real channel."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from levada_api.v1 import query_service_pb2, query_service_pb2_grpc, relation_pb2, schema_pb2
from levada_server import errors
from levada_server.rpc.status import internal, status


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


def test_a_status_arrives_whole(server_address: str) -> None:
    table = schema_pb2.TableName(schema="nowhere", table="Nothing")
    node = relation_pb2.RelationNode(table=relation_pb2.TableOperand(name=table))
    request = query_service_pb2.CountRelationRequest(relation=relation_pb2.Relation(nodes=[node]))
    with grpc.insecure_channel(server_address) as channel, pytest.raises(grpc.RpcError) as caught:
        query_service_pb2_grpc.QueryServiceStub(channel).CountRelation(request)
    rich = rpc_status.from_call(caught.value)
    assert rich is not None
    info = error_details_pb2.ErrorInfo()
    assert rich.details[0].Unpack(info)
    assert (info.reason, dict(info.metadata)) == ("UNKNOWN_SCHEMA", {"schema": "nowhere"})
    assert "create it first" in rich.message
