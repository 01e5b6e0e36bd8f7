"""QueryService: decode, one operation, encode."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

from levada_api.v1 import query_service_pb2 as pb
from levada_server.errors import LimitReached
from levada_server.operations import queries
from levada_server.operations.make_contract import Repeatable, begin_read
from levada_server.operations.prefetch import prefetch
from levada_server.operations.recordings import begin_kept_read
from levada_server.permissions.roles import Action
from levada_server.rpc import encode
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.patterned_reads import patterned_read
from levada_server.rpc.decoding.relation_shape import asked_relation
from levada_server.rpc.time_limit import end_call_later
from levada_server.rpc.user_shares import UserResults

if TYPE_CHECKING:
    from collections.abc import Callable

    from levada_api.v1 import relation_pb2
    from levada_server.operations.access.reading import Readable
    from levada_server.operations.make_contract import Reading
    from levada_server.operations.prefetch import Answer
    from levada_server.operations.recordings import KeptRead
    from levada_server.rpc.dispatch import Call

    _Read: TypeAlias = pb.FetchRelationRequest | pb.CountRelationRequest | pb.CheckExistenceRequest

FEW_BYTES = 2**20
"""The largest answer, in bytes, that goes in one piece."""


class QueryService:
    """Answers queries."""

    def __init__(self) -> None:
        self._results = UserResults()

    async def DescribeRelation(self, request: pb.DescribeRelationRequest, call: Call) -> pb.DescribeRelationResponse:
        """Return the heading of a relation."""
        readable = await _compiled(request.relation, call, Action.DESCRIBE)
        return pb.DescribeRelationResponse(heading=encode.heading(readable.heading))

    async def FetchRelation(self, request: pb.FetchRelationRequest, call: Call) -> None:
        """Send the entities of a relation as one Arrow IPC stream."""
        timer = end_call_later(call.engine.call_limits.fetch_s, _too_long(call.engine.call_limits.fetch_s))
        try:
            readable, reading = await _read(request, call)
            kept = await _kept(request, call, readable)
            digests = _Digests(reading, wanted=request.digest or kept is not None)
            offered = [values.compression(value) for value in request.compressions]
            pieces = queries.fetch(
                call.engine, readable, _counter(call, reading), digests.take, compression=next(iter(offered), None)
            )
            user_id = None if readable.has_few_rows else call.caller.identity.user_id
            async with self._results.taken(user_id), aclosing(pieces):
                async for piece in pieces:
                    await call.send(encode.fetched(piece))
            if kept is not None:
                await kept.keep(call.engine, digests.told)
            if reading is not None or request.digest:
                told = digests.told if request.digest else ""
                await call.send(pb.FetchRelationResponse(read_receipt=_receipt(reading), digest=told))
        finally:
            timer.cancel()

    async def FetchFewRows(self, request: pb.FetchFewRowsRequest, call: Call) -> pb.FetchFewRowsResponse:
        """Return the entities of a relation in one message."""
        readable, reading = await _read(request.fetch, call)
        kept = await _kept(request.fetch, call, readable)
        content = bytearray()
        digests = _Digests(reading, wanted=request.fetch.digest or kept is not None)
        if readable.has_few_rows:
            for piece in await queries.fetch_few(call.engine, readable, _counter(call, reading), digests.take):
                content += b"".join(piece)
        else:
            # The server itself reads the few rows, so they need not wait behind results of slow readers.
            fetch = queries.fetch(call.engine, readable, _counter(call, reading), digests.take, share="calls")
            async with aclosing(fetch) as pieces:
                async for piece in pieces:
                    content += b"".join(piece)
                    if len(content) > FEW_BYTES:
                        break
        if len(content) > FEW_BYTES:
            return pb.FetchFewRowsResponse(too_large=True)
        if kept is not None:
            await kept.keep(call.engine, digests.told)
        told = digests.told if request.fetch.digest else ""
        result = pb.FetchRelationResponse(arrow_ipc=bytes(content), read_receipt=_receipt(reading), digest=told)
        return pb.FetchFewRowsResponse(result=result)

    async def CountRelation(self, request: pb.CountRelationRequest, call: Call) -> pb.CountRelationResponse:
        """Count the entities of a relation."""
        readable, reading = await _read(request, call, "count")
        count = await readable.count(call.engine.scope)
        _counter(call, reading)(count)
        if reading is not None:
            reading.take_digest(str(count))
        if (kept := await _kept(request, call, readable, "count")) is not None:
            await kept.keep(call.engine, str(count))
        return pb.CountRelationResponse(entity_count=count, read_receipt=_receipt(reading))

    async def CheckExistence(self, request: pb.CheckExistenceRequest, call: Call) -> pb.CheckExistenceResponse:
        """Return whether a relation has any entity."""
        readable, reading = await _read(request, call, "exists")
        found = await readable.exists(call.engine.scope)
        _counter(call, reading)(int(found))
        if reading is not None:
            reading.take_digest(str(found))
        if (kept := await _kept(request, call, readable, "exists")) is not None:
            await kept.keep(call.engine, str(found))
        return pb.CheckExistenceResponse(found=found, read_receipt=_receipt(reading))

    async def PrefetchReads(self, request: pb.PrefetchReadsRequest, call: Call) -> pb.PrefetchReadsResponse:
        """Answer reads of jobs ahead."""
        leases = [call.engine.signer.read_lease(token) for token in request.lease_tokens]
        reads = [patterned_read(read, len(leases)) for read in request.reads]
        response = pb.PrefetchReadsResponse()
        for answers in await prefetch(call.engine, call.caller, leases, reads):
            response.answers.extend(map(_prefetched, request.reads, answers))
        return response

    async def ExplainRelation(self, request: pb.ExplainRelationRequest, call: Call) -> pb.ExplainRelationResponse:
        """Return PostgreSQL's plan for a relation."""
        readable = await _compiled(request.relation, call, Action.FETCH)
        plan, statement = await queries.explain(call.engine, call.caller, readable, analyze=request.analyze)
        return pb.ExplainRelationResponse(plan=plan, statement=statement)


def _prefetched(read: pb.PatternedRead, answer: Answer | None) -> pb.PrefetchedRead:
    if answer is None:
        return pb.PrefetchedRead()
    match read.WhichOneof("read"):
        case "fetch":
            assert isinstance(answer.content, bytes)
            rows = pb.FetchRelationResponse(arrow_ipc=answer.content, read_receipt=answer.receipt, digest=answer.digest)
            return pb.PrefetchedRead(rows=rows)
        case "count":
            counted = pb.CountRelationResponse(entity_count=int(answer.content), read_receipt=answer.receipt)
            return pb.PrefetchedRead(count=counted)
        case _:
            found = pb.CheckExistenceResponse(found=bool(answer.content), read_receipt=answer.receipt)
            return pb.PrefetchedRead(existence=found)


async def _compiled(message: relation_pb2.Relation, call: Call, action: Action) -> Readable:
    readable = await queries.compile_query(call.engine, call.caller, action, asked_relation("relation", message))
    _tell(readable, call)
    return readable


def _tell(readable: Readable, call: Call) -> None:
    call.told.warn(readable.query.warnings)
    call.told.notify(readable.query.notices)


class _Digests:
    """Takes the digest of a read: for its receipt, and for the answer if the request wants it there.

    Attributes:
        told: The digest for the answer.
        take: Takes it; None if nobody needs it.
    """

    def __init__(self, reading: Reading | None, *, wanted: bool) -> None:
        self.told = ""
        self._reading = reading
        self._wanted = wanted
        needed = wanted or (reading is not None and reading.input is not None)
        self.take: Callable[[str], None] | None = self._take if needed else None

    def _take(self, digest: str) -> None:
        if self._wanted:
            self.told = digest
        if self._reading is not None:
            self._reading.take_digest(digest)


async def _read(request: _Read, call: Call, kind: str = "rows") -> tuple[Readable, Reading | None]:
    """Compile the relation to read; under a lease, check it by the contract of `make`."""
    if not request.lease_token:
        return await _compiled(request.relation, call, Action.FETCH), None
    who = call.under_lease(request.lease_token)
    asked = asked_relation("relation", request.relation)
    readable = await queries.compile_query(call.engine, who, Action.FETCH, asked)
    _tell(readable, call)
    repeatable = _repeatable(request, readable, kind)
    return readable, await begin_read(call.engine, who, await asked.relation(), request.read_receipt, repeatable)


async def _kept(request: _Read, call: Call, readable: Readable, kind: str = "rows") -> KeptRead | None:
    """Return the read as recordings are to keep it; None if there are none."""
    if not request.recordings:
        return None
    relation = await asked_relation("relation", request.relation).relation()
    repeatable = _repeatable(request, readable, kind)
    return await begin_kept_read(call.engine, call.caller, request.recordings, relation, repeatable)


def _repeatable(request: _Read, readable: Readable, kind: str) -> Repeatable:
    names = readable.heading.names if kind == "rows" else ()
    return Repeatable(request.relation.SerializeToString(deterministic=True), kind, names)


def _receipt(reading: Reading | None) -> bytes:
    return b"" if reading is None else reading.receipt()


def _counter(call: Call, reading: Reading | None) -> Callable[[int], None]:
    """Return a function that takes the number of rows that were read."""
    traces = call.caller.traces

    def add(count: int) -> None:
        traces.row_count += count
        if reading is not None:
            reading.add(count)

    return add


def _too_long(most_s: float) -> LimitReached:
    return LimitReached(
        f"A result must be read within {most_s:g} s; read it faster, or in parts.", limit="fetch", value=most_s
    )
