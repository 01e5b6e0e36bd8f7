"""What happens around every call: domain errors become statuses, calls are logged, idle time is known."""

from __future__ import annotations

import inspect
import logging
import time
import uuid
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from levada_server.errors import InvalidRequest, LevadaError, Unsupported
from levada_server.logs import begin_call
from levada_server.rpc.status import internal, status
from levada_server.rpc.time_limit import can_be_ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.rpc import status_pb2

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]  # Any: whatever messages the method takes and gives

_Handler: TypeAlias = "Callable[..., Any]"  # Any: an awaitable or an iterator of whatever message
_LOG = logging.getLogger("levada.calls")
_STATUS_KEY = "grpc-status-details-bin"
MAX_MESSAGE_CHARACTERS = 4_000
"""A status travels in headers, which proxies and clients limit to a few kilobytes."""


class Activity:
    """How many calls are under way, and since when there are none."""

    def __init__(self) -> None:
        self._running = 0
        self._idle_since = time.monotonic()

    def begin(self) -> None:
        """Count a call that begins."""
        self._running += 1

    def end(self) -> None:
        """Count a call that ends."""
        self._running -= 1
        self._idle_since = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last call ended; 0 while one is under way."""
        return 0.0 if self._running else time.monotonic() - self._idle_since


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler: errors to statuses, one log line per call, activity.

    Args:
        activity: Told of every call.
        with_current_catalog: Repeats a call that failed for a catalog that was old.
    """

    def __init__(
        self, activity: Activity, with_current_catalog: Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]
    ) -> None:
        self._activity = activity
        self._with_current_catalog = with_current_catalog

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap the handler of a call."""
        handler: Any = await continuation(handler_call_details)  # Any: grpc's handlers are plain tuples of functions
        if handler is None:
            return None
        method = handler_call_details.method
        if handler.response_streaming:
            field = "stream_stream" if handler.request_streaming else "unary_stream"
            wrapped = self._wrap_stream(method, getattr(handler, field))
            handler = handler._replace(response_serializer=_unless_written(handler.response_serializer))
        else:
            field = "stream_unary" if handler.request_streaming else "unary_unary"
            wrapped = self._wrap_unary(method, getattr(handler, field))
        return handler._replace(**{field: wrapped})  # type: ignore[no-any-return]  # a handler, as above

    def _wrap_unary(self, method: str, handler: _Handler) -> _Handler:
        async def call(request: object, context: Context) -> object:
            async with self._watched(method, request, context):
                if not isinstance(request, Message):  # a stream cannot be read twice
                    return await handler(request, context)
                return await self._with_current_catalog(lambda: handler(request, context))

        return call

    def _wrap_stream(self, method: str, handler: _Handler) -> _Handler:
        if not inspect.isasyncgenfunction(handler):  # it writes its answers to the context and gives none back
            return self._wrap_unary(method, handler)

        async def call(request: object, context: Context) -> None:
            # grpc leaves an iterator that it cannot write from to the garbage collector, with all that it holds.
            async with self._watched(method, request, context):
                with can_be_ended():
                    async with aclosing(handler(request, context)) as answers:
                        async for answer in answers:
                            try:
                                await context.write(answer)
                            except grpc.aio.InternalError:  # nobody reads any more
                                return

        return call

    @asynccontextmanager
    async def _watched(self, method: str, request: object, context: Context) -> AsyncIterator[None]:
        """Count and log a call, and end it with the status of what it raises."""
        began = time.perf_counter()
        begin_call(method)
        outcome = "cancelled"
        self._activity.begin()
        try:
            yield
            outcome = "OK"
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  # the one place where every failure becomes a status
            code, rich = status_of(method, error)
            outcome = code.name
            await _end(context, code, rich)
        finally:
            self._activity.end()
            log_call(method, outcome, began, request)


def _unless_written(serialize: Callable[[object], bytes]) -> Callable[[object], bytes]:
    """Let answers pass that are written as bytes already."""
    return lambda answer: answer if isinstance(answer, bytes) else serialize(answer)


def log_call(method: str, outcome: str, began: float, request: object) -> None:
    """Write the one line of a call, which began at a time of `perf_counter`."""
    if not _LOG.isEnabledFor(logging.DEBUG):
        return
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    details = {"outcome": outcome, "milliseconds": milliseconds}
    if request_id := getattr(getattr(request, "header", request), "request_id", ""):
        details["request_id"] = request_id
    _LOG.debug("%s %s %.1f ms", method, outcome, milliseconds, extra={"details": details})


def status_of(method: str, error: Exception) -> tuple[grpc.StatusCode, status_pb2.Status]:
    """Give the status of whatever a servicer raised; what is no error of ours is logged under an incident's id."""
    match error:
        case LevadaError():
            return status(error)
        case DecodeError():
            return status(InvalidRequest("A message of the request cannot be decoded."))
        case NotImplementedError():
            return status(Unsupported(f"This server does not serve {method.rpartition('/')[2]} yet."))
        case _:
            incident = uuid.uuid4().hex[:12]
            details = {"incident": incident}
            _LOG.error("%s failed, incident %s", method, incident, exc_info=error, extra={"details": details})
            return internal(incident)


async def _end(context: Context, code: grpc.StatusCode, rich: status_pb2.Status) -> None:
    rich = shortened(rich)
    trailer = (*(context.trailing_metadata() or ()), (_STATUS_KEY, rich.SerializeToString()))
    with suppress(grpc.aio.InternalError):  # nobody reads any more
        await context.abort(code, rich.message, trailing_metadata=trailer)


def shortened(rich: status_pb2.Status) -> status_pb2.Status:
    """Cut a status down to what fits into headers."""
    if len(rich.message) > MAX_MESSAGE_CHARACTERS:
        rich.message = rich.message[: MAX_MESSAGE_CHARACTERS - 1] + "…"
    if any(len(detail.value) > MAX_MESSAGE_CHARACTERS for detail in rich.details):
        del rich.details[:]
    return rich
