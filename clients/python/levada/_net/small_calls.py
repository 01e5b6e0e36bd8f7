"""Small calls outside transactions: each thread keeps a stream open for them, which halves their time."""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from levada._base.errors import LevadaError, OutcomeUnknown, Unavailable, error_from_status, warn
from levada_api.methods import METHODS
from levada_api.v1 import session_service_pb2 as pb

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from levada._net.transport import Transport
    from levada._net.turns import Turns
    from levada_api.methods import MethodName

_Response = TypeVar("_Response", bound="Message")

_REFUSED_SECONDS = 30.0
"""How long calls go on their own after the server refused a stream."""


class SmallCalls:
    """The small calls of a connection. Threads may share it; each has its own stream, which ends with it.

    The first call of a thread goes on its own: a thread that makes only one call gains nothing by a stream.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._local = threading.local()
        # This list holds the streams too: a forked child forgets the threads of its parent, and must not end their
        # streams.
        self._open: set[_CallStream] = set()

    def call(
        self,
        method: MethodName,
        request: Message,
        response: type[_Response],
        *,
        timeout: float | None = None,
        patience: float | None = None,
    ) -> _Response:
        """Call a method with one request and one response; see `Transport.call`.

        A call with a timeout goes on its own, because there it ends in time, whatever happens to the server.
        """
        known = METHODS[method]
        rides = known.call_field and timeout is None and known.repeatable(request)
        if rides and (stream := self._stream()) is not None:
            # If the stream is lost, a call on its own succeeds, or says why it cannot.
            with suppress(_Lost):
                answer: _Response = self._ask(stream, known.call_field, request)
                return answer
        return self._transport.call(method, request, response, timeout=timeout, patience=patience)

    def _stream(self) -> _CallStream | None:
        """Return the stream of this thread, if it should have one now and does not carry a call already."""
        if not self._transport.takes_turns:
            return None
        local = self._local
        thread: _Thread | None = getattr(local, "thread", None)
        if thread is None or thread.pid != os.getpid():
            local.thread = _Thread()
            return None
        if thread.stream is None:
            if time.monotonic() < thread.not_before:
                return None
            try:
                calls = self._transport.take_turns("SessionService/OpenCalls", pb.OpenCallsResponse)
            except LevadaError:
                return None
            thread.stream = _CallStream(calls, thread, self._open)
        return None if thread.stream.carrying else thread.stream

    def _ask(self, stream: _CallStream, field: str, request: Message) -> Any:  # noqa: ANN401  # the method's answer
        arguments: dict[str, Any] = {field: request}  # Any: each field has a type of its own
        asked = pb.OpenCallsRequest(catalog_version=self._transport.catalog_version, **arguments)
        try:
            stream.carrying = True
            stream.calls.send(asked)
            answer = stream.calls.receive()
            stream.carrying, stream.answered = False, True
        except LevadaError:
            self._lose(stream)
            raise _Lost from None
        except BaseException:
            self._lose(stream)  # its next answer would belong to this request
            raise
        self._note(answer)
        if answer.HasField("error"):
            error = error_from_status(answer.error)
            raise _Lost if isinstance(error, (OutcomeUnknown, Unavailable)) else error
        return getattr(answer, field)

    def _note(self, answer: pb.OpenCallsResponse) -> None:
        if answer.catalog_version > self._transport.catalog_version:
            self._transport.expect_catalog(answer.catalog_version)
        for text in answer.warnings:
            warn(text)
        for text in answer.notices:
            self._transport.tell_once(text)

    def _lose(self, stream: _CallStream) -> None:
        thread: _Thread = self._local.thread
        thread.stream = None
        if not stream.answered:
            thread.not_before = time.monotonic() + _REFUSED_SECONDS
        stream.end()


class _Thread:
    """A thread's own record of its stream; it is freed when the thread ends."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.stream: _CallStream | None = None
        self.not_before = 0.0  # of `monotonic`: when to ask for a stream again


class _CallStream:
    """The stream of one thread.

    Attributes:
        carrying: Whether a call is under way; a signal handler may have interrupted it.
        answered: Whether it has carried a call.
    """

    def __init__(self, calls: Turns[pb.OpenCallsResponse], thread: _Thread, open_: set[_CallStream]) -> None:
        self.calls = calls
        self.carrying = False
        self.answered = False
        self._pid = os.getpid()
        open_.add(self)
        self.end = weakref.finalize(thread, self._end, open_)
        self.end.atexit = False

    def _end(self, open_: set[_CallStream]) -> None:
        if self._pid == os.getpid():
            open_.discard(self)
            self.calls.cancel()


class _Lost(Exception):
    """The stream has ended, or its server is out of reach; the request may have been carried out."""
