"""ServerService: the server's version, features and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_api.v1 import server_service_pb2 as pb
from levada_server.jobs.limits import COMPLETION_BYTES, COMPLETION_JOBS, FEW_JOBS_BYTES, MAX_JOBS
from levada_server.query.expression.tokens import MAX_BYTES as EXPRESSION_BYTES
from levada_server.rpc.client_version import OLDEST_CLIENT
from levada_server.rpc.decoding.relations import MAX_DEPTH, MAX_NODES

if TYPE_CHECKING:
    from levada_server.rpc.dispatch import Call

MESSAGE_BYTES = 64 * 2**20
"""The largest message in bytes."""
FEATURES: tuple[str, ...] = ()
"""Names of features, for which a client looks before it uses one; each release adds its own here."""


class ServerService:
    """Describes the server itself.

    Args:
        version: The server's version.
        embedded: Whether the server runs its own PostgreSQL.
    """

    def __init__(self, version: str, *, embedded: bool) -> None:
        self._version = version
        self._embedded = embedded

    async def GetServerInfo(self, _request: pb.GetServerInfoRequest, call: Call) -> pb.GetServerInfoResponse:
        """Return the server's version and limits."""
        return pb.GetServerInfoResponse(
            version=self._version,
            postgresql_version=call.engine.scope.postgresql_version,
            catalog_version=await call.engine.gate.version(),
            embedded=self._embedded,
            oldest_client_version=OLDEST_CLIENT,
            features=FEATURES,
            limits=pb.Limits(
                relation_nodes=MAX_NODES,
                relation_depth=MAX_DEPTH,
                expression_bytes=EXPRESSION_BYTES,
                value_bytes=call.engine.value_bytes,
                message_bytes=MESSAGE_BYTES,
                jobs=MAX_JOBS,
                completion_jobs=COMPLETION_JOBS,
                completion_bytes=COMPLETION_BYTES,
                few_jobs_bytes=FEW_JOBS_BYTES,
            ),
        )
