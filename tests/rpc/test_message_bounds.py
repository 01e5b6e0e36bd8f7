"""Too many elements or fields of a request are found before it is parsed, and in little time."""

from __future__ import annotations

import pytest

from levada_api.v1 import job_service_pb2 as services
from levada_api.v1 import query_service_pb2 as queries
from levada_api.v1 import relation_pb2 as relations
from levada_server.errors import LimitReached
from levada_server.rpc.message_bounds import MAX_ELEMENTS, MAX_STEPS, PLAIN_BYTES, check_size, count_elements

MESSAGE = "levada_api.v1.FetchRelationRequest"
DIGEST = b"\x20\x01"
"""A field that may come once."""
UNKNOWN = b"\xf8\x01\x00"
"""A field of number 31, which no message has."""


def varint(value: int) -> bytes:
    octets = []
    while value > 127:
        octets.append(value & 127 | 128)
        value >>= 7
    return bytes([*octets, value])


def within(content: bytes) -> bytes:
    """Put fields into a relation of the request."""
    return b"\x0a" + varint(len(content)) + content


MANY = {
    "an unknown field": UNKNOWN * (MAX_ELEMENTS + 1),
    "unknown fields of different numbers": b"".join(varint(n << 3) + b"\0" for n in range(100, 101 + MAX_ELEMENTS)),
    "a field that may come once": DIGEST * (MAX_ELEMENTS + 2),
    "an unknown field in a message": within(UNKNOWN * (MAX_ELEMENTS + 1)),
    "an unknown field in many messages": within(UNKNOWN * 10) * (MAX_ELEMENTS // 10 + 1),
}


@pytest.mark.parametrize("content", MANY.values(), ids=MANY.keys())
def test_fields_that_mean_nothing_are_refused_before_they_are_all_looked_at(content: bytes) -> None:
    with pytest.raises(LimitReached, match="fields"):
        count_elements(MESSAGE, content, MAX_STEPS)


def test_a_large_message_without_rows_is_refused() -> None:
    with pytest.raises(LimitReached, match=f"at most {PLAIN_BYTES}"):
        check_size("levada_api.v1.CreateSchemaRequest", b"x" * (PLAIN_BYTES + 1))
    check_size("levada_api.v1.InsertRowsRequest", b"x" * (PLAIN_BYTES + 1))


def test_a_list_with_too_many_elements_is_named() -> None:
    many = services.RenewWorkerSessionsRequest(worker_sessions=["s"] * (MAX_ELEMENTS + 1)).SerializeToString()
    with pytest.raises(LimitReached, match="`worker_sessions` has more than"):
        count_elements("levada_api.v1.RenewWorkerSessionsRequest", many, MAX_STEPS)


def test_some_unknown_fields_of_a_newer_client_are_allowed() -> None:
    count_elements(MESSAGE, UNKNOWN * 1000 + DIGEST + within(UNKNOWN * 1000), MAX_STEPS)


def test_a_large_relation_is_allowed() -> None:
    entry = relations.RelationNode(restrict=relations.Restrict(operand=1, condition=2))
    relation = relations.Relation(nodes=[entry] * 50_000)
    count_elements(MESSAGE, queries.FetchRelationRequest(relation=relation, digest=True).SerializeToString(), MAX_STEPS)
