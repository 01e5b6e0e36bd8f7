"""OpenCalls: small calls one after the other on one stream, each served as the call that it stands for."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from levada_api.v1 import session_service_pb2 as pb
from levada_server.errors import InvalidRequest, LevadaError, LimitReached, Unavailable
from levada_server.logs import begin_call
from levada_server.rpc.calls import CATALOG_VERSION, NOTICE, WARNING
from levada_server.rpc.interceptors import log_call, shortened, status_of
from levada_server.rpc.query_service import QueryService
from levada_server.rpc.row_service import RowService
from levada_server.rpc.time_limit import this_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from google.protobuf.message import Message

    from levada_server.operations.context import Engine
    from levada_server.rpc.calls import Context, Metadata
    from levada_server.rpc.interceptors import Activity
    from levada_server.rpc.time_limit import RunningCall

    Serve = Callable[[Any, "OneCall"], Awaitable[Message]]  # Any: the method's request

MAX_STREAMS = 1_000
"""Streams of one process, each of which is a thread of a client; calls on their own have no limit."""
IDLE_S = 60.0
"""How long a stream waits for its client's next call."""
_QUERIES, _ROWS = "/levada_api.v1.QueryService/", "/levada_api.v1.RowService/"
_CHANGING = ("insert_few_rows", "update_row")


class CallStreams:
    """The streams that are open. Those that wait for their client end with the server, which waits for the others."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._open: set[_Stream] = set()
        self.stopping = False  # no stream is to wait for another call

    def end(self) -> None:
        """End every stream as soon as the call that it carries is answered."""
        self.stopping = True
        for stream in tuple(self._open):
            stream.end_if_idle(_stopping())

    @contextmanager
    def opened(self) -> Iterator[_Stream]:
        """Count the stream of this task within the block.

        Raises:
            LimitReached: There are too many.
        """
        if len(self._open) >= MAX_STREAMS:
            raise LimitReached(
                f"{MAX_STREAMS} streams of small calls are open here; make calls on their own.",
                limit="call streams",
                value=MAX_STREAMS,
            )
        stream = _Stream(self, this_call(), self._activity)
        self._open.add(stream)
        try:
            yield stream
        finally:
            self._open.discard(stream)
            stream.close()


class _Stream:
    """One stream: it waits for its client, or carries a call."""

    def __init__(self, streams: CallStreams, call: RunningCall, activity: Activity) -> None:
        self._streams = streams
        self._call = call
        self._activity = activity
        self._timer: asyncio.TimerHandle | None = None
        self.wait()

    def wait(self) -> None:
        """Wait for the client, for so long. A stream that waits is no activity of the server.

        Raises:
            Unavailable: The server stops.
        """
        if self._streams.stopping:
            raise _stopping()
        self._activity.end()
        self._timer = asyncio.get_running_loop().call_later(IDLE_S, self._call.end, _silent())

    def carry(self) -> None:
        """Carry a call, which is to be answered whatever happens."""
        assert self._timer is not None
        self._timer.cancel()
        self._timer = None
        self._activity.begin()

    def end_if_idle(self, error: LevadaError) -> None:
        """End the stream if it waits."""
        if self._timer is not None:
            self._call.end(error)

    def close(self) -> None:
        """Be at the end."""
        if self._timer is not None:
            self.carry()


class OneCall:
    """What a servicer takes from a call and adds to its answer, for one that a stream carries."""

    def __init__(self, stream: Context, catalog_version: int) -> None:
        self._stream = stream
        self._version = str(catalog_version)
        self._told: Metadata = ()

    def invocation_metadata(self) -> Metadata:
        """What came with the call: what came with the stream, and the version of the catalog."""
        return (*(self._stream.invocation_metadata() or ()), (CATALOG_VERSION, self._version))

    def trailing_metadata(self) -> Metadata:
        """What goes with the answer."""
        return self._told

    def set_trailing_metadata(self, trailing_metadata: Metadata, /) -> None:
        """Let something go with the answer, in place of what did."""
        self._told = trailing_metadata

    def tell(self, answer: pb.OpenCallsResponse) -> None:
        """Write what goes with the answer into it."""
        for key, value in self._told:
            if key == CATALOG_VERSION:
                answer.catalog_version = int(value)
            elif key in (WARNING, NOTICE):
                told = answer.warnings if key == WARNING else answer.notices
                told.append(value.decode() if isinstance(value, bytes) else value)


class SmallCalls:
    """Serves the calls of a stream by the methods that serve them on their own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        queries, rows = QueryService(engine), RowService(engine)
        self._served: dict[str, tuple[str, Serve]] = {
            "describe_relation": (_QUERIES + "DescribeRelation", queries.DescribeRelation),
            "fetch_few_rows": (_QUERIES + "FetchFewRows", queries.FetchFewRows),
            "count_relation": (_QUERIES + "CountRelation", queries.CountRelation),
            "check_existence": (_QUERIES + "CheckExistence", queries.CheckExistence),
            "insert_few_rows": (_ROWS + "InsertFewRows", rows.InsertFewRows),
            "update_row": (_ROWS + "UpdateRow", rows.UpdateRow),
        }

    async def answer(self, request: pb.OpenCallsRequest, context: Context) -> pb.OpenCallsResponse:
        """Serve one call that a stream carries; what goes wrong is its answer too."""
        call = OneCall(context, request.catalog_version)
        kind = request.WhichOneof("request")
        method, began, outcome = kind or "", time.perf_counter(), "OK"
        answer = pb.OpenCallsResponse()
        try:
            if kind is None:
                raise InvalidRequest("A call of the stream is unset.", field="request")
            method, serve = self._served[kind]
            begin_call(method)
            asked = getattr(request, kind)
            if kind in _CHANGING and not (asked.header if kind == "insert_few_rows" else asked).request_id:
                raise InvalidRequest("On a stream, what changes something has a request_id.", field="request_id")
            getattr(answer, kind).CopyFrom(await self._engine.with_current_catalog(lambda: serve(asked, call)))
        except Exception as error:  # noqa: BLE001  # the status of a call that the stream carries is its answer
            code, rich = status_of(method, error)
            outcome = code.name
            answer.error.CopyFrom(shortened(rich))
        call.tell(answer)
        log_call(method, outcome, began, None if kind is None else getattr(request, kind))
        return answer


def _silent() -> LevadaError:
    return Unavailable(f"The stream was silent for {IDLE_S:.0f} s and has ended; open another.")


def _stopping() -> LevadaError:
    return Unavailable("The server stops.")
