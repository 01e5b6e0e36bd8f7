"""QueryService: decode, one operation, encode."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

from levada_api.v1 import query_service_pb2 as pb
from levada_api.v1 import query_service_pb2_grpc as pb_grpc
from levada_server.errors import LimitReached
from levada_server.operations import queries
from levada_server.operations.context import PERHAPS_BEHIND
from levada_server.operations.make_contract import begin_read
from levada_server.rpc import encode
from levada_server.rpc.calls import answer, caller, worker
from levada_server.rpc.decoding.relation_shape import asked_relation
from levada_server.rpc.time_limit import end_call_later

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from levada_api.v1 import relation_pb2
    from levada_server.arrow.ipc.batches import Piece
    from levada_server.operations.context import Engine
    from levada_server.operations.make_contract import Reading
    from levada_server.query.compile import Query
    from levada_server.rpc.calls import Context

    _Read: TypeAlias = pb.FetchRelationRequest | pb.CountRelationRequest | pb.CheckExistenceRequest

FETCH_LIMIT_S = 6 * 3600.0
"""How long a result may take to be read."""
FEW_BYTES = 2**20
"""Past it, an answer goes in pieces."""


class QueryService(pb_grpc.QueryServiceServicer):
    """Answers queries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def _compiled(self, message: relation_pb2.Relation, context: Context) -> Query:
        query = await queries.compile_query(self._engine, caller(context), asked_relation("relation", message))
        await answer(context, self._engine, query.warnings)
        return query

    async def _read(self, request: _Read, context: Context) -> tuple[Query, Reading | None]:
        """Compile what is read; under a lease, judge it by the contract of `make`."""
        if not request.lease_token:
            return await self._compiled(request.relation, context), None
        who = worker(context, self._engine, request.lease_token)
        asked = asked_relation("relation", request.relation)
        query = await queries.compile_query(self._engine, who, asked)
        reading = await begin_read(self._engine, who, await asked.relation(), request.read_receipt)
        await answer(context, self._engine, query.warnings, who.told)
        return query, reading

    async def DescribeRelation(
        self, request: pb.DescribeRelationRequest, context: Context
    ) -> pb.DescribeRelationResponse:
        """Give the heading of a relation."""
        query = await self._compiled(request.relation, context)
        return pb.DescribeRelationResponse(heading=encode.heading(query.heading))

    async def FetchRelation(
        self, request: pb.FetchRelationRequest, context: Context
    ) -> AsyncIterator[bytes | pb.FetchRelationResponse]:
        """Give the entities of a relation as one Arrow IPC stream."""
        timer = end_call_later(FETCH_LIMIT_S, _too_long())
        try:
            async with aclosing(self._fetch_or_repeat(request, context)) as pieces:
                async for piece in pieces:
                    yield encode.fetched(piece) if isinstance(piece, list) else piece
        finally:
            timer.cancel()

    async def FetchFewRows(self, request: pb.FetchFewRowsRequest, context: Context) -> pb.FetchFewRowsResponse:
        """Give the entities of a relation in one message."""
        query, reading = await self._read(request.fetch, context)
        if queries.has_few_rows(query) and not request.fetch.digest:
            few = await queries.fetch_few(self._engine, query, _ignore if reading is None else reading.add)
            content = b"".join(part for piece in few for part in piece)
            if len(content) > FEW_BYTES:
                return pb.FetchFewRowsResponse(too_large=True)
            result = pb.FetchRelationResponse(arrow_ipc=content, read_receipt=_receipt(reading))
            return pb.FetchFewRowsResponse(result=result)
        result = pb.FetchRelationResponse()
        parts: Piece = []
        async with aclosing(self._pieces(request.fetch, query, reading)) as pieces:
            async for piece in pieces:
                if isinstance(piece, list):
                    parts += piece
                else:
                    result = piece
                if sum(map(len, parts)) > FEW_BYTES:
                    return pb.FetchFewRowsResponse(too_large=True)
        result.arrow_ipc = b"".join(parts)
        return pb.FetchFewRowsResponse(result=result)

    async def _fetch_or_repeat(
        self, request: pb.FetchRelationRequest, context: Context
    ) -> AsyncGenerator[Piece | pb.FetchRelationResponse, None]:
        started = False
        known = await self._engine.cache.current()
        try:
            async with aclosing(self._fetch(request, context)) as pieces:
                async for piece in pieces:
                    started = True
                    yield piece
            return
        except PERHAPS_BEHIND:
            if started or not await self._engine.cache.catch_up(known):
                raise
        async with aclosing(self._fetch(request, context)) as pieces:
            async for piece in pieces:
                yield piece

    async def _fetch(
        self, request: pb.FetchRelationRequest, context: Context
    ) -> AsyncGenerator[Piece | pb.FetchRelationResponse, None]:
        query, reading = await self._read(request, context)
        async with aclosing(self._pieces(request, query, reading)) as pieces:
            async for piece in pieces:
                yield piece

    async def _pieces(
        self, request: pb.FetchRelationRequest, query: Query, reading: Reading | None
    ) -> AsyncGenerator[Piece | pb.FetchRelationResponse, None]:
        count_rows = reading.add if reading is not None else _ignore
        digests: list[str] = []
        rows = (
            queries.fetch_with_digest(self._engine, query, count_rows, digests.append)
            if request.digest
            else queries.fetch(self._engine, query, count_rows)
        )
        async with aclosing(rows) as pieces:
            async for piece in pieces:
                yield piece
        if reading is not None or digests:
            yield pb.FetchRelationResponse(read_receipt=_receipt(reading), digest="".join(digests))

    async def CountRelation(self, request: pb.CountRelationRequest, context: Context) -> pb.CountRelationResponse:
        """Count the entities of a relation."""
        query, reading = await self._read(request, context)
        count = await queries.count(self._engine, query)
        if reading is not None:
            reading.add(count)
        return pb.CountRelationResponse(entity_count=count, read_receipt=_receipt(reading))

    async def CheckExistence(self, request: pb.CheckExistenceRequest, context: Context) -> pb.CheckExistenceResponse:
        """Tell whether a relation has any entity."""
        query, reading = await self._read(request, context)
        found = await queries.exists(self._engine, query)
        if reading is not None:
            reading.add(int(found))
        return pb.CheckExistenceResponse(found=found, read_receipt=_receipt(reading))

    async def ExplainRelation(self, request: pb.ExplainRelationRequest, context: Context) -> pb.ExplainRelationResponse:
        """Give PostgreSQL's plan for a relation."""
        query = await self._compiled(request.relation, context)
        plan, statement = await queries.explain(self._engine, query, analyze=request.analyze)
        return pb.ExplainRelationResponse(plan=plan, statement=statement)


def _receipt(reading: Reading | None) -> bytes:
    return b"" if reading is None else reading.receipt()


def _ignore(_count: int) -> None:
    """Nobody wants to know the number of rows."""


def _too_long() -> LimitReached:
    return LimitReached(
        f"A result may take {FETCH_LIMIT_S:.0f} s to be read; read it faster, or in parts.",
        limit="fetch",
        value=FETCH_LIMIT_S,
    )
