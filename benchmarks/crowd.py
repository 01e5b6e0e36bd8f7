"""`python -m benchmarks.crowd ADDRESS CLIENTS CALLS FIRST`: many clients, each with its own connection.

It prints the durations of their calls as JSON. They fetch, insert and count single rows of the table crowd.Crowd.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time

import grpc.aio
import pyarrow as pa

import levada as lv
from benchmarks.client import bare_target, message
from levada_api.v1 import (
    query_service_pb2,
    query_service_pb2_grpc,
    relation_pb2,
    row_service_pb2,
    row_service_pb2_grpc,
    schema_pb2,
)

NAME = schema_pb2.TableName(schema="crowd", table="Crowd")


def _insertion(number: int) -> list[row_service_pb2.InsertRowsRequest]:
    content = io.BytesIO()
    rows = pa.record_batch({"id": pa.array([number]), "x": pa.array([0.5])})
    with pa.ipc.new_stream(content, rows.schema) as writer:
        writer.write_batch(rows)
    return [
        row_service_pb2.InsertRowsRequest(header=row_service_pb2.InsertHeader(name=NAME)),
        row_service_pb2.InsertRowsRequest(arrow_ipc=content.getvalue()),
    ]


async def _client(channel: grpc.aio.Channel, relations: list[relation_pb2.Relation], first: int) -> list[float]:
    queries = query_service_pb2_grpc.QueryServiceStub(channel)
    rows = row_service_pb2_grpc.RowServiceStub(channel)
    latencies = []
    for number, relation in enumerate(relations, first):
        began = time.perf_counter()
        match number % 3:
            case 0:
                await rows.InsertRows(iter(_insertion(number)))
            case 1:
                await queries.CountRelation(query_service_pb2.CountRelationRequest(relation=relation))
            case _:
                async for _ in queries.FetchRelation(query_service_pb2.FetchRelationRequest(relation=relation)):
                    pass
        latencies.append(time.perf_counter() - began)
    return latencies


async def _crowd(address: str, clients: int, calls: int, first: int) -> None:
    with lv.Connection(address) as connection:
        table = lv.FreeTable(connection, "crowd.Crowd")
        relations = [message(table & {"id": number}) for number in range(calls)]
    # A connection for each, as another process would have.
    target = bare_target(address)
    channels = [grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(clients)]
    for channel in channels:
        await channel.channel_ready()
    print("ready", flush=True)
    sys.stdin.readline()
    latencies = await asyncio.gather(
        *(_client(channel, relations, first + number * calls) for number, channel in enumerate(channels))
    )
    print(json.dumps([latency for client in latencies for latency in client]), flush=True)
    for channel in channels:
        await channel.close()


if __name__ == "__main__":
    _, address, clients, calls, first = sys.argv
    asyncio.run(_crowd(address, int(clients), int(calls), int(first)))
