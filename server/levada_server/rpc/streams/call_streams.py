"""OpenCalls: serve small calls one after the other on one stream, each like a separate call."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from levada_api.methods import METHODS
from levada_api.v1 import session_service_pb2 as pb
from levada_server.errors import InvalidRequest, LevadaError, LimitReached, Unavailable
from levada_server.rpc.time_limit import this_call
from levada_server.rpc.told import WARNING
from levada_server.rpc.user_shares import USER_STREAMS, UserShares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from levada_server.rpc.activity import Activity
    from levada_server.rpc.dispatch import Call
    from levada_server.rpc.time_limit import RunningCall

MAX_STREAMS = 1_000
"""The most streams of one process, each for a thread of a client; separate calls have no limit."""
IDLE_S = 60.0
"""The time, in seconds, that a stream waits for its client's next call."""
_METHODS = {method.call_field: method for method in METHODS.values() if method.call_field}


class CallStreams:
    """The open streams; on a stop the server ends streams that wait for a client, and waits for the others."""

    def __init__(self, activity: Activity, user_streams: int = USER_STREAMS) -> None:
        self._activity = activity
        self._open: set[_Stream] = set()
        self._shares = UserShares("call streams", user_streams)
        self.stopping = False  # no stream may wait for another call

    def end(self) -> None:
        """End every stream as soon as the call it carries is answered."""
        self.stopping = True
        for stream in tuple(self._open):
            stream.end_if_idle(_stopping())

    @contextmanager
    def opened(self, user_id: int | None) -> Iterator[_Stream]:
        """Count the stream of this task within the block.

        Args:
            user_id: The user who opened it; None for the server's own.

        Raises:
            LimitReached: Too many streams are open, of all or of the user.
        """
        if len(self._open) >= MAX_STREAMS:
            raise LimitReached(
                f"{MAX_STREAMS} streams of small calls are open here; make separate calls instead.",
                limit="call streams",
                value=MAX_STREAMS,
            )
        with self._shares.taken(user_id):
            stream = _Stream(self, this_call(), self._activity)
            self._open.add(stream)
            try:
                yield stream
            finally:
                self._open.discard(stream)
                stream.close()


class _Stream:
    """One stream, which waits for its client or carries a call."""

    def __init__(self, streams: CallStreams, call: RunningCall, activity: Activity) -> None:
        self._streams = streams
        self._call = call
        self._activity = activity
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None  # by the loop's clock; None while it carries a call
        self.wait()
        # One timer for all calls: a timer for each would cost more than the rest of the bookkeeping.
        self._timer = self._loop.call_later(IDLE_S, self._end_if_silent)

    def wait(self) -> None:
        """Begin to wait for the client, at most `IDLE_S`; a waiting stream does not count as activity.

        Raises:
            Unavailable: The server is stopping.
        """
        if self._streams.stopping:
            raise _stopping()
        self._activity.end()
        self._waiting_since = self._loop.time()

    def carry(self) -> None:
        """Begin to carry a call, which gets an answer whatever happens."""
        self._waiting_since = None
        self._activity.begin()

    def end_if_idle(self, error: LevadaError) -> None:
        """End the stream if it waits."""
        if self._waiting_since is not None:
            self._call.end(error)

    def _end_if_silent(self) -> None:
        """End the stream if it has waited for too long; otherwise look again when it may have."""
        since = self._loop.time() if self._waiting_since is None else self._waiting_since
        left_s = since + IDLE_S - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._end_if_silent)
        else:
            self._call.end(_silent())

    def close(self) -> None:
        """Mark the stream as ended."""
        self._timer.cancel()
        if self._waiting_since is not None:
            self.carry()


async def answered(stream: Call, request: pb.OpenCallsRequest) -> pb.OpenCallsResponse:
    """Serve one call that a stream carries; an error becomes its answer."""
    kind = request.WhichOneof("request") or ""
    method = _METHODS.get(kind)
    call = stream.carry(stream.path if method is None else method.path, catalog_version=request.catalog_version)
    answer = pb.OpenCallsResponse()

    async def work() -> None:
        if method is None:
            raise InvalidRequest("A call of the stream is unset.", field="request")
        asked = getattr(request, kind)
        if not method.repeatable(asked):
            raise InvalidRequest("A call on a stream that changes something needs a `request_id`.", field="request_id")
        getattr(answer, kind).CopyFrom(await call.serve(method, asked))
        answer.catalog_version = await call.engine.gate.version()

    error = await call.ended(work())
    if error is not None:
        answer.error.CopyFrom(error)
    for key, text in call.told.entries():
        (answer.warnings if key == WARNING else answer.notices).append(text)
    return answer


def _silent() -> LevadaError:
    return Unavailable(f"The stream was silent for {IDLE_S:.0f} s and was closed; open another.")


def _stopping() -> LevadaError:
    return Unavailable("The server is stopping; try again.")
