"""Run the gRPC server: all services on one port, with health and reflection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from levada_api.methods import METHODS
from levada_server.errors import Unavailable
from levada_server.rpc.access_service import AccessService
from levada_server.rpc.activity import Activity, CountedHealth
from levada_server.rpc.dispatch import Dispatcher
from levada_server.rpc.guarded_reflection import GuardedReflection
from levada_server.rpc.job_service import JobService
from levada_server.rpc.object_service import ObjectService
from levada_server.rpc.ports import check_free
from levada_server.rpc.query_service import QueryService
from levada_server.rpc.recording_service import RecordingService
from levada_server.rpc.row_service import RowService
from levada_server.rpc.schema_service import SchemaService
from levada_server.rpc.server_service import MESSAGE_BYTES, ServerService
from levada_server.rpc.streams.call_streams import CallStreams
from levada_server.rpc.streams.session_service import SessionService
from levada_server.rpc.user_shares import USER_STREAMS
from levada_server.rpc.web.door import Door
from levada_server.rpc.web.front import Front
from levada_server.rpc.web.page import read_page

if TYPE_CHECKING:
    from levada_server.operations.context import Engine
    from levada_server.operations.transactions import TransactionLimits
    from levada_server.rpc.tls import Certificate

_SERVICES = sorted({method.service for method in METHODS.values()})
ACCEPTORS = 8
"""How many of gRPC's servers share a port.

Each accepts one call in some rounds of the event loop, in the order of arrival, so with one of them the many calls of a
client would keep those of all others waiting for seconds.
"""
PENDING_CALLS = 10_000
"""How many calls may wait to be accepted by each; past it gRPC begins to cancel calls."""
OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.so_reuseport", 1),
    ("grpc.server.max_pending_requests", PENDING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", 2 * PENDING_CALLS),
    # Clients ping every 30 s, also between calls, so that proxies keep the connection.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 15_000),
)
BACKGROUND = "background."
"""The health of a background task is asked for by this and its name; it is unknown until the task first fails."""


class RpcServer:
    """A gRPC server that has started; `stop` ends it."""

    def __init__(
        self,
        engine: Engine,
        version: str,
        *,
        embedded: bool,
        transaction_limits: TransactionLimits,
        user_streams: int = USER_STREAMS,
        shared_port: bool = False,
    ) -> None:
        self.activity = Activity()
        self._call_streams = CallStreams(self.activity, user_streams)
        self._health = CountedHealth(self.activity)
        self._ready = True
        self._shared_port = shared_port
        self._servers = [grpc.aio.server(options=OPTIONS) for _ in range(ACCEPTORS)]
        permissions = engine.gate.permissions
        front = Front(
            lambda path: self.dispatcher.browser_handler(path), permissions, engine.signer.server_id, read_page()
        )
        self.web = Door(front, permissions, self.activity)
        services = (
            ServerService(version, transaction_limits, user_streams, embedded=embedded),
            SchemaService(),
            QueryService(),
            RecordingService(),
            RowService(),
            SessionService(transaction_limits, self._call_streams, user_streams),
            JobService(),
            ObjectService(),
            AccessService(self.web),
        )
        self.dispatcher = Dispatcher(engine, self.activity, services)
        reflected = GuardedReflection((*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), permissions)
        for server in self._servers:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflected, server)
            # The last, because it answers calls of unknown methods too.
            server.add_generic_rpc_handlers((self.dispatcher,))

    def listen(self, address: str, certificate: Certificate | None = None) -> str:
        """Add an address to listen on, before the start; return it with the port that was chosen.

        Args:
            address: `host:port`, with port 0 for any free port, or `unix:/path` in a folder that only this user can
                enter: whoever calls there without a token is administrator.
            certificate: The certificate with which to serve TLS there; None for none.

        Raises:
            Unavailable: The address is in use or cannot be bound.
        """
        if address.startswith("unix:"):
            _add(self._servers[0], address, certificate)
            return address
        if not self._shared_port:
            check_free(address)
        for server in self._servers:  # the first chooses the port if it is 0
            address = f"{address.rpartition(':')[0]}:{_add(server, address, certificate)}"
        return address

    async def start(self) -> None:
        """Serve calls on the addresses of `listen`."""
        for server in self._servers:
            await server.start()
        await self._report_readiness()

    async def report(self, name: str, *, healthy: bool, ready: bool) -> None:
        """Report the health of a background task, if one is named, and whether the server is ready for calls."""
        if name:
            await self._health.set(f"{BACKGROUND}{name}", _status(serving=healthy))
        if self._ready != ready:
            self._ready = ready
            await self._report_readiness()

    async def _report_readiness(self) -> None:
        for service in ("", *_SERVICES):
            await self._health.set(service, _status(serving=self._ready))

    async def let_leave(self, seconds: float) -> None:
        """Go on serving for a time, if there are clients that go to other servers once this one is not ready."""
        if self._health.choosing:
            await asyncio.sleep(seconds)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls, let running calls finish within a time, then end them."""
        await self._health.enter_graceful_shutdown()
        self._call_streams.end()
        self.dispatcher.end_endless()
        stops = [server.stop(grace_seconds) for server in self._servers]
        await asyncio.gather(*stops, self.web.stop(grace_seconds))


def _add(server: grpc.aio.Server, address: str, certificate: Certificate | None) -> int:
    """Add an address to one of gRPC's servers; return its port."""
    try:
        if certificate is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, certificate.credentials())
    except RuntimeError as error:
        raise Unavailable(
            f"Cannot listen on {address}; another server may use it. Choose another address with --listen."
        ) from error


def _status(*, serving: bool) -> health_pb2.HealthCheckResponse.ServingStatus:
    return health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
