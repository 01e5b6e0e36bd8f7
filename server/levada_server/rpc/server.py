"""The gRPC server: all services on one port, with health and reflection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from levada_api.v1 import (
    job_service_pb2,
    job_service_pb2_grpc,
    object_service_pb2,
    object_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
    row_service_pb2,
    row_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    server_service_pb2,
    server_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from levada_server.errors import Unavailable
from levada_server.rpc.interceptors import Activity, CallInterceptor
from levada_server.rpc.job_service import JobService
from levada_server.rpc.object_service import ObjectService
from levada_server.rpc.query_service import QueryService
from levada_server.rpc.row_service import RowService
from levada_server.rpc.schema_service import SchemaService
from levada_server.rpc.server_service import MESSAGE_BYTES, ServerService
from levada_server.rpc.streams.call_streams import CallStreams
from levada_server.rpc.streams.session_service import SessionService

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from levada_server.operations.transactions import TransactionLimits

_SERVICES = [
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (server_service_pb2, "ServerService"),
        (schema_service_pb2, "SchemaService"),
        (query_service_pb2, "QueryService"),
        (row_service_pb2, "RowService"),
        (session_service_pb2, "SessionService"),
        (job_service_pb2, "JobService"),
        (object_service_pb2, "ObjectService"),
    )
]


class RpcServer:
    """A gRPC server that has started; `stop` ends it."""

    def __init__(
        self,
        engine: Engine,
        version: str,
        *,
        embedded: bool,
        transaction_limits: TransactionLimits,
        shared_port: bool = False,
    ) -> None:
        self.activity = Activity()
        self._call_streams = CallStreams(self.activity)
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=[CallInterceptor(self.activity, engine.with_current_catalog)],
            options=[
                ("grpc.max_receive_message_length", MESSAGE_BYTES),
                ("grpc.max_send_message_length", MESSAGE_BYTES),
                ("grpc.so_reuseport", int(shared_port)),
                # Clients ping every 30 s, also between calls, so that proxies keep the connection.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 15_000),
            ],
        )
        server = self._server
        server_service_pb2_grpc.add_ServerServiceServicer_to_server(
            ServerService(engine, version, embedded=embedded), server
        )
        schema_service_pb2_grpc.add_SchemaServiceServicer_to_server(SchemaService(engine), server)
        query_service_pb2_grpc.add_QueryServiceServicer_to_server(QueryService(engine), server)
        row_service_pb2_grpc.add_RowServiceServicer_to_server(RowService(engine), server)
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(
            SessionService(engine, transaction_limits, self._call_streams), server
        )
        job_service_pb2_grpc.add_JobServiceServicer_to_server(JobService(engine), server)
        object_service_pb2_grpc.add_ObjectServiceServicer_to_server(ObjectService(engine), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    async def start(self, address: str) -> str:
        """Listen; give the address with the port that was taken.

        Args:
            address: `host:port`, port 0 for any free one, or `unix:/path`.

        Raises:
            Unavailable: The address is taken or cannot be had.
        """
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise Unavailable(
                f"{address} cannot be listened on; another server may have it. Choose another with --listen."
            ) from error
        await self._server.start()
        for service in ("", *_SERVICES):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls, let those under way finish within a time, then end them."""
        await self._health.enter_graceful_shutdown()
        self._call_streams.end()
        await self._server.stop(grace_seconds)
