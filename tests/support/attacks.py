"""Messages made to kill, freeze or fill a server; each must get a clear error."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

import grpc
import numpy as np
import pyarrow as pa
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from levada_api.v1 import job_service_pb2 as jobs
from levada_api.v1 import query_service_pb2 as queries
from levada_api.v1 import relation_pb2 as relations
from levada_api.v1 import row_service_pb2 as rows
from levada_api.v1 import schema_pb2, value_pb2
from levada_api.v1 import schema_service_pb2 as schemas

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

ANSWERS = frozenset({"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "NOT_FOUND"})
DEFINITION = """
id : int64
---
x = null : varchar(200)
d = null : decimal(20,4)
f = null : float64
b = null : <blob>
at = null : datetime
notes = null : json
"""
QUERY, ROW, SCHEMA, JOB = "QueryService", "RowService", "SchemaService", "JobService"
Attack = tuple[str, "Callable[[], Message | bytes]"]


def name(table: str = "Thing") -> schema_pb2.TableName:
    return schema_pb2.TableName(schema="lab", table=table)


def stream(batch: pa.RecordBatch, *, times: int = 1, compressed: bool = False) -> bytes:
    content = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd" if compressed else None)
    with pa.ipc.new_stream(content, batch.schema, options=options) as writer:
        for _ in range(times):
            writer.write_batch(batch)
    return content.getvalue()


def one(arrow: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(arrow, 1, [None, pa.py_buffer(bytes(32))])


def insert(content: bytes) -> rows.InsertFewRowsRequest:
    return rows.InsertFewRowsRequest(header=rows.InsertHeader(name=name()), arrow_ipc=content)


def restricted(*conditions: relations.Condition) -> queries.CountRelationRequest:
    nodes = [relations.RelationNode(table=relations.TableOperand(name=name()))]
    nodes += [
        relations.RelationNode(restrict=relations.Restrict(operand=index, condition=index))
        for index in range(len(conditions))
    ]
    return queries.CountRelationRequest(relation=relations.Relation(nodes=nodes, conditions=conditions))


def entities(content: bytes) -> relations.Condition:
    return relations.Condition(entities=relations.EntitySet(arrow_ipc=content))


def expression(text: str) -> relations.Condition:
    return relations.Condition(expression=relations.Expression(text=text))


def mapping(value: value_pb2.Value) -> relations.Condition:
    return relations.Condition(mapping=relations.Mapping(entries=[value_pb2.AttributeValue(name="at", value=value)]))


def zeros(count: int = 8_000_000) -> pa.RecordBatch:
    return pa.record_batch({"id": pa.array(np.zeros(count, np.int64))})


def nested(kind: bytes, size: int) -> bytes:
    """A request whose relation is made of empty elements; `size` is its length."""
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])
    return b"\x0a" + length + kind * (size // len(kind))


def top(count: int) -> queries.DescribeRelationRequest:
    nodes = [
        relations.RelationNode(table=relations.TableOperand(name=name())),
        relations.RelationNode(top=relations.Top(operand=0, limit=1, order=["id"] * count)),
    ]
    return queries.DescribeRelationRequest(relation=relations.Relation(nodes=nodes))


def named(table: str) -> queries.CountRelationRequest:
    """A count of a table of a name."""
    nodes = [relations.RelationNode(table=relations.TableOperand(name=name(table)))]
    return queries.CountRelationRequest(relation=relations.Relation(nodes=nodes))


def wild_decimal(column: str) -> rows.InsertFewRowsRequest:
    return insert(stream(pa.record_batch({"id": one(pa.int64()), column: one(BAD)})))


BAD = pa.decimal128(2, 67_108_865)
CODES = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), ["x" * 2**20])
MANY = 2_000_000
LONG = Duration(seconds=10**15)
ATTACKS: dict[str, Attack] = {
    **{
        f"a decimal with a wild scale into {column}": (
            f"{ROW}/InsertFewRows",
            partial(wild_decimal, column),
        )
        for column in ("x", "d", "f", "notes")
    },
    "the same in a list": (
        f"{ROW}/InsertFewRows",
        lambda: insert(pa.schema({"id": pa.int64(), "notes": pa.list_(BAD)}).serialize().to_pybytes()),
    ),
    "the same in a condition": (
        f"{QUERY}/CountRelation",
        lambda: restricted(entities(stream(pa.record_batch({"d": one(BAD)})))),
    ),
    "a bomb in an insert": (f"{ROW}/InsertFewRows", lambda: insert(stream(zeros(20_000_000), compressed=True))),
    "a bomb in a condition": (
        f"{QUERY}/CountRelation",
        lambda: restricted(entities(stream(zeros(), times=60, compressed=True))),
    ),
    "many small bombs": (
        f"{QUERY}/CountRelation",
        lambda: restricted(*[entities(stream(zeros(900_000), compressed=True))] * 60),
    ),
    "rows without bytes": (
        f"{ROW}/InsertFewRows",
        lambda: insert(stream(pa.record_batch({"id": pa.nulls(10**9), "x": pa.nulls(10**9)}))),
    ),
    "lists without bytes": (
        f"{ROW}/InsertFewRows",
        lambda: insert(
            stream(
                pa.record_batch(
                    {
                        "id": pa.array([1]),
                        "notes": pa.FixedSizeListArray.from_arrays(pa.nulls(2 * 10**9), 2 * 10**9),
                    }
                )
            )
        ),
    ),
    "codes for more than memory": (
        f"{ROW}/InsertFewRows",
        lambda: insert(stream(pa.record_batch({"id": pa.array(range(100_000)), "x": CODES}))),
    ),
    "a compressed value for more than memory": (
        f"{ROW}/InsertFewRows",
        lambda: insert(
            stream(
                pa.record_batch(
                    {
                        "id": pa.array([1]),
                        "b": pa.array([b"lv1z" + pa.compress(bytes(2**28), codec="zstd", asbytes=True)], pa.binary()),
                    }
                )
            )
        ),
    ),
    "a moment past Python's": (
        f"{QUERY}/CountRelation",
        lambda: restricted(entities(stream(pa.record_batch({"at": pa.array([2**62], pa.timestamp("us"))})))),
    ),
    "two columns of one name in a condition": (
        f"{QUERY}/CountRelation",
        lambda: restricted(entities(stream(pa.RecordBatch.from_arrays([pa.array([1])] * 2, names=["id", "id"])))),
    ),
    "one schema many times": (f"{SCHEMA}/GetGraph", lambda: schemas.GetGraphRequest(schemas=["lab"] * MANY)),
    "one table many times": (f"{SCHEMA}/PlanDrop", lambda: schemas.PlanDropRequest(names=[name()] * MANY)),
    "many orders": (f"{QUERY}/DescribeRelation", lambda: top(1_000_000)),
    "a million attributes of one entity": (
        f"{ROW}/UpdateRow",
        lambda: rows.UpdateRowRequest(name=name(), row=[value_pb2.AttributeValue(name="x")] * 1_000_000),
    ),
    "much progress": (f"{JOB}/GetProgress", lambda: jobs.GetProgressRequest(names=[name()] * 500_000)),
    "many references": (
        f"{SCHEMA}/DeclareTable",
        lambda: schemas.DeclareTableRequest(
            name=name("Many"), tier=schema_pb2.TABLE_TIER_MANUAL, references={f"x{i}": name() for i in range(100_000)}
        ),
    ),
    "empty operators": (f"{QUERY}/CountRelation", lambda: nested(b"\x0a\x00", 62 * 2**20)),
    "unknown fields": (f"{QUERY}/CountRelation", lambda: nested(b"\xf8\x01\x00", 48 * 2**20 // 3 * 3)),
    "a long string": (f"{SCHEMA}/GetGraph", lambda: schemas.GetGraphRequest(schemas=["x" * (60 * 2**20)])),
    "no message": (f"{QUERY}/CountRelation", lambda: b"\xff" * 9),
    "noise": (f"{QUERY}/CountRelation", lambda: np.random.default_rng(1).bytes(2**20)),
    "a duration of ages": (
        f"{JOB}/CreateWorkerSession",
        lambda: jobs.CreateWorkerSessionRequest(lease_duration=LONG),
    ),
    "a zone that is a folder": (
        f"{QUERY}/CountRelation",
        lambda: restricted(mapping(value_pb2.Value(timestamp=value_pb2.Timestamp(microseconds=0, zone="America")))),
    ),
    "a long zone": (
        f"{QUERY}/CountRelation",
        lambda: restricted(mapping(value_pb2.Value(timestamp=value_pb2.Timestamp(microseconds=0, zone="A" * 300)))),
    ),
    "codecs in codecs": (
        f"{SCHEMA}/DeclareTable",
        lambda: schemas.DeclareTableRequest(
            name=name("Deep"),
            tier=schema_pb2.TABLE_TIER_MANUAL,
            definition="id : int32\n---\nx : " + "<a:" * 3000 + "<blob>" + ">" * 3000,
        ),
    ),
    "a chain of codecs": (
        f"{SCHEMA}/DeclareTable",
        lambda: schemas.DeclareTableRequest(
            name=name("Chain"),
            tier=schema_pb2.TABLE_TIER_MANUAL,
            definition="id : int32\n---\nx : <c0>",
            codecs={f"c{i}": f"<c{i + 1}>" for i in range(990)},
        ),
    ),
    "nullif of a blob": (f"{QUERY}/CountRelation", lambda: restricted(expression("nullif(b, null) is null"))),
    **{f"a long name of {letter}": (f"{QUERY}/CountRelation", partial(named, letter * 5000)) for letter in ("Q", "🐭")},
}


def raw(channel: grpc.Channel, method: str, request: Message | bytes) -> tuple[str, str]:
    """Call a method; return the code and the reason of its answer, which only a server gives."""
    content = request if isinstance(request, bytes) else request.SerializeToString()
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/levada_api.v1.{method}")
    try:
        call(content, timeout=60)
    except grpc.RpcError as error:
        assert isinstance(error, grpc.Call)
        metadata = dict(error.trailing_metadata() or ())
        rich = status_pb2.Status.FromString(metadata.get("grpc-status-details-bin", b""))
        info = error_details_pb2.ErrorInfo()
        if rich.details:
            rich.details[0].Unpack(info)
        return error.code().name, info.reason
    return "OK", ""


def declare_target(channel: grpc.Channel) -> None:
    """Declare the table that the attacks name, unless it exists."""
    raw(channel, f"{SCHEMA}/CreateSchema", schemas.CreateSchemaRequest(name="lab"))
    declaration = schemas.DeclareTableRequest(name=name(), tier=schema_pb2.TABLE_TIER_MANUAL, definition=DEFINITION)
    assert raw(channel, f"{SCHEMA}/DeclareTable", declaration) == ("OK", "")
