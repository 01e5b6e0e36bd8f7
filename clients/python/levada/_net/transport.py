"""The channel to a server: calls, deadlines, retries, and statuses turned into errors. Nothing else imports grpc."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_status import rpc_status

from levada._base.errors import (
    InvalidRequest,
    LevadaError,
    LostConnectionError,
    OutcomeUnknown,
    Unavailable,
    error_from_code,
    error_from_status,
    warn,
)
from levada._net.backoff import PASSING, RETRY, wait
from levada._net.balancing import route
from levada._net.credentials import parse_address
from levada._net.lingering_calls import OPEN_CALLS
from levada._net.private_socket import find_private_socket, is_loopback, is_private
from levada._net.request_queue import Kept, Request, RequestQueue
from levada._net.turns import Turns, available
from levada._net.versions import CLIENT, client_name
from levada_api.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from levada_api.methods import MethodName

_Response = TypeVar("_Response", bound="Message")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Decoded = TypeVar("_Decoded", covariant=True)
Channel: TypeAlias = Any  # grpc's classes tell a type checker little
Call: TypeAlias = Any  # a call, under way or finished; grpc's error is one too

_MESSAGE_BYTES = 128 * 2**20
"""Largest message either way."""

_CALL_SECONDS = 60.0
"""Deadline of a call that touches no rows."""
_WORK_SECONDS = 6 * 3600.0
"""Deadline of a call that reads or changes rows; keepalive notices a dead peer long before."""
_RETRY_SECONDS = 10.0
"""How long to repeat a call while the server is out of reach, if its caller sets no patience."""
_LOST = frozenset(
    (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DATA_LOSS,
    )
)
"""Codes of calls that end on their way, as by a proxy; with those of the server comes its reason."""
_CANCELLED_HERE = "Locally cancelled by application!"
"""The details that grpc gives for a call that this side cancelled."""
_KEEPALIVE_MS = 30_000
_KEEPALIVE_TIMEOUT_MS = 20_000

_CATALOG_VERSION = "levada-catalog-version"
_WARNING = "levada-warning-bin"
_NOTICE = "levada-notice-bin"
"""The key of a trailer whose text is shown once for each connection."""


class Decoder(Protocol[_Decoded]):
    """A class that makes objects of the bytes of messages, as the class of a message does."""

    def FromString(self, content: bytes, /) -> _Decoded:  # as messages have it
        """Read a message."""


class Transport:
    """A channel to one server. Threads may share it; a forked child opens its own channel.

    Args:
        address: `host:port`, by TLS if the host is another machine; `https://host[:port]` or `grpcs://host[:port]` by
            TLS; `http://…` or `grpc://…` without; or `unix:/path`. Several hosts, separated by commas, or a name with
            several addresses, are servers of one database: each call goes to the next one that is ready.
        token: A token, sent with every call; None for the server's own user on its machine.
        root_certificates: PEM text of the authorities to trust in place of the system's.

    Attributes:
        takes_turns: Whether there is `take_turns`.
    """

    def __init__(self, address: str, token: str | None = None, root_certificates: bytes | None = None) -> None:
        self.address = address
        self._target = parse_address(address)
        self._root_certificates = root_certificates
        self._token = token
        if token is not None and not (self._target.encrypted or all(map(_is_near, self._target.places))):
            raise InvalidRequest(
                f"A token would travel to {address} in the clear; use https://{self._target.address}, where it is "
                "encrypted."
            )
        self.takes_turns = available()
        self._private: str | None = None  # the socket that the channel goes by in place of the address
        self._lock = threading.Lock()
        self._channel: Channel = None  # before the first call and after close
        self._pid = 0
        self._closed = False
        self._presence: Call = None  # unless `stay_present` was called
        self._catalog_version = 0
        self._answered = False
        self._told: set[str] = set()

    @property
    def catalog_version(self) -> int:
        """The highest catalog version that any answer carried."""
        return self._catalog_version

    @property
    def is_far(self) -> bool:
        """Whether the address names another machine."""
        return not all(map(_is_near, self._target.places))

    @property
    def is_private(self) -> bool:
        """Whether calls go by a socket that nobody but this user can reach, so that this user's server answers."""
        return is_private(self._private or self._target.address)

    def expect_catalog(self, version: int) -> None:
        """From now on, ask servers for at least this catalog version, which another process has seen."""
        with self._lock:
            self._catalog_version = max(self._catalog_version, version)

    @property
    def closed(self) -> bool:
        """Whether the channel is closed."""
        return self._closed

    def close(self) -> None:
        """Close the channel; calls under way are cancelled. Closing twice does nothing."""
        with self._lock:
            self._closed = True
            channel, self._channel = self._channel, None
            if channel is not None and self._pid == os.getpid():
                channel.close()

    def call(
        self,
        method: MethodName,
        request: Message,
        response: type[_Response],
        *,
        timeout: float | None = None,
        patience: float | None = None,
    ) -> _Response:
        """Call a method with one request and one response.

        Args:
            method: The method, such as `QueryService/CountRelation`.
            response: The class of the answer.
            timeout: Seconds until DEADLINE_EXCEEDED; by default long enough for the method's work.
            patience: Seconds to repeat the request while the server is out of reach or a conflict is in the way; the
                caller knows that this is safe. 0 sends it once. By default a request that is safe to repeat is repeated
                for some seconds while the server is out of reach.

        Raises:
            LevadaError: The class says why.
        """
        known = METHODS[method]
        seconds = timeout or (_CALL_SECONDS if known.quick else _WORK_SECONDS)
        passing = LostConnectionError if patience is None else PASSING
        safe = patience is not None or known.repeatable(request)
        pauses = RETRY.pauses(min(seconds, _RETRY_SECONDS) if patience is None else patience)
        while True:
            try:
                return self._call_once(known.path, request, response, seconds)
            except passing as error:
                if not (safe and self._may_return):
                    raise
                wait(pauses, error)

    def _call_once(self, path: str, request: Message, response: type[_Response], seconds: float) -> _Response:
        try:
            answer, call = self._begin(
                lambda channel: channel.unary_unary(
                    path,
                    request_serializer=_serialize,
                    response_deserializer=response.FromString,
                ).with_call(request, timeout=seconds, metadata=self._metadata())
            )
        except grpc.RpcError as error:
            raise self._error(error) from None
        self._read_trailer(call)
        result: _Response = answer
        return result

    def start(self, method: MethodName, request: Message, response: type[_Response]) -> Callable[[], _Response]:
        """Begin a call that is made once; return a function that waits for its response, and raises its errors.

        Raises:
            LevadaError: The connection is closed.
        """
        call = self._begin(
            lambda channel: channel.unary_unary(
                METHODS[method].path,
                request_serializer=_serialize,
                response_deserializer=response.FromString,
            ).future(request, timeout=_CALL_SECONDS, metadata=self._metadata())
        )

        def finish() -> _Response:
            try:
                answer: _Response = call.result()
            except grpc.FutureCancelledError:
                raise self._is_closed() from None
            except grpc.RpcError as error:
                raise self._error(error) from None
            self._read_trailer(call)
            return answer

        return finish

    def receive(self, method: MethodName, request: Message, response: Decoder[_Item]) -> Iterator[_Item]:
        """Call a method that answers with a stream; it is cancelled when the iterator is closed.

        Raises:
            LevadaError: Raised while iterating. The call is repeated as by `call` until the first message has come,
                and afterwards too if it answers for ever.
        """
        known = METHODS[method]
        pauses = RETRY.pauses(_RETRY_SECONDS)
        while True:
            started = False
            try:
                for message in self._receive_once(known.path, request, response):
                    started = True
                    yield message
                return
            except Unavailable as error:
                if known.endless and started:
                    pauses = RETRY.pauses(_RETRY_SECONDS)
                elif started:
                    raise
                if not (known.repeatable(request) and self._may_return):
                    raise
                wait(pauses, error)

    def _receive_once(self, path: str, request: Message, response: Decoder[_Item]) -> Iterator[_Item]:
        call = self._begin(
            lambda channel: channel.unary_stream(
                path,
                request_serializer=_serialize,
                response_deserializer=response.FromString,
            )(request, timeout=_WORK_SECONDS, metadata=self._metadata())
        )
        try:
            yield from call
            self._read_trailer(call)
        except grpc.RpcError as error:
            raise self._error(error) from None
        finally:
            call.cancel()

    def send(
        self,
        method: MethodName,
        requests: Iterable[Request],
        response: type[_Response],
        *,
        patience: float | None = None,
    ) -> _Response:
        """Call a method with a stream of requests and one response.

        The requests are produced in the caller's thread, a few ahead of the network. An exception while producing them
        cancels the call and is raised.

        Args:
            patience: As for `call`.

        Raises:
            OutcomeUnknown: The server was lost after all was sent, and the requests are too large to be sent again.
            LevadaError: The class says why.
        """
        known = METHODS[method]
        kept = Kept(requests)
        pauses = RETRY.pauses(_RETRY_SECONDS if patience is None else patience)
        while True:
            try:
                return self._send_once(known.path, kept, response)
            except LostConnectionError as error:
                if kept.all_taken and not kept.whole:
                    raise OutcomeUnknown(
                        "The server was lost after all was sent; check whether the request took effect before "
                        f"you repeat it. {error}"
                    ) from None
                safe = kept.whole and isinstance(kept.first, Message) and known.repeatable(kept.first)
                if not (safe and self._may_return):
                    raise
                wait(pauses, error)

    def _send_once(self, path: str, requests: Iterable[Request], response: type[_Response]) -> _Response:
        queue = RequestQueue()
        call = self._begin(
            lambda channel: channel.stream_unary(
                path,
                request_serializer=_serialize,
                response_deserializer=response.FromString,
            ).future(queue, timeout=_WORK_SECONDS, metadata=self._metadata())
        )
        call.add_done_callback(lambda _: queue.close())
        try:
            for request in requests:
                if not queue.put(request):
                    break
            queue.close()
            result: _Response = call.result()
        except grpc.RpcError as error:
            raise self._error(error) from None
        except BaseException:
            call.cancel()
            queue.close()
            raise
        self._read_trailer(call)
        return result

    def until_back(self, attempt: Callable[[], _Result]) -> _Result:
        """Make an attempt that changes nothing; repeat it for some seconds while the server is out of reach.

        Raises:
            LevadaError: The error of the last attempt.
        """
        pauses = RETRY.pauses(_RETRY_SECONDS)
        while True:
            try:
                return attempt()
            except LostConnectionError as error:
                if not self._may_return:
                    raise
                wait(pauses, error)

    def open_stream(self, method: MethodName, response: type[_Response]) -> Stream[_Response]:
        """Call a method that takes requests and answers them; the caller cancels the stream."""
        queue = RequestQueue()
        call = self._begin(
            lambda channel: channel.stream_stream(
                METHODS[method].path,
                request_serializer=_serialize,
                response_deserializer=response.FromString,
            )(queue, metadata=self._metadata())
        )
        if not call.add_callback(queue.close):
            queue.close()
        OPEN_CALLS.add(call)
        return Stream(call, queue, self._error, self._read_trailer)

    def take_turns(self, method: MethodName, response: type[_Response]) -> Turns[_Response]:
        """Call a method whose requests and answers, of one message each, take turns; the caller cancels it."""
        path, metadata = METHODS[method].path, self._metadata()
        turns: Turns[_Response] = self._begin(lambda channel: Turns(channel, path, metadata, response, self._error))
        return turns

    def stay_present(self) -> None:
        """Keep a call open, so that an embedded server counts this process among its clients."""
        self._presence = self._begin(
            lambda channel: channel.unary_stream(
                # HealthCheckRequest without a service is empty, so the generated classes are not needed here.
                "/grpc.health.v1.Health/Watch",
                request_serializer=None,
                response_deserializer=None,
            )(b"")
        )
        OPEN_CALLS.add(self._presence)

    def tell_once(self, text: str) -> None:
        """Warn, unless the same warning was given before."""
        if text not in self._told:
            self._told.add(text)
            warn(text)

    @property
    def _may_return(self) -> bool:
        """Whether the server may be gone only for a moment: it has answered before, and this side has not closed."""
        return self._answered and not self._closed

    def _begin(self, start: Callable[[Channel], Call]) -> Call:
        """Start a call on the channel, which another thread may close meanwhile."""
        channel = self._open()
        try:
            return start(channel)
        except ValueError:
            if not self._closed:
                raise
            raise self._is_closed() from None

    def _is_closed(self) -> Unavailable:
        return Unavailable(f"The connection to {self.address} is closed; open another with levada.connect().")

    def _open(self) -> Channel:
        with self._lock:
            if self._closed:
                raise self._is_closed()
            forked = self._channel is not None and self._pid != os.getpid()
            if self._channel is None or forked or self._finds_socket():
                # A channel's threads do not survive a fork, and closing it here would disturb the parent's server.
                self._channel = self._new_channel()
                self._pid = os.getpid()
            channel = self._channel
        if forked and self._presence is not None:
            self.stay_present()
        return channel

    def _finds_socket(self) -> bool:
        """Return whether a server that did not run when the channel was opened has a private socket now."""
        return not (self._answered or self._private is not None) and self._socket() is not None

    def _socket(self) -> str | None:
        """Return the private socket of the server, if no token says as whom to call."""
        return None if self._token is not None else find_private_socket(self._target.address)

    def _new_channel(self) -> Channel:
        options: list[tuple[str, int | str]] = [
            ("grpc.max_receive_message_length", _MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MESSAGE_BYTES),
            ("grpc.max_reconnect_backoff_ms", 5_000),
            ("grpc.initial_reconnect_backoff_ms", 200),
            # A child that was forked must not share the parent's connection.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self._private = self._socket()
        if self._private is not None:
            return grpc.insecure_channel(self._private, options)
        if not self._target.address.startswith("unix:"):
            options += [
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
                ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ]
        way = route(self._target)
        options += way.options
        if self._target.encrypted:
            credentials = grpc.ssl_channel_credentials(self._root_certificates)
            return grpc.secure_channel(way.name, credentials, options)
        return grpc.insecure_channel(way.name, options)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        metadata: tuple[tuple[str, str], ...] = ((CLIENT, client_name()),)
        if self._catalog_version:
            metadata += ((_CATALOG_VERSION, str(self._catalog_version)),)
        if self._token:
            metadata += (("authorization", f"Bearer {self._token}"),)
        return metadata

    def _read_trailer(self, call: Call) -> None:
        self._answered = self._answered or call.code() not in _LOST
        for key, value in call.trailing_metadata() or ():
            if key == _CATALOG_VERSION and str(value).isdecimal():
                self.expect_catalog(int(value))
            elif key == _WARNING:
                warn(value.decode(errors="replace"))
            elif key == _NOTICE:
                self.tell_once(value.decode(errors="replace"))

    def _error(self, call: Call) -> LevadaError:
        self._read_trailer(call)
        with suppress(ValueError, DecodeError):  # the status of somebody else
            status = rpc_status.from_call(call)
            if status is not None:
                return error_from_status(status)
        code, _ = call.code().value
        details = call.details() or ""
        ended = call.code() is grpc.StatusCode.CANCELLED and details != _CANCELLED_HERE
        if ended or call.code() in _LOST:  # a server that stops cancels what still waits
            return Unavailable(
                f"The server at {self.address} is out of reach ({details or 'it stopped'}). "
                "Is it running, and is the address right?"
            )
        if call.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            details = "There was no answer in time: the server, or what it waits for, is slow. Try again later."
        return error_from_code(code, f"{details} (server: {self.address})")


class Stream(Generic[_Response]):
    """A call that sends and receives messages."""

    def __init__(
        self,
        call: Call,
        queue: RequestQueue,
        error: Callable[[Call], LevadaError],
        read_trailer: Callable[[Call], None],
    ) -> None:
        self._call = call
        self._queue = queue
        self._error = error
        self._read_trailer = read_trailer

    def send(self, request: Message) -> bool:
        """Send a message, a few ahead of the network; return False if the call has ended, and `receive` raises why."""
        return self._queue.put(request)

    def receive(self) -> _Response:
        """Wait for the next message.

        Raises:
            LevadaError: The call has ended.
        """
        try:
            message: _Response = next(self._call)
        except StopIteration:
            raise Unavailable("The server ended the stream.") from None
        except grpc.RpcError as error:
            raise self._error(error) from None
        return message

    def finish(self) -> None:
        """End the call in order, and show the server's warnings."""
        self._queue.close()
        with suppress(grpc.RpcError):
            deque(self._call, maxlen=0)
            self._read_trailer(self._call)

    def cancel(self) -> None:
        """Cancel the call; do nothing if it has ended."""
        self._queue.close()
        self._call.cancel()


def _is_near(place: str) -> bool:
    return place.startswith("unix:") or is_loopback(place)


def _serialize(message: Request) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
