"""Every error class has a code and a reason that clients know, and a status carries them over a real channel."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from levada_api.v1 import error_pb2, query_service_pb2, query_service_pb2_grpc, relation_pb2, schema_pb2
from levada_server import errors
from levada_server.rpc.status import TABLE, internal, status


def _all_subclasses(cls: type[errors.LevadaError]) -> set[type[errors.LevadaError]]:
    return {cls}.union(*(_all_subclasses(child) for child in cls.__subclasses__()))


@pytest.mark.parametrize("cls", sorted(_all_subclasses(errors.LevadaError) - {errors.LevadaError}, key=str))
def test_every_error_class_has_a_code_and_a_known_reason(cls: type[errors.LevadaError]) -> None:
    code, rich = status(cls("what is wrong", table="lab.Subject", row=3, missing=None))
    assert code is TABLE[cls][0]
    info = error_details_pb2.ErrorInfo()
    assert rich.details[0].Unpack(info)
    assert info.domain == "levada"
    assert error_pb2.ErrorReason.Value(f"ERROR_REASON_{info.reason}") > 0
    assert dict(info.metadata) == {"table": "lab.Subject", "row": "3"}


def test_every_reason_belongs_to_one_error_class() -> None:
    reasons = [reason for _, reason in TABLE.values()] + ["INTERNAL", "UNSPECIFIED"]
    assert sorted(reasons) == sorted(name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.keys())  # noqa: SIM118  # an enum's wrapper, no dict


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
