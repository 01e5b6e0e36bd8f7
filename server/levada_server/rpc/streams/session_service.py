"""SessionService: streams whose requests are served by the other services, inside a transaction or on their own."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from levada_api.v1 import query_service_pb2, row_service_pb2
from levada_api.v1 import session_service_pb2 as pb
from levada_api.v1 import session_service_pb2_grpc as pb_grpc
from levada_server.errors import Cancelled, DeadlineExceeded, InvalidRequest, LevadaError
from levada_server.operations.completion.results import complete_in_transaction
from levada_server.operations.transactions import Session, open_session
from levada_server.rpc.calls import caller, request_of
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.completions import completed_job
from levada_server.rpc.query_service import QueryService
from levada_server.rpc.row_service import RowService
from levada_server.rpc.status import status
from levada_server.rpc.streams.call_streams import SmallCalls
from levada_server.rpc.streams.transaction_guard import TransactionGuard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from levada_server.operations.context import Engine
    from levada_server.operations.transactions import TransactionLimits
    from levada_server.rpc.calls import Context
    from levada_server.rpc.streams.call_streams import CallStreams
    from levada_server.storage.postgres.database import Isolation

_Result = TypeVar("_Result")

READ_AHEAD = 16
"""Messages that wait while a request runs; more stay with the client."""

_ISOLATIONS: dict[int, Isolation] = {
    pb.ISOLATION_UNSPECIFIED: "repeatable_read",
    pb.ISOLATION_READ_COMMITTED: "read_committed",
    pb.ISOLATION_REPEATABLE_READ: "repeatable_read",
    pb.ISOLATION_SERIALIZABLE: "serializable",
}

_SERVED: dict[str, tuple[type[QueryService | RowService], str]] = {
    "describe_relation": (QueryService, "DescribeRelation"),
    "count_relation": (QueryService, "CountRelation"),
    "check_existence": (QueryService, "CheckExistence"),
    "insert_relation": (RowService, "InsertRelation"),
    "update_row": (RowService, "UpdateRow"),
    "plan_delete": (RowService, "PlanDelete"),
    "delete_rows": (RowService, "DeleteRows"),
}
"""Requests with one answer: which service answers them, and by which method."""


class SessionService(pb_grpc.SessionServiceServicer):
    """Carries transactions, and small calls."""

    def __init__(self, engine: Engine, limits: TransactionLimits, streams: CallStreams) -> None:
        self._engine = engine
        self._limits = limits
        self._streams = streams
        self._small_calls = SmallCalls(engine)

    async def OpenCalls(
        self, request_iterator: AsyncIterator[pb.OpenCallsRequest], context: Context
    ) -> AsyncIterator[pb.OpenCallsResponse]:
        """Serve one small call after the other."""
        with self._streams.opened() as stream:
            async for request in request_iterator:
                stream.carry()
                yield await self._small_calls.answer(request, context)
                stream.wait()

    async def OpenSession(
        self, request_iterator: AsyncIterator[pb.OpenSessionRequest], context: Context
    ) -> AsyncIterator[pb.OpenSessionResponse]:
        """Serve one request after the other."""
        inbox = _Inbox(request_iterator)
        guard = TransactionGuard(self._engine, self._limits)
        async with open_session(self._engine) as session, inbox, guard:
            while (request := await inbox.next(guard)) is not None:
                try:
                    timeout = values.duration(request.timeout).total_seconds() or None
                    answers = _answer(session, request, inbox, context)
                    async for answer in _bounded(answers, inbox.cancelled, timeout):
                        yield answer
                except LevadaError as error:
                    await inbox.drop_rest(request)
                    yield pb.OpenSessionResponse(error=status(error)[1])
                guard.follow(session)


class _Inbox:
    """Reads the client's messages ahead, so that Cancel reaches a request that runs."""

    def __init__(self, messages: AsyncIterator[pb.OpenSessionRequest]) -> None:
        self._messages = messages
        self._waiting: asyncio.Queue[pb.OpenSessionRequest | None] = asyncio.Queue(READ_AHEAD)
        self._task: asyncio.Task[None] | None = None
        self._insert_ends = True
        self._ended = False
        self.cancelled = asyncio.Event()

    async def __aenter__(self) -> _Inbox:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for message in self._messages:
                if message.WhichOneof("request") == "cancel":
                    self.cancelled.set()
                else:
                    await self._waiting.put(message)
        finally:
            # A full queue has something left to give; `next` asks for the flag once it is empty.
            self._ended = True
            if not self._waiting.full():
                self._waiting.put_nowait(None)

    async def next(self, guard: TransactionGuard) -> pb.OpenSessionRequest | None:
        """Give the next request; None at the end of the stream.

        Raises:
            LimitReached: A transaction is open, and the client is silent for too long.
        """
        if self._ended and self._waiting.empty():
            return None
        try:
            request = await asyncio.wait_for(self._waiting.get(), guard.silence_s)
        except asyncio.TimeoutError:
            raise guard.too_long() from None
        self.cancelled.clear()
        self._insert_ends = request is None or not request.more
        return request

    async def rest(self, first: pb.OpenSessionRequest) -> AsyncIterator[row_service_pb2.InsertRowsRequest]:
        """Give the messages of an insert, the first included."""
        message: pb.OpenSessionRequest | None = first
        while message is not None:
            self._insert_ends = not message.more
            if message.WhichOneof("request") != "insert_rows":
                raise InvalidRequest("An insert is not at its end when another request comes.", field="more")
            yield message.insert_rows
            message = None if self._insert_ends else await self._waiting.get()

    async def drop_rest(self, request: pb.OpenSessionRequest) -> None:
        """Pass over what is left of an insert that failed."""
        if request.WhichOneof("request") != "insert_rows":
            return
        while not self._insert_ends:
            message = await self._waiting.get()
            self._insert_ends = message is None or not message.more


async def _answer(
    session: Session, request: pb.OpenSessionRequest, inbox: _Inbox, context: Context
) -> AsyncIterator[pb.OpenSessionResponse]:
    kind = request.WhichOneof("request")
    match kind:
        case "begin" | "savepoint" | "commit" | "roll_back":
            await _steer(session, request)
            yield pb.OpenSessionResponse()
        case "fetch_relation":
            pieces = QueryService(session.engine).FetchRelation(request.fetch_relation, context)
            async for piece in pieces:
                yield pb.OpenSessionResponse(fetch_relation=_message(piece), more=True)
            yield pb.OpenSessionResponse()
        case "insert_rows":
            inserted = await RowService(session.engine).InsertRows(inbox.rest(request), context)
            yield pb.OpenSessionResponse(insert_rows=inserted)
        case "complete_job":
            job = await completed_job(session.engine, request.complete_job)
            await complete_in_transaction(session.engine, caller(context), job)
            yield pb.OpenSessionResponse()
        case str() if kind in _SERVED:
            service, method = _SERVED[kind]
            serve = getattr(service(session.engine), method)
            answer = await session.engine.with_current_catalog(lambda: serve(getattr(request, kind), context))
            yield pb.OpenSessionResponse(**{kind: answer})
        case _:
            raise InvalidRequest("A request of the session is unset.", field="request")


def _message(piece: bytes | query_service_pb2.FetchRelationResponse) -> query_service_pb2.FetchRelationResponse:
    return query_service_pb2.FetchRelationResponse.FromString(piece) if isinstance(piece, bytes) else piece


async def _steer(session: Session, request: pb.OpenSessionRequest) -> None:
    transactions = session.transactions
    match request.WhichOneof("request"):
        case "begin":
            isolation = _ISOLATIONS.get(request.begin.isolation)
            if isolation is None:
                raise InvalidRequest("`isolation` is unknown.", field="isolation")
            await session.begin(isolation, read_only=request.begin.read_only, lease_token=request.begin.lease_token)
        case "savepoint":
            await transactions.savepoint(request.savepoint.name)
        case "commit" if request.commit.savepoint:
            await transactions.release(request.commit.savepoint)
        case "commit":
            asked = request_of(request.commit)
            if transactions.open or asked is None:
                await session.commit(asked)
            else:
                await session.confirm_commit(asked)
        case _ if request.roll_back.savepoint:
            await transactions.roll_back_to(request.roll_back.savepoint)
        case _:
            await transactions.roll_back()


async def _bounded(
    answers: AsyncIterator[pb.OpenSessionResponse], cancelled: asyncio.Event, timeout_s: float | None
) -> AsyncIterator[pb.OpenSessionResponse]:
    """Pass answers on until the client cancels the request or its time is over."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    end = object()
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        answer: Any = await _unless_cancelled(_next(answers, end), cancelled, left)  # Any: an answer, or the end
        if answer is end:
            return
        yield answer


async def _next(answers: AsyncIterator[pb.OpenSessionResponse], end: object) -> object:
    async for answer in answers:
        return answer
    return end


async def _unless_cancelled(work: Awaitable[_Result], cancelled: asyncio.Event, timeout_s: float | None) -> _Result:
    task = asyncio.ensure_future(work)
    signal = asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({task, signal}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if signal.done():
            raise Cancelled("The request was cancelled; the transaction is as before it.")
        raise DeadlineExceeded("The request ran out of its time; the transaction is as before it.")
    finally:
        for other in (task, signal):
            other.cancel()
        await asyncio.gather(task, signal, return_exceptions=True)
