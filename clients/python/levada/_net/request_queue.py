"""Requests of a stream, between the thread that makes them and the thread that sends them."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from google.protobuf.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Request: TypeAlias = Message | bytes
"""A message, or the bytes of one that is encoded already."""
_KEPT_BYTES = 64 * 2**20
"""The requests of a stream are kept, to be sent again, if together they are not larger."""
_QUEUED_REQUESTS = 16
"""How many requests of a stream wait for the network before their producer waits too."""


class Kept:
    """Messages of a stream that are made once, and kept while they are small, so that they can be sent again.

    Attributes:
        first: The first message, once it has been taken.
        whole: Whether all messages taken so far are kept.
        all_taken: Whether there are no more messages.
    """

    def __init__(self, messages: Iterable[Request]) -> None:
        self.first: Request | None = None
        self.whole = True
        self.all_taken = False
        self._more = iter(messages)
        self._kept: list[Request] = []
        self._bytes = 0

    def __iter__(self) -> Iterator[Request]:
        yield from tuple(self._kept)
        for message in self._more:
            self.first = message if self.first is None else self.first
            self._bytes += len(message) if isinstance(message, bytes) else message.ByteSize()
            self.whole = self.whole and self._bytes <= _KEPT_BYTES
            if self.whole:
                self._kept.append(message)
            else:
                self._kept.clear()
            yield message
        self.all_taken = True


class RequestQueue:
    """A bounded queue between the thread that makes requests and the thread that sends them."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, request: Request) -> bool:
        """Wait for a place and add a request; return False if nobody takes requests any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._requests) < _QUEUED_REQUESTS)
            if not self._closed:
                self._requests.append(request)
                self._changed.notify_all()
            return not self._closed

    def close(self) -> None:
        """Accept no more requests; the waiting ones are still delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._requests)
            if not self._requests:
                raise StopIteration
            request = self._requests.popleft()
            self._changed.notify_all()
            return request
