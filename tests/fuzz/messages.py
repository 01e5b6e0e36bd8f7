"""The requests of all calls, as the dispatcher takes them from the network, on a server whose database is away."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Never
from uuid import UUID

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import Default

from levada_api.methods import METHODS
from levada_api.v1 import relation_pb2, schema_pb2
from levada_server.errors import Unavailable
from levada_server.jobs.signing import Signer
from levada_server.operations.access.gate import Gate
from levada_server.operations.context import Engine
from levada_server.operations.downstream import Downstream
from levada_server.operations.shared_refreshes import Refreshes
from levada_server.operations.transactions import TransactionLimits
from levada_server.permissions.permissions import Permissions
from levada_server.rpc.decoding.read_shapes import asked_again
from levada_server.rpc.decoding.relations import stored_relation
from levada_server.rpc.server import RpcServer
from levada_server.storage.catalog.cache import CatalogCache
from levada_server.storage.jobs.notifications import Lookout
from levada_server.storage.objects.storage import ObjectStorage, StoreFolders
from levada_server.storage.permissions.cache import PermissionsCache
from levada_server.storage.postgres.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from levada_server.model.dependencies import Catalog

PATHS = sorted(method.path for method in METHODS.values())
DEPTH = 4
WAIT_S = 10.0
_MESSAGE_BYTES = 3
"""Each message of a request comes after its length in this many bytes."""


def framed(path: str, *messages: bytes) -> bytes:
    """Return an input: the number of a method, and the messages of its request."""
    lengths = (len(message).to_bytes(_MESSAGE_BYTES, "big") for message in messages)
    return bytes([PATHS.index(path)]) + b"".join(map(bytes.__add__, lengths, messages))


def seeds(relation: relation_pb2.Relation, rows: bytes) -> Iterator[bytes]:
    """Return a request of every method; of a stream, one that has every kind of message.

    Args:
        relation: The relation wherever a request has one.
        rows: The content wherever a request has rows.
    """
    for method in METHODS.values():
        descriptor = Default().FindMessageTypeByName(f"levada_api.v1.{method.name}Request")
        kinds = [kind.name for oneof in descriptor.oneofs for kind in oneof.fields] if method.request_streaming else []
        messages = [_filled(descriptor, relation, rows, only=kind) for kind in kinds] or [
            _filled(descriptor, relation, rows)
        ]
        yield framed(method.path, *(message.SerializeToString() for message in messages))


_TEXTS = {
    "schema": "lab",
    "table": "Thing",
    "name": "Thing",
    "definition": "id : int64\n---\nx = null : float64\n",
    **dict.fromkeys(("lease_token", "read_receipt", "request_id"), ""),
    **dict.fromkeys(("upload_id", "object_id", "worker_session", "worker_sessions"), str(UUID(int=1))),
}
_NUMBERS = {FieldDescriptor.CPPTYPE_DOUBLE: 1.5, FieldDescriptor.CPPTYPE_FLOAT: 1.5, FieldDescriptor.CPPTYPE_BOOL: True}


def _filled(
    descriptor: Descriptor, relation: relation_pb2.Relation, rows: bytes, depth: int = 0, only: str = ""
) -> Message:
    """Return a message with all its fields; it has the first field of a `oneof`, or the one that is wanted."""
    message = message_factory.GetMessageClass(descriptor)()
    if isinstance(message, relation_pb2.Relation):
        message.CopyFrom(relation)
        return message
    if isinstance(message, schema_pb2.TableName):
        return schema_pb2.TableName(schema="lab", table="Thing")
    chosen = {oneof.name: only or oneof.fields[0].name for oneof in descriptor.oneofs}
    for described in descriptor.fields:
        oneof = described.containing_oneof
        if oneof is not None and chosen[oneof.name] != described.name:
            continue
        value: Any  # of the field's own type
        if described.message_type is None:
            value = _plain(described, rows)
        elif depth < DEPTH and not described.message_type.GetOptions().map_entry:
            value = _filled(described.message_type, relation, rows, depth + 1)
        else:
            continue
        if described.is_repeated:
            getattr(message, described.name).append(value)
        elif described.message_type is not None:
            getattr(message, described.name).CopyFrom(value)
        else:
            setattr(message, described.name, value)
    return message


def _plain(described: FieldDescriptor, rows: bytes) -> str | bytes | float | bool:
    if described.type == FieldDescriptor.TYPE_BYTES:
        return rows
    if described.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _TEXTS.get(described.name, "a")
    return _NUMBERS.get(described.cpp_type, 1)


class _NoPool:
    """In place of connections to PostgreSQL."""

    settings = None

    async def take(self) -> Never:
        raise Unavailable("There is no database.")


@dataclass
class _Context:
    """In place of gRPC's context of a call by the server's own user."""

    messages: Iterator[bytes]
    code: grpc.StatusCode = grpc.StatusCode.OK
    written: list[bytes] = field(default_factory=list)

    def peer(self) -> str:
        return "unix:"

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def set_trailing_metadata(self, metadata: object) -> None:
        pass

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        pass

    async def read(self) -> bytes | object:
        return next(self.messages, grpc.aio.EOF)

    async def write(self, content: bytes) -> None:
        self.written.append(content)


class _Incidents(logging.Handler):
    """Keeps the last error that became an INTERNAL."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None:
            self.error = record.exc_info[1]


class Dispatching:
    """Takes inputs; each process has a server of its own.

    Args:
        catalog: The tables that the server knows.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._pid = 0
        self._runner: asyncio.Runner
        self._server: RpcServer
        self._incidents = _Incidents()

    def take(self, content: bytes) -> None:
        """Serve a request; raise what the server reports as an incident."""
        if self._pid != os.getpid():
            self._pid, self._runner = os.getpid(), asyncio.Runner()
            self._server = self._runner.run(self._start())
        log = logging.getLogger("levada.calls")
        log.addHandler(self._incidents)
        try:
            self._runner.run(self._serve(content))
        finally:
            log.removeHandler(self._incidents)
        error, self._incidents.error = self._incidents.error, None
        if error is not None:
            raise error

    async def _start(self) -> RpcServer:
        database = Database(_NoPool(), "18.0")  # type: ignore[arg-type]  # all that a call needs of a pool
        cache, permissions = CatalogCache(database), PermissionsCache(database)
        await cache.replace(self._catalog)
        permissions._current = Permissions(1, {}, {})  # noqa: SLF001  # without a database there is no other way
        engine = Engine(
            database,
            Gate(cache, permissions, stored_relation),
            Lookout(database),
            Signer(bytes(32)),
            ObjectStorage("postgresql://nobody@127.0.0.1:1/none", StoreFolders()),
            Downstream(),
            Refreshes(),
            asked_again,
        )
        return RpcServer(engine, "0", embedded=False, transaction_limits=TransactionLimits())

    async def _serve(self, content: bytes) -> None:
        path = PATHS[content[0] % len(PATHS)] if content else PATHS[0]
        handler: Any = self._server.dispatcher.service(SimpleNamespace(method=path))
        context = _Context(iter(_messages(content[1:])))
        async with asyncio.timeout(WAIT_S):
            behaviour = handler.stream_stream if handler.response_streaming else handler.stream_unary
            await behaviour(None, context)
        assert context.code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN), context.code


def _messages(content: bytes) -> Sequence[bytes]:
    found = []
    while content:
        size = int.from_bytes(content[:_MESSAGE_BYTES], "big")
        found.append(content[_MESSAGE_BYTES : _MESSAGE_BYTES + size])
        content = content[_MESSAGE_BYTES + size :]
    return found
