"""Count the calls under way, from which an embedded server knows that nobody needs it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from grpc_health.v1 import health

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grpc_health.v1 import health_pb2

    Context = grpc.aio.ServicerContext[Any, Any]  # Any: any messages that a method takes and returns


class Activity:
    """The number of calls under way, and the time since the last one ended."""

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

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a call for the length of the block."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    @property
    def idle_seconds(self) -> float:
        """Return the seconds since the last call ended; 0 while one is under way."""
        return 0.0 if self._running else time.monotonic() - self._idle_since


class CountedHealth(health.aio.HealthServicer):  # type: ignore[misc]  # grpc's own class has no types
    """The health service; a client keeps an embedded server running by watching it."""

    def __init__(self, activity: Activity) -> None:
        super().__init__()
        self._activity = activity
        self.choosing = 0
        """How many connections there are of clients that choose between servers by their health."""

    async def List(self, _request: object, context: Context) -> None:
        """Refuse a method that grpc's own class lacks, without a trace in the log for every call."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Ask for the health of one service at a time.")

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        """Report each change of a service's health.

        Clients that choose between servers watch one service, and go elsewhere when this one leaves; whoever watches
        the whole server wants it to stay.
        """
        if request.service:
            self.choosing += 1
            try:
                await super().Watch(request, context)
            finally:
                self.choosing -= 1
        else:
            with self._activity.under_way():
                await super().Watch(request, context)
