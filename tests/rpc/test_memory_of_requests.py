"""A request that was refused, or whose client left, takes no memory afterwards, though nobody collects garbage."""

from __future__ import annotations

import gc
import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import grpc
import pyarrow as pa
import pytest

from levada_api.v1 import query_service_pb2 as queries
from levada_api.v1 import relation_pb2 as relations
from levada_api.v1 import row_service_pb2 as rows
from levada_api.v1 import schema_pb2
from levada_api.v1 import session_service_pb2 as sessions
from tests.support.attacks import declare_target, insert, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.message import Message

CALLS = 5
BYTES = 3 * 2**20
NAME = schema_pb2.TableName(schema="lab", table="Thing")
HEADER = rows.InsertHeader(name=NAME)
NOISE = b"\xff" * BYTES
CONDITION = relations.Condition(entities=relations.EntitySet(arrow_ipc=NOISE))
RESTRICTED = relations.Relation(
    nodes=[
        relations.RelationNode(table=relations.TableOperand(name=NAME)),
        relations.RelationNode(restrict=relations.Restrict(operand=0, condition=0)),
    ],
    conditions=[CONDITION],
)


def one(channel: grpc.Channel, path: str, request: Message) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    call(request.SerializeToString())


def many(channel: grpc.Channel, path: str, request: Message) -> None:
    call: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path)
    list(call(request.SerializeToString()))


def gathered(channel: grpc.Channel, path: str, *requests: Message) -> None:
    call: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(path)
    call(request.SerializeToString() for request in requests)


def in_turn(channel: grpc.Channel, path: str, *requests: Message) -> None:
    call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
    list(call(request.SerializeToString() for request in requests))


REFUSED: dict[str, Callable[[grpc.Channel], None]] = {
    "one message": lambda channel: one(
        channel, "/levada_api.v1.RowService/InsertFewRows", rows.InsertFewRowsRequest(header=HEADER, arrow_ipc=NOISE)
    ),
    "one message with many answers": lambda channel: many(
        channel, "/levada_api.v1.QueryService/FetchRelation", queries.FetchRelationRequest(relation=RESTRICTED)
    ),
    "a stream": lambda channel: gathered(
        channel,
        "/levada_api.v1.RowService/InsertRows",
        rows.InsertRowsRequest(header=HEADER),
        rows.InsertRowsRequest(arrow_ipc=NOISE),
    ),
    "a request of a session": lambda channel: in_turn(
        channel,
        "/levada_api.v1.SessionService/OpenSession",
        sessions.OpenSessionRequest(fetch_relation=queries.FetchRelationRequest(relation=RESTRICTED)),
        sessions.OpenSessionRequest(insert_rows=rows.InsertRowsRequest(header=HEADER), more=True),
        sessions.OpenSessionRequest(insert_rows=rows.InsertRowsRequest(arrow_ipc=NOISE)),
    ),
    "a small call": lambda channel: in_turn(
        channel,
        "/levada_api.v1.SessionService/OpenCalls",
        sessions.OpenCallsRequest(count_relation=queries.CountRelationRequest(relation=RESTRICTED)),
    ),
}


@contextmanager
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_request_takes_no_memory(server_address: str, refused: Callable[[grpc.Channel], None]) -> None:
    def call() -> None:
        try:
            refused(channel)
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT

    with grpc.insecure_channel(server_address) as channel:
        declare_target(channel)
        call()
        with uncollected():
            for _ in range(CALLS):
                call()
            taken, _ = tracemalloc.get_traced_memory()
    assert taken < CALLS * BYTES / 2


ROWS = 3_000
READ_BYTES = 2**20
"""Bytes that are there once a result is being read; there will be more."""
PATIENCE_S = 5.0
FACTORS = [
    relations.RelationNode(
        project=relations.Project(
            operand=0,
            items=[
                relations.ProjectItem(
                    named=relations.NamedExpression(name=name, expression=relations.Expression(text="id"))
                )
            ],
        )
    )
    for name in "ab"
]
PRODUCT = queries.FetchRelationRequest(
    relation=relations.Relation(
        nodes=[
            relations.RelationNode(table=relations.TableOperand(name=NAME)),
            *FACTORS,
            relations.RelationNode(join=relations.Join(left=1, right=2)),
        ]
    )
)
"""Its result has 140 MB."""


class Pieces(Protocol):
    """The answers of a call, which has not ended."""

    def __next__(self) -> bytes: ...

    def cancel(self) -> bool: ...


def fetch(channel: grpc.Channel) -> Pieces:
    path = "/levada_api.v1.QueryService/FetchRelation"
    call: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path)
    return call(PRODUCT.SerializeToString())


def fetch_in_a_session(channel: grpc.Channel) -> Pieces:
    path = "/levada_api.v1.SessionService/OpenSession"
    call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
    return call(iter([sessions.OpenSessionRequest(fetch_relation=PRODUCT).SerializeToString()]))


def until(is_so: Callable[[int], bool]) -> int:
    """Wait until the memory taken is as it should be; return it. gRPC does not report when a handler is cleaned up."""
    end = time.monotonic() + PATIENCE_S
    while not is_so(taken := tracemalloc.get_traced_memory()[0]) and time.monotonic() < end:
        time.sleep(0.01)
    return taken


@pytest.mark.parametrize("begin", [fetch, fetch_in_a_session])
def test_a_reader_who_leaves_takes_no_memory(server_address: str, begin: Callable[[grpc.Channel], Pieces]) -> None:
    with grpc.insecure_channel(server_address) as channel:
        declare_target(channel)
        ids = pa.record_batch({"id": pa.array(range(ROWS), pa.int64())})
        one(channel, "/levada_api.v1.RowService/InsertFewRows", insert(stream(ids)))
        with uncollected():
            for _ in range(CALLS):
                before, _ = tracemalloc.get_traced_memory()
                pieces = begin(channel)
                next(pieces)
                until(lambda taken: taken > before + READ_BYTES)  # it waits for its reader  # noqa: B023  # called at once
                pieces.cancel()
            taken = until(lambda taken: taken < BYTES)
    assert taken < BYTES
