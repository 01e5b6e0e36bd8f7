"""The table of methods agrees with the descriptors."""

from __future__ import annotations

from levada_api.methods import METHODS
from levada_api.v1 import query_service_pb2, row_service_pb2, schema_service_pb2, session_service_pb2


def test_every_method_of_every_service_is_in_the_table() -> None:
    files = (query_service_pb2, row_service_pb2, schema_service_pb2, session_service_pb2)
    for file in files:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                assert METHODS[f"{service.name}/{method.name}"].path == f"/{service.full_name}/{method.name}"


def test_what_only_reads_may_be_repeated() -> None:
    assert all(method.idempotent for method in METHODS.values() if method.reads)


def test_streams_carry_the_methods_whose_requests_they_have() -> None:
    assert METHODS["QueryService/CountRelation"].call_field == "count_relation"
    assert METHODS["QueryService/CountRelation"].session_field == "count_relation"
    assert METHODS["RowService/InsertFewRows"].call_field == "insert_few_rows"
    assert METHODS["RowService/InsertFewRows"].session_field == ""
    assert METHODS["SchemaService/CreateSchema"].call_field == ""
    carried = {method.call_field for method in METHODS.values()} - {""}
    fields = session_service_pb2.OpenCallsRequest.DESCRIPTOR.oneofs_by_name["request"].fields
    assert carried == {field.name for field in fields}


def test_a_change_may_be_repeated_under_its_id() -> None:
    insert, create = METHODS["RowService/InsertFewRows"], METHODS["SchemaService/CreateSchema"]
    few = row_service_pb2.InsertFewRowsRequest()
    assert not insert.repeatable(few)
    few.header.request_id = "a"
    assert insert.request_id(few) == "a"
    assert insert.repeatable(few)
    assert create.repeatable(schema_service_pb2.CreateSchemaRequest(request_id="b"))
    assert METHODS["QueryService/CountRelation"].repeatable(query_service_pb2.CountRelationRequest())
