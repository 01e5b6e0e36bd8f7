"""Pass each call to its method: identify the caller, repeat with a newer catalog, log one line, return the status.

It serves separate calls, small calls on a stream and the requests of a transaction alike.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc
import grpc.aio
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from levada_api.methods import METHODS
from levada_server.errors import InvalidRequest, LimitReached, PermissionDenied, Unauthenticated, Unavailable
from levada_server.logs import begin_call, call_id, carried_call
from levada_server.model.request import Request, digest_of
from levada_server.operations import audit
from levada_server.operations.caller import NOBODY, Caller, Traces
from levada_server.operations.context import PERHAPS_BEHIND
from levada_server.rpc.authentication import OPEN_METHODS, identify
from levada_server.rpc.browser import BrowserContext
from levada_server.rpc.client_version import CLIENT, UNCHECKED_METHOD, check_client
from levada_server.rpc.measures import Measures
from levada_server.rpc.message_bounds import MAX_STEPS, QUICK_BYTES, QUICK_STEPS, TooMany, check_size, count_elements
from levada_server.rpc.status import identified, reason_of, shortened, status_of
from levada_server.rpc.time_limit import can_be_ended
from levada_server.rpc.told import MAX_FAILURE_TOLD_BYTES, MAX_TOLD_BYTES, Told
from levada_server.rpc.turns import Pauses, Turns

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Iterator
    from uuid import UUID

    from google.rpc import status_pb2

    from levada_api.method import Method
    from levada_server.errors import LevadaError
    from levada_server.operations.context import Engine
    from levada_server.permissions.permissions import Identity
    from levada_server.rpc.activity import Activity
    from levada_server.rpc.time_limit import RunningCall

    Context: TypeAlias = grpc.aio.ServicerContext[bytes, bytes] | BrowserContext
    Write: TypeAlias = Callable[[bytes], Awaitable[None]]

_Behaviour: TypeAlias = (
    "Callable[[Any, Call], Awaitable[Message | None]]"  # Any: the method's request, or a stream of it
)
_Result = TypeVar("_Result")

CANCELLED = "cancelled"
"""The outcome of a call that was cut off: its client is gone, or the server stops."""
CATALOG_VERSION = "levada-catalog-version"
_STATUS = "grpc-status-details-bin"
DIGEST_BYTES = 2**18
"""A larger request is digested in a thread, so that other calls are answered meanwhile."""
COPIED_BYTES = 4 * 2**20
"""A larger message is read in a thread, however few elements it has: its bytes are copied."""
MAX_ENGINES = 1000
"""For how many tokens the parts to work with are kept."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOG = logging.getLogger("levada.calls")


class Call:
    """A separate call, or one that a stream carries, as a service sees it.

    Args:
        dispatcher: Serves the calls that this call carries, if it is a stream.
        path: The method's path, for the log.
        engine: The parts to work with; within a transaction, parts that work inside it.
        caller: The caller.
        write: Sends a message of the response, if that is a stream.
        browser: The context of the call if a browser makes it.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        path: str,
        engine: Engine,
        caller: Caller,
        write: Write | None = None,
        browser: BrowserContext | None = None,
    ) -> None:
        self.path = path
        self.browser = browser
        self.engine = engine
        self.caller = caller
        self.told = Told()
        self.request: Message | None = None
        self._dispatcher = dispatcher
        self._write = write
        self._sent = False
        self.sent_bytes = 0
        self._repeated = False

    async def identify(self, method: Method, request: Message) -> None:
        """Record the request, or the first of a stream of them, and the id under which it has one effect.

        Raises:
            InvalidRequest: The id is malformed.
        """
        self.request = request
        named = request_named(method.request_id(request), method.name, self.caller.identity)
        if named is not None:
            self.caller = replace(self.caller, request=replace(named, digest=await _digest(request)))

    def under_lease(self, lease_token: str) -> Caller:
        """Return the caller under the lease that a request names, if it names one.

        Raises:
            InvalidRequest: No server of this database wrote the token.
        """
        if not lease_token:
            return self.caller
        return replace(self.caller, job=self.engine.signer.read_lease(lease_token))

    async def send(self, message: Message | bytes) -> None:
        """Send a message of a streamed response; cancel the call if nobody reads any more."""
        assert self._write is not None, f"{self.path} has one response"
        content = message if isinstance(message, bytes) else message.SerializeToString()
        self._sent = True
        self.sent_bytes += len(content)
        await self._write(content)

    async def repeat_if_behind(
        self, work: Callable[[], Awaitable[_Result]], behind: Callable[[_Result], bool] = lambda _: False
    ) -> _Result:
        """Do work that changes all or nothing; repeat it once if it failed and this process's catalog was old.

        A call repeats at most once. A service says what may be repeated only if the request is a stream.

        Another process may have declared a table that is not found here, or altered one that is.

        Args:
            work: Does the work.
            behind: Whether a result has errors that an old catalog may have caused.
        """
        gate = self.engine.gate
        known = await gate.known()
        told, told_by_work = self.told.copy(), len(self.caller.told)
        try:
            result = await work()
        except PERHAPS_BEHIND:
            if self._sent or self._repeated or not await gate.catch_up(known):
                raise
        else:
            if not behind(result) or self._repeated or not await gate.catch_up(known):
                return result
        self._repeated = True
        self.told = told
        del self.caller.told[told_by_work:]
        return await work()

    def carry(
        self, path: str, *, engine: Engine | None = None, catalog_version: int | None = None, write: Write | None = None
    ) -> Call:
        """Begin a call that this stream carries.

        Args:
            path: The path of its method.
            engine: The parts to work with, if they differ from the stream's.
            catalog_version: The highest version that the client has seen; by default the version that came with the
                stream.
            write: Sends a message of the carried response, if that is a stream.
        """
        seen = self.caller.catalog_version if catalog_version is None else catalog_version
        caller = replace(
            self.caller,
            catalog_version=seen,
            request=None,
            told=[],
            method=path.rpartition("/")[2],
            traces=Traces(),
        )
        return Call(self._dispatcher, path, engine or self.engine, caller, write)

    async def serve(self, method: Method, request: object) -> Message | None:
        """Serve this call, which a stream carries, by a method.

        Args:
            method: The method.
            request: Its request, or the stream of it.
        """
        return await self._dispatcher.serve(method, request, self)

    def count_error(self, error: LevadaError) -> None:
        """Count an error of one of several jobs that this call names."""
        self._dispatcher.measures.errors[error.reason] += 1

    async def ended(self, work: Awaitable[None]) -> status_pb2.Status | None:
        """Do the work of this call, which a stream carries; return the status of the error it raises, or None."""
        return await self._dispatcher.ended(self, work)


@dataclass(frozen=True, slots=True)
class _Served:
    method: Method
    behaviour: _Behaviour
    request: type[Message]
    handler: grpc.RpcMethodHandler[bytes, bytes]


class Dispatcher(grpc.GenericRpcHandler):
    """Serves the methods of the services given.

    Args:
        engine: The parts to work with.
        activity: Counts the calls.
        services: Named as in proto/; each has a function for every method of it.
    """

    def __init__(self, engine: Engine, activity: Activity, services: Iterable[object]) -> None:
        self._engine = engine
        self._activity = activity
        self.measures = Measures()
        by_name = {type(service).__name__: service for service in services}
        self._served = {
            method.path: self._bound(method, getattr(by_name[method.service.rpartition(".")[2]], method.name))
            for method in METHODS.values()
        }
        self._engine_of = lru_cache(MAX_ENGINES)(self._made_engine)
        self._runs: dict[Call, RunningCall] = {}
        self._turns = Turns()
        self._pauses = Pauses()
        self._unknown = self._refusal("This server has no such method.")
        self._streamed = self._refusal(
            "The method takes a stream of requests, which browsers cannot send; call it by gRPC."
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """Return the handler of a call; one that refuses it if no service has its method."""
        served = self._served.get(handler_call_details.method)
        return self._unknown if served is None else served.handler

    def browser_handler(self, path: str) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the handler of a browser's call; one that refuses it if streams would go both ways."""
        served = self._served.get(path)
        if served is None:
            return self._unknown
        method = served.method
        return self._streamed if method.request_streaming and method.response_streaming else served.handler

    async def serve(self, method: Method, request: object, call: Call) -> Message | None:
        """Serve a call by a method; repeat a request of one message if the catalog here was old."""
        served = self._served[method.path]
        if method.path in OPEN_METHODS:
            try:
                return await served.behaviour(request, call)
            except Unauthenticated:  # what opens a session can be guessed as tokens can
                await self._engine.gate.permissions.hold_back()
                raise
        if method.request_streaming:
            return await served.behaviour(request, call)
        assert isinstance(request, Message)
        await call.identify(method, request)
        return await call.repeat_if_behind(lambda: served.behaviour(request, call))

    async def ended(self, call: Call, work: Awaitable[None]) -> status_pb2.Status | None:
        """Log a carried call, and return the status of the error that its work raises."""
        with carried_call(call.path):
            return await self._ended(call, work)

    async def _ended(self, call: Call, work: Awaitable[None]) -> status_pb2.Status | None:
        began, outcome = time.perf_counter(), CANCELLED
        self.measures.begin(call.path)
        try:
            await work
            outcome = "OK"
            await _audit(call, None)
        except Exception as error:  # noqa: BLE001  # every failure becomes a status, here and in `_watched`
            code, rich = status_of(call.path, error)
            outcome = code.name
            self.measures.errors[reason_of(error)] += 1
            await _audit(call, error)
            return identified(shortened(rich), call_id())
        finally:
            call.told.notify(call.caller.told)
            self._count(call, outcome, began)
        return None

    def _count(self, call: Call, outcome: str, began: float) -> None:
        """Count and log a call that has ended, and began at a time of `perf_counter`."""
        seconds = time.perf_counter() - began
        self.measures.end(call.path, outcome, seconds)
        traces = call.caller.traces
        self.measures.read_rows += traces.row_count
        self.measures.changed_rows += traces.completed_count + (traces.changed.row_count if traces.changed else 0)
        _log(call, outcome, seconds)

    def _made_engine(self, user_id: int | None, token_id: UUID | None) -> Engine:
        """Return the parts to work with for a user's token, whose leases and receipts no other token can use."""
        engine = self._engine
        if user_id is None:
            return engine
        return replace(
            engine,
            scope=engine.scope.of_user(user_id),
            signer=engine.signer.of(token_id),
            spool=engine.spool.of_user(user_id),
        )

    async def _caller(self, context: Context, method: Method) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: Nobody knows who calls.
            VersionMismatch: The client is too old.
        """
        metadata = dict(context.invocation_metadata() or ())
        if method.path in OPEN_METHODS:
            identity = replace(NOBODY, address=context.peer())
        else:
            identity = await identify(context, metadata, self._engine.gate.permissions)
        if method.name != UNCHECKED_METHOD:
            check_client(str(metadata.get(CLIENT, "")))
        seen = str(metadata.get(CATALOG_VERSION, "0"))
        return Caller(identity, int(seen) if seen.isdecimal() and len(seen) < 19 else 0, method=method.name)

    def _refusal(self, text: str) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Make the handler of calls of methods that are not served; without a token they look like any other."""

        async def refuse(_: AsyncIterator[bytes], context: Context) -> None:
            metadata = dict(context.invocation_metadata() or ())
            try:
                await identify(context, metadata, self._engine.gate.permissions)
            except Exception as error:  # noqa: BLE001  # every failure becomes a status, as in `_watched`
                self._engine.audit.refused(audit.refusal(_nobody(context, "unknown"), error))
                code, rich = status_of("unknown", error)
                details = (_STATUS, shortened(rich).SerializeToString())
                await context.abort(code, rich.message, trailing_metadata=(details,))
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _bound(self, method: Method, behaviour: _Behaviour) -> _Served:
        """Make the handler of a method: bytes in, bytes out."""
        descriptor = descriptor_pool.Default().FindMessageTypeByName(f"levada_api.v1.{method.name}Request")
        request = message_factory.GetMessageClass(descriptor)

        async def answer(asked: object, call: Call) -> bytes:
            answered = await self.serve(method, asked, call)
            assert answered is not None
            return answered.SerializeToString()

        async def pieces(asked: object, call: Call) -> bytes:
            with self._running(call):
                await self.serve(method, asked, call)
            return b""  # they are sent

        async def one(_: object, context: Context) -> bytes:
            async def work(call: Call) -> bytes:
                asked = await self._only(request, context, call)
                with self._running(call):
                    return await answer(asked, call)

            return await self._watched(method, context, work)

        async def many(_: object, context: Context) -> None:
            async def work(call: Call) -> bytes:
                asked = await self._only(request, context, call)
                with self._noticing_who_leaves(method, call):
                    return await pieces(asked, call)

            await self._watched(method, context, work)

        async def gathered(_: object, context: Context) -> bytes:
            async def work(call: Call) -> bytes:
                with self._running(call):
                    return await answer(self._all_decoded(request, context, call), call)

            return await self._watched(method, context, work)

        async def in_turn(_: object, context: Context) -> None:
            await self._watched(method, context, lambda call: pieces(self._all_decoded(request, context, call), call))

        handler: grpc.RpcMethodHandler[bytes, bytes]
        # A request of one message is a stream too, so that nothing of it is read before its caller is known.
        match method.request_streaming, method.response_streaming:
            case False, False:
                handler = grpc.stream_unary_rpc_method_handler(one)
            case False, True:
                handler = grpc.stream_stream_rpc_method_handler(many)
            case True, False:
                handler = grpc.stream_unary_rpc_method_handler(gathered)
            case _:
                handler = grpc.stream_stream_rpc_method_handler(in_turn)
        return _Served(method, behaviour, request, handler)

    @contextmanager
    def _running(self, call: Call) -> Iterator[None]:
        """Let a call be ended while it runs, which may take hours."""
        with can_be_ended() as running:
            self._runs[call] = running
            try:
                yield
            finally:
                del self._runs[call]

    @contextmanager
    def _noticing_who_leaves(self, method: Method, call: Call) -> Iterator[None]:
        """Let the caller have a pause if the call is cut off, unless its answer is endless."""
        try:
            yield
        except asyncio.CancelledError:
            if not method.endless:
                self._pauses.leave_unread(_sender(call.caller.identity), call.sent_bytes)
            raise

    def end_refused(self, now: dt.datetime) -> None:
        """End the calls of callers whose user was disabled, or whose token was revoked or has expired.

        A call of one request and one answer is left alone if its token has only expired since, because its change may
        have been made, and if it has recorded its change: only the answer is missing, which may be that of the
        revocation.
        """
        for call, running in tuple(self._runs.items()):
            if call.path in OPEN_METHODS:
                continue  # it needs no token, such as the login by which a user is added
            method, identity = self._served[call.path].method, call.caller.identity
            streams = method.request_streaming or method.response_streaming
            if not streams and call.caller.traces.changed is not None:
                continue
            try:
                self._engine.gate.permissions.current.check(identity, now if streams else None)
            except Unauthenticated as error:
                running.end(error)

    def end_endless(self) -> None:
        """End the calls that would answer for ever, because the server stops."""
        for call, running in tuple(self._runs.items()):
            if self._served[call.path].method.endless:
                running.end(Unavailable("The server is stopping; ask again."))

    async def _watched(self, method: Method, context: Context, work: Callable[[Call], Awaitable[bytes]]) -> bytes:
        """Count and log a call, and end it with its trailers and answer, or with the status of the error it raises."""
        began, outcome = time.perf_counter(), CANCELLED
        begin_call(method.path)
        browser = context if isinstance(context, BrowserContext) else None
        nobody = _nobody(context, method.name)
        call = Call(self, method.path, self._engine, nobody, self._writer(context), browser)
        self._activity.begin()
        self.measures.begin(method.path)
        try:
            call.caller = await self._caller(context, method)
            call.engine = self._engine_of(call.caller.identity.user_id, call.caller.identity.token_id)
            answer = await work(call)
            version = await self._engine.gate.version()
            context.set_trailing_metadata(((CATALOG_VERSION, str(version)), *_trailers(call, MAX_TOLD_BYTES)))
            outcome = "OK"
            self.measures.sent_bytes += len(answer)
            await _audit(call, None)
            return answer
        except Exception as error:  # noqa: BLE001  # every failure becomes a status, here and in `ended`
            code, rich = status_of(method.path, error)
            outcome = code.name
            self.measures.errors[reason_of(error)] += 1
            await _audit(call, error)
            _end(context, call, code, identified(shortened(rich), call_id()))
            return b""  # nobody gets it
        finally:
            self._activity.end()
            self._count(call, outcome, began)

    def _writer(self, context: Context) -> Write:
        async def write(content: bytes) -> None:
            self.measures.sent_bytes += len(content)
            try:
                await context.write(content)
            except grpc.aio.InternalError:
                raise asyncio.CancelledError from None  # nobody reads any more
            await self._turns.take(len(content))

        return write

    async def _only(self, request: type[Message], context: Context, call: Call) -> Message:
        """Read the message of a request that has one."""
        message = await self._next(request, context, call)
        if message is None:
            raise InvalidRequest(f"The call has no {request.DESCRIPTOR.name}.")
        if isinstance(context, BrowserContext) and context.unread:
            raise InvalidRequest("A call of this method by gRPC-Web has one message.")
        return message

    async def _all_decoded(self, request: type[Message], context: Context, call: Call) -> AsyncIterator[Message]:
        while (message := await self._next(request, context, call)) is not None:
            yield message

    async def _next(self, request: type[Message], context: Context, call: Call) -> Message | None:
        """Read the next message of a request; None after the last."""
        await self._pauses.await_pause(_sender(call.caller.identity))
        content: object = await context.read()
        return await self._decoded(request, content, call) if isinstance(content, bytes) else None  # EOF

    async def _decoded(self, request: type[Message], content: bytes, call: Call) -> Message:
        """Decode a message; in a thread if its elements or its bytes would keep other calls waiting."""
        self.measures.received_bytes += len(content)
        if len(content) <= QUICK_BYTES:
            return _parsed(request, content)
        if len(content) <= COPIED_BYTES:
            check_size(request.DESCRIPTOR.full_name, content)
            with suppress(TooMany):
                count_elements(request.DESCRIPTOR.full_name, content, QUICK_STEPS)
                return _parsed(request, content)
        sender = _sender(call.caller.identity)
        return await self._pauses.read(lambda: _counted(request, content), sender, len(content))


def request_named(id_: str, method: str, identity: Identity) -> Request | None:
    """Return the request that an id identifies among those of a user, or of a token with scopes; None if it is empty.

    Raises:
        InvalidRequest: The id is too long, or has characters that ids may not have.
    """
    if not id_:
        return None
    if _REQUEST_ID.fullmatch(id_) is None:
        raise InvalidRequest("`request_id` must be at most 64 letters, digits, - and _.", field="request_id")
    if identity.user_id is None:
        return Request(id_, method)
    confined_to = identity.confined_to
    # A number has at most 19 digits, so the two cannot be the same.
    mine = (
        identity.user_id if confined_to is None else base64.urlsafe_b64encode(confined_to.bytes).rstrip(b"=").decode()
    )
    return Request(f"{id_}/{mine}", method)


async def _digest(request: Message) -> bytes:
    """Return what identifies the content of a request: the same however its message was written and sent."""
    if request.ByteSize() <= DIGEST_BYTES:
        return _digest_now(request)
    return await asyncio.to_thread(_digest_now, request)


def _digest_now(request: Message) -> bytes:
    return digest_of(request.SerializeToString(deterministic=True))


def _sender(identity: Identity) -> Hashable | None:
    """Return who has the pauses: the user, or the machine of callers who are not known."""
    return identity.host if identity.user_id == NOBODY.user_id else identity.user_id


def _counted(request: type[Message], content: bytes) -> Message:
    check_size(request.DESCRIPTOR.full_name, content)
    try:
        count_elements(request.DESCRIPTOR.full_name, content, MAX_STEPS)
    except TooMany:
        raise LimitReached(
            f"A message of the request has more than {MAX_STEPS} elements; send fewer.",
            limit="elements",
            value=MAX_STEPS,
        ) from None
    return _parsed(request, content)


def _parsed(request: type[Message], content: bytes) -> Message:
    try:
        return request.FromString(content)
    except DecodeError:
        raise InvalidRequest(f"A message of the request is not a {request.DESCRIPTOR.name}.") from None


def _nobody(context: Context, method: str) -> Caller:
    """Return the caller of a method until it is known."""
    return Caller(replace(NOBODY, address=context.peer()), method=method)


async def _audit(call: Call, error: Exception | None) -> None:
    """Log the change of a call that has ended, or add its refusal or its reading to the audit."""
    traces = call.caller.traces
    if error is None and traces.changed is not None:
        audit.log(traces.changed)
    elif isinstance(error, (PermissionDenied, Unauthenticated)) or (error is not None and traces.hidden):
        call.engine.audit.refused(audit.refusal(call.caller, error))
    elif traces.confidential:
        await call.engine.audit.read(audit.reading(call.caller, error))


def _trailers(call: Call, limit_bytes: int) -> list[tuple[str, bytes]]:
    call.told.notify(call.caller.told)
    return [(key, text.encode()) for key, text in call.told.entries(limit_bytes)]


def _end(context: Context, call: Call, code: grpc.StatusCode, rich: status_pb2.Status) -> None:
    """Set the status of a call that failed.

    `Context.abort` would raise an error that refers to itself by way of the call, and so keep the request in memory
    until Python collects garbage, which it seldom does.
    """
    trailers = (*_trailers(call, MAX_FAILURE_TOLD_BYTES), (_STATUS, rich.SerializeToString()))
    context.set_trailing_metadata(trailers)
    context.set_code(code)
    context.set_details(rich.message)


def _log(call: Call, outcome: str, seconds: float) -> None:
    """Log the one line of a call."""
    if not _LOG.isEnabledFor(logging.DEBUG):
        return
    milliseconds = round(seconds * 1000, 1)
    details = {"outcome": outcome, "milliseconds": milliseconds}
    if call.caller.request is not None:
        details["request_id"] = call.caller.request.id
    _LOG.debug("%s %s %.1f ms", call.path, outcome, milliseconds, extra={"details": details})
