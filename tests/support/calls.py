"""Any call to a real server over TCP, by its descriptor and with a token."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from levada_api.v1 import (
    access_service_pb2,
    job_service_pb2,
    object_service_pb2,
    query_service_pb2,
    recording_service_pb2,
    row_service_pb2,
    schema_service_pb2,
    server_service_pb2,
    session_service_pb2,
)
from levada_server.operations.transactions import TransactionLimits
from levada_server.rpc.server import RpcServer
from levada_server.rpc.web.door import WebSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.message import Message

    from levada_server.operations.context import Engine

FILES = (
    access_service_pb2,
    job_service_pb2,
    object_service_pb2,
    query_service_pb2,
    recording_service_pb2,
    row_service_pb2,
    schema_service_pb2,
    server_service_pb2,
    session_service_pb2,
    health_pb2,
    reflection_pb2,
)
METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}/{method.name}": method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if (service.name, method.name) != ("Health", "List")  # grpc's own class does not serve it
}
BY_NAME = {method.name: full for full, method in METHODS.items()}
TIMEOUT_S = 30.0
_ENDLESS = ("Watch", "WatchProgress")


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[tuple[RpcServer, grpc.aio.Channel]]:
    """Serve an engine on a port, where callers need tokens, for the length of the block."""
    server = RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits())
    address = server.listen("127.0.0.1:0")
    server.web.listen(WebSettings("127.0.0.1", 0), None, shared_port=False)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield server, channel
    await server.stop(0)


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()


def begun(channel: grpc.aio.Channel, name: str, request: Message | list[Message], secret: str) -> Any:  # noqa: ANN401  # a call of any shape
    """Begin a call of a method, such as `QueryService/FetchRelation`, with a token; empty for none."""
    method = METHODS[name]
    shape = "stream" if isinstance(request, list) else "unary"
    kind = getattr(channel, f"{shape}_{'stream' if method.server_streaming else 'unary'}")(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=_bytes,
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    metadata = (("authorization", f"Bearer {secret}"),) if secret else ()
    content = iter(request) if isinstance(request, list) else request
    return kind(content, metadata=metadata, timeout=TIMEOUT_S)


async def outcome(
    channel: grpc.aio.Channel, name: str, request: Message | list[Message], secret: str
) -> tuple[status_pb2.Status, list[Any]]:
    """Make a call; return its status, or that in one of its answers, and the answers.

    It reads one answer of a stream that goes on.
    """
    made, answers = begun(channel, name, request, secret), []
    try:
        if not METHODS[name].server_streaming:
            answers.append(await made)
        else:
            async for answer in made:
                answers.append(answer)
                if METHODS[name].name in _ENDLESS:
                    made.cancel()
                    break
    except grpc.aio.AioRpcError as error:
        return _status(error), answers
    inside = [
        inner.error for answer in answers for inner in (answer, *getattr(answer, "outcomes", ())) if _fails(inner)
    ]
    return inside[0] if inside else status_pb2.Status(), answers


def _fails(message: Message) -> bool:
    return "error" in message.DESCRIPTOR.fields_by_name and message.HasField("error")


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    return status_pb2.Status(code=error.code().value[0], message=error.details() or "")


def code_of(status: status_pb2.Status) -> str:
    """Return the name of a status's code."""
    return next(code.name for code in grpc.StatusCode if code.value[0] == status.code)


def told(status: status_pb2.Status) -> tuple[str, str, str, dict[str, str]]:
    """Return all that a status tells: code, message, reason and details."""
    info = error_details_pb2.ErrorInfo()
    if status.details:
        status.details[0].Unpack(info)
    return code_of(status), status.message, info.reason, dict(info.metadata)
