"""SessionService: serve requests of a stream by the other services, inside a transaction or separately."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from levada_api.methods import METHODS
from levada_api.v1 import query_service_pb2
from levada_api.v1 import session_service_pb2 as pb
from levada_server.errors import Cancelled, DeadlineExceeded, InvalidRequest, LimitReached
from levada_server.operations.audit import entry
from levada_server.operations.completion.results import complete_in_transaction
from levada_server.operations.transactions import TransactionSession, open_transaction_session
from levada_server.rpc.decoding import values
from levada_server.rpc.decoding.completions import completed_job
from levada_server.rpc.dispatch import Call, request_named
from levada_server.rpc.streams.call_streams import answered
from levada_server.rpc.streams.inbox import Inbox
from levada_server.rpc.streams.transaction_guard import TransactionGuard
from levada_server.rpc.user_shares import USER_STREAMS, UserShares

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator

    from google.rpc import status_pb2

    from levada_server.operations.transactions import TransactionLimits
    from levada_server.rpc.streams.call_streams import CallStreams

_Result = TypeVar("_Result")

MAX_SESSIONS = 1_000
"""Sessions that are open in one process."""

UNANSWERED = ("insert_rows", "update_row")
"""The requests that may go without answer."""
_METHODS = {method.session_field: method for method in METHODS.values() if method.session_field}


class SessionService:
    """Carries transactions and small calls."""

    def __init__(self, limits: TransactionLimits, streams: CallStreams, user_streams: int = USER_STREAMS) -> None:
        self._limits = limits
        self._streams = streams
        self._shares = UserShares("sessions", user_streams)
        self._open = 0

    async def OpenCalls(self, request_iterator: AsyncIterator[pb.OpenCallsRequest], call: Call) -> None:
        """Serve small calls one after the other."""
        with self._streams.opened(call.caller.identity.user_id) as stream:
            async for request in request_iterator:
                stream.carry()
                await call.send(await answered(call, request))
                stream.wait()

    async def OpenSession(self, request_iterator: AsyncIterator[pb.OpenSessionRequest], call: Call) -> None:
        """Serve requests one after the other."""
        guard = TransactionGuard(call.engine, self._limits)
        inbox = Inbox(request_iterator, guard)
        ahead = _Ahead()
        with self._counted(), self._shares.taken(call.caller.identity.user_id):
            async with open_transaction_session(call.engine) as session, inbox, guard:
                while (request := await inbox.next()) is not None:
                    if ahead.refuses(request, session):
                        await inbox.drop_rest(request)
                        answer = ahead.refusal()
                    else:
                        answer = await _answered(call, session, request, inbox)
                    if not ahead.takes(request, answer):
                        await call.send(answer)
                    guard.follow(session)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a session within the block.

        Raises:
            LimitReached: There are too many.
        """
        if self._open >= MAX_SESSIONS:
            raise LimitReached(
                f"{MAX_SESSIONS} sessions are open here; close some, or try again later.",
                limit="sessions",
                value=MAX_SESSIONS,
            )
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


class _Ahead:
    """The requests without answer since the last answer, and the error of the first of them that failed."""

    def __init__(self) -> None:
        self._count = 0
        self._failure: status_pb2.Status | None = None

    def refuses(self, request: pb.OpenSessionRequest, session: TransactionSession) -> bool:
        """Return whether a request is not served because an earlier one failed; only rolling back is.

        Raises:
            InvalidRequest: It must have an answer.
        """
        kind = request.WhichOneof("request")
        if request.unanswered and not (session.transactions.open and kind in UNANSWERED):
            raise InvalidRequest(
                f"Only {' and '.join(UNANSWERED)} in a transaction can go without answer, not {kind}.",
                field="unanswered",
            )
        return self._failure is not None and kind != "roll_back"

    def refusal(self) -> pb.OpenSessionResponse:
        """Return the answer to a request that is refused."""
        return pb.OpenSessionResponse(error=self._failure, unanswered_position=self._count)

    def takes(self, request: pb.OpenSessionRequest, answer: pb.OpenSessionResponse) -> bool:
        """Note the answer to a request; return whether the client wants none."""
        failed = answer.HasField("error")
        if request.unanswered and self._failure is None:
            self._count += 1
            self._failure = answer.error if failed else None
        elif not (request.unanswered or (failed and self._failure is not None)):
            # Whatever savepoint it returned to was set before the failure.
            self._count, self._failure = 0, None
        return request.unanswered


async def _answered(
    stream: Call, session: TransactionSession, request: pb.OpenSessionRequest, inbox: Inbox
) -> pb.OpenSessionResponse:
    """Serve one request; send all its answers but the last, and return the last."""
    kind = request.WhichOneof("request") or ""
    method = _METHODS.get(kind)
    path = f"{stream.path}/{kind}" if method is None else method.path
    pieces = _Pieces(stream)
    call = stream.carry(path, engine=session.engine, write=pieces.send)
    last = pb.OpenSessionResponse()

    async def work() -> None:
        if method is None:
            await _steer(session, request, call, last)
            return
        asked = inbox.rest(request) if method.request_streaming else getattr(request, kind)
        answer = await call.serve(method, asked)
        if answer is not None:
            getattr(last, kind).CopyFrom(answer)

    async def bounded() -> None:
        timeout = values.duration(request.timeout).total_seconds() or None
        await _unless_cancelled(work(), inbox.cancelled, timeout)

    error = await call.ended(bounded())
    stream.told.add(call.told)
    if error is not None:
        await pieces.settled()
        await inbox.drop_rest(request)
        return pb.OpenSessionResponse(error=error)
    return last


class _Pieces:
    """Sends the messages of a carried response; a message under way when its request is cancelled goes out whole."""

    def __init__(self, stream: Call) -> None:
        self._stream = stream
        self._sending: asyncio.Future[None] | None = None

    async def send(self, piece: bytes) -> None:
        """Send a message of a fetch."""
        message = query_service_pb2.FetchRelationResponse.FromString(piece)
        sending = self._stream.send(pb.OpenSessionResponse(fetch_relation=message, more=True))
        self._sending = asyncio.ensure_future(sending)
        await asyncio.shield(self._sending)

    async def settled(self) -> None:
        """Wait until the last message is out."""
        if self._sending is not None:
            await self._sending


async def _steer(
    session: TransactionSession, request: pb.OpenSessionRequest, call: Call, answer: pb.OpenSessionResponse
) -> None:
    """Begin, mark or end a transaction, or complete the job whose rows were written in it, and answer its outcome."""
    transactions = session.transactions
    match request.WhichOneof("request"):
        case "begin":
            isolation = values.isolation(request.begin.isolation)
            await session.begin(isolation, read_only=request.begin.read_only, lease_token=request.begin.lease_token)
        case "savepoint":
            await transactions.savepoint(request.savepoint.name)
        case "commit" if request.commit.savepoint:
            await transactions.release(request.commit.savepoint)
        case "commit":
            asked = request_named(request.commit.request_id, "Commit", call.caller.identity)
            if transactions.open or asked is None:
                await session.commit(asked)
                call.caller.traces.changed = entry(call.caller)
            else:
                await session.confirm_commit(asked)
        case "roll_back" if request.roll_back.savepoint:
            await transactions.roll_back_to(request.roll_back.savepoint)
        case "roll_back":
            await transactions.roll_back()
        case "complete_job":
            job = await completed_job(call.engine, request.complete_job)
            told = await complete_in_transaction(call.engine, transactions.current(), call.caller, job)
            call.told.notify(told)
            answer.complete_job.job_id, answer.complete_job.unready = job.job_id, bool(told)
        case _:
            raise InvalidRequest("A request of the session is unset.", field="request")


async def _unless_cancelled(work: Awaitable[_Result], cancelled: asyncio.Event, timeout_s: float | None) -> _Result:
    task = asyncio.ensure_future(work)
    signal = asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({task, signal}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if signal.done():
            raise Cancelled("The request was cancelled; the transaction is as it was before the request.")
        raise DeadlineExceeded("The request ran out of time; the transaction is as it was before the request.")
    finally:
        task.cancel()
        signal.cancel()
        await asyncio.gather(task, signal, return_exceptions=True)
        # Its error refers to this frame, which would refer to it, and so both would stay until garbage is collected.
        del task
