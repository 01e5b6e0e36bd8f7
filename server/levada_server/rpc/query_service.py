"""QueryService: decode, one operation, encode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levada_api.v1 import query_service_pb2 as pb
from levada_api.v1 import query_service_pb2_grpc as pb_grpc
from levada_server.operations import queries
from levada_server.rpc import encode
from levada_server.rpc.calls import answer, caller
from levada_server.rpc.decode_relation import relation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from levada_server.operations.engine import Engine
    from levada_server.rpc.calls import Context


class QueryService(pb_grpc.QueryServiceServicer):
    """Answers queries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def DescribeRelation(
        self, request: pb.DescribeRelationRequest, context: Context
    ) -> pb.DescribeRelationResponse:
        """Give the heading of a relation."""
        query = await queries.compile_query(self._engine, caller(context), relation("relation", request.relation))
        await answer(context, self._engine, query.warnings)
        return pb.DescribeRelationResponse(heading=encode.heading(query.heading))

    async def FetchRelation(
        self, request: pb.FetchRelationRequest, context: Context
    ) -> AsyncIterator[pb.FetchRelationResponse]:
        """Give the entities of a relation as one Arrow IPC stream."""
        query = await queries.compile_query(self._engine, caller(context), relation("relation", request.relation))
        await answer(context, self._engine, query.warnings)
        async for piece in queries.fetch(self._engine, query):
            yield pb.FetchRelationResponse(arrow_ipc=piece)

    async def CountRelation(self, request: pb.CountRelationRequest, context: Context) -> pb.CountRelationResponse:
        """Count the entities of a relation."""
        count = await queries.count(self._engine, caller(context), relation("relation", request.relation))
        return pb.CountRelationResponse(entity_count=count)

    async def CheckExistence(self, request: pb.CheckExistenceRequest, context: Context) -> pb.CheckExistenceResponse:
        """Tell whether a relation has any entity."""
        found = await queries.exists(self._engine, caller(context), relation("relation", request.relation))
        return pb.CheckExistenceResponse(found=found)

    async def ExplainRelation(self, request: pb.ExplainRelationRequest, context: Context) -> pb.ExplainRelationResponse:
        """Give PostgreSQL's plan for a relation."""
        plan, statement = await queries.explain(
            self._engine, caller(context), relation("relation", request.relation), analyze=request.analyze
        )
        return pb.ExplainRelationResponse(plan=plan, statement=statement)
