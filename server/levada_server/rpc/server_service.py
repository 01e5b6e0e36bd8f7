"""ServerService: the server's version, features and limits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from levada_api.v1 import server_service_pb2 as pb
from levada_server.jobs.limits import COMPLETION_BYTES, COMPLETION_JOBS, FEW_JOBS_BYTES, MAX_JOBS
from levada_server.query.expression.tokens import MAX_BYTES as EXPRESSION_BYTES
from levada_server.rpc import encode
from levada_server.rpc.client_version import OLDEST_CLIENT
from levada_server.rpc.decoding.relations import MAX_DEPTH, MAX_NODES
from levada_server.rpc.user_shares import USER_RESULTS
from levada_server.storage.postgres.database import COMMON_TRANSACTIONS, POOL_SIZE, TRANSACTIONS
from levada_server.storage.postgres.fair_shares import user_places

if TYPE_CHECKING:
    from levada_server.operations.transactions import TransactionLimits
    from levada_server.rpc.dispatch import Call

MESSAGE_BYTES = 64 * 2**20
"""The largest message in bytes."""
FEATURES: tuple[str, ...] = ("unanswered_requests", "discoveries")
"""Names of features, for which a client looks before it uses one; each release adds its own here."""


class ServerService:
    """Describes the server itself.

    Args:
        version: The server's version.
        transactions: How long a client's transaction may be idle and open.
        user_streams: The most streams of each kind of one user.
        embedded: Whether the server runs its own PostgreSQL.
    """

    def __init__(self, version: str, transactions: TransactionLimits, user_streams: int, *, embedded: bool) -> None:
        self._version = version
        self._transactions = transactions
        self._user_streams = user_streams
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
                statement_time=encode.duration(timedelta(seconds=call.engine.call_limits.statement_s)),
                fetch_time=encode.duration(timedelta(seconds=call.engine.call_limits.fetch_s)),
                transaction_idle_time=encode.duration(timedelta(seconds=self._transactions.idle_s)),
                transaction_open_time=encode.duration(timedelta(seconds=self._transactions.open_s)),
                user_streams=self._user_streams,
                user_connections=user_places(POOL_SIZE),
                user_transactions=user_places(TRANSACTIONS, COMMON_TRANSACTIONS),
                schema_bytes=call.engine.quota.schema_bytes or 0,
                user_results=USER_RESULTS,
                call_rows=call.engine.call_limits.rows or 0,
                call_bytes=call.engine.call_limits.size_bytes or 0,
            ),
        )
