"""A call whose requests and answers take turns, all within the thread that makes them.

grpc's public calls hand each message over between three threads. Its own blocking calls avoid that by a call with a
queue of events of its own (`segregated_call`); no public method offers it for a sequence of messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # grpc's own layer, which has no types

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message

    from levada._base.errors import LevadaError

_Response = TypeVar("_Response", bound="Message")

TRIED = (1, 85)
"""The newest release of grpc with which this was tried: its inner layer may change with any."""
_NO_FLAGS = 0
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Ended:
    """How a call ended, with the methods of grpc's calls."""

    status: grpc.StatusCode
    text: str
    metadata: Sequence[Any]  # Any: pairs, as grpc has them

    def code(self) -> grpc.StatusCode:
        """Return its status."""
        return self.status

    def details(self) -> str:
        """Return the text of its status."""
        return self.text

    def trailing_metadata(self) -> Sequence[Any]:  # Any: as above
        """Return what the server sent at the end."""
        return self.metadata


_CANCELLED = Ended(grpc.StatusCode.CANCELLED, "Locally cancelled by application!", ())


def available() -> bool:
    """Return whether the installed grpc is one with which this was tried."""
    major, minor, *_ = grpc.__version__.split(".")
    return (int(major), int(minor)) <= TRIED


class Turns(Generic[_Response]):
    """A call in turns, open until it is cancelled or the server ends it; one thread uses it at a time.

    Args:
        channel: grpc's channel.
        path: The method.
        metadata: Sent with the call.
        response: The class of the answers.
        error: Makes an error of the end of the call.
    """

    def __init__(
        self,
        channel: Any,  # noqa: ANN401  # grpc's classes tell a type checker little
        path: str,
        metadata: Sequence[tuple[str, str]],
        response: type[_Response],
        error: Callable[[Ended], LevadaError],
    ) -> None:
        self._response = response
        self._error = error
        self._ended: Ended | None = None
        # With one of these always under way the queue stays open; the status is the last of them.
        self._due = 3
        self._call: Any = channel._channel.segregated_call(
            _NO_FLAGS,
            path.encode(),
            None,
            None,
            metadata,
            None,
            (
                ((cygrpc.SendInitialMetadataOperation(metadata, _NO_FLAGS),), None),
                ((cygrpc.ReceiveInitialMetadataOperation(_NO_FLAGS),), None),
                ((cygrpc.ReceiveStatusOnClientOperation(_NO_FLAGS),), None),
            ),
            None,
        )

    def send(self, request: Message) -> None:
        """Send a request; if the call has ended, `receive` raises why."""
        operations = (
            cygrpc.SendMessageOperation(request.SerializeToString(), _NO_FLAGS),
            cygrpc.ReceiveMessageOperation(_NO_FLAGS),
        )
        if self._ended is None and self._call.operate(operations, None):
            self._due += 1

    def receive(self) -> _Response:
        """Wait for the answer.

        Raises:
            LevadaError: The call has ended.
        """
        while self._ended is None:
            message = self._next()
            if message is not None:
                return self._response.FromString(message)
        raise self._error(self._ended)

    def _next(self) -> bytes | None:
        """Wait for an event of the call; return the message that it brings, if it is an answer."""
        try:
            event = self._call.next_event()
        except BaseException:  # a signal's handler raised it, and grpc has freed the call
            self._due, self._ended = 0, _CANCELLED
            raise
        self._due -= 1
        for operation in event.batch_operations:
            kind = operation.type()
            if kind == cygrpc.OperationType.receive_message:
                message: bytes | None = operation.message()
                return message
            if kind == cygrpc.OperationType.receive_status_on_client:
                text = operation.details()
                self._ended = Ended(
                    _CODES[operation.code()],
                    text.decode(errors="replace") if isinstance(text, bytes) else text or "",
                    operation.trailing_metadata() or (),
                )
        return None

    def cancel(self) -> None:
        """Cancel the call and free it; do nothing if it is freed."""
        if self._due:
            self._call.cancel(_CANCELLED.status.value[0], _CANCELLED.text)
        while self._due:
            self._next()
